/* The spool through stanchion.h, and what probes are answered: what they say, and what callers get wrong. */
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "stanchion.h"

#define NOW UINT64_C(1700000000000000)
#define SECOND UINT64_C(1000000)
#define TELLS(call) CHECK((call) == STN_NULL_POINTER)

static const char rules[] = "{\"name\":\"s\",\"spool\":{\"max_items\":2,\"max_item_bytes\":8,\"max_attempts\":2,"
                            "\"base_delay_ms\":1000,\"lease_ms\":5000,\"dedupe_window_ms\":60000}}";

static stn_policy *policy;
static stn_spool *spool;
static stn_error error = {.struct_size = sizeof error};
static stn_spool_answer answer = {.struct_size = sizeof answer};
static stn_spool_offer offer = {.struct_size = sizeof offer};

static uint32_t append(const char *id, const char *payload) {
    CHECK(stn_spool_append(spool, id, id == NULL ? 0 : strlen(id), (const uint8_t *)payload, strlen(payload), NOW, &answer,
                           &error) == STN_OK);
    return answer.answer;
}

/* Leases at an instant; the delivery is closed, for its numbers settle it. */
static uint32_t lease(uint64_t now_us) {
    stn_delivery *delivery;
    CHECK(stn_spool_lease(spool, now_us, &offer, &delivery, &error) == STN_OK);
    CHECK((offer.is_leased == 1) == (delivery != NULL));
    stn_delivery_close(delivery);
    return offer.is_leased;
}

static uint32_t settle(uint32_t outcome, uint32_t is_refused, uint64_t now_us) {
    const stn_spool_end end = {.struct_size = sizeof end, .outcome = outcome, .is_refused = is_refused};
    CHECK(stn_spool_settle(spool, offer.seq, offer.lease, &end, now_us, &answer, &error) == STN_OK);
    return answer.answer;
}

static void a_life_of_items(void) {
    CHECK(append("a", "hello") == STN_SPOOL_APPENDED && answer.seq == 1);
    CHECK(append("a", "hello") == STN_SPOOL_DUPLICATE && answer.seq == 1);
    CHECK(append(NULL, "too large") == STN_SPOOL_FULL_ITEM && answer.seq == 0);
    CHECK(append(NULL, "") == STN_SPOOL_APPENDED && answer.seq == 2);
    CHECK(append(NULL, "more") == STN_SPOOL_FULL_ITEMS);
    CHECK(lease(NOW) == 1 && offer.seq == 1 && offer.attempt == 1 && offer.until_us == NOW + 5 * SECOND);
    CHECK(offer.since_us == NOW && offer.wait_by == 0);
    CHECK(stn_spool_renew(spool, 1, offer.lease, NOW + SECOND, &answer, &error) == STN_OK);
    CHECK(answer.answer == STN_SPOOL_RENEWED && answer.at_us == NOW + 6 * SECOND);
    CHECK(settle(STN_FAILURE, 0, NOW + SECOND) == STN_SPOOL_RETURNED && answer.at_us == NOW + 2 * SECOND);
    CHECK(lease(NOW + SECOND) == 1 && offer.seq == 2);
    CHECK(settle(STN_SUCCESS, 0, NOW + SECOND) == STN_SPOOL_ACKNOWLEDGED);
    CHECK(settle(STN_SUCCESS, 0, NOW + SECOND) == STN_SPOOL_NOT_FOUND);
    CHECK(lease(NOW + SECOND) == 0 && offer.wait_by == STN_SPOOL_WAIT_BACKOFF && offer.wait_at_us == NOW + 2 * SECOND);
    CHECK(lease(NOW + 2 * SECOND) == 1 && offer.attempt == 2);
    CHECK(settle(STN_FAILURE, 0, NOW + 2 * SECOND) == STN_SPOOL_DIED && answer.why == STN_SPOOL_DEAD_ATTEMPTS);
    CHECK(stn_spool_requeue(spool, 1, NOW + 2 * SECOND, &answer, &error) == STN_OK);
    CHECK(answer.answer == STN_SPOOL_REQUEUED && lease(NOW + 2 * SECOND) == 1);
    CHECK(settle(STN_FAILURE, 1, NOW + 2 * SECOND) == STN_SPOOL_DIED && answer.why == STN_SPOOL_DEAD_REFUSED);
    CHECK(stn_spool_resume(spool, NOW + 2 * SECOND, &answer, &error) == STN_OK && answer.answer == STN_SPOOL_UNCHANGED);
    stn_spool_totals totals = {.struct_size = sizeof totals};
    CHECK(stn_spool_count(spool, NOW + 2 * SECOND, &totals, &error) == STN_OK && totals.items == 0 && totals.dead == 1);
    CHECK(totals.bytes == 5 && totals.leased == 0);
    CHECK(stn_spool_remove(spool, 1, NOW + 2 * SECOND, NULL, NULL) == STN_OK);
    CHECK(lease(NOW + 2 * SECOND) == 0 && offer.wait_at_us == 0 && offer.wait_by == 0);
}

