package stanchion

// #include "stanchion.h"
import "C"

import (
	"runtime"
	"sync"
	"unsafe"
)

const cacheLine = 64

// cell is a state in this process, with the lock of its steps. The lock is held across the crossing, never across the
// user's function.
type cell struct {
	// Whole cache lines, so that two policies' locks never share one. In front, because Go adds a byte behind what is last and empty.
	_ [(cacheLine - unsafe.Sizeof(lockedState{})%cacheLine) % cacheLine]byte
	lockedState
}

type lockedState struct {
	mu     sync.Mutex
	policy *C.stn_policy
	state  []uint64
	// Whose policy it is; nil where it is this cell's own.
	owner *cell
	// Frees the policy of a cell that nobody closed.
	forgotten runtime.Cleanup
}

func newCell(policy *C.stn_policy, nowUS uint64) (*cell, error) {
	state, err := stateOf(policy, nil, nowUS)
	if err != nil {
		return nil, err
	}
	c := &cell{lockedState: lockedState{policy: policy, state: state}}
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
	return &cell{lockedState: lockedState{policy: c.policy, state: state, owner: c}}, err
}

// unless is the cell, or nil if something wants more than its answers.
func (c *cell) unless(isHeard bool) *cell {
	if isHeard {
		return nil
	}
	return c
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

func (c *cell) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.policy != nil && c.owner == nil {
		c.forgotten.Stop()
		C.stn_policy_free(c.policy)
	}
	c.policy = nil
}
