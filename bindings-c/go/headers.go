package stanchion

// #include "stanchion.h"
import "C"

import (
	"strconv"
	"time"
	"unsafe"
)

// RateLimitPolicy is the value of the header field RateLimit-Policy, by which a server tells what its limits allow
// (draft-ietf-httpapi-ratelimit-headers-10). It is empty where the policy has no limits.
func (p *Policy) RateLimitPolicy() string { return p.rateLimitPolicy }

// RateLimit is the value of the header field RateLimit: what is left of the limits, and when there is more. It is empty where
// there are none.
func (p *Policy) RateLimit() (string, error) { return p.current().RateLimit() }

// RateLimit is [Policy.RateLimit] at the instant.
func (m Moment) RateLimit() (string, error) {
	us := m.us
	if us == 0 {
		us = uint64(C.stn_now_us()) // a file has no clock of its own for what is no step
	}
	text, err := m.policy.backend.rateLimit(us)
	return string(text), err
}

// RetryAfterHeader is the value of the header field Retry-After: whole seconds, rounded up. It is empty where waiting cannot help.
func (e *RejectedError) RetryAfterHeader() string {
	if e.Never {
		return ""
	}
	return strconv.FormatUint(uint64(C.stn_wait_s(C.uint64_t(e.RetryAfter/time.Microsecond))), 10)
}

// Status is the HTTP status with which a server refuses the request: 429 where a limit of the caller's own holds it up, else 503.
func (e *RejectedError) Status() int {
	var status C.uint32_t
	C.stn_refusal_status(C.uint32_t(e.gate), &status) // which fails for no gate that there is
	return int(status)
}

func (c *cell) rateLimit(nowUS uint64) ([]byte, error) {
	state, size, err := c.enter()
	defer c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return rateLimit(c.policy, state, size, nowUS)
}

// rateLimit is that of the key's bytes, or of a new state where it has none yet.
func (k *key) rateLimit(nowUS uint64) ([]byte, error) {
	bytes, err := k.snapshot()
	if err != nil {
		return nil, err
	}
	_, err = k.enter()
	defer k.mu.RUnlock()
	if err != nil {
		return nil, err
	}
	state, err := stateOf(k.policy, bytes, nowUS)
	if err != nil {
		return nil, err
	}
	return rateLimit(k.policy, (*C.uint64_t)(unsafe.Pointer(&state[0])), C.size_t(len(state)*8), nowUS)
}

func rateLimit(policy *C.stn_policy, state *C.uint64_t, size C.size_t, nowUS uint64) ([]byte, error) {
	return readText(func(buffer *C.char, capacity C.size_t, needed *C.size_t) error {
		return okOr(C.stn_rate_limit(policy, unsafe.Pointer(state), size, C.uint64_t(nowUS), buffer, capacity, needed))
	})
}

// stateOf is a state in memory of its own: from bytes, or a new one where there are none.
func stateOf(policy *C.stn_policy, bytes []byte, nowUS uint64) ([]uint64, error) {
	var why C.stn_error
	var size C.size_t
	why.struct_size = C.sizeof_stn_error
	if bytes == nil {
		if status := C.stn_state_size(policy, &size); status != C.STN_OK {
			return nil, statusError(status)
		}
		state := wordsOf(size)
		return state, okOr(C.stn_state_init(policy, unsafe.Pointer(&state[0]), size, C.uint64_t(nowUS)))
	}
	encoded, length := octets(bytes)
	if status := C.stn_state_size_for(policy, encoded, length, &size, &why); status != C.STN_OK {
		return nil, toError(status, &why)
	}
	state := wordsOf(size)
	if status := C.stn_state_decode(policy, encoded, length, unsafe.Pointer(&state[0]), size, &why); status != C.STN_OK {
		return nil, toError(status, &why)
	}
	return state, nil
}

// wordsOf is memory for a state that shares no cache line with another's: the allocator aligns what is whole lines long.
func wordsOf(size C.size_t) []uint64 {
	lines := (size + cacheLine - 1) / cacheLine
	return make([]uint64, lines*cacheLine/8)[:size/8]
}
