/*
 * Stanchion: a resilience policy engine. A policy holds a circuit breaker, up to 16 rate limits, a server's block and a
 * bulkhead, and decides them as one: nothing is taken from any gate unless all of them admit. You ask with stn_acquire
 * whether a call may go ahead, make it, and tell with stn_settle how it ended. Policies are handles of the library; states
 * lie in your memory; the instant of each step is yours to say.
 *
 * # A whole program
 *
 *     #include <stanchion.h>
 *     #include <stdio.h>
 *     #include <stdlib.h>
 *
 *     static int call_upstream(void) { return 1; }
 *
 *     int main(void) {
 *         static const char rules[] = "{\"name\": \"billing\", \"circuit\": {\"consecutive_failures\": 5},"
 *                                     " \"limits\": [{\"name\": \"calls\", \"capacity\": 60, \"refill_tokens\": 60,"
 *                                     " \"refill_interval_ms\": 60000}]}";
 *         stn_error why = {.struct_size = sizeof why};
 *         stn_policy *policy;
 *         if (stn_policy_from_json(rules, sizeof rules - 1, &policy, &why) != STN_OK) {
 *             fprintf(stderr, "%s\n", why.message);
 *             return 1;
 *         }
 *         size_t size;
 *         stn_state_size(policy, &size);
 *         void *state = malloc(size);
 *         stn_state_init(policy, state, size, stn_now_us());
 *
 *         stn_decision decision = {.struct_size = sizeof decision};
 *         uint32_t status = stn_acquire(policy, state, size, NULL, stn_now_us(), &decision);
 *         if (status != STN_OK) {
 *             fprintf(stderr, "%s\n", stn_status_text(status));
 *         } else if (decision.verdict == STN_ADMITTED) {
 *             stn_settle_options end = {.struct_size = sizeof end};
 *             end.outcome = call_upstream() ? STN_SUCCESS : STN_FAILURE;
 *             stn_settle(policy, state, size, &decision.permit, &end, stn_now_us(), NULL);
 *             puts("called");
 *         } else {
 *             printf("not now: try again in %llu us\n", (unsigned long long)decision.retry_after_us);
 *         }
 *         free(state);
 *         stn_policy_free(policy);
 *         return 0;
 *     }
 *
 * Link it by `pkg-config --libs stanchion`, or with `--static`. Where processes share a state, a state file takes the place
 * of the memory: stn_store_open, stn_store_key_open, then stn_store_acquire and stn_store_settle.
 *
 * # Conventions, for every function
 *
 * - Status: what fails returns another status than STN_OK and, but for `*needed`, has written to nothing but the caller's
 *   stn_error; stn_status_name and stn_status_text say what it means. A refused call is an answer, not a failure.
 * - Ownership: handles (stn_policy, stn_store, stn_store_key, stn_transaction, stn_spool, stn_delivery) belong to the caller, who
 *   gives each back to the function named beside it, once. All other memory is the caller's, lent until the function returns. Nothing that is
 *   returned is to be freed, and there are no globals and no callbacks.
 * - Null: pointers are not null but where it says so. Null is told (STN_NULL_POINTER), never followed.
 * - Lengths are in bytes. Texts that go in have a length and need no NUL; texts that come out end in one. All are UTF-8.
 * - Buffers: `needed` always receives what the whole takes (with the NUL of a text). Where `capacity` is less, the status is
 *   STN_BUFFER_TOO_SMALL and nothing is written to the buffer, so a first call with null and 0 asks for the size.
 * - Structs that begin with `struct_size` may grow: set it to the struct's sizeof, and the rest to zero, before every first
 *   use. Unknown bits in `fields` and `flags` are refused, so that an older library never passes over what it was asked.
 * - Instants are microseconds since the Unix epoch, from 1 to 2^52 - 1; 0 means none. The engine reads no clock.
 * - A state is `size` bytes of your memory, aligned to 8, opaque: hand in what stn_state_size said, or more. It may be moved
 *   with memcpy between calls. It is checked on each call, is no format, and never leaves the process: its bytes
 *   (stn_state_encode) do. Where another policy meets it, it is adopted at its next step; where the memory has no
 *   room for that (STN_STATE_MEMORY), encode it, ask stn_state_size_for, and decode it into larger memory.
 * - Memory: stn_acquire, stn_settle, stn_cancel and stn_renew allocate nothing, but where they adopt a state of another
 *   policy, or repair one after a clock stepped back.
 * - A panic inside is caught and told as STN_INTERNAL.
 *
 * # What stands beside each function
 *
 * - Owner: to whom belongs what it hands out, where it does.
 * - Null: which pointers may be null. No others.
 * - Fails with: the statuses of its own. Every function tells besides what is wrong with pointers and lengths
 *   (STN_NULL_POINTER, STN_MISALIGNED, STN_STRUCT_SIZE, STN_BAD_HANDLE, STN_OUT_OF_RANGE), and STN_INTERNAL.
 * - Threads: `any` number of them may be in it at once, with the same handles too; `one state` is used by one thread at a
 *   time, also for questions, while the policy is used by any number; `the last` function that is called with a handle, when
 *   no other thread uses it any more. A struct of the caller's is used by one thread at a time.
 */


#ifndef STANCHION_H
#define STANCHION_H

/* Generated by cbindgen from bindings-c/src: do not edit. */

#include <stddef.h>
#include <stdint.h>

// The version of this interface. It is raised when a program must be changed or built again.
// A program compares it with `stn_abi_version()` to know that header and library fit.
#define STN_ABI_VERSION 1

// Done. An answer that refuses a call is `STN_OK` too: a refusal is no error.
#define STN_OK 0

// A fault in the library was caught. A state that was being worked on is marked as never started; restore it from bytes.
#define STN_INTERNAL 1

// A pointer is null that must not be.
#define STN_NULL_POINTER 2

// A pointer is not aligned as its type (a state: 8 bytes).
#define STN_MISALIGNED 3

// The `struct_size` of a struct is smaller than any release has known.
#define STN_STRUCT_SIZE 4

// A number is out of its range: an outcome, a bit in `fields`, an instant, a gate.
#define STN_OUT_OF_RANGE 5

// A text is not UTF-8.
#define STN_NOT_UTF8 6

// The caller's buffer is too small; `*needed` says what it takes. Nothing was written to it.
#define STN_BUFFER_TOO_SMALL 7

// A handle is none, is of another kind, or was freed.
#define STN_BAD_HANDLE 8

// The lent memory is too small, or no state was started there.
#define STN_STATE_MEMORY 9

// A configuration is no policy: `field`, `value` and `allowed` of the error say why.
#define STN_CONFIG 10

// A command or a permit's text is none: `field`, `value` and `allowed` of the error say why.
#define STN_INPUT 11

// Bytes are no state that this release may read: `code` of the error says why. Keep the bytes.
#define STN_STATE_BYTES 12

// The state file could not be used: `code` of the error says why.
#define STN_STORE 13

// The step wants the whole way, and nothing was written: only `stn_acquire_plain` and `stn_settle_plain` tell this.
#define STN_NOT_PLAIN 14

// The call worked.
#define STN_SUCCESS 1

// The call failed in a way that says something about the protected system.
#define STN_FAILURE 2

// The call says nothing about the system: its slot comes back, nothing is counted.
#define STN_IGNORED 3

// In `error` of `stn_reply`: no connection came about. Nothing was sent.
#define STN_NETWORK_REFUSED 1

// The connection broke. Nobody knows whether the request was processed.
#define STN_NETWORK_RESET 2

// No answer in time, from the upstream or by the caller's own bound.
#define STN_NETWORK_TIMEOUT 3

// The name was not resolved. Nothing was sent.
#define STN_NETWORK_DNS 4

// No trusted connection: a certificate or a protocol that did not fit. Nothing was sent.
#define STN_NETWORK_TLS 5

// The caller gave the call up.
#define STN_NETWORK_ABORTED 6

// Any other network error, and one that cannot be told. Nobody knows whether the request was processed.
#define STN_NETWORK_OTHER 7

// In `retry` of `stn_classified`: the answer would be the same, or nobody wants it any more.
#define STN_RETRY_NEVER 1

// The request may be made again where it does no harm to process it twice: the first one may have been.
#define STN_RETRY_IDEMPOTENT 2

// The request may be made again: the first one was surely not processed.
#define STN_RETRY_ALWAYS 3

// In `fault` of `stn_classified`: it may pass by itself.
#define STN_FAULT_TRANSIENT 1

// The server wants no calls until `retry_at_us`.
#define STN_FAULT_THROTTLED 2

// New credentials are needed.
#define STN_FAULT_UNAUTHENTICATED 3

// The session is gone.
#define STN_FAULT_SESSION_LOST 4

// Somebody else still has the session.
#define STN_FAULT_CONFLICT 5

// Nothing that can be done by itself will help.
#define STN_FAULT_FATAL 6

