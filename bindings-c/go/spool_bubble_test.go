//go:build cgo && go1.25

package stanchion

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

const spooling = `{"name": "p", "circuit": {"consecutive_failures": 3, "open_ms": 60000},
	"spool": {"order": "strict", "base_delay_ms": 1000, "multiplier": 1, "max_attempts": 9, "lease_ms": 6000,
		"pace": {"items": 1, "interval_ms": 1000, "for_ms": 3600000}}}`

func newSpool(t *testing.T, json string, opts ...Option) (*Spool, *Policy) {
	t.Helper()
	p := newBubblePolicy(t, json, opts...)
	s, err := OpenSpool(filepath.Join(t.TempDir(), "spool"), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, p
}

func fill(t *testing.T, s *Spool, items int) {
	t.Helper()
	for n := range items {
		if _, err := s.Append(fmt.Sprint("id-", n), []byte(fmt.Sprint("item ", n))); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNothingLeavesTheSpoolBeforeItWasDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newSpool(t, spooling)
		fill(t, s, 5)
		if again, err := s.Append("id-3", []byte("?")); err != nil || !again.IsDuplicate || again.Seq != 4 {
			t.Errorf("%+v, %v", again, err)
		}
		delivered, err := s.Drain(context.Background(), func(context.Context, *Delivery) error { return errUpstream })
		if totals, _ := s.Totals(); delivered != 0 || err != nil || totals.Items != 5 || totals.Leased != 0 {
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
			got, at = append(got, string(item.Payload)), append(at, time.Since(began).Round(time.Second))
			return nil
		})
		want := []string{"item 0", "item 1", "item 2", "item 3", "item 4"}
		if !errors.Is(err, context.DeadlineExceeded) || !slices.Equal(got, want) {
			t.Errorf("%v: %q at %v", err, got, at)
		}
		if len(at) == 5 && at[4]-at[1] < 3*time.Second {
			t.Errorf("what waited was not paced after the circuit closed: %v", at)
		}
		if totals, err := s.Totals(); err != nil || totals.Items != 0 || !totals.Oldest.IsZero() {
			t.Errorf("%+v, %v", totals, err)
		}
	})
}

func TestDeliverDeliversWhatComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newSpool(t, `{"name": "p", "spool": {}}`)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error)
		got := make(chan string)
		go func() {
			ended <- s.Deliver(ctx, func(_ context.Context, item *Delivery) error {
				got <- item.ID
				return nil
			})
		}()
		for n := range 3 {
			time.Sleep(time.Hour)
			if _, err := s.Append(fmt.Sprint("id-", n), nil); err != nil {
				t.Error(err)
			}
			if id := <-got; id != fmt.Sprint("id-", n) {
				t.Errorf("got %q", id)
			}
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}

func TestALongDeliveryKeepsItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newSpool(t, spooling)
		fill(t, s, 1)
		delivered, err := s.Drain(context.Background(), func(ctx context.Context, _ *Delivery) error {
			time.Sleep(time.Minute)
			if other, err := s.Lease(); err != nil || other.Delivery != nil || other.By != "lease" {
				t.Errorf("%+v, %v", other, err)
			}
			return ctx.Err()
		})
		if delivered != 1 || err != nil {
			t.Errorf("%d, %v", delivered, err)
		}
	})
}

func TestWhatAnErrorMeansForAnItem(t *testing.T) {
	for name, row := range map[string]struct {
		err  error
		want SpoolTotals
		// Until when it waits, and as which attempt it comes then.
		next time.Duration
		try  int
	}{
		"it was delivered":       {nil, SpoolTotals{}, 0, 0},
		"it failed":              {errUpstream, SpoolTotals{Items: 1}, time.Second, 2},
		"the receiver says when": {&ReplyError{Reply: Reply{Status: 503, RetryAfter: "60"}}, SpoolTotals{Items: 1}, time.Minute, 2},
		"it will never be taken": {fmt.Errorf("no such queue: %w", ErrUndeliverable), SpoolTotals{Dead: 1}, 0, 0},
		"nothing was tried":      {&RejectedError{By: Gate{Gate: "circuit"}}, SpoolTotals{Dead: 1}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _ := newSpool(t, `{"name": "p", "spool": {"base_delay_ms": 1000, "max_delay_ms": 3600000}}`)
				if _, err := s.Append("", nil); err != nil {
					t.Fatal(err)
				}
				tried := false
				if _, err := s.Drain(context.Background(), func(context.Context, *Delivery) error {
					if tried {
						return ErrUndeliverable // else what was not tried is tried again at once, and again
					}
					tried = true
					return row.err
				}); err != nil {
					t.Error(err)
				}
				totals, err := s.Totals()
				if totals.Oldest = (time.Time{}); err != nil || totals != row.want {
					t.Errorf("%+v, %v", totals, err)
				}
				if row.next == 0 {
					return
				}
				if offer, err := s.Lease(); err != nil || time.Until(offer.Again) != row.next || offer.By != "backoff" {
					t.Errorf("%+v, %v", offer, err)
				}
				time.Sleep(row.next)
				if offer, err := s.Lease(); err != nil || offer.Delivery == nil || offer.Delivery.Attempt != row.try {
					t.Errorf("%+v, %v", offer, err)
				}
			})
		})
	}
}

func TestAnOperatorHasTheLastWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newSpool(t, `{"name": "p", "spool": {}}`)
		fill(t, s, 1)
		offer, err := s.Lease()
		if err != nil || offer.Delivery == nil || offer.Delivery.ID != "id-0" || string(offer.Delivery.Payload) != "item 0" {
			t.Fatalf("%+v, %v", offer, err)
		}
		if answer, err := offer.Delivery.Refuse(); err != nil || answer.Result != "dead" || answer.Why != "refused" {
			t.Errorf("%+v, %v", answer, err)
		}
		if answer, err := s.Requeue(1); err != nil || answer.Result != "requeued" {
			t.Errorf("%+v, %v", answer, err)
		}
		for _, want := range []string{"removed", "not_found"} {
			if answer, err := s.Remove(1); err != nil || answer.Result != want {
				t.Errorf("%+v, %v", answer, err)
			}
		}
	})
}

func TestAFullSpoolRefuses(t *testing.T) {
	s, p := newSpool(t, `{"name": "p", "spool": {"max_items": 2, "max_item_bytes": 8}}`)
	fill(t, s, 2)
	var full *SpoolFullError
	if _, err := s.Append("", []byte("more")); !errors.As(err, &full) || full.By != "items" {
		t.Errorf("%v", err)
	}
	if _, err := s.Append("", make([]byte, 9)); !errors.As(err, &full) || full.By != "item" {
		t.Errorf("%v", err)
	}
	s.Close()
	if _, err := s.Append("", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	p.Close()
	if _, err := OpenSpool(filepath.Join(t.TempDir(), "spool"), p); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
}
