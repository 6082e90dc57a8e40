/* Drives the functions of stanchion.h through one vector of core/vectors. */
#ifndef STANCHION_TEST_REPLAY_H
#define STANCHION_TEST_REPLAY_H

#include <jansson.h>

/* The computed lines of a vector, as a new array. Looks at no `expect`, and at the `state` of no step. Ends the process
 * with 2 where the vector is not one. */
json_t *replay(const json_t *vector, const char *id);

/* A vector that is none: tells why, and ends the process with 2. */
_Noreturn void broken(const char *id, const char *why);

#endif
