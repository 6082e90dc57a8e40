package stanchion

// #include "stanchion.h"
import "C"

import (
	"slices"
	"time"
)

// Gate is one gate of a policy.
type Gate struct {
	// Gate is circuit, block, limit or bulkhead.
	Gate string
	// Name is that of a limit, else empty.
	Name string
}

// String is the gate as in JSON: circuit, limit:calls.
func (g Gate) String() string {
	if g.Name == "" {
		return g.Gate
	}
	return g.Gate + ":" + g.Name
}

// Report says how an answer came about.
type Report struct {
	// Changed tells that the state is another than before, and so must be kept.
	Changed bool
	// Events are what happened in the step, mostly nothing.
	Events Events
	// Sequence is the write sequence of the key after this step; 0 where no state file had a part in the answer.
	Sequence uint64
	// Waited is how long was waited for the state file's lock.
	Waited time.Duration
	// Degraded is why the answer was given without the state file; nil for a proper one.
	Degraded *StoreError
}

// Events are at most eight events in the order in which they happened.
type Events uint64

// Names are the events' names: opened, half_opened, closed, and so on.
func (e Events) Names() []string {
	var names []string
	for ; e != 0; e >>= 8 {
		if name := eventName(byte(e)); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// Outcome is how a call ended.
type Outcome uint32

const (
	// Success is a call that worked.
	Success Outcome = iota + 1
	// Failure is a call that failed in a way that says something about the protected system.
	Failure
	// Ignored is a call that says nothing about the system: its slot comes back, nothing is counted.
	Ignored
)

var outcomeNames = [...]string{"", "success", "failure", "ignored"}

// String is the outcome's name in JSON.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return ""
}

// MarshalText is the outcome's name in JSON.
func (o Outcome) MarshalText() ([]byte, error) {
	if o.String() == "" {
		return nil, statusError(C.STN_OUT_OF_RANGE)
	}
	return []byte(o.String()), nil
}

// UnmarshalText reads the outcome's name in JSON.
func (o *Outcome) UnmarshalText(text []byte) error {
	place := slices.Index(outcomeNames[:], string(text))
	if place < 1 {
		return statusError(C.STN_OUT_OF_RANGE)
	}
	*o = Outcome(place)
	return nil
}

// Result is what became of a result, a renewal or a command.
type Result uint32

const (
	// Counted is a result that counted as what it said.
	Counted Result = iota + 1
	// Stale is a result from before the circuit's last phase; it moved no circuit.
	Stale
	// LeaseLost tells that the permit's lease had ended. After a renewal: abort the call.
	LeaseLost
	// Renewed tells that the lease ends at Until now.
	Renewed
	// NotLeased tells that the permit holds no lease.
	NotLeased
	// Done is a command that was carried out.
	Done
	// Unchanged is a command that had nothing to do.
	Unchanged
	// NoGate is a command for a gate that the policy lacks.
	NoGate
)

var resultNames = [...]string{
	"", "counted", "stale", "lease_lost", "renewed", "not_leased", "done", "unchanged", "no_gate",
}

// String is the result's name in JSON.
func (r Result) String() string {
	if int(r) < len(resultNames) {
		return resultNames[r]
	}
	return ""
}

// Answer is the answer to a result, a renewal or a command.
type Answer struct {
	// Result is what became of it.
	Result Result
	// Until is when the lease ends now; the zero time but after Renewed.
	Until time.Time
	// Report says how the answer came about.
	Report Report
}
