package stanchion

// #include "stanchion.h"
import "C"

import "time"

// Option is how a policy is built, beside its rules.
type Option func(*options)

type options struct {
	clock func() uint64
	store *Store
	key   string
}

// WithClock makes the policy read this clock instead of the system's.
func WithClock(now func() time.Time) Option {
	return func(o *options) { o.clock = func() uint64 { return micros(now()) } }
}

// WithStore keeps the state under a key of a file that processes share, of 1 to 255 bytes. Without [WithClock], the
// file's clock is read under its lock.
func WithStore(store *Store, key string) Option {
	return func(o *options) { o.store, o.key = store, key }
}

// AcquireOption says more about a wished call. Without any, it is a call of cost 1 by nobody in particular.
type AcquireOption struct {
	wish wish
	err  error
}

// Cost is how many tokens limits with charge "cost" take; 0 is allowed.
func Cost(cost uint32) AcquireOption {
	return AcquireOption{wish: wish{fields: C.STN_ACQUIRE_COST, cost: cost}}
}

// Holder is who will hold the slot of the bulkhead.
func Holder(name string) AcquireOption {
	hash, err := holderHash(name)
	return AcquireOption{wish: wish{fields: C.STN_ACQUIRE_HOLDER, holder: hash}, err: err}
}

func wishOf(opts []AcquireOption) (wish, error) {
	var all wish
	for _, opt := range opts {
		if opt.err != nil {
			return wish{}, opt.err
		}
		all.fields |= opt.wish.fields
		if opt.wish.fields == C.STN_ACQUIRE_COST {
			all.cost = opt.wish.cost
		} else {
			all.holder = opt.wish.holder
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
	return SettleOption{end: end{fields: C.STN_SETTLE_DURATION, durationUS: uint64(duration.Microseconds())}}
}

// ActualCost is what the call really cost, where the acquire's cost was an estimate.
func ActualCost(cost uint32) SettleOption {
	return SettleOption{end: end{fields: C.STN_SETTLE_ACTUAL_COST, actualCost: cost}}
}

func endOf(outcome Outcome, opts []SettleOption) (end, error) {
	all := end{outcome: uint32(outcome)}
	for _, opt := range opts {
		if opt.err != nil {
			return end{}, opt.err
		}
		all.fields |= opt.end.fields
		if opt.end.fields == C.STN_SETTLE_DURATION {
			all.durationUS = opt.end.durationUS
		} else {
			all.actualCost = opt.end.actualCost
		}
	}
	return all, nil
}
