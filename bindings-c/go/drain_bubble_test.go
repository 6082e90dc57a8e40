//go:build cgo && go1.25

package stanchion

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// openBubbleSpool is a spool on a bubble's clock.
func openBubbleSpool(t *testing.T, json string, opts ...Option) *Spool {
	t.Helper()
	return openSpoolOf(t, newBubblePolicy(t, json, opts...))
}

// deliverAll delivers until nothing is left, waiting as long as it takes.
func deliverAll(t *testing.T, s *Spool, deliver func(context.Context, *Delivery) error) {
	t.Helper()
	ctx, stop := context.WithCancelCause(context.Background())
	go func() {
		for mustReport(t, s).Items > 0 {
			time.Sleep(time.Second)
		}
		stop(errDrained)
	}()
	if err := s.Deliver(ctx, deliver); !errors.Is(err, errDrained) {
		t.Error(err)
	}
}

var errDrained = errors.New("nothing is left")

const guarded = `{"name": "sync", "circuit": {"consecutive_failures": 2, "open_ms": 60000},
	"spool": {"order": "strict", "base_delay_ms": 1000}}`

// What waits goes out in its order, and the gates are asked before each lease: while the circuit is open no attempt is spent.
func TestDeliverAsksTheGatesBeforeEachLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openBubbleSpool(t, guarded)
		for i := range 3 {
			mustAppend(t, s, fmt.Sprint("item-", i), "")
		}
		began := time.Now()
		var told []string
		deliverAll(t, s, func(_ context.Context, d *Delivery) error {
			told = append(told, fmt.Sprintf("%v %d/%d", time.Since(began), d.Seq, d.Attempt))
			if time.Since(began) < time.Minute {
				return errUpstream
			}
			return nil
		})
		// Opened by the second failure, at 1 s; the item's own backoff ended at 3 s.
		want := []string{"0s 1/1", "1s 1/2", "1m1s 1/3", "1m1s 2/1", "1m1s 3/1"}
		if !slices.Equal(told, want) {
			t.Errorf("%q", told)
		}
		if report := mustReport(t, s); report.Items+report.Dead != 0 {
			t.Errorf("%+v", report)
		}
	})
}

const spooling = `{"name": "p", "circuit": {"consecutive_failures": 3, "open_ms": 60000},
	"spool": {"order": "strict", "base_delay_ms": 1000, "multiplier": 1, "max_attempts": 9, "lease_ms": 6000,
		"pace": {"items": 1, "interval_ms": 1000, "for_ms": 3600000}}}`

func TestNothingLeavesTheSpoolBeforeItWasDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openBubbleSpool(t, spooling)
		for n := range 5 {
			mustAppend(t, s, fmt.Sprint("id-", n), fmt.Sprint("item ", n))
		}
		if again, err := s.Append(context.Background(), "id-3", []byte("?")); err != nil || !again.IsDuplicate || again.Seq != 4 {
			t.Errorf("%+v, %v", again, err)
		}
		delivered, err := s.Drain(context.Background(), func(context.Context, *Delivery) error { return errUpstream })
		if totals, _ := s.Report(); delivered != 0 || err != nil || totals.Items != 5 || totals.Leased != 0 {
			t.Errorf("%d, %v, %+v", delivered, err, totals)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
		defer cancel()
		var got []string
		var at []time.Duration
		began := time.Now()
		err = s.Deliver(ctx, func(_ context.Context, item *Delivery) error {
			if time.Since(began) < 30*time.Second {
				return errUpstream
			}
			payload, err := item.Payload()
			got, at = append(got, string(payload)), append(at, time.Since(began).Round(time.Second))
			return err
		})
		want := []string{"item 0", "item 1", "item 2", "item 3", "item 4"}
		if !errors.Is(err, context.DeadlineExceeded) || !slices.Equal(got, want) {
			t.Errorf("%v: %q at %v", err, got, at)
		}
		if len(at) == 5 && at[4]-at[1] < 3*time.Second {
			t.Errorf("what waited was not paced after the circuit closed: %v", at)
		}
		if totals, err := s.Report(); err != nil || totals.Items != 0 || !totals.Oldest.IsZero() {
			t.Errorf("%+v, %v", totals, err)
		}
	})
}

