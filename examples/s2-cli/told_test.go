package main

import (
	"errors"
	"testing"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

func TestTheLineForPeople(t *testing.T) {
	limit := stanchion.Gate{Gate: "limit", Name: "units"}
	for _, want := range []struct {
		told told
		err  error
		held []wait
		line string
		exit int
	}{
		{told{Status: 200}, nil, nil, "/a: 200 after 1.5s", exitAnswered},
		{told{Status: 404}, nil, []wait{{"bulkhead", time.Second}, {"block", 30 * time.Millisecond}},
			"/a: 404 after 1.5s; held by bulkhead for 1s, block for 30ms", exitFailed},
		{told{}, nil, nil, "/a: no answer after 1.5s", exitFailed},
		{told{}, &stanchion.RejectedError{By: limit, RetryAfter: time.Minute}, nil,
			"/a: not now (limit:units, try again in 1m0s) after 1.5s", exitNotNow},
		{told{}, &stanchion.WaitError{Rejected: &stanchion.RejectedError{By: limit, Never: true}}, nil,
			"/a: never: limit:units refuses it after 1.5s", exitFailed},
		{told{}, errors.New("the file is away"), nil, "/a: the file is away after 1.5s", exitFailed},
	} {
		want.told.URL = "http://127.0.0.1:1/a"
		want.told.end(want.err, want.held, 1500*time.Millisecond)
		if line, exit := want.told.String(), want.told.exit(); line != want.line || exit != want.exit {
			t.Errorf("%q, %d", line, exit)
		}
	}
}

// What is held by one gate after the other is told of each, the longest first; who was admitted at once waited for none.
func TestWhatHeldACallIsAddedUp(t *testing.T) {
	var h held
	for _, by := range []string{"bulkhead", "circuit", "bulkhead"} {
		h.by, h.since = by, time.Now().Add(-time.Second)
		h.stop()
	}
	h.hear(stanchion.Event{Name: stanchion.EventRejected, Rejected: &stanchion.RejectedError{By: stanchion.Gate{Gate: "block"}}})
	h.since = h.since.Add(-time.Minute)
	h.hear(stanchion.Event{Name: stanchion.EventAdmitted})
	var gates []string
	for _, w := range h.take() {
		gates = append(gates, w.By)
	}
	if len(gates) != 3 || gates[0] != "block" || gates[1] != "bulkhead" || gates[2] != "circuit" {
		t.Error(gates)
	}
	if waits := h.take(); len(waits) != 0 {
		t.Error(waits)
	}
}
