//go:build cgo

package stanchion

import (
	"errors"
	"fmt"
	"time"
)

// ErrRejected is what every [*RejectedError] is, for errors.Is.
var ErrRejected = errors.New("stanchion: rejected")

// ErrDegraded is what an error is that came about without the state file, for errors.Is.
var ErrDegraded = errors.New("stanchion: decided without the state file")

// ErrClosed is told by what was closed.
var ErrClosed = errors.New("stanchion: closed")

// ErrPermitUsed is told where a permit is given back twice.
var ErrPermitUsed = errors.New("stanchion: the permit was given back before")

// ErrTimeout is the cause with which [Policy.Do] ends the context of a call that took too long, and what every [*TimeoutError] is.
var ErrTimeout = errors.New("stanchion: the call took too long")

// ErrLeaseLost is the cause with which [Policy.Do] ends the context of a call whose slot may be another's by now.
var ErrLeaseLost = errors.New("stanchion: the lease was lost")

// ConfigError is a configuration that is no policy. Nothing was built.
type ConfigError struct {
	// Field is where, in the names of the JSON form: circuit.open_ms, limits[1].capacity; empty for the whole.
	Field string
	// Value is what stands there, cut at 80 characters.
	Value string
	// Allowed is what may stand there.
	Allowed string
	message string
}

func (e *ConfigError) Error() string { return "stanchion: " + e.message }

// InputError is a command or a permit that is none. Nothing changed.
type InputError struct {
	// Field is where, in the names of the JSON form; empty for the whole.
	Field string
	// Value is what stands there, cut at 80 characters.
	Value string
	// Allowed is what may stand there.
	Allowed string
	message string
}

func (e *InputError) Error() string { return "stanchion: " + e.message }

// StateError is bytes that are no state, or none that this release may read. Nothing was changed; keep the bytes.
type StateError struct {
	// Code is a stable name: not_a_state, newer_version, and so on.
	Code    string
	message string
}

func (e *StateError) Error() string { return "stanchion: " + e.message }

// StoreError is a state file that could not be used. Nothing was overwritten, nothing was reset.
type StoreError struct {
	// Code is a stable name: busy, corrupt, disk_full, and so on.
	Code string
	// Path is the state file.
	Path    string
	message string
}

func (e *StoreError) Error() string { return "stanchion: " + e.message }

// EngineError is a call that the engine refused as a whole: an instant out of range, a text that is not UTF-8, a fault inside.
type EngineError struct {
	// Code is a stable name, the same in all languages: out_of_range, internal, and so on.
	Code    string
	message string
}

func (e *EngineError) Error() string { return "stanchion: " + e.message }

// RejectedError is a refusal. Nothing was taken from any gate.
type RejectedError struct {
	// Policy is the policy's name.
	Policy string
	// By is the gate that holds the call up longest.
	By Gate
	// Gates are all gates that refuse now, in their order.
	Gates []Gate
	// RetryAfter is how long to wait until every gate would admit this call; 0 where Never is true.
	RetryAfter time.Duration
	// Never tells that waiting cannot help.
	Never bool
	// IsLineFull tells that it would have waited, but that as many calls wait as may: see [MaxWaiting].
	IsLineFull bool
	// Report says how the answer came about.
	Report Report
	gate   uint32 // By, as an index
}

func (e *RejectedError) Error() string {
	if e.IsLineFull {
		return fmt.Sprintf("stanchion: %s: held up by %s, and no more may wait", e.Policy, e.By)
	}
	if e.Never {
		return fmt.Sprintf("stanchion: %s: rejected by %s, waiting cannot help", e.Policy, e.By)
	}
	return fmt.Sprintf("stanchion: %s: rejected by %s, retry after %s", e.Policy, e.By, e.RetryAfter)
}

// Is makes every refusal ErrRejected, and one without the state file ErrDegraded.
func (e *RejectedError) Is(target error) bool {
	return target == ErrRejected || target == ErrDegraded && e.Report.Degraded != nil
}

// WaitError is a wait that the context ended.
type WaitError struct {
	// Policy is the policy's name.
	Policy string
	// Rejected tells which gate held the call up, or the calls before it in the line; nil where no gate was asked, because the state
	// file's lock was waited for.
	Rejected *RejectedError
	// Cause is why the context ended.
	Cause error
}

func (e *WaitError) Error() string {
	by := "the state file's lock"
	if e.Rejected != nil {
		by = e.Rejected.By.String()
	}
	return fmt.Sprintf("stanchion: %s: held up by %s until the context ended: %v", e.Policy, by, e.Cause)
}

// Unwrap is the cause, and the refusal where there was one.
func (e *WaitError) Unwrap() []error {
	if e.Rejected == nil {
		return []error{e.Cause}
	}
	return []error{e.Rejected, e.Cause}
}

// UnavailableError is a refusal by on_store_error: reject. No gate was asked.
type UnavailableError struct {
	// Policy is the policy's name.
	Policy string
	// Report says how the answer came about; its Degraded is the reason.
	Report Report
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("stanchion: %s: unavailable: %v", e.Policy, e.Report.Degraded)
}

// Is makes it ErrDegraded.
func (e *UnavailableError) Is(target error) bool { return target == ErrDegraded }

// Unwrap is the reason.
func (e *UnavailableError) Unwrap() error { return e.Report.Degraded }

// TimeoutError is the error of a call whose context [Policy.Do] ended, because it took longer than [Timeout] or the policy's
// call_timeout_ms lets it.
type TimeoutError struct {
	// Policy is the policy's name.
	Policy string
	// Err is what the call returned, mostly [context.DeadlineExceeded].
	Err error
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("stanchion: %s: the call took too long: %v", e.Policy, e.Err)
}

// Is makes it ErrTimeout.
func (e *TimeoutError) Is(target error) bool { return target == ErrTimeout }

// Timeout makes it one for whoever asks as package net does.
func (e *TimeoutError) Timeout() bool { return true }

// Unwrap is what the call returned.
func (e *TimeoutError) Unwrap() error { return e.Err }
