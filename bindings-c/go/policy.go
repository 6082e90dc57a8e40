package stanchion

// #include "stanchion.h"
import "C"

import (
	"context"
	"errors"
	"strings"
	"time"
	"unsafe"
)

// Policy is a checked policy and its state. It is safe for many goroutines. Close it when it is no longer needed; one that is
// forgotten is freed by the garbage collector.
type Policy struct {
	backend backend
	// The backend, if it is a state in this process and nobody listens: then a step needs to tell nobody of it.
	quick  *cell
	clock  func() uint64
	timers Timers        // nil for the system's
	random func() uint32 // nil for math/rand's
	gates  *[C.STN_GATE_BULKHEAD + 1]Gate
	name   string
	config string
	// The value of a header field.
	rateLimitPolicy string
	fingerprint     uint32
	// Whether its clock is not the system's.
	hasOwnClock bool
	bounds      bounds
	keeper      keeper
	line        line
	maxWaiting  int
	listeners   []func(Event)
}

// FromJSON builds a policy from its JSON form, which policy.schema.json describes. What is no policy is a [*ConfigError].
func FromJSON(json []byte, opts ...Option) (*Policy, error) {
	var why C.stn_error
	why.struct_size = C.sizeof_stn_error
	var handle *C.stn_policy
	text, size := chars(unsafe.String(unsafe.SliceData(json), len(json)))
	status := C.stn_policy_from_json(text, size, &handle, &why)
	if status != C.STN_OK {
		return nil, toError(status, &why)
	}
	o := options{maxWaiting: mostWait}
	for _, opt := range opts {
		opt(&o)
	}
	p, err := newPolicy(handle, o)
	if err != nil {
		C.stn_policy_free(handle)
		return nil, err
	}
	return p, nil
}

// newPolicy owns the handle once it succeeds.
func newPolicy(handle *C.stn_policy, o options) (*Policy, error) {
	p := &Policy{
		clock: o.clock, timers: o.timers, hasOwnClock: o.clock != nil || isBubble(), random: o.draw, maxWaiting: o.maxWaiting,
		listeners: o.listeners,
	}
	if err := p.readHandle(handle); err != nil {
		return nil, err
	}
	if o.store != nil {
		key, err := o.store.key(handle, o.key)
		if err != nil {
			return nil, err
		}
		p.backend = key
		return p, nil
	}
	if p.clock == nil {
		p.clock = newClock().nowUS
	}
	cell, err := newCell(handle, p.clock())
	if err != nil {
		return nil, err
	}
	p.backend = cell
	p.quick = cell.unless(len(p.listeners) > 0)
	return p, nil
}

// readHandle copies what is asked for later, so that nothing but steps needs the handle.
func (p *Policy) readHandle(handle *C.stn_policy) error {
	name, err := readText(func(buffer *C.char, capacity C.size_t, needed *C.size_t) error {
		return okOr(C.stn_policy_name(handle, buffer, capacity, needed))
	})
	if err != nil {
		return err
	}
	config, err := readText(func(buffer *C.char, capacity C.size_t, needed *C.size_t) error {
		return okOr(C.stn_policy_config(handle, buffer, capacity, needed))
	})
	if err != nil {
		return err
	}
	allowed, err := readText(func(buffer *C.char, capacity C.size_t, needed *C.size_t) error {
		return okOr(C.stn_rate_limit_policy(handle, buffer, capacity, needed))
	})
	if err != nil {
		return err
	}
	p.name, p.config, p.rateLimitPolicy = string(name), string(config), string(allowed)
	if p.bounds, err = boundsOf(config); err != nil {
		return err
	}
	p.gates = new([C.STN_GATE_BULKHEAD + 1]Gate)
	for i := range p.gates {
		text, err := readText(func(buffer *C.char, capacity C.size_t, needed *C.size_t) error {
			return okOr(C.stn_gate_name(handle, C.uint32_t(i), buffer, capacity, needed))
		})
		if err != nil {
			return err
		}
		p.gates[i].Gate, p.gates[i].Name, _ = strings.Cut(string(text), ":")
	}
	var fingerprint C.uint32_t
	err = okOr(C.stn_policy_fingerprint(handle, &fingerprint))
	p.fingerprint = uint32(fingerprint)
	return err
}

// Close frees the policy. Every later call is ErrClosed.
func (p *Policy) Close() {
	p.keeper.close()
	p.backend.close()
	p.line.nudge()
}

// Name is the policy's name.
func (p *Policy) Name() string { return p.name }

// Config is the policy's configuration as JSON, with every default filled in.
func (p *Policy) Config() string { return p.config }

// Fingerprint stands for circuit, limits, block and bulkhead with their defaults. A state carries that of its policy.
func (p *Policy) Fingerprint() uint32 { return p.fingerprint }

