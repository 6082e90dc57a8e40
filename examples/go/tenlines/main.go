// A guarded call in Go. From the repository: make -C bindings-c go-examples
package main

import (
	"context"
	"errors"
	"fmt"
	"log"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

func callUpstream(context.Context) error { return nil }

func main() {
	// readme:start
	policy, err := stanchion.FromJSON([]byte(`{"name": "billing", "circuit": {"consecutive_failures": 5},
		"limits": [{"name": "calls", "capacity": 60, "refill_tokens": 60, "refill_interval_ms": 60000}],
		"bulkhead": {"max_concurrent": 10}}`))
	if err != nil {
		log.Fatal(err)
	}
	defer policy.Close()

	err = policy.Do(context.Background(), callUpstream)
	var rejected *stanchion.RejectedError
	switch {
	case errors.As(err, &rejected):
		fmt.Println("not now: try again in", rejected.RetryAfter)
	case err != nil:
		log.Fatal(err)
	default:
		fmt.Println("called")
	}
	// readme:end
}
