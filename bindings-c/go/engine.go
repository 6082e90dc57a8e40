package stanchion

/*
#include <string.h>
#include "stanchion.h"

// One crossing for each step. No pointer is a void one, of which Go would look up what it points to.
static inline uint32_t go_acquire(const stn_policy *policy, uint64_t *state, size_t size, const stn_acquire_options *options,
                                  uint64_t now_us, stn_decision *out) {
	return stn_acquire(policy, state, size, options, now_us, out);
}

static inline uint32_t go_peek(const stn_policy *policy, const uint64_t *state, size_t size, const stn_acquire_options *options,
                               uint64_t now_us, stn_decision *out) {
	return stn_peek(policy, state, size, options, now_us, out);
}

static inline uint32_t go_settle(const stn_policy *policy, uint64_t *state, size_t size, const stn_permit *permit,
                                 const stn_settle_options *options, uint64_t now_us, stn_answer *out) {
	return stn_settle(policy, state, size, permit, options, now_us, out);
}

static inline uint32_t go_cancel(const stn_policy *policy, uint64_t *state, size_t size, const stn_permit *permit,
                                 uint64_t now_us, stn_answer *out) {
	out->struct_size = sizeof *out;
	return stn_cancel(policy, state, size, permit, now_us, out);
}

static inline uint32_t go_renew(const stn_policy *policy, uint64_t *state, size_t size, const stn_permit *permit,
                                uint64_t now_us, stn_answer *out) {
	out->struct_size = sizeof *out;
	return stn_renew(policy, state, size, permit, now_us, out);
}

#cgo noescape go_acquire
#cgo nocallback go_acquire
#cgo noescape go_peek
#cgo nocallback go_peek
#cgo noescape go_settle
#cgo nocallback go_settle
#cgo noescape go_cancel
#cgo nocallback go_cancel
#cgo noescape go_renew
#cgo nocallback go_renew
*/
import "C"

import (
	"unsafe"

	"github.com/stanchion/stanchion/bindings-c/go/internal/plain"
)

// The entries of the library that are called without cgo.
var (
	plainAcquire = unsafe.Pointer(C.stn_acquire_plain)
	plainSettle  = unsafe.Pointer(C.stn_settle_plain)
)

// Where a policy's state lives and is decided on: in this process, or in a file. Answers are values, so that none is allocated.
type backend interface {
	acquire(wish wish, nowUS uint64) (decided, error)
	peek(wish wish, nowUS uint64) (decided, error)
	settle(permit [4]uint32, end end, nowUS uint64) (answered, error)
	cancel(permit [4]uint32, nowUS uint64) (answered, error)
	renew(permit [4]uint32, nowUS uint64) (answered, error)
	command(json string, nowUS uint64) (answered, error)
	apply(json string, nowUS uint64) ([]byte, Report, error)
	retry(failed *C.stn_failed, nowUS uint64) (Retried, error)
	health(nowUS uint64) ([]byte, error)
	// lend lends the policy, which must not be freed meanwhile.
	lend(use func(policy *C.stn_policy) error) error
	rateLimit(nowUS uint64) ([]byte, error)
	explain(nowUS uint64) ([]byte, error)
	snapshot() ([]byte, error)
	restore(bytes []byte) error
	close()
}

// A wish to make a call: laid out as stn_acquire_options, so that it crosses as it lies there.
type wish struct {
	structSize uint32
	fields     uint32
	cost       uint32
	reserved   uint32
	holder     uint64
}

func (w *wish) crossing() *C.stn_acquire_options {
	w.structSize = C.sizeof_stn_acquire_options
	return (*C.stn_acquire_options)(unsafe.Pointer(w))
}

// How a call ended: laid out as stn_settle_options.
type end struct {
	structSize uint32
	fields     uint32
	outcome    uint32
	actualCost uint32
	durationUS uint64
}

// Both have the library's size, or this does not compile.
var (
	_ [C.sizeof_stn_acquire_options]struct{} = [unsafe.Sizeof(wish{})]struct{}{}
	_ [C.sizeof_stn_settle_options]struct{}  = [unsafe.Sizeof(end{})]struct{}{}
)

