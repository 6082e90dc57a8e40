package stanchion

// #include "stanchion.h"
import "C"

import (
	"context"
	"strconv"
	"time"
	"unsafe"
)

// Moment is a policy at an instant: see [Policy.At]. Its methods are those of [Policy].
type Moment struct {
	policy *Policy
	us     uint64
}

// now is the instant. A state file reads its clock when it decides; where nothing is decided, the system's will do.
func (m Moment) now() time.Time {
	if m.us == 0 {
		return time.Now()
	}
	return instant(m.us)
}

// TryAcquire is [Policy.TryAcquire] at the instant.
//
// It is small enough to be inlined, so that a permit which its caller keeps to himself lies on his stack.
func (m Moment) TryAcquire(opts ...AcquireOption) (*Permit, error) {
	permit := new(Permit)
	if err := m.fill(permit, opts); err != nil {
		return nil, err
	}
	return permit, nil
}

func (m Moment) fill(permit *Permit, opts []AcquireOption) error {
	if len(opts) == 0 {
		return m.grant(permit, &wish{})
	}
	plan, err := planOf(opts, saysHolder, 0)
	if err != nil {
		return err
	}
	return m.grant(permit, &plan.wish)
}

// grant makes the permit that of an admitted call; else it is the refusal.
func (m Moment) grant(permit *Permit, w *wish) error {
	c := m.policy.quick
	if c == nil {
		d, err := m.policy.backend.acquire(*w, m.us)
		if err != nil {
			return err
		}
		return m.grantBy(permit, d)
	}
	var d C.stn_decision
	if err := c.decide(&d, w, m.us); err != nil {
		return err
	}
	if d.verdict != C.STN_ADMITTED || d.would_reject != 0 {
		return m.grantBy(permit, decidedOf(&d))
	}
	// By halves, as C wrote them: a processor waits with a load until all of the stores that it spans are done.
	to, from := (*[2]uint64)(unsafe.Pointer(&permit.words)), (*[2]uint64)(unsafe.Pointer(&d.permit))
	to[0], to[1] = from[0], from[1]
	permit.Report.Changed, permit.Report.Events = d.changed != 0, Events(d.events)
	return nil
}

// grantIn is grant for a caller who waits for a file's lock no longer than his context lasts.
func (m Moment) grantIn(ctx context.Context, permit *Permit, w *wish) error {
	k, isShared := m.policy.backend.(*key)
	if !isShared || ctx.Done() == nil {
		return m.grant(permit, w)
	}
	d, isAnswered, err := k.acquireIn(ctx, *w, m.us)
	switch {
	case err != nil:
		return err
	case !isAnswered:
		return &WaitError{Policy: m.policy.name, Cause: context.Cause(ctx)}
	default:
		return m.grantBy(permit, d)
	}
}

func (m Moment) grantBy(permit *Permit, d decided) error {
	told, err := m.judge(d)
	if err == nil {
		m.policy.fill(permit, &told)
	}
	return err
}

func (m Moment) judge(d decided) (decided, error) {
	switch d.verdict {
	case C.STN_ADMITTED:
		m.tellAdmitted(&d)
		return d, nil
	case C.STN_UNAVAILABLE:
		unavailable := &UnavailableError{Policy: m.policy.name, Report: d.report}
		m.policy.tellReport(&d.report)
		m.policy.tell(Event{Name: EventUnavailable, Err: unavailable})
		return decided{}, unavailable
	default:
		rejected := m.policy.rejected(&d)
		m.policy.tellReport(&d.report)
		m.policy.tell(Event{Name: EventRejected, Rejected: rejected})
		return decided{}, rejected
	}
}

// Peek is [Policy.Peek] at the instant.
func (m Moment) Peek(opts ...AcquireOption) error {
	plan, err := planOf(opts, saysHolder, 0)
	if err != nil {
		return err
	}
	return m.peek(plan.wish)
}

func (m Moment) peek(w wish) error {
	d, err := m.policy.backend.peek(w, m.us)
	if err != nil {
		return err
	}
	if d.verdict == C.STN_ADMITTED {
		return nil
	}
	return m.policy.rejected(&d)
}

