//go:build cgo

package stanchion

import (
	"errors"
	"testing"
	"time"

	"github.com/stanchion/stanchion/bindings-c/go/stanchiontest"
)

const budgeted = `{"name": "p", "retry": {"jitter": "full", "base_delay_ms": 100,
	"budget": {"capacity": 1, "percent": 0, "refill_tokens": 1, "refill_interval_ms": 1000}}}`

func TestBudgetIsShared(t *testing.T) {
	clock := stanchiontest.NewClock(start)
	half := WithRandom(func() uint32 { return 1 << 31 })
	store := openFile(t)
	failed := Failed{Attempt: 1, Began: start, Retry: RetryAlways}
	for name, opts := range map[string][]Option{"in this process": nil, "in a file": {WithStore(store, "k")}} {
		first := newPolicyAt(t, budgeted, append(opts, WithClock(clock.Now), half)...)
		second := first
		if opts != nil {
			second = newPolicyAt(t, budgeted, append(opts, WithClock(clock.Now), half)...)
		}
		retried, err := first.Retry(failed)
		if err != nil || !retried.Again.Equal(clock.Now().Add(50*time.Millisecond)) || !retried.Report.Changed {
			t.Errorf("%s: %+v, %v", name, retried, err)
		}
		retried, err = second.Retry(failed)
		if err != nil || retried.GaveUp != GiveUpBudget || !retried.Again.IsZero() || retried.GaveUp.String() != "budget" {
			t.Errorf("%s: %+v, %v", name, retried, err)
		}
		if retried, err = second.At(start.Add(time.Second)).Retry(failed); err != nil || retried.Again.IsZero() {
			t.Errorf("%s: the budget is refilled: %+v, %v", name, retried, err)
		}
	}
}

func TestBadFailuresAreRefused(t *testing.T) {
	p := newPolicyAt(t, budgeted)
	late := -time.Second
	for name, failed := range map[string]Failed{
		"attempt":        {Attempt: -1, Began: start},
		"began":          {Attempt: 1},
		"retry":          {Attempt: 1, Began: start, Retry: "sometimes"},
		"previous delay": {Attempt: 1, Began: start, PreviousDelay: &late},
		"circuit wait":   {Attempt: 1, Began: start, MaxCircuitWait: &late},
	} {
		var refused *EngineError
		if _, err := p.Retry(failed); !errors.As(err, &refused) || refused.Code != "out_of_range" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := p.Retry(Failed{Began: start}, WaitFor(1)); err == nil {
		t.Error("a question does not wait")
	}
}

func TestApplyIsTheEnginesJSON(t *testing.T) {
	p := newPolicyAt(t, budgeted)
	applied, err := p.Apply(`{"health": {}}`)
	if err != nil || string(applied.Answer) != `{"live":true,"ready":true,"degraded":false,"reasons":[]}` {
		t.Errorf("%s, %v", applied.Answer, err)
	}
	var input *InputError
	if _, err := p.Apply(`{"wealth": {}}`); !errors.As(err, &input) || input.Field != "wealth" {
		t.Errorf("%v", err)
	}
	stored := newPolicyAt(t, budgeted, WithStore(openFile(t), "k"))
	applied, err = stored.Apply(`{"retry": {"attempt": 1, "began_at_us": 1, "retry": "always"}}`)
	if err != nil || !applied.Report.Changed || applied.Report.Sequence != 1 {
		t.Errorf("%+v, %v", applied, err)
	}
}
