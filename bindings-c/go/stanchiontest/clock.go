// Package stanchiontest has what a test of code under a policy needs.
package stanchiontest

import (
	"sync"
	"time"
)

// Clock is a clock that stands still until a test moves it. Give its Now to stanchion.WithClock, and the gates decide by it.
// It is safe for many goroutines.
//
// Whoever waits, ends late or renews a lease does so by the system's timers: for tests of that, build the policy in a bubble
// of testing/synctest without a clock instead.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock is a clock that stands at an instant.
func NewClock(start time.Time) *Clock { return &Clock{now: start} }

// Now is where the clock stands.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock on, or back where the duration is negative, and returns where it stands now.
func (c *Clock) Advance(by time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
	return c.now
}
