//go:build cgo

package stanchion

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func openFile(t *testing.T, opts ...FileOption) *Store {
	t.Helper()
	s, err := OpenFile(filepath.Join(t.TempDir(), "state", "file"), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestPoliciesShareAKey(t *testing.T) {
	s := openFile(t)
	one, two := newPolicyAt(t, rules, WithStore(s, "k")), newPolicyAt(t, rules, WithStore(s, "k"))
	if bytes, err := one.Snapshot(); err != nil || bytes != nil {
		t.Errorf("a key that is not there yet: %v, %v", bytes, err)
	}
	var permits []*Permit
	for i, p := range []*Policy{one, two} {
		permit, err := p.TryAcquire()
		if err != nil || permit.Report.Sequence != uint64(i+1) || permit.Report.Degraded != nil {
			t.Fatalf("acquire %d: %+v, %v", i, permit, err)
		}
		permits = append(permits, permit)
	}
	var rejected *RejectedError
	if err := one.Peek(); !errors.As(err, &rejected) || rejected.By.Gate != "bulkhead" {
		t.Errorf("both slots are taken: %v", err)
	}
	// Each settles what the other acquired.
	if answer, err := one.Settle(permits[1], Failure); err != nil || answer.Result != Counted || answer.Report.Sequence != 3 {
		t.Errorf("settled: %+v, %v", answer, err)
	}
	if answer, err := two.Cancel(permits[0]); err != nil || answer.Result != Counted {
		t.Errorf("cancelled: %+v, %v", answer, err)
	}
	if text, err := two.ExplainJSON(); err != nil || len(text) == 0 {
		t.Errorf("explained: %s, %v", text, err)
	}
	if answer, err := two.Command(`{"trip":{}}`); err != nil || answer.Result != Done {
		t.Errorf("tripped: %+v, %v", answer, err)
	}
	bytes, err := one.Snapshot()
	if err != nil || len(bytes) == 0 {
		t.Fatal(bytes, err)
	}
	if err := two.Restore(bytes); err != nil {
		t.Errorf("restored: %v", err)
	}
}

func TestTransactDecidesElsewhere(t *testing.T) {
	s := openFile(t)
	broken := errors.New("broken")
	for i, step := range []struct {
		found string
		write *Write
		err   error
		want  uint64
	}{
		{"", nil, nil, 0},
		{"", &Write{Bytes: []byte("abc")}, nil, 1},
		{"abc", &Write{Bytes: []byte("lost")}, broken, 0},
		{"abc", nil, nil, 1},
		{"abc", &Write{Bytes: []byte("de"), VacuousAt: start}, nil, 2},
	} {
		sequence, err := s.Transact("k", func(bytes []byte) (*Write, error) {
			if string(bytes) != step.found || (bytes == nil) != (step.found == "") {
				t.Errorf("step %d: found %q", i, bytes)
			}
			return step.write, step.err
		})
		if sequence != step.want || !errors.Is(err, step.err) {
			t.Errorf("step %d: %d, %v", i, sequence, err)
		}
	}
}

// A panic of the caller's function lets the lock go.
func TestTransactUnlocksAfterAPanic(t *testing.T) {
	s := openFile(t, LockWait(0))
	func() {
		defer func() { _ = recover() }()
		_, _ = s.Transact("k", func([]byte) (*Write, error) { panic("the caller's") })
	}()
	if _, err := s.Transact("k", func([]byte) (*Write, error) { return nil, nil }); err != nil {
		t.Error(err)
	}
}

func TestBusyFileIsToldAsThePolicySays(t *testing.T) {
	s := openFile(t, LockWait(5*time.Millisecond))
	p := newPolicyAt(t, rules, WithStore(s, "k"))
	other, err := OpenFile(s.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_, err = other.Transact("k", func([]byte) (*Write, error) {
		_, err := p.TryAcquire()
		var unavailable *UnavailableError
		var store *StoreError
		if !errors.As(err, &unavailable) || !errors.Is(err, ErrDegraded) || !errors.As(err, &store) {
			t.Errorf("got %#v", err)
		} else if store.Code != "busy" || store.Path != s.Path() || unavailable.Report.Waited < 5*time.Millisecond {
			t.Errorf("code %s, path %s, waited %s", store.Code, store.Path, unavailable.Report.Waited)
		}
		if _, err := p.Command(`{"trip":{}}`); !errors.As(err, &store) || store.Code != "busy" {
			t.Errorf("a command: %v", err)
		}
		return nil, nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestPermitThatTheFileDidNotTakeIsSettledLater(t *testing.T) {
	s := openFile(t, LockWait(time.Millisecond))
	p := newPolicyAt(t, rules, WithStore(s, "k"))
	ended, err := p.TryAcquire()
	if err != nil {
		t.Fatal(err)
	}
	begun, err := p.TryAcquire()
	if err != nil {
		t.Fatal(err)
	}
	other, err := OpenFile(s.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_, err = other.Transact("k", func([]byte) (*Write, error) {
		var store *StoreError
		if _, err := p.Settle(ended, Failure); !errors.As(err, &store) || store.Code != "busy" {
			t.Errorf("a settle while another holds the file: %v", err)
		}
		if _, err := p.Cancel(begun); !errors.As(err, &store) || store.Code != "busy" {
			t.Errorf("a cancel while another holds the file: %v", err)
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := p.Settle(ended, Failure); err != nil || answer.Result != Counted {
		t.Errorf("settled later: %v, %v", answer.Result, err)
	}
	if answer, err := p.Cancel(begun); err != nil || answer.Result != Counted {
		t.Errorf("cancelled later: %v, %v", answer.Result, err)
	}
	if _, err := p.Settle(ended, Failure); !errors.Is(err, ErrPermitUsed) {
		t.Errorf("settled twice: %v", err)
	}
}

func TestUnusableFileIsToldWithItsPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	var store *StoreError
	if _, err := OpenFile(path, MustExist()); !errors.As(err, &store) || store.Code != "missing" || store.Path != path {
		t.Errorf("got %#v", err)
	}
	s := openFile(t)
	if _, err := FromJSON([]byte(rules), WithStore(s, "")); !errors.As(err, &store) || store.Code != "key" {
		t.Errorf("an empty key: %#v", err)
	}
	s.Close()
	if _, err := FromJSON([]byte(rules), WithStore(s, "k")); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed store: %v", err)
	}
}

// While another holds the file's lock, a call waits no longer than its context, and leaves nothing behind when the lock comes.
func TestAContextEndsTheWaitForTheLock(t *testing.T) {
	s := openFile(t, LockWait(time.Minute))
	p := newPolicyAt(t, rules, WithStore(s, "k"))
	held, entered := make(chan struct{}), make(chan struct{})
	holder := make(chan error)
	go func() {
		_, err := s.Transact("another", func([]byte) (*Write, error) {
			close(entered)
			<-held
			return nil, nil
		})
		holder <- err
	}()
	<-entered
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	err := p.Do(ctx, func(context.Context) error { return errors.New("called without the lock") })
	var gaveUp *WaitError
	if !errors.As(err, &gaveUp) || gaveUp.Rejected != nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the context ended first: %v", err)
	}
	if said := err.Error(); !strings.Contains(said, "held up by the state file's lock until the context ended") {
		t.Errorf("it says %q", said)
	}
	later, wait := make(chan error), context.WithoutCancel(ctx)
	go func() { later <- p.Do(wait, func(context.Context) error { return nil }) }()
	close(held)
	if err := errors.Join(<-holder, <-later); err != nil {
		t.Fatal(err)
	}
	for { // who left is admitted and gives it back by itself; a leak ends in the test's time limit
		if now, err := p.Explain(); err != nil || now.Bulkhead.InFlight == 0 {
			return
		}
		runtime.Gosched()
	}
}
