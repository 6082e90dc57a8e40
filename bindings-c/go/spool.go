package stanchion

/*
#include "stanchion.h"

#cgo noescape stn_spool_append
#cgo nocallback stn_spool_append
#cgo noescape stn_spool_count
#cgo nocallback stn_spool_count
*/
import "C"

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"sync"
	"time"
)

// Spool is a folder in which what could not be sent waits, by the rules of a policy's spool. Any number of goroutines and of
// processes of any language may use one folder at once. What was accepted stays on the disk until it was acknowledged, or taken
// out by an operator: so it is delivered at least once. [Spool.Drain] and [Spool.Deliver] deliver it.
type Spool struct {
	mu     sync.RWMutex
	handle *C.stn_spool
	policy *Policy
	path   string
	// Nil for the system's, which is read under the folder's lock: who waited for that has an old instant.
	clock func() uint64
	// Told of what this process did here.
	news news
	// Closes a spool that nobody closed.
	forgotten runtime.Cleanup
}

// ErrSpoolFull is what every [*SpoolFullError] is, for errors.Is.
var ErrSpoolFull = errors.New("stanchion: the spool is full")

// SpoolFullError is an item that was not taken in. Nothing is dropped to make room: the caller still has it.
type SpoolFullError struct {
	// By is what there is too much of: item (this one is too long), items or bytes.
	By string
}

func (e *SpoolFullError) Error() string {
	return "stanchion: the spool is full: " + spoolFullText[e.By]
}

var spoolFullText = map[string]string{
	"item":  "the item is longer than `max_item_bytes`",
	"items": "it holds `max_items`",
	"bytes": "it would hold more than `max_bytes`",
}

// Is makes it ErrSpoolFull.
func (e *SpoolFullError) Is(target error) bool { return target == ErrSpoolFull }

// OpenSpool opens a spool, or makes its folder (0700), on a file system of this machine: see [OpenFile]. The policy must have a
// spool, and lasts longer than this. The spool keeps to the clock of [WithClock], and to a bubble's of testing/synctest; else the
// system's is read under the folder's lock. [MaxKeys] says nothing here. What is no folder that is safe to use is a [*StoreError].
func OpenSpool(path string, policy *Policy, opts ...FileOption) (*Spool, error) {
	options := fileOptionsOf(opts)
	var why C.stn_error
	why.struct_size = C.sizeof_stn_error
	s := &Spool{policy: policy, path: path, clock: policy.ownClock()}
	text, size := chars(path)
	err := policy.backend.lend(func(policy *C.stn_policy) error {
		return orError(C.stn_spool_open(text, size, policy, &options, &s.handle, &why), &why)
	})
	if err != nil {
		return nil, atPath(err, path)
	}
	s.forgotten = runtime.AddCleanup(s, freeSpool, s.handle)
	return s, nil
}

func freeSpool(handle *C.stn_spool) { C.stn_spool_close(handle) }

// Close closes the spool. What was leased here can still be read; it is leased until the leases end.
func (s *Spool) Close() {
	defer s.news.tell()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handle != nil {
		s.forgotten.Stop()
		C.stn_spool_close(s.handle)
		s.handle = nil
	}
}

// ownClock is the policy's clock where that is not the system's.
func (p *Policy) ownClock() func() uint64 {
	if !p.hasOwnClock {
		return nil
	}
	if p.clock == nil {
		return newClock().nowUS // a state file's, in a bubble
	}
	return p.clock
}

// Path is the path as it was given.
func (s *Spool) Path() string { return s.path }

// with asks the engine, at an instant; 0 lets it read the system's clock when it has the lock.
func (s *Spool) with(ask func(handle *C.stn_spool, nowUS C.uint64_t, why *C.stn_error) C.uint32_t) error {
	var why C.stn_error
	why.struct_size = C.sizeof_stn_error
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.handle == nil {
		return ErrClosed
	}
	var nowUS uint64
	if s.clock != nil {
		nowUS = s.clock()
	}
	return atPath(orError(ask(s.handle, C.uint64_t(nowUS), &why), &why), s.path)
}

// now is what the spool's clock says.
func (s *Spool) now() time.Time {
	if s.clock != nil {
		return instant(s.clock())
	}
	return time.Now()
}

// Appended is what became of an item that was appended.
type Appended struct {
	// Seq is the item's number; of a duplicate, that of the item that is there, 0 where that is gone.
	Seq uint64
	// IsDuplicate tells that an item of this id was taken in before, so that nothing had to be kept.
	IsDuplicate bool
}

