/* What client.c and http.c share: the settings of run.mjs, and one worker's connection to the upstream. */
#ifndef CLIENT_H
#define CLIENT_H

#include <curl/curl.h>
#include <stddef.h>
#include <stdint.h>

#include "stanchion.h"

/* What run.mjs says by the environment, to clients of every language. */
typedef struct {
    const char *upstream, *host, *state, *key, *policy;
    long workers, call_timeout_ms, lease_ms;
} settings;

/* What goes into one POST /record: refusals of a quarter of a second at most, and one write. */
enum { TOLD_SIZE = 32768, LINE_SIZE = 1024, EVENTS_SIZE = 160 };

/* One worker's connections, and what it has not told yet. */
typedef struct {
    const settings *config;
    CURL *work, *record;
    char told[TOLD_SIZE];
    size_t told_size;
    uint64_t oldest_us;
} connection;

/* A permit and what it was taken for. */
typedef struct {
    stn_permit permit;
    char text[33];
    uint32_t cost;
    uint64_t sequence, asked_us;
    char events[EVENTS_SIZE];
} taken;

void die(const char *what, const char *why);

void connection_open(connection *c, const settings *config);
void connection_close(connection *c);

/* Calls the upstream. Returns its status, 0 where it did not answer in time; `retry_after` is its header or empty. */
long call_upstream(connection *c, const taken *t, char *retry_after, size_t size);

/* Tells one event, a line of JSON. What wrote is told at once, before the next step. */
void tell(connection *c, const char *line, int may_wait);
void flush(connection *c);

#endif
