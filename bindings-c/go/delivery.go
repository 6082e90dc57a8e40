package stanchion

/*
#include "stanchion.h"

#cgo noescape stn_delivery_read
#cgo nocallback stn_delivery_read
*/
import "C"

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"time"
	"unsafe"
)

// Offer is what there is to be delivered.
type Offer struct {
	// Delivery is the item that was leased; nil where there is none to be delivered now.
	Delivery *Delivery
	// Again is, where there is none but something waits, when to ask again if nothing else happens; else the zero time.
	Again time.Time
	// By is what keeps it: lease, backoff or pace; else empty.
	By string
	// Died is how many items became dead letters on the way to this answer.
	Died int
}

var spoolWaits = [...]string{"", "lease", "backoff", "pace"}

// Delivery is an item that was leased, to be settled or renewed before its lease ends; else another may deliver it. Its methods can
// be called at the same time.
type Delivery struct {
	// Seq is its number.
	Seq uint64
	// ID is by what it is known as a duplicate; empty for nothing.
	ID string
	// Attempt is which attempt this is: 1 for the first.
	Attempt int
	// Since is when it was accepted, or requeued.
	Since time.Time
	// Until is when its lease ends, unless it is renewed.
	Until time.Time
	// Size is the length of its payload.
	Size int64

	spool *Spool
	lease C.uint32_t

	mu     sync.RWMutex
	handle *C.stn_delivery
	// Closes one that nobody closed.
	forgotten runtime.Cleanup
}

// Lease leases the next item that is to be delivered, unless the context has ended, or says when to ask again. An attempt counts
// from here on, so ask the policy's gates before: [Spool.Drain] does all of that.
func (s *Spool) Lease(ctx context.Context) (Offer, error) {
	if err := context.Cause(ctx); err != nil {
		return Offer{}, err
	}
	var out C.stn_spool_offer
	out.struct_size = C.sizeof_stn_spool_offer
	d := &Delivery{spool: s}
	err := s.with(func(handle *C.stn_spool, nowUS C.uint64_t, why *C.stn_error) C.uint32_t {
		return C.stn_spool_lease(handle, nowUS, &out, &d.handle, why)
	})
	if err != nil {
		return Offer{}, err
	}
	offer := offerOf(&out)
	if d.handle == nil {
		return offer, nil
	}
	d.forgotten = runtime.AddCleanup(d, freeDelivery, d.handle)
	d.Seq, d.Attempt, d.lease = uint64(out.seq), int(out.attempt), out.lease
	d.Since, d.Until, d.Size = instant(uint64(out.since_us)), instant(uint64(out.until_us)), int64(out.bytes)
	d.ID, err = d.id()
	offer.Delivery = d
	return offer, err
}

func offerOf(out *C.stn_spool_offer) Offer {
	return Offer{Again: instant(uint64(out.wait_at_us)), By: nameOf(spoolWaits[:], out.wait_by), Died: int(out.died)}
}

// Payload is that of an item, wherever it stands, dead letters too; nil where there is no such item. It takes no lock.
func (s *Spool) Payload(seq uint64) ([]byte, error) {
	d := &Delivery{spool: s}
	err := s.with(func(handle *C.stn_spool, _ C.uint64_t, why *C.stn_error) C.uint32_t {
		return C.stn_spool_look(handle, C.uint64_t(seq), &d.handle, why)
	})
	if err != nil || d.handle == nil {
		return nil, err
	}
	defer freeDelivery(d.handle)
	return d.Payload()
}

func freeDelivery(handle *C.stn_delivery) { C.stn_delivery_close(handle) }

// lent reads of the delivery while nobody closes it.
func (d *Delivery) lent(read func(handle *C.stn_delivery) error) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.handle == nil {
		return ErrClosed
	}
	return read(d.handle)
}

func (d *Delivery) id() (string, error) {
	text, err := readText(func(buffer *C.char, capacity C.size_t, needed *C.size_t) error {
		return d.lent(func(handle *C.stn_delivery) error {
			return okOr(C.stn_delivery_id(handle, buffer, capacity, needed))
		})
	})
	return string(text), err
}

