//go:build cgo

package stanchion

import (
	"errors"
	"testing"
	"time"
)

// Two policies on one key of a file are as one.
func TestProcessesTakeTurns(t *testing.T) {
	const both = `{"name": "p", "schedule": {"interval_ms": 3600000, "min_spacing_ms": 60000},
		"recovery": {"steps": [{"name": "restart"}]}}`
	store := openFile(t)
	first, second := newPolicyAt(t, both, WithStore(store, "k")), newPolicyAt(t, both, WithStore(store, "k"))

	turn, err := first.Turn(Manual, "")
	if err != nil || !turn.Runs || !turn.Report.Changed || turn.Report.Sequence == 0 {
		t.Fatalf("%+v, %v", turn, err)
	}
	turn, err = second.Turn(OnEvent, "")
	if err != nil || turn.Runs || turn.By != "spacing" || !turn.At.Equal(start.Add(time.Minute)) {
		t.Errorf("%+v, %v", turn, err)
	}
	if result, err := second.Ran(Success); err != nil || result != Done && result != Unchanged {
		t.Errorf("%v, %v", result, err)
	}

	step, err := first.Recover(FaultTransient, time.Time{})
	if err != nil || step.Step != "restart" || step.Attempt != 1 || !step.Until.Equal(start.Add(30*time.Second)) {
		t.Fatalf("%+v, %v", step, err)
	}
	held, err := second.Recover(FaultTransient, time.Time{})
	if err != nil || held.Why != "in_progress" || !held.Again.Equal(step.Until) || held.Step != "" {
		t.Errorf("%+v, %v", held, err)
	}
	if until, err := first.At(start.Add(time.Second)).RenewRecovery(step.Lease); err != nil || !until.Equal(start.Add(31*time.Second)) {
		t.Errorf("%v, %v", until, err)
	}
	if result, err := first.Recovered(step.Lease, Success); err != nil || result != Counted {
		t.Errorf("%v, %v", result, err)
	}
	if until, err := first.RenewRecovery(step.Lease); err != nil || !until.IsZero() {
		t.Errorf("a lease that was given back goes on until %v, %v", until, err)
	}
}

func TestWhatIsNoTurnIsTold(t *testing.T) {
	p := newPolicyAt(t, `{"name": "p"}`)
	var input *InputError
	if _, err := p.Turn("sometimes", ""); !errors.As(err, &input) || input.Field != "run.intent" {
		t.Errorf("%v", err)
	}
	if _, err := p.Recover("tired", time.Time{}); !errors.As(err, &input) || input.Field != "recover.class" {
		t.Errorf("%v", err)
	}
	if turn, err := p.Turn(Scheduled, ""); err != nil || turn.Runs || !turn.At.IsZero() {
		t.Errorf("without a schedule nothing runs by itself: %+v, %v", turn, err)
	}
	if r, err := p.Recover(FaultTransient, time.Time{}); err != nil || r.GaveUp != "no_recovery" {
		t.Errorf("%+v, %v", r, err)
	}
}
