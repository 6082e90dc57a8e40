//go:build cgo

package stanchion

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
)

// Every field crosses: what the engine filled in comes back the same through the types.
func TestConfigCarriesEveryField(t *testing.T) {
	const rates = `{"name": "p", "circuit": {"failure_rate_percent": 12.5, "slow_call_rate_percent": 50, "slow_call_ms": 7,
		"consecutive_failures": 3, "failures_in_window": {"count": 2, "window_ms": 9}, "late_success": "close",
		"late_failure": "extend", "report_as_probe": true, "growth_reset_ms": 8, "half_open_max_ms": 9,
		"half_open_failure_rate_percent": 0.01, "open_multiplier": 1.5, "window": %s},
		"limits": [{"name": "c", "capacity": 4294967295, "refill_tokens": 1, "refill_interval_ms": 1, "max_debt": 0,
		"charge": "call", "initial": "empty"}], "block": {"after_block_percent": 7},
		"bulkhead": {"max_concurrent": 2, "reentrant": true}, "call_timeout_ms": 1, "on_store_error": "local",
		"mode": "shadow", "seed": 9007199254740991}`
	for _, window := range []string{`{"calls": 20}`, `{"ms": 100, "slots": 4}`} {
		whole := newPolicyAt(t, strings.Replace(rates, "%s", window, 1))
		var config Config
		in := json.NewDecoder(strings.NewReader(whole.Config()))
		in.DisallowUnknownFields()
		if err := in.Decode(&config); err != nil {
			t.Fatal(err)
		}
		again, err := New(config)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if again.Config() != whole.Config() {
			t.Errorf("got %s\nwant %s", again.Config(), whole.Config())
		}
	}
}

// Nothing, null and zero are three different things.
func TestConfigTellsNothingNullAndZeroApart(t *testing.T) {
	for want, circuit := range map[string]CircuitConfig{
		`"forget_ms":3600000`: {},
		`"forget_ms":null`:    {ForgetMS: &OrNull[uint32]{IsNull: true}},
		`"forget_ms":5`:       {ForgetMS: &OrNull[uint32]{Value: 5}},
	} {
		circuit.ConsecutiveFailures = Ptr[uint32](1)
		p, err := New(Config{Name: "p", Circuit: &circuit})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if !strings.Contains(p.Config(), want) {
			t.Errorf("no %s in %s", want, p.Config())
		}
	}
	var config *ConfigError
	_, err := New(Config{Name: "p", Circuit: &CircuitConfig{OpenMS: Ptr[uint32](0)}})
	if !errors.As(err, &config) || config.Field != "circuit.open_ms" {
		t.Errorf("a zero: %v", err)
	}
	var back OrNull[uint32]
	if err := json.Unmarshal([]byte("5"), &back); err != nil || back != (OrNull[uint32]{Value: 5}) {
		t.Errorf("5: %+v, %v", back, err)
	}
	if err := json.Unmarshal([]byte("null"), &back); err != nil || !back.IsNull || back.Value != 0 {
		t.Errorf("null: %+v, %v", back, err)
	}
}

// What JSON cannot say is refused, and not changed.
func TestConfigIsNotChangedOnTheWay(t *testing.T) {
	_, err := New(Config{Name: "p", Limits: []LimitConfig{{Name: "\xff", Capacity: 1, RefillTokens: 1, RefillIntervalMS: 1}}})
	if !isCode(err, "not_utf8") {
		t.Errorf("no UTF-8: %v", err)
	}
	var config *ConfigError
	_, err = New(Config{Name: "p", Circuit: &CircuitConfig{FailureRatePercent: Ptr(math.NaN())}})
	if !errors.As(err, &config) {
		t.Errorf("no number: %v", err)
	}
}
