//go:build cgo

package stanchion

import (
	"context"
	"errors"
	"time"
)

// Do makes a call if the policy admits it, and settles it by how it ended. A refusal is that of [Policy.Acquire], and then
// fn is not called; else Do returns what fn returned; where the
// call took too long, within a [*TimeoutError].
//
// The call is a Success if fn returned nil. It is Ignored if the caller's context was cancelled, or if the error is a
// refusal by a policy within: neither says anything about the system. A [ReplyError] is what the policy's table makes of it. Any
// other error is a Failure, and so are a deadline, a panic, which goes on, and an end of the goroutine. [Classify] lets the caller
// decide. How long it took counts for slow calls.
//
// The context of fn is the caller's, which ends besides by [Timeout] and the policy's call_timeout_ms, and when the lease is
// lost: leases are renewed while fn runs. [context.Cause] tells which. It ends when fn returns. What goes wrong when a call
// is settled is no error of the call, but an [Event]: its slot comes back by the lease.
//
// Under a policy with retry, a call that failed is made again as that says: each attempt asks the gates and is settled, and the
// waits between them end with the context. An error says nothing of whether the call was processed, so it is made again only if
// it is [Idempotent]; a [ReplyError] says more. An open circuit is waited for as long as [WaitFor] says, else the call is given
// up. What Do returns is what the last attempt returned, joined with what kept the next one from being made: a refusal, or the end
// of the context.
func (p *Policy) Do(ctx context.Context, fn func(context.Context) error, opts ...AcquireOption) error {
	var all plan
	if len(opts) > 0 {
		var err error
		if all, err = planOf(opts, saysIdempotent, 0); err != nil {
			return err
		}
	}
	if p.bounds.retries {
		return p.doAgain(ctx, fn, &all)
	}
	var permit Permit
	sinceUS, err := p.admit(ctx, &all, &permit)
	if err != nil {
		return err
	}
	var v Classified
	return p.run(ctx, fn, &all, &permit.words, sinceUS, &v)
}

// Do is [Policy.Do] for a function that has a result, which is returned with its error.
func Do[T any](ctx context.Context, p *Policy, fn func(context.Context) (T, error), opts ...AcquireOption) (T, error) {
	var result T
	err := p.Do(ctx, func(ctx context.Context) (err error) {
		result, err = fn(ctx)
		return err
	}, opts...)
	return result, err
}

// run makes an admitted call, and settles it by what it means, which it writes to v.
func (p *Policy) run(
	ctx context.Context, fn func(context.Context) error, all *plan, permit *[4]uint32, sinceUS uint64, v *Classified,
) error {
	var steady time.Time
	if p.clock == nil {
		steady = time.Now()
	}
	going, inside := p.begin(ctx, permit, all.timeout, false)
	all.actualCost = nil
	v.Outcome = Failure // of a function that does not return
	defer func() {
		going.end()
		all.events = p.conclude(permit, v.Outcome, all.actualCost, sinceUS, steady)
		if !v.BlockUntil.IsZero() {
			_, _ = p.Block(v.BlockUntil) // a file that is away is told by the policy's events
		}
	}()
	err := fn(inside)
	if err == nil && all.judge == nil {
		v.Outcome = Success
	} else {
		*v = p.verdict(ctx, inside, all, err)
	}
	return going.told(err)
}

// conclude settles a call with its duration, by the policy's clock if that was read when the call began; it tells what happened.
func (p *Policy) conclude(permit *[4]uint32, outcome Outcome, cost *uint32, sinceUS uint64, steady time.Time) Events {
	m := p.current()
	how := end{outcome: uint32(outcome)}
	if steady.IsZero() {
		how.took(time.Duration(max(int64(m.us)-int64(sinceUS), 0)) * time.Microsecond)
	} else {
		how.took(time.Since(steady))
	}
	if cost != nil {
		how.add(ActualCost(*cost).end)
	}
	var answer Answer
	if err := m.settle(&answer, permit, &how); err != nil {
		p.tell(Event{Name: EventNotSettled, Err: err})
	}
	return answer.Report.Events
}

// isRefusal tells whether no call was made, because a policy did not admit it.
func isRefusal(err error) bool {
	var unavailable *UnavailableError
	return errors.Is(err, ErrRejected) || errors.As(err, &unavailable)
}
