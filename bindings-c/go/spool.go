package stanchion

/*
#include "stanchion.h"

// Values go in, so that no Go pointer leads to another.
static inline uint32_t go_spool_settle(const stn_spool *spool, uint64_t seq, uint32_t lease, uint32_t outcome, uint32_t is_refused,
                                       uint64_t not_before_us, uint64_t now_us, stn_spool_answer *out, stn_error *error) {
	const stn_spool_end end = {sizeof end, outcome, is_refused, 0, not_before_us};
	return stn_spool_settle(spool, seq, lease, &end, now_us, out, error);
}
*/
import "C"

import (
	"runtime"
	"sync"
	"time"
)

// Spool is a folder that processes of any language share, in which items wait that could not be sent. They leave it when they were
// delivered, and not before; what was accepted is delivered at least once. It is safe for many goroutines.
type Spool struct {
	policy *Policy
	path   string
	mu     sync.RWMutex
	handle *C.stn_spool
	// Told when something was appended here.
	appended chan struct{}
	// Closes a spool that nobody closed.
	forgotten runtime.Cleanup
}

// OpenSpool opens a spool with the rules of the policy's spool, or makes it where it is missing. The policy's gates are asked before
// an item is delivered: see [Spool.Deliver]. What is no spool that is safe to use is a [*StoreError].
func OpenSpool(path string, policy *Policy, opts ...FileOption) (*Spool, error) {
	var options C.stn_store_options
	var why C.stn_error
	options.struct_size, why.struct_size = C.sizeof_stn_store_options, C.sizeof_stn_error
	for _, opt := range opts {
		opt(&options)
	}
	s := &Spool{policy: policy, path: path, appended: make(chan struct{}, 1)}
	text, size := chars(path)
	err := policy.backend.lend(func(rules *C.stn_policy) error {
		return atPath(orError(C.stn_spool_open(text, size, rules, &options, &s.handle, &why), &why), path)
	})
	if err != nil {
		return nil, err
	}
	s.forgotten = runtime.AddCleanup(s, freeSpool, s.handle)
	return s, nil
}

func freeSpool(handle *C.stn_spool) { C.stn_spool_close(handle) }

// Close closes the spool. What waits in it goes on waiting.
func (s *Spool) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handle != nil {
		s.forgotten.Stop()
		freeSpool(s.handle)
		s.handle = nil
	}
}

// Path is the path as it was given.
func (s *Spool) Path() string { return s.path }

// with calls while the spool is open.
func (s *Spool) with(call func(handle *C.stn_spool, why *C.stn_error) C.uint32_t) error {
	var why C.stn_error
	why.struct_size = C.sizeof_stn_error
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.handle == nil {
		return ErrClosed
	}
	return atPath(orError(call(s.handle, &why), &why), s.path)
}

func (s *Spool) nowUS() C.uint64_t { return C.uint64_t(s.policy.current().us) }

// Appended is an item that waits now.
type Appended struct {
	// Seq is its number; 0 of a duplicate that is gone.
	Seq uint64
	// IsDuplicate tells that its id was known, and nothing was kept.
	IsDuplicate bool
}

// SpoolFullError is an item for which there is no room: the caller still has it.
type SpoolFullError struct {
	// By is the bound: item, items or bytes.
	By string
}

func (e *SpoolFullError) Error() string {
	return "stanchion: the spool is full: `max_" + e.bound() + "`"
}

func (e *SpoolFullError) bound() string {
	if e.By == "item" {
		return "item_bytes"
	}
	return e.By
}

var spoolBounds = map[C.uint32_t]string{
	C.STN_SPOOL_FULL_ITEM: "item", C.STN_SPOOL_FULL_ITEMS: "items", C.STN_SPOOL_FULL_BYTES: "bytes",
}