// At is the policy at an instant that you give, for tests, replays and whoever has a clock of its own.
func (p *Policy) At(now time.Time) Moment { return Moment{p, micros(now)} }

// current is the policy at its clock's instant; 0 lets a state file read its own.
func (p *Policy) current() Moment {
	if p.clock == nil {
		return Moment{p, 0}
	}
	return Moment{p, p.clock()}
}

// Acquire asks whether a call may go ahead, unless the context has ended, and waits for it if [WaitFor] says so. A refusal is a
// [*RejectedError]. The permit wants to be given back by [Policy.Settle] or [Policy.Cancel].
func (p *Policy) Acquire(ctx context.Context, opts ...AcquireOption) (*Permit, error) {
	permit := new(Permit) // see Moment.TryAcquire
	if err := p.acquireWithin(ctx, 0, permit, opts); err != nil {
		return nil, err
	}
	return permit, nil
}

// Wait waits until a call may go ahead, as long as the context and [WaitFor] let it. Calls of one process that wait for one
// policy are admitted first in, first out; who does not wait does not mind the line. What is given back in this process is
// noticed at once, in another by looking.
//
// A wait that cannot end in time, for a limit's tokens, a block's end or an open circuit, is refused at once, as are calls
// that waiting cannot help, and those beyond [MaxWaiting]. When WaitFor is over, that is a [*RejectedError]; when the context ends, it is a [*WaitError].
// Both tell which gate held the call up.
func (p *Policy) Wait(ctx context.Context, opts ...AcquireOption) (*Permit, error) {
	permit := new(Permit) // see Moment.TryAcquire
	if err := p.acquireWithin(ctx, forever, permit, opts); err != nil {
		return nil, err
	}
	return permit, nil
}

func (p *Policy) acquireWithin(ctx context.Context, wait time.Duration, permit *Permit, opts []AcquireOption) error {
	all, err := planOf(opts, saysWait, wait)
	if err != nil {
		return err
	}
	_, err = p.admit(ctx, &all, permit)
	return err
}

// TryAcquire asks whether a call may go ahead. A refusal is a [*RejectedError], or an [*UnavailableError] where the state
// file is away and the policy says so.
func (p *Policy) TryAcquire(opts ...AcquireOption) (*Permit, error) {
	permit := new(Permit) // see Moment.TryAcquire
	if err := p.try(permit, opts); err != nil {
		return nil, err
	}
	return permit, nil
}

func (p *Policy) try(permit *Permit, opts []AcquireOption) error {
	return p.current().fill(permit, opts)
}

// Settle tells how a call ended: its slot and its probe come back, the circuit learns. On an error, such as a state file that is
// busy, nothing happened: the permit can be settled again, and else its slot and its probe come back when the lease ends.
func (p *Policy) Settle(permit *Permit, outcome Outcome, opts ...SettleOption) (Answer, error) {
	return p.current().Settle(permit, outcome, opts...)
}

// Cancel gives a permit back whose call never began. A call that began and was abandoned is settled as Ignored. On an error the
// permit is as before, as with [Policy.Settle].
func (p *Policy) Cancel(permit *Permit) (Answer, error) { return p.current().Cancel(permit) }

// Renew extends the lease of a call that goes on. After LeaseLost, abort the call: its slot may be another's.
func (p *Policy) Renew(permit *Permit) (Answer, error) { return p.current().Renew(permit) }

// Command gives a command in its JSON form, such as {"block":{"for_ms":1000}}. What is no command is an [*InputError]. [Policy.Block],
// [Policy.Trip] and the others are more comfortable.
func (p *Policy) Command(json string) (Answer, error) { return p.current().Command(json) }

// Peek is the error that TryAcquire would have now, nil where it would admit. It gives no permit and changes nothing.
func (p *Policy) Peek(opts ...AcquireOption) error { return p.current().Peek(opts...) }

// Snapshot is the state's portable bytes; nil where a state file has no such key yet.
func (p *Policy) Snapshot() (Snapshot, error) { return p.backend.snapshot() }

// Restore sets the state to bytes of a snapshot. On a [*StateError] the state is as it was.
func (p *Policy) Restore(bytes []byte) error {
	defer p.line.nudge()
	return p.backend.restore(bytes)
}

// errShared is told where a question needs the state in this process.
var errShared = errors.New("stanchion: the state is in a file: ask its snapshot")

// VacuousAt is from when on the state may be forgotten, because a new one would answer the same; the zero time for never.
func (p *Policy) VacuousAt() (time.Time, error) {
	c, isLocal := p.backend.(*cell)
	if !isLocal {
		return time.Time{}, errShared
	}
	at, err := c.vacuousAt()
	return instant(at), err
}
