/* How the C client speaks to the upstream, by libcurl. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "client.h"

enum { LONGEST_UNTOLD_US = 250000 };

void die(const char *what, const char *why) {
    fprintf(stderr, "c: %s: %s\n", what, why);
    exit(1);
}

static size_t discard(char *bytes, size_t size, size_t count, void *nothing) {
    (void)bytes;
    (void)nothing;
    return size * count;
}

static struct curl_slist *with(struct curl_slist *headers, const char *format, const char *value) {
    char line[256];
    snprintf(line, sizeof line, format, value);
    struct curl_slist *longer = curl_slist_append(headers, line);
    if (!longer) die("headers", "no memory");
    return longer;
}

static struct curl_slist *with_number(struct curl_slist *headers, const char *format, uint64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return with(headers, format, text);
}

static struct curl_slist *signature(const settings *config) {
    return with_number(with(NULL, "x-host: %s", config->host), "x-pid: %s", (uint64_t)getpid());
}

static CURL *handle(const settings *config, const char *path) {
    char url[256];
    snprintf(url, sizeof url, "%s%s", config->upstream, path);
    CURL *curl = curl_easy_init();
    if (!curl) die("libcurl", "no handle");
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard);
    return curl;
}

void connection_open(connection *c, const settings *config) {
    memset(c, 0, sizeof *c);
    c->config = config;
    c->work = handle(config, "/work");
    c->record = handle(config, "/record");
}

void connection_close(connection *c) {
    flush(c);
    curl_easy_cleanup(c->work);
    curl_easy_cleanup(c->record);
}

/* Where the Retry-After header goes. */
typedef struct {
    char *value;
    size_t size;
} header_slot;

static size_t read_header(char *line, size_t size, size_t count, void *slot) {
    static const char name[] = "retry-after:";
    size_t length = size * count;
    const header_slot *out = slot;
    if (length >= sizeof name && strncasecmp(line, name, sizeof name - 1) == 0) {
        const char *value = line + sizeof name - 1, *end = line + length;
        while (value < end && *value == ' ') value++;
        while (end > value && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ')) end--;
        snprintf(out->value, out->size, "%.*s", (int)(end - value), value);
    }
    return length;
}

/* Whatever made the caller late, the call ends before its lease does. */
static long milliseconds_left(const settings *config, uint64_t asked_us) {
    long left = config->lease_ms - (long)((stn_now_us() - asked_us) / 1000);
    if (left > config->call_timeout_ms) return config->call_timeout_ms;
    return left > 1 ? left : 1;
}

long call_upstream(connection *c, const taken *t, char *retry_after, size_t size) {
    header_slot slot = {retry_after, size};
    struct curl_slist *headers = signature(c->config);
    headers = with(headers, "x-permit: %s", t->text);
    headers = with_number(headers, "x-cost: %s", t->cost);
    headers = with_number(headers, "x-sequence: %s", t->sequence);
    headers = with_number(headers, "x-at-us: %s", t->asked_us);
    headers = with(headers, "x-events: %s", t->events);
    retry_after[0] = 0;
    curl_easy_setopt(c->work, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c->work, CURLOPT_HEADERFUNCTION, read_header);
    curl_easy_setopt(c->work, CURLOPT_HEADERDATA, &slot);
    curl_easy_setopt(c->work, CURLOPT_TIMEOUT_MS, milliseconds_left(c->config, t->asked_us));
    long status = 0;
    if (curl_easy_perform(c->work) == CURLE_OK) curl_easy_getinfo(c->work, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    return status;
}

void flush(connection *c) {
    if (c->told_size == 0) return;
    struct curl_slist *headers = signature(c->config);
    curl_easy_setopt(c->record, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c->record, CURLOPT_POSTFIELDS, c->told);
    curl_easy_setopt(c->record, CURLOPT_POSTFIELDSIZE, (long)c->told_size);
    CURLcode done = curl_easy_perform(c->record);
    if (done != CURLE_OK) die("POST /record", curl_easy_strerror(done));
    curl_slist_free_all(headers);
    c->told_size = 0;
}

void tell(connection *c, const char *line, int may_wait) {
    size_t length = strlen(line);
    if (c->told_size + length + 1 > TOLD_SIZE) flush(c);
    if (c->told_size == 0) c->oldest_us = stn_now_us();
    else c->told[c->told_size++] = '\n';
    memcpy(c->told + c->told_size, line, length);
    c->told_size += length;
    if (!may_wait || stn_now_us() - c->oldest_us >= LONGEST_UNTOLD_US) flush(c);
}