// Append adds an item behind all others; when it returns, the item is on disk. By its id, of up to 255 bytes, the same item is known
// if it comes again; an empty one is none. Where there is no room, that is a [*SpoolFullError].
func (s *Spool) Append(id string, payload []byte) (Appended, error) {
	var out C.stn_spool_answer
	out.struct_size = C.sizeof_stn_spool_answer
	name, nameSize := chars(id)
	if id == "" {
		name = nil
	}
	bytes, size := octets(payload)
	err := s.with(func(handle *C.stn_spool, why *C.stn_error) C.uint32_t {
		return C.stn_spool_append(handle, name, nameSize, bytes, size, s.nowUS(), &out, why)
	})
	if err != nil {
		return Appended{}, err
	}
	if by, isFull := spoolBounds[out.answer]; isFull {
		return Appended{}, &SpoolFullError{By: by}
	}
	select {
	case s.appended <- struct{}{}:
	default:
	}
	return Appended{Seq: uint64(out.seq), IsDuplicate: out.answer == C.STN_SPOOL_DUPLICATE}, nil
}

// Delivery is an item that was leased, to be settled.
type Delivery struct {
	// Seq is the item's number.
	Seq uint64
	// ID is what it was appended with; empty for none.
	ID string
	// Payload is all of it.
	Payload []byte
	// Attempt is which attempt it is: 1 for the first.
	Attempt int
	// Since is when it was appended.
	Since time.Time
	// Until is when the lease ends.
	Until time.Time
	spool *Spool
	lease C.uint32_t
}

// Offer is what there is to be delivered.
type Offer struct {
	// Delivery is the item that was leased; nil where there is none now.
	Delivery *Delivery
	// Again is when to ask again, without a delivery; the zero time where only an Append makes it worth while.
	Again time.Time
	// By is what is waited for: lease, backoff or pace; else empty.
	By string
	// Died is how many items became dead letters on the way.
	Died int
}

var spoolWaits = map[C.uint32_t]string{
	C.STN_SPOOL_WAIT_LEASE: "lease", C.STN_SPOOL_WAIT_BACKOFF: "backoff", C.STN_SPOOL_WAIT_PACE: "pace",
}

// Lease leases the next item that is to be delivered. Ask the gates before, as [Spool.Deliver] does: an attempt counts when it is
// leased.
func (s *Spool) Lease() (Offer, error) {
	var out C.stn_spool_offer
	out.struct_size = C.sizeof_stn_spool_offer
	var leased *C.stn_delivery
	err := s.with(func(handle *C.stn_spool, why *C.stn_error) C.uint32_t {
		return C.stn_spool_lease(handle, s.nowUS(), &out, &leased, why)
	})
	if err != nil {
		return Offer{}, err
	}
	defer C.stn_delivery_close(leased)
	offer := Offer{Again: instant(uint64(out.wait_at_us)), By: spoolWaits[out.wait_by], Died: int(out.died)}
	if out.is_leased == 0 {
		return offer, nil
	}
	offer.Delivery = &Delivery{
		Seq: uint64(out.seq), Attempt: int(out.attempt), Since: instant(uint64(out.since_us)),
		Until: instant(uint64(out.until_us)), spool: s, lease: out.lease,
	}
	return offer, offer.Delivery.read(leased)
}

func (d *Delivery) read(leased *C.stn_delivery) error {
	id, err := readText(func(buffer *C.char, capacity C.size_t, needed *C.size_t) error {
		return okOr(C.stn_delivery_id(leased, buffer, capacity, needed))
	})
	if err != nil {
		return err
	}
	d.ID = string(id)
	d.Payload, err = readBytes(func(buffer *C.uint8_t, capacity C.size_t, needed *C.size_t) error {
		return okOr(C.stn_delivery_payload(leased, buffer, capacity, needed))
	})
	return err
}