// Nobody wants it any more.
#define STN_FAULT_CANCELLED 7

// The call may go ahead.
#define STN_ADMITTED 1

// The gates refuse; nothing was taken from any of them.
#define STN_REJECTED 2

// No gate was asked: the state file is away and the policy says `on_store_error: reject`.
#define STN_UNAVAILABLE 3

// To a settle or cancel: it counted as what it said.
#define STN_COUNTED 1

// To a settle or cancel: it came from before the circuit's last phase and moved no circuit.
#define STN_STALE 2

// To a settle, cancel or renew: the permit's lease had ended. After a renew: abort the call.
#define STN_LEASE_LOST 3

// To a renew: the lease now ends at `until_us`.
#define STN_RENEWED 4

// To a renew: the permit holds no lease.
#define STN_NOT_LEASED 5

// To a command: done.
#define STN_DONE 6

// To a command: it was so already.
#define STN_UNCHANGED 7

// To a command: the policy has no such gate.
#define STN_NO_GATE 8

// The gate `circuit`, as an index and as a bit of `gates`.
#define STN_GATE_CIRCUIT 0

// The gate `block`.
#define STN_GATE_BLOCK 1

// The first limit; the others follow in their order, at most 16.
#define STN_GATE_FIRST_LIMIT 2

// The gate `bulkhead`.
#define STN_GATE_BULKHEAD 18

// The `retry_after_us` of a refusal where waiting cannot help.
#define STN_NEVER UINT64_MAX

// In `fields` of `stn_acquire_options`: `cost` is given.
#define STN_ACQUIRE_COST 1

// In `fields` of `stn_acquire_options`: `holder` is given.
#define STN_ACQUIRE_HOLDER 2

// In `fields` of `stn_settle_options`: `duration_us` is given.
#define STN_SETTLE_DURATION 1

// In `fields` of `stn_settle_options`: `actual_cost` is given.
#define STN_SETTLE_ACTUAL_COST 2

// In `fields` of `stn_store_options`: `wait_ms` is given.
#define STN_STORE_WAIT 1

// In `fields` of `stn_store_options`: `max_keys` is given.
#define STN_STORE_MAX_KEYS 2

// In `flags` of `stn_store_options`: a missing file is an error.
#define STN_STORE_MUST_EXIST 1

// In `flags` of `stn_store_options`: nothing is made, locked or written.
#define STN_STORE_READ_ONLY 2

// In `flags` of `stn_store_options`: a file that belongs to another user, or that others may write to, is accepted.
// Only where all who may write are trusted: they can decide every answer.
#define STN_STORE_ANY_OWNER 4

// In `flags` of `stn_store_options`: each write is synced, so that it survives a power loss. Takes milliseconds.
#define STN_STORE_SYNC 8

// In `retried` of `stn_retried`: the call is made again at `at_us`; the gates are asked again then.
#define STN_RETRIED_AGAIN 1

// In `retried` of `stn_retried`: the circuit lets nothing through before `at_us`. Wait for it, keep the call for later, or give
// it up.
#define STN_RETRIED_WAIT 2

// In `retried` of `stn_retried`: the call is not made again; `reason` says why.
#define STN_RETRIED_GIVE_UP 3

// In `reason` of `stn_retried`: the policy has no `retry`.
#define STN_GIVE_UP_NO_RETRY 1

// In `reason` of `stn_retried`: the answer would be the same, or nobody wants it any more.
#define STN_GIVE_UP_NOT_RETRYABLE 2

// In `reason` of `stn_retried`: it may have been processed, and processing it twice does harm.
#define STN_GIVE_UP_NOT_IDEMPOTENT 3

// In `reason` of `stn_retried`: it was made `max_attempts` times.
#define STN_GIVE_UP_ATTEMPTS 4

// In `reason` of `stn_retried`: the server asks for a longer wait than `max_retry_after_ms`.
#define STN_GIVE_UP_RETRY_AFTER 5

// In `reason` of `stn_retried`: a gate will never admit it.
#define STN_GIVE_UP_GATES 6

// In `reason` of `stn_retried`: it would begin after `deadline_ms`, or after `deadline_at_us`.
#define STN_GIVE_UP_DEADLINE 7

// In `reason` of `stn_retried`: all callers together have made as many retries as they may.
#define STN_GIVE_UP_BUDGET 8

// In `reason` of `stn_retried`: the circuit is open for longer than `max_circuit_wait_us`.
#define STN_GIVE_UP_CIRCUIT 9

// In `fields` of `stn_failed`: `previous_delay_us` is given.
#define STN_FAILED_PREVIOUS_DELAY 1

// In `fields` of `stn_failed`: `cost` is given.
#define STN_FAILED_COST 2

// In `fields` of `stn_failed`: `holder` is given.
#define STN_FAILED_HOLDER 4

// In `fields` of `stn_failed`: `max_circuit_wait_us` is given.
#define STN_FAILED_MAX_CIRCUIT_WAIT 8

// To an append: the item waits now; `seq` is its number.
#define STN_SPOOL_APPENDED 1

// To an append: the id is known; `seq` is the number of that item, 0 where it is gone. Nothing was kept.
#define STN_SPOOL_DUPLICATE 2

// To an append: refused, because the item is larger than `max_item_bytes`.
#define STN_SPOOL_FULL_ITEM 3

// To an append: refused, because there are `max_items`.
#define STN_SPOOL_FULL_ITEMS 4

// To an append: refused, because there would be more than `max_bytes`.
#define STN_SPOOL_FULL_BYTES 5

// To a settle: delivered, and gone.
#define STN_SPOOL_ACKNOWLEDGED 1

// To a settle: it waits again, until `at_us`.
#define STN_SPOOL_RETURNED 2

// To a settle: it became a dead letter; `why` says why.
#define STN_SPOOL_DIED 3

// To a renew: the lease now ends at `at_us`.
#define STN_SPOOL_RENEWED 4

// To a requeue: the dead letter waits again, in its old place.
#define STN_SPOOL_REQUEUED 5

// To a remove: it is gone for good.
#define STN_SPOOL_REMOVED 6

// To a resume: deliveries are paced until `at_us`.
#define STN_SPOOL_PACED 7

// There was nothing to do.
#define STN_SPOOL_UNCHANGED 8

// Another leased the item meanwhile.
#define STN_SPOOL_LEASE_LOST 9

// There is no such item.
#define STN_SPOOL_NOT_FOUND 10

// In `why` of `stn_spool_answer`: it was tried `max_attempts` times.
#define STN_SPOOL_DEAD_ATTEMPTS 1

// In `why` of `stn_spool_answer`: it waited longer than `max_age_ms`.
#define STN_SPOOL_DEAD_AGE 2

// In `why` of `stn_spool_answer`: whoever delivers it says that it never will be.
#define STN_SPOOL_DEAD_REFUSED 3

// In `why` of `stn_spool_answer`: its bytes on disk are not what was written.
#define STN_SPOOL_DEAD_DAMAGED 4

// In `wait_by` of `stn_spool_offer`: all that could be delivered is leased.
#define STN_SPOOL_WAIT_LEASE 1

// In `wait_by` of `stn_spool_offer`: an item backs off.
#define STN_SPOOL_WAIT_BACKOFF 2

// In `wait_by` of `stn_spool_offer`: deliveries are paced.
#define STN_SPOOL_WAIT_PACE 3

// In `call` of `stn_spool_end`: what delivers returned. The item is gone where `outcome` is `STN_SUCCESS`.
#define STN_SPOOL_CALL_RETURNED 1

// In `call` of `stn_spool_end`: what delivers ended with an error, so the item was not delivered, whatever that says of the
// receiver. With `STN_IGNORED` the attempt is taken back only where there is something to wait for.
#define STN_SPOOL_CALL_FAILED 2

// In `call` of `stn_spool_end`: the caller left before it ended. With `STN_IGNORED` the attempt is taken back.
#define STN_SPOOL_CALL_CANCELLED 3

// An item that was leased or looked at, with its payload.
typedef struct stn_delivery stn_delivery;

// A checked, immutable policy. Any number of threads and states may use it at once.
typedef struct stn_policy stn_policy;

// A folder of items that wait to be delivered. Any number of threads and processes may use it at once.
typedef struct stn_spool stn_spool;

// A state file that this process has open. Any number of threads may use it at once.
typedef struct stn_store stn_store;

// A policy on one key of a state file. Any number of threads may use it at once.
typedef struct stn_store_key stn_store_key;

// The file's lock, held for one key. Every other operation on the file waits meanwhile: keep it short, and call nothing in
// between that may block.
typedef struct stn_transaction stn_transaction;

