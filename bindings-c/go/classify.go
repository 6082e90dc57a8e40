package stanchion

/*
#include "stanchion.h"

// What goes in are values, so that no Go pointer leads to another.
static inline uint32_t go_classify(const stn_policy *policy, uint32_t status, uint32_t error, const char *retry_after,
                                   size_t retry_after_len, uint64_t now_us, stn_classified *out) {
	const stn_reply reply = {sizeof reply, status, error, 0, retry_after, retry_after_len};
	out->struct_size = sizeof *out;
	return stn_classify(policy, &reply, now_us, out);
}

#cgo noescape go_classify
#cgo nocallback go_classify
*/
import "C"

import (
	"math"
	"time"
)

// NetworkError is a class of network errors: what there was instead of a status.
type NetworkError uint32

const (
	// NetworkRefused is that no connection came about. Nothing was sent.
	NetworkRefused NetworkError = iota + 1
	// NetworkReset is that the connection broke. Nobody knows whether the request was processed.
	NetworkReset
	// NetworkTimeout is that no answer came in time, by the upstream's or the caller's own bound.
	NetworkTimeout
	// NetworkDNS is that the name was not resolved. Nothing was sent.
	NetworkDNS
	// NetworkTLS is that no trusted connection came about. Nothing was sent.
	NetworkTLS
	// NetworkAborted is that the caller gave the call up.
	NetworkAborted
	// NetworkOther is any other, and one that cannot be told. Nobody knows whether the request was processed.
	NetworkOther
)

// The numbers are those of the C interface.
var _ = [1]struct{}{}[NetworkRefused-C.STN_NETWORK_REFUSED|NetworkReset-C.STN_NETWORK_RESET|NetworkTimeout-C.STN_NETWORK_TIMEOUT|
	NetworkDNS-C.STN_NETWORK_DNS|NetworkTLS-C.STN_NETWORK_TLS|NetworkAborted-C.STN_NETWORK_ABORTED|NetworkOther-C.STN_NETWORK_OTHER]

// Reply is what came back from an HTTP call: a status, or a network error instead of one.
type Reply struct {
	// Status is the answer's. What is none (below 100, above 599) counts as a 5xx.
	Status int
	// RetryAfter is the value of the answer's Retry-After header; empty where it has none.
	RetryAfter string
	// Error is what there was instead of a status; 0 where there was one.
	Error NetworkError
}

// Classified is what a reply means.
type Classified struct {
	// Outcome is with which the call is settled.
	Outcome Outcome
	// BlockUntil is until when the policy is to be blocked: see [Policy.Block]. The zero time where it is not.
	BlockUntil time.Time
	// Retry tells whether the request may be made again.
	Retry Retry
	// RetryAt is when the server wants to be called again by its Retry-After header; the zero time without one. No retry
	// comes earlier.
	RetryAt time.Time
	// Fault is what is at fault, for a recovery; empty where the caller got what it asked for. A throttle lasts until RetryAt.
	Fault Fault
}

// By their numbers in C.
var faults = [...]Fault{
	C.STN_FAULT_TRANSIENT: FaultTransient, C.STN_FAULT_THROTTLED: FaultThrottled,
	C.STN_FAULT_UNAUTHENTICATED: FaultUnauthenticated, C.STN_FAULT_SESSION_LOST: FaultSessionLost,
	C.STN_FAULT_CONFLICT: FaultConflict, C.STN_FAULT_FATAL: FaultFatal, C.STN_FAULT_CANCELLED: FaultCancelled,
}

// Allows tells whether a request may be made again that is idempotent, or is not.
func (r Retry) Allows(isIdempotent bool) bool {
	return r == RetryAlways || r == RetryIdempotent && isIdempotent
}

// Classify is what a reply means by the policy's table of statuses and network errors, which its field classify overrides:
// for the circuit, for the block, and for whoever would make the request again. The state has no part in it.
func (p *Policy) Classify(reply Reply) (Classified, error) { return p.current().Classify(reply) }

// Block refuses every call until an instant, at most max_block_ms ahead: what a server's Retry-After asks for. A later one
// wins. The answer is NoGate where the policy has no block.
func (p *Policy) Block(until time.Time) (Answer, error) { return p.current().Block(until) }

// Classify is [Policy.Classify] at the instant.
func (m Moment) Classify(reply Reply) (Classified, error) {
	us := m.us
	if us == 0 {
		us = uint64(C.stn_now_us()) // a state file reads its clock when it decides, and this is no decision
	}
	var classified Classified
	err := m.policy.backend.lend(func(policy *C.stn_policy) (err error) {
		classified, err = classify(policy, reply, us)
		return err
	})
	return classified, err
}

func classify(policy *C.stn_policy, reply Reply, nowUS uint64) (Classified, error) {
	var out C.stn_classified
	header, size := chars(reply.RetryAfter)
	status := uint32(0) // what does not fit is no status either
	if 0 < reply.Status && int64(reply.Status) <= math.MaxUint32 {
		status = uint32(reply.Status)
	}
	err := okOr(C.go_classify(policy, C.uint32_t(status), C.uint32_t(reply.Error), header, size, C.uint64_t(nowUS), &out))
	if err != nil {
		return Classified{}, err
	}
	return Classified{
		Outcome:    Outcome(out.outcome),
		BlockUntil: instant(uint64(out.block_until_us)),
		Retry:      retryOf(out.retry),
		RetryAt:    instant(uint64(out.retry_at_us)),
		Fault:      faultNamed(out.fault),
	}, nil
}

func faultNamed(code C.uint32_t) Fault {
	if int(code) < len(faults) {
		return faults[code]
	}
	return "" // one of a later release
}

func retryOf(retry C.uint32_t) Retry {
	switch retry {
	case C.STN_RETRY_ALWAYS:
		return RetryAlways
	case C.STN_RETRY_IDEMPOTENT:
		return RetryIdempotent
	default:
		return RetryNever
	}
}