static uint32_t settle_call(uint32_t outcome, uint32_t call, uint64_t now_us) {
    const stn_spool_end end = {.struct_size = sizeof end, .outcome = outcome, .call = call};
    CHECK(stn_spool_settle(spool, offer.seq, offer.lease, &end, now_us, &answer, &error) == STN_OK);
    return answer.answer;
}

/* Of a call through the gates the library judges what it makes of the item. */
static void a_call_is_judged(void) {
    CHECK(append(NULL, "call") == STN_SPOOL_APPENDED && lease(NOW + 2 * SECOND) == 1);
    CHECK(settle_call(STN_IGNORED, STN_SPOOL_CALL_CANCELLED, NOW + 2 * SECOND) == STN_SPOOL_RETURNED);
    CHECK(answer.at_us == NOW + 2 * SECOND && lease(NOW + 2 * SECOND) == 1 && offer.attempt == 1);
    CHECK(settle_call(STN_SUCCESS, STN_SPOOL_CALL_FAILED, NOW + 2 * SECOND) == STN_SPOOL_RETURNED);
    CHECK(answer.at_us == NOW + 3 * SECOND && lease(NOW + 3 * SECOND) == 1 && offer.attempt == 2);
    CHECK(settle_call(STN_SUCCESS, STN_SPOOL_CALL_RETURNED, NOW + 3 * SECOND) == STN_SPOOL_ACKNOWLEDGED);
}

