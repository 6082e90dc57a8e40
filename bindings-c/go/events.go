//go:build cgo

package stanchion

import (
	"context"
	"log/slog"
	"time"
)

// Event is something that happened to a policy in this process.
type Event struct {
	// Policy is the policy's name.
	Policy string
	// Name is one of the constants.
	Name string
	// Rejected is the refusal of EventRejected, and of EventWouldReject; else nil.
	Rejected *RejectedError
	// Outcome is how the call of EventSettled ended; else 0.
	Outcome Outcome
	// Err is why of EventDegraded, EventUnavailable and EventNotSettled, and the error of the attempt of EventRetry and
	// EventGiveUp; else nil.
	Err error
	// Attempt is which one failed of EventRetry and EventGiveUp: 1 for the first; else 0.
	Attempt int
	// Wait is how long EventRetry waits for the next attempt; else 0.
	Wait time.Duration
	// Reason is why of EventGiveUp: that of a [GiveUp]; else empty.
	Reason string
}

// What the engine tells, in all languages by these names.
const (
	// EventOpened is a circuit that lets nothing through any more.
	EventOpened = "opened"
	// EventHalfOpened is a circuit that lets probes through.
	EventHalfOpened = "half_opened"
	// EventClosed is a circuit that lets all through again.
	EventClosed = "closed"
	// EventExtended is an open circuit that stays so for longer, after a failure that came late.
	EventExtended = "extended"
	// EventBlocked is a block that began, or ends later: a server wants no calls until then.
	EventBlocked = "blocked"
	// EventUnblocked is that an operator lets it be called again.
	EventUnblocked = "unblocked"
	// EventModeChanged is a mode that an operator laid over the circuit, or lifted.
	EventModeChanged = "mode_changed"
	// EventReset is that an operator had everything start anew.
	EventReset = "reset"
	// EventClockStepped is a clock that was set back so far that the state was repaired.
	EventClockStepped = "clock_stepped"
	// EventAdopted is a state of another configuration that was taken over.
	EventAdopted = "adopted"
	// EventLimitDropped is a limit of another configuration that was carried and had to go, for want of room.
	EventLimitDropped = "limit_dropped"
)

// What this package tells beside the engine's events.
const (
	// EventAdmitted is a call that may go ahead.
	EventAdmitted = "admitted"
	// EventRejected is a call that may not.
	EventRejected = "rejected"
	// EventWouldReject is, in shadow mode, a call that may go ahead and else might not.
	EventWouldReject = "would_reject"
	// EventUnavailable is a call that may not go ahead because the state file is away.
	EventUnavailable = "unavailable"
	// EventSettled is a permit that was given back with an outcome.
	EventSettled = "settled"
	// EventNotSettled is a call of Do that could not be settled: its slot comes back by the lease. Where a verdict has no outcome that
	// there is, the call is settled as usual.
	EventNotSettled = "not_settled"
	// EventRetry is a call of Do that failed and will be made again.
	EventRetry = "retry"
	// EventGiveUp is a call of Do that failed and is not made again, although the policy has retry.
	EventGiveUp = "give_up"
	// EventDegraded is an answer that was given without the state file.
	EventDegraded = "degraded"
)

// WithEvents has every event of the policy told, in the order in which they happened to the call that caused them, in its
// goroutine and before it returns, while no lock is held. Several listeners are told one after the other. A listener that
// panics loses nothing: a permit that was just acquired is given back, a settlement is done.
func WithEvents(listener func(Event)) Option {
	return func(o *options) { o.listeners = append(o.listeners, listener) }
}

// WithLogger logs every event: as a warning what one would look into (opened, not_settled, degraded, …), for debugging what
// every call does (admitted, rejected, settled, …), the rest as information.
func WithLogger(logger *slog.Logger) Option {
	return WithEvents(func(event Event) {
		level := event.level()
		if logger.Enabled(context.Background(), level) {
			logger.LogAttrs(context.Background(), level, event.Name, event.attributes()...)
		}
	})
}

func (e *Event) level() slog.Level {
	switch e.Name {
	case EventOpened, EventClockStepped, EventLimitDropped, EventUnavailable, EventNotSettled, EventDegraded, EventDeadLetter:
		return slog.LevelWarn
	case EventAdmitted, EventRejected, EventWouldReject, EventSettled, EventRetry:
		return slog.LevelDebug
	default:
		return slog.LevelInfo
	}
}

func (e *Event) attributes() []slog.Attr {
	attributes := []slog.Attr{slog.String("policy", e.Policy)}
	if e.Rejected != nil {
		attributes = append(attributes, slog.String("by", e.Rejected.By.String()))
		if e.Rejected.Never {
			attributes = append(attributes, slog.Bool("never", true))
		} else {
			attributes = append(attributes, slog.Duration("retry_after", e.Rejected.RetryAfter))
		}
	}
	if e.Outcome != 0 {
		attributes = append(attributes, slog.String("outcome", e.Outcome.String()))
	}
	if e.Attempt != 0 {
		attributes = append(attributes, slog.Int("attempt", e.Attempt))
	}
	if e.Wait != 0 {
		attributes = append(attributes, slog.Duration("wait", e.Wait))
	}
	if e.Reason != "" {
		attributes = append(attributes, slog.String("reason", e.Reason))
	}
	if e.Err != nil {
		attributes = append(attributes, slog.Any("error", e.Err))
	}
	return attributes
}

// tell tells one event, where somebody listens.
func (p *Policy) tell(event Event) {
	event.Policy = p.name
	for _, listener := range p.listeners {
		listener(event)
	}
}

// tellReport tells what happened on the way to an answer.
func (p *Policy) tellReport(report *Report) {
	if len(p.listeners) == 0 {
		return
	}
	for _, name := range report.Events.Names() {
		p.tell(Event{Name: name})
	}
	if report.Degraded != nil {
		p.tell(Event{Name: EventDegraded, Err: report.Degraded})
	}
}

// tellAdmitted gives the permit back if a listener panics, because then nobody gets it.
func (m Moment) tellAdmitted(d *decided) {
	if len(m.policy.listeners) == 0 {
		return
	}
	isTold := false
	defer func() {
		if !isTold {
			_, _ = m.policy.backend.cancel(d.permit, m.us)
			m.policy.line.nudge()
		}
	}()
	m.policy.tellReport(&d.report)
	m.policy.tell(Event{Name: EventAdmitted})
	if d.wouldReject {
		m.policy.tell(Event{Name: EventWouldReject, Rejected: m.policy.rejected(d)})
	}
	isTold = true
}
