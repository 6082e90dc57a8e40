/*
 * A guarded client in C: a few threads that ask the store's key, call the upstream and tell how it ended, over and over.
 * Built by `make -C examples/demo`, started by run.mjs.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.h"

enum { MOST_WORKERS = 16, STORE_WAIT_MS = 2000, WAIT_WITHOUT_STORE_US = 20000, MOST_TRIES = 20, PERCENT_GIVEN_BACK = 4 };
/* Waits are capped, so that a slot given back early is not left unused for long. */
static const uint64_t longest_wait_us = 200000;

static atomic_bool is_stopped;

typedef struct {
    const settings *config;
    const stn_policy *policy;
    const stn_store_key *key;
    connection connection;
    unsigned seed;
} worker;

static const char *wanted(const char *name) {
    const char *value = getenv(name);
    if (!value || !*value) die(name, "is not set");
    return value;
}

static settings read_settings(void) {
    return (settings){
        .upstream = wanted("DEMO_UPSTREAM"),
        .host = wanted("DEMO_HOST"),
        .state = wanted("DEMO_STATE"),
        .key = wanted("DEMO_KEY"),
        .policy = wanted("DEMO_POLICY"),
        .workers = strtol(wanted("DEMO_WORKERS"), NULL, 10),
        .call_timeout_ms = strtol(wanted("DEMO_CALL_TIMEOUT_MS"), NULL, 10),
        .lease_ms = strtol(wanted("DEMO_LEASE_MS"), NULL, 10),
    };
}

static void pause_us(uint64_t us) {
    struct timespec wait = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
    nanosleep(&wait, NULL);
}

static stn_policy *read_policy(const char *path) {
    static char rules[16384];
    FILE *file = fopen(path, "r");
    if (!file) die("policy", path);
    size_t size = fread(rules, 1, sizeof rules, file);
    fclose(file);
    stn_policy *policy;
    stn_error why = {.struct_size = sizeof why};
    if (stn_policy_from_json(rules, size, &policy, &why) != STN_OK) die("policy", why.message);
    return policy;
}

/* The names of a step's events, with `between` between them. */
static void name_events(uint64_t events, const char *between, char *out, size_t size) {
    out[0] = 0;
    for (; events; events >>= 8) {
        const char *name = stn_event_name((uint32_t)(events & 0xff));
        size_t used = strlen(out);
        if (name) snprintf(out + used, size - used, "%s%s", used ? between : "", name);
    }
}

/* What the store said of a step, as the end of a line of JSON. */
static void written(char *out, size_t size, const stn_stored *stored, uint32_t changed, uint64_t events) {
    char names[EVENTS_SIZE];
    name_events(events, "\",\"", names, sizeof names);
    snprintf(out, size, "\"sequence\":%llu,\"changed\":%s,\"events\":[%s%s%s]}", (unsigned long long)stored->sequence,
             changed ? "true" : "false", *names ? "\"" : "", names, *names ? "\"" : "");
}

static const char *answer_name(uint32_t answer) {
    static const char *const names[] = {"", "counted", "stale", "lease_lost"};
    return answer < sizeof names / sizeof *names ? names[answer] : "";
}

static void tell_refusal(worker *w, const stn_decision *d, const stn_stored *stored, uint64_t asked_us) {
    char by[64] = "store", end[512], line[LINE_SIZE];
    size_t needed;
    if (d->verdict == STN_REJECTED) stn_gate_name(w->policy, d->by, by, sizeof by, &needed);
    written(end, sizeof end, stored, d->changed, d->events);
    snprintf(line, sizeof line, "{\"kind\":\"rejected\",\"at_us\":%llu,\"by\":\"%s\",\"retry_after_us\":%llu,%s",
             (unsigned long long)asked_us, by, (unsigned long long)d->retry_after_us, end);
    tell(&w->connection, line, !d->changed);
}