// What went wrong, for people and for programs. The caller sets `struct_size` and owns the memory; every text in it is
// UTF-8, ends in a NUL and is cut where it would not fit. Written only when something went wrong.
typedef struct stn_error {
    // `sizeof(stn_error)`, set by the caller.
    uint32_t struct_size;
    // The status that was returned.
    uint32_t status;
    // A stable name for programs, the same in all languages: `invalid_config`, `invalid_input`, `not_a_state`, `busy`, and so
    // on; else the name of the status in lower case.
    char code[32];
    // Which field, in the names of JSON (`limits[1].capacity`); empty where it is no matter of a field.
    char field[128];
    // What stands there.
    char value[328];
    // What is allowed there.
    char allowed[328];
    // The whole as a sentence.
    char message[1024];
} stn_error;

// A wish to make a call. All zero but for `struct_size` wishes for a call by nobody in particular, of cost 1.
typedef struct stn_acquire_options {
    // `sizeof(stn_acquire_options)`.
    uint32_t struct_size;
    // Which of the fields below are given: `STN_ACQUIRE_…`; the others are passed over.
    uint32_t fields;
    // Tokens that limits with `charge: "cost"` take; 0 is allowed.
    uint32_t cost;
    // 0.
    uint32_t reserved;
    // Who will hold the slot: `stn_holder_hash` of a name that you keep, not 0.
    uint64_t holder;
} stn_acquire_options;

// What stands for one admitted call: 16 bytes of plain data that may be copied and passed to another process, but given
// back by `stn_settle` or `stn_cancel` exactly once. Its bytes in memory are not its portable form; its text is.
typedef struct stn_permit {
    // Opaque.
    uint32_t words[4];
} stn_permit;

// The answer to an acquire or a peek. The caller sets `struct_size`; the library writes the rest.
typedef struct stn_decision {
    // `sizeof(stn_decision)`, set by the caller.
    uint32_t struct_size;
    // `STN_ADMITTED`, `STN_REJECTED` or, from a store only, `STN_UNAVAILABLE`.
    uint32_t verdict;
    // Of an admitted acquire, else zeros: to be given back by `stn_settle` or `stn_cancel`.
    struct stn_permit permit;
    // Whether the fields below say why not: 1 with `STN_REJECTED`, and with `STN_ADMITTED` in shadow mode where the
    // call would have been refused.
    uint32_t would_reject;
    // The gate that holds the call up longest, as an index.
    uint32_t by;
    // All gates that refuse now, one bit for each index.
    uint32_t gates;
    // 1 where the state changed and so must be kept, else 0.
    uint32_t changed;
    // How long to wait until every gate would admit this call, exactly, or `STN_NEVER`.
    uint64_t retry_after_us;
    // What happened, one event a byte from the lowest, 0 after the last: see `stn_event_name`.
    uint64_t events;
} stn_decision;

// How a call ended.
typedef struct stn_settle_options {
    // `sizeof(stn_settle_options)`.
    uint32_t struct_size;
    // Which of the fields below `outcome` are given: `STN_SETTLE_…`; the others are passed over.
    uint32_t fields;
    // `STN_SUCCESS`, `STN_FAILURE` or `STN_IGNORED`.
    uint32_t outcome;
    // What it really cost, where the acquire's cost was an estimate.
    uint32_t actual_cost;
    // How long it took, in microseconds; a call of unknown duration is not slow.
    uint64_t duration_us;
} stn_settle_options;

// The answer to a settle, cancel, renew or command. The caller sets `struct_size`; the library writes the rest.
typedef struct stn_answer {
    // `sizeof(stn_answer)`, set by the caller.
    uint32_t struct_size;
    // `STN_COUNTED` and so on. A number that this header does not name comes from a newer library: the step was done, and
    // nothing more is known.
    uint32_t answer;
    // 1 where the state changed and so must be kept, else 0.
    uint32_t changed;
    // 0.
    uint32_t reserved;
    // What happened, one event a byte from the lowest, 0 after the last: see `stn_event_name`.
    uint64_t events;
    // With `STN_RENEWED`: when the lease ends now. Else 0.
    uint64_t until_us;
} stn_answer;

// A call that failed. What is zero says nothing, but for the first five fields.
typedef struct stn_failed {
    // `sizeof(stn_failed)`.
    uint32_t struct_size;
    // Which of `previous_delay_us`, `cost`, `holder` and `max_circuit_wait_us` are given: `STN_FAILED_…`; the others are passed
    // over.
    uint32_t fields;
    // Which attempt it was: 1 for the first.
    uint32_t attempt;
    // `STN_RETRY_NEVER` and so on: what `stn_classify` said of it.
    uint32_t retry;
    // When the first attempt began; the deadline runs from here.
    uint64_t began_at_us;
    // 1 where the request may be processed twice without harm, else 0.
    uint32_t is_idempotent;
    // A number that you draw, any of the 2^32 with the same chance: the jitter. The library draws none.
    uint32_t random;
    // When the server wants to be asked again (Retry-After), 0 where it did not say.
    uint64_t retry_at_us;
    // How long was waited before this attempt.
    uint64_t previous_delay_us;
    // What the next attempt will take of limits with `charge: "cost"`; 1 where it is not given.
    uint32_t cost;
    // 0.
    uint32_t reserved;
    // Who will hold the slot, as in `stn_acquire_options`.
    uint64_t holder;
    // By when the caller wants the next attempt to have begun, beside the policy's own deadline; 0 where it has none.
    uint64_t deadline_at_us;
    // How long the caller waits for an open circuit at most; as long as it takes where it is not given.
    uint64_t max_circuit_wait_us;
} stn_failed;

// What becomes of a call that failed. The caller sets `struct_size`; the library writes the rest.
typedef struct stn_retried {
    // `sizeof(stn_retried)`, set by the caller.
    uint32_t struct_size;
    // `STN_RETRIED_AGAIN`, `STN_RETRIED_WAIT` or `STN_RETRIED_GIVE_UP`. Any other comes from a newer library: give up.
    uint32_t retried;
    // With `STN_RETRIED_GIVE_UP`: why, as `STN_GIVE_UP_…`; see `stn_give_up_name`. Else 0.
    uint32_t reason;
    // 1 where the state changed and so must be kept, else 0.
    uint32_t changed;
    // When the call may be made again; 0 with `STN_RETRIED_GIVE_UP`.
    uint64_t at_us;
    // What happened, one event a byte from the lowest, 0 after the last: see `stn_event_name`.
    uint64_t events;
} stn_retried;

// What a state file adds to an answer. The caller sets `struct_size`; the library writes the rest.
typedef struct stn_stored {
    // `sizeof(stn_stored)`, set by the caller.
    uint32_t struct_size;
    // 1 where the answer was given without the file, by the policy's `on_store_error`; the `stn_error` of the call then
    // says why, although the status is `STN_OK`. Else 0.
    uint32_t degraded;
    // The write sequence of the key after this step: 1 for its first state, one more with each write; 0 where the file
    // had no part in the answer.
    uint64_t sequence;
    // How long was waited for the lock, in microseconds.
    uint64_t waited_us;
} stn_stored;

// What came back from an HTTP call: a status, or a network error instead of one.
typedef struct stn_reply {
    // `sizeof(stn_reply)`.
    uint32_t struct_size;
    // The status. What is none (below 100, above 599) counts as a 5xx. Passed over where `error` is not 0.
    uint32_t status;
    // `STN_NETWORK_REFUSED` and so on, or 0 where there was a status.
    uint32_t error;
    // 0.
    uint32_t reserved;
    // The value of the answer's Retry-After header, UTF-8, not ended by a NUL; null where it has none.
    const char *retry_after;
    // Its length in bytes.
    size_t retry_after_len;
} stn_reply;

// What a reply means. The caller sets `struct_size`; the library writes the rest.
typedef struct stn_classified {
    // `sizeof(stn_classified)`, set by the caller.
    uint32_t struct_size;
    // With which the call is settled: `STN_SUCCESS`, `STN_FAILURE` or `STN_IGNORED`.
    uint32_t outcome;
    // Whether the request may be made again: `STN_RETRY_NEVER` and so on.
    uint32_t retry;
    // What is at fault: `STN_FAULT_TRANSIENT` and so on; 0 where the caller got what it asked for.
    uint32_t fault;
    // Until when the policy is to be blocked, by the command `{"block":{"until_us":…}}`. 0 where it is not.
    uint64_t block_until_us;
    // When the server wants to be called again by its Retry-After header; 0 without one. No retry comes earlier.
    uint64_t retry_at_us;
} stn_classified;

// How a state file is opened. All zero but for `struct_size` takes every default.
typedef struct stn_store_options {
    // `sizeof(stn_store_options)`.
    uint32_t struct_size;
    // Which of the fields below `flags` are given: `STN_STORE_WAIT`, `STN_STORE_MAX_KEYS`.
    uint32_t fields;
    // `STN_STORE_MUST_EXIST` and so on.
    uint32_t flags;
    // How long an operation waits for the lock at most, in milliseconds; 0 tries once. 100 by default.
    uint32_t wait_ms;
    // How many keys the file may hold before a new one needs an old one to be forgotten; 100,000 by default.
    uint64_t max_keys;
} stn_store_options;

