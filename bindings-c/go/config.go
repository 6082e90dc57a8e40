// Written by internal/gen from core/schema/policy.schema.json: go generate. DO NOT EDIT.

//go:build cgo

package stanchion

// Config: a policy as it is written down: its gates, and what hosts and stores must know beside them.
type Config struct {
	// What the policy guards, for people: it stands in logs and errors, not in the state.
	Name string `json:"name"`

	// The circuit breaker. Nil for none.
	Circuit *CircuitConfig `json:"circuit,omitempty"`

	// The rate limits, all or none of which are taken.
	Limits []LimitConfig `json:"limits,omitempty"`

	// The gate that a server's Retry-After closes. Nil for none.
	Block *BlockConfig `json:"block,omitempty"`

	// How many calls may run at once. Nil for no bound.
	Bulkhead *BulkheadConfig `json:"bulkhead,omitempty"`

	// When a call that failed is made again. Nil for never.
	Retry *RetryConfig `json:"retry,omitempty"`

	// When it runs by itself. Nil for not by itself.
	Schedule *ScheduleConfig `json:"schedule,omitempty"`

	// How it is mended when it broke. Nil for not at all.
	Recovery *RecoveryConfig `json:"recovery,omitempty"`

	// What makes it unwell beside its gates. Nil for nothing else.
	Health *HealthConfig `json:"health,omitempty"`

	// Where what could not be sent waits. Nil for nowhere.
	Spool *SpoolConfig `json:"spool,omitempty"`

	// What statuses and network errors mean, where that is otherwise than in the default table. Default: the
	// default table.
	Classify ClassifyConfig `json:"classify,omitempty"`

	// How long a call may run before its host aborts it; the engine itself ends none. Nil for as long as it likes.
	CallTimeoutMS *uint32 `json:"call_timeout_ms,omitempty"`

	// How far the clocks of hosts may differ before it counts as a clock that was set back. Default: 1000.
	ClockToleranceMS *uint32 `json:"clock_tolerance_ms,omitempty"`

	// What a host answers while the shared state cannot be reached. Default: admit.
	OnStoreError *OnStoreError `json:"on_store_error,omitempty"`

	// Under `on_store_error: local`, what one host may do alone, in whole percents of each limit. Default: 25.
	LocalSharePercent *uint32 `json:"local_share_percent,omitempty"`

	// Whether the policy decides, or only tells what it would decide. Default: enforce.
	Mode *Mode `json:"mode,omitempty"`

	// From this comes the jitter of open times: equal seeds give equal times. Default: 0.
	Seed *uint64 `json:"seed,omitempty"`
}

