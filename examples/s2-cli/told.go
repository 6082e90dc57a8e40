package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// told is what is told of one call.
type told struct {
	URL     string            `json:"url"`
	Status  int               `json:"status,omitempty"`
	Outcome stanchion.Outcome `json:"outcome,omitempty"`
	// What held it up, and for how long.
	Held []wait        `json:"held,omitempty"`
	Took time.Duration `json:"took_ns"`
	// Why it was not made.
	Refusal *refusal `json:"refusal,omitempty"`
	Error   string   `json:"error,omitempty"`
	// What it wrote into the state file.
	Writes []write `json:"writes,omitempty"`
}

type refusal struct {
	// The gate that holds it up longest, and all that refuse.
	By    string   `json:"by"`
	Gates []string `json:"gates"`
	// When it is worth trying again.
	RetryAfter time.Duration `json:"retry_after_ns"`
	IsForEver  bool          `json:"is_for_ever,omitempty"`
}

// write is one change of the state file. Its sequence says where it stands among those of all processes.
type write struct {
	Sequence uint64 `json:"sequence"`
	What     string `json:"what"`
	Permit   string `json:"permit,omitempty"`
	// Of what was settled; 0 where no answer came.
	Status int `json:"status,omitempty"`
	// Of what was blocked.
	Until time.Time `json:"until,omitzero"`
}

const (
	acquired = "acquired"
	settled  = "settled"
	blocked  = "blocked"
)

func (t *told) wrote(w write, report stanchion.Report) {
	if report.Changed {
		w.Sequence = report.Sequence
		t.Writes = append(t.Writes, w)
	}
}

func (t *told) end(err error, held []wait, took time.Duration) {
	t.Held, t.Took = held, took
	var rejected *stanchion.RejectedError
	switch {
	case errors.As(err, &rejected):
		t.Refusal = &refusal{By: rejected.By.String(), RetryAfter: rejected.RetryAfter, IsForEver: rejected.Never}
		for _, gate := range rejected.Gates {
			t.Refusal.Gates = append(t.Refusal.Gates, gate.String())
		}
	case err != nil:
		t.Error = err.Error()
	}
}

func (t *told) exit() int {
	switch {
	case t.Refusal != nil && !t.Refusal.IsForEver:
		return exitNotNow
	case t.Error != "" || t.Status < 200 || t.Status > 299:
		return exitFailed
	default:
		return exitAnswered
	}
}

func (t *told) print(to io.Writer, isJSON bool) {
	if !isJSON {
		fmt.Fprintln(to, t)
	} else if text, err := json.Marshal(t); err == nil {
		fmt.Fprintf(to, "%s\n", text)
	}
}

// String is the line for people: what became of it, how long it took, what held it up.
func (t *told) String() string {
	var line strings.Builder
	name := t.URL
	if parsed, err := url.Parse(t.URL); err == nil {
		name = parsed.Path
	}
	fmt.Fprintf(&line, "%s: %s after %s", name, t.ending(), short(t.Took))
	for i, wait := range t.Held {
		separator := ", "
		if i == 0 {
			separator = "; held by "
		}
		fmt.Fprintf(&line, "%s%s for %s", separator, wait.By, short(wait.For))
	}
	return line.String()
}

func (t *told) ending() string {
	switch {
	case t.Error != "":
		return t.Error
	case t.Refusal != nil && t.Refusal.IsForEver:
		return fmt.Sprintf("never: %s refuses it", t.Refusal.By)
	case t.Refusal != nil:
		return fmt.Sprintf("not now (%s, try again in %s)", t.Refusal.By, short(t.Refusal.RetryAfter))
	case t.Status == 0:
		return "no answer"
	default:
		return fmt.Sprint(t.Status)
	}
}

// short is a duration as people read it.
func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	default:
		return d.Round(10 * time.Millisecond).String()
	}
}
