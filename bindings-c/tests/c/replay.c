#include "replay.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "canonical.h"
#include "stanchion.h"

enum {
    /* Larger than any state of the vectors, so that a state is adopted where it lies. */
    STATE_BYTES = 1 << 18,
    GATES = 19,
};

typedef struct player {
    const char *id;
    json_t *policies; /* name: configuration */
    json_t *permits;  /* name: digits */
    stn_policy *policy;
    void *state;
    bool is_started;
    uint64_t now_us;
} player;

/* What a step says before the state is added. */
typedef struct said {
    json_t *answer;
    uint32_t changed;
    uint64_t events;
    json_t *names; /* of the events, where they came as names */
} said;

_Noreturn void broken(const char *id, const char *why) {
    fprintf(stderr, "%s: %s\n", id, why);
    exit(2);
}

static void must(const player *p, uint32_t status) {
    if (status != STN_OK) broken(p->id, stn_status_text(status));
}

stn_policy *build(const json_t *config, stn_error *error) {
    text json = {0};
    stn_policy *policy = NULL;
    canonical(&json, config);
    (void)stn_policy_from_json(json.bytes, json.len, &policy, error);
    text_free(&json);
    return policy;
}

static json_t *parsed(const player *p, const char *json) {
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    if (value == NULL) broken(p->id, "the library's JSON is none");
    return value;
}

/* --- names ------------------------------------------------------------------------------------------------------------ */

static json_t *gate_name(const player *p, uint32_t gate) {
    size_t needed = 0;
    (void)stn_gate_name(p->policy, gate, NULL, 0, &needed);
    char *name = need(needed);
    must(p, stn_gate_name(p->policy, gate, name, needed, &needed));
    json_t *value = json_string(name);
    free(name);
    return value;
}

static const char *answer_name(uint32_t answer) {
    switch (answer) {
    case STN_COUNTED: return "counted";
    case STN_STALE: return "stale";
    case STN_LEASE_LOST: return "lease_lost";
    case STN_NOT_LEASED: return "not_leased";
    case STN_DONE: return "done";
    case STN_UNCHANGED: return "unchanged";
    case STN_NO_GATE: return "no_gate";
    default: return "?";
    }
}

static json_t *event_names(uint64_t events) {
    json_t *names = json_array();
    for (; events != 0; events >>= 8) {
        json_array_append_new(names, json_string(stn_event_name((uint32_t)(events & 0xFF))));
    }
    return names;
}

static json_t *refusal(const player *p, const stn_decision *decision) {
    json_t *gates = json_array();
    for (uint32_t gate = 0; gate < GATES; gate++) {
        if ((decision->gates >> gate & 1) != 0) json_array_append_new(gates, gate_name(p, gate));
    }
    json_t *wait = decision->retry_after_us == STN_NEVER ? json_null() : json_integer((json_int_t)decision->retry_after_us);
    return json_pack("{s:b,s:o,s:o,s:o}", "admitted", 0, "by", gate_name(p, decision->by), "gates", gates,
                     "retry_after_us", wait);
}

static json_t *instant(uint64_t at_us) {
    return at_us == 0 ? json_null() : json_pack("{s:I}", "at_us", (json_int_t)at_us);
}

/* --- the steps -------------------------------------------------------------------------------------------------------- */

static stn_acquire_options wish_of(const json_t *args) {
    stn_acquire_options wish = {.struct_size = sizeof wish};
    const json_t *cost = json_object_get(args, "cost");
    if (cost != NULL) {
        wish.fields |= STN_ACQUIRE_COST;
        wish.cost = (uint32_t)json_integer_value(cost);
    }
    const json_t *holder = json_object_get(args, "holder");
    if (holder != NULL) {
        wish.fields |= STN_ACQUIRE_HOLDER;
        (void)stn_holder_hash(json_string_value(holder), json_string_length(holder), &wish.holder);
    }
    return wish;
}

static stn_permit permit_of(const player *p, const json_t *args) {
    const json_t *name = json_object_get(args, "permit");
    const json_t *digits = json_object_get(p->permits, json_string_value(name));
    if (digits == NULL) digits = name;
    stn_permit permit;
    must(p, stn_permit_from_text(json_string_value(digits), json_string_length(digits), &permit, NULL));
    return permit;
}

