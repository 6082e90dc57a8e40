//go:build cgo

package stanchion

import (
	"encoding/json"
	"time"
)

// Explanation is what an operator needs: each gate, its numbers, since when, until when, why. Where something is not, an instant is
// the zero time, and a pointer nil.
type Explanation struct {
	// Policy is the policy's name.
	Policy string
	// At is the state's time: now, or the last change where that is later.
	At time.Time
	// LastAt is when the state changed last.
	LastAt time.Time
	// Generation is that of the permits that are given out now.
	Generation uint32
	// Admits tells whether a call of cost 1 would be admitted.
	Admits bool
	// By is which gate holds such a call up longest; the zero Gate where it is admitted.
	By Gate
	// Gates are all gates that refuse it now.
	Gates []Gate
	// RetryAfter is how long to wait; nil where it is admitted, and where waiting cannot help.
	RetryAfter *time.Duration
	// IsShadow tells that nothing is enforced: what would be refused is only told.
	IsShadow bool
	// Circuit is the circuit.
	Circuit *CircuitExplanation
	// BlockUntil is the end of the block, if there is one now.
	BlockUntil time.Time
	// Limits are the limits in the policy's order.
	Limits []LimitExplanation
	// CarriedLimits is how many limits of other configurations are carried, because they are not full again.
	CarriedLimits int
	// Bulkhead is the bulkhead.
	Bulkhead *BulkheadExplanation
	// NextChange is when something changes next by itself.
	NextChange time.Time
	// Vacuous is from when the state says nothing that a new one would not.
	Vacuous time.Time
	// JSON is all of it as the engine said it, with the schedule, the recovery and the health besides.
	JSON json.RawMessage
}

// Phase is where a circuit is, or the mode that lies over it.
type Phase string

const (
	// PhaseClosed lets all calls through.
	PhaseClosed Phase = "closed"
	// PhaseOpen lets none through.
	PhaseOpen Phase = "open"
	// PhaseHalfOpen lets probes through.
	PhaseHalfOpen Phase = "half_open"
	// PhaseForcedOpen is a mode: an operator lets none through.
	PhaseForcedOpen Phase = "forced_open"
	// PhaseDisabled is a mode: all go through, and nothing is counted.
	PhaseDisabled Phase = "disabled"
	// PhaseMetricsOnly is a mode: all go through, and are counted.
	PhaseMetricsOnly Phase = "metrics_only"
)

// CircuitExplanation is the circuit of an [Explanation].
type CircuitExplanation struct {
	// Phase is where it is now.
	Phase Phase
	// Mode is what lies over it; empty for nothing.
	Mode Phase
	// ModeUntil is when the mode ends by itself.
	ModeUntil time.Time
	// Since is since when it is in its phase.
	Since time.Time
	// Until is the end of the open time, or of a half-open time that began.
	Until time.Time
	// Reason is why it opened last: consecutive_failures, failure_rate, tripped, and so on; or none.
	Reason string
	// Growth is how often it opened since its open time began to grow.
	Growth int
	// ConsecutiveFailures are failures in a row, and how many open it.
	ConsecutiveFailures *Count
	// FailuresInWindow are failures in the window, and how many open it.
	FailuresInWindow *Count
	// Rates are what the rates are taken over.
	Rates *RatesExplanation
	// Probes are those of a half-open circuit.
	Probes *ProbesExplanation
}

// Count is a number, and what it is measured against.
type Count struct{ Count, Of int }

// RatesExplanation is what a circuit's rates are taken over. The last two open it, in hundredths of a percent; nil where they do not.
type RatesExplanation struct {
	Calls          int
	MinimumCalls   int `json:"minimum_calls"`
	Failures       int
	Slow           int
	FailureRateBP  *int `json:"failure_rate_bp"`
	SlowCallRateBP *int `json:"slow_call_rate_bp"`
}

// ProbesExplanation is the probes of a half-open circuit: how many are out, how many may be, what came of them, how many decide.
type ProbesExplanation struct {
	Live, Permits, Successes, Failures, Calls int
}

// LimitExplanation is one limit of an [Explanation].
type LimitExplanation struct {
	// Name is its name.
	Name string
	// Tokens are the whole tokens that are there; below 0 it is debt.
	Tokens int64
	// TokenThousandths are those of a token beyond the whole ones.
	TokenThousandths int
	// Capacity is how many it holds at most.
	Capacity int
	// Full is when it is full, if nothing more is taken.
	Full time.Time
}

// BulkheadExplanation is the bulkhead of an [Explanation].
type BulkheadExplanation struct {
	// InFlight is how many slots are taken.
	InFlight int
	// MaxConcurrent is how many there are.
	MaxConcurrent int
	// FirstEnd is when the first lease ends that is not given back before.
	FirstEnd time.Time
	// Holders have slots: how many, by the 16 hexadecimal digits of their hash. At most 32 are told.
	Holders map[string]int
}

// Explain is what an operator needs to know now. It changes nothing.
func (p *Policy) Explain() (*Explanation, error) { return p.current().Explain() }

// ExplainJSON is the same as the engine says it in every language.
func (p *Policy) ExplainJSON() ([]byte, error) { return p.current().ExplainJSON() }

// Phase is the circuit's mode, if one lies over it, else its phase; empty where the policy has no circuit.
func (p *Policy) Phase() (Phase, error) { return p.current().Phase() }

// Explain is [Policy.Explain] at the instant.
func (m Moment) Explain() (*Explanation, error) {
	text, err := m.ExplainJSON()
	if err != nil {
		return nil, err
	}
	var said explained
	if err := json.Unmarshal(text, &said); err != nil {
		return nil, err
	}
	e := said.public()
	e.JSON = text
	return e, nil
}

// ExplainJSON is [Policy.ExplainJSON] at the instant.
func (m Moment) ExplainJSON() ([]byte, error) { return m.policy.backend.explain(m.us) }

// Phase is [Policy.Phase] at the instant.
func (m Moment) Phase() (Phase, error) {
	e, err := m.Explain()
	if err != nil || e.Circuit == nil {
		return "", err
	}
	if e.Circuit.Mode != "" {
		return e.Circuit.Mode, nil
	}
	return e.Circuit.Phase, nil
}
