/* What callers get wrong is told, and changes nothing. */
#include <stdint.h>
#include <string.h>

#include "check.h"
#include "stanchion.h"

#define NOW UINT64_C(1700000000000000)

static const char rules[] = "{\"name\":\"p\",\"circuit\":{\"consecutive_failures\":1},\"bulkhead\":{\"max_concurrent\":2}}";
static const char others[] = "{\"name\":\"q\",\"bulkhead\":{\"max_concurrent\":900}}";

static stn_policy *policy_of(const char *json) {
    stn_policy *policy;
    CHECK(stn_policy_from_json(json, strlen(json), &policy, NULL) == STN_OK);
    return policy;
}

static size_t size_of(const stn_policy *policy) {
    size_t size;
    CHECK(stn_state_size(policy, &size) == STN_OK && size % 8 == 0);
    return size;
}

static void configurations(void) {
    static const char wrong[] = "{\"name\":\"p\",\"bulkhead\":{\"max_concurrent\":0}}";
    stn_error error = {.struct_size = sizeof error};
    stn_policy *policy = (stn_policy *)&error;
    CHECK(stn_policy_from_json(wrong, sizeof wrong - 1, &policy, &error) == STN_CONFIG);
    CHECK(policy == NULL && error.status == STN_CONFIG && strcmp(error.code, "invalid_config") == 0);
    CHECK(strcmp(error.field, "bulkhead.max_concurrent") == 0 && strcmp(error.value, "0") == 0);
    CHECK(strstr(error.allowed, "4096") != NULL && strstr(error.message, error.field) != NULL);
    CHECK(stn_policy_from_json(NULL, 3, &policy, &error) == STN_NULL_POINTER);
    CHECK(stn_policy_from_json(rules, sizeof rules - 1, NULL, &error) == STN_NULL_POINTER);
    CHECK(strcmp(error.code, "null_pointer") == 0 && error.message[0] != '\0');
    CHECK(stn_policy_from_json("\xff", 1, &policy, NULL) == STN_NOT_UTF8);
    error = (stn_error){.struct_size = 8}; /* of no release: passed over */
    CHECK(stn_policy_from_json(wrong, sizeof wrong - 1, &policy, &error) == STN_CONFIG && error.status == 0);
    stn_policy_free(NULL);
}

static void memory(const stn_policy *policy) {
    const size_t size = size_of(policy);
    unsigned char *state = malloc(size + 8);
    stn_decision decision = {.struct_size = sizeof decision};
    CHECK(state != NULL);
    memset(state, 0, size + 8);
    CHECK(stn_acquire(policy, state, size, NULL, NOW, &decision) == STN_STATE_MEMORY); /* never started */
    CHECK(stn_state_init(policy, state, size - 8, NOW) == STN_STATE_MEMORY);
    CHECK(stn_state_init(policy, NULL, size, NOW) == STN_NULL_POINTER);
    CHECK(stn_state_init(policy, state + 4, size, NOW) == STN_MISALIGNED);
    CHECK(stn_state_init(policy, state, size, NOW) == STN_OK);
    CHECK(stn_acquire(policy, state, size - 8, NULL, NOW, &decision) == STN_STATE_MEMORY);
    CHECK(stn_acquire(policy, state, 0, NULL, NOW, &decision) == STN_STATE_MEMORY);
    CHECK(stn_acquire(policy, state + 1, size, NULL, NOW, &decision) == STN_MISALIGNED);
    CHECK(stn_acquire(policy, NULL, size, NULL, NOW, &decision) == STN_NULL_POINTER);
    CHECK(stn_acquire(policy, state, size, NULL, NOW, &decision) == STN_OK && decision.verdict == STN_ADMITTED);
    memmove(state + 8, state, size); /* it may be moved */
    CHECK(stn_acquire(policy, state + 8, size, NULL, NOW, &decision) == STN_OK && decision.verdict == STN_ADMITTED);
    CHECK(stn_acquire(policy, state + 8, size, NULL, NOW, &decision) == STN_OK && decision.verdict == STN_REJECTED);
    CHECK(decision.by == STN_GATE_BULKHEAD && decision.gates == UINT32_C(1) << STN_GATE_BULKHEAD);
    state[8] ^= 1; /* the mark, which has the layout's number: of another release */
    CHECK(stn_acquire(policy, state + 8, size, NULL, NOW, &decision) == STN_STATE_MEMORY);
    free(state);
}

