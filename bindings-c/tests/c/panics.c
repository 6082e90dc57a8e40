/* A panic inside becomes a status, in a release build with the feature `test-panic`, linked as the real one. */
#include <string.h>

#include "check.h"
#include "stanchion.h"

uint32_t stn_test_panic(void);
uint32_t stn_test_panic_by(uint32_t guard, void *state, size_t size, stn_error *error);

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
    for (uint32_t guard = 0; guard < 3; guard++) {
        stn_error why = {.struct_size = sizeof why};
        CHECK(stn_acquire(policy, state, size, NULL, 1, &decision) == STN_OK);
        CHECK(stn_test_panic_by(guard, state, size, &why) == STN_INTERNAL);
        CHECK(strcmp(why.code, guard == 2 ? "internal" : "") == 0);
        CHECK(stn_acquire(policy, state, size, NULL, 1, &decision) == STN_STATE_MEMORY); /* half of a step decides nothing */
        CHECK(stn_state_init(policy, state, size, 1) == STN_OK);
    }
    CHECK(stn_test_panic_by(3, NULL, 0, NULL) == STN_INTERNAL);
    free(state);
    stn_policy_free(policy);
    puts("panics: caught");
    return 0;
}