// CircuitConfig: the circuit breaker: when it opens, for how long, and what closes it again.
type CircuitConfig struct {
	// Opens after so many failures in a row. Nil for not by this.
	ConsecutiveFailures *uint32 `json:"consecutive_failures,omitempty"`

	// Opens after so many failures within a time. Nil for not by this.
	FailuresInWindow *FailuresInWindowConfig `json:"failures_in_window,omitempty"`

	// Opens when so many percent of the window's calls failed; at most two decimals. Nil for not by this.
	FailureRatePercent *float64 `json:"failure_rate_percent,omitempty"`

	// From this duration on a call is slow. Needed with `slow_call_rate_percent`, refused without it.
	SlowCallMS *uint32 `json:"slow_call_ms,omitempty"`

	// Opens when so many percent of the window's calls were slow; at most two decimals. Nil for not by this.
	SlowCallRatePercent *float64 `json:"slow_call_rate_percent,omitempty"`

	// Rates are looked at from so many calls in the window on. Refused without a rate. Default: 10, or
	// `window.calls` if that is less.
	MinimumCalls *uint32 `json:"minimum_calls,omitempty"`

	// What the rates are taken over. Refused without a rate. Default: 60,000 ms in 10 slots.
	Window *WindowConfig `json:"window,omitempty"`

	// So long after the last result or opening a circuit that is not open reads as new. Null for never. It is as
	// long as `open_max_ms` by default: an opening of that length ends as new, closed and its growth forgotten.
	// Default: 3600000.
	ForgetMS *OrNull[uint32] `json:"forget_ms,omitempty"`

	// How long it stays open the first time. Default: 30000.
	OpenMS *uint32 `json:"open_ms,omitempty"`

	// Each further opening lasts so many times as long; at most three decimals. Default: 1.
	OpenMultiplier *float64 `json:"open_multiplier,omitempty"`

	// No opening lasts longer. At least `open_ms`. One that lasts as long as `forget_ms` ends without a probe.
	// Default: the larger of `open_ms` and 3,600,000.
	OpenMaxMS *uint32 `json:"open_max_ms,omitempty"`

	// Shortens each open time by up to so many percent, so that hosts do not probe in step; at most two decimals.
	// Default: 0.
	OpenJitterPercent *float64 `json:"open_jitter_percent,omitempty"`

	// The open time starts small again only after it was closed for so long. Nil: as soon as it closes.
	GrowthResetMS *uint32 `json:"growth_reset_ms,omitempty"`

	// How many probes may run at once while half-open. 0: straight to closed after the open time. Default: 1.
	HalfOpenPermits *uint32 `json:"half_open_permits,omitempty"`

	// How many results of probes decide. Default: `half_open_permits`, or 1 if that is 0.
	HalfOpenCalls *uint32 `json:"half_open_calls,omitempty"`

	// Opens again when so many percent of the probes failed; at most two decimals. Nil: when one did.
	HalfOpenFailureRatePercent *float64 `json:"half_open_failure_rate_percent,omitempty"`

	// Opens again so long after the first probe if nothing was decided. Nil for never.
	HalfOpenMaxMS *uint32 `json:"half_open_max_ms,omitempty"`

	// A probe that is not settled or renewed for so long gives its place back. Default: 120000.
	ProbeLeaseMS *uint32 `json:"probe_lease_ms,omitempty"`

	// What a success does that arrives while the circuit is open. Default: ignore.
	LateSuccess *LateSuccess `json:"late_success,omitempty"`

	// What a failure does that arrives while the circuit is open. Default: ignore.
	LateFailure *LateFailure `json:"late_failure,omitempty"`

	// Whether a result that is reported without a permit counts as a probe while half-open. Default: false.
	ReportAsProbe *bool `json:"report_as_probe,omitempty"`
}

// FailuresInWindowConfig: so many failures within a time, counted exactly.
type FailuresInWindowConfig struct {
	// So many failures open the circuit.
	Count uint32 `json:"count"`

	// Within how long.
	WindowMS uint32 `json:"window_ms"`
}

// WindowConfig: what the rates of a circuit are taken over: the last calls, or a time.
type WindowConfig struct {
	// How many calls.
	Calls *uint32 `json:"calls,omitempty"`

	// How far back it reaches.
	MS *uint32 `json:"ms,omitempty"`

	// In how many slots. Nothing older than the window counts; something may leave up to a slot early. Default: 10.
	Slots *uint32 `json:"slots,omitempty"`
}

// LimitConfig: one rate limit, a token bucket: full it holds `capacity` tokens, and it refills continuously.
type LimitConfig struct {
	// What it limits; no two limits of a policy share a name.
	Name string `json:"name"`

	// How many tokens it holds when full.
	Capacity uint32 `json:"capacity"`

	// How many tokens come back in `refill_interval_ms`.
	RefillTokens uint32 `json:"refill_tokens"`

	// In how long `refill_tokens` come back.
	RefillIntervalMS uint32 `json:"refill_interval_ms"`

	// What a call takes: its cost, or one token. Default: cost.
	Charge *Charge `json:"charge,omitempty"`

	// What is in it at the beginning. Default: full.
	Initial *Initial `json:"initial,omitempty"`

	// How many tokens it may owe when calls cost more than was estimated. Default: `capacity`.
	MaxDebt *uint32 `json:"max_debt,omitempty"`
}

