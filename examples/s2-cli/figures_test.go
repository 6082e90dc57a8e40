package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// What the tool of old did wrong, and what it cost, by its own settings (policy.json) and in state time: no test waits.
var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// subject is the policy on a state file, at an instant that the test moves.
type subject struct {
	*testing.T
	store  *stanchion.Store
	policy *stanchion.Policy
	now    time.Time
}

func subjectOf(t *testing.T) *subject {
	t.Helper()
	store, err := stanchion.OpenFile(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	policy, err := stanchion.FromJSON(defaultPolicy, stanchion.WithStore(store, key))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(policy.Close)
	return &subject{t, store, policy, start}
}

func (s *subject) acquire(opts ...stanchion.AcquireOption) *stanchion.Permit {
	s.Helper()
	permit, err := s.policy.At(s.now).TryAcquire(opts...)
	if err != nil {
		s.Fatal(err)
	}
	return permit
}

// settle settles a call by what came back.
func (s *subject) settle(permit *stanchion.Permit, reply stanchion.Reply) stanchion.Answer {
	s.Helper()
	meaning, err := s.policy.At(s.now).Classify(reply)
	if err != nil {
		s.Fatal(err)
	}
	answer, err := s.policy.At(s.now).Settle(permit, meaning.Outcome)
	if err != nil || answer.Result != stanchion.Counted {
		s.Fatal(answer.Result, err)
	}
	return answer
}

func (s *subject) fail(count int, reply stanchion.Reply) {
	s.Helper()
	for range count {
		s.settle(s.acquire(), reply)
	}
}

func (s *subject) refusal(opts ...stanchion.AcquireOption) *stanchion.RejectedError {
	s.Helper()
	_, err := s.policy.At(s.now).TryAcquire(opts...)
	var rejected *stanchion.RejectedError
	if !errors.As(err, &rejected) {
		s.Fatal("not refused: ", err)
	}
	return rejected
}

func (s *subject) look() (state []byte) {
	s.Helper()
	_, err := s.store.Transact(key, func(found []byte) (*stanchion.Write, error) {
		state = bytes.Clone(found)
		return nil, nil
	})
	if err != nil {
		s.Fatal(err)
	}
	return state
}

var serverError = stanchion.Reply{Status: http.StatusInternalServerError}

// Theirs: 120 s, for the attempt was never given back.
func TestAProbeThatEndsWith404BlocksFor0(t *testing.T) {
	s := subjectOf(t)
	s.fail(5, serverError)
	s.now = s.now.Add(30 * time.Second)
	probe := s.acquire()
	if other := s.refusal(); other.By.Gate != "circuit" {
		t.Fatal("a second probe beside the first is refused by ", other.By)
	}
	s.settle(probe, stanchion.Reply{Status: http.StatusNotFound})
	s.settle(s.acquire(), stanchion.Reply{Status: http.StatusNotFound})
	s.acquire()
	s.acquire() // the circuit is closed: two at once
}

// Theirs: until the attempt was 2 min old, and then one operation later.
func TestAHungProbeBlocksForItsLease(t *testing.T) {
	s := subjectOf(t)
	s.fail(5, serverError)
	s.now = s.now.Add(30 * time.Second)
	s.acquire()
	s.now = s.now.Add(2*time.Minute - time.Microsecond)
	if held := s.refusal(); held.By.Gate != "circuit" || held.RetryAfter != time.Microsecond {
		t.Fatal(held)
	}
	s.now = s.now.Add(time.Microsecond)
	s.acquire()
}

// Theirs: 4 rewrites of the file and 5 locks.
func TestOneGatedCallIsTwoTransactions(t *testing.T) {
	s := subjectOf(t)
	s.settle(s.acquire(), stanchion.Reply{Status: http.StatusOK})
	permit := s.acquire()
	answer := s.settle(permit, stanchion.Reply{Status: http.StatusOK})
	if before := uint64(2); permit.Report.Sequence != before+1 || answer.Report.Sequence != before+2 {
		t.Fatalf("acquired by write %d, settled by write %d", permit.Report.Sequence, answer.Report.Sequence)
	}
}

// Theirs: the gates were taken one after the other, and what the first ones gave was lost.
func TestARefusalBurnsNoTokens(t *testing.T) {
	for gate, close := range map[string]func(*subject){
		"bulkhead": func(s *subject) {
			for range 10 {
				s.acquire()
			}
		},
		"circuit": func(s *subject) { s.fail(5, serverError) },
		"block":   func(s *subject) { _, _ = s.policy.At(s.now).Block(s.now.Add(time.Minute)) },
	} {
		t.Run(gate, func(t *testing.T) {
			s := subjectOf(t)
			s.settle(s.acquire(), stanchion.Reply{Status: http.StatusOK})
			close(s)
			before := s.look()
			for range 60 {
				if held := s.refusal(); held.By.Gate != gate {
					t.Fatal(held)
				}
			}
			if !bytes.Equal(before, s.look()) {
				t.Fatal("the state changed")
			}
		})
	}
}

// Theirs: one slot for each process, however many calls it made; and its refused call gave back the slot of another.
func TestASlotIsForACallAndNotForAProcess(t *testing.T) {
	s := subjectOf(t)
	mine := stanchion.Holder("s2:4711")
	first := s.acquire(mine)
	for range 9 {
		s.acquire(mine)
	}
	if held := s.refusal(mine); held.By.Gate != "bulkhead" {
		t.Fatal(held)
	}
	s.refusal()
	s.settle(first, stanchion.Reply{Status: http.StatusOK})
	s.acquire()
	s.refusal()
}

// Theirs: dead processes were swept, if nobody had their number by then.
func TestTheSlotOfAProcessThatDiedComesBackByItsLease(t *testing.T) {
	s := subjectOf(t)
	for range 10 {
		s.acquire(stanchion.Holder("s2:4711"))
	}
	s.now = s.now.Add(30*time.Second - time.Microsecond)
	if held := s.refusal(); held.By.Gate != "bulkhead" || held.RetryAfter != time.Microsecond {
		t.Fatal(held)
	}
	s.now = s.now.Add(time.Microsecond)
	s.acquire()
}

// Theirs: timeouts never counted, so a server that hung opened nothing.
func TestTimeoutsCount(t *testing.T) {
	s := subjectOf(t)
	s.fail(5, stanchion.Reply{Error: stanchion.NetworkTimeout})
	if held := s.refusal(); held.By.Gate != "circuit" || held.RetryAfter != 30*time.Second {
		t.Fatal(held)
	}
}

// Theirs: 3,595 s without tokens.
func TestAClockThatIsSetBackAnHourCostsNoHour(t *testing.T) {
	s := subjectOf(t)
	for range 50 {
		s.settle(s.acquire(), stanchion.Reply{Status: http.StatusOK})
	}
	s.now = s.now.Add(-time.Hour)
	oneToken, tolerance := 100*time.Millisecond, time.Second
	if held := s.refusal(); held.By.String() != "limit:requests" || held.RetryAfter > oneToken+tolerance {
		t.Fatal(held)
	}
}

// As theirs, and in the policy's table by default.
func TestWhatTheServerAsksFor(t *testing.T) {
	s := subjectOf(t)
	for _, want := range []struct {
		reply stanchion.Reply
		block time.Duration
	}{
		{stanchion.Reply{Status: http.StatusTooManyRequests, RetryAfter: "7"}, 7 * time.Second},
		{stanchion.Reply{Status: http.StatusTooManyRequests}, time.Minute},
		{stanchion.Reply{Status: http.StatusServiceUnavailable, RetryAfter: "7"}, 7 * time.Second},
		{stanchion.Reply{Status: http.StatusServiceUnavailable}, 0},
	} {
		meaning, err := s.policy.At(s.now).Classify(want.reply)
		if err != nil || meaning.BlockUntil.IsZero() != (want.block == 0) ||
			want.block != 0 && !meaning.BlockUntil.Equal(s.now.Add(want.block)) {
			t.Errorf("%+v: %v, %v", want.reply, meaning.BlockUntil, err)
		}
	}
	for _, block := range []time.Duration{time.Minute, time.Second} {
		if _, err := s.policy.At(s.now).Block(s.now.Add(block)); err != nil {
			t.Fatal(err)
		}
	}
	if held := s.refusal(); held.By.Gate != "block" || held.RetryAfter != time.Minute {
		t.Fatal("the later one wins: ", held)
	}
}

// Theirs: after 100 ms nobody minded the lock any more, and all were admitted.
func TestAHungHolderOfTheLockAdmitsNobody(t *testing.T) {
	s := subjectOf(t)
	other, err := stanchion.OpenFile(s.store.Path(), stanchion.LockWait(time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	policy, err := stanchion.FromJSON(defaultPolicy, stanchion.WithStore(other, key))
	if err != nil {
		t.Fatal(err)
	}
	defer policy.Close()
	_, err = s.store.Transact(key, func([]byte) (*stanchion.Write, error) {
		_, err := policy.TryAcquire()
		var unavailable *stanchion.UnavailableError
		if !errors.As(err, &unavailable) || unavailable.Report.Degraded.Code != "busy" {
			t.Error(err)
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Theirs: all were admitted without a word.
func TestADirectoryThatCannotBeUsedIsTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := newTool(options{state: filepath.Join(file, "state")})
	var store *stanchion.StoreError
	if !errors.As(err, &store) {
		t.Fatal(err)
	}
}

// So that the run tries what one would copy: its policy has the same gates.
func TestThePolicyOfTheRunIsAlike(t *testing.T) {
	var ours, run stanchion.Config
	if err := errors.Join(json.Unmarshal(defaultPolicy, &ours), json.Unmarshal(runPolicy, &run)); err != nil {
		t.Fatal(err)
	}
	if *ours.Circuit.HalfOpenCalls != *run.Circuit.HalfOpenCalls ||
		*ours.Circuit.ConsecutiveFailures != *run.Circuit.ConsecutiveFailures ||
		ours.Limits[0].Name != run.Limits[0].Name || ours.Limits[1].Name != run.Limits[1].Name {
		t.Fatal("policy.json and run.json differ by more than sizes")
	}
}
