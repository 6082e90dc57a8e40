//go:build cgo

package stanchion

import (
	"sync"
	"time"
)

// keeper renews the leases of the calls that are going on, all in one round at each third of a lease: so a short call pays
// for its entry in a list, and not for a timer. No goroutine waits; a timer is pending while there are calls, and at most
// for a third of a lease after the last.
type keeper struct {
	mu     sync.Mutex
	first  *call
	timer  *time.Timer
	closed bool
}

func (k *keeper) enter(c *call) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return
	}
	c.kept, c.next = true, k.first
	if c.next != nil {
		c.next.previous = c
	}
	k.first = c
	if k.timer == nil {
		k.timer = time.AfterFunc(c.policy.bounds.lease/3, c.policy.renewAll)
	}
}

func (k *keeper) leave(c *call) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !c.kept {
		return
	}
	if c.previous != nil {
		c.previous.next = c.next
	} else {
		k.first = c.next
	}
	if c.next != nil {
		c.next.previous = c.previous
	}
	c.kept, c.next, c.previous = false, nil, nil
}

// round returns the calls of a new round, and has the next one called if there are any.
func (k *keeper) round(every time.Duration, then func()) []*call {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.timer = nil
	if k.first == nil || k.closed {
		return nil
	}
	k.timer = time.AfterFunc(every, then)
	var calls []*call
	for c := k.first; c != nil; c = c.next {
		calls = append(calls, c)
	}
	return calls
}

func (k *keeper) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	if k.timer != nil {
		k.timer.Stop()
	}
}

// renewAll is a round. What goes wrong with the file is tried again in the next one, of which a lease has two more.
func (p *Policy) renewAll() {
	for _, c := range p.keeper.round(p.bounds.lease/3, p.renewAll) {
		switch c.renew() {
		case LeaseLost:
			c.abort(ErrLeaseLost)
			p.keeper.leave(c)
		case NotLeased:
			p.keeper.leave(c)
		}
	}
}
