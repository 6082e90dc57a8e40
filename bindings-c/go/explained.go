//go:build cgo

package stanchion

import (
	"encoding/json"
	"strings"
	"time"
)

// explained is an [Explanation] as the engine says it.
type explained struct {
	Policy        string
	AtUS          uint64 `json:"at_us"`
	LastAtUS      uint64 `json:"last_at_us"`
	Generation    uint32
	Admits        bool
	By            string
	Gates         []string
	RetryAfterUS  *uint64 `json:"retry_after_us"`
	IsShadow      bool    `json:"is_shadow"`
	Circuit       *explainedCircuit
	BlockUntilUS  uint64 `json:"block_until_us"`
	Limits        []explainedLimit
	CarriedLimits int `json:"carried_limits"`
	Bulkhead      *explainedBulkhead
	NextChangeUS  uint64 `json:"next_change_us"`
	VacuousUS     uint64 `json:"vacuous_us"`
}

type explainedCircuit struct {
	Phase               Phase
	Mode                Phase
	ModeUntilUS         uint64 `json:"mode_until_us"`
	SinceUS             uint64 `json:"since_us"`
	UntilUS             uint64 `json:"until_us"`
	Reason              string
	Growth              int
	ConsecutiveFailures *Count `json:"consecutive_failures"`
	FailuresInWindow    *Count `json:"failures_in_window"`
	Rates               *RatesExplanation
	Probes              *ProbesExplanation
}

type explainedLimit struct {
	Name             string
	Tokens           int64
	TokenThousandths int `json:"token_thousandths"`
	Capacity         int
	FullUS           uint64 `json:"full_us"`
}

type explainedBulkhead struct {
	InFlight      int    `json:"in_flight"`
	MaxConcurrent int    `json:"max_concurrent"`
	FirstEndUS    uint64 `json:"first_end_us"`
	Holders       []explainedHolder
}

// A holder with its slots: a pair.
type explainedHolder struct {
	hash  string
	slots int
}

func (h *explainedHolder) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[...]any{&h.hash, &h.slots})
}

func (said *explained) public() *Explanation {
	e := &Explanation{
		Policy: said.Policy, At: instant(said.AtUS), LastAt: instant(said.LastAtUS), Generation: said.Generation,
		Admits: said.Admits, By: gateNamed(said.By),
		IsShadow: said.IsShadow, BlockUntil: instant(said.BlockUntilUS), CarriedLimits: said.CarriedLimits,
		NextChange: instant(said.NextChangeUS), Vacuous: instant(said.VacuousUS),
	}
	for _, gate := range said.Gates {
		e.Gates = append(e.Gates, gateNamed(gate))
	}
	if said.RetryAfterUS != nil {
		e.RetryAfter = Ptr(time.Duration(*said.RetryAfterUS) * time.Microsecond)
	}
	if c := said.Circuit; c != nil {
		e.Circuit = &CircuitExplanation{
			Phase: c.Phase, Mode: c.Mode, ModeUntil: instant(c.ModeUntilUS), Since: instant(c.SinceUS), Until: instant(c.UntilUS),
			Reason: c.Reason, Growth: c.Growth, ConsecutiveFailures: c.ConsecutiveFailures, FailuresInWindow: c.FailuresInWindow,
			Rates: c.Rates, Probes: c.Probes,
		}
	}
	for _, l := range said.Limits {
		e.Limits = append(e.Limits, LimitExplanation{l.Name, l.Tokens, l.TokenThousandths, l.Capacity, instant(l.FullUS)})
	}
	if b := said.Bulkhead; b != nil {
		e.Bulkhead = &BulkheadExplanation{b.InFlight, b.MaxConcurrent, instant(b.FirstEndUS), map[string]int{}}
		for _, holder := range b.Holders {
			e.Bulkhead.Holders[holder.hash] = holder.slots
		}
	}
	return e
}

// gateNamed is a gate by its text form, which is empty for none.
func gateNamed(text string) (gate Gate) {
	gate.Gate, gate.Name, _ = strings.Cut(text, ":")
	return gate
}
