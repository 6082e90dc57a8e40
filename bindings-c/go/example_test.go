//go:build cgo

package stanchion_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

func newPolicy(json string) *stanchion.Policy {
	policy, err := stanchion.FromJSON([]byte(json))
	if err != nil {
		panic(err)
	}
	return policy
}

func ExampleNew() {
	policy, err := stanchion.New(stanchion.Config{
		Name:     "billing",
		Circuit:  &stanchion.CircuitConfig{ConsecutiveFailures: stanchion.Ptr[uint32](5)},
		Limits:   []stanchion.LimitConfig{{Name: "calls", Capacity: 60, RefillTokens: 60, RefillIntervalMS: 60000}},
		Bulkhead: &stanchion.BulkheadConfig{MaxConcurrent: 0},
	})
	var wrong *stanchion.ConfigError
	if errors.As(err, &wrong) {
		fmt.Printf("%s: not %s, but %s\n", wrong.Field, wrong.Value, wrong.Allowed)
		return
	}
	defer policy.Close()
	// Output: bulkhead.max_concurrent: not 0, but a whole number from 1 to 4096
}

func ExamplePolicy_Do() {
	policy := newPolicy(`{"name": "billing", "circuit": {"consecutive_failures": 2, "open_ms": 60000}}`)
	defer policy.Close()
	call := func(context.Context) error { return errors.New("connection refused") }
	for range 3 {
		err := policy.Do(context.Background(), call, stanchion.Timeout(5*time.Second))
		var rejected *stanchion.RejectedError
		if errors.As(err, &rejected) {
			fmt.Println("not called, because of the", rejected.By)
		} else {
			fmt.Println("called:", err)
		}
	}
	// Output:
	// called: connection refused
	// called: connection refused
	// not called, because of the circuit
}

func ExampleDo() {
	policy := newPolicy(`{"name": "greetings", "bulkhead": {"max_concurrent": 1}}`)
	defer policy.Close()
	text, err := stanchion.Do(context.Background(), policy, func(context.Context) (string, error) { return "hello", nil })
	fmt.Println(text, err)
	// Output: hello <nil>
}

// That something is not there is an answer, and no failure of the system that was asked.
func ExampleClassify() {
	policy := newPolicy(`{"name": "files", "circuit": {"consecutive_failures": 1}}`)
	defer policy.Close()
	absentIsSuccess := stanchion.Classify(func(err error, usual stanchion.Outcome) stanchion.Outcome {
		if errors.Is(err, fs.ErrNotExist) {
			return stanchion.Success
		}
		return usual
	})
	call := func(context.Context) error { return fs.ErrNotExist }
	fmt.Println(policy.Do(context.Background(), call, absentIsSuccess))
	fmt.Println("next:", policy.Peek())
	// Output:
	// file does not exist
	// next: <nil>
}

// An answer tells what the call really cost, and may say no although no error came.
func ExampleExecute() {
	policy := newPolicy(`{"name": "llm", "limits": [{"name": "tokens", "capacity": 1000, "refill_tokens": 1000,
		"refill_interval_ms": 3600000, "charge": "cost", "max_debt": 1000}]}`)
	defer policy.Close()
	type answer struct {
		text string
		used uint32
	}
	ask := func(context.Context) (answer, error) { return answer{"hello", 12}, nil }
	said, err := stanchion.Execute(context.Background(), policy, ask, func(a answer, err error, usual stanchion.Outcome) stanchion.Verdict {
		if err == nil && a.text == "" {
			return stanchion.Verdict{Outcome: stanchion.Failure}
		}
		return stanchion.Verdict{Outcome: usual, ActualCost: &a.used}
	}, stanchion.Cost(500))
	fmt.Println(said.text, err)
	fmt.Println("room for 980 tokens:", policy.Peek(stanchion.Cost(980)) == nil)
	// Output:
	// hello <nil>
	// room for 980 tokens: true
}

func ExamplePolicy_Wait() {
	policy := newPolicy(`{"name": "search", "limits": [{"name": "calls", "capacity": 1, "refill_tokens": 1,
		"refill_interval_ms": 60000}]}`)
	defer policy.Close()
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
	defer stop()
	for range 2 {
		permit, err := policy.Wait(ctx)
		if errors.Is(err, stanchion.ErrRejected) {
			fmt.Println("not within 5 s") // and told at once, because no token can come sooner
			return
		}
		_, err = policy.Settle(permit, stanchion.Success)
		fmt.Println("called", err)
	}
	// Output:
	// called <nil>
	// not within 5 s
}

func ExampleWithEvents() {
	policy, err := stanchion.FromJSON([]byte(`{"name": "billing", "circuit": {"consecutive_failures": 1}}`),
		stanchion.WithEvents(func(event stanchion.Event) { fmt.Println(event.Policy, event.Name) }))
	if err != nil {
		panic(err)
	}
	defer policy.Close()
	_ = policy.Do(context.Background(), func(context.Context) error { return errors.New("connection refused") })
	// Output:
	// billing admitted
	// billing opened
	// billing settled
}
