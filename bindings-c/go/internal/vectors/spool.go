package main

import (
	"fmt"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// replaySpool makes the steps of a spool, each with the state that the one before left.
func replaySpool(vector object, steps []any) ([]object, error) {
	policy, err := stanchion.FromJSON([]byte(canonical(vector["policy"])))
	if err != nil {
		return nil, err
	}
	defer policy.Close()
	start, err := startOf(vector)
	if err != nil {
		return nil, err
	}
	var state any
	var lines []object
	for i, item := range steps {
		step, _ := item.(object)
		at, err := number(step, "at_us")
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
		line, err := spoolStep(policy.At(time.UnixMicro(start+at)), state, step["do"])
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
		state = line["state"]
		lines = append(lines, line)
	}
	return lines, nil
}

// spoolStep is one step; what is refused leaves the state as it was.
func spoolStep(m stanchion.Moment, state, do any) (object, error) {
	text, err := m.SpoolStep(canonical(state), canonical(do))
	if err != nil {
		refused, err := refusedInput(err)
		return object{"answer": refused, "changed": false, "events": []any{}, "state": state}, err
	}
	whole, err := parse(text)
	line, _ := whole.(object)
	return line, err
}
