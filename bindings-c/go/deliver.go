//go:build cgo

package stanchion

import (
	"context"
	"errors"
	"slices"
	"time"
)

// ErrUndeliverable is the error of a delivery that will never be taken: its item becomes a dead letter at once.
var ErrUndeliverable = errors.New("stanchion: undeliverable")

// Drain delivers what waits, item by item in its order, until there is nothing to be delivered now or the gates refuse; it tells how
// many were acknowledged. A refusal is a [*RejectedError]; that an item waits for its turn is none.
//
// Each delivery is a call under the policy, as [Policy.Do] makes it but for its retries: the gates are asked before an item is leased,
// so that only probes use up attempts while the receiver is down. An item is gone when deliver returned nil. An error means that it
// waits again: longer with each attempt, not before the instant of a [ReplyError]; [ErrUndeliverable] makes it a dead letter.
func (s *Spool) Drain(ctx context.Context, deliver func(context.Context, *Delivery) error) (delivered int, err error) {
	for {
		one, err := s.deliverOne(ctx, deliver)
		if err != nil || !one.isLeased {
			return delivered, err
		}
		if one.isGone {
			delivered++
		}
	}
}

// Deliver delivers what waits and what comes, until the context ends, and tells why it did, or until spool or policy is closed. What
// else goes wrong is an [Event], and tried again.
func (s *Spool) Deliver(ctx context.Context, deliver func(context.Context, *Delivery) error) error {
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		one, err := s.deliverOne(ctx, deliver)
		var rejected *RejectedError
		switch {
		case errors.Is(err, ErrClosed):
			return err
		case errors.As(err, &rejected) && !rejected.Never:
			one.wait = rejected.RetryAfter
		case err != nil:
			s.policy.tell(Event{Name: EventDegraded, Err: err})
			one.wait = looksEvery
		case one.isLeased:
			continue
		}
		if err := s.rest(ctx, one.wait); err != nil {
			return err
		}
	}
}

// Other processes append, give back and let go without a word here, so somebody looks.
const looksEvery = time.Second

func (s *Spool) rest(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(min(wait, looksEvery))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.appended:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// oneDelivery is what became of one turn.
type oneDelivery struct {
	isLeased, isGone bool
	// How long there is nothing to do, where nothing was leased.
	wait time.Duration
}

func (s *Spool) deliverOne(ctx context.Context, deliver func(context.Context, *Delivery) error) (oneDelivery, error) {
	var all plan
	d, sinceUS, err := s.policy.admit(ctx, &all)
	if err != nil {
		return oneDelivery{}, err
	}
	offer, err := s.Lease()
	if err != nil || offer.Delivery == nil {
		m := s.policy.current()
		_, problem := m.policy.backend.cancel(d.permit, m.us)
		m.policy.line.nudge()
		return oneDelivery{wait: s.untilNext(&offer)}, errors.Join(err, problem)
	}
	item, isTold := offer.Delivery, false
	defer func() {
		if !isTold {
			_, _ = item.Settle(Failure, time.Time{}) // of a function that does not return
		}
	}()
	v, err := s.policy.run(ctx, func(ctx context.Context) error { return s.hand(ctx, item, deliver) }, &all, d.permit, sinceUS)
	isTold = true
	answer, problem := item.end(v, err)
	if problem == nil && slices.Contains(all.events.Names(), "closed") {
		_, problem = s.Resume()
	}
	return oneDelivery{isLeased: true, isGone: answer.Result == "acknowledged"}, problem
}

// untilNext is how long there is nothing to be leased.
func (s *Spool) untilNext(offer *Offer) time.Duration {
	if offer.Again.IsZero() {
		return forever
	}
	return max(offer.Again.Sub(s.policy.current().now()), 0)
}

// end tells the spool what the end of a call means for the item.
func (d *Delivery) end(v Classified, err error) (SpoolAnswer, error) {
	switch {
	case err == nil:
		return d.Settle(Success, time.Time{})
	case errors.Is(err, ErrUndeliverable):
		return d.Refuse()
	case v.Outcome == Ignored && v.Retry != RetryAlways:
		return d.Settle(Ignored, time.Time{}) // nothing was tried, or nobody waited for the end
	default:
		return d.Settle(Failure, v.RetryAt)
	}
}

// hand hands an item over, and renews its lease meanwhile.
func (s *Spool) hand(ctx context.Context, item *Delivery, deliver func(context.Context, *Delivery) error) error {
	inside, cancel := context.WithCancelCause(ctx)
	stop := keepLease(item.Until.Sub(s.policy.current().now()), cancel, func() bool {
		answer, err := item.Renew()
		return err != nil || answer.Result == "renewed" // a folder that is away is asked again
	})
	defer func() {
		cancel(context.Canceled)
		stop()
	}()
	return deliver(inside, item)
}

// keepLease renews a lease at each third of it, until it is stopped; when it is lost, the context is ended.
func keepLease(lease time.Duration, abort context.CancelCauseFunc, renew func() bool) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(max(lease/3, time.Millisecond))
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
			}
			if !renew() {
				abort(ErrLeaseLost)
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}