// BlockConfig: the gate that a server's Retry-After closes.
type BlockConfig struct {
	// No server blocks for longer. Default: 3600000.
	MaxBlockMS *uint32 `json:"max_block_ms,omitempty"`

	// What a block leaves in each limit at most, in whole percents of its capacity. Default: 0.
	AfterBlockPercent *uint32 `json:"after_block_percent,omitempty"`
}

// BulkheadConfig: how many calls may run at once. Each holds a slot by a lease, which comes back when its
// holder died.
type BulkheadConfig struct {
	// How many calls may run at once.
	MaxConcurrent uint32 `json:"max_concurrent"`

	// A slot that is not settled or renewed for so long is free again. Default: 30000.
	LeaseMS *uint32 `json:"lease_ms,omitempty"`

	// Whether calls of one holder share one slot. Default: false.
	Reentrant *bool `json:"reentrant,omitempty"`
}

// RetryConfig: when a call that failed is made again, and when it is given up.
type RetryConfig struct {
	// How often a call is made at most, the first time included. Default: 3.
	MaxAttempts *uint32 `json:"max_attempts,omitempty"`

	// The backoff after the first failure. Default: 100.
	BaseDelayMS *uint32 `json:"base_delay_ms,omitempty"`

	// No backoff is longer. At least `base_delay_ms`. Default: 20000.
	MaxDelayMS *uint32 `json:"max_delay_ms,omitempty"`

	// Each further backoff is so many times as long; at most three decimals. Default: 2.
	Multiplier *float64 `json:"multiplier,omitempty"`

	// How a delay is drawn, so that callers do not come back in step. Default: full.
	Jitter *Jitter `json:"jitter,omitempty"`

	// From the beginning of the first attempt to the beginning of the last one at most. Nil for no bound.
	DeadlineMS *uint32 `json:"deadline_ms,omitempty"`

	// A server that asks for a longer wait (Retry-After) is not asked again. Default: 60000.
	MaxRetryAfterMS *uint32 `json:"max_retry_after_ms,omitempty"`

	// What all callers that share the state may add to the load. Nil for no bound.
	Budget *RetryBudgetConfig `json:"budget,omitempty"`
}

// RetryBudgetConfig: how many retries all callers that share a state may make: so many percent of the calls,
// and a minimum rate.
type RetryBudgetConfig struct {
	// So many retries for a hundred calls that are admitted, those that are made again included; at most two
	// decimals. Default: 20.
	Percent *float64 `json:"percent,omitempty"`

	// How many retries may come at once. Default: 10.
	Capacity *uint32 `json:"capacity,omitempty"`

	// How many retries are allowed in `refill_interval_ms` however few calls there are. Default: 1.
	RefillTokens *uint32 `json:"refill_tokens,omitempty"`

	// In how long `refill_tokens` come back. Default: 1000.
	RefillIntervalMS *uint32 `json:"refill_interval_ms,omitempty"`
}

// ScheduleConfig: when something runs that runs by itself: a heartbeat, a poll, a drain.
type ScheduleConfig struct {
	// From one run to the next.
	IntervalMS uint32 `json:"interval_ms"`

	// No two runs begin within less, whatever asks for them. Default: 0.
	MinSpacingMS *uint32 `json:"min_spacing_ms,omitempty"`

	// So many runs within a time are enough, whatever asks for them. Nil for no bound.
	Flood *FloodConfig `json:"flood,omitempty"`

	// How runs that fail come later. Nil for not at all.
	Backoff *ScheduleBackoffConfig `json:"backoff,omitempty"`

	// Delays each run by up to so many percent of the interval; at most two decimals. The same for the same seed,
	// key and run. Default: 0.
	JitterPercent *float64 `json:"jitter_percent,omitempty"`
}

// FloodConfig: so many runs within a time are enough.
type FloodConfig struct {
	// So many runs.
	Count uint32 `json:"count"`

	// Within how long.
	WindowMS uint32 `json:"window_ms"`
}