// The answer to what is done to a spool. The caller sets `struct_size`; the library writes the rest.
typedef struct stn_spool_answer {
    // `sizeof(stn_spool_answer)`, set by the caller.
    uint32_t struct_size;
    // `STN_SPOOL_APPENDED` and so on to an append, `STN_SPOOL_ACKNOWLEDGED` and so on to all else.
    uint32_t answer;
    // With `STN_SPOOL_DIED`: `STN_SPOOL_DEAD_…`. Else 0.
    uint32_t why;
    // 0.
    uint32_t reserved;
    // To an append: the item's number, from 1; 0 where there is none. Else 0.
    uint64_t seq;
    // With `STN_SPOOL_RETURNED`, `STN_SPOOL_RENEWED` and `STN_SPOOL_PACED`: until when. Else 0.
    uint64_t at_us;
} stn_spool_answer;

// What became of the lines of a file. The caller sets `struct_size`; the library writes the rest.
typedef struct stn_spool_imported {
    // `sizeof(stn_spool_imported)`, set by the caller.
    uint32_t struct_size;
    // 0.
    uint32_t reserved;
    // How many lines are in the spool now.
    uint64_t accepted;
    // How many were there already, from an import before.
    uint64_t duplicates;
    // How many were blank.
    uint64_t blank;
    // How many are no JSON: two writers tore them, or one died. They are not taken in.
    uint64_t torn;
    // The first of these, from 1; 0 for none.
    uint64_t first_torn_line;
    // How many are longer than `max_item_bytes`. They are not taken in.
    uint64_t too_long;
    // The first of these, from 1; 0 for none.
    uint64_t first_too_long_line;
    // The line at which the spool was full; it and those behind it were not looked at. 0 where it was not.
    uint64_t full_at_line;
} stn_spool_imported;

// What there is to be delivered. The caller sets `struct_size`; the library writes the rest.
typedef struct stn_spool_offer {
    // `sizeof(stn_spool_offer)`, set by the caller.
    uint32_t struct_size;
    // 1 where an item was leased: the fields up to `until_us` are its. 0 where there is none to be delivered now.
    uint32_t is_leased;
    // The number of the lease, for the settle.
    uint32_t lease;
    // Which attempt it is: 1 for the first.
    uint32_t attempt;
    // The item's number.
    uint64_t seq;
    // When it was appended.
    uint64_t since_us;
    // When the lease ends.
    uint64_t until_us;
    // The length of its payload.
    uint64_t bytes;
    // Where none was leased: when it is worth to ask again; 0 where only an append makes it so.
    uint64_t wait_at_us;
    // What is waited for: `STN_SPOOL_WAIT_…`; else 0.
    uint32_t wait_by;
    // How many items became dead letters on the way to this answer.
    uint32_t died;
} stn_spool_offer;

// How a delivery ended.
typedef struct stn_spool_end {
    // `sizeof(stn_spool_end)`.
    uint32_t struct_size;
    // `STN_SUCCESS`: it was delivered. `STN_FAILURE`: the attempt counts. `STN_IGNORED`: nothing was tried, the attempt is
    // taken back.
    uint32_t outcome;
    // 1 where it will never be taken, so that it becomes a dead letter at once; `outcome` is `STN_FAILURE` then. Else 0.
    uint32_t is_refused;
    // Where the delivery was a call through the gates: `STN_SPOOL_CALL_…`. `outcome` is then with what its permit was settled,
    // and the library judges what that makes of the item. Else 0.
    uint32_t call;
    // When it may be tried again at the earliest: the latest of what the receiver said (Retry-After), a block and a refusal within
    // the call; 0 where nothing was said.
    uint64_t not_before_us;
} stn_spool_end;

// How much a spool holds. The caller sets `struct_size`; the library writes the rest.
typedef struct stn_spool_totals {
    // `sizeof(stn_spool_totals)`, set by the caller.
    uint32_t struct_size;
    // 0.
    uint32_t reserved;
    // How many items wait or are being delivered.
    uint64_t items;
    // Of these, those with a lease.
    uint64_t leased;
    // How many dead letters there are beside them.
    uint64_t dead;
    // The bytes of all payloads, those of dead letters too.
    uint64_t bytes;
    // When the oldest was appended; 0 where there is none.
    uint64_t oldest_us;
    // How many torn tails were cut since the spool was made: what processes that died were writing, and nobody was told is in.
    uint64_t cuts;
    // The bytes of these.
    uint64_t cut_bytes;
    // How many bytes all files have.
    uint64_t disk_bytes;
} stn_spool_totals;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Builds a policy from its JSON form, which the schema `policy.schema.json` describes. `json` is `len` bytes.
//
// With `STN_CONFIG`, `error` names the field, its value and what is allowed.
//
// - Owner: `*out` is yours, to be freed by `stn_policy_free`; null where this fails.
// - Null: `error`.
// - Fails with: `STN_CONFIG`, `STN_NOT_UTF8`.
// - Threads: any.
uint32_t stn_policy_from_json(const char *json, size_t len, struct stn_policy **out, struct stn_error *error);

// Frees a policy. States, store keys and permits live on without it.
//
// - Null: `policy`: nothing is done.
// - Threads: the last.
void stn_policy_free(struct stn_policy *policy);

// Writes the policy's name as text.
//
// - Null: `buffer`, to ask for the size.
// - Fails with: `STN_BUFFER_TOO_SMALL`.
// - Threads: any.
uint32_t stn_policy_name(const struct stn_policy *policy, char *buffer, size_t capacity, size_t *needed);

// Writes the policy's configuration as JSON text, with every default filled in.
//
// - Null: `buffer`, to ask for the size.
// - Fails with: `STN_BUFFER_TOO_SMALL`.
// - Threads: any.
uint32_t stn_policy_config(const struct stn_policy *policy, char *buffer, size_t capacity, size_t *needed);

// Writes the number that stands for circuit, limits, block and bulkhead with their defaults to `*out`. A state carries
// that of its policy; where another policy meets it, the state is adopted at its next step.
//
// - Fails with: nothing of its own.
// - Threads: any.
uint32_t stn_policy_fingerprint(const struct stn_policy *policy,
                                uint32_t *out);

// Writes the value of the header field `RateLimit-Policy`, by which a server tells what its limits allow (draft-ietf-
// httpapi-ratelimit-headers-10), as text. Empty where the policy has no limits.
//
// - Null: `buffer`, to ask for the size.
// - Fails with: `STN_BUFFER_TOO_SMALL`.
// - Threads: any.
uint32_t stn_rate_limit_policy(const struct stn_policy *policy,
                               char *buffer,
                               size_t capacity,
                               size_t *needed);

// Writes the name of a gate as text: `circuit`, `block`, `limit:<name>`, `bulkhead`. `gate` is an index as in `by` of
// `stn_decision`.
//
// - Null: `buffer`, to ask for the size.
// - Fails with: `STN_OUT_OF_RANGE` where no gate has that index, `STN_BUFFER_TOO_SMALL`.
// - Threads: any.
uint32_t stn_gate_name(const struct stn_policy *policy,
                       uint32_t gate,
                       char *buffer,
                       size_t capacity,
                       size_t *needed);

// Writes to `*out` how many bytes the live state of this policy takes: the `size` of the memory that you lend, a
// multiple of 8.
//
// - Fails with: nothing of its own.
// - Threads: any.
uint32_t stn_state_size(const struct stn_policy *policy,
                        size_t *out);

// Writes to `*out` how many bytes of memory the state in these `len` bytes takes under this policy, which may adopt it
// from another: what `stn_state_decode` needs.
//
// - Null: `error`.
// - Fails with: `STN_STATE_BYTES`.
// - Threads: any.
uint32_t stn_state_size_for(const struct stn_policy *policy,
                            const uint8_t *encoded,
                            size_t len,
                            size_t *out,
                            struct stn_error *error);

// Starts a new state in your memory: the circuit closed, nothing taken, limits as `initial` says. Whatever was there is
// overwritten. Its first step reports a change, so that a host keeps it.
//
// `size` is at least what `stn_state_size` says.
//
// - Owner: the memory stays yours; a state is ended by using its memory for something else.
// - Fails with: `STN_STATE_MEMORY` where `size` is too small, `STN_OUT_OF_RANGE`.
// - Threads: one state.
uint32_t stn_state_init(const struct stn_policy *policy,
                        void *state,
                        size_t size,
                        uint64_t now_us);

// Puts a state's `len` bytes into your memory, as `stn_state_init` does with a new state. Bytes of another policy are
// adopted at the next step.
//
// `size` is at least what `stn_state_size_for` says. Where this fails, the memory is as it was.
//
// - Null: `error`.
// - Fails with: `STN_STATE_BYTES`, `STN_STATE_MEMORY` where `size` is too small.
// - Threads: one state.
uint32_t stn_state_decode(const struct stn_policy *policy,
                          const uint8_t *encoded,
                          size_t len,
                          void *state,
                          size_t size,
                          struct stn_error *error);

