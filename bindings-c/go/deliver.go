package stanchion

// #include "stanchion.h"
import "C"

import (
	"context"
	"errors"
	"slices"
	"time"
)

// ErrUndeliverable is what a delivery's error is, for errors.Is, that says that the item will never be taken: it becomes a dead
// letter at once.
var ErrUndeliverable = errors.New("stanchion: undeliverable")

// EventDeadLetter is an item of a spool that became a dead letter; Err is the error of its last delivery, nil where there was none.
const EventDeadLetter = "dead_letter"

// Drain delivers what waits, item by item in its order, until there is nothing to be delivered now or the gates refuse; it tells how
// many were acknowledged. A refusal is a [*RejectedError]; that an item waits for its turn is none.
//
// Each delivery is a call under the policy, as [Policy.Do] makes it but for its retries: where something is to be delivered the gates
// are asked, and only then an item is leased, so that only probes use up attempts while the receiver is down. An item is gone when
// deliver returned nil, unless [Classify] calls that no success. An error means that it waits again: longer with each attempt, and not before the instant of a [ReplyError] or
// of a refusal within; [ErrUndeliverable] makes it a dead letter. What says nothing about the receiver, such as that the context was
// cancelled, counts as no attempt. While deliver runs, leases are renewed; its context ends when one is lost.
func (s *Spool) Drain(
	ctx context.Context, deliver func(context.Context, *Delivery) error, opts ...AcquireOption,
) (delivered int, err error) {
	all, err := planOf(opts, saysClassify, 0)
	if err != nil {
		return 0, err
	}
	for {
		one, err := s.turn(ctx, deliver, &all)
		if one.isGone {
			delivered++
		}
		if err != nil || !one.isDone {
			return delivered, err
		}
	}
}

// Deliver delivers what waits and what comes, until the context ends, and tells why it did, or until spool or policy is closed. What
// else goes wrong is an [Event], and tried again. Several may run at once, also in other processes; under order: strict one item is
// delivered at a time. What is appended in this process is delivered at once, what others append is noticed by looking.
func (s *Spool) Deliver(ctx context.Context, deliver func(context.Context, *Delivery) error, opts ...AcquireOption) error {
	all, err := planOf(opts, saysClassify, forever)
	if err != nil {
		return err
	}
	for looks := 0; ; looks++ {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		news := s.news.wait()
		one, err := s.turn(ctx, deliver, &all)
		switch {
		case errors.Is(err, ErrClosed):
			return err
		case err == nil && one.isDone:
			looks = -1
			continue
		case errors.Is(err, ErrRejected):
			looks = mostPolls // waiting cannot help until an operator does
		case err != nil && !isBusy(err) && ctx.Err() == nil:
			s.policy.tell(Event{Name: EventDegraded, Err: err})
			looks = mostPolls
		}
		s.rest(ctx, news, one.again, looks)
	}
}

// rest waits until it is worth to look again. Other processes append, give back and let go without a word here.
func (s *Spool) rest(ctx context.Context, news <-chan struct{}, again time.Time, looks int) {
	from, pause := s.now(), firstPoll<<min(looks, mostPolls)
	if !again.IsZero() {
		pause = min(pause, again.Sub(from))
	}
	_ = s.policy.sleepOr(ctx, from, pause, news)
}

// peek tells what a lease would find, and whether that is something to do.
func (s *Spool) peek() (Offer, bool, error) {
	var out C.stn_spool_offer
	out.struct_size = C.sizeof_stn_spool_offer
	err := s.with(func(handle *C.stn_spool, nowUS C.uint64_t, why *C.stn_error) C.uint32_t {
		return C.stn_spool_peek(handle, nowUS, &out, why)
	})
	return offerOf(&out), out.is_leased != 0 || out.died != 0, err
}

// oneTurn is what became of one turn.
type oneTurn struct {
	// Whether there was something to do, and whether an item was delivered and is gone.
	isDone, isGone bool
	// When there is something to do, where nothing was done; the zero time where that cannot be told.
	again time.Time
}

