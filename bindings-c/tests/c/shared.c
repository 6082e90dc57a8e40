/* One policy from many threads, each with a state of its own; and one state file from many threads. */
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "stanchion.h"

#define NOW UINT64_C(1700000000000000)

enum { THREADS = 4, CALLS = 20000, SHARED_CALLS = 500 };

static const char rules[] = "{\"name\":\"p\",\"circuit\":{\"consecutive_failures\":5},"
                            "\"limits\":[{\"name\":\"calls\",\"capacity\":1000,\"refill_tokens\":1,"
                            "\"refill_interval_ms\":4000000000}],\"bulkhead\":{\"max_concurrent\":8},"
                            "\"on_store_error\":\"reject\"}";

static stn_policy *policy;
static stn_store *store;

static void *alone(void *admitted) {
    size_t size;
    CHECK(stn_state_size(policy, &size) == STN_OK);
    void *state = malloc(size);
    CHECK(stn_state_init(policy, state, size, NOW) == STN_OK);
    for (unsigned i = 0; i < CALLS; i++) {
        stn_decision decision = {.struct_size = sizeof decision};
        CHECK(stn_acquire(policy, state, size, NULL, NOW + i, &decision) == STN_OK);
        if (decision.verdict != STN_ADMITTED) continue;
        const stn_settle_options end = {.struct_size = sizeof end, .outcome = STN_SUCCESS};
        CHECK(stn_settle(policy, state, size, &decision.permit, &end, NOW + i, NULL) == STN_OK);
        *(unsigned *)admitted += 1;
    }
    free(state);
    return NULL;
}

static void *together(void *admitted) {
    stn_store_key *key;
    stn_error error = {.struct_size = sizeof error};
    CHECK(stn_store_key_open(store, policy, "one", 3, &key, &error) == STN_OK);
    for (unsigned i = 0; i < SHARED_CALLS; i++) {
        stn_decision decision = {.struct_size = sizeof decision};
        stn_stored stored = {.struct_size = sizeof stored};
        CHECK(stn_store_acquire(key, NULL, NOW, &decision, &stored, &error) == STN_OK && stored.degraded == 0);
        if (decision.verdict != STN_ADMITTED) continue;
        const stn_settle_options end = {.struct_size = sizeof end, .outcome = STN_SUCCESS};
        CHECK(stn_store_settle(key, &decision.permit, &end, NOW, NULL, &stored, &error) == STN_OK);
        CHECK(stored.sequence > 0);
        *(unsigned *)admitted += 1;
    }
    stn_store_key_close(key);
    return NULL;
}

/* Runs it on all threads, and returns how many calls were admitted; each thread's into `each`. */
static unsigned run(void *(*what)(void *), unsigned each[THREADS]) {
    pthread_t threads[THREADS];
    unsigned sum = 0;
    memset(each, 0, THREADS * sizeof *each);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, what, &each[i]) == 0);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    for (int i = 0; i < THREADS; i++) sum += each[i];
    return sum;
}

/* Decides elsewhere: the bytes of one key are those of the other, under the lock. */
static void transact(void) {
    stn_transaction *transaction;
    const uint8_t *found;
    size_t len;
    uint64_t sequence = 0;
    stn_error error = {.struct_size = sizeof error};
    stn_stored stored = {.struct_size = sizeof stored};
    CHECK(stn_store_begin(store, "two", 3, &transaction, &error) == STN_OK);
    CHECK(stn_transaction_bytes(transaction, &found, &len, &stored) == STN_OK && found == NULL && len == 0);
    CHECK(stored.sequence == 0);
    CHECK(stn_store_commit(transaction, (const uint8_t *)"abc", 3, 0, &sequence, &error) == STN_OK && sequence == 1);
    CHECK(stn_store_begin(store, "two", 3, &transaction, &error) == STN_OK);
    CHECK(stn_transaction_bytes(transaction, &found, &len, NULL) == STN_OK && len == 3 && memcmp(found, "abc", 3) == 0);
    stn_store_abort(transaction);
}