// Writes the state's portable bytes: canonical, so equal states have equal bytes.
//
// - Null: `buffer`, to ask for the size.
// - Fails with: `STN_STATE_MEMORY`, `STN_BUFFER_TOO_SMALL`.
// - Threads: one state.
uint32_t stn_state_encode(const struct stn_policy *policy,
                          const void *state,
                          size_t size,
                          uint8_t *buffer,
                          size_t capacity,
                          size_t *needed);

// Asks whether a call may go ahead. `*out` receives the answer: a refusal, which took nothing from any gate, is `STN_OK`
// too.
//
// An admitted call's permit is given back by `stn_settle` or `stn_cancel`, once.
//
// - Null: `options`: a call of cost 1 by nobody in particular.
// - Fails with: `STN_STATE_MEMORY`, `STN_OUT_OF_RANGE`.
// - Threads: one state.
uint32_t stn_acquire(const struct stn_policy *policy,
                     void *state,
                     size_t size,
                     const struct stn_acquire_options *options,
                     uint64_t now_us,
                     struct stn_decision *out);

// Tells how a call ended: its slot and its probe come back, the circuit learns, the actual cost corrects the limits.
//
// Answers `STN_COUNTED`, `STN_STALE` or `STN_LEASE_LOST`.
//
// - Null: `out`, where nobody asks.
// - Fails with: `STN_STATE_MEMORY`, `STN_OUT_OF_RANGE`.
// - Threads: one state.
uint32_t stn_settle(const struct stn_policy *policy,
                    void *state,
                    size_t size,
                    const struct stn_permit *permit,
                    const struct stn_settle_options *options,
                    uint64_t now_us,
                    struct stn_answer *out);

// Gives a permit back whose call never began: slot, probe and all tokens that have not refilled meanwhile come back. A
// call that began and was abandoned is settled as `STN_IGNORED` instead.
//
// Answers `STN_COUNTED`, `STN_STALE` or `STN_LEASE_LOST`.
//
// - Null: `out`, where nobody asks.
// - Fails with: `STN_STATE_MEMORY`, `STN_OUT_OF_RANGE`.
// - Threads: one state.
uint32_t stn_cancel(const struct stn_policy *policy,
                    void *state,
                    size_t size,
                    const struct stn_permit *permit,
                    uint64_t now_us,
                    struct stn_answer *out);

// Extends the lease of a call that goes on. The permit stays the same, and is still to be settled.
//
// Answers `STN_RENEWED` with `until_us`, `STN_LEASE_LOST` (abort the call: its slot may be another's) or
// `STN_NOT_LEASED`.
//
// - Fails with: `STN_STATE_MEMORY`, `STN_OUT_OF_RANGE`.
// - Threads: one state.
uint32_t stn_renew(const struct stn_policy *policy,
                   void *state,
                   size_t size,
                   const struct stn_permit *permit,
                   uint64_t now_us,
                   struct stn_answer *out);

// Gives a command, as JSON text of `len` bytes:
//
// `{"block":{"until_us":N}}` or `{"block":{"for_ms":N}}`, `{"unblock":{}}`, `{"trip":{}}`, `{"reset":{}}`,
// `{"force_open":{"until_us":N}}` (or null), `{"disable":{}}`, `{"metrics_only":{}}`, `{"lift_mode":{}}`,
// `{"report":{"outcome":"failure","duration_us":N}}`, `{"release_holder":{"holder":"name"}}`,
// `{"settle_many":{"generation":N,"calls":[…]}}`.
//
// Answers `STN_DONE`, `STN_UNCHANGED` or `STN_NO_GATE`. With `STN_INPUT`, `error` says what stands there and what is
// allowed.
//
// - Null: `out` and `error`, where nobody asks.
// - Fails with: `STN_INPUT`, `STN_NOT_UTF8`, `STN_STATE_MEMORY`, `STN_OUT_OF_RANGE`.
// - Threads: one state.
uint32_t stn_command(const struct stn_policy *policy,
                     void *state,
                     size_t size,
                     const char *json,
                     size_t len,
                     uint64_t now_us,
                     struct stn_answer *out,
                     struct stn_error *error);

// `stn_acquire`, if that is short: all gates admit, and nothing is due but refill, as of nearly every call. Whatever is not
// so, wrong pointers included, is `STN_NOT_PLAIN`: nothing was written, and `stn_acquire` wants to be called instead.
//
// It is for hosts that can call such a function without the transition that they make for others, as with Java's
// `Linker.Option.critical`, with .NET's `SuppressGCTransition` or from Go's assembly. For them it promises more than others
// do: it takes at most 1,024 bytes of stack, uses no memory but that and what it is handed, neither waits nor asks the
// system nor calls back, and never unwinds. A debug build, which could not keep that, always answers `STN_NOT_PLAIN`.
//
// - Null: `options`: a call of cost 1 by nobody in particular.
// - Fails with: `STN_NOT_PLAIN`, and nothing else.
// - Threads: one state.
uint32_t stn_acquire_plain(const struct stn_policy *policy,
                           void *state,
                           size_t size,
                           const struct stn_acquire_options *options,
                           uint64_t now_us,
                           struct stn_decision *out);

// `stn_settle`, if that is short: a result that nothing counts, such as a success on a closed circuit that has seen no
// failure. It promises what `stn_acquire_plain` does; after `STN_NOT_PLAIN`, call `stn_settle`.
//
// - Null: `out`, where nobody asks.
// - Fails with: `STN_NOT_PLAIN`, and nothing else.
// - Threads: one state.
uint32_t stn_settle_plain(const struct stn_policy *policy,
                          void *state,
                          size_t size,
                          const struct stn_permit *permit,
                          const struct stn_settle_options *options,
                          uint64_t now_us,
                          struct stn_answer *out);

// A step or question of a policy beside the gates, as JSON text of `len` bytes: an object whose one field names it.
//
// | asked | fields (those in brackets may be absent or null) |
// |---|---|
// | `{"retry":{…}}` | `attempt`, `began_at_us`, `retry`: `"never"`, `"idempotent"` or `"always"`, [`previous_delay_us`, `random`, `is_idempotent`, `retry_at_us`, `deadline_at_us`, `max_circuit_wait_us`, `cost`] |
// | `{"run":{…}}` | `intent`: `"scheduled"`, `"event"` or `"manual"`, [`key`] |
// | `{"ran":{…}}` | `outcome`: `"success"`, `"failure"` or `"ignored"` |
// | `{"next_run_at":{…}}` | [`intent`, `key`] |
// | `{"recover":{…}}` | `class`: `"transient"`, `"throttled"`, `"unauthenticated"`, `"session_lost"`, `"conflict"`, `"fatal"` or `"cancelled"`, [`until_us`] |
// | `{"recovered":{…}}` | `lease_id`, `outcome` |
// | `{"renew_recovery":{…}}` | `lease_id` |
// | `{"health":{…}}` | [`is_store_away`] |
//
// Writes `{"answer":…,"changed":…,"events":[…]}` as text. Where the buffer is too small for it, the step was not made and
// nothing changed: make it anew, at the same instant for the same answer. With `STN_INPUT`, `error` says what stands there
// and what is allowed.
//
// - Null: `buffer`, to ask for the size; `error`.
// - Fails with: `STN_INPUT`, `STN_NOT_UTF8`, `STN_STATE_MEMORY`, `STN_OUT_OF_RANGE`, `STN_BUFFER_TOO_SMALL`.
// - Threads: one state.
uint32_t stn_apply(const struct stn_policy *policy,
                   void *state,
                   size_t size,
                   const char *json,
                   size_t len,
                   uint64_t now_us,
                   char *buffer,
                   size_t capacity,
                   size_t *needed,
                   struct stn_error *error);

// Asks whether a call that failed is made again, and when. Settle its permit first: what it did to the circuit counts.
// `*out` receives the answer. Only one that grants a retry changes the state: it takes from the retry budget.
//
// - Fails with: `STN_STATE_MEMORY`, `STN_OUT_OF_RANGE`.
// - Threads: one state.
uint32_t stn_retry(const struct stn_policy *policy,
                   void *state,
                   size_t size,
                   const struct stn_failed *call,
                   uint64_t now_us,
                   struct stn_retried *out);

// A step of a spool by the rules of the policy's `spool`, for whoever keeps the items elsewhere. All is
// JSON: `state` is what is known of the items, as the step before left it (`null` before the first), `json` the step.
//
// Writes `{"answer":…,"changed":…,"events":[…],"state":…}` as text. Nothing is kept here, so a step can be asked again.
//
// - Null: `buffer`, to ask for the size; `error`.
// - Fails with: `STN_INPUT`, `STN_NOT_UTF8`, `STN_OUT_OF_RANGE`, `STN_BUFFER_TOO_SMALL`.
// - Threads: any.
uint32_t stn_spool_step(const struct stn_policy *policy,
                        const char *state,
                        size_t state_len,
                        const char *json,
                        size_t len,
                        uint64_t now_us,
                        char *buffer,
                        size_t capacity,
                        size_t *needed,
                        struct stn_error *error);

