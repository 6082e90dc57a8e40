package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
	"github.com/stanchion/stanchion/bindings-c/go/stanchiontest"
)

// What the daemon of old did wrong, by its own settings (policy.json) and in a time that the test moves.

// subject is a daemon, and a server that answers as the test says.
type subject struct {
	*testing.T
	*daemon
	clock    *stanchiontest.Clock
	status   atomic.Int32
	requests atomic.Int32
}

func subjectOf(t *testing.T) *subject {
	t.Helper()
	s := &subject{T: t, clock: stanchiontest.NewClock(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.requests.Add(1)
		w.WriteHeader(int(s.status.Load()))
	}))
	t.Cleanup(server.Close)
	d, err := openDaemon(t.TempDir(), defaultPolicy, server.URL, stanchion.WithClock(s.clock.Now))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.close)
	s.daemon = d
	return s
}

// post hands a message in as a client does.
func (s *subject) post(id string) int {
	request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}"))
	request.Header.Set("Idempotency-Key", id)
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, request)
	return answer.Code
}

func (s *subject) saw(requests int, items uint64) {
	s.Helper()
	report, err := s.spool.Report()
	if err != nil || int(s.requests.Load()) != requests || report.Items != items {
		s.Fatalf("%d requests instead of %d, %+v, %v", s.requests.Load(), requests, report, err)
	}
}

// Theirs: up to an hour more, as a ticker had it, and then all was gone from the disk, whether it was sent or not.
func TestTheOpenTimeIsAnHourAndADrainInVainLosesNothing(t *testing.T) {
	s := subjectOf(t)
	s.status.Store(http.StatusInternalServerError)
	for range 10 {
		if code := s.post("lost"); code != http.StatusBadGateway {
			t.Fatal(code)
		}
	}
	for _, id := range []string{"a", "b", "c"} {
		if code := s.post(id); code != http.StatusAccepted {
			t.Fatal(code)
		}
	}
	s.saw(10, 3)
	s.clock.Advance(time.Hour - time.Microsecond)
	var held *stanchion.RejectedError
	if _, err := s.spool.Drain(s.Context(), s.sendKept); !errors.As(err, &held) || held.RetryAfter != time.Microsecond {
		t.Fatal(err)
	}
	s.saw(10, 3)
	s.clock.Advance(time.Microsecond)
	if delivered, _ := s.spool.Drain(s.Context(), s.sendKept); delivered != 0 {
		t.Fatal(delivered)
	}
	s.saw(11, 3)
	s.status.Store(http.StatusOK)
	s.clock.Advance(time.Hour)
	if _, err := s.spool.Drain(s.Context(), s.sendKept); err != nil {
		t.Fatal(err)
	}
	s.clock.Advance(time.Minute) // they are paced
	if _, err := s.spool.Drain(s.Context(), s.sendKept); err != nil {
		t.Fatal(err)
	}
	s.saw(14, 0)
	if code := s.post("d"); code != http.StatusAccepted {
		t.Fatal(code)
	}
	s.saw(15, 0)
}

// Theirs: what the server would never take was sent for ever, and those behind it with it.
func TestWhatTheServerNeverTakesIsKeptApart(t *testing.T) {
	s := subjectOf(t)
	for _, id := range []string{"bad", "good"} {
		if _, err := s.spool.Append(context.Background(), id, nil); err != nil {
			t.Fatal(err)
		}
	}
	s.status.Store(http.StatusUnprocessableEntity)
	_, err := s.spool.Drain(s.Context(), func(ctx context.Context, item *stanchion.Delivery) error {
		err := s.sendKept(ctx, item)
		s.status.Store(http.StatusOK)
		return err
	})
	dead, problem := s.spool.DeadLetters()
	if err != nil || problem != nil || len(dead) != 1 || dead[0].ID != "bad" || dead[0].Why != "refused" {
		t.Fatalf("%+v, %v, %v", dead, err, problem)
	}
	s.saw(2, 0)
}
