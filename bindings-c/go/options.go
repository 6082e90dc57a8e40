package stanchion

// #include "stanchion.h"
import "C"

import (
	"errors"
	"math"
	"time"
)

// Option is how a policy is built, beside its rules.
type Option func(*options)

type options struct {
	clock  func() uint64
	timers Timers
	draw   func() uint32
	// How many calls may wait.
	maxWaiting int
	store      *Store
	key        string
	// In the order in which they are told.
	listeners []func(Event)
}

// WithClock makes the policy read this clock instead of the system's; what waits keeps to the system's timers: see [WithTimers].
func WithClock(now func() time.Time) Option {
	return func(o *options) { o.clock = func() uint64 { return micros(now()) } }
}

// MaxWaiting is how many calls may wait for their admission at once in this process; 1,000 by default, and for each key
// of a [Keyed]. One more is refused at once.
func MaxWaiting(calls int) Option {
	return func(o *options) { o.maxWaiting = calls }
}

// mostWait is [MaxWaiting] where nobody says it, as in JavaScript.
const mostWait = 1000

// WithStore keeps the state under a key of a file that processes share, of 1 to 255 bytes. Without [WithClock], the
// file's clock is read under its lock.
func WithStore(store *Store, key string) Option {
	return func(o *options) { o.store, o.key = store, key }
}

// AcquireOption says more about a wished call. Without any, it is a call of cost 1 by nobody in particular.
type AcquireOption struct {
	kind acquireKind
	plan plan
	err  error
}

// plan is all that the options of one call said.
type plan struct {
	wish    wish
	wait    time.Duration
	timeout time.Duration
	judge   func(err error, usual Outcome) Verdict
	// What the verdict says that the call really cost; nil for the estimate.
	actualCost *uint32
	// Whether it does no harm to process the call twice.
	isIdempotent bool
	// What happened when the call was settled.
	events Events
}

// What an option says: TryAcquire understands the first two, Acquire the first three, and Do all.
type acquireKind uint8

const (
	saysCost acquireKind = iota
	saysHolder
	saysWait
	saysTimeout
	saysClassify
	saysIdempotent
)

// errNoUse is told where nothing would come of an option.
var errNoUse = errors.New("stanchion: only Do takes `Timeout`, `Classify` and `Idempotent`, and nothing that cannot wait takes `WaitFor`")

// forever is the wait that nothing but the context ends.
const forever = math.MaxInt64

// Cost is how many tokens limits with charge "cost" take; 0 is allowed.
func Cost(cost uint32) AcquireOption {
	return AcquireOption{kind: saysCost, plan: plan{wish: wish{fields: C.STN_ACQUIRE_COST, cost: cost}}}
}

// Holder is who will hold the slot of the bulkhead.
func Holder(name string) AcquireOption {
	hash, err := holderHash(name)
	return AcquireOption{kind: saysHolder, plan: plan{wish: wish{fields: C.STN_ACQUIRE_HOLDER, holder: hash}}, err: err}
}

// WaitFor lets [Policy.Acquire], [Policy.Wait] and [Policy.Do] wait so long for their admission: see [Policy.Wait]. A negative
// duration is refused.
func WaitFor(wait time.Duration) AcquireOption {
	option := AcquireOption{kind: saysWait, plan: plan{wait: wait}}
	if wait < 0 {
		option.err = statusError(C.STN_OUT_OF_RANGE)
	}
	return option
}

// Timeout is when Do ends the context of the call, from its admission on; the policy's call_timeout_ms does so too, if it
// is less. The cause is [ErrTimeout]. Only [Policy.Do] takes it; what is not positive is refused.
func Timeout(timeout time.Duration) AcquireOption {
	option := AcquireOption{kind: saysTimeout, plan: plan{timeout: timeout}}
	if timeout <= 0 {
		option.err = statusError(C.STN_OUT_OF_RANGE)
	}
	return option
}

// Classify lets the caller say what the error of a call, or nil, means; usual is what [Policy.Do] would take it for. Only
// Do takes it. Who must see the result, or has more to say, calls [Execute].
func Classify(classify func(err error, usual Outcome) Outcome) AcquireOption {
	return AcquireOption{kind: saysClassify, plan: plan{judge: func(err error, usual Outcome) Verdict {
		return Verdict{Outcome: classify(err, usual)}
	}}}
}

// Idempotent says that it does no harm to process the call twice, so that one that may have been processed is made again, too,
// where the policy has retry. Only Do takes it.
func Idempotent() AcquireOption {
	return AcquireOption{kind: saysIdempotent, plan: plan{isIdempotent: true}}
}

// planOf sums up the options of a call, of kinds up to the last one that its function understands. It waits for so long
// unless they say otherwise.
func planOf(opts []AcquireOption, last acquireKind, wait time.Duration) (plan, error) {
	all := plan{wait: wait}
	for i := range opts {
		opt := &opts[i]
		if opt.err != nil {
			return plan{}, opt.err
		}
		if opt.kind > last {
			return plan{}, errNoUse
		}
		all.wish.fields |= opt.plan.wish.fields
		switch opt.kind {
		case saysCost:
			all.wish.cost = opt.plan.wish.cost
		case saysHolder:
			all.wish.holder = opt.plan.wish.holder
		case saysWait:
			all.wait = opt.plan.wait
		case saysTimeout:
			all.timeout = opt.plan.timeout
		case saysClassify:
			all.judge = opt.plan.judge
		case saysIdempotent:
			all.isIdempotent = opt.plan.isIdempotent
		}
	}
	return all, nil
}

// SettleOption says more about how a call ended.
type SettleOption struct {
	end end
	err error
}

// Took is how long the call took; a call of unknown duration is not slow. A negative duration is refused.
func Took(duration time.Duration) SettleOption {
	if duration < 0 {
		return SettleOption{err: statusError(C.STN_OUT_OF_RANGE)}
	}
	var option SettleOption
	option.end.took(duration)
	return option
}

func (e *end) took(duration time.Duration) {
	e.fields, e.durationUS = C.STN_SETTLE_DURATION, uint64(duration.Microseconds())
}

// ActualCost is what the call really cost, where the acquire's cost was an estimate.
func ActualCost(cost uint32) SettleOption {
	return SettleOption{end: end{fields: C.STN_SETTLE_ACTUAL_COST, actualCost: cost}}
}

func (e *end) say(opts []SettleOption) error {
	for i := range opts {
		if opts[i].err != nil {
			return opts[i].err
		}
		e.add(opts[i].end)
	}
	return nil
}

func (e *end) add(said end) {
	e.fields |= said.fields
	if said.fields == C.STN_SETTLE_DURATION {
		e.durationUS = said.durationUS
	} else {
		e.actualCost = said.actualCost
	}
}
