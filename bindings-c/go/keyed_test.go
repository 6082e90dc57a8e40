//go:build cgo

package stanchion

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stanchion/stanchion/bindings-c/go/stanchiontest"
)

const perKey = `{"name": "p", "circuit": {"consecutive_failures": 1, "open_ms": 5000, "forget_ms": 60000},
	"bulkhead": {"max_concurrent": 1}, "call_timeout_ms": 1000}`

func newKeyed(t *testing.T, most int, opts ...Option) (*Keyed, *stanchiontest.Clock) {
	t.Helper()
	clock := stanchiontest.NewClock(start)
	rules, err := FromJSON([]byte(perKey), append(opts, WithClock(clock.Now))...)
	if err != nil {
		t.Fatal(err)
	}
	k := NewKeyed(rules, most)
	t.Cleanup(k.Close)
	return k, clock
}

func TestEachKeyHasAStateOfItsOwn(t *testing.T) {
	var told []string
	k, _ := newKeyed(t, 10, WithEvents(func(event Event) { told = append(told, event.Name) }))
	fails := func(context.Context) error { return errUpstream }
	if err := k.Do(context.Background(), "ann", fails); err != errUpstream {
		t.Fatal(err)
	}
	var rejected *RejectedError
	if err := k.Do(context.Background(), "ann", fails); !errors.As(err, &rejected) || rejected.By.Gate != "circuit" {
		t.Errorf("%v", err)
	}
	if err := k.Do(context.Background(), "bob", func(context.Context) error { return nil }); err != nil {
		t.Error(err)
	}
	if fmt.Sprint(told) != "[admitted opened settled rejected admitted settled]" {
		t.Errorf("told %v", told)
	}
}

func TestAKeyIsForgottenOnlyWhenItSaysNothing(t *testing.T) {
	k, clock := newKeyed(t, 2)
	use := func(key string) error {
		policy, release, err := k.Policy(key)
		if err != nil {
			return err
		}
		defer release()
		_, err = policy.TryAcquire()
		return err
	}
	if err := errors.Join(use("ann"), use("bob")); err != nil {
		t.Fatal(err)
	}
	if err := use("cem"); !errors.Is(err, ErrTooManyKeys) {
		t.Errorf("both still hold slots: %v", err)
	}
	_, release, err := k.Policy("ann")
	if err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Hour)
	if err := use("cem"); err != nil || k.Len() != 2 {
		t.Errorf("in an hour there is nothing to remember: %v, %d keys", err, k.Len())
	}
	if _, isThere := k.entries["ann"]; !isThere {
		t.Error("a key in use was forgotten")
	}
	release()
	release() // once more does nothing
	if users := k.entries["ann"].Value.(*entry).users; users != 0 {
		t.Errorf("%d users", users)
	}
}

// The fault of S1: pruning idle keys removed open circuits.
func TestAnOpenCircuitIsNeverForgotten(t *testing.T) {
	k, clock := newKeyed(t, 2)
	if err := k.Do(context.Background(), "ann", func(context.Context) error { return errUpstream }); err != errUpstream {
		t.Fatal(err)
	}
	for n := range 100 {
		if err := k.Do(context.Background(), fmt.Sprint("user ", n), func(context.Context) error { return nil }); err != nil {
			t.Fatal(err)
		}
		clock.Advance(10 * time.Millisecond)
	}
	if err := k.Do(context.Background(), "ann", nil); !errors.Is(err, ErrRejected) {
		t.Errorf("the circuit was forgotten: %v", err)
	}
}

func TestClosedKeysAreClosed(t *testing.T) {
	k, _ := newKeyed(t, 2)
	policy, release, err := k.Policy("ann")
	if err != nil {
		t.Fatal(err)
	}
	release()
	k.Close()
	if _, err := policy.TryAcquire(); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	if _, _, err := k.Policy("bob"); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	stored := newPolicyAt(t, perKey, WithStore(openFile(t), "k"))
	if _, _, err := NewKeyed(stored, 1).Policy("ann"); !errors.Is(err, errShared) {
		t.Errorf("%v", err)
	}
}
