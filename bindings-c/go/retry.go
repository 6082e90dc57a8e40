package stanchion

/*
#include "stanchion.h"

#cgo noescape stn_retry
#cgo nocallback stn_retry
#cgo noescape stn_store_retry
#cgo nocallback stn_store_retry
*/
import "C"

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
	"unsafe"
)

// Failed is a call that failed: see [Policy.Retry].
type Failed struct {
	// Attempt is which attempt it was: 1 for the first, as is 0.
	Attempt int
	// Began is when the first attempt began; the deadline runs from here.
	Began time.Time
	// Retry is what [Policy.Classify] said of it; empty is RetryIdempotent, because nobody knows whether it was processed.
	Retry Retry
	// IsIdempotent tells that the request may be processed twice without harm.
	IsIdempotent bool
	// RetryAt is when the server wants to be asked again; the zero time where it did not say.
	RetryAt time.Time
	// PreviousDelay is how long was waited before this attempt; nil for not at all. Only jitter decorrelated goes by it.
	PreviousDelay *time.Duration
	// Deadline is by when the caller wants the next attempt to have begun, beside the policy's own; the zero time for none.
	Deadline time.Time
	// MaxCircuitWait is how long the caller waits for an open circuit at most; nil for as long as it takes.
	MaxCircuitWait *time.Duration
}

// Retried is what becomes of a call that failed.
type Retried struct {
	// Again is when it may be made again; the zero time where it is given up. The gates are asked again then.
	Again time.Time
	// ForCircuit tells that it is the circuit that lets nothing through before Again: wait for it, keep the call for later, or
	// give it up.
	ForCircuit bool
	// GaveUp is why it is not made again; 0 where it is.
	GaveUp GiveUp
	// Report says how the answer came about.
	Report Report
}

// GiveUp is why a call is not made again.
type GiveUp uint32

const (
	// GiveUpNoRetry is a policy without retry.
	GiveUpNoRetry GiveUp = iota + 1
	// GiveUpNotRetryable is an answer that would be the same, or one that nobody wants any more.
	GiveUpNotRetryable
	// GiveUpNotIdempotent is a request that may have been processed, and that does harm when it is processed twice.
	GiveUpNotIdempotent
	// GiveUpAttempts is a call that was made max_attempts times.
	GiveUpAttempts
	// GiveUpRetryAfter is a server that asks for a longer wait than max_retry_after_ms.
	GiveUpRetryAfter
	// GiveUpGates is a gate that will never admit the call.
	GiveUpGates
	// GiveUpDeadline is an attempt that would begin after deadline_ms, or after the caller's own deadline.
	GiveUpDeadline
	// GiveUpBudget is that all callers together have made as many retries as they may.
	GiveUpBudget
	// GiveUpCircuit is a circuit that is open for longer than the caller waits.
	GiveUpCircuit
)

// The numbers are those of the C interface.
var _ = [1]struct{}{}[GiveUpNoRetry-C.STN_GIVE_UP_NO_RETRY|GiveUpNotRetryable-C.STN_GIVE_UP_NOT_RETRYABLE|
	GiveUpNotIdempotent-C.STN_GIVE_UP_NOT_IDEMPOTENT|GiveUpAttempts-C.STN_GIVE_UP_ATTEMPTS|
	GiveUpRetryAfter-C.STN_GIVE_UP_RETRY_AFTER|GiveUpGates-C.STN_GIVE_UP_GATES|GiveUpDeadline-C.STN_GIVE_UP_DEADLINE|
	GiveUpBudget-C.STN_GIVE_UP_BUDGET|GiveUpCircuit-C.STN_GIVE_UP_CIRCUIT]

// String is the reason's name in JSON.
func (g GiveUp) String() string {
	name := C.stn_give_up_name(C.uint32_t(g))
	if name == nil {
		return ""
	}
	return C.GoString(name)
}

// WithRandom draws the jitter of retries by this function instead of math/rand, for tests. It is called by many goroutines.
func WithRandom(draw func() uint32) Option {
	return func(o *options) { o.draw = draw }
}

// Retry asks whether a call that failed is made again, and when; Cost and Holder say what the next attempt will ask for. Settle
// its permit first: what it did to the circuit counts. Only a retry that is granted changes the state: it takes from the budget.
//
// [Policy.Do] does all of this by itself.
func (p *Policy) Retry(failed Failed, opts ...AcquireOption) (Retried, error) {
	return p.current().Retry(failed, opts...)
}

