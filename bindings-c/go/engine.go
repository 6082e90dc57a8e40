package stanchion

/*
#include <string.h>
#include "stanchion.h"

// One crossing for each step: what goes in are values, so that no Go pointer leads to another.
static inline uint32_t go_acquire(const stn_policy *policy, uint64_t *state, size_t size, uint32_t fields, uint32_t cost,
                                  uint64_t holder, uint64_t now_us, stn_decision *out) {
	const stn_acquire_options options = {sizeof options, fields, cost, 0, holder};
	out->struct_size = sizeof *out;
	return stn_acquire(policy, state, size, &options, now_us, out);
}

static inline uint32_t go_peek(const stn_policy *policy, const uint64_t *state, size_t size, uint32_t fields, uint32_t cost,
                               uint64_t holder, uint64_t now_us, stn_decision *out) {
	const stn_acquire_options options = {sizeof options, fields, cost, 0, holder};
	out->struct_size = sizeof *out;
	return stn_peek(policy, state, size, &options, now_us, out);
}

static inline uint32_t go_settle(const stn_policy *policy, uint64_t *state, size_t size, const stn_permit *permit,
                                 uint32_t fields, uint32_t outcome, uint32_t actual_cost, uint64_t duration_us,
                                 uint64_t now_us, stn_answer *out) {
	const stn_settle_options options = {sizeof options, fields, outcome, actual_cost, duration_us};
	out->struct_size = sizeof *out;
	return stn_settle(policy, state, size, permit, &options, now_us, out);
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
	"runtime"
	"sync"
	"unsafe"
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

// A wish to make a call, as it crosses.
type wish struct {
	fields uint32
	cost   uint32
	holder uint64
}

// How a call ended, as it crosses.
type end struct {
	fields     uint32
	outcome    uint32
	actualCost uint32
	durationUS uint64
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

const cacheLine = 64

// cell is a state in this process, with the lock of its steps. The lock is held across the crossing, never across the
// user's function.
type cell struct {
	mu     sync.Mutex
	policy *C.stn_policy
	state  []uint64
	// Whose policy it is; nil where it is this cell's own.
	owner *cell
	// Frees the policy of a cell that nobody closed.
	forgotten runtime.Cleanup
	_         [2*cacheLine - 72]byte
}

func newCell(policy *C.stn_policy, nowUS uint64) (*cell, error) {
	state, err := stateOf(policy, nil, nowUS)
	if err != nil {
		return nil, err
	}
	c := &cell{policy: policy, state: state}
	c.forgotten = runtime.AddCleanup(c, freePolicy, policy)
	return c, nil
}

// another is a new state under the same policy, which it keeps from being freed.
func (c *cell) another(nowUS uint64) (*cell, error) {
	_, _, err := c.enter()
	defer c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	state, err := stateOf(c.policy, nil, nowUS)
	return &cell{policy: c.policy, state: state, owner: c}, err
}

func freePolicy(policy *C.stn_policy) { C.stn_policy_free(policy) }

// enter locks the state. Each caller unlocks it.
func (c *cell) enter() (state *C.uint64_t, size C.size_t, err error) {
	c.mu.Lock()
	if c.policy == nil {
		return nil, 0, ErrClosed
	}
	return (*C.uint64_t)(unsafe.Pointer(&c.state[0])), C.size_t(len(c.state) * 8), nil
}

func (c *cell) acquire(w wish, nowUS uint64) (decided, error) {
	var d C.stn_decision
	state, size, err := c.enter()
	defer c.mu.Unlock()
	if err != nil {
		return decided{}, err
	}
	status := C.go_acquire(c.policy, state, size, C.uint32_t(w.fields), C.uint32_t(w.cost), C.uint64_t(w.holder),
		C.uint64_t(nowUS), &d)
	if status != C.STN_OK {
		return decided{}, statusError(status)
	}
	return decidedOf(&d), nil
}

func (c *cell) peek(w wish, nowUS uint64) (decided, error) {
	var d C.stn_decision
	state, size, err := c.enter()
	defer c.mu.Unlock()
	if err != nil {
		return decided{}, err
	}
	status := C.go_peek(c.policy, state, size, C.uint32_t(w.fields), C.uint32_t(w.cost), C.uint64_t(w.holder),
		C.uint64_t(nowUS), &d)
	if status != C.STN_OK {
		return decided{}, statusError(status)
	}
	return decidedOf(&d), nil
}

func (c *cell) settle(permit [4]uint32, e end, nowUS uint64) (answered, error) {
	var a C.stn_answer
	crossing := crossing(permit)
	state, size, err := c.enter()
	defer c.mu.Unlock()
	if err != nil {
		return answered{}, err
	}
	status := C.go_settle(c.policy, state, size, &crossing, C.uint32_t(e.fields), C.uint32_t(e.outcome),
		C.uint32_t(e.actualCost), C.uint64_t(e.durationUS), C.uint64_t(nowUS), &a)
	return answeredOf(status, &a)
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

func (c *cell) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.policy != nil && c.owner == nil {
		c.forgotten.Stop()
		C.stn_policy_free(c.policy)
	}
	c.policy = nil
}

// The steps of nearly every call, written where they are wanted instead of being handed from function to function: a state in
// this process, nobody who listens, an admission or a result. What they are is what the backend's steps are.

// acquireInto makes the permit that of an admitted call; what else was decided comes back.
func (c *cell) acquireInto(permit *Permit, w *wish, nowUS uint64) (*decided, error) {
	var d C.stn_decision
	state, size, err := c.enter()
	if err != nil {
		c.mu.Unlock()
		return nil, err
	}
	status := C.go_acquire(c.policy, state, size, C.uint32_t(w.fields), C.uint32_t(w.cost), C.uint64_t(w.holder),
		C.uint64_t(nowUS), &d)
	c.mu.Unlock()
	if status != C.STN_OK {
		return nil, statusError(status)
	}
	if d.verdict != C.STN_ADMITTED || d.would_reject != 0 {
		rest := decidedOf(&d)
		return &rest, nil
	}
	permit.words = *(*[4]uint32)(unsafe.Pointer(&d.permit))
	permit.Report.Changed, permit.Report.Events = d.changed != 0, Events(d.events)
	return nil, nil
}

// settleInto writes the answer to a result.
func (c *cell) settleInto(answer *Answer, permit *[4]uint32, e *end, nowUS uint64) error {
	var a C.stn_answer
	crossing := crossing(*permit)
	state, size, err := c.enter()
	if err != nil {
		c.mu.Unlock()
		return err
	}
	status := C.go_settle(c.policy, state, size, &crossing, C.uint32_t(e.fields), C.uint32_t(e.outcome),
		C.uint32_t(e.actualCost), C.uint64_t(e.durationUS), C.uint64_t(nowUS), &a)
	c.mu.Unlock()
	if status != C.STN_OK {
		return statusError(status)
	}
	answer.Result = Result(a.answer)
	answer.Report.Changed, answer.Report.Events = a.changed != 0, Events(a.events)
	return nil
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
