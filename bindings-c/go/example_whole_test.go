//go:build cgo

package stanchion_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

var errAway = errors.New("connection refused")

// charge stands for what is called over a network.
func charge(context.Context) (string, error) { return "", errAway }

// The whole of a guarded call: the rules, the call, and what to do when it is not made.
func Example() {
	billing, err := stanchion.New(stanchion.Config{
		Name:     "billing",
		Circuit:  &stanchion.CircuitConfig{ConsecutiveFailures: stanchion.Ptr[uint32](2), OpenMS: stanchion.Ptr[uint32](30_000)},
		Limits:   []stanchion.LimitConfig{{Name: "calls", Capacity: 60, RefillTokens: 60, RefillIntervalMS: 60_000}},
		Bulkhead: &stanchion.BulkheadConfig{MaxConcurrent: 10},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer billing.Close()
	for range 3 {
		receipt, err := stanchion.Do(context.Background(), billing, charge)
		var rejected *stanchion.RejectedError
		switch {
		case errors.As(err, &rejected):
			fmt.Println("not called, because of the", rejected.By)
		case err != nil:
			fmt.Println("called:", err)
		default:
			fmt.Println("called:", receipt)
		}
	}
	// Output:
	// called: connection refused
	// called: connection refused
	// not called, because of the circuit
}
