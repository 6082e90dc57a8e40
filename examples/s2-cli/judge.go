package main

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// history is all that is known of a run. The judge shares no code with the engine: it goes by the order of the write sequences
// and by the instants in the permits, never by when something happened to arrive. So a busy machine makes a run slower, and
// not guilty.
type history struct {
	policy stanchion.Config
	// What the processes told. The one that was killed told nothing: its write is what the file had when it was alone.
	writes []write
	// The permit with which it was killed.
	killed string
	// The sequence of the file in the end.
	sequence uint64
	arrived  []arrival
	moves    []move
}

// verdict is a law, and what broke it.
type verdict struct {
	law, seen string
	breaches  []string
}

func judge(h history) []verdict {
	slices.SortFunc(h.writes, func(a, b write) int { return cmp.Compare(a.Sequence, b.Sequence) })
	verdicts := []verdict{h.sequences(), h.permits(), h.bulkhead()}
	for _, limit := range h.policy.Limits {
		verdicts = append(verdicts, h.limit(limit))
	}
	return append(verdicts, h.block(), h.upstream())
}

func (v *verdict) breach(format string, args ...any) {
	v.breaches = append(v.breaches, fmt.Sprintf(format, args...))
}

// sequences: no update was lost, or two would have the same sequence.
func (h *history) sequences() verdict {
	v := verdict{law: "no update is lost", seen: fmt.Sprintf("%d writes, one after the other, no gap", h.sequence)}
	next := uint64(1)
	for _, w := range h.writes {
		if w.Sequence != next {
			v.breach("write %d follows write %d", w.Sequence, next-1)
		}
		next = w.Sequence + 1
	}
	if next != h.sequence+1 {
		v.breach("the file is at %d, the last write that was told is %d", h.sequence, next-1)
	}
	return v
}

// permits: every request was admitted, and no permit was used twice.
func (h *history) permits() verdict {
	v := verdict{law: "no call without a permit", seen: fmt.Sprintf("%d requests, each by a permit of its own", len(h.arrived))}
	given := map[string]int{}
	for _, w := range h.writes {
		if w.What == acquired {
			given[w.Permit]++
		}
	}
	for _, a := range h.arrived {
		if given[a.permit] != 1 {
			v.breach("%s came with permit %q, which is none or was used before", a.path, a.permit)
		}
		given[a.permit]--
	}
	return v
}

// bulkhead: a slot is taken until the write that gives it back, or until the lease ends.
func (h *history) bulkhead() verdict {
	most, lease := int(h.policy.Bulkhead.MaxConcurrent), time.Duration(*h.policy.Bulkhead.LeaseMS)*time.Millisecond
	v := verdict{law: "never more slots than the bulkhead has"}
	ends, seen := map[string]int64{}, 0
	for _, w := range h.writes {
		switch w.What {
		case acquired:
			at := instantOf(w.Permit)
			for permit, end := range ends {
				if end <= at {
					delete(ends, permit)
				}
			}
			ends[w.Permit] = at + lease.Microseconds()
			if seen = max(seen, len(ends)); len(ends) > most {
				v.breach("%d of %d slots were taken at write %d", len(ends), most, w.Sequence)
			}
		case settled:
			delete(ends, w.Permit)
			if w.Permit == h.killed {
				v.breach("the killed process gave its slot back at write %d", w.Sequence)
			}
		}
	}
	v.seen = fmt.Sprintf("%d of %d, that of the killed process until its lease ended", seen, most)
	return v
}

// limit: in no span of time more than a full bucket and what came back meanwhile. Whole numbers, so that it is exact.
func (h *history) limit(rule stanchion.LimitConfig) verdict {
	v := verdict{law: "never more than limit:" + rule.Name + " gives"}
	unit := int64(rule.RefillIntervalMS) * 1000 // of a token, so that refill_tokens of them come back each µs
	full := int64(rule.Capacity) * unit
	level, last, taken := full, int64(0), int64(0)
	for _, w := range h.writes {
		if w.What != acquired {
			continue
		}
		at, cost := instantOf(w.Permit), int64(1)
		if rule.Charge == nil || *rule.Charge == stanchion.ChargeCost {
			cost = costOf(w.Permit)
		}
		if last != 0 {
			level = min(full, level+(at-last)*int64(rule.RefillTokens))
		}
		last, taken, level = at, taken+cost, level-cost*unit
		if level < 0 {
			v.breach("write %d took more than there was", w.Sequence)
		}
	}
	v.seen = fmt.Sprintf("%d taken", taken)
	return v
}

// block: who is told to wait tells all.
func (h *history) block() verdict {
	v := verdict{law: "nobody calls before a Retry-After is over"}
	var until int64
	blocks := 0
	for _, w := range h.writes {
		switch w.What {
		case blocked:
			until, blocks = max(until, w.Until.UnixMicro()%cycle), blocks+1
		case acquired:
			if at := instantOf(w.Permit); at < until {
				v.breach("write %d was admitted %d µs too early", w.Sequence, until-at)
			}
		}
	}
	v.seen = fmt.Sprintf("%d of them closed the gate for all", blocks)
	return v
}

// upstream: what it saw with its own eyes. A request that nobody waits for any more holds no slot, though the upstream may be
// the last to hear of that.
func (h *history) upstream() verdict {
	v := verdict{law: "the upstream never has too many at once"}
	isGivenUp := map[string]bool{}
	for _, w := range h.writes {
		isGivenUp[w.Permit] = w.What == settled && w.Status == 0
	}
	atOnce, seen := 0, 0
	for _, m := range h.moves {
		switch {
		case isGivenUp[m.permit]:
		case m.isLeaving:
			atOnce--
		default:
			atOnce++
			seen = max(seen, atOnce)
		}
	}
	if most := int(h.policy.Bulkhead.MaxConcurrent); seen > most {
		v.breach("%d at once, where %d are allowed", seen, most)
	}
	refused := 0
	for _, a := range h.arrived {
		if a.status == http.StatusTooManyRequests {
			refused++
		}
	}
	v.seen = fmt.Sprintf("%d at once at most; 429 for %d of %d", seen, refused, len(h.arrived))
	return v
}

// A permit's instant is in µs modulo 2^48, which is nine years.
const cycle = 1 << 48

// instantOf reads the instant of a permit by hand: its first six bytes.
func instantOf(permit string) int64 {
	return int64(binary.LittleEndian.Uint64(bytesOf(permit)[:8]) % cycle)
}

// costOf reads the cost of a permit: four bytes behind its first eight.
func costOf(permit string) int64 {
	return int64(binary.LittleEndian.Uint32(bytesOf(permit)[8:12]))
}

func bytesOf(permit string) []byte {
	bytes, err := hex.DecodeString(permit)
	if err != nil || len(bytes) != 16 {
		panic("no permit: " + permit) // the library wrote it
	}
	return bytes
}
