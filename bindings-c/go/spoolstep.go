package stanchion

// #include "stanchion.h"
import "C"

// SpoolStep is a step of a spool by the rules of the policy's spool, for whoever keeps the items elsewhere. All is JSON: state
// is what is known of the items, as the step before left it ("null" before the first), step what is done. The answer has the
// state after it. Nothing is kept here.
func (m Moment) SpoolStep(state, step string) ([]byte, error) {
	us := m.us
	if us == 0 {
		us = uint64(C.stn_now_us()) // no file has a part in it
	}
	var why C.stn_error
	why.struct_size = C.sizeof_stn_error
	before, beforeSize := chars(state)
	text, size := chars(step)
	var answer []byte
	err := m.policy.backend.lend(func(policy *C.stn_policy) (err error) {
		answer, err = readText(func(buffer *C.char, capacity C.size_t, needed *C.size_t) error {
			return orError(C.stn_spool_step(policy, before, beforeSize, text, size, C.uint64_t(us), buffer, capacity, needed,
				&why), &why)
		})
		return err
	})
	return answer, err
}
