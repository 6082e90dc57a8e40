package stanchion

// #include "stanchion.h"
import "C"

import (
	"encoding/json"
	"maps"
)

// Health is how well what a policy protects is.
type Health struct {
	// Live tells that a restart would not help, or is not needed.
	Live bool `json:"live"`
	// Ready tells that it may be sent work. What is not live is not ready.
	Ready bool `json:"ready"`
	// Degraded tells that it does not work as it should. What is not ready is degraded.
	Degraded bool `json:"degraded"`
	// Reasons are why: circuit_open, blocked, gave_up, and so on.
	Reasons []string `json:"reasons"`
}

// Probe is what an orchestrator asks.
type Probe uint32

const (
	// LiveProbe asks whether a restart would help.
	LiveProbe Probe = iota
	// ReadyProbe asks whether it may be sent work.
	ReadyProbe
)

// Health tells how well what the policy protects is, and why. A state in a file is read without its lock; where it cannot be read,
// that is what it says.
func (p *Policy) Health() (Health, error) { return p.current().Health() }

// Health is [Policy.Health] at the instant.
func (m Moment) Health() (Health, error) {
	text, err := m.policy.backend.health(m.us)
	if err != nil {
		return Health{}, err
	}
	var health Health
	err = json.Unmarshal(text, &health)
	return health, err
}

// AnswerProbe is the HTTP status with which a probe is answered for these parts together, 200 or 503, and the body, of the media
// type application/health+json.
func AnswerProbe(probe Probe, parts map[string]Health) (status int, body []byte, err error) {
	parts = maps.Clone(parts)
	for name, part := range parts {
		part.Reasons = append([]string{}, part.Reasons...) // which is not null
		parts[name] = part
	}
	given, err := json.Marshal(parts)
	if err != nil {
		return 0, nil, err
	}
	var why C.stn_error
	why.struct_size = C.sizeof_stn_error
	var code C.uint32_t
	text, size := chars(string(given))
	body, err = readText(func(buffer *C.char, capacity C.size_t, needed *C.size_t) error {
		return orError(C.stn_health_report(text, size, C.uint32_t(probe), &code, buffer, capacity, needed, &why), &why)
	})
	return int(code), body, err
}

func (c *cell) health(nowUS uint64) ([]byte, error) {
	text, _, err := c.apply(`{"health":{}}`, nowUS)
	if err != nil {
		return nil, err
	}
	var said struct{ Answer json.RawMessage }
	err = json.Unmarshal(text, &said)
	return said.Answer, err
}

func (k *key) health(nowUS uint64) ([]byte, error) {
	handle, err := k.enter()
	defer k.mu.RUnlock()
	if err != nil {
		return nil, err
	}
	return readText(func(buffer *C.char, capacity C.size_t, needed *C.size_t) error {
		return okOr(C.stn_store_health(handle, C.uint64_t(nowUS), buffer, capacity, needed))
	})
}

// IsIdempotentMethod tells whether a request of that HTTP method may be processed twice without harm.
func IsIdempotentMethod(method string) bool {
	var isIdempotent C.uint32_t
	text, size := chars(method)
	return C.stn_is_idempotent_method(text, size, &isIdempotent) == C.STN_OK && isIdempotent != 0
}