/* What is there is shown, and nothing is taken by that. */
static void looks(void) {
    char list[512];
    uint8_t part[4];
    size_t needed = 0, read = 7;
    stn_delivery *delivery;
    CHECK(stn_spool_peek(spool, NOW, &offer, &error) == STN_OK && offer.is_leased == 0 && offer.wait_at_us == 0);
    CHECK(append("id", "payload") == STN_SPOOL_APPENDED);
    const uint64_t seq = answer.seq;
    CHECK(stn_spool_peek(spool, NOW + 3 * SECOND, &offer, &error) == STN_OK && offer.is_leased == 1 && offer.lease == 0);
    CHECK(offer.seq == seq && offer.bytes == 7 && offer.attempt == 1 && offer.died == 0);
    CHECK(stn_spool_items(spool, NULL, 0, &needed, &error) == STN_BUFFER_TOO_SMALL && needed > 9);
    CHECK(stn_spool_items(spool, list, sizeof list, &needed, &error) == STN_OK);
    CHECK(strstr(list, "\"id\":\"id\",\"bytes\":7") != NULL && strstr(list, "\"status\":\"waiting\"") != NULL);
    CHECK(stn_spool_dead_letters(spool, list, sizeof list, &needed, &error) == STN_OK && strcmp(list, "[]") == 0);
    CHECK(stn_spool_look(spool, seq + 1, &delivery, &error) == STN_OK && delivery == NULL);
    CHECK(stn_spool_look(spool, seq, &delivery, &error) == STN_OK && delivery != NULL);
    CHECK(stn_delivery_read(delivery, 5, part, sizeof part, &read) == STN_OK && read == 2 && memcmp(part, "ad", 2) == 0);
    CHECK(stn_delivery_read(delivery, 7, part, sizeof part, &read) == STN_OK && read == 0);
    CHECK(stn_delivery_read(delivery, 0, NULL, 0, &read) == STN_OK && read == 0);
    TELLS(stn_delivery_read(NULL, 0, part, sizeof part, &read));
    TELLS(stn_delivery_read(delivery, 0, NULL, 1, &read));
    TELLS(stn_delivery_read(delivery, 0, part, sizeof part, NULL));
    stn_delivery_close(delivery);
    TELLS(stn_spool_peek(NULL, NOW, &offer, &error));
    TELLS(stn_spool_peek(spool, NOW, NULL, &error));
    TELLS(stn_spool_look(NULL, seq, &delivery, &error));
    TELLS(stn_spool_look(spool, seq, NULL, &error));
    TELLS(stn_spool_items(NULL, list, sizeof list, &needed, &error));
    TELLS(stn_spool_items(spool, list, sizeof list, NULL, &error));
    TELLS(stn_spool_dead_letters(NULL, list, sizeof list, &needed, &error));
    TELLS(stn_spool_dead_letters(spool, list, sizeof list, NULL, &error));
    CHECK(stn_spool_remove(spool, seq, NOW + 3 * SECOND, NULL, NULL) == STN_OK);
}

static void payloads(void) {
    uint8_t payload[8];
    char id[8];
    size_t needed = 0;
    stn_delivery *delivery;
    CHECK(append("id", "payload") == STN_SPOOL_APPENDED);
    CHECK(stn_spool_lease(spool, NOW + 9 * SECOND, &offer, &delivery, &error) == STN_OK && offer.is_leased == 1);
    CHECK(stn_delivery_payload(delivery, payload, 3, &needed) == STN_BUFFER_TOO_SMALL && needed == 7);
    CHECK(stn_delivery_payload(delivery, payload, sizeof payload, &needed) == STN_OK && memcmp(payload, "payload", 7) == 0);
    CHECK(stn_delivery_id(delivery, NULL, 0, &needed) == STN_BUFFER_TOO_SMALL && needed == 3);
    CHECK(stn_delivery_id(delivery, id, sizeof id, &needed) == STN_OK && strcmp(id, "id") == 0);
    TELLS(stn_delivery_payload(NULL, payload, sizeof payload, &needed));
    TELLS(stn_delivery_payload(delivery, payload, sizeof payload, NULL));
    TELLS(stn_delivery_id(NULL, id, sizeof id, &needed));
    TELLS(stn_delivery_id(delivery, id, sizeof id, NULL));
    CHECK(stn_delivery_payload((const stn_delivery *)spool, payload, sizeof payload, &needed) == STN_BAD_HANDLE);
    stn_delivery_close(delivery);
    stn_delivery_close(NULL);
    CHECK(settle(STN_SUCCESS, 0, NOW + 9 * SECOND) == STN_SPOOL_ACKNOWLEDGED);
}