// Append takes an item in, unless the context has ended. When it returns, the item is on the disk, behind all that were appended
// before; [Sync] makes it survive a power loss. By its id, of at most 255 bytes, the same item is known if it comes again; it may
// be empty. An item for which there is no room is a [*SpoolFullError]; on any error, it is not in.
func (s *Spool) Append(ctx context.Context, id string, payload []byte) (Appended, error) {
	if err := context.Cause(ctx); err != nil {
		return Appended{}, err
	}
	var out C.stn_spool_answer
	out.struct_size = C.sizeof_stn_spool_answer
	var name *C.char
	text, size := chars(id)
	if size != 0 {
		name = text
	}
	bytes, length := octets(payload)
	err := s.with(func(handle *C.stn_spool, nowUS C.uint64_t, why *C.stn_error) C.uint32_t {
		return C.stn_spool_append(handle, name, size, bytes, length, nowUS, &out, why)
	})
	if err != nil {
		return Appended{}, err
	}
	switch out.answer {
	case C.STN_SPOOL_FULL_ITEM:
		return Appended{}, &SpoolFullError{By: "item"}
	case C.STN_SPOOL_FULL_ITEMS:
		return Appended{}, &SpoolFullError{By: "items"}
	case C.STN_SPOOL_FULL_BYTES:
		return Appended{}, &SpoolFullError{By: "bytes"}
	}
	s.news.tell()
	return Appended{Seq: uint64(out.seq), IsDuplicate: out.answer == C.STN_SPOOL_DUPLICATE}, nil
}

// SpoolAnswer is the answer to what was done to a spool.
type SpoolAnswer struct {
	// Result is acknowledged, returned, dead, renewed, requeued, removed, paced, unchanged, lease_lost or not_found.
	Result string
	// At is until when, for returned, renewed and paced; else the zero time.
	At time.Time
	// Why is that of dead: attempts, age, refused or damaged; else empty.
	Why string
}

var spoolResults = [...]string{
	"", "acknowledged", "returned", "dead", "renewed", "requeued", "removed", "paced", "unchanged", "lease_lost", "not_found",
}

var spoolDeaths = [...]string{"", "attempts", "age", "refused", "damaged"}

func nameOf(names []string, code C.uint32_t) string {
	if int(code) < len(names) {
		return names[code]
	}
	return ""
}

// step is what all that is done to a spool has in common.
func (s *Spool) step(ask func(*C.stn_spool, C.uint64_t, *C.stn_spool_answer, *C.stn_error) C.uint32_t) (SpoolAnswer, error) {
	var out C.stn_spool_answer
	out.struct_size = C.sizeof_stn_spool_answer
	err := s.with(func(handle *C.stn_spool, nowUS C.uint64_t, why *C.stn_error) C.uint32_t {
		return ask(handle, nowUS, &out, why)
	})
	if err != nil {
		return SpoolAnswer{}, err
	}
	s.news.tell()
	return SpoolAnswer{
		Result: nameOf(spoolResults[:], out.answer), At: instant(uint64(out.at_us)), Why: nameOf(spoolDeaths[:], out.why),
	}, nil
}

// Resume says that the receiver works again, so that what waits goes out at the pace that the policy has for that time. Where a
// delivery closes the circuit, Drain and Deliver say so themselves.
func (s *Spool) Resume() (SpoolAnswer, error) {
	return s.step(func(handle *C.stn_spool, nowUS C.uint64_t, out *C.stn_spool_answer, why *C.stn_error) C.uint32_t {
		return C.stn_spool_resume(handle, nowUS, out, why)
	})
}

// Requeue lets a dead letter be tried again, in its old place.
func (s *Spool) Requeue(seq uint64) (SpoolAnswer, error) {
	return s.step(func(handle *C.stn_spool, nowUS C.uint64_t, out *C.stn_spool_answer, why *C.stn_error) C.uint32_t {
		return C.stn_spool_requeue(handle, C.uint64_t(seq), nowUS, out, why)
	})
}

// Remove takes an item out for good, wherever it stands. It is not delivered any more.
func (s *Spool) Remove(seq uint64) (SpoolAnswer, error) {
	return s.step(func(handle *C.stn_spool, nowUS C.uint64_t, out *C.stn_spool_answer, why *C.stn_error) C.uint32_t {
		return C.stn_spool_remove(handle, C.uint64_t(seq), nowUS, out, why)
	})
}