// ScheduleBackoffConfig: how runs that fail come later: after `after_failures` in a row the next one waits
// `base_ms × multiplier`, after one more `multiplier` times as long, up to `max_ms`, and then for its slot. A
// scheduled run's wait counts from its slot, however late its timer was; that of any other from the run.
type ScheduleBackoffConfig struct {
	// From so many failures in a row on. Default: 1.
	AfterFailures *uint32 `json:"after_failures,omitempty"`

	// What is multiplied. At least `interval_ms`: a shorter one would never be felt. Default: `interval_ms`.
	BaseMS *uint32 `json:"base_ms,omitempty"`

	// At most three decimals. Default: 2.
	Multiplier *float64 `json:"multiplier,omitempty"`

	// No wait is longer. At least `base_ms`. Default: the larger of 7,200,000 and 8 × `base_ms`.
	MaxMS *uint32 `json:"max_ms,omitempty"`
}

// RecoveryConfig: how something that broke is mended: a ladder of steps, the gentle ones first.
type RecoveryConfig struct {
	// The steps, in the order in which they are climbed; no two share a name.
	Steps []RecoveryStepConfig `json:"steps"`

	// Where a fault that may pass by itself begins: the name of a step. Default: the first step.
	Transient *string `json:"transient,omitempty"`

	// Where a fault begins for which new credentials are needed: the name of a step. Default: the first step.
	Unauthenticated *string `json:"unauthenticated,omitempty"`

	// Where it begins when the session is gone: the name of a step. Default: the first step.
	SessionLost *string `json:"session_lost,omitempty"`

	// Where it begins when somebody else still has the session: the name of a step. Default: the first step.
	Conflict *string `json:"conflict,omitempty"`

	// So long after a recovery without a new fault, all attempts are forgotten. Default: 60000.
	StableMS *uint32 `json:"stable_ms,omitempty"`

	// So long after the last attempt all is forgotten, too, whatever became of it. Longer than the faults are
	// apart: at least the longest `max_delay_ms`. Default: the larger of 86,400,000 and the longest `max_delay_ms`.
	ForgetMS *uint32 `json:"forget_ms,omitempty"`

	// No throttled fault is waited for longer. Default: 3600000.
	MaxThrottleMS *uint32 `json:"max_throttle_ms,omitempty"`
}

// RecoveryStepConfig: one step of a ladder.
type RecoveryStepConfig struct {
	// What it does, for the host.
	Name string `json:"name"`

	// How often it is tried before the next step. Default: 3.
	MaxAttempts *uint32 `json:"max_attempts,omitempty"`

	// An attempt counts for so long. Nil: until it was stable for `stable_ms`.
	WindowMS *uint32 `json:"window_ms,omitempty"`

	// The wait before the second attempt; there is none before the first. Default: 1000.
	BaseDelayMS *uint32 `json:"base_delay_ms,omitempty"`

	// Each further wait is so many times as long; at most three decimals. Default: 2.
	Multiplier *float64 `json:"multiplier,omitempty"`

	// No wait is longer. At least `base_delay_ms`. Default: 60000.
	MaxDelayMS *uint32 `json:"max_delay_ms,omitempty"`

	// Shortens each wait by up to so many percent; at most two decimals. Default: 0.
	JitterPercent *float64 `json:"jitter_percent,omitempty"`

	// Who does it has so long; then another may. Default: 30000.
	LeaseMS *uint32 `json:"lease_ms,omitempty"`
}

// HealthConfig: what makes something unwell beside its gates and its recovery.
type HealthConfig struct {
	// It is not ready when nothing worked for so long. Nil for not by this. For what works by itself, as a poller
	// does: what only works when it is sent work would not be sent any.
	MaxSuccessAgeMS *uint32 `json:"max_success_age_ms,omitempty"`

	// It is not ready when its circuit opened so often. Nil for not by this.
	Flapping *FlappingConfig `json:"flapping,omitempty"`
}

// FlappingConfig: so many openings of the circuit within a time are flapping: it closes, and does not stay
// closed.
type FlappingConfig struct {
	// So many openings.
	Openings uint32 `json:"openings"`

	// Within how long.
	WindowMS uint32 `json:"window_ms"`
}

