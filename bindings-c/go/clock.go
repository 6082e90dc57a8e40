package stanchion

// #include "stanchion.h"
import "C"

import (
	"sync/atomic"
	"time"
)

// steadyClock reads only the monotonic clock, which costs half of time.Now, and adds an offset to the wall clock that is
// renewed when it is a second old.
type steadyClock struct {
	base      time.Time
	offsetUS  atomic.Int64
	renewedNS atomic.Int64
}

const offsetLife = time.Second

func (c *steadyClock) nowUS() uint64 {
	steady := time.Since(c.base)
	renewed := time.Duration(c.renewedNS.Load())
	if renewed == 0 || steady-renewed >= offsetLife {
		c.offsetUS.Store(time.Now().UnixMicro() - steady.Microseconds())
		c.renewedNS.Store(int64(max(steady, 1)))
	}
	return uint64(c.offsetUS.Load() + steady.Microseconds())
}

// newClock is the clock of a policy that has none of its own: one for each, so that no two share a cache line, and so that a
// policy that was made in a bubble of testing/synctest keeps to the bubble's time. It is first read by the first call.
func newClock() *steadyClock { return &steadyClock{base: time.Now()} }

// isBubble tells whether this is a bubble of testing/synctest, whose time stands apart from the system's.
func isBubble() bool {
	apart := time.Duration(time.Now().UnixMicro()-int64(C.stn_now_us())) * time.Microsecond
	return apart.Abs() > time.Hour
}
