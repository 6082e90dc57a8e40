/* What hosts rely on that call stn_acquire_plain and stn_settle_plain without a transition: they do what the whole steps do, or
 * nothing, and do with little of the stack. They run on a stack that is painted before each call. */
#include <pthread.h>
#include <string.h>

#include "check.h"
#include "stanchion.h"

#define NOW UINT64_C(1700000000000000)
#define S UINT64_C(1000000)
#define PROMISED 1024

/* --- a painted stack -------------------------------------------------------------------------------------------------- */

#define STACK_BYTES (256 * 1024)
#define PAINTED 4096
#define PAINT 0xA5

/* What the function that calls a plain step needs itself is not painted, and counts as the step's. */
#define OWN 96

static size_t deepest;

static volatile unsigned char *paint(volatile unsigned char *frame) __attribute__((always_inline));
static inline volatile unsigned char *paint(volatile unsigned char *frame) {
    for (size_t i = OWN; i < PAINTED; i++) frame[-(ptrdiff_t)i] = PAINT;
    return frame;
}

static void look(const volatile unsigned char *frame) {
    size_t used = PAINTED;
    while (used > OWN && frame[-(ptrdiff_t)(used - 1)] == PAINT) used--;
    deepest = used > deepest ? used : deepest;
}

typedef struct gate {
    stn_policy *policy;
    void *state, *copy;
    size_t size;
    uint64_t now_us;
    unsigned plain, whole;
} gate;

__attribute__((noinline)) static uint32_t acquire_painted(const gate *g, const stn_acquire_options *wish, stn_decision *out) {
    volatile unsigned char *const frame = paint(__builtin_frame_address(0));
    const uint32_t status = stn_acquire_plain(g->policy, g->state, g->size, wish, g->now_us, out);
    look(frame);
    return status;
}

__attribute__((noinline)) static uint32_t settle_painted(const gate *g, const stn_permit *permit, const stn_settle_options *end,
                                                         stn_answer *out) {
    volatile unsigned char *const frame = paint(__builtin_frame_address(0));
    const uint32_t status = stn_settle_plain(g->policy, g->state, g->size, permit, end, g->now_us, out);
    look(frame);
    return status;
}

/* --- the same as the whole step, or nothing --------------------------------------------------------------------------------- */

static int is_same(gate *g, uint32_t status, const void *plain, const void *whole, const void *before, size_t size) {
    CHECK(status == STN_OK || status == STN_NOT_PLAIN);
    *(status == STN_OK ? &g->plain : &g->whole) += 1;
    return memcmp(plain, status == STN_OK ? whole : before, size) == 0;
}

static int acquire(gate *g, const stn_acquire_options *wish, stn_permit *permit) {
    const stn_decision before = {.struct_size = sizeof before};
    stn_decision plain = before, whole = before;
    memcpy(g->copy, g->state, g->size);
    const uint32_t status = acquire_painted(g, wish, &plain);
    if (status != STN_OK) CHECK(memcmp(g->state, g->copy, g->size) == 0);
    CHECK(stn_acquire(g->policy, g->copy, g->size, wish, g->now_us, &whole) == STN_OK);
    CHECK(is_same(g, status, &plain, &whole, &before, sizeof whole));
    if (status == STN_OK) CHECK(memcmp(g->state, g->copy, g->size) == 0);
    memcpy(g->state, g->copy, g->size);
    *permit = whole.permit;
    return whole.verdict == STN_ADMITTED;
}

static void settle(gate *g, const stn_permit *permit, const stn_settle_options *end, int is_asked) {
    const stn_answer before = {.struct_size = sizeof before};
    stn_answer plain = before, whole = before;
    memcpy(g->copy, g->state, g->size);
    const uint32_t status = settle_painted(g, permit, end, is_asked ? &plain : NULL);
    if (status != STN_OK) CHECK(memcmp(g->state, g->copy, g->size) == 0);
    CHECK(stn_settle(g->policy, g->copy, g->size, permit, end, g->now_us, is_asked ? &whole : NULL) == STN_OK);
    CHECK(is_same(g, status, &plain, &whole, &before, sizeof whole));
    if (status == STN_OK) CHECK(memcmp(g->state, g->copy, g->size) == 0);
    memcpy(g->state, g->copy, g->size);
}

