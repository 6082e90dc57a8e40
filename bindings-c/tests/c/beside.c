/* Two Rust libraries in one program. */
#include <string.h>

#include "check.h"
#include "stanchion.h"

uint64_t other_work(uint32_t n);

int main(void) {
    stn_policy *policy;
    stn_error error = {.struct_size = sizeof error};
    CHECK(stn_policy_from_json("{}", 2, &policy, &error) == STN_CONFIG && strcmp(error.field, "name") == 0);
    CHECK(other_work(10) == 13);
    puts("beside: two Rust libraries in one program");
    return 0;
}