// Settle is [Policy.Settle] at the instant.
func (m Moment) Settle(permit *Permit, outcome Outcome, opts ...SettleOption) (answer Answer, err error) {
	end := end{outcome: uint32(outcome)}
	if len(opts) > 0 {
		if err := end.say(opts); err != nil {
			return Answer{}, err
		}
	}
	if err := permit.use(); err != nil {
		return Answer{}, err
	}
	err = m.settle(&answer, &permit.words, &end)
	permit.reopenAfter(err)
	return answer, err
}

// settle writes the answer to a result where the caller wants it: it is too large to be handed from function to function.
func (m Moment) settle(answer *Answer, permit *[4]uint32, end *end) error {
	if c := m.policy.quick; c != nil {
		var a C.stn_answer
		if err := c.conclude(&a, permit, end, m.us); err != nil {
			return err
		}
		answer.Result = Result(a.answer)
		answer.Report.Changed, answer.Report.Events = a.changed != 0, Events(a.events)
		m.policy.line.nudge()
		return nil
	}
	a, err := m.policy.backend.settle(*permit, *end, m.us)
	m.policy.line.nudge()
	m.policy.tellReport(&a.report)
	if err == nil && len(m.policy.listeners) > 0 {
		m.policy.tell(Event{Name: EventSettled, Outcome: Outcome(end.outcome)})
	}
	*answer = a.public()
	return err
}

// Cancel is [Policy.Cancel] at the instant.
func (m Moment) Cancel(permit *Permit) (Answer, error) {
	if err := permit.use(); err != nil {
		return Answer{}, err
	}
	a, err := m.policy.backend.cancel(permit.words, m.us)
	permit.reopenAfter(err)
	m.policy.line.nudge()
	m.policy.tellReport(&a.report)
	return a.public(), err
}

// Renew is [Policy.Renew] at the instant.
func (m Moment) Renew(permit *Permit) (Answer, error) {
	return m.renew(permit.words)
}

func (m Moment) renew(permit [4]uint32) (Answer, error) {
	a, err := m.policy.backend.renew(permit, m.us)
	m.policy.tellReport(&a.report)
	return a.public(), err
}

// Command is [Policy.Command] at the instant.
func (m Moment) Command(json string) (Answer, error) {
	a, err := m.policy.backend.command(json, m.us)
	m.policy.line.nudge()
	m.policy.tellReport(&a.report)
	return a.public(), err
}

// Block is [Policy.Block] at the instant.
func (m Moment) Block(until time.Time) (Answer, error) {
	return m.Command(`{"block":{"until_us":` + strconv.FormatInt(until.UnixMicro(), 10) + `}}`)
}

// NextChangeAt is when something changes next by time alone; the zero time where nothing does.
func (m Moment) NextChangeAt() (time.Time, error) {
	c, isLocal := m.policy.backend.(*cell)
	if !isLocal {
		return time.Time{}, errShared
	}
	at, err := c.nextChangeAt(m.us)
	return instant(at), err
}

func (a *answered) public() Answer {
	return Answer{Result: Result(a.answer), Until: instant(a.untilUS), Report: a.report}
}

// fill makes the permit that of an admitted call.
func (p *Policy) fill(permit *Permit, d *decided) {
	permit.words, permit.Report = d.permit, d.report
	if d.wouldReject {
		permit.WouldReject = p.rejected(d)
	}
}

// rejected is a refusal with its gates by name.
func (p *Policy) rejected(d *decided) *RejectedError {
	e := &RejectedError{Policy: p.name, By: p.gates[d.by], Report: d.report, gate: d.by}
	for i, gate := range p.gates {
		if d.gates>>i&1 != 0 {
			e.Gates = append(e.Gates, gate)
		}
	}
	if d.retryUS == C.STN_NEVER {
		e.Never = true
	} else {
		e.RetryAfter = time.Duration(d.retryUS) * time.Microsecond
	}
	return e
}