// Answers a probe: the HTTP status (200 or 503) to `*status`, and the body, of the media type `application/health+json`, as text.
//
// `parts` is JSON text of `len` bytes: an object that has the answer of the step `health` for each part by its name.
// `is_ready` is 1 for a readiness probe and 0 for a liveness probe.
//
// - Null: `buffer`, to ask for the size; `error`.
// - Fails with: `STN_INPUT`, `STN_NOT_UTF8`, `STN_OUT_OF_RANGE`, `STN_BUFFER_TOO_SMALL`.
// - Threads: any.
uint32_t stn_health_report(const char *parts,
                           size_t len,
                           uint32_t is_ready,
                           uint32_t *status,
                           char *buffer,
                           size_t capacity,
                           size_t *needed,
                           struct stn_error *error);

// `stn_apply` on the key's state, under the file's lock. Where the buffer is too small or the file is away, nothing happened.
//
// - Null: `buffer`, to ask for the size; `stored` and `error`.
// - Fails with: `STN_INPUT`, `STN_NOT_UTF8`, `STN_STORE`, `STN_OUT_OF_RANGE`, `STN_BUFFER_TOO_SMALL`.
// - Threads: any.
uint32_t stn_store_apply(const struct stn_store_key *key,
                         const char *json,
                         size_t len,
                         uint64_t now_us,
                         char *buffer,
                         size_t capacity,
                         size_t *needed,
                         struct stn_stored *stored,
                         struct stn_error *error);

// How well what the policy protects is, as the JSON text that the step `health` of `stn_apply` answers. Takes no lock, so it works
// while a process that holds it hangs; where the file cannot be read, that is what it says (`store_away`).
//
// - Null: `buffer`, to ask for the size.
// - Fails with: `STN_OUT_OF_RANGE`, `STN_BUFFER_TOO_SMALL`.
// - Threads: any.
uint32_t stn_store_health(const struct stn_store_key *key,
                          uint64_t now_us,
                          char *buffer,
                          size_t capacity,
                          size_t *needed);

// `stn_retry` on the key's state. Without the file, the policy's `on_store_error` decides and the answer says so: `admit` goes
// without the budget, `reject` gives up, `local` has a budget of this process.
//
// - Null: `stored` and `error`.
// - Fails with: `STN_OUT_OF_RANGE`.
// - Threads: any.
uint32_t stn_store_retry(const struct stn_store_key *key,
                         const struct stn_failed *call,
                         uint64_t now_us,
                         struct stn_retried *out,
                         struct stn_stored *stored,
                         struct stn_error *error);

// The name of a reason of `stn_retried`: `attempts`, `budget`, and so on; null where there is none.
//
// - Owner: the library's: never freed.
// - Threads: any.
const char *stn_give_up_name(uint32_t reason);

// Writes to `*out` what an acquire would be answered now. Nothing is written to the state, and no permit is given. In
// shadow mode too it answers `STN_REJECTED` where a gate would refuse.
//
// - Null: `options`: a call of cost 1 by nobody in particular.
// - Fails with: `STN_STATE_MEMORY`, `STN_OUT_OF_RANGE`.
// - Threads: one state.
uint32_t stn_peek(const struct stn_policy *policy,
                  const void *state,
                  size_t size,
                  const struct stn_acquire_options *options,
                  uint64_t now_us,
                  struct stn_decision *out);

// Writes what an operator needs as JSON text: each gate, its numbers, since when, until when, why.
//
// - Null: `buffer`, to ask for the size.
// - Fails with: `STN_STATE_MEMORY`, `STN_OUT_OF_RANGE`, `STN_BUFFER_TOO_SMALL`.
// - Threads: one state.
uint32_t stn_explain(const struct stn_policy *policy,
                     const void *state,
                     size_t size,
                     uint64_t now_us,
                     char *buffer,
                     size_t capacity,
                     size_t *needed);

// Writes the value of the header field `RateLimit` as text: what is left of the limits, and when there is more. Empty
// where there are none.
//
// - Null: `buffer`, to ask for the size.
// - Fails with: `STN_STATE_MEMORY`, `STN_OUT_OF_RANGE`, `STN_BUFFER_TOO_SMALL`.
// - Threads: one state.
uint32_t stn_rate_limit(const struct stn_policy *policy,
                        const void *state,
                        size_t size,
                        uint64_t now_us,
                        char *buffer,
                        size_t capacity,
                        size_t *needed);

// Writes to `*out` when something changes next by time alone: the circuit reads otherwise, a lease, probe, block or mode
// ends, or a level becomes full. 0 where nothing does.
//
// - Fails with: `STN_STATE_MEMORY`, `STN_OUT_OF_RANGE`.
// - Threads: one state.
uint32_t stn_next_change_at(const struct stn_policy *policy,
                            const void *state,
                            size_t size,
                            uint64_t now_us,
                            uint64_t *out);

// Writes to `*out` from when on the state may be forgotten, because a new one would answer the same: for a time to live,
// and for eviction. 0 where it may not.
//
// - Fails with: `STN_STATE_MEMORY`.
// - Threads: one state.
uint32_t stn_vacuous_at(const struct stn_policy *policy,
                        const void *state,
                        size_t size,
                        uint64_t *out);

// Writes to `*out` what came back from an HTTP call means, by the policy's table of statuses and network errors: for the
// circuit, for the block, and for whoever would make the request again. No state is needed: the call is settled with
// `outcome`, and where `block_until_us` is not 0 the command `block` is given.
//
// - Fails with: `STN_OUT_OF_RANGE`.
// - Threads: any.
uint32_t stn_classify(const struct stn_policy *policy,
                      const struct stn_reply *what,
                      uint64_t now_us,
                      struct stn_classified *out);

// The name of a status without its prefix, such as `BUFFER_TOO_SMALL`; null where there is none.
//
// - Owner: the library's: never freed.
// - Threads: any.
const char *stn_status_name(uint32_t number);

// What a status means, as a sentence; null where there is none.
//
// - Owner: the library's: never freed.
// - Threads: any.
const char *stn_status_text(uint32_t number);

// The name of an event, one byte of `events`: `opened`, `closed`, and so on; null where there is none.
//
// - Owner: the library's: never freed.
// - Threads: any.
const char *stn_event_name(uint32_t event);

// The version of this library's interface: `STN_ABI_VERSION` of the header that it fits.
//
// - Threads: any.
uint32_t stn_abi_version(void);

// The release of this library, such as `0.1.0`.
//
// - Owner: the library's: never freed.
// - Threads: any.
const char *stn_version(void);

// What the system's clock says, in microseconds since the Unix epoch, for hosts that have no clock of their own.
//
// - Threads: any.
uint64_t stn_now_us(void);

// A wait in whole seconds, rounded up: the value of a `Retry-After` header that is not too early. `wait_us` is that of a
// refusal, and not `STN_NEVER`.
//
// - Threads: any.
uint64_t stn_wait_s(uint64_t wait_us);

// `*out` receives the HTTP status with which a server refuses a request that this gate holds up, an index as in `by` of
// `stn_decision`: 429 where it is a limit of the caller's own, else 503.
//
// - Fails with: `STN_OUT_OF_RANGE` where no gate has the index.
// - Threads: any.
uint32_t stn_refusal_status(uint32_t gate,
                            uint32_t *out);

// `*out` receives 1 where a request of the HTTP method of `len` bytes may be processed twice without harm, else 0.
//
// - Fails with: `STN_NOT_UTF8`.
// - Threads: any.
uint32_t stn_is_idempotent_method(const char *method,
                                  size_t len,
                                  uint32_t *out);

// Reads a `Retry-After` header of `len` bytes, strictly: seconds, or an HTTP date in its three forms. `*until_us`
// receives the instant, or 0 where the value is neither.
//
// - Fails with: `STN_NOT_UTF8`, `STN_OUT_OF_RANGE`.
// - Threads: any.
uint32_t stn_parse_retry_after(const char *value,
                               size_t len,
                               uint64_t now_us,
                               uint64_t *until_us);

// Writes to `*out` the number of a holder's name of `len` bytes, by the hash that is the same in all languages; never 0.
// Keep the name: it cannot be had back.
//
// - Fails with: `STN_NOT_UTF8`.
// - Threads: any.
uint32_t stn_holder_hash(const char *name,
                         size_t len,
                         uint64_t *out);

// Writes a permit's portable form: 32 hexadecimal digits and a NUL.
//
// - Null: `buffer`, to ask for the size.
// - Fails with: `STN_BUFFER_TOO_SMALL`.
// - Threads: any.
uint32_t stn_permit_to_text(const struct stn_permit *permit, char *buffer, size_t capacity, size_t *needed);