/* Who must not wait is told that another holds the lock, and nothing was decided: the number of writes says so. */
static void try(void) {
    stn_transaction *transaction;
    stn_store_key *key;
    stn_error error = {.struct_size = sizeof error};
    stn_stored stored = {.struct_size = sizeof stored};
    stn_decision decision = {.struct_size = sizeof decision};
    CHECK(stn_store_key_open(store, policy, "three", 5, &key, &error) == STN_OK);
    CHECK(stn_store_begin(store, "another", 7, &transaction, &error) == STN_OK);
    CHECK(stn_store_try_acquire(key, NULL, 0, &decision, &stored, &error) == STN_STORE && strcmp(error.code, "busy") == 0);
    stn_store_abort(transaction);
    CHECK(stn_store_try_acquire(key, NULL, 0, &decision, &stored, &error) == STN_OK && decision.verdict == STN_ADMITTED);
    CHECK(stored.sequence == 1 && stored.degraded == 0);
    stn_store_key_close(key);
}

/* A forked child shares the lock with its parent, so it is refused, and opens the file anew. The parent goes on as before. */
static void fork_off(const char *path) {
    stn_store_key *key;
    stn_error error = {.struct_size = sizeof error};
    stn_stored stored = {.struct_size = sizeof stored};
    stn_decision decision = {.struct_size = sizeof decision};
    CHECK(stn_store_key_open(store, policy, "four", 4, &key, &error) == STN_OK);
    CHECK(stn_store_acquire(key, NULL, 0, &decision, &stored, &error) == STN_OK && stored.sequence == 1);
    const pid_t child = fork();
    if (child == 0) {
        stn_store *own = NULL;
        stn_store_key *own_key;
        /* What it opens makes what it took along no better. */
        for (int i = 0; i < 2; i++) {
            CHECK(stn_store_acquire(key, NULL, 0, &decision, &stored, &error) == STN_OK && stored.degraded == 1);
            CHECK(strcmp(error.code, "forked") == 0);
            if (own == NULL) CHECK(stn_store_open(path, strlen(path), NULL, &own, &error) == STN_OK);
        }
        CHECK(stn_store_key_open(own, policy, "four", 4, &own_key, &error) == STN_OK);
        CHECK(stn_store_acquire(own_key, NULL, 0, &decision, &stored, &error) == STN_OK && stored.sequence == 2);
        stn_store_key_close(own_key);
        stn_store_close(own);
        stn_store_key_close(key);
        stn_store_close(store);
        stn_policy_free(policy);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(stn_store_acquire(key, NULL, 0, &decision, &stored, &error) == STN_OK && stored.sequence == 3);
    stn_store_key_close(key);
}

int main(void) {
    char folder[] = "/tmp/stanchion-shared-XXXXXX", path[64];
    unsigned each[THREADS];
    stn_error error = {.struct_size = sizeof error};
    CHECK(stn_policy_from_json(rules, sizeof rules - 1, &policy, &error) == STN_OK);
    CHECK(run(alone, each) == THREADS * 1000);
    for (int i = 0; i < THREADS; i++) CHECK(each[i] == 1000);

    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof path, "%s/state", folder);
    const stn_store_options options = {.struct_size = sizeof options, .fields = STN_STORE_WAIT, .wait_ms = 10000};
    CHECK(stn_store_open(path, strlen(path), &options, &store, &error) == STN_OK);
    CHECK(run(together, each) == 1000);
    transact();
    try();
    fork_off(path);
    stn_store_close(store);
    stn_policy_free(policy);
    CHECK(stn_store_open("/proc/none/state", 16, NULL, &store, &error) == STN_STORE);
    CHECK(store == NULL && strstr(error.message, "/proc/none") != NULL && error.code[0] != '\0');
    CHECK(unlink(path) == 0 && rmdir(folder) == 0);
    puts("shared: one policy, one state file, many threads");
    return 0;
}
