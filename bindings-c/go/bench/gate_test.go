package bench

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/ratelimiter"
	"github.com/sony/gobreaker/v2"
	stanchion "github.com/stanchion/stanchion/bindings-c/go"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"
)

// All three: a breaker of five failures in a row, a limit that is never reached, a bulkhead of ten.
const wholeGate = `{"name": "bench", "circuit": {"consecutive_failures": 5},
	"limits": [{"name": "calls", "capacity": 1000000, "refill_tokens": 1000000000, "refill_interval_ms": 1000}],
	"bulkhead": {"max_concurrent": 10}}`

func ours(b *testing.B) *stanchion.Policy {
	policy, err := stanchion.FromJSON([]byte(wholeGate))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(policy.Close)
	return policy
}

func nothing(context.Context) error { return nil }

// byHand is the composition that the goal is measured against.
type byHand struct {
	breaker *gobreaker.CircuitBreaker[struct{}]
	limit   *rate.Limiter
	slots   *semaphore.Weighted
}

var errFull = errors.New("full")

func newByHand() *byHand {
	return &byHand{
		breaker: gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
			ReadyToTrip: func(counts gobreaker.Counts) bool { return counts.ConsecutiveFailures >= 5 },
		}),
		limit: rate.NewLimiter(1e9, 1e6),
		slots: semaphore.NewWeighted(10),
	}
}

func (g *byHand) do(ctx context.Context, fn func(context.Context) error) error {
	_, err := g.breaker.Execute(func() (struct{}, error) {
		if !g.limit.Allow() || !g.slots.TryAcquire(1) {
			return struct{}{}, errFull
		}
		defer g.slots.Release(1)
		return struct{}{}, fn(ctx)
	})
	return err
}

func newFailsafe() failsafe.Executor[any] {
	return failsafe.With[any](
		circuitbreaker.NewBuilder[any]().WithFailureThreshold(5).Build(),
		ratelimiter.NewBursty[any](1e6, time.Millisecond),
		bulkhead.New[any](10),
	)
}

func BenchmarkStanchionTimeGiven(b *testing.B) {
	policy, now := ours(b), time.Now()
	for b.Loop() {
		now = now.Add(time.Microsecond) // else the limit would not refill
		m := policy.At(now)
		permit, err := m.TryAcquire()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := m.Settle(permit, stanchion.Success); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStanchionAcquireSettle(b *testing.B) {
	policy := ours(b)
	for b.Loop() {
		permit, err := policy.TryAcquire()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := policy.Settle(permit, stanchion.Success); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStanchionDo(b *testing.B) {
	policy, ctx := ours(b), context.Background()
	for b.Loop() {
		if err := policy.Do(ctx, nothing); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkByHand(b *testing.B) {
	gate, ctx := newByHand(), context.Background()
	for b.Loop() {
		if err := gate.do(ctx, nothing); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFailsafe(b *testing.B) {
	executor := newFailsafe()
	for b.Loop() {
		if err := executor.Run(func() error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParallelStanchionDo(b *testing.B) {
	policy, ctx := ours(b), context.Background()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := policy.Do(ctx, nothing); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkParallelStanchionAcquireSettle(b *testing.B) {
	policy := ours(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			permit, err := policy.TryAcquire()
			if err == nil {
				_, err = policy.Settle(permit, stanchion.Success)
			}
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkParallelByHand(b *testing.B) {
	gate, ctx := newByHand(), context.Background()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := gate.do(ctx, nothing); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// The goals of allocation, which no machine changes: Do with a closure that does not escape allocates at most once.
func TestDoAllocatesAtMostOnce(t *testing.T) {
	policy, err := stanchion.FromJSON([]byte(wholeGate))
	if err != nil {
		t.Fatal(err)
	}
	defer policy.Close()
	count := 0
	allocations := testing.AllocsPerRun(1000, func() {
		_ = policy.Do(context.Background(), func(context.Context) error { count++; return nil })
	})
	if allocations > 1 {
		t.Errorf("%v allocations", allocations)
	}
}

// A permit that its caller keeps to himself lies on his stack.
func TestAnAcquireThatIsSettledHereAllocatesNothing(t *testing.T) {
	policy, err := stanchion.FromJSON([]byte(wholeGate))
	if err != nil {
		t.Fatal(err)
	}
	defer policy.Close()
	allocations := testing.AllocsPerRun(1000, func() {
		if permit, err := policy.TryAcquire(); err == nil {
			_, _ = policy.Settle(permit, stanchion.Success)
		}
	})
	if allocations > 0 {
		t.Errorf("%v allocations", allocations)
	}
}