// Payload is all of the payload, until the delivery is settled.
func (d *Delivery) Payload() ([]byte, error) {
	return readBytes(func(buffer *C.uint8_t, capacity C.size_t, needed *C.size_t) error {
		return d.lent(func(handle *C.stn_delivery) error {
			return okOr(C.stn_delivery_payload(handle, buffer, capacity, needed))
		})
	})
}

// Reader reads the payload a piece at a time, until the delivery is settled: it need not fit into memory.
func (d *Delivery) Reader() *io.SectionReader { return io.NewSectionReader(d, 0, d.Size) }

// ReadAt reads what stands at an offset of the payload: see [io.ReaderAt].
func (d *Delivery) ReadAt(into []byte, offset int64) (done int, err error) {
	if offset < 0 {
		return 0, statusError(C.STN_OUT_OF_RANGE)
	}
	for done < len(into) {
		var read C.size_t
		rest := into[done:]
		err := d.lent(func(handle *C.stn_delivery) error {
			buffer := (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(rest)))
			return okOr(C.stn_delivery_read(handle, C.uint64_t(offset)+C.uint64_t(done), buffer, C.size_t(len(rest)), &read))
		})
		if err != nil {
			return done, err
		}
		if read == 0 {
			return done, io.EOF
		}
		done += int(read)
	}
	return done, nil
}

// Acknowledge tells that the item was delivered: it is gone. The result is lease_lost where another leased it meanwhile, and
// then it is delivered again.
func (d *Delivery) Acknowledge() (SpoolAnswer, error) { return d.Settle(Success, time.Time{}) }

// Settle tells how the delivery ended. After Success the item is gone; after Failure it waits again, as the policy says and not
// before an instant that the receiver named, or the zero time; after Ignored nothing was tried, and the attempt does not count. On
// an error nothing happened, and it can be settled again.
func (d *Delivery) Settle(outcome Outcome, notBefore time.Time) (SpoolAnswer, error) {
	return d.settle(spoolEnd{outcome: outcome, notBefore: notBefore})
}

// Refuse tells that the item will never be taken: it becomes a dead letter.
func (d *Delivery) Refuse() (SpoolAnswer, error) {
	return d.settle(spoolEnd{outcome: Failure, isRefused: true})
}

// spoolEnd is how a delivery ended; call is 0, or how the function of a call through the gates ended, for the core to judge.
type spoolEnd struct {
	outcome   Outcome
	call      C.uint32_t
	isRefused bool
	notBefore time.Time
}

func (d *Delivery) settle(end spoolEnd) (SpoolAnswer, error) {
	crossing := C.stn_spool_end{struct_size: C.sizeof_stn_spool_end, outcome: C.uint32_t(end.outcome), call: end.call}
	if end.isRefused {
		crossing.is_refused = 1
	}
	if !end.notBefore.IsZero() {
		crossing.not_before_us = C.uint64_t(micros(end.notBefore))
	}
	answer, err := d.spool.step(func(
		handle *C.stn_spool, nowUS C.uint64_t, out *C.stn_spool_answer, why *C.stn_error,
	) C.uint32_t {
		return C.stn_spool_settle(handle, C.uint64_t(d.Seq), d.lease, &crossing, nowUS, out, why)
	})
	if err == nil {
		d.close()
	}
	return answer, err
}

// close lets the payload go.
func (d *Delivery) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.handle != nil {
		d.forgotten.Stop()
		freeDelivery(d.handle)
		d.handle = nil
	}
}

// Renew begins the lease anew, because the delivery takes longer. After lease_lost, abort it: another may deliver the item.
func (d *Delivery) Renew() (SpoolAnswer, error) {
	return d.spool.step(func(handle *C.stn_spool, nowUS C.uint64_t, out *C.stn_spool_answer, why *C.stn_error) C.uint32_t {
		return C.stn_spool_renew(handle, C.uint64_t(d.Seq), d.lease, nowUS, out, why)
	})
}

// isBusy tells whether only the lock of the folder was not free in time.
func isBusy(err error) bool {
	var store *StoreError
	return errors.As(err, &store) && store.Code == "busy"
}
