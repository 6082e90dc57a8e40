//go:build cgo

package stanchion

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
)

// heard gathers the names of events, with what else they say.
type heard struct {
	mu    sync.Mutex
	names []string
}

func (h *heard) hear(event Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	name := event.Policy + " " + event.Name
	if event.Rejected != nil {
		name += " by " + event.Rejected.By.String()
	}
	if event.Outcome != 0 {
		name += " " + event.Outcome.String()
	}
	if event.Err != nil {
		name += ": " + event.Err.Error()
	}
	h.names = append(h.names, name)
}

func (h *heard) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	names := h.names
	h.names = nil
	return names
}

func TestEventsAreTold(t *testing.T) {
	var h heard
	p := newPolicyAt(t, `{"name": "p", "circuit": {"consecutive_failures": 1}, "block": {}}`, WithEvents(h.hear))
	steps := []struct {
		name string
		step func() error
		want []string
	}{
		{"a success", func() error {
			return p.Do(context.Background(), func(context.Context) error { return nil })
		}, []string{"p admitted", "p settled success"}},
		{"a block", func() error { _, err := p.Command(`{"block":{"for_ms":1000}}`); return err }, []string{"p blocked"}},
		{"a refusal", func() error { _, err := p.TryAcquire(); return err }, []string{"p rejected by block"}},
		{"a look", func() error { return p.Peek() }, nil},
		{"no block", func() error { _, err := p.Command(`{"unblock":{}}`); return err }, []string{"p unblocked"}},
		{"a failure", func() error {
			return p.Do(context.Background(), func(context.Context) error { return errUpstream })
		}, []string{"p admitted", "p opened", "p settled failure"}},
	}
	for _, s := range steps {
		err := s.step()
		if err != nil && !errors.Is(err, errUpstream) && !errors.Is(err, ErrRejected) {
			t.Errorf("%s: %v", s.name, err)
		}
		if got := h.take(); !slices.Equal(got, s.want) {
			t.Errorf("%s: told %q, want %q", s.name, got, s.want)
		}
	}
}

func TestShadowIsTold(t *testing.T) {
	var h heard
	p := newPolicyAt(t, `{"name": "p", "mode": "shadow", "bulkhead": {"max_concurrent": 1}}`, WithEvents(h.hear))
	take(p)
	take(p)
	if got := h.take(); !slices.Equal(got, []string{"p admitted", "p admitted", "p would_reject by bulkhead"}) {
		t.Errorf("told %q", got)
	}
}

// A call whose policy was closed meanwhile returns what it returned, and the listener learns of the rest.
func TestWhatCouldNotBeSettledIsTold(t *testing.T) {
	var h heard
	p := newPolicyAt(t, oneSlot, WithEvents(h.hear))
	if err := p.Do(context.Background(), func(context.Context) error { p.Close(); return nil }); err != nil {
		t.Error(err)
	}
	if got := h.take(); !slices.Equal(got, []string{"p admitted", "p not_settled: stanchion: closed"}) {
		t.Errorf("told %q", got)
	}
}

// No listener loses a slot.
func TestAListenerThatPanicsLosesNothing(t *testing.T) {
	for _, at := range []string{EventAdmitted, EventSettled} {
		p := newPolicyAt(t, `{"name": "p", "bulkhead": {"max_concurrent": 1}}`, WithEvents(func(event Event) {
			if event.Name == at {
				panic(at)
			}
		}))
		func() {
			defer func() {
				if value := recover(); value != at {
					t.Errorf("recovered %v", value)
				}
			}()
			_ = p.Do(context.Background(), func(context.Context) error { return nil })
		}()
		if err := p.Peek(); err != nil {
			t.Errorf("a panic at %s: %v", at, err)
		}
	}
}

func TestEventsAreLogged(t *testing.T) {
	var out bytes.Buffer
	level := new(slog.LevelVar)
	handler := slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level, ReplaceAttr: withoutTime})
	p := newPolicyAt(t, `{"name": "p", "circuit": {"consecutive_failures": 1, "open_ms": 1000}}`, WithLogger(slog.New(handler)))
	for range 2 {
		_ = p.Do(context.Background(), func(context.Context) error { return errUpstream })
		level.Set(slog.LevelDebug)
	}
	if _, err := p.Command(`{"reset":{}}`); err != nil {
		t.Fatal(err)
	}
	// What the first call did was not for a log of information.
	want := `level=WARN msg=opened policy=p
level=DEBUG msg=rejected policy=p by=circuit retry_after=1s
level=INFO msg=reset policy=p
`
	if out.String() != want {
		t.Errorf("logged\n%s", out.String())
	}
}

func withoutTime(_ []string, attribute slog.Attr) slog.Attr {
	if attribute.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return attribute
}

// A snapshot goes through what takes binary marshalers, and so does a policy's state.
func TestSnapshotsAreMarshalled(t *testing.T) {
	p := newPolicyAt(t, oneSlot)
	take(p)
	snapshot, err := p.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var wire bytes.Buffer
	if err := gob.NewEncoder(&wire).Encode(struct{ State Snapshot }{snapshot}); err != nil {
		t.Fatal(err)
	}
	var read struct{ State Snapshot }
	if err := gob.NewDecoder(&wire).Decode(&read); err != nil || !bytes.Equal(read.State, snapshot) {
		t.Fatalf("read %x, %v", read.State, err)
	}
	other := newPolicyAt(t, oneSlot)
	if err := other.UnmarshalBinary(read.State); err != nil {
		t.Fatal(err)
	}
	again, err := other.MarshalBinary()
	if err != nil || !bytes.Equal(again, snapshot) || !errors.Is(other.Peek(), ErrRejected) {
		t.Errorf("the other's state: %x, %v", again, err)
	}
	var state *StateError
	if err := other.UnmarshalBinary([]byte("no state")); !errors.As(err, &state) {
		t.Errorf("no state: %v", err)
	}
}

func TestTheEnginesEventsAreTheConstants(t *testing.T) {
	constants := []string{EventOpened, EventHalfOpened, EventClosed, EventExtended, EventBlocked, EventUnblocked, EventModeChanged,
		EventReset, EventClockStepped, EventAdopted, EventLimitDropped}
	for i, constant := range constants {
		if name := eventName(byte(i + 1)); name != constant {
			t.Errorf("event %d is %q in the engine, %q here", i+1, name, constant)
		}
	}
	if more := eventName(byte(len(constants) + 1)); more != "" {
		t.Errorf("no constant for %q", more)
	}
}