static said acquire(const player *p, const json_t *args) {
    const stn_acquire_options wish = wish_of(args);
    stn_decision decision = {.struct_size = sizeof decision};
    must(p, stn_acquire(p->policy, p->state, STATE_BYTES, &wish, p->now_us, &decision));
    json_t *answer;
    if (decision.verdict == STN_ADMITTED) {
        char digits[33];
        size_t needed;
        must(p, stn_permit_to_text(&decision.permit, digits, sizeof digits, &needed));
        json_t *would = decision.would_reject == 0 ? json_null() : refusal(p, &decision);
        answer = json_pack("{s:b,s:s,s:o}", "admitted", 1, "permit", digits, "would_reject", would);
    } else {
        answer = refusal(p, &decision);
    }
    return (said){answer, decision.changed, decision.events, NULL};
}

static said answered(const char *kind, const stn_answer *answer) {
    json_t *value = answer->answer == STN_RENEWED ? json_pack("{s:I}", "until_us", (json_int_t)answer->until_us)
                                                  : json_string(answer_name(answer->answer));
    return (said){json_pack("{s:o}", kind, value), answer->changed, answer->events, NULL};
}

static said settle(const player *p, const json_t *args) {
    const stn_permit permit = permit_of(p, args);
    const char *outcome = json_string_value(json_object_get(args, "outcome"));
    stn_settle_options end = {.struct_size = sizeof end};
    if (outcome == NULL) broken(p->id, "a settle without an outcome");
    if (strcmp(outcome, "success") == 0) end.outcome = STN_SUCCESS;
    if (strcmp(outcome, "failure") == 0) end.outcome = STN_FAILURE;
    if (strcmp(outcome, "ignored") == 0) end.outcome = STN_IGNORED;
    const json_t *duration = json_object_get(args, "duration_us");
    if (duration != NULL) {
        end.fields |= STN_SETTLE_DURATION;
        end.duration_us = (uint64_t)json_integer_value(duration);
    }
    const json_t *cost = json_object_get(args, "actual_cost");
    if (cost != NULL) {
        end.fields |= STN_SETTLE_ACTUAL_COST;
        end.actual_cost = (uint32_t)json_integer_value(cost);
    }
    stn_answer answer = {.struct_size = sizeof answer};
    must(p, stn_settle(p->policy, p->state, STATE_BYTES, &permit, &end, p->now_us, &answer));
    return answered("settled", &answer);
}

static said cancel(const player *p, const json_t *args) {
    const stn_permit permit = permit_of(p, args);
    stn_answer answer = {.struct_size = sizeof answer};
    must(p, stn_cancel(p->policy, p->state, STATE_BYTES, &permit, p->now_us, &answer));
    return answered("settled", &answer);
}

static said renew(const player *p, const json_t *args) {
    const stn_permit permit = permit_of(p, args);
    stn_answer answer = {.struct_size = sizeof answer};
    must(p, stn_renew(p->policy, p->state, STATE_BYTES, &permit, p->now_us, &answer));
    return answered("renewed", &answer);
}

static said command(const player *p, const json_t *args) {
    stn_answer answer = {.struct_size = sizeof answer};
    stn_error error = {.struct_size = sizeof error};
    text json = {0};
    canonical(&json, args);
    const uint32_t status =
        stn_command(p->policy, p->state, STATE_BYTES, json.bytes, json.len, p->now_us, &answer, &error);
    text_free(&json);
    if (status == STN_INPUT) return (said){.answer = error_json(&error)};
    must(p, status);
    return answered("commanded", &answer);
}