func (e *end) crossing() *C.stn_settle_options {
	e.structSize = C.sizeof_stn_settle_options
	return (*C.stn_settle_options)(unsafe.Pointer(e))
}

// An answer to an acquire or a peek, as it crossed.
type decided struct {
	verdict     uint32
	permit      [4]uint32
	wouldReject bool
	by          uint32
	gates       uint32
	retryUS     uint64
	report      Report
}

// An answer to anything else, as it crossed.
type answered struct {
	answer  uint32
	untilUS uint64
	report  Report
}

func (c *cell) acquire(w wish, nowUS uint64) (decided, error) {
	var d C.stn_decision
	if err := c.decide(&d, &w, nowUS); err != nil {
		return decided{}, err
	}
	return decidedOf(&d), nil
}

func (c *cell) peek(w wish, nowUS uint64) (decided, error) {
	var d C.stn_decision
	d.struct_size = C.sizeof_stn_decision
	state, size, err := c.enter()
	defer c.mu.Unlock()
	if err != nil {
		return decided{}, err
	}
	status := C.go_peek(c.policy, state, size, w.crossing(), C.uint64_t(nowUS), &d)
	if status != C.STN_OK {
		return decided{}, statusError(status)
	}
	return decidedOf(&d), nil
}

func (c *cell) settle(permit [4]uint32, e end, nowUS uint64) (answered, error) {
	var a C.stn_answer
	if err := c.conclude(&a, &permit, &e, nowUS); err != nil {
		return answered{}, err
	}
	return answeredOf(C.STN_OK, &a)
}

func (c *cell) cancel(permit [4]uint32, nowUS uint64) (answered, error) {
	var a C.stn_answer
	crossing := crossing(permit)
	state, size, err := c.enter()
	defer c.mu.Unlock()
	if err != nil {
		return answered{}, err
	}
	return answeredOf(C.go_cancel(c.policy, state, size, &crossing, C.uint64_t(nowUS), &a), &a)
}

func (c *cell) renew(permit [4]uint32, nowUS uint64) (answered, error) {
	var a C.stn_answer
	crossing := crossing(permit)
	state, size, err := c.enter()
	defer c.mu.Unlock()
	if err != nil {
		return answered{}, err
	}
	return answeredOf(C.go_renew(c.policy, state, size, &crossing, C.uint64_t(nowUS), &a), &a)
}

func (c *cell) command(json string, nowUS uint64) (answered, error) {
	var a C.stn_answer
	var why C.stn_error
	a.struct_size, why.struct_size = C.sizeof_stn_answer, C.sizeof_stn_error
	text, size := chars(json)
	state, stateSize, err := c.enter()
	defer c.mu.Unlock()
	if err != nil {
		return answered{}, err
	}
	status := C.stn_command(c.policy, unsafe.Pointer(state), stateSize, text, size, C.uint64_t(nowUS), &a, &why)
	if status != C.STN_OK {
		return answered{}, toError(status, &why)
	}
	return answeredOf(status, &a)
}

func (c *cell) explain(nowUS uint64) ([]byte, error) {
	state, size, err := c.enter()
	defer c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return readText(func(buffer *C.char, capacity C.size_t, needed *C.size_t) error {
		return okOr(C.stn_explain(c.policy, unsafe.Pointer(state), size, C.uint64_t(nowUS), buffer, capacity, needed))
	})
}

func (c *cell) snapshot() ([]byte, error) {
	state, size, err := c.enter()
	defer c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return readBytes(func(buffer *C.uint8_t, capacity C.size_t, needed *C.size_t) error {
		return okOr(C.stn_state_encode(c.policy, unsafe.Pointer(state), size, buffer, capacity, needed))
	})
}

