//go:build cgo

package stanchion

import (
	"encoding/json"
	"time"
)

// bounds are what the host must keep to: times, 0 for none, and whether calls are made again.
type bounds struct {
	timeout time.Duration
	lease   time.Duration
	retries bool
}

// boundsOf reads them from a configuration with every default filled in.
func boundsOf(config []byte) (bounds, error) {
	var given struct {
		TimeoutMS int64 `json:"call_timeout_ms"`
		Circuit   struct {
			LeaseMS int64 `json:"probe_lease_ms"`
		}
		Bulkhead struct {
			LeaseMS int64 `json:"lease_ms"`
		}
		Retry *struct{}
	}
	if err := json.Unmarshal(config, &given); err != nil {
		return bounds{}, err
	}
	lease := given.Circuit.LeaseMS
	if slot := given.Bulkhead.LeaseMS; lease == 0 || slot != 0 && slot < lease {
		lease = slot
	}
	return bounds{millis(given.TimeoutMS), millis(lease), given.Retry != nil}, nil
}

func millis(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

// callTimeout is when a call is ended whose caller wants it ended after the asked time.
func (b bounds) callTimeout(asked time.Duration) time.Duration {
	if asked == 0 || b.timeout != 0 && b.timeout < asked {
		return b.timeout
	}
	return asked
}

// outlives tells whether a call with this timeout can outlive a lease.
func (b bounds) outlives(timeout time.Duration) bool {
	return b.lease != 0 && (timeout == 0 || timeout > b.lease)
}