// Reads a permit from its `len`, 32, hexadecimal digits.
//
// - Null: `error`.
// - Fails with: `STN_INPUT`, `STN_NOT_UTF8`.
// - Threads: any.
uint32_t stn_permit_from_text(const char *digits,
                              size_t len,
                              struct stn_permit *out,
                              struct stn_error *error);

// Opens a state file, or makes it and its directory (0600 and 0700) where they are missing. `path` is `len` bytes. A
// store does not outlive a fork: the child opens its own. The file must lie on a file system of this machine: one of a network
// (NFS, SMB) is not supported, for its locks and its memory are not those of other machines.
//
// What was found is left as it is where this fails; `code` of the error says why.
//
// - Owner: `*out` is yours, to be closed by `stn_store_close`; null where this fails.
// - Null: `options`: every default; `error`.
// - Fails with: `STN_STORE`, `STN_NOT_UTF8`, `STN_OUT_OF_RANGE`.
// - Threads: any.
uint32_t stn_store_open(const char *path,
                        size_t len,
                        const struct stn_store_options *options,
                        struct stn_store **out,
                        struct stn_error *error);

// Closes a store. Its keys and transactions live on until they are closed.
//
// - Null: `store`: nothing is done.
// - Threads: the last.
void stn_store_close(struct stn_store *store);

// A policy on one key of the file (`len`, 1 to 255, bytes). Cheap to keep and made to be kept.
//
// - Owner: `*out` is yours, to be closed by `stn_store_key_close`; null where this fails. It keeps what it needs of
//   store and policy.
// - Null: `error`.
// - Fails with: `STN_STORE`, `STN_NOT_UTF8`.
// - Threads: any.
uint32_t stn_store_key_open(const struct stn_store *store,
                            const struct stn_policy *policy,
                            const char *key,
                            size_t len,
                            struct stn_store_key **out,
                            struct stn_error *error);

// Closes a key.
//
// - Null: `key`: nothing is done.
// - Threads: the last.
void stn_store_key_close(struct stn_store_key *key);

// `stn_acquire` on the key's state, under the file's lock.
//
// `now_us` 0 lets the store read its clock under the lock; here and in all that follow. Without the file, the policy's
// `on_store_error` decides and the answer says so: `degraded` in `*stored`, with the reason in `*error`. A refusal by
// `on_store_error: reject` is `STN_UNAVAILABLE`.
//
// - Null: `options`, `stored` and `error`.
// - Fails with: `STN_OUT_OF_RANGE`.
// - Threads: any.
uint32_t stn_store_acquire(const struct stn_store_key *key,
                           const struct stn_acquire_options *options,
                           uint64_t now_us,
                           struct stn_decision *out,
                           struct stn_stored *stored,
                           struct stn_error *error);

// `stn_store_acquire` that asks for the file's lock once, for a thread that must not wait. `STN_STORE` with the code `busy`
// says that another holds it: nothing was decided, not even by `on_store_error`. Then wait elsewhere, by
// `stn_store_acquire`.
//
// - Null: `options`, `stored` and `error`.
// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
// - Threads: any.
uint32_t stn_store_try_acquire(const struct stn_store_key *key,
                               const struct stn_acquire_options *options,
                               uint64_t now_us,
                               struct stn_decision *out,
                               struct stn_stored *stored,
                               struct stn_error *error);

// `stn_settle` on the key's state. Where the file is away, nothing happened, so the permit can be settled again; else the
// result is lost, and a slot or probe comes back when its lease ends.
//
// - Null: `out`, `stored` and `error`.
// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
// - Threads: any.
uint32_t stn_store_settle(const struct stn_store_key *key,
                          const struct stn_permit *permit,
                          const struct stn_settle_options *options,
                          uint64_t now_us,
                          struct stn_answer *out,
                          struct stn_stored *stored,
                          struct stn_error *error);

// `stn_cancel` on the key's state. Where the file is away, nothing happened, so the permit can be cancelled again; else
// the tokens stay taken, and a slot or probe comes back when its lease ends.
//
// - Null: `out`, `stored` and `error`.
// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
// - Threads: any.
uint32_t stn_store_cancel(const struct stn_store_key *key,
                          const struct stn_permit *permit,
                          uint64_t now_us,
                          struct stn_answer *out,
                          struct stn_stored *stored,
                          struct stn_error *error);

// `stn_renew` on the key's state. Where the file is away, try again, and abort the call before the lease ends.
//
// - Null: `out`, `stored` and `error`.
// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
// - Threads: any.
uint32_t stn_store_renew(const struct stn_store_key *key,
                         const struct stn_permit *permit,
                         uint64_t now_us,
                         struct stn_answer *out,
                         struct stn_stored *stored,
                         struct stn_error *error);

// `stn_command` on the key's state. A time from now in the command (`for_ms`) counts from `now_us`, or from the system's
// clock where that is 0.
//
// - Null: `out`, `stored` and `error`.
// - Fails with: `STN_INPUT`, `STN_NOT_UTF8`, `STN_STORE`, `STN_OUT_OF_RANGE`.
// - Threads: any.
uint32_t stn_store_command(const struct stn_store_key *key,
                           const char *json,
                           size_t len,
                           uint64_t now_us,
                           struct stn_answer *out,
                           struct stn_stored *stored,
                           struct stn_error *error);

// `stn_peek` on the key's state. Takes no lock.
//
// - Null: `options` and `error`.
// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
// - Threads: any.
uint32_t stn_store_peek(const struct stn_store_key *key,
                        const struct stn_acquire_options *options,
                        uint64_t now_us,
                        struct stn_decision *out,
                        struct stn_error *error);

// `stn_explain` on the key's state. Takes no lock, so it works while a process that holds it hangs.
//
// - Null: `buffer`, to ask for the size; `error`.
// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`, `STN_BUFFER_TOO_SMALL`.
// - Threads: any.
uint32_t stn_store_explain(const struct stn_store_key *key,
                           uint64_t now_us,
                           char *buffer,
                           size_t capacity,
                           size_t *needed,
                           struct stn_error *error);

// Writes the key's bytes, as `stn_state_encode` does. `*needed` is 0 where the key does not exist yet. Takes no lock.
//
// - Null: `buffer`, to ask for the size; `error`.
// - Fails with: `STN_STORE`, `STN_BUFFER_TOO_SMALL`.
// - Threads: any.
uint32_t stn_store_snapshot(const struct stn_store_key *key,
                            uint8_t *buffer,
                            size_t capacity,
                            size_t *needed,
                            struct stn_error *error);

// Sets the key to a state's `len` bytes, which are checked first. Where this fails, nothing was done.
//
// - Null: `stored` and `error`.
// - Fails with: `STN_STORE`.
// - Threads: any.
uint32_t stn_store_restore(const struct stn_store_key *key,
                           const uint8_t *encoded,
                           size_t len,
                           struct stn_stored *stored,
                           struct stn_error *error);

// Locks the file for one key of `len` bytes, waiting as the store's options say. With `STN_STORE` and code `busy`, the
// lock was not free in time.
//
// - Owner: `*out` is yours, to be ended by `stn_store_commit` or `stn_store_abort`; null where this fails.
// - Null: `error`.
// - Fails with: `STN_STORE`, `STN_NOT_UTF8`.
// - Threads: any.
uint32_t stn_store_begin(const struct stn_store *store,
                         const char *key,
                         size_t len,
                         struct stn_transaction **out,
                         struct stn_error *error);

// The key's bytes as the transaction found them: `*found` points to `*len` of them; null and 0 where the key does not
// exist yet. `*stored` receives the write sequence and how long was waited.
//
// - Owner: the bytes are the transaction's, and live until it ends.
// - Null: `stored`.
// - Fails with: nothing of its own.
// - Threads: any.
uint32_t stn_transaction_bytes(const struct stn_transaction *transaction,
                               const uint8_t **found,
                               size_t *len,
                               struct stn_stored *stored);

// Writes the key's new `len` bytes and unlocks. The transaction is ended, also where this fails; the old bytes then
// stay.
//
// `vacuous_at_us` is what `stn_vacuous_at` says of the state, 0 to keep the key for ever. `*sequence` receives the key's
// new write sequence.
//
// - Null: `sequence` and `error`.
// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
// - Threads: the last.
uint32_t stn_store_commit(struct stn_transaction *transaction,
                          const uint8_t *encoded,
                          size_t len,
                          uint64_t vacuous_at_us,
                          uint64_t *sequence,
                          struct stn_error *error);

// Unlocks and changes nothing. The transaction is ended.
//
// - Null: `transaction`: nothing is done.
// - Threads: the last.
void stn_store_abort(struct stn_transaction *transaction);

