//go:build cgo && stanchion_panicking

package stanchion

// Only for the tests of what becomes of a panic inside, which need the library that panics when it is asked to.

/*
#cgo LDFLAGS: ${SRCDIR}/../build/panicking/libstanchion.a -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc
#include "stanchion.h"

uint32_t stn_test_panic_by(uint32_t guard, void *state, size_t size, stn_error *error);
*/
import "C"

import "unsafe"

// panicInside panics in the library, behind one of its guards.
func (c *cell) panicInside(guard uint32) error {
	var why C.stn_error
	why.struct_size = C.sizeof_stn_error
	state, size, err := c.enter()
	defer c.mu.Unlock()
	if err != nil {
		return err
	}
	return okOr(C.stn_test_panic_by(C.uint32_t(guard), unsafe.Pointer(state), size, &why))
}
