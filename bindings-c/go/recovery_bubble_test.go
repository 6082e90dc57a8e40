//go:build cgo && go1.25

package stanchion

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

const ladder = `{"name": "p", "recovery": {"unauthenticated": "refresh", "session_lost": "recreate", "steps": [
	{"name": "wait", "max_attempts": 2, "base_delay_ms": 1000, "lease_ms": 3000},
	{"name": "refresh", "max_attempts": 1},
	{"name": "recreate", "max_attempts": 1}]}}`

// climb notes which steps were taken, the last so many of which work.
type climb struct {
	taken []string
	began time.Time
	works string
}

func (c *climb) steps() Steps {
	steps := Steps{}
	for _, name := range []string{"wait", "refresh", "recreate"} {
		steps[name] = func(context.Context) error {
			c.taken = append(c.taken, name+" "+time.Since(c.began).String())
			if name == c.works {
				return nil
			}
			return errUpstream
		}
	}
	return steps
}

func TestALadderIsClimbed(t *testing.T) {
	for name, row := range map[string]struct {
		fault error
		works string
		taken []string
		gave  string
	}{
		"from its first step":      {errUpstream, "refresh", []string{"wait 0s", "wait 1s", "refresh 1s"}, ""},
		"from that of the class":   {&FaultError{Fault: FaultSessionLost}, "recreate", []string{"recreate 0s"}, ""},
		"from that of the reply":   {&ReplyError{Reply: Reply{Status: 401}}, "refresh", []string{"refresh 0s"}, ""},
		"after the server's wait":  {&ReplyError{Reply: Reply{Status: 429, RetryAfter: "7"}}, "wait", []string{"wait 7s"}, ""},
		"to its end":               {&FaultError{Fault: FaultUnauthenticated}, "", []string{"refresh 0s", "recreate 0s"}, "exhausted"},
		"not for what is fatal":    {&FaultError{Fault: FaultFatal, Err: errUpstream}, "", nil, "fatal"},
		"after what it waited for": {&FaultError{Fault: FaultThrottled}, "wait", []string{"wait 1m0s"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newBubblePolicy(t, ladder)
				c := &climb{began: time.Now(), works: row.works}
				err := Recover(context.Background(), p, row.fault, c.steps())
				var gaveUp *UnrecoverableError
				if errors.As(err, &gaveUp) != (row.gave != "") || gaveUp != nil && gaveUp.Reason != row.gave || gaveUp == nil && err != nil {
					t.Errorf("%v", err)
				}
				if !slices.Equal(c.taken, row.taken) {
					t.Errorf("took %q", c.taken)
				}
			})
		})
	}
}

// Else it would be taken again at once, and for ever.
func TestAStepThatAGateRefusesHasFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, `{"name": "p", "recovery": {"steps": [{"name": "refresh", "max_attempts": 1}]}}`)
		refused := Steps{"refresh": func(context.Context) error { return &RejectedError{Never: true} }}
		var gaveUp *UnrecoverableError
		if err := Recover(context.Background(), p, errUpstream, refused); !errors.As(err, &gaveUp) || gaveUp.Reason != "exhausted" {
			t.Error(err)
		}
	})
}

func TestALongStepKeepsItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, ladder)
		err := Recover(context.Background(), p, errUpstream, Steps{"wait": func(ctx context.Context) error {
			time.Sleep(10 * time.Second)
			return ctx.Err()
		}})
		if err != nil {
			t.Error(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, ladder)
		before, err := p.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		err = Recover(context.Background(), p, errUpstream, Steps{"wait": func(ctx context.Context) error {
			if err := p.Restore(before); err != nil { // which knows nothing of this step
				t.Error(err)
			}
			<-ctx.Done()
			if cause := context.Cause(ctx); !errors.Is(cause, ErrLeaseLost) {
				t.Errorf("cause %v", cause)
			}
			return nil
		}})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestWhoComesWhileAnotherMendsWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, ladder)
		taken := 0
		mend := Steps{"wait": func(context.Context) error {
			taken++
			time.Sleep(time.Second)
			return nil
		}}
		began := time.Now()
		errs := make(chan error, 3)
		for range 3 {
			go func() { errs <- Recover(context.Background(), p, errUpstream, mend) }()
		}
		for range 3 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if taken != 1 || time.Since(began) > 2*time.Second {
			t.Errorf("%d took the step, in %v: a lease is longer", taken, time.Since(began))
		}
	})
}

func TestHealingEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, ladder)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err := Recover(ctx, p, &FaultError{Fault: FaultThrottled, Err: errUpstream}, nil)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errUpstream) {
			t.Errorf("%v", err)
		}
	})
}

const restarts = `{"name": "p", "recovery": {"stable_ms": 60000, "steps": [
	{"name": "restart", "max_attempts": 3, "window_ms": 600000, "base_delay_ms": 1000}]}}`

func TestAtMostNRestartsMeansN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, restarts)
		runs := 0
		err := p.Supervise(context.Background(), func(context.Context) error {
			runs++
			return errUpstream
		})
		var gaveUp *UnrecoverableError
		if !errors.As(err, &gaveUp) || gaveUp.Reason != "exhausted" || !errors.Is(err, errUpstream) || runs != 1+3 {
			t.Errorf("%d runs: %v", runs, err)
		}
		if health, err := p.Health(); err != nil || health.Live || !slices.Contains(health.Reasons, "gave_up") {
			t.Errorf("%+v, %v", health, err)
		}
	})
}

func TestWhatWasStableIsRestartedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, restarts)
		runs := 0
		err := p.Supervise(context.Background(), func(ctx context.Context) error {
			if runs++; runs > 10 {
				return nil
			}
			time.Sleep(2 * time.Minute)
			return errUpstream
		})
		if err != nil || runs != 11 {
			t.Errorf("%d runs: %v", runs, err)
		}
	})
}

func TestSupervisionEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, restarts)
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		err := p.Supervise(ctx, func(ctx context.Context) error {
			<-ctx.Done()
			return errUpstream
		})
		if !errors.Is(err, context.Canceled) || !errors.Is(err, errUpstream) {
			t.Errorf("%v", err)
		}
	})
}
