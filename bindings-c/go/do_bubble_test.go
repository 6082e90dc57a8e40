//go:build cgo && go1.25

package stanchion

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// newBubblePolicy is a policy on a bubble's clock.
func newBubblePolicy(t *testing.T, json string, opts ...Option) *Policy {
	t.Helper()
	p, err := FromJSON([]byte(json), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestDoEndsALateCall(t *testing.T) {
	const timed = `{"name": "p", "circuit": {"consecutive_failures": 1}, "call_timeout_ms": 2000}`
	for asked, want := range map[time.Duration]time.Duration{time.Second: time.Second, time.Minute: 2 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			p := newBubblePolicy(t, timed)
			began := time.Now()
			err := p.Do(context.Background(), func(ctx context.Context) error {
				if deadline, ok := ctx.Deadline(); !ok || !deadline.Equal(began.Add(want)) {
					t.Errorf("deadline %v, %v", deadline, ok)
				}
				child, stop := context.WithCancel(ctx)
				defer stop()
				<-child.Done()
				if cause := context.Cause(child); !errors.Is(cause, ErrTimeout) {
					t.Errorf("cause %v", cause)
				}
				return child.Err()
			}, Timeout(asked))
			if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrTimeout) || time.Since(began) != want {
				t.Errorf("after %v: %v", time.Since(began), err)
			}
			if err := p.Peek(); !errors.Is(err, ErrRejected) {
				t.Errorf("a timeout is a failure: %v", err)
			}
		})
	}
}

func TestDoPassesOnTheCallersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := failedOnce(t, newBubblePolicy(t, oneSlot))
		type name struct{}
		caller, cancel := context.WithCancelCause(context.WithValue(context.Background(), name{}, "value"))
		time.AfterFunc(time.Minute, func() { cancel(errUpstream) })
		err := p.Do(caller, func(ctx context.Context) error {
			if ctx.Value(name{}) != "value" || ctx.Err() != nil {
				t.Errorf("value %v, %v", ctx.Value(name{}), ctx.Err())
			}
			<-ctx.Done()
			if ctx.Value(name{}) != "value" {
				t.Error("the value went away")
			}
			return context.Cause(ctx)
		})
		if got := ended(t, p); !errors.Is(err, errUpstream) || got != Ignored {
			t.Errorf("got %v, settled as %v", err, got)
		}
	})
}

// A context that outlives its call has ended, whether it was looked at before or not.
func TestDoEndsTheContextOfACallThatReturned(t *testing.T) {
	p := newPolicyAt(t, oneSlot)
	for _, looks := range []bool{true, false} {
		var kept context.Context
		_ = p.Do(context.Background(), func(ctx context.Context) error {
			if kept = ctx; looks {
				_ = ctx.Done()
			}
			return nil
		})
		if kept.Err() != context.Canceled {
			t.Errorf("looked at %v: %v", looks, kept.Err())
		}
		<-kept.Done()
	}
}

// A call that lasts ten leases keeps its slot, and pays for it by nothing that outlives it.
func TestDoRenewsTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, `{"name": "p", "bulkhead": {"max_concurrent": 1, "lease_ms": 3000}}`)
		err := p.Do(context.Background(), func(ctx context.Context) error {
			for range 30 {
				time.Sleep(time.Second)
				if err := p.Peek(); !errors.Is(err, ErrRejected) {
					t.Fatalf("the slot was free: %v", err)
				}
			}
			return ctx.Err()
		})
		if err != nil {
			t.Error(err)
		}
		if p.keeper.keepsNow() {
			t.Error("the keeper still keeps the call")
		}
		time.Sleep(2 * time.Second)
		p.keeper.mu.Lock()
		if p.keeper.stop != nil {
			t.Error("the keeper goes on without calls")
		}
		p.keeper.mu.Unlock()
		if err := p.Peek(); err != nil {
			t.Errorf("the slot did not come back: %v", err)
		}
	})
}

func TestDoAbortsACallThatLostItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, `{"name": "p", "bulkhead": {"max_concurrent": 1, "lease_ms": 3000}}`)
		empty, err := p.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		err = p.Do(context.Background(), func(ctx context.Context) error {
			if err := p.Restore(empty); err != nil {
				t.Error(err)
			}
			<-ctx.Done()
			synctest.Wait()
			if p.keeper.keepsNow() {
				t.Error("a lost lease is still renewed")
			}
			return context.Cause(ctx)
		})
		if !errors.Is(err, ErrLeaseLost) || time.Since(began) != time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

func TestDoRenewsNothingThatIsNotLeased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, `{"name": "p", "circuit": {"consecutive_failures": 1, "probe_lease_ms": 3000}}`)
		_ = p.Do(context.Background(), func(ctx context.Context) error {
			time.Sleep(1500 * time.Millisecond)
			if p.keeper.keepsNow() {
				t.Error("a call of a closed circuit has no lease")
			}
			return ctx.Err()
		})
	})
}

func (k *keeper) keepsNow() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.keeps()
}

// Calls come and go while the keeper renews.
func TestDoFromManyGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, `{"name": "p", "bulkhead": {"max_concurrent": 64, "lease_ms": 300}}`)
		var group sync.WaitGroup
		defer group.Wait()
		for i := range 64 {
			group.Add(1)
			go func() {
				defer group.Done()
				for range 20 {
					err := p.Do(context.Background(), func(ctx context.Context) error {
						time.Sleep(time.Duration(i) * 10 * time.Millisecond)
						return ctx.Err()
					})
					if err != nil {
						t.Error(err)
					}
				}
			}()
		}
	})
}