// Opens a spool, or makes it where it is missing: the folder `path`, of `len` bytes, with the rules of the policy's `spool`. The
// options are those of a state file; `max_keys` is passed over.
//
// - Owner: `*out` is yours, to be closed by `stn_spool_close`; null where this fails. It keeps what it needs of the policy.
// - Null: `options`: every default; `error`.
// - Fails with: `STN_STORE`, `STN_NOT_UTF8`, `STN_OUT_OF_RANGE`.
// - Threads: any.
uint32_t stn_spool_open(const char *path,
                        size_t len,
                        const struct stn_policy *policy,
                        const struct stn_store_options *options,
                        struct stn_spool **out,
                        struct stn_error *error);

// Closes a spool. Its deliveries live on until they are closed; their items are leased until they are settled, or the leases
// end.
//
// - Null: `spool`: nothing is done.
// - Threads: the last.
void stn_spool_close(struct stn_spool *spool);

// Appends an item of `len` bytes. When this returns it is on disk, behind all that were appended before.
//
// `id` is `id_len`, 1 to 255, bytes of text by which the same item is known if it comes again.
//
// - Null: `id`, for an item without; `error`.
// - Fails with: `STN_STORE`, `STN_NOT_UTF8`, `STN_OUT_OF_RANGE`.
// - Threads: any.
uint32_t stn_spool_append(const struct stn_spool *spool,
                          const char *id,
                          size_t id_len,
                          const uint8_t *payload,
                          size_t len,
                          uint64_t now_us,
                          struct stn_spool_answer *out,
                          struct stn_error *error);

// Takes in every line of a file of JSON lines as an item, in their order: `path` is
// `path_len` bytes. The file stays as it is. An import that was broken off can be made again without a line twice.
//
// - Null: `error`.
// - Fails with: `STN_STORE`, also where the file cannot be read, `STN_NOT_UTF8`, `STN_OUT_OF_RANGE`. What was taken in until then
//   is in.
// - Threads: any.
uint32_t stn_spool_import(const struct stn_spool *spool,
                          const char *path,
                          size_t path_len,
                          uint64_t now_us,
                          struct stn_spool_imported *out,
                          struct stn_error *error);

// Leases the next item that is to be delivered. It stays on disk until it is acknowledged; an item whose lease ends is offered
// again. Where the policy has gates, ask them before: an attempt counts when the item is leased.
//
// - Owner: `*delivery` is yours, to be closed by `stn_delivery_close`; null where this fails, and where nothing was leased.
// - Null: `error`.
// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
// - Threads: any.
uint32_t stn_spool_lease(const struct stn_spool *spool,
                         uint64_t now_us,
                         struct stn_spool_offer *out,
                         struct stn_delivery **delivery,
                         struct stn_error *error);

// Writes to `*out` what a lease would be answered now, with nothing taken: `lease` is 0, and `died` is 1 where an item would become
// a dead letter first. Takes no lock. Who has a gate to ask can so ask it only where something is to be delivered.
//
// - Null: `error`.
// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
// - Threads: any.
uint32_t stn_spool_peek(const struct stn_spool *spool,
                        uint64_t now_us,
                        struct stn_spool_offer *out,
                        struct stn_error *error);

// Looks at an item, wherever it stands, dead letters too. It is not leased by that.
//
// - Owner: `*delivery` is yours, to be closed by `stn_delivery_close`; null where this fails, and where there is no such item.
// - Null: `error`.
// - Fails with: `STN_STORE`.
// - Threads: any.
uint32_t stn_spool_look(const struct stn_spool *spool,
                        uint64_t seq,
                        struct stn_delivery **delivery,
                        struct stn_error *error);

// Writes the id of an item as text; empty where it has none.
//
// - Null: `buffer`, to ask for the size.
// - Fails with: `STN_BUFFER_TOO_SMALL`.
// - Threads: any.
uint32_t stn_delivery_id(const struct stn_delivery *delivery, char *buffer, size_t capacity, size_t *needed);

// Writes the payload of an item.
//
// - Null: `buffer`, to ask for the size.
// - Fails with: `STN_STORE` where it cannot be read, `STN_BUFFER_TOO_SMALL`.
// - Threads: any.
uint32_t stn_delivery_payload(const struct stn_delivery *delivery,
                              uint8_t *buffer,
                              size_t capacity,
                              size_t *needed);

// Writes what stands at an offset of the payload, as much of it as there is and the buffer takes, so that it need not fit into
// memory. `*read` is how many bytes that is: 0 at its end.
//
// - Null: `buffer`, where its capacity is 0.
// - Fails with: `STN_STORE` where it cannot be read.
// - Threads: any.
uint32_t stn_delivery_read(const struct stn_delivery *delivery,
                           uint64_t offset,
                           uint8_t *buffer,
                           size_t capacity,
                           size_t *read);

// Closes a delivery. The item is settled by its numbers, and not by this.
//
// - Null: `delivery`: nothing is done.
// - Threads: the last.
void stn_delivery_close(struct stn_delivery *delivery);

// Tells how the delivery of an item ended: `seq` and `lease` are those of the offer.
//
// Answers `STN_SPOOL_ACKNOWLEDGED`, `STN_SPOOL_RETURNED`, `STN_SPOOL_DIED`, `STN_SPOOL_LEASE_LOST` or `STN_SPOOL_NOT_FOUND`.
//
// - Null: `out`, where nobody asks; `error`.
// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
// - Threads: any.
uint32_t stn_spool_settle(const struct stn_spool *spool,
                          uint64_t seq,
                          uint32_t lease,
                          const struct stn_spool_end *end,
                          uint64_t now_us,
                          struct stn_spool_answer *out,
                          struct stn_error *error);

// Extends the lease of an item whose delivery goes on.
//
// Answers `STN_SPOOL_RENEWED`, `STN_SPOOL_LEASE_LOST` or `STN_SPOOL_NOT_FOUND`.
//
// - Null: `out`, where nobody asks; `error`.
// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
// - Threads: any.
uint32_t stn_spool_renew(const struct stn_spool *spool,
                         uint64_t seq,
                         uint32_t lease,
                         uint64_t now_us,
                         struct stn_spool_answer *out,
                         struct stn_error *error);

// Says that the receiver works again, so that what waits is delivered at the pace of the policy.
//
// Answers `STN_SPOOL_PACED` or `STN_SPOOL_UNCHANGED`.
//
// - Null: `out`, where nobody asks; `error`.
// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
// - Threads: any.
uint32_t stn_spool_resume(const struct stn_spool *spool,
                          uint64_t now_us,
                          struct stn_spool_answer *out,
                          struct stn_error *error);

// Lets a dead letter be tried again, in its old place.
//
// Answers `STN_SPOOL_REQUEUED`, `STN_SPOOL_UNCHANGED` or `STN_SPOOL_NOT_FOUND`.
//
// - Null: `out`, where nobody asks; `error`.
// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
// - Threads: any.
uint32_t stn_spool_requeue(const struct stn_spool *spool,
                           uint64_t seq,
                           uint64_t now_us,
                           struct stn_spool_answer *out,
                           struct stn_error *error);

// Takes an item out for good, wherever it stands. It is not delivered any more.
//
// Answers `STN_SPOOL_REMOVED` or `STN_SPOOL_NOT_FOUND`.
//
// - Null: `out`, where nobody asks; `error`.
// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
// - Threads: any.
uint32_t stn_spool_remove(const struct stn_spool *spool,
                          uint64_t seq,
                          uint64_t now_us,
                          struct stn_spool_answer *out,
                          struct stn_error *error);

// Writes to `*out` how much waits. Takes no lock.
//
// - Null: `error`.
// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
// - Threads: any.
uint32_t stn_spool_count(const struct stn_spool *spool,
                         uint64_t now_us,
                         struct stn_spool_totals *out,
                         struct stn_error *error);

// Writes the items that wait or are being delivered, in their order, as a JSON list: `seq`, `id` (null for none), `bytes`,
// `since_us`, `attempts`, `lease`, `status` (waiting, leased), `why` (null), `at_us` (until when). Takes no lock.
//
// - Null: `buffer`, to ask for the size; `error`.
// - Fails with: `STN_STORE`, `STN_BUFFER_TOO_SMALL`.
// - Threads: any.
uint32_t stn_spool_items(const struct stn_spool *spool,
                         char *buffer,
                         size_t capacity,
                         size_t *needed,
                         struct stn_error *error);

// Writes the dead letters, in the order of their acceptance, as `stn_spool_items` writes items: `status` is dead, `why` is
// attempts, age, refused or damaged, `at_us` is since when. Takes no lock.
//
// - Null: `buffer`, to ask for the size; `error`.
// - Fails with: `STN_STORE`, `STN_BUFFER_TOO_SMALL`.
// - Threads: any.
uint32_t stn_spool_dead_letters(const struct stn_spool *spool,
                                char *buffer,
                                size_t capacity,
                                size_t *needed,
                                struct stn_error *error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* STANCHION_H */
