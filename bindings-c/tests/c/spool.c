/* Vectors whose steps are those of a spool: from JSON to JSON, with the state that the step before left. */
#include <stdlib.h>

#include "canonical.h"
#include "replay.h"
#include "stanchion.h"

json_t *error_json(const stn_error *error) {
    return json_pack("{s:{s:s,s:s,s:s}}", "error", "field", error->field, "value", error->value, "allowed",
                     error->allowed);
}

uint64_t start_of(const json_t *vector) {
    const json_t *start = json_object_get(vector, "start_us");
    return start == NULL ? 1700000000000000 : (uint64_t)json_integer_value(start);
}

/* What is refused leaves the state as it was. */
static json_t *refused(const stn_error *error, json_t *state) {
    return json_pack("{s:o,s:b,s:[],s:O}", "answer", error_json(error), "changed", 0, "events", "state", state);
}

static json_t *step(const stn_policy *policy, json_t *state, const json_t *what, uint64_t now_us) {
    stn_error error = {.struct_size = sizeof error};
    text before = {0}, json = {0};
    size_t needed = 0;
    canonical(&before, state);
    canonical(&json, what);
    uint32_t status = STN_BUFFER_TOO_SMALL;
    char *answer = NULL;
    for (size_t capacity = 0; status == STN_BUFFER_TOO_SMALL; capacity = needed) {
        free(answer);
        answer = need(capacity);
        status = stn_spool_step(policy, before.bytes, before.len, json.bytes, json.len, now_us, answer, capacity, &needed,
                                &error);
    }
    json_t *line = status == STN_OK ? json_loads(answer, 0, NULL) : status == STN_INPUT ? refused(&error, state) : NULL;
    text_free(&before);
    text_free(&json);
    free(answer);
    return line;
}

json_t *spool(const json_t *vector, const char *id) {
    stn_error error = {.struct_size = sizeof error};
    stn_policy *policy = build(json_object_get(vector, "policy"), &error);
    if (policy == NULL) broken(id, error.message);
    const json_t *all = json_object_get(vector, "spool");
    json_t *lines = json_array(), *state = json_null();
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *item = json_array_get(all, i);
        const uint64_t now_us = start_of(vector) + (uint64_t)json_integer_value(json_object_get(item, "at_us"));
        json_t *line = step(policy, state, json_object_get(item, "do"), now_us);
        if (line == NULL) broken(id, "a step without an answer");
        json_array_append_new(lines, line);
        state = json_object_get(line, "state");
    }
    stn_policy_free(policy);
    return lines;
}
