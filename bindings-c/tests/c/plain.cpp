// The header in C++, as it is.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "check.h"
#include "stanchion.h"

static_assert(sizeof(stn_permit) == 16, "a permit has 16 bytes");

int main() {
    const char rules[] = "{\"name\":\"p\",\"bulkhead\":{\"max_concurrent\":1}}";
    stn_policy *policy = nullptr;
    stn_error why{};
    why.struct_size = sizeof why;
    CHECK(stn_policy_from_json(rules, std::strlen(rules), &policy, &why) == STN_OK);
    std::size_t size = 0;
    CHECK(stn_state_size(policy, &size) == STN_OK);
    std::vector<std::uint64_t> state(size / sizeof(std::uint64_t));
    CHECK(stn_state_init(policy, state.data(), size, stn_now_us()) == STN_OK);

    stn_decision decision{};
    decision.struct_size = sizeof decision;
    CHECK(stn_acquire(policy, state.data(), size, nullptr, stn_now_us(), &decision) == STN_OK);
    CHECK(decision.verdict == STN_ADMITTED && decision.retry_after_us != STN_NEVER);
    stn_settle_options end{};
    end.struct_size = sizeof end;
    end.outcome = STN_SUCCESS;
    CHECK(stn_settle(policy, state.data(), size, &decision.permit, &end, stn_now_us(), nullptr) == STN_OK);
    stn_policy_free(policy);
    std::puts("plain: the header is C++, too");
    return 0;
}