// SpoolConfig: where what could not be sent waits: how much of it, for how long, and how it goes out again.
type SpoolConfig struct {
	// How many items it holds, dead letters included. Default: 100000.
	MaxItems *uint32 `json:"max_items,omitempty"`

	// How many bytes the payloads of all items may have together, dead letters included. Default: 268435456.
	MaxBytes *uint64 `json:"max_bytes,omitempty"`

	// How many bytes one payload may have. At most `max_bytes`. Default: the smaller of `max_bytes` and 16,777,216.
	MaxItemBytes *uint32 `json:"max_item_bytes,omitempty"`

	// An item that was tried so often in vain becomes a dead letter. Null for no bound. Default: 100.
	MaxAttempts *OrNull[uint32] `json:"max_attempts,omitempty"`

	// An item that is still there after so long becomes a dead letter when its turn comes. Nil for no bound.
	MaxAgeMS *uint32 `json:"max_age_ms,omitempty"`

	// Who delivers an item has so long, or renews; then another may. Default: 30000.
	LeaseMS *uint32 `json:"lease_ms,omitempty"`

	// The wait after the first attempt in vain. Default: 1000.
	BaseDelayMS *uint32 `json:"base_delay_ms,omitempty"`

	// Each further wait is so many times as long; at most three decimals. Default: 2.
	Multiplier *float64 `json:"multiplier,omitempty"`

	// No item that came back waits longer, whatever a server asks for. At least `base_delay_ms`. Default: the
	// larger of `base_delay_ms` and 300,000.
	MaxDelayMS *uint32 `json:"max_delay_ms,omitempty"`

	// What an item that came back does to those behind it. Default: loose.
	Order *Order `json:"order,omitempty"`

	// How fast items go out. Nil for as fast as they can.
	Pace *PaceConfig `json:"pace,omitempty"`

	// The id of an item that was acknowledged is known for so long, and the same id is not taken again. Nil for not
	// at all: then only an item that is still there makes another of its id a duplicate.
	DedupeWindowMS *uint32 `json:"dedupe_window_ms,omitempty"`

	// How many such ids are known at most; then the oldest goes. Default: 10000.
	DedupeCapacity *uint32 `json:"dedupe_capacity,omitempty"`
}

// PaceConfig: how fast items go out: so many in a time, evenly spaced, so that what has just come back is not
// run down at once.
type PaceConfig struct {
	// So many items.
	Items uint32 `json:"items"`

	// In how long.
	IntervalMS uint32 `json:"interval_ms"`

	// For so long after the circuit closed again, which the host tells. Nil for always.
	ForMS *uint32 `json:"for_ms,omitempty"`
}

// ClassifyConfig: what a policy says otherwise about statuses ("429"), classes of statuses ("5xx") and network
// errors ("timeout") than the default table.
type ClassifyConfig map[string]ClassifyRule

// ClassifyRule: what is said otherwise about one status, class of statuses or network error. What is left out
// is as it would be without the rule.
type ClassifyRule struct {
	// What it says about the protected system. Default: as without the rule.
	Outcome *Outcome `json:"outcome,omitempty"`

	// What its Retry-After header does. Only statuses have one. Default: as without the rule.
	RetryAfter *RetryAfter `json:"retry_after,omitempty"`

	// For how long it closes the policy's block where no header says until when. 0 for not at all. Default: as
	// without the rule.
	BlockMS *uint32 `json:"block_ms,omitempty"`

	// Whether the request may be made again. Default: as without the rule.
	Retry *Retry `json:"retry,omitempty"`

	// What is at fault: where the ladder of `recovery` begins. Default: as without the rule.
	Fault *Fault `json:"fault,omitempty"`
}

// OnStoreError: what a host answers while the shared state cannot be reached.
type OnStoreError string