static void lines(const char *path) {
    stn_spool_imported imported = {.struct_size = sizeof imported};
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs("{\"a\":1}\n\n{\"a\":\n[1,2,3,4,5]\n{}\n", file) >= 0 && fclose(file) == 0);
    CHECK(stn_spool_import(spool, path, strlen(path), NOW + 9 * SECOND, &imported, &error) == STN_OK);
    CHECK(imported.accepted == 2 && imported.blank == 1 && imported.torn == 1 && imported.first_torn_line == 3);
    CHECK(imported.too_long == 1 && imported.first_too_long_line == 4 && imported.full_at_line == 0);
    CHECK(stn_spool_import(spool, path, strlen(path), NOW + 9 * SECOND, &imported, &error) == STN_OK);
    CHECK(imported.accepted == 0 && imported.duplicates == 2);
    CHECK(stn_spool_import(spool, "/nowhere", 8, NOW, &imported, &error) == STN_STORE);
    TELLS(stn_spool_import(NULL, path, strlen(path), NOW, &imported, &error));
    TELLS(stn_spool_import(spool, NULL, 1, NOW, &imported, &error));
    TELLS(stn_spool_import(spool, path, strlen(path), NOW, NULL, &error));
    while (lease(NOW + 9 * SECOND) == 1)
        CHECK(settle(STN_SUCCESS, 0, NOW + 9 * SECOND) == STN_SPOOL_ACKNOWLEDGED);
}

static void misuse(const char *path) {
    stn_spool *none;
    stn_delivery *delivery;
    stn_spool_totals totals = {.struct_size = sizeof totals};
    stn_spool_end end = {.struct_size = sizeof end, .outcome = STN_SUCCESS};
    const size_t len = strlen(path);
    TELLS(stn_spool_open(NULL, len, policy, NULL, &none, &error));
    TELLS(stn_spool_open(path, len, NULL, NULL, &none, &error));
    TELLS(stn_spool_open(path, len, policy, NULL, NULL, &error));
    TELLS(stn_spool_append(NULL, NULL, 0, NULL, 0, NOW, &answer, &error));
    TELLS(stn_spool_append(spool, NULL, 0, NULL, 1, NOW, &answer, &error));
    TELLS(stn_spool_append(spool, NULL, 0, NULL, 0, NOW, NULL, &error));
    CHECK(stn_spool_append(spool, "", 0, NULL, 0, NOW, &answer, &error) == STN_STORE); /* an id of no bytes */
    CHECK(stn_spool_append(spool, NULL, 0, NULL, 0, UINT64_C(1) << 52, &answer, &error) == STN_OUT_OF_RANGE);
    TELLS(stn_spool_lease(NULL, NOW, &offer, &delivery, &error));
    TELLS(stn_spool_lease(spool, NOW, NULL, &delivery, &error));
    TELLS(stn_spool_lease(spool, NOW, &offer, NULL, &error));
    TELLS(stn_spool_settle(NULL, 1, 1, &end, NOW, &answer, &error));
    TELLS(stn_spool_settle(spool, 1, 1, NULL, NOW, &answer, &error));
    end.is_refused = 1; /* and delivered at once? */
    CHECK(stn_spool_settle(spool, 1, 1, &end, NOW, &answer, &error) == STN_OUT_OF_RANGE);
    end = (stn_spool_end){.struct_size = sizeof end, .outcome = STN_SUCCESS, .call = STN_SPOOL_CALL_CANCELLED + 1};
    CHECK(stn_spool_settle(spool, 1, 1, &end, NOW, &answer, &error) == STN_OUT_OF_RANGE);
    end = (stn_spool_end){.struct_size = sizeof end};
    CHECK(stn_spool_settle(spool, 1, 1, &end, NOW, &answer, &error) == STN_OUT_OF_RANGE);
    TELLS(stn_spool_renew(NULL, 1, 1, NOW, &answer, &error));
    TELLS(stn_spool_resume(NULL, NOW, &answer, &error));
    TELLS(stn_spool_requeue(NULL, 1, NOW, &answer, &error));
    TELLS(stn_spool_remove(NULL, 1, NOW, &answer, &error));
    TELLS(stn_spool_count(NULL, NOW, &totals, &error));
    TELLS(stn_spool_count(spool, NOW, NULL, &error));
    stn_spool_close(NULL);
}

