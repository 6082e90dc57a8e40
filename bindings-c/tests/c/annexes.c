/* The policies beside the gates: the step as JSON and the structs say the same, and what fails has changed nothing. */
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "stanchion.h"

#define NOW UINT64_C(1700000000000000)
#define SECOND UINT64_C(1000000)

/* One retry, then the budget is empty for a second. */
static const char rules[] = "{\"name\":\"p\",\"circuit\":{\"consecutive_failures\":1},\"retry\":{\"jitter\":\"none\","
                            "\"base_delay_ms\":100,\"budget\":{\"capacity\":1,\"percent\":0}}}";
static const char asked[] = "{\"retry\":{\"attempt\":1,\"began_at_us\":1700000000000000,\"retry\":\"always\"}}";
static const char granted[] = "{\"answer\":{\"retry\":{\"at_us\":1700000000100000}},\"changed\":true,\"events\":[]}";
static const char spent[] = "{\"answer\":{\"give_up\":\"budget\"},\"changed\":false,\"events\":[]}";

static stn_policy *policy;
static void *state;
static size_t size;

static void start(void) { CHECK(stn_state_init(policy, state, size, NOW) == STN_OK); }

/* The answer of a step that is made. */
static uint32_t apply(const char *json, char *answer, size_t capacity, size_t *needed) {
    return stn_apply(policy, state, size, json, strlen(json), NOW, answer, capacity, needed, NULL);
}

static void a_buffer_too_small_changes_nothing(void) {
    char answer[128] = "as it was";
    size_t needed = 0;
    start();
    CHECK(apply(asked, NULL, 0, &needed) == STN_BUFFER_TOO_SMALL && needed == sizeof granted);
    CHECK(apply(asked, NULL, sizeof granted, &needed) == STN_BUFFER_TOO_SMALL);
    CHECK(apply(asked, answer, sizeof granted - 1, &needed) == STN_BUFFER_TOO_SMALL);
    CHECK(strcmp(answer, "as it was") == 0);
    CHECK(apply(asked, answer, sizeof granted, &needed) == STN_OK && strcmp(answer, granted) == 0);
    CHECK(apply(asked, answer, sizeof answer, &needed) == STN_OK && strcmp(answer, spent) == 0);
    CHECK(needed == sizeof spent);
}

static void what_is_no_step_is_told(void) {
    static const char jump[] = "{\"jump\":{}}", late[] = "{\"retry\":{\"attempt\":0}}";
    char answer[128];
    size_t needed = 0;
    stn_error error = {.struct_size = sizeof error};
    start();
    CHECK(stn_apply(policy, state, size, jump, strlen(jump), NOW, answer, 128, &needed, &error) == STN_INPUT);
    CHECK(strcmp(error.field, "jump") == 0 && strcmp(error.code, "invalid_input") == 0);
    CHECK(stn_apply(policy, state, size, late, strlen(late), NOW, answer, 128, &needed, &error) == STN_INPUT);
    CHECK(strcmp(error.field, "retry.attempt") == 0 && strcmp(error.value, "0") == 0);
    CHECK(stn_apply(policy, state, size, "\xff", 1, NOW, answer, 128, &needed, NULL) == STN_NOT_UTF8);
    CHECK(stn_apply(policy, state, size, asked, strlen(asked), 0, answer, 128, &needed, NULL) == STN_OUT_OF_RANGE);
    CHECK(stn_apply(policy, state, 8, asked, strlen(asked), NOW, answer, 128, &needed, NULL) == STN_STATE_MEMORY);
    CHECK(stn_apply(NULL, state, size, asked, strlen(asked), NOW, answer, 128, &needed, NULL) == STN_NULL_POINTER);
    CHECK(stn_apply(policy, NULL, size, asked, strlen(asked), NOW, answer, 128, &needed, NULL) == STN_NULL_POINTER);
    CHECK(stn_apply(policy, state, size, NULL, 1, NOW, answer, 128, &needed, NULL) == STN_NULL_POINTER);
    CHECK(stn_apply(policy, state, size, asked, strlen(asked), NOW, answer, 128, NULL, NULL) == STN_NULL_POINTER);
    CHECK(apply(asked, answer, sizeof answer, &needed) == STN_OK && strcmp(answer, granted) == 0);
}

