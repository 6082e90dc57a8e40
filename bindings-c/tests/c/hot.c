/* No step allocates on a state of its own policy: the linker sends what the library asks of the allocator here (`--wrap`), where it is counted. */
#include <string.h>

#include "check.h"
#include "stanchion.h"

#define NOW UINT64_C(1700000000000000)
#define S UINT64_C(1000000)

static unsigned asked;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **out, size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **out, size_t alignment, size_t size);

void *__wrap_malloc(size_t size) { return asked++, __real_malloc(size); }
void *__wrap_calloc(size_t count, size_t size) { return asked++, __real_calloc(count, size); }
void *__wrap_realloc(void *old, size_t size) { return asked++, __real_realloc(old, size); }
void *__wrap_aligned_alloc(size_t alignment, size_t size) { return asked++, __real_aligned_alloc(alignment, size); }
int __wrap_posix_memalign(void **out, size_t alignment, size_t size) {
    return asked++, __real_posix_memalign(out, alignment, size);
}

typedef struct gate {
    stn_policy *policy;
    void *state;
    size_t size;
    uint64_t now_us;
    unsigned admitted, rejected, opened, lost, blocked, again;
} gate;

static gate gate_of(const char *json) {
    gate g = {.now_us = NOW};
    asked = 0;
    CHECK(stn_policy_from_json(json, strlen(json), &g.policy, NULL) == STN_OK);
    CHECK(asked > 0); /* the count sees the library */
    CHECK(stn_state_size(g.policy, &g.size) == STN_OK);
    g.state = malloc(g.size);
    CHECK(stn_state_init(g.policy, g.state, g.size, g.now_us) == STN_OK);
    asked = 0;
    return g;
}

static void gate_free(gate *g) {
    CHECK(asked == 0);
    stn_policy_free(g->policy);
    free(g->state);
}

static int acquire(gate *g, stn_decision *out, const stn_acquire_options *wish) {
    *out = (stn_decision){.struct_size = sizeof *out};
    CHECK(stn_acquire(g->policy, g->state, g->size, wish, g->now_us, out) == STN_OK);
    g->admitted += out->verdict == STN_ADMITTED;
    g->rejected += out->verdict == STN_REJECTED;
    return out->verdict == STN_ADMITTED;
}

static void settle(gate *g, const stn_permit *permit, uint32_t outcome, uint32_t actual_cost) {
    const stn_settle_options end = {.struct_size = sizeof end,
                                    .outcome = outcome,
                                    .fields = STN_SETTLE_DURATION | STN_SETTLE_ACTUAL_COST,
                                    .duration_us = 1500,
                                    .actual_cost = actual_cost};
    stn_answer answer = {.struct_size = sizeof answer};
    CHECK(stn_settle(g->policy, g->state, g->size, permit, &end, g->now_us, &answer) == STN_OK);
    for (uint64_t events = answer.events; events != 0; events >>= 8) {
        g->opened += strcmp(stn_event_name(events & 0xFF), "opened") == 0;
    }
    g->lost += answer.answer == STN_LEASE_LOST;
}

/* A server wants no calls for a while. A command is read from JSON, for which it may allocate, so it is not counted. */
static void block(gate *g) {
    static const char json[] = "{\"block\":{\"for_ms\":150}}";
    const unsigned before = asked;
    stn_answer answer = {.struct_size = sizeof answer};
    CHECK(stn_command(g->policy, g->state, g->size, json, sizeof json - 1, g->now_us, &answer, NULL) == STN_OK);
    g->blocked += answer.answer == STN_DONE;
    asked = before;
}

/* What failed is made again, by a policy that says so and has no budget: that lies where a state may grow. */
static void retry(gate *g, uint32_t attempt) {
    const stn_failed failed = {.struct_size = sizeof failed,
                               .attempt = attempt,
                               .began_at_us = g->now_us - S,
                               .retry = STN_RETRY_ALWAYS};
    stn_retried retried = {.struct_size = sizeof retried};
    CHECK(stn_retry(g->policy, g->state, g->size, &failed, g->now_us, &retried) == STN_OK);
    g->again += retried.retried == STN_RETRIED_AGAIN;
}

