/* A panic inside becomes a status, in a release build with the feature `test-panic`, linked as the real one. */
#include "check.h"
#include "stanchion.h"

uint32_t stn_test_panic(void);
uint32_t stn_test_panic_in_step(void *state, size_t size, uint32_t plainly);

int main(void) {
    static const char rules[] = "{\"name\":\"p\",\"bulkhead\":{\"max_concurrent\":1}}";
    stn_policy *policy;
    size_t size;
    stn_decision decision = {.struct_size = sizeof decision};
    CHECK(stn_test_panic() == STN_INTERNAL);
    CHECK(stn_policy_from_json(rules, sizeof rules - 1, &policy, NULL) == STN_OK);
    CHECK(stn_state_size(policy, &size) == STN_OK);
    void *state = malloc(size);
    CHECK(stn_state_init(policy, state, size, 1) == STN_OK);
    for (uint32_t plainly = 0; plainly < 2; plainly++) {
        CHECK(stn_acquire(policy, state, size, NULL, 1, &decision) == STN_OK);
        CHECK(stn_test_panic_in_step(state, size, plainly) == STN_INTERNAL);
        CHECK(stn_acquire(policy, state, size, NULL, 1, &decision) == STN_STATE_MEMORY); /* half of a step decides nothing */
        CHECK(stn_state_init(policy, state, size, 1) == STN_OK);
    }
    free(state);
    stn_policy_free(policy);
    puts("panics: caught");
    return 0;
}