// turn delivers the next item, if there is one, if the gates admit it, and if nobody else took it meanwhile.
func (s *Spool) turn(ctx context.Context, deliver func(context.Context, *Delivery) error, all *plan) (oneTurn, error) {
	next, isThere, err := s.peek()
	if err != nil || !isThere {
		return oneTurn{again: next.Again}, err
	}
	var permit Permit
	sinceUS, err := s.policy.admit(ctx, all, &permit)
	if err != nil {
		return oneTurn{}, err
	}
	offer, err := s.Lease(ctx)
	for range offer.Died {
		s.policy.tell(Event{Name: EventDeadLetter})
	}
	if err != nil || offer.Delivery == nil {
		_, cancelling := s.policy.Cancel(&permit)
		return oneTurn{isDone: offer.Died > 0, again: offer.Again}, errors.Join(err, cancelling)
	}
	answer, err := s.hand(ctx, offer.Delivery, deliver, all, &permit, sinceUS)
	return oneTurn{isDone: true, isGone: answer.Result == "acknowledged"}, err
}

// hand hands an item over, and settles it whatever happens.
func (s *Spool) hand(
	ctx context.Context, d *Delivery, deliver func(context.Context, *Delivery) error, all *plan, permit *Permit, sinceUS uint64,
) (answer SpoolAnswer, err error) {
	end, failed := spoolEnd{outcome: Failure}, error(nil) // of a function that does not return
	defer func() { answer, err = s.conclude(d, end, failed) }()
	var v Classified
	failed = s.policy.run(ctx, func(ctx context.Context) error {
		inside, cancel := context.WithCancelCause(ctx)
		stop := s.policy.keepLease(d.Until.Sub(s.now()), cancel, func() bool {
			answer, err := d.Renew()
			return err != nil || answer.Result == "renewed" // a folder that is away is asked again
		})
		defer func() {
			cancel(context.Canceled)
			stop()
		}()
		return deliver(inside, d)
	}, all, &permit.words, sinceUS, &v)
	end = s.endOf(ctx, v, failed)
	if slices.Contains(all.events.Names(), EventClosed) {
		_, _ = s.Resume() // where the folder is busy, items go out unpaced
	}
	return answer, nil
}

// endOf is how a delivery ended that ended with this error; what that makes of the item, the core judges.
func (s *Spool) endOf(ctx context.Context, v Classified, err error) spoolEnd {
	if errors.Is(err, ErrUndeliverable) {
		return spoolEnd{outcome: Failure, isRefused: true}
	}
	end := spoolEnd{outcome: v.Outcome, call: callOf(ctx, err), notBefore: v.RetryAt}
	if v.BlockUntil.After(end.notBefore) {
		end.notBefore = v.BlockUntil
	}
	var rejected *RejectedError
	if errors.As(err, &rejected) && rejected.RetryAfter > 0 {
		end.notBefore = s.now().Add(rejected.RetryAfter)
	}
	return end
}

func callOf(ctx context.Context, err error) C.uint32_t {
	switch {
	case err == nil:
		return C.STN_SPOOL_CALL_RETURNED
	case ctx.Err() != nil:
		return C.STN_SPOOL_CALL_CANCELLED
	default:
		return C.STN_SPOOL_CALL_FAILED
	}
}

// conclude settles a delivery. While the folder is busy it is tried again, as long as the lease lasts.
func (s *Spool) conclude(d *Delivery, end spoolEnd, failed error) (SpoolAnswer, error) {
	for looks := 0; ; looks++ {
		answer, err := d.settle(end)
		if isBusy(err) && s.now().Before(d.Until) {
			_ = s.policy.sleep(context.Background(), s.now(), firstPoll<<min(looks, mostPolls))
			continue
		}
		if answer.Result == "dead" {
			s.policy.tell(Event{Name: EventDeadLetter, Err: failed})
		}
		return answer, err
	}
}

// keepLease renews a lease at each third of it, until it is stopped; when it is lost, the context is ended.
func (p *Policy) keepLease(lease time.Duration, abort context.CancelCauseFunc, renew func() bool) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		alarm := p.newAlarm()
		defer alarm.stop()
		for {
			alarm.set(p.now(), max(lease/3, time.Millisecond))
			select {
			case <-done:
				return
			case <-alarm.rings:
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
