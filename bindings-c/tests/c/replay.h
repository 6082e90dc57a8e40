/* Drives the functions of stanchion.h through one vector of core/vectors. */
#ifndef STANCHION_TEST_REPLAY_H
#define STANCHION_TEST_REPLAY_H

#include <jansson.h>

#include "stanchion.h"

/* The computed lines of a vector, as a new array. Looks at no `expect`, and at the `state` of no step. Ends the process
 * with 2 where the vector is not one. */
json_t *replay(const json_t *vector, const char *id);

/* A vector that is none: tells why, and ends the process with 2. */
_Noreturn void broken(const char *id, const char *why);

/* The policy of a configuration; NULL where it is none, and `error` says why. */
stn_policy *build(const json_t *config, stn_error *error);

/* The computed line of a vector that asks what a reply means. */
json_t *classify(const json_t *vector, const char *id);

/* The computed line of a vector that asks for the instant of a header. */
json_t *retry_after(const json_t *vector, const char *id);

/* The computed lines of a vector whose steps are those of a spool. */
json_t *spool(const json_t *vector, const char *id);

/* When a vector begins. */
uint64_t start_of(const json_t *vector);

/* What an input was refused for. */
json_t *error_json(const stn_error *error);

/* An instant, and null for 0. */
json_t *instant_or_null(uint64_t at_us);

#endif
