//go:build cgo

package stanchion

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

const rules = `{"name": "p", "circuit": {"consecutive_failures": 2, "open_ms": 1000},
	"limits": [{"name": "calls", "capacity": 100, "refill_tokens": 100, "refill_interval_ms": 3600000}],
	"bulkhead": {"max_concurrent": 2}, "on_store_error": "reject"}`

var start = time.UnixMilli(1_700_000_000_000)

// at a fixed instant unless a test says otherwise.
func newPolicyAt(t *testing.T, json string, opts ...Option) *Policy {
	t.Helper()
	p, err := FromJSON([]byte(json), append([]Option{WithClock(func() time.Time { return start })}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestConfigErrorNamesTheField(t *testing.T) {
	_, err := FromJSON([]byte(`{"name": "p", "bulkhead": {"max_concurrent": 0}}`))
	var config *ConfigError
	if !errors.As(err, &config) || config.Field != "bulkhead.max_concurrent" || config.Value != "0" {
		t.Fatalf("got %#v", err)
	}
	if !strings.Contains(config.Allowed, "4096") || !strings.Contains(err.Error(), config.Field) {
		t.Errorf("got %q, allowed %q", err, config.Allowed)
	}
	if _, err := FromJSON(nil); !errors.As(err, &config) {
		t.Errorf("no bytes: got %#v", err)
	}
}

func TestRejectionTellsGateAndWait(t *testing.T) {
	p := newPolicyAt(t, rules)
	for range 2 {
		if _, err := p.TryAcquire(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := p.TryAcquire(Cost(99))
	var rejected *RejectedError
	if !errors.As(err, &rejected) || !errors.Is(err, ErrRejected) || errors.Is(err, ErrDegraded) {
		t.Fatalf("got %#v", err)
	}
	// One token is missing, and comes after 36 s; a slot after 30.
	want := []Gate{{"limit", "calls"}, {"bulkhead", ""}}
	if rejected.By != want[0] || rejected.RetryAfter != 36*time.Second || rejected.Never {
		t.Errorf("by %v after %v, never %v", rejected.By, rejected.RetryAfter, rejected.Never)
	}
	if len(rejected.Gates) != 2 || rejected.Gates[0] != want[0] || rejected.Gates[1] != want[1] {
		t.Errorf("gates %v", rejected.Gates)
	}
	if err := p.Peek(Cost(101)); !errors.As(err, &rejected) || !rejected.Never {
		t.Errorf("cost above the capacity: got %v", err)
	}
	if err := p.Peek(Holder("\xff")); !isCode(err, "not_utf8") {
		t.Errorf("a holder that is not UTF-8: got %v", err)
	}
}

func isCode(err error, code string) bool {
	var engine *EngineError
	return errors.As(err, &engine) && engine.Code == code
}

func TestPermitIsUsedOnce(t *testing.T) {
	p := newPolicyAt(t, rules)
	permit, err := p.Acquire(context.Background(), Holder("worker-7"))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ParsePermit(permit.String()); err != nil || again.String() != permit.String() {
		t.Errorf("text form: %v, %v", again, err)
	}
	renewed, err := p.Renew(permit)
	if err != nil || renewed.Result != Renewed || !renewed.Until.Equal(start.Add(30*time.Second)) {
		t.Errorf("renewed: %+v, %v", renewed, err)
	}
	answer, err := p.Settle(permit, Success, Took(80*time.Millisecond), ActualCost(3))
	if err != nil || answer.Result != Counted || !answer.Report.Changed {
		t.Errorf("settled: %+v, %v", answer, err)
	}
	if _, err := p.Settle(permit, Success); !errors.Is(err, ErrPermitUsed) {
		t.Errorf("settled twice: %v", err)
	}
	if _, err := p.Cancel(permit); !errors.Is(err, ErrPermitUsed) {
		t.Errorf("cancelled after it was settled: %v", err)
	}
	var input *InputError
	if _, err := ParsePermit("12"); !errors.As(err, &input) || input.Field != "permit" {
		t.Errorf("no permit: %v", err)
	}
}

// What is refused before it reaches the engine leaves the permit as it was.
func TestBadSettleDoesNotUseThePermit(t *testing.T) {
	p := newPolicyAt(t, rules)
	permit, err := p.TryAcquire()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Settle(permit, Failure, Took(-time.Second)); !isCode(err, "out_of_range") {
		t.Errorf("a negative duration: %v", err)
	}
	if answer, err := p.Settle(permit, Failure); err != nil || answer.Result != Counted {
		t.Errorf("settled: %+v, %v", answer, err)
	}
}

func TestEndedContextAcquiresNothing(t *testing.T) {
	p := newPolicyAt(t, rules)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Acquire(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	before, _ := p.Snapshot()
	if permit, err := p.TryAcquire(); err != nil || !permit.Report.Changed {
		t.Errorf("the first step on a new state: %v, %v", permit, err)
	}
	if after, _ := p.Snapshot(); string(after) == string(before) {
		t.Error("an admitted call left no trace")
	}
}

func TestCircuitOpensAndIsExplained(t *testing.T) {
	p := newPolicyAt(t, rules)
	for range 2 {
		permit, err := p.TryAcquire()
		if err != nil {
			t.Fatal(err)
		}
		answer, err := p.Settle(permit, Failure)
		if err != nil {
			t.Fatal(err)
		}
		if names := answer.Report.Events.Names(); len(names) == 1 && names[0] != "opened" {
			t.Errorf("events %v", names)
		}
	}
	var rejected *RejectedError
	if err := p.Peek(); !errors.As(err, &rejected) || rejected.By.Gate != "circuit" || rejected.RetryAfter != time.Second {
		t.Errorf("an open circuit: %v", err)
	}
	if err := p.At(start.Add(time.Second)).Peek(); err != nil {
		t.Errorf("after the open time: %v", err)
	}
	if text, err := p.ExplainJSON(); err != nil || !strings.Contains(string(text), "consecutive_failures") {
		t.Errorf("explained: %s, %v", text, err)
	}
	if next, err := p.At(start).NextChangeAt(); err != nil || !next.Equal(start.Add(time.Second)) {
		t.Errorf("next change at %v, %v", next, err)
	}
	if vacuous, err := p.VacuousAt(); err != nil || !vacuous.After(start) {
		t.Errorf("vacuous at %v, %v", vacuous, err)
	}
	if answer, err := p.Command(`{"reset":{}}`); err != nil || answer.Result != Done {
		t.Errorf("reset: %+v, %v", answer, err)
	}
	var input *InputError
	if _, err := p.Command(`{"jump":{}}`); !errors.As(err, &input) {
		t.Errorf("no command: %v", err)
	}
}

func TestSnapshotIsRestored(t *testing.T) {
	p, other := newPolicyAt(t, rules), newPolicyAt(t, rules)
	permit, err := p.TryAcquire()
	if err != nil {
		t.Fatal(err)
	}
	bytes, err := p.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Restore(bytes); err != nil {
		t.Fatal(err)
	}
	if answer, err := other.Settle(permit, Success); err != nil || answer.Result != Counted {
		t.Errorf("settled where it was restored: %+v, %v", answer, err)
	}
	var state *StateError
	if err := other.Restore(bytes[:20]); !errors.As(err, &state) || state.Code == "" {
		t.Errorf("cut bytes: %v", err)
	}
	if err := other.Restore(nil); !errors.As(err, &state) {
		t.Errorf("no bytes: %v", err)
	}
}

func TestShadowAdmitsAndTells(t *testing.T) {
	p := newPolicyAt(t, `{"name": "p", "mode": "shadow", "bulkhead": {"max_concurrent": 1}}`)
	if permit, err := p.TryAcquire(); err != nil || permit.WouldReject != nil {
		t.Fatal(permit, err)
	}
	permit, err := p.TryAcquire()
	if err != nil || permit.WouldReject == nil || permit.WouldReject.By.String() != "bulkhead" {
		t.Fatalf("got %+v, %v", permit, err)
	}
}

func TestClosedPolicyIsTold(t *testing.T) {
	p := newPolicyAt(t, rules)
	permit, err := p.TryAcquire()
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	p.Close()
	if _, err := p.TryAcquire(); !errors.Is(err, ErrClosed) {
		t.Errorf("acquired: %v", err)
	}
	if _, err := p.Settle(permit, Success); !errors.Is(err, ErrClosed) {
		t.Errorf("settled: %v", err)
	}
}

// Never more slots than there are, whatever the goroutines do.
func TestManyGoroutinesShareAPolicy(t *testing.T) {
	p := newPolicyAt(t, `{"name": "p", "bulkhead": {"max_concurrent": 2}}`)
	var live, most, admitted atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			for range 500 {
				permit, err := p.TryAcquire()
				if err != nil {
					continue
				}
				admitted.Add(1)
				now := live.Add(1)
				for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
				}
				live.Add(-1)
				if _, err := p.Settle(permit, Success); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	group.Wait()
	if most.Load() > 2 || admitted.Load() == 0 {
		t.Errorf("%d at once, %d admitted", most.Load(), admitted.Load())
	}
}

func TestClockFollowsTheSystems(t *testing.T) {
	clock := newClock()
	for range 3 {
		before := time.Now().UnixMicro()
		now := int64(clock.nowUS())
		after := time.Now().UnixMicro()
		if now < before-1000 || now > after+1000 {
			t.Errorf("%d is not between %d and %d", now, before, after)
		}
	}
}

func TestRetryAfterIsReadStrictly(t *testing.T) {
	if until, ok := ParseRetryAfter("120", start); !ok || !until.Equal(start.Add(2*time.Minute)) {
		t.Errorf("120: %v, %v", until, ok)
	}
	for _, value := range []string{"-5", "0x10", "5abc", "", "\xff"} {
		if until, ok := ParseRetryAfter(value, start); ok {
			t.Errorf("%q: %v", value, until)
		}
	}
}

func BenchmarkAcquireSettle(b *testing.B) {
	p, err := FromJSON([]byte(`{"name": "p", "circuit": {"consecutive_failures": 5},
		"limits": [{"name": "c", "capacity": 1000000, "refill_tokens": 1000000, "refill_interval_ms": 1000}],
		"bulkhead": {"max_concurrent": 10}}`), WithClock(func() time.Time { return start }))
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	now := start
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Microsecond)
		m := p.At(now)
		permit, err := m.TryAcquire()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := m.Settle(permit, Success); err != nil {
			b.Fatal(err)
		}
	}
}

// Two policies on two processors would else take a cache line from each other all the time.
func TestStatesShareNoCacheLine(t *testing.T) {
	for _, json := range []string{`{"name": "p", "block": {}}`, oneSlot, rules, wholeGate} {
		for range 10 {
			c := newPolicyAt(t, json).backend.(*cell)
			if uintptr(unsafe.Pointer(&c.state[0]))%cacheLine != 0 || cap(c.state)*8%cacheLine != 0 {
				t.Errorf("a state of %d bytes at %p", len(c.state)*8, &c.state[0])
			}
			if uintptr(unsafe.Pointer(c))%cacheLine != 0 {
				t.Errorf("a lock at %p", c)
			}
		}
	}
}