static void probes(void) {
    static const char bad[] = "{\"mail\":{\"live\":true,\"ready\":false,\"degraded\":true,\"reasons\":[\"circuit_open\"]}}";
    static const char wrong[] = "{\"mail\":{}}";
    const size_t len = sizeof bad - 1;
    uint32_t status = 0, is = 7;
    char body[256];
    size_t needed = 0;
    CHECK(stn_health_report(bad, len, 0, &status, body, sizeof body, &needed, &error) == STN_OK && status == 200);
    CHECK(strncmp(body, "{\"status\":\"warn\"", 16) == 0 && strlen(body) == needed - 1);
    CHECK(stn_health_report(bad, len, 1, &status, body, sizeof body, &needed, &error) == STN_OK && status == 503);
    CHECK(strncmp(body, "{\"status\":\"fail\"", 16) == 0);
    status = 7;
    CHECK(stn_health_report(bad, len, 1, &status, body, 9, &needed, &error) == STN_BUFFER_TOO_SMALL && status == 7);
    CHECK(stn_health_report(bad, len, 2, &status, body, sizeof body, &needed, &error) == STN_OUT_OF_RANGE);
    CHECK(stn_health_report(wrong, sizeof wrong - 1, 1, &status, body, sizeof body, &needed, &error) == STN_INPUT);
    CHECK(error.field[0] != '\0' && status == 7);
    TELLS(stn_health_report(NULL, len, 1, &status, body, sizeof body, &needed, &error));
    TELLS(stn_health_report(bad, len, 1, NULL, body, sizeof body, &needed, &error));
    TELLS(stn_health_report(bad, len, 1, &status, body, sizeof body, NULL, &error));
    CHECK(stn_is_idempotent_method("GET", 3, &is) == STN_OK && is == 1);
    CHECK(stn_is_idempotent_method("POST", 4, &is) == STN_OK && is == 0);
    TELLS(stn_is_idempotent_method(NULL, 3, &is));
    TELLS(stn_is_idempotent_method("GET", 3, NULL));
}

static void a_file_that_is_read_without_its_lock(const char *path) {
    stn_store *store;
    stn_store_key *key;
    stn_transaction *held;
    char health[256];
    size_t needed = 0;
    CHECK(stn_store_open(path, strlen(path), NULL, &store, &error) == STN_OK);
    CHECK(stn_store_key_open(store, policy, "k", 1, &key, &error) == STN_OK);
    CHECK(stn_store_begin(store, "other", 5, &held, &error) == STN_OK);
    CHECK(stn_store_health(key, NOW, health, sizeof health, &needed) == STN_OK && strstr(health, "\"degraded\":false") != NULL);
    stn_store_abort(held);
    CHECK(truncate(path, 0) == 0);
    CHECK(stn_store_health(key, NOW, health, sizeof health, &needed) == STN_OK && strstr(health, "store_away") != NULL);
    CHECK(stn_store_health(key, NOW, NULL, 0, &needed) == STN_BUFFER_TOO_SMALL && needed > 1);
    TELLS(stn_store_health(NULL, NOW, health, sizeof health, &needed));
    TELLS(stn_store_health(key, NOW, health, sizeof health, NULL));
    stn_store_key_close(key);
    stn_store_close(store);
}

int main(void) {
    char folder[] = "/tmp/stanchion-items-XXXXXX", path[64], command[96];
    CHECK(mkdtemp(folder) != NULL);
    CHECK(stn_policy_from_json(rules, sizeof rules - 1, &policy, NULL) == STN_OK);
    (void)snprintf(path, sizeof path, "%s/spool", folder);
    CHECK(stn_spool_open(path, strlen(path), policy, NULL, &spool, &error) == STN_OK);
    a_life_of_items();
    a_call_is_judged();
    looks();
    payloads();
    misuse(path);
    (void)snprintf(path, sizeof path, "%s/lines", folder);
    lines(path);
    probes();
    stn_spool_close(spool);
    (void)snprintf(path, sizeof path, "%s/state", folder);
    a_file_that_is_read_without_its_lock(path);
    stn_policy_free(policy);
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK(system(command) == 0);
    puts("items: kept until they were delivered, and probes answered");
    return 0;
}
