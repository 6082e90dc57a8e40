/* Every pointer of every function, null in turn: told, never followed, and nothing else was written. */
#include <string.h>

#include "check.h"
#include "stanchion.h"

#define NOW UINT64_C(1700000000000000)
/* The call is told the null; with the pointer it works. */
#define TELLS(call) CHECK((call) == STN_NULL_POINTER)

static stn_policy *policy;
static void *state;
static size_t size, needed;
static stn_decision decision = {.struct_size = sizeof decision};
static stn_answer answer = {.struct_size = sizeof answer};
static stn_error error = {.struct_size = sizeof error};

static void policies(void) {
    static const char rules[] = "{\"name\":\"p\",\"bulkhead\":{\"max_concurrent\":4},\"on_store_error\":\"reject\"}";
    const size_t len = sizeof rules - 1;
    uint32_t print = 7;
    char name[8] = "as was";
    TELLS(stn_policy_from_json(NULL, len, &policy, &error));
    TELLS(stn_policy_from_json(rules, len, NULL, &error));
    CHECK(error.status == STN_NULL_POINTER && strcmp(error.code, "null_pointer") == 0 && error.message[0] != '\0');
    CHECK(stn_policy_from_json(rules, len, &policy, NULL) == STN_OK);
    TELLS(stn_policy_name(NULL, name, sizeof name, &needed));
    TELLS(stn_policy_name(policy, name, sizeof name, NULL));
    CHECK(strcmp(name, "as was") == 0);
    CHECK(stn_policy_name(policy, NULL, sizeof name, &needed) == STN_BUFFER_TOO_SMALL && needed == 2);
    TELLS(stn_policy_config(NULL, name, sizeof name, &needed));
    TELLS(stn_policy_config(policy, name, sizeof name, NULL));
    TELLS(stn_policy_fingerprint(NULL, &print));
    TELLS(stn_policy_fingerprint(policy, NULL));
    CHECK(print == 7);
    TELLS(stn_rate_limit_policy(NULL, name, sizeof name, &needed));
    TELLS(stn_rate_limit_policy(policy, name, sizeof name, NULL));
    TELLS(stn_gate_name(NULL, 0, name, sizeof name, &needed));
    TELLS(stn_gate_name(policy, 0, name, sizeof name, NULL));
    stn_policy_free(NULL);
}

static void states(void) {
    uint8_t encoded[256];
    size_t len;
    TELLS(stn_state_size(NULL, &size));
    TELLS(stn_state_size(policy, NULL));
    CHECK(stn_state_size(policy, &size) == STN_OK);
    state = malloc(size);
    TELLS(stn_state_init(NULL, state, size, NOW));
    TELLS(stn_state_init(policy, NULL, size, NOW));
    CHECK(stn_state_init(policy, state, size, NOW) == STN_OK);
    TELLS(stn_state_encode(NULL, state, size, encoded, sizeof encoded, &len));
    TELLS(stn_state_encode(policy, NULL, size, encoded, sizeof encoded, &len));
    TELLS(stn_state_encode(policy, state, size, encoded, sizeof encoded, NULL));
    CHECK(stn_state_encode(policy, state, size, encoded, sizeof encoded, &len) == STN_OK);
    TELLS(stn_state_size_for(NULL, encoded, len, &needed, NULL));
    TELLS(stn_state_size_for(policy, NULL, len, &needed, NULL));
    TELLS(stn_state_size_for(policy, encoded, len, NULL, NULL));
    TELLS(stn_state_decode(NULL, encoded, len, state, size, NULL));
    TELLS(stn_state_decode(policy, NULL, len, state, size, NULL));
    TELLS(stn_state_decode(policy, encoded, len, NULL, size, NULL));
}

