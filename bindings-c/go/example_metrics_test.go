//go:build cgo

package stanchion_test

import (
	"context"
	"expvar"
	"fmt"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// counters tells what happens to a policy as metrics: here in the standard library's expvar, elsewhere in the counters of
// OpenTelemetry or Prometheus.
func counters(counts *expvar.Map) stanchion.Option {
	return stanchion.WithEvents(func(event stanchion.Event) {
		switch event.Name {
		case stanchion.EventRejected:
			counts.Add("rejected by "+event.Rejected.By.String(), 1)
		case stanchion.EventSettled:
			counts.Add(event.Outcome.String(), 1)
		default:
			counts.Add(event.Name, 1)
		}
	})
}

func ExampleWithEvents_metrics() {
	counts := new(expvar.Map)
	policy, err := stanchion.FromJSON([]byte(`{"name": "mail", "limits": [{"name": "calls", "capacity": 2, "refill_tokens": 1,
		"refill_interval_ms": 3600000}]}`), counters(counts))
	if err != nil {
		panic(err)
	}
	defer policy.Close()
	for range 3 {
		_ = policy.Do(context.Background(), func(context.Context) error { return nil })
	}
	fmt.Println(counts)
	// Output: {"admitted": 2, "rejected by limit:calls": 1, "success": 2}
}
