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

// verdict is what the end of a call means.
type verdict struct {
	outcome    Outcome
	retry      Retry // empty where there is nothing to be made again
	retryAt    time.Time
	blockUntil time.Time
}

// verdict judges the end of a call in its context, before that is ended.
func (p *Policy) verdict(caller, inside context.Context, all *plan, err error) verdict {
	v := verdict{outcome: Success}
	if err != nil {
		v = p.verdictOn(caller, inside, err)
	}
	if all.classify == nil {
		return v
	}
	v.outcome = all.classify(err, v.outcome)
	if p.bounds.retries && err == nil && v.outcome == Failure {
		v.retry = p.classified(Reply{Error: NetworkOther}).retry
	}
	return v
}

// verdictOn judges an error.
func (p *Policy) verdictOn(caller, inside context.Context, err error) verdict {
	if errors.Is(caller.Err(), context.Canceled) || isRefusal(err) {
		return verdict{outcome: Ignored} // nobody wants the answer any more, or no call was made
	}
	var reply *ReplyError
	if errors.As(err, &reply) {
		return p.classified(reply.Reply)
	}
	v := verdict{outcome: Failure}
	if p.bounds.retries {
		v.retry = p.classified(Reply{Error: networkErrorOf(inside, err)}).retry
	}
	return v
}

// classified asks the table. A policy that was closed is asked no more: its permits settle nothing either.
func (p *Policy) classified(reply Reply) verdict {
	c, err := p.Classify(reply)
	if err != nil {
		return verdict{outcome: Failure}
	}
	return verdict{c.Outcome, c.Retry, c.RetryAt, c.BlockUntil}
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
		d, sinceUS, err := p.admit(ctx, all)
		if err != nil {
			return joined(last, err)
		}
		v, err := p.run(ctx, fn, all, d.permit, sinceUS)
		wait, isNext := attempts.next(ctx, v, err)
		if !isNext {
			return err
		}
		last = err
		if err := pause(ctx, wait); err != nil {
			return joined(last, err)
		}
	}
}

// joined is the error of the last attempt, if there was one, and what kept the next one from being made.
func joined(last, why error) error {
	if last == nil {
		return why
	}
	return errors.Join(last, why)
}

// attempts are those of one call.
type attempts struct {
	policy *Policy
	failed Failed
	wish   wish
	// How long to wait for the circuit at most.
	patience time.Duration
}

func (p *Policy) attempts(all *plan) attempts {
	return attempts{p, Failed{Began: p.current().now(), IsIdempotent: all.isIdempotent}, all.wish, all.wait}
}

// next is how long to wait for the next attempt, after one that was settled; false where there is none.
func (a *attempts) next(ctx context.Context, v verdict, err error) (time.Duration, bool) {
	a.failed.Attempt++
	if v.retry == "" {
		return 0, false
	}
	a.failed.Retry, a.failed.RetryAt = v.retry, v.retryAt
	m := a.policy.current()
	retried, problem := m.retry(&a.failed, a.wish)
	if problem != nil {
		a.policy.tell(Event{Name: EventGiveUp, Err: problem, Attempt: a.failed.Attempt})
		return 0, false
	}
	wait := max(retried.Again.Sub(m.now()), 0)
	if reason := a.giveUp(ctx, &retried, wait); reason != "" {
		a.policy.tell(Event{Name: EventGiveUp, Err: err, Attempt: a.failed.Attempt, Reason: reason})
		return 0, false
	}
	a.failed.PreviousDelay = &wait
	a.policy.tell(Event{Name: EventRetry, Err: err, Attempt: a.failed.Attempt, Wait: wait})
	return wait, true
}

// giveUp is why no other attempt is waited for; empty where one is.
func (a *attempts) giveUp(ctx context.Context, retried *Retried, wait time.Duration) string {
	deadline, hasDeadline := ctx.Deadline()
	switch {
	case retried.Again.IsZero():
		return retried.GaveUp.String()
	case retried.ForCircuit && wait > a.patience:
		return "circuit"
	case hasDeadline && time.Until(deadline) <= wait:
		return GiveUpDeadline.String()
	default:
		return ""
	}
}

// pause waits; its error is why the context ended first.
func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
