package main

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// What users of such listeners suffered, by our own settings (policy.json) and in state time: no test waits.
var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// patient is the policy, at an instant that the test moves.
type patient struct {
	*testing.T
	policy *stanchion.Policy
	now    time.Time
	taken  map[string]int
}

func patientOf(t *testing.T) *patient {
	t.Helper()
	policy, err := stanchion.FromJSON(defaultPolicy)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(policy.Close)
	return &patient{t, policy, start, map[string]int{}}
}

// fail has every step fail by the same fault until it is given up, or until the end; it is why it was given up.
func (p *patient) fail(fault stanchion.Fault, end time.Time) (gaveUp string) {
	p.Helper()
	for p.now.Before(end) {
		r, err := p.policy.At(p.now).Recover(fault, time.Time{})
		switch {
		case err != nil:
			p.Fatal(err)
		case r.GaveUp != "":
			return r.GaveUp
		case r.Step == "":
			p.now = r.Again
		default:
			p.taken[r.Step]++
			if _, err := p.policy.At(p.now).Recovered(r.Lease, stanchion.Failure); err != nil {
				p.Fatal(err)
			}
		}
	}
	return ""
}

// Theirs: for two weeks, as fast as it was restarted, behind a green readiness probe.
func TestASessionThatCannotBeMadeIsGivenUp(t *testing.T) {
	for fault, steps := range map[stanchion.Fault]int{stanchion.FaultSessionLost: 5, stanchion.FaultConflict: 4 + 5} {
		t.Run(string(fault), func(t *testing.T) {
			p := patientOf(t)
			gaveUp := p.fail(fault, start.Add(14*24*time.Hour))
			taken := p.taken["release"] + p.taken["recreate"]
			if gaveUp != "exhausted" || taken != steps || p.now.Sub(start) > 2*time.Minute {
				t.Errorf("%q after %d steps and %s", gaveUp, taken, p.now.Sub(start))
			}
			health, err := p.policy.At(p.now).Health()
			if err != nil || health.Live || health.Ready {
				t.Errorf("%+v, %v", health, err)
			}
		})
	}
}

// Theirs: the first one ended it.
func TestAServerThatIsDownForADayIsWaitedFor(t *testing.T) {
	p := patientOf(t)
	if gaveUp := p.fail(stanchion.FaultTransient, start.Add(24*time.Hour)); gaveUp != "" {
		t.Fatal(gaveUp, p.taken)
	}
	most := 10 + 24*int(time.Hour/(4*time.Minute)) // 5 min, less a fifth
	if pings := p.taken["reconnect"]; len(p.taken) != 1 || pings < 24*12 || pings > most {
		t.Error(p.taken)
	}
	if health, err := p.policy.At(p.now).Health(); err != nil || !health.Live || health.Ready {
		t.Errorf("%+v, %v", health, err)
	}
}

// Theirs: there was none. A call is not made again when an attempt would begin later than this.
func TestAllAttemptsOfACallHaveOneDeadline(t *testing.T) {
	p := patientOf(t)
	failed := stanchion.Failed{Began: start, IsIdempotent: true}
	for after, want := range map[time.Duration]stanchion.GiveUp{35 * time.Second: 0, time.Minute: stanchion.GiveUpDeadline} {
		retried, err := p.policy.At(start.Add(after)).Retry(failed)
		if err != nil || retried.GaveUp != want {
			t.Errorf("%s: %+v, %v", after, retried, err)
		}
	}
}

// Theirs: it was retried, and made twice.
func TestWhatIsNotIdempotentIsNotMadeAgain(t *testing.T) {
	retried, err := patientOf(t).policy.At(start).Retry(stanchion.Failed{Began: start})
	if err != nil || retried.GaveUp != stanchion.GiveUpNotIdempotent {
		t.Errorf("%+v, %v", retried, err)
	}
}

// So that the run tries what one would copy: its policy has the same ladder.
func TestThePolicyOfTheRunIsAlike(t *testing.T) {
	var ours, run stanchion.Config
	if err := errors.Join(json.Unmarshal(defaultPolicy, &ours), json.Unmarshal(runPolicy, &run)); err != nil {
		t.Fatal(err)
	}
	for i, step := range ours.Recovery.Steps {
		// Faults come faster in the run, so that it has the same number of attempts and no window.
		if other := run.Recovery.Steps[i]; other.Name != step.Name || *other.MaxAttempts != *step.MaxAttempts {
			t.Errorf("%s, %s", step.Name, other.Name)
		}
	}
	if *ours.Recovery.Conflict != *run.Recovery.Conflict || *ours.Recovery.SessionLost != *run.Recovery.SessionLost ||
		*ours.Recovery.Unauthenticated != *run.Recovery.Unauthenticated || *ours.Retry.MaxAttempts != *run.Retry.MaxAttempts {
		t.Error("policy.json and run.json differ by more than sizes")
	}
}