static void structs_say_the_same(void) {
    stn_failed call = {.struct_size = sizeof call, .attempt = 1, .retry = STN_RETRY_ALWAYS, .began_at_us = NOW};
    stn_retried out = {.struct_size = sizeof out};
    start();
    CHECK(stn_retry(policy, state, size, &call, NOW, &out) == STN_OK && out.retried == STN_RETRIED_AGAIN);
    CHECK(out.at_us == NOW + SECOND / 10 && out.changed == 1 && out.reason == 0 && out.events == 0);
    CHECK(stn_retry(policy, state, size, &call, NOW, &out) == STN_OK && out.retried == STN_RETRIED_GIVE_UP);
    CHECK(out.reason == STN_GIVE_UP_BUDGET && out.at_us == 0 && out.changed == 0);
    CHECK(strcmp(stn_give_up_name(out.reason), "budget") == 0);
    CHECK(stn_retry(policy, state, size, &call, NOW + SECOND, &out) == STN_OK && out.retried == STN_RETRIED_AGAIN);
    call.retry = STN_RETRY_IDEMPOTENT;
    CHECK(stn_retry(policy, state, size, &call, NOW, &out) == STN_OK && out.reason == STN_GIVE_UP_NOT_IDEMPOTENT);
    call.is_idempotent = 1;
    call.retry_at_us = NOW + 90 * SECOND;
    CHECK(stn_retry(policy, state, size, &call, NOW, &out) == STN_OK && out.reason == STN_GIVE_UP_RETRY_AFTER);
    call.retry_at_us = 0;
    CHECK(stn_command(policy, state, size, "{\"trip\":{}}", 11, NOW + SECOND, NULL, NULL) == STN_OK);
    CHECK(stn_retry(policy, state, size, &call, NOW + SECOND, &out) == STN_OK && out.retried == STN_RETRIED_WAIT);
    CHECK(out.at_us == NOW + 31 * SECOND && out.changed == 0);
    call.fields = STN_FAILED_MAX_CIRCUIT_WAIT;
    call.max_circuit_wait_us = 30 * SECOND;
    CHECK(stn_retry(policy, state, size, &call, NOW + SECOND, &out) == STN_OK && out.retried == STN_RETRIED_WAIT);
    call.max_circuit_wait_us--;
    CHECK(stn_retry(policy, state, size, &call, NOW + SECOND, &out) == STN_OK && out.reason == STN_GIVE_UP_CIRCUIT);
    CHECK(strcmp(stn_give_up_name(out.reason), "circuit") == 0);
    call.deadline_at_us = NOW + 30 * SECOND;
    CHECK(stn_retry(policy, state, size, &call, NOW + SECOND, &out) == STN_OK && out.reason == STN_GIVE_UP_DEADLINE);
}

static void misused_structs_are_told(void) {
    const stn_failed good = {.struct_size = sizeof good, .attempt = 1, .retry = STN_RETRY_ALWAYS, .began_at_us = NOW};
    stn_failed call = good;
    stn_retried out = {.struct_size = sizeof out};
    start();
    call.fields = 16;
    CHECK(stn_retry(policy, state, size, &call, NOW, &out) == STN_OUT_OF_RANGE);
    call = good, call.is_idempotent = 2;
    CHECK(stn_retry(policy, state, size, &call, NOW, &out) == STN_OUT_OF_RANGE);
    call = good, call.retry = 0;
    CHECK(stn_retry(policy, state, size, &call, NOW, &out) == STN_OUT_OF_RANGE);
    call = good, call.deadline_at_us = UINT64_MAX;
    CHECK(stn_retry(policy, state, size, &call, NOW, &out) == STN_OUT_OF_RANGE);
    call = good, call.began_at_us = 0;
    CHECK(stn_retry(policy, state, size, &call, NOW, &out) == STN_OUT_OF_RANGE);
    call = good, call.fields = STN_FAILED_HOLDER; /* nobody holds */
    CHECK(stn_retry(policy, state, size, &call, NOW, &out) == STN_OUT_OF_RANGE);
    call = good, call.struct_size = 8;
    CHECK(stn_retry(policy, state, size, &call, NOW, &out) == STN_STRUCT_SIZE);
    CHECK(stn_retry(policy, state, size, NULL, NOW, &out) == STN_NULL_POINTER);
    CHECK(stn_retry(policy, state, size, &good, NOW, NULL) == STN_NULL_POINTER);
    CHECK(stn_retry(policy, NULL, size, &good, NOW, &out) == STN_NULL_POINTER);
    CHECK(stn_retry(NULL, state, size, &good, NOW, &out) == STN_NULL_POINTER);
    CHECK(out.retried == 0 && stn_give_up_name(0) == NULL && stn_give_up_name(99) == NULL);
}

