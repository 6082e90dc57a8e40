//go:build cgo

package stanchion

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// line is where the calls of a policy wait in this process, first in, first out: only the first of them asks the gates. It
// asks again when the gates said it should, and when something was given back.
type line struct {
	// Read without the lock by who gives something back, mostly while nobody waits.
	waiting atomic.Int32
	mu      sync.Mutex
	first   *waiter
	last    *waiter
	// What the first was refused for last.
	held *RejectedError
}

type waiter struct {
	// Told, at most once ahead, that it is worth asking.
	turn           chan struct{}
	next, previous *waiter
}

func (w *waiter) tell() {
	select {
	case w.turn <- struct{}{}:
	default:
	}
}

// join takes a place, unless so many are taken: then it is what holds up the line. Who comes while nobody waits was refused before,
// so that something is always known to.
func (l *line) join(w *waiter, held *RejectedError, most int) *RejectedError {
	l.mu.Lock()
	defer l.mu.Unlock()
	if held != nil {
		l.held = held
	}
	if int(l.waiting.Load()) >= most {
		full := *l.held
		full.IsLineFull = true
		return &full
	}
	l.waiting.Add(1)
	if w.previous = l.last; w.previous != nil {
		w.previous.next = w
	} else {
		l.first = w
	}
	l.last = w
	return nil
}

// leave lets the next one ask, also when a waiter in the middle gave up.
func (l *line) leave(w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting.Add(-1)
	if w.previous != nil {
		w.previous.next = w.next
	} else {
		l.first = w.next
	}
	if w.next != nil {
		w.next.previous = w.previous
	} else {
		l.last = w.previous
	}
	if l.first != nil {
		l.first.tell()
	}
}

// nudge lets the first one ask, because something was given back.
func (l *line) nudge() {
	if l.waiting.Load() == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first != nil {
		l.first.tell()
	}
}

func (l *line) isFirst(w *waiter) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first == w
}

func (l *line) holdUp(held *RejectedError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = held
}

// admit asks whether a call may go ahead, and waits for it as long as the plan says. It makes the permit that of the admitted call,
// and tells the instant of the admission.
func (p *Policy) admit(ctx context.Context, all *plan, permit *Permit) (uint64, error) {
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	var held *RejectedError
	if all.wait == 0 || p.line.waiting.Load() == 0 {
		m := p.current()
		err := m.grantIn(ctx, permit, &all.wish)
		if err == nil {
			return m.us, nil
		}
		if held, _ = err.(*RejectedError); all.wait == 0 || held == nil || held.Never {
			return m.us, err
		}
	}
	w := &waiter{turn: make(chan struct{}, 1)}
	if full := p.line.join(w, held, p.maxWaiting); full != nil {
		if held == nil { // else it was told of that
			p.tell(Event{Name: EventRejected, Rejected: full})
		}
		return 0, full
	}
	defer p.line.leave(w)
	return p.queue(ctx, all, w, permit)
}

// patience is when a wait ends.
type patience struct {
	end       time.Time
	hasEnd    bool
	isCallers bool
}

func (p *Policy) patience(ctx context.Context, a *plan) patience {
	end, hasEnd := ctx.Deadline()
	if p.timers != nil {
		hasEnd = false // by the system's clock, which says nothing of this one: the context ends when it does
	}
	if waitEnd := p.now().Add(a.wait); a.wait != forever && (!hasEnd || waitEnd.Before(end)) {
		return patience{end: waitEnd, hasEnd: true}
	}
	return patience{end, hasEnd, hasEnd}
}

func (p patience) left(now time.Time) time.Duration {
	if p.hasEnd {
		return p.end.Sub(now)
	}
	return forever
}

// queue waits in the line.
func (p *Policy) queue(ctx context.Context, all *plan, w *waiter, permit *Permit) (uint64, error) {
	patience := p.patience(ctx, all)
	alarm := p.newAlarm()
	defer alarm.stop()
	for polls := 0; ; polls++ {
		from := p.now()
		left := patience.left(from)
		pause := left
		if p.line.isFirst(w) {
			m := p.current()
			err := m.grantIn(ctx, permit, &all.wish)
			held, isRejected := err.(*RejectedError)
			if !isRejected || held.Never {
				return m.us, err
			}
			p.line.holdUp(held)
			if pause = p.pause(held, polls, left); pause > left && left > 0 {
				return 0, held
			}
		}
		if left <= 0 && !patience.isCallers {
			return 0, p.heldUp(all)
		}
		if left <= 0 {
			pause = forever // the context is about to notice its deadline
		}
		alarm.set(from, pause)
		select {
		case <-w.turn:
		case <-alarm.rings:
		case <-ctx.Done():
			return 0, &WaitError{Policy: p.name, Rejected: p.heldUp(all), Cause: context.Cause(ctx)}
		}
	}
}

// Other processes give back what this one is not told of, so it looks: after 4 ms first, and every 256 ms at last.
const (
	firstPoll = 4 * time.Millisecond
	mostPolls = 6
)

// pause is until when the first waits before it asks again; more than what is left of its patience if that is hopeless.
func (p *Policy) pause(held *RejectedError, polls int, left time.Duration) time.Duration {
	_, isLocal := p.backend.(*cell)
	mayEndEarly := held.By.Gate == "bulkhead" || held.By.Gate == "circuit" && p.isProbing()
	pause := held.RetryAfter
	if mayEndEarly && !isLocal {
		// Spread by half, or processes that began to wait at the same instant would look in step, and slots stay free meanwhile.
		poll := firstPoll << min(polls, mostPolls)
		pause = min(pause, poll-rand.N(poll/2))
	}
	if mayEndEarly {
		pause = min(pause, max(left, 0))
	}
	if !isLocal && pause < left {
		// So that processes which wait for the same instant do not ask in step.
		pause = min(pause+rand.N(min(pause/8, 10*time.Millisecond)+1), left)
	}
	return pause
}

// isProbing tells whether a result may close the circuit at any time.
func (p *Policy) isProbing() bool {
	var now struct{ Circuit struct{ Phase string } }
	text, err := p.ExplainJSON()
	return err == nil && json.Unmarshal(text, &now) == nil && now.Circuit.Phase == "half_open"
}

// heldUp is what holds a call up that gives up: the gates, or else the calls before it, and so what holds up the first.
func (p *Policy) heldUp(all *plan) *RejectedError {
	if rejected, isRejected := p.current().peek(all.wish).(*RejectedError); isRejected {
		return rejected
	}
	p.line.mu.Lock()
	defer p.line.mu.Unlock()
	return p.line.held
}
