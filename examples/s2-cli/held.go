package main

import (
	"slices"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// held notes which gates hold a call up, and for how long. While a call waits, the policy tells each refusal that it meets on
// its way; what lies between two of them was spent on the gate that the first one named.
type held struct {
	by    string
	since time.Time
	waits []wait
}

// wait is the time that one gate cost.
type wait struct {
	By  string        `json:"by"`
	For time.Duration `json:"for_ns"`
}

// hear is a listener of [stanchion.WithEvents], which calls it in the goroutine that waits.
func (h *held) hear(event stanchion.Event) {
	switch event.Name {
	case stanchion.EventRejected:
		h.stop()
		h.by, h.since = event.Rejected.By.String(), time.Now()
	case stanchion.EventAdmitted:
		h.stop()
	}
}

// stop ends the wait that goes on.
func (h *held) stop() {
	if h.by == "" {
		return
	}
	at := slices.IndexFunc(h.waits, func(w wait) bool { return w.By == h.by })
	if at < 0 {
		at = len(h.waits)
		h.waits = append(h.waits, wait{By: h.by})
	}
	h.waits[at].For += time.Since(h.since)
	h.by = ""
}

// Who was refused at once did not wait.
const shortestWait = time.Millisecond

// take is what held the call up, the longest first, and begins anew.
func (h *held) take() []wait {
	h.stop()
	waits := slices.DeleteFunc(h.waits, func(w wait) bool { return w.For < shortestWait })
	slices.SortFunc(waits, func(a, b wait) int { return int(b.For - a.For) })
	h.waits = nil
	return waits
}