static void a_spool_keeps_nothing_here(void) {
    static const char of_spool[] = "{\"name\":\"s\",\"spool\":{}}", add[] = "{\"append\":{\"bytes\":1}}";
    static const char first[] = "{\"answer\":{\"appended\":{\"seq\":1}}";
    char line[512];
    size_t needed = 0;
    stn_policy *keeper;
    stn_error error = {.struct_size = sizeof error};
    const size_t len = sizeof add - 1;
    CHECK(stn_policy_from_json(of_spool, sizeof of_spool - 1, &keeper, NULL) == STN_OK);
    CHECK(stn_spool_step(keeper, "null", 4, add, len, NOW, line, 9, &needed, NULL) == STN_BUFFER_TOO_SMALL && needed > 9);
    for (int again = 0; again < 2; again++) {
        CHECK(stn_spool_step(keeper, "null", 4, add, len, NOW, line, sizeof line, &needed, NULL) == STN_OK);
        CHECK(strncmp(line, first, sizeof first - 1) == 0 && strlen(line) == needed - 1);
    }
    CHECK(stn_spool_step(policy, "null", 4, add, len, NOW, line, sizeof line, &needed, &error) == STN_INPUT);
    CHECK(stn_spool_step(keeper, "{}", 2, add, len, NOW, line, sizeof line, &needed, &error) == STN_INPUT);
    CHECK(error.field[0] != '\0');
    CHECK(stn_spool_step(NULL, "null", 4, add, len, NOW, line, sizeof line, &needed, NULL) == STN_NULL_POINTER);
    CHECK(stn_spool_step(keeper, NULL, 4, add, len, NOW, line, sizeof line, &needed, NULL) == STN_NULL_POINTER);
    CHECK(stn_spool_step(keeper, "null", 4, NULL, len, NOW, line, sizeof line, &needed, NULL) == STN_NULL_POINTER);
    CHECK(stn_spool_step(keeper, "null", 4, add, len, NOW, line, sizeof line, NULL, NULL) == STN_NULL_POINTER);
    stn_policy_free(keeper);
}

static void the_file_keeps_what_was_spent(void) {
    char path[] = "/tmp/stanchion-annexes-XXXXXX", answer[128];
    const int made = mkstemp(path);
    stn_store *store;
    stn_store_key *key;
    stn_error error = {.struct_size = sizeof error};
    stn_stored stored = {.struct_size = sizeof stored};
    stn_retried out = {.struct_size = sizeof out};
    const stn_failed call = {.struct_size = sizeof call, .attempt = 1, .retry = STN_RETRY_ALWAYS, .began_at_us = NOW};
    size_t needed = 0;
    CHECK(made >= 0 && close(made) == 0 && unlink(path) == 0);
    CHECK(stn_store_open(path, strlen(path), NULL, &store, &error) == STN_OK);
    CHECK(stn_store_key_open(store, policy, "k", 1, &key, &error) == STN_OK);
    const size_t len = strlen(asked);
    CHECK(stn_store_apply(key, asked, len, NOW, answer, 8, &needed, &stored, &error) == STN_BUFFER_TOO_SMALL);
    CHECK(needed == sizeof granted && stored.sequence == 0);
    CHECK(stn_store_apply(key, asked, len, NOW, NULL, 99, &needed, NULL, NULL) == STN_BUFFER_TOO_SMALL);
    CHECK(stn_store_apply(key, "{}", 2, NOW, answer, 128, &needed, &stored, &error) == STN_INPUT);
    CHECK(stn_store_apply(key, asked, len, NOW, answer, 128, &needed, &stored, &error) == STN_OK);
    CHECK(strcmp(answer, granted) == 0 && stored.sequence == 1 && stored.degraded == 0);
    CHECK(stn_store_retry(key, &call, NOW, &out, &stored, &error) == STN_OK && out.reason == STN_GIVE_UP_BUDGET);
    CHECK(stored.sequence == 1 && stn_store_retry(key, &call, NOW + SECOND, &out, &stored, &error) == STN_OK);
    CHECK(out.retried == STN_RETRIED_AGAIN && stored.sequence == 2);
    CHECK(stn_store_retry(NULL, &call, NOW, &out, NULL, NULL) == STN_NULL_POINTER);
    CHECK(stn_store_retry(key, NULL, NOW, &out, NULL, NULL) == STN_NULL_POINTER);
    CHECK(stn_store_retry(key, &call, NOW, NULL, NULL, NULL) == STN_NULL_POINTER);
    CHECK(stn_store_apply(NULL, asked, len, NOW, answer, 128, &needed, NULL, NULL) == STN_NULL_POINTER);
    CHECK(stn_store_apply(key, NULL, len, NOW, answer, 128, &needed, NULL, NULL) == STN_NULL_POINTER);
    CHECK(stn_store_apply(key, asked, len, NOW, answer, 128, NULL, NULL, NULL) == STN_NULL_POINTER);
    stn_store_key_close(key);
    stn_store_close(store);
    CHECK(unlink(path) == 0);
}

int main(void) {
    CHECK(stn_policy_from_json(rules, sizeof rules - 1, &policy, NULL) == STN_OK);
    CHECK(stn_state_size(policy, &size) == STN_OK);
    state = malloc(size);
    CHECK(state != NULL);
    a_buffer_too_small_changes_nothing();
    what_is_no_step_is_told();
    structs_say_the_same();
    misused_structs_are_told();
    a_spool_keeps_nothing_here();
    the_file_keeps_what_was_spent();
    free(state);
    stn_policy_free(policy);
    puts("annexes: a step is made when its answer fits, and a file keeps it");
    return 0;
}
