/* A handle that was freed is told, as far as its memory still is there. Reading it is a fault that valgrind and sanitizers
 * report, rightly, so this is a program of its own. */
#include "check.h"
#include "stanchion.h"

int main(void) {
    static const char rules[] = "{\"name\":\"p\",\"bulkhead\":{\"max_concurrent\":1}}";
    stn_policy *policy;
    size_t size = 7;
    CHECK(stn_policy_from_json(rules, sizeof rules - 1, &policy, NULL) == STN_OK);
    stn_policy *const freed = policy;
    stn_policy_free(policy);
    CHECK(stn_state_size(freed, &size) == STN_BAD_HANDLE && size == 7);
    stn_policy_free(freed); /* told by its mark, and left alone */
    puts("freed: a handle that was freed is told");
    return 0;
}