static void refused(worker *w, const stn_decision *d, const stn_stored *stored, uint64_t asked_us) {
    tell_refusal(w, d, stored, asked_us);
    uint64_t wait_us = d->verdict == STN_UNAVAILABLE ? WAIT_WITHOUT_STORE_US : d->retry_after_us;
    pause_us(wait_us < longest_wait_us ? wait_us : longest_wait_us);
}

/* Gives a permit back, by `end` or, where that is null, as never used. A file that was busy is asked again. */
static stn_answer give_back(worker *w, const taken *t, const stn_settle_options *end, stn_stored *stored) {
    stn_error why = {.struct_size = sizeof why};
    for (int tries = 1; tries <= MOST_TRIES; tries++) {
        stn_answer done = {.struct_size = sizeof done};
        *stored = (stn_stored){.struct_size = sizeof *stored};
        uint32_t status = end ? stn_store_settle(w->key, &t->permit, end, 0, &done, stored, &why)
                              : stn_store_cancel(w->key, &t->permit, 0, &done, stored, &why);
        if (status == STN_OK) return done;
        if (strcmp(why.code, "busy") != 0) break;
    }
    die("giving a permit back", why.message);
    return (stn_answer){0};
}

static void cancel(worker *w, const taken *t, const stn_decision *d, const stn_stored *acquired) {
    char end[512], line[LINE_SIZE];
    written(end, sizeof end, acquired, 1, d->events);
    snprintf(line, sizeof line, "{\"kind\":\"held\",\"at_us\":%llu,\"permit\":\"%s\",\"cost\":%u,%s",
             (unsigned long long)t->asked_us, t->text, t->cost, end);
    tell(&w->connection, line, 0);
    uint64_t at_us = stn_now_us();
    stn_stored stored;
    stn_answer done = give_back(w, t, NULL, &stored);
    written(end, sizeof end, &stored, done.changed, done.events);
    snprintf(line, sizeof line, "{\"kind\":\"cancelled\",\"at_us\":%llu,\"permit\":\"%s\",\"answer\":\"%s\",%s",
             (unsigned long long)at_us, t->text, answer_name(done.answer), end);
    tell(&w->connection, line, 0);
}

/* Who is told to wait tells all others by the shared state. */
static void block(worker *w, const taken *t, const char *retry_after) {
    uint64_t at_us = stn_now_us(), until_us;
    stn_parse_retry_after(retry_after, strlen(retry_after), at_us, &until_us);
    if (until_us == 0) return;
    char command[64], end[512], line[LINE_SIZE];
    int length = snprintf(command, sizeof command, "{\"block\":{\"until_us\":%llu}}", (unsigned long long)until_us);
    stn_answer done = {.struct_size = sizeof done};
    stn_stored stored = {.struct_size = sizeof stored};
    stn_error why = {.struct_size = sizeof why};
    if (stn_store_command(w->key, command, (size_t)length, 0, &done, &stored, &why) != STN_OK) die("block", why.message);
    written(end, sizeof end, &stored, done.changed, done.events);
    snprintf(line, sizeof line, "{\"kind\":\"blocked\",\"at_us\":%llu,\"permit\":\"%s\",\"until_us\":%llu,%s",
             (unsigned long long)at_us, t->text, (unsigned long long)until_us, end);
    tell(&w->connection, line, 0);
}

static uint32_t classify(long status) {
    if (status >= 200 && status < 300) return STN_SUCCESS;
    return status == 429 ? STN_IGNORED : STN_FAILURE;
}

static void call(worker *w, const taken *t) {
    static const char *const outcomes[] = {"", "success", "failure", "ignored"};
    char retry_after[64], end[512], line[LINE_SIZE];
    uint64_t started_us = stn_now_us();
    long status = call_upstream(&w->connection, t, retry_after, sizeof retry_after);
    uint64_t at_us = stn_now_us();
    stn_settle_options how = {.struct_size = sizeof how, .outcome = classify(status)};
    /* The system's clock may have been set back meanwhile: then the duration is unknown. */
    if (at_us >= started_us) {
        how.fields = STN_SETTLE_DURATION;
        how.duration_us = at_us - started_us;
    }
    stn_stored stored;
    stn_answer done = give_back(w, t, &how, &stored);
    written(end, sizeof end, &stored, done.changed, done.events);
    snprintf(line, sizeof line,
             "{\"kind\":\"settled\",\"at_us\":%llu,\"permit\":\"%s\",\"outcome\":\"%s\",\"status\":%ld,\"answer\":\"%s\","
             "\"acquired_sequence\":%llu,\"acquired_at_us\":%llu,%s",
             (unsigned long long)at_us, t->text, outcomes[how.outcome], status, answer_name(done.answer),
             (unsigned long long)t->sequence, (unsigned long long)t->asked_us, end);
    tell(&w->connection, line, 0);
    if (status == 429) block(w, t, retry_after);
}

