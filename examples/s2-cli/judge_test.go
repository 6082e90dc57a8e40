package main

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"testing"
	"time"
)

// lawful is a short history that keeps every law: a process that is killed at 0, two calls, a 429 that blocks for a second.
func lawful(t *testing.T) history {
	h := history{killed: permitOf(0, 1, 1), sequence: 6}
	err := json.Unmarshal([]byte(`{"bulkhead": {"max_concurrent": 2, "lease_ms": 100}, "limits": [
		{"name": "requests", "capacity": 3, "refill_tokens": 1, "refill_interval_ms": 1000, "charge": "call"},
		{"name": "units", "capacity": 9, "refill_tokens": 1, "refill_interval_ms": 1000}]}`), &h.policy)
	if err != nil {
		t.Fatal(err)
	}
	first, second := permitOf(50, 3, 2), permitOf(1100, 5, 3)
	h.writes = []write{
		{Sequence: 1, What: acquired, Permit: h.killed},
		{Sequence: 2, What: acquired, Permit: first},
		{Sequence: 3, What: blocked, Until: time.UnixMicro(origin + 1_100_000)},
		{Sequence: 4, What: settled, Permit: first, Status: 429},
		{Sequence: 5, What: acquired, Permit: second},
		{Sequence: 6, What: settled, Permit: second, Status: 200},
	}
	for _, w := range h.writes {
		if w.What == acquired {
			h.arrived = append(h.arrived, arrival{path: "/", permit: w.Permit, status: 200})
		}
	}
	h.moves = []move{{permit: h.killed}, {permit: first}, {permit: first, isLeaving: true}, {permit: second}}
	return h
}

const origin = 1_795_000_000_000_000

// permitOf writes a permit that nobody gave, at so many ms from the origin.
func permitOf(ms, cost, lease uint64) string {
	var bytes [16]byte
	binary.LittleEndian.PutUint64(bytes[:], (origin+ms*1000)%cycle)
	binary.LittleEndian.PutUint32(bytes[8:], uint32(cost))
	bytes[13] = byte(lease)
	return hex.EncodeToString(bytes[:])
}

// Each law is broken in turn, by the smallest change that does.
func TestTheJudgeNotices(t *testing.T) {
	for law, spoil := range map[string]func(*history){
		"": func(*history) {},
		"no update is lost": func(h *history) {
			h.writes[3].Sequence = 3 // two processes wrote the same one
		},
		"no call without a permit": func(h *history) {
			h.arrived[1].permit = h.arrived[0].permit
		},
		"never more slots than the bulkhead has": func(h *history) {
			h.writes[4].Permit = permitOf(99, 5, 3) // 1 ms before the lease of the killed one ends
			h.arrived[2].permit = h.writes[4].Permit
			h.writes[2].Until, h.writes[3] = time.UnixMicro(origin), write{Sequence: 4, What: blocked, Until: time.UnixMicro(origin)}
		},
		"never more than limit:requests gives": func(h *history) {
			h.policy.Limits[0].Capacity = 1
		},
		"never more than limit:units gives": func(h *history) {
			h.writes[4].Permit = permitOf(1100, 7, 3)
			h.arrived[2].permit = h.writes[4].Permit
		},
		"nobody calls before a Retry-After is over": func(h *history) {
			h.writes[2].Until = time.UnixMicro(origin + 1_100_001)
		},
		"the upstream never has too many at once": func(h *history) {
			h.moves = slices.Insert(h.moves, 2, move{})
		},
	} {
		t.Run(law, func(t *testing.T) {
			h := lawful(t)
			spoil(&h)
			var broken []string
			for _, v := range judge(h) {
				if len(v.breaches) > 0 {
					broken = append(broken, v.law)
				}
			}
			if want := slices.DeleteFunc([]string{law}, func(l string) bool { return l == "" }); !slices.Equal(broken, want) {
				t.Errorf("broken: %q", broken)
			}
		})
	}
}
