//go:build cgo

package stanchion

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

const oneSlot = `{"name": "p", "circuit": {"consecutive_failures": 2, "open_ms": 60000}, "bulkhead": {"max_concurrent": 1}}`

var errUpstream = errors.New("upstream")

// failedOnce makes one failure more open the circuit, and a success tell from no result.
func failedOnce(t *testing.T, p *Policy) *Policy {
	t.Helper()
	permit, err := p.TryAcquire()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Settle(permit, Failure); err != nil {
		t.Fatal(err)
	}
	return p
}

func take(p *Policy) {
	if _, err := p.TryAcquire(); err != nil {
		panic(err)
	}
}

// ended tells how the one call ended of a policy that had failed once.
func ended(t *testing.T, p *Policy) Outcome {
	t.Helper()
	text, err := p.ExplainJSON()
	if err != nil {
		t.Fatal(err)
	}
	tells := func(part string) bool { return strings.Contains(string(text), part) }
	switch {
	case !tells(`"in_flight":0`):
		t.Fatalf("the call goes on: %s", text)
	case tells(`"phase":"open"`):
		return Failure
	case tells(`"consecutive_failures":{"count":1,`):
		return Ignored
	}
	return Success
}

func TestDoSettlesByTheError(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	late, stop := context.WithDeadline(context.Background(), time.Now())
	cancel()
	defer stop()
	flip := Classify(func(_ error, usual Outcome) Outcome {
		return map[Outcome]Outcome{Success: Failure, Failure: Success, Ignored: Ignored}[usual]
	})
	cases := []struct {
		name   string
		caller context.Context
		err    error
		opts   []AcquireOption
		want   Outcome
	}{
		{"no error", nil, nil, nil, Success},
		{"an error", nil, errUpstream, nil, Failure},
		{"an error after the caller cancelled", cancelled, errUpstream, nil, Ignored},
		{"no error after the caller cancelled", cancelled, nil, nil, Success},
		{"an error after the caller's deadline", late, errUpstream, nil, Failure},
		{"a refusal within", nil, &RejectedError{}, nil, Ignored},
		{"a policy within that is unavailable", nil, &UnavailableError{}, nil, Ignored},
		{"no error, classified", nil, nil, []AcquireOption{flip}, Failure},
		{"an error, classified", nil, errUpstream, []AcquireOption{flip}, Success},
	}
	for _, c := range cases {
		p := failedOnce(t, newPolicyAt(t, oneSlot))
		caller := &switchable{Context: context.Background()}
		err := p.Do(caller, func(context.Context) error {
			if c.caller != nil {
				caller.Context = c.caller
			}
			return c.err
		}, c.opts...)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: got %v", c.name, err)
		}
		if got := ended(t, p); got != c.want {
			t.Errorf("%s: settled as %v, want %v", c.name, got, c.want)
		}
	}
}

// switchable is a context that ends when a test says so.
type switchable struct{ context.Context }

func TestDoCallsNothingWhenRefused(t *testing.T) {
	p := newPolicyAt(t, oneSlot)
	if _, err := p.TryAcquire(); err != nil {
		t.Fatal(err)
	}
	call := func(context.Context) error { t.Error("called"); return nil }
	if err := p.Do(context.Background(), call); !errors.Is(err, ErrRejected) {
		t.Errorf("a full bulkhead: %v", err)
	}
	ended, cancel := context.WithCancelCause(context.Background())
	cancel(errUpstream)
	if err := p.Do(ended, call); !errors.Is(err, errUpstream) {
		t.Errorf("an ended context: %v", err)
	}
	if err := p.Do(context.Background(), call, Timeout(0)); !isCode(err, "out_of_range") {
		t.Errorf("no time at all: %v", err)
	}
	if _, err := p.TryAcquire(Timeout(time.Second)); !errors.Is(err, errNoUse) {
		t.Errorf("an option of Do: %v", err)
	}
}

