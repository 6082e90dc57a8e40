//go:build cgo

package stanchion

import (
	"context"
	"errors"
	"testing"
	"time"
)

const paid = `{"name": "llm", "circuit": {"consecutive_failures": 1}, "block": {}, "limits": [{"name": "tokens", "capacity": 1000,
	"refill_tokens": 1000, "refill_interval_ms": 3600000, "charge": "cost", "max_debt": 1000}], "bulkhead": {"max_concurrent": 1}}`

type reply struct {
	isRefused bool
	used      uint32
}

func TestAVerdictSeesTheResult(t *testing.T) {
	p := newPolicyAt(t, paid)
	judge := func(said reply, err error, usual Outcome) Verdict {
		if usual != Success || err != nil {
			t.Errorf("usually %v, %v", usual, err)
		}
		verdict := Verdict{ActualCost: &said.used}
		if said.isRefused {
			verdict.Outcome, verdict.BlockUntil = Failure, start.Add(time.Minute)
		}
		return verdict
	}
	call := func(said reply) {
		got, err := Execute(context.Background(), p, func(context.Context) (reply, error) { return said, nil }, judge, Cost(800))
		if got != said || err != nil {
			t.Errorf("returned %+v, %v", got, err)
		}
	}
	call(reply{used: 300})
	e, err := p.Explain()
	if err != nil || e.Limits[0].Tokens != 700 || !e.Admits {
		t.Fatalf("after 300 of 1,000: %+v, %v", e, err)
	}
	if err := p.Peek(Cost(700)); err != nil {
		t.Error(err)
	}
	p = newPolicyAt(t, paid)
	call(reply{isRefused: true, used: 800})
	if e, err = p.Explain(); err != nil || e.Circuit.Phase != PhaseOpen || !e.BlockUntil.Equal(start.Add(time.Minute)) {
		t.Errorf("refused: %+v, %v", e, err)
	}
}

// Else its slot would be held until the lease ends, and a failure not be counted.
func TestAVerdictThatIsNoneSettlesAsUsual(t *testing.T) {
	var told error
	p := newPolicyAt(t, paid, WithEvents(func(event Event) {
		if event.Name == EventNotSettled {
			told = event.Err
		}
	}))
	failed := errors.New("refused")
	_, err := Execute(context.Background(), p, func(context.Context) (int, error) { return 0, failed },
		func(int, error, Outcome) Verdict { return Verdict{Outcome: 9} })
	if err != failed || !isCode(told, "out_of_range") {
		t.Errorf("%v, told of %v", err, told)
	}
	if e, err := p.Explain(); err != nil || e.Circuit.Phase != PhaseOpen || e.Bulkhead.InFlight != 0 {
		t.Errorf("%+v, %v", e, err)
	}
}
