/* A vector of the table of statuses and network errors. */
#include <string.h>

#include "replay.h"

static uint32_t network_error(const char *name) {
    static const struct {
        const char *name;
        uint32_t error;
    } all[] = {
        {"refused", STN_NETWORK_REFUSED}, {"reset", STN_NETWORK_RESET}, {"timeout", STN_NETWORK_TIMEOUT},
        {"dns", STN_NETWORK_DNS},         {"tls", STN_NETWORK_TLS},     {"aborted", STN_NETWORK_ABORTED},
        {"other", STN_NETWORK_OTHER},
    };
    for (size_t i = 0; name != NULL && i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(all[i].name, name) == 0) return all[i].error;
    }
    return 0;
}

static const char *outcome_name(uint32_t outcome) {
    return outcome == STN_SUCCESS ? "success" : outcome == STN_FAILURE ? "failure" : "ignored";
}

static const char *retry_name(uint32_t retry) {
    return retry == STN_RETRY_ALWAYS ? "always" : retry == STN_RETRY_IDEMPOTENT ? "idempotent" : "never";
}

static const char *fault_name(uint32_t fault) {
    switch (fault) {
    case STN_FAULT_TRANSIENT: return "transient";
    case STN_FAULT_THROTTLED: return "throttled";
    case STN_FAULT_UNAUTHENTICATED: return "unauthenticated";
    case STN_FAULT_SESSION_LOST: return "session_lost";
    case STN_FAULT_CONFLICT: return "conflict";
    case STN_FAULT_FATAL: return "fatal";
    case STN_FAULT_CANCELLED: return "cancelled";
    default: return NULL;
    }
}

json_t *instant_or_null(uint64_t at_us) {
    return at_us == 0 ? json_null() : json_integer((json_int_t)at_us);
}

json_t *classify(const json_t *vector, const char *id) {
    const json_t *what = json_object_get(vector, "classify");
    const json_t *header = json_object_get(what, "retry_after");
    const uint64_t now_us = (uint64_t)json_integer_value(json_object_get(vector, "now_us"));
    const stn_reply reply = {
        .struct_size = sizeof reply,
        .status = (uint32_t)json_integer_value(json_object_get(what, "status")),
        .error = network_error(json_string_value(json_object_get(what, "error"))),
        .retry_after = json_string_value(header),
        .retry_after_len = json_string_length(header),
    };
    stn_error error = {.struct_size = sizeof error};
    stn_policy *policy = build(json_object_get(vector, "policy"), &error);
    if (policy == NULL) broken(id, error.message);
    stn_classified classified = {.struct_size = sizeof classified};
    if (stn_classify(policy, &reply, now_us, &classified) != STN_OK) broken(id, "a reply that is none");
    stn_policy_free(policy);
    return json_pack("{s:s,s:o,s:s,s:o,s:s?}", "outcome", outcome_name(classified.outcome), "block_until_us",
                     instant_or_null(classified.block_until_us), "retry", retry_name(classified.retry), "retry_at_us",
                     instant_or_null(classified.retry_at_us), "fault", fault_name(classified.fault));
}

json_t *retry_after(const json_t *vector, const char *id) {
    const json_t *value = json_object_get(vector, "retry_after");
    const uint64_t now_us = (uint64_t)json_integer_value(json_object_get(vector, "now_us"));
    uint64_t until_us;
    const uint32_t status =
        stn_parse_retry_after(json_string_value(value), json_string_length(value), now_us, &until_us);
    if (status != STN_OK) broken(id, stn_status_text(status));
    return json_pack("{s:o}", "until_us", instant_or_null(until_us));
}
