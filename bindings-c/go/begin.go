//go:build cgo

package stanchion

import (
	"context"
	"sync/atomic"
	"time"
)

// Call is an admitted call that goes on until it is ended: see [Policy.Begin]. Its methods can be called at the same time.
type Call struct {
	policy  *Policy
	permit  [4]uint32
	going   *call
	context context.Context
	// When it was admitted, by the policy's clock and by that of its timers.
	sinceUS uint64
	steady  time.Time
	// When its lease was renewed last by Renew, in ns after steady.
	renewedNS atomic.Int64
	settled   atomic.Bool
	ended     atomic.Bool
}

// Begin admits a call that does not end with a function, such as a response whose body is read later; for all others, [Policy.Do]
// cannot be forgotten. A refusal is that of [Policy.Acquire]. What begins wants to be ended, on every way: until then its lease
// is renewed, if it can outlive it.
func (p *Policy) Begin(ctx context.Context, opts ...AcquireOption) (*Call, error) {
	all, err := planOf(opts, saysTimeout, 0)
	if err != nil {
		return nil, err
	}
	var permit Permit
	sinceUS, err := p.admit(ctx, &all, &permit)
	if err != nil {
		return nil, err
	}
	c := &Call{policy: p, permit: permit.words, sinceUS: sinceUS, steady: p.now()}
	c.going, c.context = p.begin(ctx, &permit.words, all.timeout, true)
	return c, nil
}

// Context is the caller's, which ends besides when the call took too long, when its lease is lost, and with the call.
// [context.Cause] tells which.
func (c *Call) Context() context.Context { return c.context }

// Settle settles the call, whose context goes on until End. Only the first has an effect. What goes wrong is an [Event], and no
// error: the slot comes back by the lease.
func (c *Call) Settle(outcome Outcome) {
	if c.settled.Swap(true) {
		return
	}
	c.going.settle()
	steady := c.steady
	if c.policy.clock != nil {
		steady = time.Time{} // by the policy's clock, as in Do
	}
	c.policy.conclude(&c.permit, outcome, nil, c.sinceUS, steady)
}

// End ends the call, and settles it if it was not. Only the first has an effect.
func (c *Call) End(outcome Outcome) {
	if c.ended.Swap(true) {
		return
	}
	c.going.end()
	c.Settle(outcome)
}

// RenewByHand ends the renewals: from here on [Call.Renew] keeps the lease, so that a call that is forgotten loses it.
func (c *Call) RenewByHand() {
	if c.going == nil {
		return
	}
	c.policy.keeper.leave(c.going)
	c.renewedNS.Store(int64(c.policy.now().Sub(c.steady)))
}

// Renew renews the lease, if a third of it is over. A call that lost it has its context ended.
func (c *Call) Renew() {
	if c.going == nil || !c.policy.bounds.outlives(0) || c.ended.Load() {
		return
	}
	now, last := int64(c.policy.now().Sub(c.steady)), c.renewedNS.Load()
	if now-last < int64(c.policy.bounds.lease/3) || !c.renewedNS.CompareAndSwap(last, now) {
		return
	}
	if c.going.renew() == LeaseLost {
		c.going.abort(ErrLeaseLost)
	}
}
