//go:build cgo

package stanchion

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// What an operator, or another source of results, says outside of a call. Each answers Done, Unchanged where it was so already, or
// NoGate where the policy has no such gate.

// Trip opens the circuit, as failures would.
func (p *Policy) Trip() (Answer, error) { return p.current().Trip() }

// Reset has everything start anew but the leases of running calls: circuit, limits, block, what a recovery gave up.
func (p *Policy) Reset() (Answer, error) { return p.current().Reset() }

// ForceOpen lets nothing through until an instant; the zero time is until [Policy.LiftMode].
func (p *Policy) ForceOpen(until time.Time) (Answer, error) { return p.current().ForceOpen(until) }

// Disable has the circuit let all through and count nothing, until [Policy.LiftMode].
func (p *Policy) Disable() (Answer, error) { return p.current().Disable() }

// MetricsOnly has the circuit count and never open, until [Policy.LiftMode].
func (p *Policy) MetricsOnly() (Answer, error) { return p.current().MetricsOnly() }

// LiftMode ends what ForceOpen, Disable or MetricsOnly began.
func (p *Policy) LiftMode() (Answer, error) { return p.current().LiftMode() }

// Unblock ends a block before its time.
func (p *Policy) Unblock() (Answer, error) { return p.current().Unblock() }

// ReleaseHolder gives back all slots of a holder, such as a process that died: see [Holder].
func (p *Policy) ReleaseHolder(name string) (Answer, error) { return p.current().ReleaseHolder(name) }

// Trip is [Policy.Trip] at the instant.
func (m Moment) Trip() (Answer, error) { return m.Command(`{"trip":{}}`) }

// Reset is [Policy.Reset] at the instant.
func (m Moment) Reset() (Answer, error) { return m.Command(`{"reset":{}}`) }

// ForceOpen is [Policy.ForceOpen] at the instant.
func (m Moment) ForceOpen(until time.Time) (Answer, error) {
	if until.IsZero() {
		return m.Command(`{"force_open":{}}`)
	}
	return m.Command(`{"force_open":{"until_us":` + strconv.FormatInt(until.UnixMicro(), 10) + `}}`)
}

// Disable is [Policy.Disable] at the instant.
func (m Moment) Disable() (Answer, error) { return m.Command(`{"disable":{}}`) }

// MetricsOnly is [Policy.MetricsOnly] at the instant.
func (m Moment) MetricsOnly() (Answer, error) { return m.Command(`{"metrics_only":{}}`) }

// LiftMode is [Policy.LiftMode] at the instant.
func (m Moment) LiftMode() (Answer, error) { return m.Command(`{"lift_mode":{}}`) }

// Unblock is [Policy.Unblock] at the instant.
func (m Moment) Unblock() (Answer, error) { return m.Command(`{"unblock":{}}`) }

// ReleaseHolder is [Policy.ReleaseHolder] at the instant.
func (m Moment) ReleaseHolder(name string) (Answer, error) {
	if !utf8.ValidString(name) {
		return Answer{}, notUTF8() // what encoding/json would change without a word
	}
	holder, err := json.Marshal(name)
	if err != nil {
		return Answer{}, err
	}
	return m.Command(`{"release_holder":{"holder":` + string(holder) + `}}`)
}