/* What crosses as JSON. */
static said apply(const player *p, const json_t *what) {
    stn_error error = {.struct_size = sizeof error};
    text json = {0};
    size_t needed = 0;
    canonical(&json, what);
    uint32_t status = stn_apply(p->policy, p->state, STATE_BYTES, json.bytes, json.len, p->now_us, NULL, 0, &needed, &error);
    char *answer = need(needed);
    if (status == STN_BUFFER_TOO_SMALL) {
        status = stn_apply(p->policy, p->state, STATE_BYTES, json.bytes, json.len, p->now_us, answer, needed, &needed, NULL);
    }
    text_free(&json);
    if (status == STN_INPUT) {
        free(answer);
        return (said){.answer = error_json(&error)};
    }
    must(p, status);
    json_t *step = parsed(p, answer);
    free(answer);
    const said said = {json_incref(json_object_get(step, "answer")), json_is_true(json_object_get(step, "changed")), 0,
                       json_incref(json_object_get(step, "events"))};
    json_decref(step);
    return said;
}

/* --- the questions ---------------------------------------------------------------------------------------------------- */

static said peek(const player *p, const json_t *args) {
    const stn_acquire_options wish = wish_of(args);
    stn_decision decision = {.struct_size = sizeof decision};
    must(p, stn_peek(p->policy, p->state, STATE_BYTES, &wish, p->now_us, &decision));
    json_t *answer = decision.verdict == STN_ADMITTED ? json_pack("{s:b}", "admitted", 1) : refusal(p, &decision);
    return (said){answer, decision.changed, decision.events, NULL};
}

static said next_change_at(const player *p, const json_t *args) {
    uint64_t at_us;
    (void)args;
    must(p, stn_next_change_at(p->policy, p->state, STATE_BYTES, p->now_us, &at_us));
    return (said){.answer = instant(at_us)};
}

static said vacuous_at(const player *p, const json_t *args) {
    uint64_t at_us;
    (void)args;
    must(p, stn_vacuous_at(p->policy, p->state, STATE_BYTES, &at_us));
    return (said){.answer = instant(at_us)};
}

static said explain(const player *p, const json_t *args) {
    size_t needed = 0;
    (void)args;
    (void)stn_explain(p->policy, p->state, STATE_BYTES, p->now_us, NULL, 0, &needed);
    char *json = need(needed);
    must(p, stn_explain(p->policy, p->state, STATE_BYTES, p->now_us, json, needed, &needed));
    json_t *value = parsed(p, json);
    free(json);
    return (said){.answer = value};
}

static said rate_limit(const player *p, const json_t *args) {
    char allowed[1024], left[1024];
    size_t needed;
    (void)args;
    must(p, stn_rate_limit_policy(p->policy, allowed, sizeof allowed, &needed));
    must(p, stn_rate_limit(p->policy, p->state, STATE_BYTES, p->now_us, left, sizeof left, &needed));
    return (said){.answer = json_pack("{s:s,s:s}", "rate_limit_policy", allowed, "rate_limit", left)};
}

static uint32_t decode(const player *p, const json_t *digits, stn_error *error) {
    size_t len;
    uint8_t *bytes = from_hex(json_string_value(digits), &len);
    if (bytes == NULL) broken(p->id, "bytes that are not hexadecimal");
    const uint32_t status = stn_state_decode(p->policy, bytes, len, p->state, STATE_BYTES, error);
    free(bytes);
    return status;
}

static said restore(const player *p, const json_t *args) {
    stn_error error = {.struct_size = sizeof error};
    const uint32_t status = decode(p, json_object_get(args, "bytes"), &error);
    if (status == STN_STATE_BYTES) return (said){.answer = json_pack("{s:s}", "error", error.code)};
    must(p, status);
    return (said){.answer = json_pack("{s:b}", "restored", 1)};
}

/* --- a vector --------------------------------------------------------------------------------------------------------- */

static void choose(player *p, const json_t *step) {
    const char *name = json_string_value(json_object_get(step, "policy"));
    if (name == NULL && p->policy != NULL) return;
    const json_t *config = json_object_get(p->policies, name == NULL ? "" : name);
    if (config == NULL) broken(p->id, "a policy that is not there");
    stn_error error = {.struct_size = sizeof error};
    stn_policy_free(p->policy);
    p->policy = build(config, &error);
    if (p->policy == NULL) broken(p->id, error.message);
}