// A server that says when it wants to be called again is not called earlier, and neither is one that refused before it tried.
func TestDeliverKeepsToWhatTheServerSays(t *testing.T) {
	for name, want := range map[string]struct {
		err     error
		wait    time.Duration
		attempt int
	}{
		"503 with Retry-After": {&ReplyError{Reply: Reply{Status: 503, RetryAfter: "30"}}, 30 * time.Second, 2},
		"429 with Retry-After": {&ReplyError{Reply: Reply{Status: 429, RetryAfter: "20"}}, 20 * time.Second, 1},
		"a policy within":      {fmt.Errorf("within: %w", &RejectedError{RetryAfter: 9 * time.Second}), 9 * time.Second, 1},
		"one that never will":  {&RejectedError{Never: true}, time.Second, 2},
		"anything else":        {errUpstream, time.Second, 2},
		"404":                  {&ReplyError{Reply: Reply{Status: 404}}, time.Second, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := openBubbleSpool(t, `{"name": "sync", "block": {}, "spool": {}}`)
			mustAppend(t, s, "", "")
			began, calls := time.Now(), 0
			deliverAll(t, s, func(_ context.Context, d *Delivery) error {
				if calls++; calls == 1 {
					return want.err
				}
				if waited := time.Since(began); waited != want.wait || d.Attempt != want.attempt {
					t.Errorf("%s: waited %v, attempt %d", name, waited, d.Attempt)
				}
				return nil
			})
			if calls != 2 {
				t.Errorf("%s: %d calls", name, calls)
			}
		})
	}
}

// A delivery that returned is still none where its call is said to have failed.
func TestDrainKeepsWhatIsSaidToHaveFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openBubbleSpool(t, `{"name": "sync", "spool": {}}`)
		mustAppend(t, s, "", "")
		failing := Classify(func(error, Outcome) Outcome { return Failure })
		delivered, err := s.Drain(context.Background(), func(context.Context, *Delivery) error { return nil }, failing)
		if totals, problem := s.Report(); delivered != 0 || err != nil || problem != nil || totals.Items != 1 {
			t.Errorf("%d, %v; %+v, %v", delivered, err, totals, problem)
		}
	})
}

// A delivery that lasts ten leases keeps its item, and nothing of it outlives it.
func TestDrainRenewsTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openBubbleSpool(t, `{"name": "sync", "spool": {"lease_ms": 3000}}`)
		mustAppend(t, s, "", "")
		delivered, err := s.Drain(context.Background(), func(ctx context.Context, d *Delivery) error {
			for range 30 {
				time.Sleep(time.Second)
				if offer, err := s.Lease(ctx); err != nil || offer.Delivery != nil {
					t.Fatal("leased to another: ", err)
				}
			}
			return ctx.Err()
		})
		if delivered != 1 || err != nil {
			t.Errorf("%d, %v", delivered, err)
		}
	})
}

// An item that an operator takes out while it is delivered ends its delivery.
func TestDrainEndsADeliveryThatLostItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openBubbleSpool(t, `{"name": "sync", "spool": {"lease_ms": 3000}}`)
		mustAppend(t, s, "", "")
		delivered, err := s.Drain(context.Background(), func(ctx context.Context, d *Delivery) error {
			said(t, "removed")(s.Remove(d.Seq))
			<-ctx.Done()
			if cause := context.Cause(ctx); !errors.Is(cause, ErrLeaseLost) {
				t.Error(cause)
			}
			return ctx.Err()
		})
		if delivered != 0 || err != nil {
			t.Errorf("%d, %v", delivered, err)
		}
	})
}

func TestDrainTellsOfDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []error
		s := openBubbleSpool(t, `{"name": "sync", "spool": {"max_age_ms": 5000}}`, WithEvents(func(event Event) {
			if event.Name == EventDeadLetter {
				told = append(told, event.Err)
			}
		}))
		mustAppend(t, s, "", "too old")
		time.Sleep(5 * time.Second)
		mustAppend(t, s, "", "wrong")
		_, err := s.Drain(context.Background(), func(context.Context, *Delivery) error {
			return fmt.Errorf("%w: no such order", ErrUndeliverable)
		})
		if err != nil || len(told) != 2 || told[0] != nil || !errors.Is(told[1], ErrUndeliverable) {
			t.Errorf("%v, %v", told, err)
		}
		dead, err := s.DeadLetters()
		if err != nil || len(dead) != 2 || dead[0].Why != "age" || dead[1].Why != "refused" {
			t.Errorf("%+v, %v", dead, err)
		}
	})
}

// The context ends every wait, and a delivery that goes on: its item waits as before, with no attempt counted.
func TestDeliverEndsWithTheContext(t *testing.T) {
	closed := context.CancelCauseFunc(nil)
	for name, run := range map[string]func(s *Spool, ctx context.Context) error{
		"while the gates refuse": func(s *Spool, ctx context.Context) error {
			_, _ = s.policy.Command(`{"trip":{}}`)
			return s.Deliver(ctx, func(context.Context, *Delivery) error { t.Error("delivered"); return nil })
		},
		"while the item backs off": func(s *Spool, ctx context.Context) error {
			_, _ = mustLease(t, s).Settle(Failure, time.Now().Add(time.Hour))
			return s.Deliver(ctx, func(context.Context, *Delivery) error { t.Error("delivered"); return nil })
		},
		"while it delivers": func(s *Spool, ctx context.Context) error {
			return s.Deliver(ctx, func(ctx context.Context, _ *Delivery) error { <-ctx.Done(); return ctx.Err() })
		},
		"before it begins": func(s *Spool, ctx context.Context) error {
			closed(errUpstream)
			return s.Deliver(ctx, nil)
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := openBubbleSpool(t, guarded)
			mustAppend(t, s, "", "")
			ctx, cancel := context.WithCancelCause(context.Background())
			closed = cancel
			time.AfterFunc(10*time.Second, func() { cancel(errUpstream) })
			if err := run(s, ctx); !errors.Is(err, errUpstream) {
				t.Errorf("%s: %v", name, err)
			}
			items, err := s.Items()
			isCounted := strings.Contains(name, "backs off")
			if err != nil || len(items) != 1 || items[0].Status != "waiting" || (items[0].Attempts == 1) != isCounted {
				t.Errorf("%s: %+v, %v", name, items, err)
			}
		})
	}
}