const (
	// OnStoreErrorAdmit: it admits.
	OnStoreErrorAdmit OnStoreError = "admit"

	// OnStoreErrorReject: it refuses.
	OnStoreErrorReject OnStoreError = "reject"

	// OnStoreErrorLocal: it decides alone, with its share of each limit.
	OnStoreErrorLocal OnStoreError = "local"
)

// Mode: whether the policy decides, or only tells what it would decide.
type Mode string

const (
	// ModeEnforce: it decides.
	ModeEnforce Mode = "enforce"

	// ModeShadow: it admits everything and tells what it would have refused.
	ModeShadow Mode = "shadow"
)

// LateSuccess: what a success does that arrives while the circuit is open.
type LateSuccess string

const (
	// LateSuccessIgnore: nothing.
	LateSuccessIgnore LateSuccess = "ignore"

	// LateSuccessClose: it closes the circuit.
	LateSuccessClose LateSuccess = "close"
)

// LateFailure: what a failure does that arrives while the circuit is open.
type LateFailure string

const (
	// LateFailureIgnore: nothing.
	LateFailureIgnore LateFailure = "ignore"

	// LateFailureExtend: it moves the end of the open time, to at most `open_max_ms` from the opening.
	LateFailureExtend LateFailure = "extend"
)

// Charge: what a call takes: its cost, or one token.
type Charge string

const (
	// ChargeCost: its cost.
	ChargeCost Charge = "cost"

	// ChargeCall: one token, whatever it costs.
	ChargeCall Charge = "call"
)

// Initial: what is in it at the beginning.
type Initial string

const (
	// InitialFull: its capacity.
	InitialFull Initial = "full"

	// InitialEmpty: nothing.
	InitialEmpty Initial = "empty"
)

// Jitter: how a delay is drawn, so that callers do not come back in step.
type Jitter string

const (
	// JitterNone: not at all: every host waits alike.
	JitterNone Jitter = "none"

	// JitterFull: anything from 0 to the backoff.
	JitterFull Jitter = "full"

	// JitterEqual: half of the backoff, and anything up to the other half.
	JitterEqual Jitter = "equal"

	// JitterDecorrelated: anything from `base_delay_ms` to three times the delay before, up to `max_delay_ms`.
	JitterDecorrelated Jitter = "decorrelated"
)

// Order: what an item that came back does to those behind it.
type Order string

const (
	// OrderLoose: those behind it go on meanwhile, and several workers may deliver at once.
	OrderLoose Order = "loose"

	// OrderStrict: those behind it wait until it was delivered or became a dead letter, and one is delivered at a
	// time.
	OrderStrict Order = "strict"
)

// RetryAfter: what its Retry-After header does. Only statuses have one.
type RetryAfter string

const (
	// RetryAfterBlock: it closes the policy's block until then.
	RetryAfterBlock RetryAfter = "block"

	// RetryAfterIgnore: nothing.
	RetryAfterIgnore RetryAfter = "ignore"
)

// Retry: whether the request may be made again.
type Retry string

const (
	// RetryNever: the answer would be the same, or nobody wants it any more.
	RetryNever Retry = "never"

	// RetryIdempotent: only where it does no harm to process it twice: the first one may have been.
	RetryIdempotent Retry = "idempotent"

	// RetryAlways: the first one was surely not processed.
	RetryAlways Retry = "always"
)

// Fault: what is at fault: where the ladder of `recovery` begins.
type Fault string

const (
	// FaultTransient: it may pass by itself.
	FaultTransient Fault = "transient"

	// FaultThrottled: the server wants no calls for a time.
	FaultThrottled Fault = "throttled"

	// FaultUnauthenticated: new credentials are needed.
	FaultUnauthenticated Fault = "unauthenticated"

	// FaultSessionLost: the session is gone.
	FaultSessionLost Fault = "session_lost"

	// FaultConflict: somebody else still has the session.
	FaultConflict Fault = "conflict"

	// FaultFatal: nothing that can be done by itself will help.
	FaultFatal Fault = "fatal"

	// FaultCancelled: nothing is at fault.
	FaultCancelled Fault = "cancelled"
)
