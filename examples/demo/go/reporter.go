package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

const longestUntold = 250 * time.Millisecond

// line is one event as it is told.
type line map[string]any

// of adds what the store said of the step.
func (l line) of(report stanchion.Report) line {
	l["sequence"], l["changed"] = report.Sequence, report.Changed
	l["events"] = append([]string{}, report.Events.Names()...)
	return l
}

// reporter tells the upstream what a worker did. Every write is told before the next step, so that a process that is killed
// leaves at most one write of each worker untold; refusals, which write nothing, wait for company.
type reporter struct {
	client    *http.Client
	url, host string
	lines     bytes.Buffer
	oldest    time.Time
}

func newReporter(config settings) *reporter {
	return &reporter{client: &http.Client{}, url: config.upstream + "/record", host: config.host}
}

func (r *reporter) sign(request *http.Request) {
	request.Header.Set("x-host", r.host)
	request.Header.Set("x-pid", strconv.Itoa(os.Getpid()))
}

func (r *reporter) tell(l line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if r.lines.Len() == 0 {
		r.oldest = time.Now()
	} else {
		r.lines.WriteByte('\n')
	}
	r.lines.Write(text)
	if l["kind"] == "rejected" && l["changed"] == false && time.Since(r.oldest) < longestUntold {
		return nil
	}
	return r.flush()
}

func (r *reporter) flush() error {
	if r.lines.Len() == 0 {
		return nil
	}
	request, err := http.NewRequest(http.MethodPost, r.url, bytes.NewReader(r.lines.Bytes()))
	if err != nil {
		return err
	}
	r.sign(request)
	response, err := r.client.Do(request)
	if err != nil {
		return err
	}
	r.lines.Reset()
	return response.Body.Close()
}