// restore decodes into new memory, so that an error leaves the state as it was.
func (c *cell) restore(bytes []byte) error {
	_, _, err := c.enter()
	defer c.mu.Unlock()
	if err != nil {
		return err
	}
	if bytes == nil {
		bytes = []byte{} // no state, and not a new one
	}
	state, err := stateOf(c.policy, bytes, 0)
	if err == nil {
		c.state = state
	}
	return err
}

func (c *cell) nextChangeAt(nowUS uint64) (uint64, error) {
	var at C.uint64_t
	state, size, err := c.enter()
	defer c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	err = okOr(C.stn_next_change_at(c.policy, unsafe.Pointer(state), size, C.uint64_t(nowUS), &at))
	return uint64(at), err
}

func (c *cell) vacuousAt() (uint64, error) {
	var at C.uint64_t
	state, size, err := c.enter()
	defer c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	err = okOr(C.stn_vacuous_at(c.policy, unsafe.Pointer(state), size, &at))
	return uint64(at), err
}

// decide is an acquire. Nearly every one is plain, and crosses by an ordinary call; the others by cgo. The lock is given back
// without defer, because nothing here panics, and that would take as long as the lock does.
func (c *cell) decide(d *C.stn_decision, w *wish, nowUS uint64) error {
	d.struct_size = C.sizeof_stn_decision
	options := w.crossing()
	if w.fields == 0 {
		options = nil
	}
	c.mu.Lock()
	if c.policy == nil {
		c.mu.Unlock()
		return ErrClosed
	}
	state, size := (*C.uint64_t)(unsafe.SliceData(c.state)), C.size_t(len(c.state)*8)
	status := C.uint32_t(C.STN_NOT_PLAIN)
	if plain.Calls {
		status = C.uint32_t(plain.Acquire(plainAcquire, unsafe.Pointer(c.policy), unsafe.Pointer(state), uintptr(size),
			unsafe.Pointer(options), nowUS, unsafe.Pointer(d)))
	}
	if status != C.STN_OK {
		status = C.go_acquire(c.policy, state, size, options, C.uint64_t(nowUS), d)
	}
	c.mu.Unlock()
	return okOr(status)
}

// conclude is a settle, as decide is an acquire.
func (c *cell) conclude(a *C.stn_answer, permit *[4]uint32, e *end, nowUS uint64) error {
	a.struct_size = C.sizeof_stn_answer
	options := e.crossing()
	c.mu.Lock()
	if c.policy == nil {
		c.mu.Unlock()
		return ErrClosed
	}
	state, size := (*C.uint64_t)(unsafe.SliceData(c.state)), C.size_t(len(c.state)*8)
	status := C.uint32_t(C.STN_NOT_PLAIN)
	if plain.Calls {
		status = C.uint32_t(plain.Settle(plainSettle, unsafe.Pointer(c.policy), unsafe.Pointer(state), uintptr(size),
			unsafe.Pointer(permit), unsafe.Pointer(options), nowUS, unsafe.Pointer(a)))
	}
	if status != C.STN_OK {
		words := (*C.stn_permit)(unsafe.Pointer(permit))
		status = C.go_settle(c.policy, state, size, words, options, C.uint64_t(nowUS), a)
	}
	c.mu.Unlock()
	return okOr(status)
}

func crossing(permit [4]uint32) C.stn_permit {
	return *(*C.stn_permit)(unsafe.Pointer(&permit))
}

func decidedOf(from *C.stn_decision) decided {
	return decided{
		verdict:     uint32(from.verdict),
		permit:      *(*[4]uint32)(unsafe.Pointer(&from.permit)),
		wouldReject: from.would_reject != 0,
		by:          uint32(from.by),
		gates:       uint32(from.gates),
		retryUS:     uint64(from.retry_after_us),
		report:      Report{Changed: from.changed != 0, Events: Events(from.events)},
	}
}

func answeredOf(status C.uint32_t, from *C.stn_answer) (answered, error) {
	if status != C.STN_OK {
		return answered{}, statusError(status)
	}
	return answered{
		answer:  uint32(from.answer),
		untilUS: uint64(from.until_us),
		report:  Report{Changed: from.changed != 0, Events: Events(from.events)},
	}, nil
}
