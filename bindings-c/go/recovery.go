//go:build cgo

package stanchion

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// FaultError is an error with its class: what a step, or what is supervised, returns to say more than that it failed.
type FaultError struct {
	// Fault is the class.
	Fault Fault
	// Until is how long to wait, of FaultThrottled; the zero time where nobody said.
	Until time.Time
	// Err says more; it may be nil.
	Err error
}

func (e *FaultError) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return "stanchion: " + string(e.Fault)
}

// Unwrap is what says more.
func (e *FaultError) Unwrap() error { return e.Err }

// faultOf is what an error says is at fault: what the table says of a reply, and transient where nobody says more.
func (p *Policy) faultOf(ctx context.Context, err error) *FaultError {
	var fault *FaultError
	var reply *ReplyError
	switch {
	case errors.As(err, &fault):
		return fault
	case errors.Is(ctx.Err(), context.Canceled):
		return &FaultError{Fault: FaultCancelled, Err: err}
	case errors.As(err, &reply):
		switch c := p.classified(reply.Reply); c.Fault {
		case "":
		case FaultThrottled:
			return &FaultError{Fault: c.Fault, Until: c.RetryAt, Err: err}
		default:
			return &FaultError{Fault: c.Fault, Err: err}
		}
	}
	return &FaultError{Fault: FaultTransient, Err: err}
}

// Recovery is what is done about a fault.
type Recovery struct {
	// Step is the name of the step that this process takes now, to be ended by [Policy.Recovered]; empty where it takes none.
	Step string
	// Attempt is which attempt of the step it is: 1 for the first.
	Attempt int
	// Lease is the number of the step's lease.
	Lease uint32
	// Until is when the lease ends.
	Until time.Time
	// Again is when to ask again, where it waits; else the zero time.
	Again time.Time
	// Why is what is waited for: backoff, throttled, or in_progress where another process takes a step; else empty.
	Why string
	// GaveUp is why nothing more is done: fatal, exhausted or no_recovery; else empty.
	GaveUp string
	// Stops tells that nobody wants it any more.
	Stops bool
	// Report says how the answer came about.
	Report Report
}

// Recover asks the policy's recovery what is done about a fault; until is that of FaultThrottled, else the zero time. One process at
// a time takes a step. [Recover] does all of this by itself.
func (p *Policy) Recover(fault Fault, until time.Time) (Recovery, error) {
	return p.current().Recover(fault, until)
}

// Recovered tells how a step ended, by its lease; with lease 0, how it went without one.
func (p *Policy) Recovered(lease uint32, outcome Outcome) (Result, error) {
	return p.current().Recovered(lease, outcome)
}

// RenewRecovery extends the lease of a step that goes on; the zero time tells that it was lost.
func (p *Policy) RenewRecovery(lease uint32) (time.Time, error) {
	return p.current().RenewRecovery(lease)
}

// Recover is [Policy.Recover] at the instant.
func (m Moment) Recover(fault Fault, until time.Time) (Recovery, error) {
	fields := map[string]any{"class": fault}
	if !until.IsZero() {
		fields["until_us"] = micros(until)
	}
	var said struct {
		Do *struct {
			Step    string
			Attempt int
			LeaseID uint32 `json:"lease_id"`
			UntilUS uint64 `json:"until_us"`
		}
		Wait *struct {
			AtUS uint64 `json:"at_us"`
			Why  string
		}
		GiveUp string `json:"give_up"`
		Stop   string
	}
	report, err := m.ask("recover", fields, &said)
	r := Recovery{GaveUp: said.GiveUp, Stops: said.Stop != "", Report: report}
	if said.Do != nil {
		r.Step, r.Attempt, r.Lease, r.Until = said.Do.Step, said.Do.Attempt, said.Do.LeaseID, instant(said.Do.UntilUS)
	}
	if said.Wait != nil {
		r.Again, r.Why = instant(said.Wait.AtUS), said.Wait.Why
	}
	return r, err
}

// Recovered is [Policy.Recovered] at the instant.
func (m Moment) Recovered(lease uint32, outcome Outcome) (Result, error) {
	var said struct{ Settled string }
	_, err := m.ask("recovered", map[string]any{"lease_id": lease, "outcome": outcome}, &said)
	return resultOf(said.Settled), err
}

// RenewRecovery is [Policy.RenewRecovery] at the instant.
func (m Moment) RenewRecovery(lease uint32) (time.Time, error) {
	var said struct{ Renewed any }
	if _, err := m.ask("renew_recovery", map[string]any{"lease_id": lease}, &said); err != nil {
		return time.Time{}, err
	}
	until, isRenewed := said.Renewed.(map[string]any)
	if !isRenewed {
		return time.Time{}, nil
	}
	us, _ := until["until_us"].(float64)
	return instant(uint64(us)), nil
}

// UnrecoverableError is a recovery that was given up.
type UnrecoverableError struct {
	// Reason is why: fatal, exhausted or no_recovery.
	Reason string
	// Err is the last fault.
	Err error
}

func (e *UnrecoverableError) Error() string {
	return fmt.Sprintf("stanchion: the recovery was given up (%s): %v", e.Reason, e.Err)
}