// SpoolReport is how much a spool holds.
type SpoolReport struct {
	// Items is how many wait or are being delivered.
	Items uint64
	// Leased is how many of these are being delivered.
	Leased uint64
	// Dead is how many dead letters there are beside them.
	Dead uint64
	// Bytes are those of all payloads, of dead letters too.
	Bytes uint64
	// Oldest is when the first of the items was accepted; the zero time where there is none.
	Oldest time.Time
	// Cuts are how many torn tails were cut since the spool was made: a process that dies while it writes leaves one, and nobody
	// was told that it was in.
	Cuts uint64
	// CutBytes are how many bytes these had.
	CutBytes uint64
	// DiskBytes are how many bytes all files have.
	DiskBytes uint64
}

// Report is how much the spool holds. It takes no lock.
func (s *Spool) Report() (SpoolReport, error) {
	var out C.stn_spool_totals
	out.struct_size = C.sizeof_stn_spool_totals
	err := s.with(func(handle *C.stn_spool, nowUS C.uint64_t, why *C.stn_error) C.uint32_t {
		return C.stn_spool_count(handle, nowUS, &out, why)
	})
	return SpoolReport{
		Items: uint64(out.items), Leased: uint64(out.leased), Dead: uint64(out.dead), Bytes: uint64(out.bytes),
		Oldest: instant(uint64(out.oldest_us)), Cuts: uint64(out.cuts), CutBytes: uint64(out.cut_bytes),
		DiskBytes: uint64(out.disk_bytes),
	}, err
}

// SpoolItem is what is known of an item.
type SpoolItem struct {
	// Seq is its number: items are delivered in the order of their numbers.
	Seq uint64
	// ID is by what it is known as a duplicate; empty for nothing.
	ID string
	// Bytes is the length of its payload.
	Bytes uint64
	// Since is when it was accepted, or requeued.
	Since time.Time
	// Attempts are how often it was tried.
	Attempts int
	// Status is waiting, leased or dead.
	Status string
	// Why is that of a dead letter: attempts, age, refused or damaged; else empty.
	Why string
	// At is until when it waits or is leased, or since when it is dead.
	At time.Time
}

// UnmarshalJSON reads an item as the engine writes it.
func (i *SpoolItem) UnmarshalJSON(text []byte) error {
	var said struct {
		Seq      uint64
		ID       string
		Bytes    uint64
		SinceUS  uint64 `json:"since_us"`
		Attempts int
		Status   string
		Why      string
		AtUS     uint64 `json:"at_us"`
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return err
	}
	*i = SpoolItem{said.Seq, said.ID, said.Bytes, instant(said.SinceUS), said.Attempts, said.Status, said.Why, instant(said.AtUS)}
	return nil
}

// Items are those that wait or are being delivered, in their order. It takes no lock.
func (s *Spool) Items() ([]SpoolItem, error) {
	return s.list(func(handle *C.stn_spool, buffer *C.char, size C.size_t, needed *C.size_t, why *C.stn_error) C.uint32_t {
		return C.stn_spool_items(handle, buffer, size, needed, why)
	})
}

// DeadLetters are the items that are not tried any more, in the order of their acceptance. It takes no lock.
func (s *Spool) DeadLetters() ([]SpoolItem, error) {
	return s.list(func(handle *C.stn_spool, buffer *C.char, size C.size_t, needed *C.size_t, why *C.stn_error) C.uint32_t {
		return C.stn_spool_dead_letters(handle, buffer, size, needed, why)
	})
}

func (s *Spool) list(ask func(*C.stn_spool, *C.char, C.size_t, *C.size_t, *C.stn_error) C.uint32_t) ([]SpoolItem, error) {
	text, err := readText(func(buffer *C.char, capacity C.size_t, needed *C.size_t) error {
		return s.with(func(handle *C.stn_spool, _ C.uint64_t, why *C.stn_error) C.uint32_t {
			return ask(handle, buffer, capacity, needed, why)
		})
	})
	if err != nil {
		return nil, err
	}
	var items []SpoolItem
	err = json.Unmarshal(text, &items)
	return items, err
}

// news wakes who waits for something to happen in this process.
type news struct {
	mu   sync.Mutex
	next chan struct{}
}

// wait is closed when something happened after this call.
func (n *news) wait() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.next == nil {
		n.next = make(chan struct{})
	}
	return n.next
}

func (n *news) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.next != nil {
		close(n.next)
		n.next = nil
	}
}
