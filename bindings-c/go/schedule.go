//go:build cgo

package stanchion

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Schedule runs a function when the policy's schedule says: see [Policy.Schedule].
type Schedule struct {
	policy *Policy
	key    string
	run    func(context.Context, Intent) error

	mu sync.Mutex
	// The most urgent run that was asked for and did not come yet; empty for none.
	woken Intent
	wake  chan struct{}
}

// Schedule runs a function again and again, one run at a time, while [Schedule.Run] is called. The key spreads the slots of those
// that share the policy's rules, such as the name of an agent.
//
// A run is a Success if the function returned nil. It is Ignored, as if it had not been, if its context was cancelled, or if the
// error is a refusal by a policy: nothing was tried. Any other error is a Failure, and so is a panic, which goes on.
func (p *Policy) Schedule(key string, run func(context.Context, Intent) error) *Schedule {
	return &Schedule{policy: p, key: key, run: run, wake: make(chan struct{}, 1)}
}

// Wake asks for a run beside the slots, by OnEvent or Manual. It comes as soon as the schedule lets it; until then, several are one.
func (s *Schedule) Wake(intent Intent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.woken != Manual && intent != Scheduled {
		s.woken = intent
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Next is when the next run comes, if nothing else happens; the zero time for never.
func (s *Schedule) Next() (time.Time, error) { return s.policy.NextRunAt(s.wanted(), s.key) }

// wanted is the intent of the next run.
func (s *Schedule) wanted() Intent {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.woken == "" {
		return Scheduled
	}
	return s.woken
}

// served forgets what was asked for before the run.
func (s *Schedule) served(intent Intent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.woken == intent {
		s.woken = ""
	}
}

// Run runs the function by the schedule until the context ends, and tells why it did, or until the policy is closed. What goes
// wrong with the state file is an [Event], and asked again.
func (s *Schedule) Run(ctx context.Context) error {
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		intent := s.wanted()
		m := s.policy.current()
		turn, err := m.Turn(intent, s.key)
		switch {
		case errors.Is(err, ErrClosed):
			return err
		case err != nil:
			s.policy.tell(Event{Name: EventDegraded, Err: err})
			err = s.policy.sleepOr(ctx, m.now(), untilTheFileIsBack, s.wake)
		case turn.Runs:
			s.served(intent)
			s.once(ctx, intent)
		case turn.At.IsZero():
			err = s.policy.sleepOr(ctx, m.now(), forever, s.wake)
		default:
			err = s.policy.sleepOr(ctx, m.now(), turn.At.Sub(m.now()), s.wake)
		}
		if err != nil {
			return err
		}
	}
}

// How long a state file is away before it is asked again.
const untilTheFileIsBack = time.Second

// once makes a run, and tells how it ended.
func (s *Schedule) once(ctx context.Context, intent Intent) {
	outcome := Failure // of a function that does not return
	defer func() {
		if _, err := s.policy.Ran(outcome); err != nil {
			s.policy.tell(Event{Name: EventNotSettled, Err: err})
		}
	}()
	outcome = outcomeOf(ctx, s.run(ctx, intent))
}

// outcomeOf is what an error says of what was tried.
func outcomeOf(ctx context.Context, err error) Outcome {
	switch {
	case err == nil:
		return Success
	case errors.Is(ctx.Err(), context.Canceled) || isRefusal(err):
		return Ignored
	default:
		return Failure
	}
}
