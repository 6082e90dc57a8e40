package stanchion

/*
#include "stanchion.h"

#cgo noescape stn_apply
#cgo nocallback stn_apply
#cgo noescape stn_store_apply
#cgo nocallback stn_store_apply
*/
import "C"

import (
	"encoding/json"
	"sync"
	"unsafe"
)

// Applied is the answer to a step or question of a policy beside the gates: see [Policy.Apply].
type Applied struct {
	// Answer is the answer itself, as JSON.
	Answer json.RawMessage
	// Report says how it came about.
	Report Report
}

// Apply makes a step of a policy beside the gates, or asks it, in the JSON form that the engine has in every language, such as
// {"health":{}}. What is none is an [*InputError]. The functions for each of them are more comfortable.
func (p *Policy) Apply(step string) (Applied, error) { return p.current().Apply(step) }

// Apply is [Policy.Apply] at the instant.
func (m Moment) Apply(step string) (Applied, error) {
	text, report, err := m.policy.backend.apply(step, m.us)
	if err != nil {
		return Applied{}, err
	}
	var said struct {
		Answer  json.RawMessage
		Changed bool
		Events  []string
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return Applied{}, err
	}
	report.Changed, report.Events = said.Changed, eventsOf(said.Events)
	m.policy.tellReport(&report)
	return Applied{said.Answer, report}, nil
}

// eventNumbers are the events' numbers by their names.
var eventNumbers = sync.OnceValue(func() map[string]Events {
	numbers := map[string]Events{}
	for number := byte(1); eventName(number) != ""; number++ {
		numbers[eventName(number)] = Events(number)
	}
	return numbers
})

func eventsOf(names []string) Events {
	var events Events
	for i, name := range names {
		events |= eventNumbers()[name] << (8 * i)
	}
	return events
}

func (c *cell) apply(step string, nowUS uint64) ([]byte, Report, error) {
	var why C.stn_error
	why.struct_size = C.sizeof_stn_error
	text, size := chars(step)
	state, stateSize, err := c.enter()
	defer c.mu.Unlock()
	if err != nil {
		return nil, Report{}, err
	}
	answer, err := readText(func(buffer *C.char, capacity C.size_t, needed *C.size_t) error {
		return orError(C.stn_apply(c.policy, unsafe.Pointer(state), stateSize, text, size, C.uint64_t(nowUS), buffer,
			capacity, needed, &why), &why)
	})
	return answer, Report{}, err
}

func (k *key) apply(step string, nowUS uint64) ([]byte, Report, error) {
	var o outs
	o.sized()
	text, size := chars(step)
	handle, err := k.enter()
	defer k.mu.RUnlock()
	if err != nil {
		return nil, Report{}, err
	}
	answer, err := readText(func(buffer *C.char, capacity C.size_t, needed *C.size_t) error {
		return k.okOr(C.stn_store_apply(handle, text, size, C.uint64_t(nowUS), buffer, capacity, needed, &o.stored,
			&o.why), &o)
	})
	var report Report
	o.report(&report, k.path)
	return answer, report, err
}

func (c *cell) lend(use func(policy *C.stn_policy) error) error {
	_, _, err := c.enter()
	defer c.mu.Unlock()
	if err != nil {
		return err
	}
	return use(c.policy)
}

func (k *key) lend(use func(policy *C.stn_policy) error) error {
	_, err := k.enter()
	defer k.mu.RUnlock()
	if err != nil {
		return err
	}
	return use(k.policy)
}