// What comes while nothing is there is delivered at once.
func TestDeliverWaitsForMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openBubbleSpool(t, guarded)
		ctx, stop := context.WithCancel(context.Background())
		began := time.Now()
		var told []time.Duration
		ended := make(chan error)
		go func() {
			ended <- s.Deliver(ctx, func(context.Context, *Delivery) error {
				told = append(told, time.Since(began))
				return nil
			})
		}()
		for range 3 {
			time.Sleep(time.Minute)
			mustAppend(t, s, "", "")
		}
		synctest.Wait()
		stop()
		want := []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute}
		if err := <-ended; !errors.Is(err, context.Canceled) || !slices.Equal(told, want) {
			t.Errorf("%v, %v", told, err)
		}
	})
}

// A folder whose lock another holds is waited for, and what was delivered meanwhile is acknowledged.
func TestDeliverWaitsForAFolderThatIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, guarded)
		path := filepath.Join(t.TempDir(), "spool")
		s, err := OpenSpool(path, p, LockWait(0))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		mustAppend(t, s, "", "")
		hold := func() {
			lock, err := syscall.Open(filepath.Join(path, "lock"), syscall.O_RDWR, 0)
			if err == nil {
				err = syscall.Flock(lock, syscall.LOCK_EX)
			}
			if err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(5*time.Second, func() { _ = syscall.Close(lock) })
		}
		hold()
		began := time.Now()
		deliverAll(t, s, func(context.Context, *Delivery) error { hold(); return nil })
		if took := time.Since(began); took < 10*time.Second || took > 11*time.Second {
			t.Error(took)
		}
		if report := mustReport(t, s); report.Items != 0 {
			t.Errorf("%+v", report)
		}
	})
}

// The delivery that closes the circuit has those behind it paced.
func TestDeliverPacesWhatWaitedForTheCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openBubbleSpool(t, `{"name": "sync", "circuit": {"consecutive_failures": 1, "open_ms": 60000},
			"spool": {"pace": {"items": 1, "interval_ms": 1000, "for_ms": 3000}}}`)
		_, _ = s.policy.Command(`{"trip":{}}`)
		for range 6 {
			mustAppend(t, s, "", "")
		}
		began := time.Now()
		var told []time.Duration
		deliverAll(t, s, func(context.Context, *Delivery) error {
			told = append(told, time.Since(began).Round(time.Second)-time.Minute)
			return nil
		})
		want := []time.Duration{0, 0, time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second}
		if !slices.Equal(told, want) {
			t.Error(told)
		}
	})
}

// A delivery that panics is an attempt in vain.
func TestDrainGivesBackWhatPanicked(t *testing.T) {
	s := openSpool(t, `{}`)
	mustAppend(t, s, "", "")
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic went nowhere")
			}
		}()
		_, _ = s.Drain(context.Background(), func(context.Context, *Delivery) error { panic("the caller's") })
	}()
	if items, err := s.Items(); err != nil || items[0].Status != "waiting" || items[0].Attempts != 1 {
		t.Errorf("%+v, %v", items, err)
	}
}

// A circuit that is forced open has no end: Deliver goes on when an operator lifts it, and is not told as a fault meanwhile.
func TestDeliverOutlastsAForcedCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openBubbleSpool(t, guarded, WithEvents(func(event Event) {
			if event.Name == EventDegraded {
				t.Errorf("told %+v", event)
			}
		}))
		mustAppend(t, s, "", "")
		command := func(json string) {
			if _, err := s.policy.Command(json); err != nil {
				t.Error(err)
			}
		}
		command(`{"force_open":{"until_us":null}}`)
		time.AfterFunc(time.Hour, func() { command(`{"lift_mode":{}}`) })
		began := time.Now()
		deliverAll(t, s, func(context.Context, *Delivery) error {
			if waited := time.Since(began); waited < time.Hour || waited > time.Hour+time.Second {
				t.Errorf("delivered after %v", waited)
			}
			return nil
		})
	})
}