func TestDoHandsOnAPanic(t *testing.T) {
	p := failedOnce(t, newPolicyAt(t, oneSlot))
	func() {
		defer func() {
			if value := recover(); value != errUpstream {
				t.Errorf("recovered %v", value)
			}
		}()
		_ = p.Do(context.Background(), func(context.Context) error { panic(errUpstream) })
	}()
	if got := ended(t, p); got != Failure {
		t.Errorf("a panic: settled as %v", got)
	}
	p = failedOnce(t, newPolicyAt(t, oneSlot))
	var group sync.WaitGroup
	group.Add(1)
	go func() {
		defer group.Done()
		_ = p.Do(context.Background(), func(context.Context) error { runtime.Goexit(); return nil })
	}()
	group.Wait()
	if got := ended(t, p); got != Failure {
		t.Errorf("an ended goroutine: settled as %v", got)
	}
}

func TestDoReturnsTheResult(t *testing.T) {
	p := newPolicyAt(t, oneSlot)
	got, err := Do(context.Background(), p, func(context.Context) (string, error) { return "partial", errUpstream })
	if got != "partial" || !errors.Is(err, errUpstream) {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := p.TryAcquire(); err != nil {
		t.Fatal(err)
	}
	if got, err := Do(context.Background(), p, func(context.Context) (int, error) { return 7, nil }); got != 0 || err == nil {
		t.Errorf("refused: got %d, %v", got, err)
	}
}

// A slow call is one by the policy's clock.
func TestDoTellsTheDuration(t *testing.T) {
	now := start
	p := newPolicyAt(t, `{"name": "p", "circuit": {"slow_call_ms": 100, "slow_call_rate_percent": 100,
		"minimum_calls": 1}}`, WithClock(func() time.Time { return now }))
	for _, took := range []time.Duration{99 * time.Millisecond, -time.Hour} {
		now = start
		if err := p.Do(context.Background(), func(context.Context) error { now = now.Add(took); return nil }); err != nil {
			t.Fatal(err)
		}
		if err := p.Peek(); err != nil {
			t.Errorf("after %v: %v", took, err)
		}
	}
	p = newPolicyAt(t, p.Config(), WithClock(func() time.Time { return now }))
	_ = p.Do(context.Background(), func(context.Context) error { now = now.Add(100 * time.Millisecond); return nil })
	if err := p.Peek(); !errors.Is(err, ErrRejected) {
		t.Errorf("a slow call: %v", err)
	}
}

func TestDoThroughAFile(t *testing.T) {
	s := openFile(t)
	p, err := FromJSON([]byte(oneSlot), WithStore(s, "k"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	failedOnce(t, p)
	inside := func(context.Context) error {
		if err := p.Peek(); !errors.Is(err, ErrRejected) {
			t.Errorf("the slot is not held: %v", err)
		}
		return errUpstream
	}
	if err := p.Do(context.Background(), inside); !errors.Is(err, errUpstream) {
		t.Error(err)
	}
	if got := ended(t, p); got != Failure {
		t.Errorf("settled as %v", got)
	}
}

const wholeGate = `{"name": "p", "circuit": {"consecutive_failures": 5},
	"limits": [{"name": "c", "capacity": 4000000000, "refill_tokens": 1000000, "refill_interval_ms": 1000}],
	"bulkhead": {"max_concurrent": 10}}`

func TestDoAllocatesOnceAtMost(t *testing.T) {
	p := newPolicyAt(t, wholeGate)
	ctx := context.Background()
	count := 0
	call := func() {
		if err := p.Do(ctx, func(context.Context) error { count++; return nil }, Cost(2)); err != nil {
			t.Fatal(err)
		}
	}
	if got := testing.AllocsPerRun(1000, call); got > 1 {
		t.Errorf("%v allocations", got)
	}
	generic := func() {
		if _, err := Do(ctx, p, func(context.Context) (int, error) { count++; return count, nil }); err != nil {
			t.Fatal(err)
		}
	}
	if got := testing.AllocsPerRun(1000, generic); got > 1 {
		t.Errorf("with a result: %v allocations", got)
	}
}

func BenchmarkDo(b *testing.B) {
	p, err := FromJSON([]byte(wholeGate))
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Do(ctx, func(context.Context) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
