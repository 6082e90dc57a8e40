/* A guarded call in C. `make -C bindings-c build/ten_lines && bindings-c/build/ten_lines` */
#include <stdio.h>
#include <stdlib.h>

#include "stanchion.h"

static int call_upstream(void) { return 1; }

int main(void) {
    /* readme:start */
    static const char rules[] = "{\"name\": \"billing\", \"circuit\": {\"consecutive_failures\": 5},"
                                " \"limits\": [{\"name\": \"calls\", \"capacity\": 60, \"refill_tokens\": 60,"
                                " \"refill_interval_ms\": 60000}], \"bulkhead\": {\"max_concurrent\": 10}}";
    stn_error why = {.struct_size = sizeof why};
    stn_policy *policy;
    if (stn_policy_from_json(rules, sizeof rules - 1, &policy, &why) != STN_OK) {
        fprintf(stderr, "%s\n", why.message);
        return 1;
    }
    size_t size;
    stn_state_size(policy, &size);
    void *state = malloc(size);
    stn_state_init(policy, state, size, stn_now_us());

    stn_decision decision = {.struct_size = sizeof decision};
    stn_acquire(policy, state, size, NULL, stn_now_us(), &decision);
    if (decision.verdict == STN_ADMITTED) {
        stn_settle_options end = {.struct_size = sizeof end, .outcome = call_upstream() ? STN_SUCCESS : STN_FAILURE};
        stn_settle(policy, state, size, &decision.permit, &end, stn_now_us(), NULL);
        puts("called");
    } else {
        printf("not now: try again in %llu us\n", (unsigned long long)decision.retry_after_us);
    }
    free(state);
    stn_policy_free(policy);
    /* readme:end */
    return 0;
}
