//go:build cgo

package stanchion

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// call is a call that Do makes, and the context in which it runs. Most functions never look at their context, and most calls end
// before their lease wants to be renewed: what only the others need is made when it is first needed, since each byte that a call
// takes is paid for by the garbage collector.
type call struct {
	policy *Policy
	permit [4]uint32
	caller context.Context
	rest   atomic.Pointer[callRest]
	// In the list of the keeper, under its lock.
	next, previous *call
}

// callRest is what a call needs beyond that if it has a deadline, if its context is looked at, or if others renew its lease.
type callRest struct {
	// When the context ends at the latest; the zero time for never.
	deadline time.Time

	mu      sync.Mutex
	context context.Context
	cancel  context.CancelCauseFunc
	ended   bool

	// Held over a renewal, so that none follows the settlement.
	renewal sync.Mutex
	settled bool
}

// over is the rest of all calls that ended before they needed one.
var over callRest

// begin is the call and its context: the caller's own, and no call, where nothing bounds it. A call that is shared may be renewed
// by its user.
func (p *Policy) begin(ctx context.Context, permit *[4]uint32, asked time.Duration, isShared bool) (*call, context.Context) {
	timeout := p.bounds.callTimeout(asked)
	outlives := p.bounds.outlives(timeout)
	if timeout == 0 && !outlives {
		return nil, ctx
	}
	c := &call{policy: p, permit: *permit, caller: ctx}
	if timeout != 0 {
		c.rest.Store(&callRest{deadline: p.now().Add(timeout)})
	} else if isShared {
		c.rest.Store(&callRest{})
	}
	if outlives {
		p.keeper.enter(c)
	}
	return c, c
}

// needed is the rest, which is made if it was not there.
func (c *call) needed() *callRest {
	for {
		there := c.rest.Load()
		if there != nil && there != &over {
			return there
		}
		isOver := there == &over
		c.rest.CompareAndSwap(there, &callRest{ended: isOver, settled: isOver})
	}
}

// told is the error of a call, which is a timeout's where the context ended by one.
func (c *call) told(err error) error {
	if c == nil || err == nil {
		return err
	}
	rest := c.rest.Load()
	if rest == nil {
		return err // who never looked at the context did not end by it
	}
	rest.mu.Lock()
	inside := rest.context
	rest.mu.Unlock()
	if inside == nil || context.Cause(inside) != ErrTimeout {
		return err
	}
	return &TimeoutError{Policy: c.policy.name, Err: err}
}

// settle ends the renewals. Who may renew the call besides made its rest before, or under the keeper's lock while it was kept.
func (c *call) settle() {
	if c == nil {
		return
	}
	c.policy.keeper.leave(c)
	if rest := c.rest.Load(); rest != nil {
		rest.renewal.Lock()
		rest.settled = true
		rest.renewal.Unlock()
	}
}

// end ends the context and the renewals.
func (c *call) end() {
	if c == nil {
		return
	}
	c.settle()
	if c.rest.CompareAndSwap(nil, &over) {
		return
	}
	rest := c.needed()
	rest.mu.Lock()
	defer rest.mu.Unlock()
	rest.ended = true
	if rest.cancel != nil {
		rest.cancel(context.Canceled)
	}
}

// renew is what became of the lease; 0 where that cannot be told.
func (c *call) renew() Result {
	rest := c.needed()
	rest.renewal.Lock()
	defer rest.renewal.Unlock()
	if rest.settled {
		return NotLeased
	}
	answer, _ := c.policy.current().renew(c.permit)
	return answer.Result
}

// abort ends the context before the function returned.
func (c *call) abort(cause error) {
	rest := c.needed()
	rest.mu.Lock()
	defer rest.mu.Unlock()
	c.make(rest)
	rest.cancel(cause)
}

// make makes the context, under the lock.
func (c *call) make(rest *callRest) context.Context {
	if rest.context != nil {
		return rest.context
	}
	switch {
	case rest.deadline.IsZero():
		rest.context, rest.cancel = context.WithCancelCause(c.caller)
	case c.policy.timers != nil:
		rest.context, rest.cancel = c.withTimer(rest.deadline)
	default:
		rest.context, rest.cancel = withDeadline(c.caller, rest.deadline)
	}
	if rest.ended {
		rest.cancel(context.Canceled)
	}
	return rest.context
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
func (c *call) withTimer(deadline time.Time) (context.Context, context.CancelCauseFunc) {
	inside, cancel := context.WithCancelCause(c.caller)
	stop := c.policy.timers.At(deadline, func() { cancel(ErrTimeout) })
	return inside, func(cause error) {
		stop()
		cancel(cause)
	}
}

// known is the context as far as it needs to be made.
func (c *call) known() context.Context {
	rest := c.needed()
	rest.mu.Lock()
	defer rest.mu.Unlock()
	if rest.context == nil && !rest.ended && rest.deadline.IsZero() {
		return c.caller
	}
	return c.make(rest)
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
	rest := c.needed()
	rest.mu.Lock()
	defer rest.mu.Unlock()
	return c.make(rest).Done()
}
