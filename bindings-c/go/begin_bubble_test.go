//go:build cgo && go1.25

package stanchion

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

const leased = `{"name": "p", "circuit": {"consecutive_failures": 1}, "bulkhead": {"max_concurrent": 1, "lease_ms": 3000}}`

func begin(t *testing.T, p *Policy, opts ...AcquireOption) *Call {
	t.Helper()
	c, err := p.Begin(context.Background(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestACallHoldsItsSlotUntilItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var settled []Outcome
		p := newBubblePolicy(t, leased, WithEvents(func(event Event) {
			if event.Name == EventSettled {
				settled = append(settled, event.Outcome)
			}
		}))
		c := begin(t, p)
		for range 10 { // renewed, as in Do
			time.Sleep(time.Second)
			if err := p.Peek(); !errors.Is(err, ErrRejected) {
				t.Fatalf("the slot was free: %v", err)
			}
		}
		c.End(Success)
		c.End(Failure) // only the first has an effect
		if err := p.Peek(); err != nil || len(settled) != 1 || settled[0] != Success {
			t.Errorf("%v, settled as %v", err, settled)
		}
		if c.Context().Err() == nil || p.keeper.keepsNow() {
			t.Error("something of the call goes on")
		}
	})
}

func TestAForgottenCallLosesItsLeaseAndAReadOneDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, leased)
		c := begin(t, p)
		c.RenewByHand()
		for range 10 {
			time.Sleep(time.Second)
			c.Renew()
			if err := p.Peek(); !errors.Is(err, ErrRejected) || c.Context().Err() != nil {
				t.Fatalf("the slot was free: %v", err)
			}
		}
		time.Sleep(3 * time.Second)
		other := begin(t, p)
		c.Renew()
		if cause := context.Cause(c.Context()); !errors.Is(cause, ErrLeaseLost) {
			t.Errorf("cause %v", cause)
		}
		c.End(Success) // gives back nothing of the other's
		if err := p.Peek(); !errors.Is(err, ErrRejected) {
			t.Errorf("the other's slot was given back: %v", err)
		}
		other.End(Success)
		c.Renew()
	})
}

func TestACallEndsLateOrIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, leased)
		c := begin(t, p, Timeout(time.Second))
		c.RenewByHand()
		<-c.Context().Done()
		if cause := context.Cause(c.Context()); !errors.Is(cause, ErrTimeout) {
			t.Errorf("cause %v", cause)
		}
		if _, err := p.Begin(context.Background()); !errors.Is(err, ErrRejected) {
			t.Errorf("the slot is taken: %v", err)
		}
		c.End(Failure)
		if _, err := p.Begin(context.Background()); !errors.Is(err, ErrRejected) {
			t.Errorf("the circuit is open: %v", err)
		}
		if _, err := p.Begin(context.Background(), Classify(nil)); !errors.Is(err, errNoUse) {
			t.Errorf("an option of Do: %v", err)
		}
	})
}