// Retry is [Policy.Retry] at the instant.
func (m Moment) Retry(failed Failed, opts ...AcquireOption) (Retried, error) {
	all, err := planOf(opts, saysHolder, 0)
	if err != nil {
		return Retried{}, err
	}
	return m.retry(&failed, all.wish)
}

func (m Moment) retry(failed *Failed, w wish) (Retried, error) {
	call, err := failed.crossing(w)
	if err != nil {
		return Retried{}, err
	}
	call.random = C.uint32_t(m.policy.draw())
	retried, err := m.policy.backend.retry(&call, m.us)
	m.policy.tellReport(&retried.Report)
	return retried, err
}

func (f *Failed) crossing(w wish) (C.stn_failed, error) {
	if f.Attempt < 0 || f.Attempt > math.MaxUint32 || isNegative(f.PreviousDelay) || isNegative(f.MaxCircuitWait) {
		return C.stn_failed{}, statusError(C.STN_OUT_OF_RANGE)
	}
	call := C.stn_failed{
		struct_size: C.sizeof_stn_failed, attempt: C.uint32_t(f.Attempt), began_at_us: C.uint64_t(micros(f.Began)),
		cost: C.uint32_t(w.cost), holder: C.uint64_t(w.holder),
	}
	switch f.Retry {
	case RetryNever:
		call.retry = C.STN_RETRY_NEVER
	case RetryIdempotent, "":
		call.retry = C.STN_RETRY_IDEMPOTENT
	case RetryAlways:
		call.retry = C.STN_RETRY_ALWAYS
	default:
		return C.stn_failed{}, fmt.Errorf("stanchion: %q is no retry: %w", f.Retry, statusError(C.STN_OUT_OF_RANGE))
	}
	if f.IsIdempotent {
		call.is_idempotent = 1
	}
	if !f.RetryAt.IsZero() {
		call.retry_at_us = C.uint64_t(micros(f.RetryAt))
	}
	if !f.Deadline.IsZero() {
		call.deadline_at_us = C.uint64_t(min(micros(f.Deadline), lastInstant))
	}
	if f.MaxCircuitWait != nil {
		call.fields |= C.STN_FAILED_MAX_CIRCUIT_WAIT
		call.max_circuit_wait_us = C.uint64_t(f.MaxCircuitWait.Microseconds())
	}
	if f.PreviousDelay != nil {
		call.fields |= C.STN_FAILED_PREVIOUS_DELAY
		call.previous_delay_us = C.uint64_t(f.PreviousDelay.Microseconds())
	}
	if w.fields&C.STN_ACQUIRE_COST != 0 {
		call.fields |= C.STN_FAILED_COST
	}
	if w.fields&C.STN_ACQUIRE_HOLDER != 0 {
		call.fields |= C.STN_FAILED_HOLDER
	}
	return call, nil
}

// lastInstant is the last one that the core knows, in the year 2112: whatever is later is as good as that.
const lastInstant = 1<<52 - 1

func isNegative(d *time.Duration) bool { return d != nil && *d < 0 }

func retriedOf(from *C.stn_retried) Retried {
	return Retried{
		Again:      instant(uint64(from.at_us)),
		ForCircuit: from.retried == C.STN_RETRIED_WAIT,
		GaveUp:     GiveUp(from.reason),
		Report:     Report{Changed: from.changed != 0, Events: Events(from.events)},
	}
}

func (c *cell) retry(call *C.stn_failed, nowUS uint64) (Retried, error) {
	var out C.stn_retried
	out.struct_size = C.sizeof_stn_retried
	state, size, err := c.enter()
	defer c.mu.Unlock()
	if err != nil {
		return Retried{}, err
	}
	status := C.stn_retry(c.policy, unsafe.Pointer(state), size, call, C.uint64_t(nowUS), &out)
	if status != C.STN_OK {
		return Retried{}, statusError(status)
	}
	return retriedOf(&out), nil
}

func (k *key) retry(call *C.stn_failed, nowUS uint64) (Retried, error) {
	var o outs
	o.sized()
	var out C.stn_retried
	out.struct_size = C.sizeof_stn_retried
	handle, err := k.enter()
	defer k.mu.RUnlock()
	if err != nil {
		return Retried{}, err
	}
	status := C.stn_store_retry(handle, call, C.uint64_t(nowUS), &out, &o.stored, &o.why)
	if status != C.STN_OK {
		return Retried{}, atPath(toError(status, &o.why), k.path)
	}
	retried := retriedOf(&out)
	o.report(&retried.Report, k.path)
	return retried, nil
}

// draw is any number of 32 bits.
func (p *Policy) draw() uint32 {
	if p.random != nil {
		return p.random()
	}
	return rand.Uint32()
}
