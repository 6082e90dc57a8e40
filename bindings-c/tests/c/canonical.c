#include "canonical.h"

#include <inttypes.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *need(size_t size) {
    void *memory = malloc(size == 0 ? 1 : size);
    if (memory == NULL) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return memory;
}

void text_append(text *to, const char *from, size_t len) {
    if (to->capacity - to->len < len + 1) {
        const size_t capacity = (to->len + len + 1) * 2;
        char *bytes = need(capacity);
        if (to->len > 0) memcpy(bytes, to->bytes, to->len);
        free(to->bytes);
        to->bytes = bytes;
        to->capacity = capacity;
    }
    memcpy(to->bytes + to->len, from, len);
    to->len += len;
    to->bytes[to->len] = '\0';
}

void text_free(text *self) {
    free(self->bytes);
    *self = (text){0};
}

static void append(text *to, const char *from) { text_append(to, from, strlen(from)); }

static void string(text *to, const char *from, size_t len) {
    static const char shorts[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    append(to, "\"");
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)from[i];
        char escaped[8];
        if (c == '"' || c == '\\') {
            (void)snprintf(escaped, sizeof escaped, "\\%c", c);
        } else if (c < sizeof shorts && shorts[c] != 0) {
            (void)snprintf(escaped, sizeof escaped, "\\%c", shorts[c]);
        } else if (c < 0x20) {
            (void)snprintf(escaped, sizeof escaped, "\\u%04x", c);
        } else {
            text_append(to, &from[i], 1);
            continue;
        }
        append(to, escaped);
    }
    append(to, "\"");
}

static int by_key(const void *left, const void *right) {
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void object(text *to, const json_t *value) {
    const size_t count = json_object_size(value);
    const char **keys = need(count * sizeof *keys);
    size_t at = 0;
    for (void *i = json_object_iter((json_t *)(uintptr_t)value); i != NULL;
         i = json_object_iter_next((json_t *)(uintptr_t)value, i)) {
        keys[at++] = json_object_iter_key(i);
    }
    qsort(keys, count, sizeof *keys, by_key); /* UTF-8 sorts by bytes as by code points */
    append(to, "{");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) append(to, ",");
        string(to, keys[i], strlen(keys[i]));
        append(to, ":");
        canonical(to, json_object_get(value, keys[i]));
    }
    append(to, "}");
    free(keys);
}

/* A fraction in as few digits as read back to it: what the other runners' languages print. */
static void fraction(text *to, double value) {
    char digits[40];
    for (int precision = 1; precision <= 17; precision++) {
        (void)snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (!(strtod(digits, NULL) < value) && !(strtod(digits, NULL) > value)) break;
    }
    append(to, digits);
}

void canonical(text *to, const json_t *value) {
    char digits[32];
    switch (json_typeof(value)) {
    case JSON_OBJECT: object(to, value); return;
    case JSON_ARRAY:
        append(to, "[");
        for (size_t i = 0; i < json_array_size(value); i++) {
            if (i > 0) append(to, ",");
            canonical(to, json_array_get(value, i));
        }
        append(to, "]");
        return;
    case JSON_STRING: string(to, json_string_value(value), json_string_length(value)); return;
    case JSON_INTEGER:
        (void)snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        append(to, digits);
        return;
    case JSON_REAL: fraction(to, json_real_value(value)); return;
    case JSON_TRUE: append(to, "true"); return;
    case JSON_FALSE: append(to, "false"); return;
    case JSON_NULL: append(to, "null"); return;
    }
}

char *hex(const uint8_t *bytes, size_t len) {
    static const char digits[] = "0123456789abcdef";
    char *out = need(len * 2 + 1);
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[len * 2] = '\0';
    return out;
}

uint8_t *from_hex(const char *digits, size_t *len) {
    const size_t count = strlen(digits);
    if (count % 2 != 0 || strspn(digits, "0123456789abcdefABCDEF") != count) return NULL;
    uint8_t *bytes = need(count / 2);
    for (size_t i = 0; i < count / 2; i++) {
        const char pair[3] = {digits[2 * i], digits[2 * i + 1], '\0'};
        bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    *len = count / 2;
    return bytes;
}

char *digest(const text *of) {
    struct sha256_ctx context;
    uint8_t sum[SHA256_DIGEST_SIZE];
    sha256_init(&context);
    sha256_update(&context, of->len, (const uint8_t *)of->bytes);
    sha256_digest(&context, sizeof sum, sum);
    return hex(sum, sizeof sum);
}
