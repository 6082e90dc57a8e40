//go:build cgo

package stanchion

import (
	"encoding/json"
	"time"
)

// Intent is why something wants to run.
type Intent string

const (
	// Scheduled is a run whose slot has come.
	Scheduled Intent = "scheduled"
	// OnEvent is a run that something happened for: it goes past the interval.
	OnEvent Intent = "event"
	// Manual is a run that somebody wants: it goes past the interval and the backoff. Nothing goes past a server's block.
	Manual Intent = "manual"
)

// Turn is whether something may run now.
type Turn struct {
	// Runs tells that it may: it counts as a run from here on, to be ended by [Policy.Ran].
	Runs bool
	// At is when to ask again; the zero time where waiting cannot help, and where Runs is true.
	At time.Time
	// By is what puts it off: interval, spacing, flood, backoff or block; empty where Runs is true.
	By string
	// Report says how the answer came about.
	Report Report
}

// Turn asks the policy's schedule whether something may run now. The key spreads the slots, so that not all run at once; it may be
// empty. [Policy.Schedule] does all of this by itself.
func (p *Policy) Turn(intent Intent, key string) (Turn, error) { return p.current().Turn(intent, key) }

// Ran tells how a run ended. Ignored, a run that was skipped, counts neither way.
func (p *Policy) Ran(outcome Outcome) (Result, error) { return p.current().Ran(outcome) }

// NextRunAt is when something that runs by the schedule is next run; the zero time for never. It changes nothing.
func (p *Policy) NextRunAt(intent Intent, key string) (time.Time, error) {
	return p.current().NextRunAt(intent, key)
}

// Turn is [Policy.Turn] at the instant.
func (m Moment) Turn(intent Intent, key string) (Turn, error) {
	var said struct {
		Run  string
		Wait *struct {
			AtUS uint64 `json:"at_us"`
			By   string
		}
	}
	report, err := m.ask("run", map[string]any{"intent": intent, "key": orNull(key)}, &said)
	turn := Turn{Runs: said.Run == "go", Report: report}
	if said.Wait != nil {
		turn.At, turn.By = instant(said.Wait.AtUS), said.Wait.By
	}
	return turn, err
}

// Ran is [Policy.Ran] at the instant.
func (m Moment) Ran(outcome Outcome) (Result, error) {
	var said struct{ Commanded string }
	_, err := m.ask("ran", map[string]any{"outcome": outcome}, &said)
	return resultOf(said.Commanded), err
}

// NextRunAt is [Policy.NextRunAt] at the instant.
func (m Moment) NextRunAt(intent Intent, key string) (time.Time, error) {
	var said *struct {
		AtUS uint64 `json:"at_us"`
	}
	_, err := m.ask("next_run_at", map[string]any{"intent": intent, "key": orNull(key)}, &said)
	if err != nil || said == nil {
		return time.Time{}, err
	}
	return instant(said.AtUS), nil
}

// ask makes a step whose fields are these, and reads its answer.
func (m Moment) ask(name string, fields map[string]any, answer any) (Report, error) {
	step, err := json.Marshal(map[string]any{name: fields})
	if err != nil {
		return Report{}, err
	}
	applied, err := m.Apply(string(step))
	if err != nil {
		return Report{}, err
	}
	return applied.Report, json.Unmarshal(applied.Answer, answer)
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func resultOf(name string) Result {
	for result, known := range resultNames {
		if known == name {
			return Result(result)
		}
	}
	return 0
}