static said do_step(const player *p, const json_t *what) {
    static const struct {
        const char *kind;
        said (*run)(const player *, const json_t *);
    } kinds[] = {
        {"acquire", acquire}, {"settle", settle},   {"cancel", cancel},
        {"renew", renew},     {"command", command}, {"peek", peek},
        {"explain", explain}, {"restore", restore}, {"next_change_at", next_change_at},
        {"vacuous_at", vacuous_at}, {"rate_limit", rate_limit},
    };
    void *first = json_object_iter((json_t *)(uintptr_t)what);
    const char *kind = first == NULL ? "" : json_object_iter_key(first);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].kind, kind) == 0) return kinds[i].run(p, json_object_iter_value(first));
    }
    return apply(p, what);
}

static json_t *encoded(const player *p) {
    size_t needed = 0;
    (void)stn_state_encode(p->policy, p->state, STATE_BYTES, NULL, 0, &needed);
    uint8_t *bytes = need(needed);
    must(p, stn_state_encode(p->policy, p->state, STATE_BYTES, bytes, needed, &needed));
    char *digits = hex(bytes, needed);
    json_t *value = json_string(digits);
    free(digits);
    free(bytes);
    return value;
}

static json_t *step(player *p, const json_t *written, uint64_t start_us) {
    choose(p, written);
    p->now_us = start_us + (uint64_t)json_integer_value(json_object_get(written, "at_us"));
    if (!p->is_started) must(p, stn_state_init(p->policy, p->state, STATE_BYTES, p->now_us));
    p->is_started = true;
    const said said = do_step(p, json_object_get(written, "do"));
    const json_t *as = json_object_get(written, "as");
    json_t *permit = json_object_get(said.answer, "permit");
    if (as != NULL && permit != NULL) json_object_set(p->permits, json_string_value(as), permit);
    return json_pack("{s:o,s:b,s:o,s:o}", "answer", said.answer, "changed", (int)said.changed, "events",
                     said.names != NULL ? said.names : event_names(said.events), "state", encoded(p));
}

static json_t *steps(const json_t *vector, const char *id) {
    player p = {.id = id, .policies = json_object(), .permits = json_object(), .state = need(STATE_BYTES)};
    json_object_update(p.policies, json_object_get(vector, "policies"));
    json_object_set(p.policies, "", json_object_get(vector, "policy"));
    const json_t *all = json_object_get(vector, "steps");
    const uint64_t start_us = start_of(vector);
    const json_t *state = json_object_get(vector, "state");
    if (state != NULL) {
        choose(&p, json_array_get(all, 0));
        must(&p, decode(&p, state, NULL));
        p.is_started = true;
    }
    json_t *lines = json_array();
    for (size_t i = 0; i < json_array_size(all); i++) {
        json_array_append_new(lines, step(&p, json_array_get(all, i), start_us));
    }
    stn_policy_free(p.policy);
    free(p.state);
    json_decref(p.permits);
    json_decref(p.policies);
    return lines;
}

static json_t *config(const json_t *config, const char *id) {
    const player p = {.id = id};
    stn_error error = {.struct_size = sizeof error};
    stn_policy *policy = build(config, &error);
    if (policy == NULL) return error_json(&error);
    uint32_t fingerprint;
    must(&p, stn_policy_fingerprint(policy, &fingerprint));
    size_t needed = 0;
    (void)stn_policy_config(policy, NULL, 0, &needed);
    char *json = need(needed);
    must(&p, stn_policy_config(policy, json, needed, &needed));
    json_t *line = json_pack("{s:I,s:o}", "fingerprint", (json_int_t)fingerprint, "config", parsed(&p, json));
    free(json);
    stn_policy_free(policy);
    return line;
}

json_t *replay(const json_t *vector, const char *id) {
    const json_t *build_from = json_object_get(vector, "config");
    if (build_from != NULL) return json_pack("[o]", config(build_from, id));
    if (json_object_get(vector, "classify") != NULL) return json_pack("[o]", classify(vector, id));
    if (json_object_get(vector, "retry_after") != NULL) return json_pack("[o]", retry_after(vector, id));
    if (json_object_get(vector, "spool") != NULL) return spool(vector, id);
    if (json_object_get(vector, "steps") == NULL) broken(id, "neither steps, spool, config, classify nor retry_after");
    return steps(vector, id);
}