static void steps(void) {
    const stn_settle_options end = {.struct_size = sizeof end, .outcome = STN_IGNORED};
    stn_permit *const permit = &decision.permit;
    TELLS(stn_acquire(NULL, state, size, NULL, NOW, &decision));
    TELLS(stn_acquire(policy, NULL, size, NULL, NOW, &decision));
    TELLS(stn_acquire(policy, state, size, NULL, NOW, NULL));
    CHECK(decision.verdict == 0 && stn_acquire(policy, state, size, NULL, NOW, &decision) == STN_OK);
    /* The short ways tell nothing of what is wrong: the whole ones do. */
    CHECK(stn_acquire_plain(NULL, state, size, NULL, NOW, &decision) == STN_NOT_PLAIN);
    CHECK(stn_acquire_plain(policy, NULL, size, NULL, NOW, &decision) == STN_NOT_PLAIN);
    CHECK(stn_acquire_plain(policy, state, size, NULL, NOW, NULL) == STN_NOT_PLAIN);
    CHECK(stn_settle_plain(NULL, state, size, permit, &end, NOW, &answer) == STN_NOT_PLAIN);
    CHECK(stn_settle_plain(policy, NULL, size, permit, &end, NOW, &answer) == STN_NOT_PLAIN);
    CHECK(stn_settle_plain(policy, state, size, NULL, &end, NOW, &answer) == STN_NOT_PLAIN);
    CHECK(stn_settle_plain(policy, state, size, permit, NULL, NOW, &answer) == STN_NOT_PLAIN);
    TELLS(stn_renew(NULL, state, size, permit, NOW, &answer));
    TELLS(stn_renew(policy, NULL, size, permit, NOW, &answer));
    TELLS(stn_renew(policy, state, size, NULL, NOW, &answer));
    TELLS(stn_renew(policy, state, size, permit, NOW, NULL));
    TELLS(stn_settle(NULL, state, size, permit, &end, NOW, &answer));
    TELLS(stn_settle(policy, NULL, size, permit, &end, NOW, &answer));
    TELLS(stn_settle(policy, state, size, NULL, &end, NOW, &answer));
    TELLS(stn_settle(policy, state, size, permit, NULL, NOW, &answer));
    TELLS(stn_cancel(NULL, state, size, permit, NOW, &answer));
    TELLS(stn_cancel(policy, NULL, size, permit, NOW, &answer));
    TELLS(stn_cancel(policy, state, size, NULL, NOW, &answer));
    TELLS(stn_command(NULL, state, size, "{\"trip\":{}}", 11, NOW, &answer, NULL));
    TELLS(stn_command(policy, NULL, size, "{\"trip\":{}}", 11, NOW, &answer, NULL));
    TELLS(stn_command(policy, state, size, NULL, 11, NOW, &answer, NULL));
    CHECK(answer.answer == 0);
    /* Nobody has to ask. */
    CHECK(stn_acquire_plain(policy, state, size, NULL, NOW, &decision) == STN_OK);
    CHECK(stn_settle_plain(policy, state, size, permit, &end, NOW, NULL) == STN_OK);
    CHECK(stn_settle(policy, state, size, permit, &end, NOW, NULL) == STN_OK);
    CHECK(stn_cancel(policy, state, size, permit, NOW, NULL) == STN_OK);
    CHECK(stn_command(policy, state, size, "{\"reset\":{}}", 12, NOW, NULL, NULL) == STN_OK);
}

static void questions(void) {
    uint64_t at = 7;
    char text[64];
    TELLS(stn_peek(NULL, state, size, NULL, NOW, &decision));
    TELLS(stn_peek(policy, NULL, size, NULL, NOW, &decision));
    TELLS(stn_peek(policy, state, size, NULL, NOW, NULL));
    TELLS(stn_explain(NULL, state, size, NOW, text, sizeof text, &needed));
    TELLS(stn_explain(policy, NULL, size, NOW, text, sizeof text, &needed));
    TELLS(stn_explain(policy, state, size, NOW, text, sizeof text, NULL));
    TELLS(stn_rate_limit(NULL, state, size, NOW, text, sizeof text, &needed));
    TELLS(stn_rate_limit(policy, NULL, size, NOW, text, sizeof text, &needed));
    TELLS(stn_rate_limit(policy, state, size, NOW, text, sizeof text, NULL));
    TELLS(stn_next_change_at(NULL, state, size, NOW, &at));
    TELLS(stn_next_change_at(policy, NULL, size, NOW, &at));
    TELLS(stn_next_change_at(policy, state, size, NOW, NULL));
    TELLS(stn_vacuous_at(NULL, state, size, &at));
    TELLS(stn_vacuous_at(policy, NULL, size, &at));
    TELLS(stn_vacuous_at(policy, state, size, NULL));
    const stn_reply reply = {.struct_size = sizeof reply, .status = 503};
    const stn_reply headed = {.struct_size = sizeof headed, .status = 503, .retry_after_len = 1};
    stn_classified classified = {.struct_size = sizeof classified};
    TELLS(stn_classify(NULL, &reply, NOW, &classified));
    TELLS(stn_classify(policy, NULL, NOW, &classified));
    TELLS(stn_classify(policy, &reply, NOW, NULL));
    TELLS(stn_classify(policy, &headed, NOW, &classified));
    CHECK(classified.outcome == 0 && stn_classify(policy, &reply, NOW, &classified) == STN_OK);
    TELLS(stn_parse_retry_after(NULL, 1, NOW, &at));
    TELLS(stn_parse_retry_after("1", 1, NOW, NULL));
    TELLS(stn_refusal_status(STN_GATE_CIRCUIT, NULL));
    TELLS(stn_holder_hash(NULL, 1, &at));
    TELLS(stn_holder_hash("a", 1, NULL));
    TELLS(stn_permit_to_text(NULL, text, sizeof text, &needed));
    TELLS(stn_permit_to_text(&decision.permit, text, sizeof text, NULL));
    TELLS(stn_permit_from_text(NULL, 32, &decision.permit, NULL));
    TELLS(stn_permit_from_text("00000000000000000000000000000000", 32, NULL, NULL));
    CHECK(at == 7);
}

