package main

import (
	"fmt"
	"net/http"
	"slices"
)

// history is all that is known of a run: what the server saw, and how far each channel has come.
type history struct {
	log []entry
	// What came of the messages, and what was to come of them.
	done, published map[string]progress
}

// verdict is a law, and what broke it.
type verdict struct {
	law, seen string
	breaches  []string
}

func judge(h history) []verdict {
	return []verdict{h.alone(), h.needed(), h.looked(), h.once(), h.forward()}
}

func (v *verdict) breach(format string, args ...any) {
	v.breaches = append(v.breaches, fmt.Sprintf(format, args...))
}

func isMaking(e entry) bool { return e.what == asksToken || e.what == asksOpen }

// alone: one process at a time takes a step.
func (h *history) alone() verdict {
	v := verdict{law: "never two at the same time make a token or a session"}
	made := slices.DeleteFunc(slices.Clone(h.log), func(e entry) bool { return !isMaking(e) })
	by := map[string]bool{}
	for i, e := range made {
		by[e.who] = true
		for _, before := range made[:i] {
			if before.ended.IsZero() || e.began.Before(before.ended) {
				v.breach("%s asked for a %s while %s was", e.who, e.what, before.who)
			}
		}
	}
	v.seen = fmt.Sprintf("%d times, by %d processes", len(made), len(by))
	return v
}

// needed: what works is not replaced. A second session would end the first, and with it what the other listener does.
func (h *history) needed() verdict {
	v := verdict{law: "nobody replaces what is good"}
	for _, e := range h.log {
		if e.isWanton {
			v.breach("%s asked for a %s, and the one there was good", e.who, e.what)
		}
	}
	lost := 0
	for _, e := range h.log {
		if e.what == asksPoll && (e.status == http.StatusUnauthorized || e.status == http.StatusNotFound) {
			lost++
		}
	}
	v.seen = fmt.Sprintf("%d polls found a token or a session gone", lost)
	return v
}

// looked: what is not idempotent is not made again. Each request for a session follows the server's word that it is needed.
func (h *history) looked() verdict {
	v := verdict{law: "no session is asked for again without a look"}
	last, opened := map[string]entry{}, 0
	for _, e := range h.log {
		if e.what == asksOpen {
			if opened++; last[e.who].what != asksFind {
				v.breach("%s asked for a session right after it asked for: %s", e.who, last[e.who].what)
			}
		}
		last[e.who] = e
	}
	v.seen = fmt.Sprintf("%d requests, each right after a look", opened)
	return v
}

// once: what came of the messages is what comes of each of them, once and in order.
func (h *history) once() verdict {
	v := verdict{law: "every message is handled once, in order"}
	for _, channel := range channels {
		if h.done[channel] != h.published[channel] {
			v.breach("%s: %+v instead of %+v", channel, h.done[channel], h.published[channel])
		}
		v.seen += fmt.Sprintf("%d of %s, ", h.done[channel].Count, channel)
	}
	v.seen += "across three restarts"
	return v
}

// forward: a cursor is never lost.
func (h *history) forward() verdict {
	v := verdict{law: "no cursor goes back"}
	polls, last := 0, map[string]uint64{}
	for _, e := range h.log {
		if e.what != asksPoll {
			continue
		}
		if polls++; e.after < last[e.channel] {
			v.breach("%s polled from %d on, and %s had come to %d", e.who, e.after, e.channel, last[e.channel])
		}
		last[e.channel] = e.after
	}
	v.seen = fmt.Sprintf("%d polls", polls)
	return v
}
