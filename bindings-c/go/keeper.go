//go:build cgo

package stanchion

import "sync"

// keeper renews the leases of the calls that are going on, all in one round at each third of a lease: so a short call pays
// for its entry in a list, and not for a timer. No goroutine waits; a timer is pending while there are calls, and at most
// for a third of a lease after the last.
type keeper struct {
	mu sync.Mutex
	// Where the ring of the calls begins and ends.
	ring   call
	stop   func() bool // of the timer; nil where none is pending
	closed bool
}

// enter and leave are on the way of every call: the lock is given back without defer, which would take as long as they do.
func (k *keeper) enter(c *call) {
	k.mu.Lock()
	if !k.closed {
		if k.ring.next == nil {
			k.ring.next, k.ring.previous = &k.ring, &k.ring
		}
		c.next, c.previous = k.ring.next, &k.ring
		c.next.previous, k.ring.next = c, c
		if k.stop == nil {
			k.stop = c.policy.nextRound()
		}
	}
	k.mu.Unlock()
}

// leave takes a call out, if it is there.
func (k *keeper) leave(c *call) {
	k.mu.Lock()
	if c.next != nil {
		c.next.previous, c.previous.next = c.previous, c.next
		c.next, c.previous = nil, nil
	}
	k.mu.Unlock()
}

// keeps tells whether calls are there, under the lock.
func (k *keeper) keeps() bool { return k.ring.next != nil && k.ring.next != &k.ring }

// round returns the calls of a new round, and has the next one called if there are any.
func (k *keeper) round(next func() (stop func() bool)) []*call {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stop = nil
	if !k.keeps() || k.closed {
		return nil
	}
	k.stop = next()
	var calls []*call
	for c := k.ring.next; c != &k.ring; c = c.next {
		c.needed() // before it can leave: see call.settle
		calls = append(calls, c)
	}
	return calls
}

func (k *keeper) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	if k.stop != nil {
		k.stop()
	}
}

// nextRound has a round made a third of a lease from now.
func (p *Policy) nextRound() (stop func() bool) {
	return p.after(p.now(), p.bounds.lease/3, p.renewAll)
}

// renewAll is a round. What goes wrong with the file is tried again in the next one, of which a lease has two more.
func (p *Policy) renewAll() {
	for _, c := range p.keeper.round(p.nextRound) {
		switch c.renew() {
		case LeaseLost:
			c.abort(ErrLeaseLost)
			p.keeper.leave(c)
		case NotLeased:
			p.keeper.leave(c)
		}
	}
}