static void stores(void) {
    char folder[] = "/tmp/stanchion-nulls-XXXXXX", path[64];
    const stn_settle_options end = {.struct_size = sizeof end, .outcome = STN_IGNORED};
    const uint8_t *found;
    size_t len;
    stn_store *store;
    stn_store_key *key;
    stn_transaction *transaction;
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof path, "%s/state", folder);
    TELLS(stn_store_open(NULL, 1, NULL, &store, NULL));
    TELLS(stn_store_open(path, strlen(path), NULL, NULL, NULL));
    CHECK(stn_store_open(path, strlen(path), NULL, &store, NULL) == STN_OK);
    TELLS(stn_store_key_open(NULL, policy, "k", 1, &key, NULL));
    TELLS(stn_store_key_open(store, NULL, "k", 1, &key, NULL));
    TELLS(stn_store_key_open(store, policy, NULL, 1, &key, NULL));
    TELLS(stn_store_key_open(store, policy, "k", 1, NULL, NULL));
    CHECK(stn_store_key_open(store, policy, "k", 1, &key, NULL) == STN_OK);
    TELLS(stn_store_acquire(NULL, NULL, NOW, &decision, NULL, NULL));
    TELLS(stn_store_acquire(key, NULL, NOW, NULL, NULL, NULL));
    TELLS(stn_store_try_acquire(NULL, NULL, NOW, &decision, NULL, NULL));
    TELLS(stn_store_try_acquire(key, NULL, NOW, NULL, NULL, NULL));
    TELLS(stn_store_settle(NULL, &decision.permit, &end, NOW, NULL, NULL, NULL));
    TELLS(stn_store_settle(key, NULL, &end, NOW, NULL, NULL, NULL));
    TELLS(stn_store_settle(key, &decision.permit, NULL, NOW, NULL, NULL, NULL));
    TELLS(stn_store_cancel(key, NULL, NOW, NULL, NULL, NULL));
    TELLS(stn_store_renew(key, NULL, NOW, &answer, NULL, NULL));
    TELLS(stn_store_command(key, NULL, 1, NOW, NULL, NULL, NULL));
    TELLS(stn_store_peek(key, NULL, NOW, NULL, NULL));
    TELLS(stn_store_explain(key, NOW, NULL, 0, NULL, NULL));
    TELLS(stn_store_snapshot(key, NULL, 0, NULL, NULL));
    TELLS(stn_store_restore(key, NULL, 1, NULL, NULL));
    TELLS(stn_store_begin(NULL, "k", 1, &transaction, NULL));
    TELLS(stn_store_begin(store, NULL, 1, &transaction, NULL));
    TELLS(stn_store_begin(store, "k", 1, NULL, NULL));
    CHECK(stn_store_begin(store, "k", 1, &transaction, NULL) == STN_OK);
    TELLS(stn_transaction_bytes(NULL, &found, &len, NULL));
    TELLS(stn_transaction_bytes(transaction, NULL, &len, NULL));
    TELLS(stn_transaction_bytes(transaction, &found, NULL, NULL));
    TELLS(stn_store_commit(NULL, NULL, 0, 0, NULL, NULL));
    TELLS(stn_store_commit(transaction, NULL, 1, 0, NULL, NULL)); /* ended all the same */
    CHECK(stn_store_begin(store, "k", 1, &transaction, NULL) == STN_OK);
    stn_store_abort(transaction);
    stn_store_abort(NULL);
    stn_store_key_close(key);
    stn_store_key_close(NULL);
    stn_store_close(store);
    stn_store_close(NULL);
    CHECK(remove(path) == 0 && remove(folder) == 0);
}

int main(void) {
    policies();
    states();
    steps();
    questions();
    stores();
    free(state);
    stn_policy_free(policy);
    puts("nulls: told, and never followed");
    return 0;
}