/* A thousand calls of all kinds: they work and fail, the circuit opens and closes, limits and slots run out, leases end. */
static void live(gate *g) {
    stn_decision call, held;
    for (uint32_t i = 0; i < 1000; i++) {
        const stn_acquire_options wish = {
            .struct_size = sizeof wish, .fields = STN_ACQUIRE_COST | STN_ACQUIRE_HOLDER, .cost = i % 5, .holder = 1 + i % 3};
        stn_answer answer = {.struct_size = sizeof answer};
        g->now_us += (i % 50 == 0 ? 100 : 1) * S / 10;
        if (i % 90 == 0) block(g);
        if (i % 4 == 0) retry(g, 1 + i % 3);
        if (acquire(g, &call, &wish)) {
            settle(g, &call.permit, i / 20 % 2 == 0 ? STN_SUCCESS : STN_FAILURE, i % 9);
        }
        if (acquire(g, &held, NULL)) {
            CHECK(stn_renew(g->policy, g->state, g->size, &held.permit, g->now_us, &answer) == STN_OK);
        }
        if (held.verdict != STN_ADMITTED || i % 7 == 0) continue; /* some are never given back */
        if (i % 3 == 0) {
            CHECK(stn_cancel(g->policy, g->state, g->size, &held.permit, g->now_us, &answer) == STN_OK);
        } else {
            g->now_us += i % 11 == 0 ? 3 * S : 0;
            settle(g, &held.permit, STN_IGNORED, 1);
        }
    }
}

#define LIMIT "\"limits\":[{\"name\":\"a\",\"capacity\":40,\"refill_tokens\":60,\"refill_interval_ms\":1000}]"
#define BULKHEAD "\"bulkhead\":{\"max_concurrent\":4,\"lease_ms\":2000}"

/* A state that another policy left is taken apart, for which the step allocates: a count that sees nothing would fail here. */
static void adopts(const char *old, const char *new) {
    gate g = gate_of(old), other = gate_of(new);
    stn_decision call;
    void *const larger = realloc(g.state, g.size + other.size);
    CHECK(larger != NULL && stn_state_init(g.policy, larger, g.size + other.size, NOW) == STN_OK);
    asked = 0;
    call = (stn_decision){.struct_size = sizeof call};
    CHECK(stn_acquire(other.policy, larger, g.size + other.size, NULL, NOW, &call) == STN_OK);
    CHECK(asked > 0);
    CHECK(strcmp(stn_event_name(call.events & 0xFF), "adopted") == 0);
    free(larger);
    free(other.state);
    stn_policy_free(other.policy);
    stn_policy_free(g.policy);
}

int main(void) {
    static const char *const whole[] = {
        "{\"name\":\"row\",\"circuit\":{\"consecutive_failures\":5,\"open_ms\":500}," LIMIT "," BULKHEAD "}",
        "{\"name\":\"rate\",\"circuit\":{\"failure_rate_percent\":50,\"minimum_calls\":4,\"open_ms\":500,"
        "\"window\":{\"ms\":60000}}," LIMIT "," BULKHEAD "}",
        "{\"name\":\"calls\",\"circuit\":{\"failures_in_window\":{\"count\":3,\"window_ms\":5000},\"open_ms\":500,"
        "\"slow_call_ms\":1,\"slow_call_rate_percent\":80,\"minimum_calls\":4,\"window\":{\"calls\":64}}," LIMIT "," BULKHEAD "}",
        "{\"name\":\"held\",\"mode\":\"shadow\",\"circuit\":{\"consecutive_failures\":5,\"open_ms\":500}," LIMIT ","
        "\"bulkhead\":{\"max_concurrent\":2,\"lease_ms\":2000,\"reentrant\":true}}",
        "{\"name\":\"blocked\",\"circuit\":{\"consecutive_failures\":5,\"open_ms\":500},\"block\":{}," LIMIT "," BULKHEAD ","
        "\"retry\":{\"max_attempts\":3,\"base_delay_ms\":10}}",
    };
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        gate g = gate_of(whole[i]);
        live(&g);
        CHECK(g.admitted > 400 && g.opened > 3 && g.lost > 3);
        CHECK((g.blocked > 5 && g.again > 50) == (strstr(whole[i], "retry") != NULL));
        CHECK(g.rejected > 100 || strstr(whole[i], "shadow") != NULL);
        gate_free(&g);
    }
    adopts(whole[0], whole[1]);
    puts("hot: no step allocates");
    return 0;
}
