/* Canonical JSON and its SHA-256, as core/vectors/README.md defines the digest. */
#ifndef STANCHION_TEST_CANONICAL_H
#define STANCHION_TEST_CANONICAL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* A text that grows. All zero is empty. */
typedef struct text {
    char *bytes;
    size_t len;
    size_t capacity;
} text;

void text_append(text *to, const char *from, size_t len);
void text_free(text *self);

/* Appends a value with keys sorted by code point, no spaces, and only the escapes that JSON demands. */
void canonical(text *to, const json_t *value);

/* A new string with two lower-case digits for each byte. */
char *hex(const uint8_t *bytes, size_t len);
/* The bytes of a string of digits, `*len` of them; null where it is none. */
uint8_t *from_hex(const char *digits, size_t *len);

/* The SHA-256 of a text, as a new string. */
char *digest(const text *of);

/* malloc that does not fail. */
void *need(size_t size);

#endif
