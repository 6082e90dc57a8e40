package main

import (
	"slices"
	"testing"
	"time"
)

// lawful is a short history that keeps every law: one starts, makes a token and a session, and handles two messages.
func lawful() history {
	h := history{done: map[string]progress{}, published: map[string]progress{}}
	for i, e := range []entry{
		{what: asksToken}, {what: asksFind, status: 404}, {what: asksOpen},
		{what: asksPoll, channel: "orders"}, {what: asksPoll, channel: "alerts", after: 1}, {what: asksPoll, channel: "orders", after: 2},
	} {
		e.who, e.began = "orders/1", time.Unix(int64(i), 0)
		e.ended = e.began.Add(time.Second) // when the next one begins
		h.log = append(h.log, e)
	}
	for _, channel := range channels {
		done := progress{}
		done.handle(message{1, channel})
		h.done[channel], h.published[channel] = done, done
	}
	return h
}

// Each law is broken in turn, by the smallest change that does.
func TestTheJudgeNotices(t *testing.T) {
	for law, spoil := range map[string]func(*history){
		"": func(*history) {},
		"never two at the same time make a token or a session": func(h *history) {
			h.log[0].ended = h.log[2].began.Add(time.Microsecond)
		},
		"nobody replaces what is good": func(h *history) { h.log[2].isWanton = true },
		"no session is asked for again without a look": func(h *history) {
			again := h.log[2]
			again.began = again.ended
			h.log = slices.Insert(h.log, 3, again)
		},
		"every message is handled once, in order": func(h *history) {
			done := h.done["alerts"]
			done.handle(message{1, "alerts"})
			h.done["alerts"] = done
		},
		"no cursor goes back": func(h *history) { h.log[3].after = 3 },
	} {
		t.Run(law, func(t *testing.T) {
			h := lawful()
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
