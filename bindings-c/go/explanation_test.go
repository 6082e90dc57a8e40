//go:build cgo

package stanchion

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

const explainable = `{"name": "api", "circuit": {"consecutive_failures": 5, "failures_in_window": {"count": 9, "window_ms": 60000},
	"failure_rate_percent": 50, "minimum_calls": 4, "window": {"calls": 20}, "open_ms": 1000}, "block": {}, "limits": [{"name": "calls",
	"capacity": 10, "refill_tokens": 10, "refill_interval_ms": 60000}], "bulkhead": {"max_concurrent": 4, "lease_ms": 60000}}`

func TestExplainHasAllThatTheEngineSays(t *testing.T) {
	p := newPolicyAt(t, explainable)
	if _, err := p.TryAcquire(Holder("worker-7")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Block(start.Add(2 * time.Second)); err != nil {
		t.Fatal(err)
	}
	e, err := p.Explain()
	if err != nil {
		t.Fatal(err)
	}
	strictly := json.NewDecoder(strings.NewReader(string(e.JSON)))
	strictly.DisallowUnknownFields()
	if err := strictly.Decode(new(explained)); err != nil {
		t.Errorf("the engine says more: %v", err)
	}
	calls := Gate{"limit", "calls"} // which a block empties: its first token comes 6 s after the end
	if e.Policy != "api" || !e.At.Equal(start) || !e.LastAt.Equal(start) || e.Admits || e.By != calls ||
		!reflect.DeepEqual(e.Gates, []Gate{{Gate: "block"}, calls}) || e.RetryAfter == nil || *e.RetryAfter != 8*time.Second || e.IsShadow ||
		!e.BlockUntil.Equal(start.Add(2*time.Second)) || e.CarriedLimits != 0 || !e.NextChange.After(start) || !e.Vacuous.After(start) {
		t.Errorf("got %+v", e)
	}
	c := e.Circuit
	if c.Phase != PhaseClosed || c.Mode != "" || !c.ModeUntil.IsZero() || !c.Since.Equal(start) || !c.Until.IsZero() ||
		c.Reason != "none" || c.Growth != 0 || *c.ConsecutiveFailures != (Count{0, 5}) || *c.FailuresInWindow != (Count{0, 9}) ||
		c.Rates.MinimumCalls != 4 || *c.Rates.FailureRateBP != 5000 || c.Rates.SlowCallRateBP != nil || c.Probes != nil {
		t.Errorf("got %+v", c)
	}
	if l := e.Limits[0]; l.Name != "calls" || l.Tokens != 0 || l.TokenThousandths != 0 || l.Capacity != 10 || !l.Full.After(start) {
		t.Errorf("got %+v", l)
	}
	b := e.Bulkhead
	if b.InFlight != 1 || b.MaxConcurrent != 4 || !b.FirstEnd.Equal(start.Add(time.Minute)) || len(b.Holders) != 1 {
		t.Errorf("got %+v", b)
	}
	for hash, slots := range b.Holders {
		if len(hash) != 16 || slots != 1 {
			t.Errorf("%q has %d slots", hash, slots)
		}
	}
}

func TestCommandsMoveTheCircuit(t *testing.T) {
	p := newPolicyAt(t, explainable)
	later := start.Add(time.Hour)
	for _, c := range []struct {
		name    string
		command func() (Answer, error)
		want    Result
		phase   Phase
	}{
		{"trip", p.Trip, Done, PhaseOpen},
		{"trip again", p.Trip, Unchanged, PhaseOpen},
		{"reset", p.Reset, Done, PhaseClosed},
		{"force open", func() (Answer, error) { return p.ForceOpen(time.Time{}) }, Done, PhaseForcedOpen},
		{"until an instant", func() (Answer, error) { return p.ForceOpen(later) }, Done, PhaseForcedOpen},
		{"disable", p.Disable, Done, PhaseDisabled},
		{"metrics only", p.MetricsOnly, Done, PhaseMetricsOnly},
		{"lift", p.LiftMode, Done, PhaseClosed},
		{"lift nothing", p.LiftMode, Unchanged, PhaseClosed},
		{"block", func() (Answer, error) { return p.Block(later) }, Done, PhaseClosed},
		{"unblock", p.Unblock, Done, PhaseClosed},
		{"no such holder", func() (Answer, error) { return p.ReleaseHolder("nobody \"here\"") }, Unchanged, PhaseClosed},
	} {
		answer, err := c.command()
		phase, problem := p.Phase()
		if answer.Result != c.want || phase != c.phase || err != nil || problem != nil {
			t.Errorf("%s: %v, %q, %v, %v", c.name, answer.Result, phase, err, problem)
		}
	}
	if _, err := p.ReleaseHolder("\xff"); !isCode(err, "not_utf8") {
		t.Errorf("got %v", err)
	}
	if _, err := p.ReleaseHolder(""); !errors.As(err, new(*InputError)) {
		t.Errorf("got %v", err)
	}
}

func TestSlotsOfAHolderComeBack(t *testing.T) {
	p := newPolicyAt(t, explainable)
	for range 4 {
		if _, err := p.Acquire(context.Background(), Holder("worker-7")); err != nil {
			t.Fatal(err)
		}
	}
	if answer, err := p.ReleaseHolder("worker-7"); answer.Result != Done || err != nil || p.Peek() != nil {
		t.Errorf("%v, %v, %v", answer.Result, err, p.Peek())
	}
}

func TestAPolicyWithoutACircuitHasNoPhase(t *testing.T) {
	p := newPolicyAt(t, `{"name": "p", "block": {}}`)
	if phase, err := p.Phase(); phase != "" || err != nil {
		t.Errorf("%q, %v", phase, err)
	}
}
