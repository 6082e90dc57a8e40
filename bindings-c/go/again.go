//go:build cgo

package stanchion

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ReplyError is an error that tells what came back: a status or a class of network errors. [Policy.Do] lets the policy's table say
// what it means: for the circuit, for the block, and for another attempt.
type ReplyError struct {
	// Reply is what came back.
	Reply Reply
	// Err says more; it may be nil.
	Err error
}

func (e *ReplyError) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return fmt.Sprintf("stanchion: the call was answered with status %d", e.Reply.Status)
}

// Unwrap is what says more.
func (e *ReplyError) Unwrap() error { return e.Err }

// verdict is what the end of a call means, in its context and before that is ended. Retry is empty where nothing failed.
func (p *Policy) verdict(caller, inside context.Context, all *plan, err error) Classified {
	v := Classified{Outcome: Success}
	if err != nil {
		v = p.verdictOn(caller, inside, err)
	}
	if all.judge == nil {
		return v
	}
	verdict := all.judge(err, v.Outcome)
	if _, err := verdict.Outcome.MarshalText(); err == nil {
		v.Outcome = verdict.Outcome
	} else if verdict.Outcome != 0 {
		p.tell(Event{Name: EventNotSettled, Err: err}) // so, but as usual: or its slot would be gone until the lease ends
	}
	if !verdict.BlockUntil.IsZero() {
		v.BlockUntil = verdict.BlockUntil
	}
	all.actualCost = verdict.ActualCost
	if p.bounds.retries && err == nil && v.Outcome == Failure {
		v.Retry = p.classified(Reply{Error: NetworkOther}).Retry
	}
	return v
}

// verdictOn judges an error.
func (p *Policy) verdictOn(caller, inside context.Context, err error) Classified {
	if errors.Is(caller.Err(), context.Canceled) || isRefusal(err) {
		return Classified{Outcome: Ignored} // nobody wants the answer any more, or no call was made
	}
	var reply *ReplyError
	if errors.As(err, &reply) {
		return p.classified(reply.Reply)
	}
	v := Classified{Outcome: Failure}
	if p.bounds.retries {
		v.Retry = p.classified(Reply{Error: networkErrorOf(inside, err)}).Retry
	}
	return v
}

// classified asks the table. A policy that was closed is asked no more: its permits settle nothing either.
func (p *Policy) classified(reply Reply) Classified {
	c, err := p.Classify(reply)
	if err != nil {
		return Classified{Outcome: Failure}
	}
	return c
}

// networkErrorOf is how the table knows an error of which nothing is known but how the call ended.
func networkErrorOf(inside context.Context, err error) NetworkError {
	if errors.Is(context.Cause(inside), ErrTimeout) || errors.Is(err, context.DeadlineExceeded) {
		return NetworkTimeout
	}
	return NetworkOther
}

// doAgain makes a call until it works or is given up.
func (p *Policy) doAgain(ctx context.Context, fn func(context.Context) error, all *plan) error {
	attempts := p.attempts(all)
	var last error
	for {
		var permit Permit
		sinceUS, err := p.admit(ctx, all, &permit)
		if err != nil {
			return joined(last, err)
		}
		var v Classified
		err = p.run(ctx, fn, all, &permit.words, sinceUS, &v)
		if isNext, cause := attempts.Next(ctx, v, err); cause != nil {
			return joined(err, cause)
		} else if !isNext {
			return err
		}
		last = err
	}
}

// joined is the error of the last attempt, if there was one, and what kept the next one from being made.
func joined(last, why error) error {
	if last == nil {
		return why
	}
	return errors.Join(last, why)
}

// Retries tells whether the policy has retry.
func (p *Policy) Retries() bool { return p.bounds.retries }

// Attempts are those of one call, for who makes calls by [Policy.Begin]; [Policy.Do] has its own.
type Attempts struct {
	policy *Policy
	failed Failed
	wish   wish
}

// Attempts begins a call that may be made again. Cost and Holder say what each attempt asks for, [Idempotent] that it may be
// processed twice, and [WaitFor] how long an open circuit is waited for.
func (p *Policy) Attempts(opts ...AcquireOption) (*Attempts, error) {
	all, err := planOf(opts, saysIdempotent, 0)
	if err != nil {
		return nil, err
	}
	return p.attempts(&all), nil
}

func (p *Policy) attempts(all *plan) *Attempts {
	wait := all.wait // so that no plan of a call that is made once leaves the stack
	failed := Failed{Began: p.current().now(), IsIdempotent: all.isIdempotent, MaxCircuitWait: &wait}
	return &Attempts{p, failed, all.wish}
}

// Next waits until the call is to be made again, after an attempt that was settled, and tells false where it is not. What the
// attempt means is what [Policy.Classify] said of it; err is told with the [Event]. An error of Next is why the context ended.
func (a *Attempts) Next(ctx context.Context, means Classified, err error) (bool, error) {
	a.failed.Attempt++
	if !a.policy.bounds.retries || means.Retry == "" {
		return false, nil
	}
	a.failed.Retry, a.failed.RetryAt = means.Retry, means.RetryAt
	m := a.policy.current()
	a.failed.Deadline = time.Time{}
	if deadline, ok := ctx.Deadline(); ok && a.policy.timers == nil {
		a.failed.Deadline = m.now().Add(max(time.Until(deadline), 0)) // by the policy's clock
	}
	retried, problem := m.retry(&a.failed, a.wish)
	if problem != nil {
		a.policy.tell(Event{Name: EventGiveUp, Err: problem, Attempt: a.failed.Attempt})
		return false, nil
	}
	if retried.Again.IsZero() {
		a.policy.tell(Event{Name: EventGiveUp, Err: err, Attempt: a.failed.Attempt, Reason: retried.GaveUp.String()})
		return false, nil
	}
	wait := max(retried.Again.Sub(m.now()), 0)
	a.failed.PreviousDelay = &wait
	a.policy.tell(Event{Name: EventRetry, Err: err, Attempt: a.failed.Attempt, Wait: wait})
	cause := a.policy.sleep(ctx, m.now(), wait)
	return cause == nil, cause
}