static void numbers(const stn_policy *policy) {
    const size_t size = size_of(policy);
    void *state = malloc(size);
    stn_decision decision = {.struct_size = sizeof decision};
    stn_acquire_options wish = {.struct_size = sizeof wish, .fields = 1u << 31};
    stn_settle_options end = {.struct_size = sizeof end};
    CHECK(stn_state_init(policy, state, size, 0) == STN_OUT_OF_RANGE);
    CHECK(stn_state_init(policy, state, size, NOW) == STN_OK);
    CHECK(stn_acquire(policy, state, size, NULL, 0, &decision) == STN_OUT_OF_RANGE);
    CHECK(stn_acquire(policy, state, size, NULL, UINT64_C(1) << 52, &decision) == STN_OUT_OF_RANGE);
    CHECK(stn_acquire(policy, state, size, &wish, NOW, &decision) == STN_OUT_OF_RANGE);
    wish = (stn_acquire_options){.struct_size = sizeof wish, .fields = STN_ACQUIRE_HOLDER};
    CHECK(stn_acquire(policy, state, size, &wish, NOW, &decision) == STN_OUT_OF_RANGE); /* nobody holds */
    wish = (stn_acquire_options){.struct_size = 4};
    CHECK(stn_acquire(policy, state, size, &wish, NOW, &decision) == STN_STRUCT_SIZE);
    decision.struct_size = 0;
    CHECK(stn_acquire(policy, state, size, NULL, NOW, &decision) == STN_STRUCT_SIZE);
    decision.struct_size = sizeof decision + 64; /* of a later release */
    CHECK(stn_acquire(policy, state, size, NULL, NOW, &decision) == STN_OK && decision.struct_size == sizeof decision + 64);
    CHECK(stn_settle(policy, state, size, &decision.permit, &end, NOW, NULL) == STN_OUT_OF_RANGE); /* no outcome */
    CHECK(stn_settle(policy, state, size, NULL, &end, NOW, NULL) == STN_NULL_POINTER);
    CHECK(stn_settle(policy, state, size, &decision.permit, NULL, NOW, NULL) == STN_NULL_POINTER);
    end.outcome = STN_SUCCESS;
    CHECK(stn_settle(policy, state, size, &decision.permit, &end, NOW, NULL) == STN_OK);
    free(state);
}

/* Structs that stand askew: told before they are read. */
static void askew(const stn_policy *policy) {
    static uint64_t room[32];
    unsigned char *const beside = (unsigned char *)room + 1;
    const size_t size = size_of(policy);
    void *state = malloc(size);
    stn_decision decision = {.struct_size = sizeof decision};
    stn_settle_options end = {.struct_size = sizeof end, .outcome = STN_SUCCESS};
    CHECK(stn_state_init(policy, state, size, NOW) == STN_OK);
    CHECK(stn_acquire(policy, state, size, NULL, NOW, (void *)beside) == STN_MISALIGNED);
    CHECK(stn_acquire(policy, state, size, (const void *)beside, NOW, &decision) == STN_MISALIGNED);
    CHECK(stn_acquire((const void *)beside, state, size, NULL, NOW, &decision) == STN_BAD_HANDLE);
    CHECK(stn_settle(policy, state, size, (const void *)beside, &end, NOW, NULL) == STN_MISALIGNED);
    CHECK(stn_settle(policy, state, size, &decision.permit, (const void *)beside, NOW, NULL) == STN_MISALIGNED);
    CHECK(stn_settle(policy, state, size, &decision.permit, &end, NOW, (void *)beside) == STN_MISALIGNED);
    CHECK(stn_state_size(policy, (void *)beside) == STN_MISALIGNED);
    for (size_t i = 0; i < sizeof room / sizeof room[0]; i++) CHECK(room[i] == 0);
    free(state);
}

static void texts(const stn_policy *policy) {
    const size_t size = size_of(policy);
    void *state = malloc(size);
    size_t needed = 0;
    char few[4] = "abc";
    stn_error error = {.struct_size = sizeof error};
    stn_permit permit;
    CHECK(stn_state_init(policy, state, size, NOW) == STN_OK);
    CHECK(stn_explain(policy, state, size, NOW, few, sizeof few, &needed) == STN_BUFFER_TOO_SMALL);
    CHECK(needed > sizeof few && strcmp(few, "abc") == 0);
    CHECK(stn_explain(policy, state, size, NOW, few, sizeof few, NULL) == STN_NULL_POINTER);
    char *whole = malloc(needed);
    CHECK(stn_explain(policy, state, size, NOW, whole, needed, &needed) == STN_OK && strlen(whole) == needed - 1);
    free(whole);
    CHECK(stn_command(policy, state, size, "{\"jump\":{}}", 11, NOW, NULL, &error) == STN_INPUT);
    CHECK(strcmp(error.code, "invalid_input") == 0 && error.allowed[0] != '\0');
    CHECK(stn_permit_from_text("12", 2, &permit, &error) == STN_INPUT && strcmp(error.field, "permit") == 0);
    CHECK(stn_gate_name(policy, 19, few, sizeof few, &needed) == STN_OUT_OF_RANGE);
    CHECK(stn_status_name(99) == NULL && stn_status_text(99) == NULL && stn_event_name(0) == NULL);
    CHECK(strcmp(stn_status_name(STN_STORE), "STORE") == 0 && strcmp(stn_event_name(1), "opened") == 0);
    free(state);
}

