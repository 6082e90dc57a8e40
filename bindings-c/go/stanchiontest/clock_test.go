//go:build cgo

package stanchiontest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
	"github.com/stanchion/stanchion/bindings-c/go/stanchiontest"
)

func ExampleClock() {
	clock := stanchiontest.NewClock(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	policy, err := stanchion.FromJSON([]byte(`{"name": "p", "circuit": {"consecutive_failures": 1, "open_ms": 1000}}`),
		stanchion.WithTimers(clock))
	if err != nil {
		panic(err)
	}
	defer policy.Close()
	_ = policy.Do(context.Background(), func(context.Context) error { return errors.New("refused") })
	fmt.Println(policy.Peek())
	clock.Advance(999 * time.Millisecond)
	fmt.Println(policy.Peek())
	clock.Advance(time.Millisecond)
	fmt.Println(policy.Peek())
	// Output:
	// stanchion: p: rejected by circuit, retry after 1s
	// stanchion: p: rejected by circuit, retry after 1ms
	// <nil>
}

var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func policyAt(t *testing.T, json string) (*stanchion.Policy, *stanchiontest.Clock) {
	t.Helper()
	clock := stanchiontest.NewClock(start)
	policy, err := stanchion.FromJSON([]byte(json), stanchion.WithTimers(clock), stanchion.WithRandom(func() uint32 { return 1 << 31 }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(policy.Close)
	return policy, clock
}

// later tells how something ended that goes on in another goroutine.
func later(run func() error) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- run() }()
	return ended
}

const hourly = `{"name": "p", "limits": [{"name": "calls", "capacity": 1, "refill_tokens": 1, "refill_interval_ms": 3600000}]}`

func TestAWaitEndsWhenTheClockSaysSo(t *testing.T) {
	policy, clock := policyAt(t, hourly)
	ctx := context.Background()
	if _, err := policy.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	first := later(func() error { _, err := policy.Wait(ctx); return err })
	clock.Await(1)
	second := later(func() error { _, err := policy.Acquire(ctx, stanchion.WaitFor(90*time.Minute)); return err })
	clock.Await(2)
	clock.Advance(time.Hour - time.Microsecond)
	if err := policy.Peek(); err == nil {
		t.Error("admits too early")
	}
	clock.Advance(time.Microsecond)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if err := <-second; !errors.Is(err, stanchion.ErrRejected) { // told by then that its hour is too long
		t.Errorf("got %v", err)
	}
}

func TestRetriesWaitByTheClock(t *testing.T) {
	policy, clock := policyAt(t, `{"name": "p", "retry": {"max_attempts": 3, "base_delay_ms": 10000, "jitter": "none"}}`)
	calls := 0
	done := later(func() error {
		return policy.Do(context.Background(), func(context.Context) error {
			if calls++; calls < 3 {
				return errors.New("refused")
			}
			return nil
		}, stanchion.Idempotent())
	})
	for range 2 {
		clock.Await(1)
		clock.Advance(2 * time.Minute)
	}
	if err := <-done; err != nil || calls != 3 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestACallEndsLateByTheClock(t *testing.T) {
	policy, clock := policyAt(t, `{"name": "p", "circuit": {"consecutive_failures": 1}}`)
	done := later(func() error {
		return policy.Do(context.Background(), func(ctx context.Context) error {
			<-ctx.Done()
			if context.Cause(ctx) != stanchion.ErrTimeout {
				t.Errorf("ended by %v", context.Cause(ctx))
			}
			return ctx.Err()
		}, stanchion.Timeout(time.Hour))
	})
	clock.Await(1)
	clock.Advance(time.Hour)
	if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if err := policy.Peek(); !errors.Is(err, stanchion.ErrRejected) {
		t.Errorf("a timeout is no failure: %v", err)
	}
}

func TestLeasesAreRenewedByTheClock(t *testing.T) {
	policy, clock := policyAt(t, `{"name": "p", "bulkhead": {"max_concurrent": 1, "lease_ms": 60000}}`)
	call, err := policy.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Hour)
	if cause := context.Cause(call.Context()); cause != nil || policy.Peek() == nil {
		t.Errorf("lost its lease: %v", cause)
	}
	call.RenewByHand()
	clock.Advance(30 * time.Second)
	call.Renew()
	clock.Advance(40 * time.Second)
	if policy.Peek() == nil {
		t.Error("not renewed by hand")
	}
	call.End(stanchion.Success)
	if err := policy.Peek(); err != nil {
		t.Error(err)
	}
}

func TestASchedulesRunsComeByTheClock(t *testing.T) {
	policy, clock := policyAt(t, `{"name": "p", "schedule": {"interval_ms": 60000}}`)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ran := make(chan time.Time)
	schedule := policy.Schedule("", func(context.Context, stanchion.Intent) error {
		ran <- clock.Now()
		return nil
	})
	go schedule.Run(ctx)
	for last := start.Add(-time.Minute); last.Before(start.Add(3 * time.Minute)); {
		clock.Await(1)
		clock.Advance(time.Minute)
		at := <-ran
		if !at.After(last) {
			t.Errorf("ran at %v after %v", at, last)
		}
		last = at
	}
}
