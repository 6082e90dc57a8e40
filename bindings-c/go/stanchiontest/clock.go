// Package stanchiontest has what a test of code under a policy needs.
package stanchiontest

import (
	"slices"
	"sync"
	"time"
)

// Clock is a clock that stands still until a test moves it. Give it to stanchion.WithTimers, and the gates decide by it, and all that
// waits, ends late or renews a lease keeps to it. It is safe for many goroutines.
type Clock struct {
	mu  sync.Mutex
	now time.Time
	// In the order in which they run.
	timers []*timer
	// Told when there is another timer.
	more sync.Cond
}

type timer struct {
	at  time.Time
	run func()
}

// NewClock is a clock that stands at an instant.
func NewClock(start time.Time) *Clock {
	c := &Clock{now: start}
	c.more.L = &c.mu
	return c
}

// Now is where the clock stands.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock on, or back where the duration is negative, and returns where it stands now. On the way it stops at each
// instant for which something was set, and runs that. Who waited is woken, and goes on in its own goroutine.
func (c *Clock) Advance(by time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	to := c.now.Add(by)
	for len(c.timers) > 0 && !c.timers[0].at.After(to) {
		due := c.timers[0]
		c.timers = c.timers[1:]
		if due.at.After(c.now) {
			c.now = due.at
		}
		c.mu.Unlock()
		due.run()
		c.mu.Lock()
	}
	if by < 0 || to.After(c.now) {
		c.now = to
	}
	return c.now
}

// At calls run, once, when the clock has come so far; where it has, at once, in a goroutine. Stop keeps that from happening, and tells
// whether it did.
func (c *Clock) At(when time.Time, run func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !when.After(c.now) {
		go run()
		return func() bool { return false }
	}
	set := &timer{when, run}
	place, _ := slices.BinarySearchFunc(c.timers, when, func(other *timer, when time.Time) int {
		if other.at.After(when) {
			return 1
		}
		return -1 // behind those of the same instant
	})
	c.timers = slices.Insert(c.timers, place, set)
	c.more.Broadcast()
	return func() bool { return c.remove(set) }
}

func (c *Clock) remove(set *timer) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	place := slices.Index(c.timers, set)
	if place < 0 {
		return false
	}
	c.timers = slices.Delete(c.timers, place, place+1)
	return true
}

// Await returns once so many things are set: each call that waits is one, each that may end late, and one for all calls whose leases
// are renewed. A test that moves the clock for something which another goroutine does knows by it that the wait has begun.
func (c *Clock) Await(set int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.timers) < set {
		c.more.Wait()
	}
}