// SpoolAnswer is what became of an item.
type SpoolAnswer struct {
	// Result is acknowledged, returned, dead, renewed, requeued, removed, paced, unchanged, lease_lost or not_found.
	Result string
	// At is until when: of returned, renewed and paced; else the zero time.
	At time.Time
	// Why is why of dead: attempts, age, refused or damaged; else empty.
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

func (s *Spool) answer(
	call func(handle *C.stn_spool, out *C.stn_spool_answer, why *C.stn_error) C.uint32_t,
) (SpoolAnswer, error) {
	var out C.stn_spool_answer
	out.struct_size = C.sizeof_stn_spool_answer
	err := s.with(func(handle *C.stn_spool, why *C.stn_error) C.uint32_t { return call(handle, &out, why) })
	if err != nil {
		return SpoolAnswer{}, err
	}
	return SpoolAnswer{
		Result: nameOf(spoolResults[:], out.answer), At: instant(uint64(out.at_us)), Why: nameOf(spoolDeaths[:], out.why),
	}, nil
}

// Settle tells how the delivery ended. After Success the item is gone; after Failure it waits again, not before an instant that the
// receiver named, or the zero time; after Ignored nothing was tried, and the attempt does not count.
func (d *Delivery) Settle(outcome Outcome, notBefore time.Time) (SpoolAnswer, error) {
	return d.settle(outcome, 0, notBefore)
}

// Refuse makes the item a dead letter: it will never be taken.
func (d *Delivery) Refuse() (SpoolAnswer, error) { return d.settle(Failure, 1, time.Time{}) }

func (d *Delivery) settle(outcome Outcome, isRefused C.uint32_t, notBefore time.Time) (SpoolAnswer, error) {
	var notBeforeUS uint64
	if !notBefore.IsZero() {
		notBeforeUS = micros(notBefore)
	}
	return d.spool.answer(func(handle *C.stn_spool, out *C.stn_spool_answer, why *C.stn_error) C.uint32_t {
		return C.go_spool_settle(handle, C.uint64_t(d.Seq), d.lease, C.uint32_t(outcome), isRefused, C.uint64_t(notBeforeUS),
			d.spool.nowUS(), out, why)
	})
}

// Renew extends the lease of a delivery that goes on.
func (d *Delivery) Renew() (SpoolAnswer, error) {
	return d.spool.answer(func(handle *C.stn_spool, out *C.stn_spool_answer, why *C.stn_error) C.uint32_t {
		return C.stn_spool_renew(handle, C.uint64_t(d.Seq), d.lease, d.spool.nowUS(), out, why)
	})
}

// Resume says that the receiver works again, so that what waits is delivered at the policy's pace. [Spool.Deliver] says so itself.
func (s *Spool) Resume() (SpoolAnswer, error) {
	return s.answer(func(handle *C.stn_spool, out *C.stn_spool_answer, why *C.stn_error) C.uint32_t {
		return C.stn_spool_resume(handle, s.nowUS(), out, why)
	})
}

// Requeue lets a dead letter be tried again, in its old place.
func (s *Spool) Requeue(seq uint64) (SpoolAnswer, error) {
	return s.answer(func(handle *C.stn_spool, out *C.stn_spool_answer, why *C.stn_error) C.uint32_t {
		return C.stn_spool_requeue(handle, C.uint64_t(seq), s.nowUS(), out, why)
	})
}

// Remove takes an item out for good, wherever it stands.
func (s *Spool) Remove(seq uint64) (SpoolAnswer, error) {
	return s.answer(func(handle *C.stn_spool, out *C.stn_spool_answer, why *C.stn_error) C.uint32_t {
		return C.stn_spool_remove(handle, C.uint64_t(seq), s.nowUS(), out, why)
	})
}

// SpoolTotals is how much a spool holds.
type SpoolTotals struct {
	// Items are those that wait, leased ones too.
	Items uint64
	// Leased are those of them that are being delivered.
	Leased uint64
	// Dead are the dead letters.
	Dead uint64
	// Bytes are those of all payloads.
	Bytes uint64
	// Oldest is when the oldest was appended; the zero time where there is none.
	Oldest time.Time
}

// Totals is how much waits.
func (s *Spool) Totals() (SpoolTotals, error) {
	var out C.stn_spool_totals
	out.struct_size = C.sizeof_stn_spool_totals
	err := s.with(func(handle *C.stn_spool, why *C.stn_error) C.uint32_t {
		return C.stn_spool_count(handle, s.nowUS(), &out, why)
	})
	return SpoolTotals{
		Items: uint64(out.items), Leased: uint64(out.leased), Dead: uint64(out.dead), Bytes: uint64(out.bytes),
		Oldest: instant(uint64(out.oldest_us)),
	}, err
}