// Unwrap is the last fault.
func (e *UnrecoverableError) Unwrap() error { return e.Err }

// Steps are the functions of a recovery's steps, by their names.
type Steps map[string]func(context.Context) error

// Recover does what the policy's recovery says about an error, until a step worked: then it returns nil, and what failed may be tried
// again. It does so, too, when another process that shares the state has had its turn. A [FaultError] or a
// [ReplyError] says what is at fault, any other error is transient; so does the error of a step.
//
// The context of a step ends when its lease does, which is renewed while it runs. What was given up is an [*UnrecoverableError], and
// stays so for all until the command reset.
func Recover(ctx context.Context, p *Policy, fault error, steps Steps) error {
	for {
		r, err := p.askRecovery(ctx, fault)
		if err != nil {
			return err
		}
		if r.Step == "" {
			if r.Why == "in_progress" {
				return p.waitForAnother(ctx, r.Again, fault) // who may have mended it
			}
			if err := p.sleepUntil(ctx, r.Again); err != nil {
				return joined(fault, err)
			}
			fault = leftAlone(fault, &r)
			continue
		}
		step := steps[r.Step]
		if step == nil {
			step = func(context.Context) error { return fmt.Errorf("stanchion: the step `%s` has no function", r.Step) }
		}
		if fault = p.take(ctx, &r, step); fault == nil {
			return nil
		}
	}
}

// waitForAnother waits until another's step has ended, at the latest with its lease. Nobody tells another process of it, so we look.
func (p *Policy) waitForAnother(ctx context.Context, until time.Time, fault error) error {
	for {
		from := p.current().now()
		left := until.Sub(from)
		if health, err := p.Health(); left <= 0 || err == nil && !slices.Contains(health.Reasons, "recovering") {
			return nil
		}
		if err := p.sleep(ctx, from, min(left, looksEvery)); err != nil {
			return joined(fault, err)
		}
	}
}

// How often it is looked.
const looksEvery = time.Second

// askRecovery is a step, or a wait; anything else is an error.
func (p *Policy) askRecovery(ctx context.Context, fault error) (Recovery, error) {
	class := p.faultOf(ctx, fault)
	r, err := p.Recover(class.Fault, class.Until)
	switch {
	case err != nil:
		return r, joined(fault, err)
	case r.Stops:
		return r, fault
	case r.GaveUp != "":
		return r, &UnrecoverableError{Reason: r.GaveUp, Err: fault}
	default:
		return r, nil
	}
}

// take takes a step under its lease.
func (p *Policy) take(ctx context.Context, r *Recovery, step func(context.Context) error) error {
	inside, cancel := context.WithCancelCause(ctx)
	stop := p.keepLease(r.Until.Sub(p.current().now()), cancel, func() bool {
		until, err := p.RenewRecovery(r.Lease)
		return err != nil || !until.IsZero() // a file that is away is asked again
	})
	// Of a step that does not return, and of one that a gate refused, too: or it would be taken again at once, and for ever.
	outcome := Failure
	defer func() {
		cancel(context.Canceled)
		stop()
		if _, err := p.Recovered(r.Lease, outcome); err != nil {
			p.tell(Event{Name: EventNotSettled, Err: err})
		}
	}()
	err := step(inside)
	switch {
	case err == nil:
		outcome = Success
	case errors.Is(ctx.Err(), context.Canceled):
		outcome = Ignored
	}
	return err
}

// Supervise runs a function, such as one that runs a child process, and runs it again when it fails, as the policy's recovery says:
// that is a ladder of one step, the restart. It ends when the function returns nil, when the context ends, and when the recovery is
// given up, which is an [*UnrecoverableError].
//
//	policy.Supervise(ctx, func(ctx context.Context) error { return exec.CommandContext(ctx, "worker").Run() })
func (p *Policy) Supervise(ctx context.Context, run func(context.Context) error) error {
	for {
		err := run(ctx)
		if err == nil {
			return nil
		}
		if cause := context.Cause(ctx); cause != nil {
			return joined(err, cause)
		}
		if err := p.restart(ctx, err); err != nil {
			return err
		}
	}
}

// restart waits until what failed is to be run again. The step is done when that begins: how long it lasts is a matter of stability.
func (p *Policy) restart(ctx context.Context, fault error) error {
	for {
		r, err := p.askRecovery(ctx, fault)
		if err != nil {
			return err
		}
		if r.Step != "" {
			if _, err := p.Recovered(r.Lease, Success); err != nil {
				p.tell(Event{Name: EventNotSettled, Err: err})
			}
			return nil
		}
		if err := p.sleepUntil(ctx, r.Again); err != nil {
			return joined(fault, err)
		}
		fault = leftAlone(fault, &r)
	}
}

// leftAlone is a fault whose wait is over: a server that did not say until when it wants to be left alone was left alone.
func leftAlone(fault error, r *Recovery) error {
	if r.Why == "throttled" {
		return &FaultError{Fault: FaultThrottled, Until: r.Again, Err: fault}
	}
	return fault
}
