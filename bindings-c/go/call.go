//go:build cgo

package stanchion

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// call is a call that Do makes, and the context in which it runs. Most functions never look at their context, or only at
// its values: what a context needs beyond the caller's is made when it is first looked at.
type call struct {
	policy *Policy
	permit [4]uint32
	caller context.Context
	// When the context ends at the latest; the zero time for never.
	deadline time.Time

	mu      sync.Mutex
	context context.Context
	cancel  context.CancelCauseFunc

	// Held over a renewal, so that none follows the settlement.
	renewal sync.Mutex

	// In the list of the keeper, under its lock.
	next, previous *call

	// Whether somebody looked at the context, or the call ended before anybody did.
	seen atomic.Uint32
	// Under mu.
	ended bool
	// Under renewal.
	settled bool
	// Under the keeper's lock: whether it is in the list, and whether somebody else may renew it, as nobody can before the first
	// round, unless it was begun by Begin.
	kept, isShared bool
}

const (
	unseen = iota
	isSeen
	endedUnseen
)

// begin is the call and its context: the caller's own, and no call, where nothing bounds it. A call that is shared may be renewed
// by its user.
func (p *Policy) begin(ctx context.Context, permit *[4]uint32, asked time.Duration, isShared bool) (*call, context.Context) {
	timeout := p.bounds.callTimeout(asked)
	outlives := p.bounds.outlives(timeout)
	if timeout == 0 && !outlives {
		return nil, ctx
	}
	c := &call{policy: p, permit: *permit, caller: ctx, isShared: isShared}
	if timeout != 0 {
		c.deadline = p.now().Add(timeout)
	}
	if outlives {
		p.keeper.enter(c)
	}
	return c, c
}

// told is the error of a call, which is a timeout's where the context ended by one.
func (c *call) told(err error) error {
	if c == nil || err == nil {
		return err
	}
	c.mu.Lock()
	inside := c.context // not made for this: who never looked at it did not end by it
	c.mu.Unlock()
	if inside == nil || context.Cause(inside) != ErrTimeout {
		return err
	}
	return &TimeoutError{Policy: c.policy.name, Err: err}
}

// settle ends the renewals.
func (c *call) settle() {
	if c == nil || !c.policy.keeper.leave(c) {
		return
	}
	c.renewal.Lock()
	c.settled = true
	c.renewal.Unlock()
}

// end ends the context and the renewals.
func (c *call) end() {
	if c == nil {
		return
	}
	c.settle()
	if c.seen.CompareAndSwap(unseen, endedUnseen) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	if c.cancel != nil {
		c.cancel(context.Canceled)
	}
}

// look is called under the lock by whoever wants to know the context, so that end can spare it where nobody did.
func (c *call) look() {
	if !c.seen.CompareAndSwap(unseen, isSeen) && c.seen.Load() == endedUnseen {
		c.ended = true
	}
}

// renew is what became of the lease; 0 where that cannot be told.
func (c *call) renew() Result {
	c.renewal.Lock()
	defer c.renewal.Unlock()
	if c.settled {
		return NotLeased
	}
	answer, _ := c.policy.current().renew(c.permit)
	return answer.Result
}

// abort ends the context before the function returned.
func (c *call) abort(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.make()
	c.cancel(cause)
}

// make makes the context, under the lock.
func (c *call) make() context.Context {
	c.look()
	if c.context != nil {
		return c.context
	}
	switch {
	case c.deadline.IsZero():
		c.context, c.cancel = context.WithCancelCause(c.caller)
	case c.policy.timers != nil:
		c.context, c.cancel = c.withTimer()
	default:
		c.context, c.cancel = withDeadline(c.caller, c.deadline)
	}
	if c.ended {
		c.cancel(context.Canceled)
	}
	return c.context
}

// withDeadline is a context that both ends at an instant and can be cancelled with a cause.
func withDeadline(from context.Context, deadline time.Time) (context.Context, context.CancelCauseFunc) {
	outer, cancel := context.WithCancelCause(from)
	inner, stop := context.WithDeadlineCause(outer, deadline, ErrTimeout)
	return inner, func(cause error) {
		cancel(cause)
		stop()
	}
}

// withTimer is the same by the policy's timers. How it ended, [context.Cause] tells: that it is a deadline is seen by no context that
// is made of it.
func (c *call) withTimer() (context.Context, context.CancelCauseFunc) {
	inside, cancel := context.WithCancelCause(c.caller)
	stop := c.policy.timers.At(c.deadline, func() { cancel(ErrTimeout) })
	return inside, func(cause error) {
		stop()
		cancel(cause)
	}
}

// known is the context as far as it needs to be made.
func (c *call) known() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.look()
	if c.context == nil && !c.ended && c.deadline.IsZero() {
		return c.caller
	}
	return c.make()
}

// Deadline, Done, Err and Value are those of a context.
func (c *call) Deadline() (time.Time, bool) { return c.known().Deadline() }
func (c *call) Value(key any) any           { return c.known().Value(key) }

func (c *call) Err() error {
	known := c.known()
	err := known.Err()
	if err != nil && context.Cause(known) == ErrTimeout {
		return context.DeadlineExceeded
	}
	return err
}

func (c *call) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.make().Done()
}