static void once(worker *w) {
    stn_acquire_options wish = {.struct_size = sizeof wish, .fields = STN_ACQUIRE_COST, .cost = 1 + (uint32_t)rand_r(&w->seed) % 8};
    stn_decision d = {.struct_size = sizeof d};
    stn_stored stored = {.struct_size = sizeof stored};
    stn_error why = {.struct_size = sizeof why};
    uint64_t asked_us = stn_now_us();
    if (stn_store_acquire(w->key, &wish, 0, &d, &stored, &why) != STN_OK) die("acquire", why.message);
    if (d.verdict != STN_ADMITTED) {
        refused(w, &d, &stored, asked_us);
        return;
    }
    taken t = {.permit = d.permit, .cost = wish.cost, .sequence = stored.sequence, .asked_us = asked_us};
    size_t needed;
    stn_permit_to_text(&d.permit, t.text, sizeof t.text, &needed);
    name_events(d.events, " ", t.events, sizeof t.events);
    /* The caller may be gone by now, or this process have stood still for so long that the lease would end before the call. */
    uint64_t latest_us = asked_us + (uint64_t)(w->config->lease_ms - w->config->call_timeout_ms) * 1000;
    if (stn_now_us() > latest_us || rand_r(&w->seed) % 100 < PERCENT_GIVEN_BACK) cancel(w, &t, &d, &stored);
    else call(w, &t);
}

static void *work(void *argument) {
    worker *w = argument;
    connection_open(&w->connection, w->config);
    while (!atomic_load(&is_stopped)) once(w);
    connection_close(&w->connection);
    return NULL;
}

static stn_store_key *open_key(const settings *config, const stn_policy *policy) {
    stn_store_options options = {.struct_size = sizeof options, .fields = STN_STORE_WAIT, .wait_ms = STORE_WAIT_MS};
    stn_error why = {.struct_size = sizeof why};
    stn_store *store;
    stn_store_key *key;
    if (stn_store_open(config->state, strlen(config->state), &options, &store, &why) != STN_OK) die("store", why.message);
    if (stn_store_key_open(store, policy, config->key, strlen(config->key), &key, &why) != STN_OK) die("key", why.message);
    stn_store_close(store); /* the key lives on */
    return key;
}

int main(void) {
    static worker workers[MOST_WORKERS];
    pthread_t threads[MOST_WORKERS];
    settings config = read_settings();
    if (config.workers < 1 || config.workers > MOST_WORKERS) die("DEMO_WORKERS", "1 to 16 are allowed");
    curl_global_init(CURL_GLOBAL_DEFAULT);
    stn_policy *policy = read_policy(config.policy);
    stn_store_key *key = open_key(&config, policy);
    for (long i = 0; i < config.workers; i++) {
        workers[i] = (worker){.config = &config, .policy = policy, .key = key, .seed = (unsigned)getpid() * 31 + (unsigned)i};
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0) die("thread", "cannot be started");
    }
    /* Until standard input ends, which it also does when run.mjs dies. */
    char nothing[64];
    while (read(STDIN_FILENO, nothing, sizeof nothing) > 0) continue;
    atomic_store(&is_stopped, true);
    for (long i = 0; i < config.workers; i++) pthread_join(threads[i], NULL);
    stn_store_key_close(key);
    stn_policy_free(policy);
    curl_global_cleanup();
    return 0;
}