/* Calls of all kinds: they work and fail, the circuit opens and closes, limits and slots run out, leases end. */
static void live(gate *g) {
    stn_permit permit, held;
    for (uint32_t i = 0; i < 2000; i++) {
        const stn_acquire_options wish = {
            .struct_size = sizeof wish, .fields = i % 4, .cost = i % 5, .holder = 1 + i % 3};
        const stn_settle_options end = {.struct_size = sizeof end,
                                        .fields = i % 7 == 0 ? STN_SETTLE_ACTUAL_COST : STN_SETTLE_DURATION,
                                        .outcome = i / 40 % 3 == 1 ? STN_FAILURE : i % 11 == 0 ? STN_IGNORED : STN_SUCCESS,
                                        .duration_us = 1500,
                                        .actual_cost = i % 9};
        g->now_us += (i % 50 == 0 ? 100 : 1) * S / 10;
        if (acquire(g, i % 3 == 0 ? NULL : &wish, &permit)) settle(g, &permit, &end, i % 2 == 0);
        if (i % 5 == 0 && acquire(g, &wish, &held) && i % 10 == 0) settle(g, &held, &end, 1); /* some are never given back */
    }
}

static void play(const char *json) {
    gate g = {.now_us = NOW};
    CHECK(stn_policy_from_json(json, strlen(json), &g.policy, NULL) == STN_OK);
    CHECK(stn_state_size(g.policy, &g.size) == STN_OK);
    g.state = calloc(1, g.size);
    g.copy = calloc(1, g.size);
    CHECK(stn_state_init(g.policy, g.state, g.size, g.now_us) == STN_OK);
    live(&g);
    CHECK(g.plain > 100 && g.whole > 100);
    free(g.state);
    free(g.copy);
    stn_policy_free(g.policy);
}

#define LIMIT(name) "{\"name\":\"" name "\",\"capacity\":40,\"refill_tokens\":60,\"refill_interval_ms\":1000}"
#define LIMITS(limits) "\"limits\":[" limits "]"
#define CIRCUIT "\"circuit\":{\"consecutive_failures\":5,\"open_ms\":500}"
#define BULKHEAD "\"bulkhead\":{\"max_concurrent\":4,\"lease_ms\":2000"

static void *play_all(void *unused) {
    play("{\"name\":\"circuit\"," CIRCUIT "}");
    play("{\"name\":\"limit\"," LIMITS(LIMIT("a")) "}");
    play("{\"name\":\"limits\"," LIMITS(LIMIT("a") "," LIMIT("b") "," LIMIT("c")) "," CIRCUIT "}");
    play("{\"name\":\"whole\"," CIRCUIT "," LIMITS(LIMIT("a")) "," BULKHEAD "}}");
    play("{\"name\":\"several\"," LIMITS(LIMIT("a") "," LIMIT("b")) "," BULKHEAD ",\"reentrant\":true}}");
    play("{\"name\":\"rate\",\"circuit\":{\"failures_in_window\":{\"count\":3,\"window_ms\":5000},\"open_ms\":500}," BULKHEAD "}}");
    return unused;
}

int main(void) {
    void *const stack = aligned_alloc(4096, STACK_BYTES);
    pthread_attr_t attributes;
    pthread_t thread;
    CHECK(pthread_attr_init(&attributes) == 0 && pthread_attr_setstack(&attributes, stack, STACK_BYTES) == 0);
    CHECK(pthread_create(&thread, &attributes, play_all, NULL) == 0 && pthread_join(thread, NULL) == 0);
    free(stack);
    if (deepest > PROMISED / 2) fprintf(stderr, "a plain step took %zu bytes of stack\n", deepest);
    CHECK(deepest > OWN && deepest <= PROMISED / 2);
    printf("direct: as the whole steps, within %zu bytes of stack\n", deepest);
    return 0;
}