static void bytes_of(const stn_policy *policy) {
    const size_t size = size_of(policy);
    void *state = malloc(size);
    uint8_t encoded[512];
    size_t len, wanted;
    stn_error error = {.struct_size = sizeof error};
    CHECK(stn_state_init(policy, state, size, NOW) == STN_OK);
    CHECK(stn_state_encode(policy, state, size, encoded, sizeof encoded, &len) == STN_OK);
    for (size_t cut = 0; cut < len; cut++) {
        CHECK(stn_state_decode(policy, encoded, cut, state, size, &error) == STN_STATE_BYTES && error.code[0] != '\0');
    }
    encoded[2] = 99;
    CHECK(stn_state_size_for(policy, encoded, len, &wanted, &error) == STN_STATE_BYTES);
    CHECK(strcmp(error.code, "newer_version") == 0);
    encoded[2] = 1;
    CHECK(stn_state_decode(policy, encoded, len, state, size - 8, &error) == STN_STATE_MEMORY);
    CHECK(stn_state_decode(policy, encoded, len, state, size, &error) == STN_OK);
    free(state);
}

/* A state meets another policy: adopted where there is room, told where there is none. */
static void another_policy(const stn_policy *policy) {
    stn_policy *other = policy_of(others);
    const size_t size = size_of(policy);
    void *state = malloc(size);
    uint8_t encoded[512];
    size_t len, wanted;
    stn_decision decision = {.struct_size = sizeof decision};
    CHECK(stn_state_init(policy, state, size, NOW) == STN_OK);
    CHECK(stn_acquire(other, state, size, NULL, NOW, &decision) == STN_STATE_MEMORY);
    CHECK(stn_state_encode(policy, state, size, encoded, sizeof encoded, &len) == STN_OK);
    CHECK(stn_state_size_for(other, encoded, len, &wanted, NULL) == STN_OK && wanted > size);
    void *larger = malloc(wanted);
    CHECK(stn_state_decode(other, encoded, len, larger, wanted, NULL) == STN_OK);
    CHECK(stn_acquire(other, larger, wanted, NULL, NOW, &decision) == STN_OK && decision.changed == 1);
    CHECK(strcmp(stn_event_name(decision.events & 0xFF), "adopted") == 0);
    free(larger);
    free(state);
    stn_policy_free(other);
}

static void replies(const stn_policy *policy) {
    stn_reply reply = {.struct_size = sizeof reply, .status = 429, .retry_after = "\xff", .retry_after_len = 1};
    stn_classified classified = {.struct_size = sizeof classified};
    CHECK(stn_classify(policy, &reply, NOW, &classified) == STN_OK && classified.retry_at_us == 0); /* no header */
    reply.retry_after = NULL;
    CHECK(stn_classify(policy, &reply, NOW, &classified) == STN_NULL_POINTER);
    reply = (stn_reply){.struct_size = sizeof reply, .error = 8};
    CHECK(stn_classify(policy, &reply, NOW, &classified) == STN_OUT_OF_RANGE);
    CHECK(stn_classify(policy, NULL, NOW, &classified) == STN_NULL_POINTER);
    CHECK(stn_classify(NULL, &reply, NOW, &classified) == STN_NULL_POINTER);
    reply.error = STN_NETWORK_OTHER;
    CHECK(stn_classify(policy, &reply, 0, &classified) == STN_OUT_OF_RANGE);
    CHECK(stn_classify(policy, &reply, NOW, NULL) == STN_NULL_POINTER);
    classified.struct_size = 8;
    CHECK(stn_classify(policy, &reply, NOW, &classified) == STN_STRUCT_SIZE);
}

static void handles(stn_policy *policy) {
    uint64_t none[4] = {1, 2, 3, 4};
    size_t size;
    stn_store_key *key = (stn_store_key *)none;
    stn_decision decision = {.struct_size = sizeof decision};
    CHECK(stn_state_size(NULL, &size) == STN_NULL_POINTER);
    CHECK(stn_state_size((const stn_policy *)none, &size) == STN_BAD_HANDLE);
    CHECK(stn_store_acquire((const stn_store_key *)policy, NULL, NOW, &decision, NULL, NULL) == STN_BAD_HANDLE);
    CHECK(stn_store_key_open((const stn_store *)policy, policy, "k", 1, &key, NULL) == STN_BAD_HANDLE && key == NULL);
    stn_policy_free((stn_policy *)none); /* told by its mark, and left alone */
    CHECK(none[0] == 1);
}

int main(void) {
    CHECK(stn_abi_version() == STN_ABI_VERSION);
    stn_policy *policy = policy_of(rules);
    configurations();
    memory(policy);
    numbers(policy);
    askew(policy);
    texts(policy);
    bytes_of(policy);
    another_policy(policy);
    replies(policy);
    handles(policy);
    stn_policy_free(policy);
    puts("misuse: told, and nothing changed");
    return 0;
}
