//go:build cgo

package stanchion

import (
	"context"
	"time"
)

// Timers are a clock that has timers, too, for [WithTimers]: the clock of the package stanchiontest is one.
type Timers interface {
	// Now is what the clock says.
	Now() time.Time
	// At calls run, once, when the clock says so late, also where it does already. It returns before. Stop keeps that from
	// happening, and tells whether it did.
	At(when time.Time, run func()) (stop func() bool)
}

// WithTimers makes the policy read this clock instead of the system's, and has all that waits, ends late or renews a lease keep to
// it: [WaitFor], [Timeout], retries, schedules, recoveries, the leases of calls. The deadline of a context keeps to the system's.
func WithTimers(clock Timers) Option {
	read := WithClock(clock.Now)
	return func(o *options) {
		read(o)
		o.timers = clock
	}
}

// now is what waits are measured by.
func (p *Policy) now() time.Time {
	if p.timers != nil {
		return p.timers.Now()
	}
	return time.Now()
}

// after calls run so long after an instant of now, which has just been.
func (p *Policy) after(from time.Time, wait time.Duration, run func()) (stop func() bool) {
	if p.timers != nil {
		return p.timers.At(from.Add(wait), run) // who moves the clock meanwhile does not move this
	}
	return time.AfterFunc(wait, run).Stop
}

// alarm rings so long after it was set. It may ring for an earlier setting when it is set anew.
type alarm struct {
	policy *Policy
	rings  chan struct{}
	unset  func() bool
}

func (p *Policy) newAlarm() *alarm { return &alarm{policy: p, rings: make(chan struct{}, 1)} }

func (a *alarm) set(from time.Time, wait time.Duration) {
	a.stop()
	a.unset = a.policy.after(from, wait, a.ring)
}

func (a *alarm) ring() {
	select {
	case a.rings <- struct{}{}:
	default:
	}
}

func (a *alarm) stop() {
	if a.unset != nil {
		a.unset()
	}
}

// sleep waits so long after an instant of now; its error is why the context ended first.
func (p *Policy) sleep(ctx context.Context, from time.Time, wait time.Duration) error {
	return p.sleepOr(ctx, from, wait, nil)
}

// sleepUntil does the same until an instant.
func (p *Policy) sleepUntil(ctx context.Context, until time.Time) error {
	from := p.current().now()
	return p.sleep(ctx, from, until.Sub(from))
}

// sleepOr is sleep, or waits until it is woken.
func (p *Policy) sleepOr(ctx context.Context, from time.Time, wait time.Duration, wake <-chan struct{}) error {
	alarm := p.newAlarm()
	alarm.set(from, wait)
	defer alarm.stop()
	select {
	case <-alarm.rings:
		return nil
	case <-wake:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
