//go:build cgo

package stanchion

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

// openSpool is a spool in a folder of its own; rules are those of its policy's spool.
func openSpool(t testing.TB, rules string, opts ...Option) *Spool {
	t.Helper()
	p, err := FromJSON([]byte(`{"name": "sync", "spool": `+rules+`}`), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return openSpoolOf(t, p)
}

func openSpoolOf(t testing.TB, p *Policy) *Spool {
	t.Helper()
	s, err := OpenSpool(filepath.Join(t.TempDir(), "spool"), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func mustAppend(t *testing.T, s *Spool, id, payload string) uint64 {
	t.Helper()
	appended, err := s.Append(context.Background(), id, []byte(payload))
	if err != nil || appended.IsDuplicate {
		t.Fatal(appended, err)
	}
	return appended.Seq
}

func mustLease(t *testing.T, s *Spool) *Delivery {
	t.Helper()
	offer, err := s.Lease(context.Background())
	if err != nil || offer.Delivery == nil {
		t.Fatal(offer, err)
	}
	return offer.Delivery
}

func mustReport(t *testing.T, s *Spool) SpoolReport {
	t.Helper()
	report, err := s.Report()
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// said fails the test where something else became of what was done.
func said(t *testing.T, want string) func(SpoolAnswer, error) SpoolAnswer {
	return func(answer SpoolAnswer, err error) SpoolAnswer {
		t.Helper()
		if err != nil || answer.Result != want {
			t.Fatalf("%v, %v instead of %v", answer.Result, err, want)
		}
		return answer
	}
}

func clockAt(at *time.Time) Option { return WithClock(func() time.Time { return *at }) }

func TestSpoolItemGoesItsWays(t *testing.T) {
	now := start
	s := openSpool(t, `{"base_delay_ms": 2000, "lease_ms": 9000}`, clockAt(&now))
	mustAppend(t, s, "order-7", "hello")
	if again, err := s.Append(context.Background(), "order-7", nil); err != nil || again != (Appended{1, true}) {
		t.Fatal(again, err)
	}
	d := mustLease(t, s)
	payload, err := d.Payload()
	if err != nil || string(payload) != "hello" || d.Size != 5 || d.ID != "order-7" || d.Attempt != 1 {
		t.Fatalf("%q of %+v, %v", payload, d, err)
	}
	if !d.Since.Equal(start) || !d.Until.Equal(start.Add(9*time.Second)) {
		t.Fatal(d.Since, d.Until)
	}
	if offer, err := s.Lease(context.Background()); err != nil || offer.By != "lease" || !offer.Again.Equal(d.Until) {
		t.Fatal(offer, err)
	}
	now = now.Add(time.Second)
	if answer := said(t, "renewed")(d.Renew()); !answer.At.Equal(now.Add(9 * time.Second)) {
		t.Fatal(answer)
	}
	if answer := said(t, "returned")(d.Settle(Failure, time.Time{})); !answer.At.Equal(now.Add(2 * time.Second)) {
		t.Fatal(answer)
	}
	if _, err := d.Payload(); !errors.Is(err, ErrClosed) {
		t.Fatal("read after it was settled: ", err)
	}
	said(t, "lease_lost")(d.Acknowledge())
	now = now.Add(2 * time.Second)
	second := mustLease(t, s)
	if answer := said(t, "returned")(second.Settle(Failure, now.Add(time.Minute))); second.Attempt != 2 || !answer.At.Equal(now.Add(time.Minute)) {
		t.Fatal(second.Attempt, answer)
	}
	now = now.Add(time.Minute)
	said(t, "acknowledged")(mustLease(t, s).Acknowledge())
	if report := mustReport(t, s); report.Items != 0 || report.Bytes != 0 || !report.Oldest.IsZero() {
		t.Fatalf("%+v", report)
	}
}

func TestDeadLettersAreAnOperatorsMatter(t *testing.T) {
	now := start
	s := openSpool(t, `{"max_attempts": 1}`, clockAt(&now))
	mustAppend(t, s, "", "refused")
	mustAppend(t, s, "tried", "once")
	said(t, "dead")(mustLease(t, s).Refuse())
	said(t, "dead")(mustLease(t, s).Settle(Failure, time.Time{}))
	dead, err := s.DeadLetters()
	want := []SpoolItem{
		{Seq: 1, Bytes: 7, Since: now, Attempts: 1, Status: "dead", Why: "refused", At: now},
		{Seq: 2, ID: "tried", Bytes: 4, Since: now, Attempts: 1, Status: "dead", Why: "attempts", At: now},
	}
	same := func(a, b SpoolItem) bool {
		isSameTime := a.Since.Equal(b.Since) && a.At.Equal(b.At)
		a.Since, a.At, b.Since, b.At = time.Time{}, time.Time{}, time.Time{}, time.Time{}
		return isSameTime && a == b
	}
	if err != nil || !slices.EqualFunc(dead, want, same) {
		t.Fatalf("%+v, %v", dead, err)
	}
	if payload, err := s.Payload(2); err != nil || string(payload) != "once" {
		t.Fatalf("%q, %v", payload, err)
	}
	said(t, "requeued")(s.Requeue(2))
	said(t, "unchanged")(s.Requeue(2))
	said(t, "removed")(s.Remove(1))
	said(t, "not_found")(s.Remove(1))
	if payload, err := s.Payload(1); err != nil || payload != nil {
		t.Fatalf("%q, %v", payload, err)
	}
	items, err := s.Items()
	if err != nil || len(items) != 1 || items[0].Status != "waiting" || items[0].Attempts != 0 {
		t.Fatalf("%+v, %v", items, err)
	}
	if report := mustReport(t, s); report.Items != 1 || report.Dead != 0 || report.Bytes != 4 || report.DiskBytes == 0 {
		t.Fatalf("%+v", report)
	}
}

func TestFullSpoolSaysOfWhat(t *testing.T) {
	s := openSpool(t, `{"max_items": 2, "max_bytes": 9, "max_item_bytes": 5}`)
	mustAppend(t, s, "", "hello")
	full := func(want, payload string) {
		t.Helper()
		var full *SpoolFullError
		_, err := s.Append(context.Background(), "", []byte(payload))
		if !errors.As(err, &full) || full.By != want || !errors.Is(err, ErrSpoolFull) || !strings.Contains(err.Error(), "`max_") {
			t.Errorf("%s: %v", want, err)
		}
	}
	full("item", "longer")
	full("bytes", "world")
	mustAppend(t, s, "", "a")
	full("items", "b")
}

func TestSpoolThatCannotBeUsedIsToldWithItsPath(t *testing.T) {
	var store *StoreError
	without := newPolicyAt(t, `{"name": "p"}`)
	path := filepath.Join(t.TempDir(), "none")
	if _, err := OpenSpool(path, without); !errors.As(err, &store) || store.Code != "no_spool" || store.Path != path {
		t.Errorf("%#v", err)
	}
	s := openSpool(t, `{}`)
	if _, err := OpenSpool(path, s.policy, MustExist()); !errors.As(err, &store) || store.Code != "missing" {
		t.Errorf("%#v", err)
	}
	ended, cancel := context.WithCancelCause(context.Background())
	cancel(errUpstream)
	if _, err := s.Append(ended, "", nil); !errors.Is(err, errUpstream) {
		t.Error(err)
	}
	mustAppend(t, s, "", "hello")
	if _, err := s.Lease(ended); !errors.Is(err, errUpstream) {
		t.Error(err)
	}
	d := mustLease(t, s)
	s.Close()
	s.Close()
	if _, err := d.Acknowledge(); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if payload, err := d.Payload(); err != nil || string(payload) != "hello" {
		t.Errorf("%q, %v", payload, err)
	}
	if _, err := s.Items(); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := s.Drain(context.Background(), nil); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// A payload is read by pieces: what it takes of memory does not depend on its length.
func TestDeliveryIsReadInPieces(t *testing.T) {
	s := openSpool(t, `{}`)
	payload := bytes.Repeat([]byte("0123456789abcdef"), 8<<20/16)
	mustAppend(t, s, "", string(payload))
	mustAppend(t, s, "", "short")
	d := mustLease(t, s)
	var before, after runtime.MemStats
	piece := make([]byte, 32<<10)
	runtime.ReadMemStats(&before)
	for reader, read := d.Reader(), 0; ; {
		n, err := reader.Read(piece)
		if n == 0 {
			if read != len(payload) {
				t.Fatal(read, err)
			}
			break
		}
		if !bytes.Equal(piece[:n], payload[read:read+n]) {
			t.Fatal("other bytes at ", read)
		}
		read += n
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("reading %d bytes took %d of memory", len(payload), took)
	}
	if err := iotest.TestReader(mustLease(t, s).Reader(), []byte("short")); err != nil {
		t.Error(err)
	}
	if _, err := d.ReadAt(piece, -1); err == nil {
		t.Error("read before the beginning")
	}
}

// What a program kept as JSON lines is taken over, but for what was torn; twice does no harm.
func TestJSONLinesAreTakenOver(t *testing.T) {
	s := openSpool(t, `{"max_items": 3, "max_item_bytes": 100000}`)
	path := filepath.Join(t.TempDir(), "pending.jsonl")
	long := `{"order": "` + strings.Repeat("7", 70<<10) + `"}`
	text := "{\"order\": 1}\n\n" + long + "\n{\"order\": {\"or\n[" + strings.Repeat("1,", 50_000) + "1]\n{}\n{\"order\": 9}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	want := Imported{Accepted: 3, Blank: 1, Torn: 1, FirstTornLine: 4, TooLong: 1, FirstTooLongLine: 5, FullAtLine: 7}
	if imported, err := s.Import(path); err != nil || imported != want {
		t.Errorf("%+v, %v", imported, err)
	}
	want.Accepted, want.Duplicates = 0, 3
	if imported, err := s.Import(path); err != nil || imported != want {
		t.Errorf("again: %+v, %v", imported, err)
	}
	if payload, err := s.Payload(2); err != nil || string(payload) != long {
		t.Errorf("%.20q, %v", payload, err)
	}
	if _, err := s.Import(path + "?"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// Saves at the same time tear nothing and lose nothing, each through an open spool of its own, as processes have it.
func TestConcurrentAppendsAreWholeAndOnce(t *testing.T) {
	const writers, each = 8, 50
	s := openSpool(t, `{}`)
	var all sync.WaitGroup
	for writer := range writers {
		all.Add(1)
		go func() {
			defer all.Done()
			own, err := OpenSpool(s.Path(), s.policy, LockWait(time.Minute))
			if err != nil {
				t.Error(err)
				return
			}
			defer own.Close()
			for i := range each {
				id := strconv.Itoa(writer*each + i)
				if _, err := own.Append(context.Background(), id, bytes.Repeat([]byte(id+","), 300)); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	all.Wait()
	seen := map[string]bool{}
	_, err := s.Drain(context.Background(), func(_ context.Context, d *Delivery) error {
		payload, err := d.Payload()
		if seen[d.ID] || string(payload) != strings.Repeat(d.ID+",", 300) {
			t.Errorf("%s: %.20q, %v", d.ID, payload, err)
		}
		seen[d.ID] = true
		return err
	})
	if report := mustReport(t, s); err != nil || len(seen) != writers*each || report.Cuts != 0 || report.Items != 0 {
		t.Errorf("%d delivered, %+v, %v", len(seen), report, err)
	}
}
