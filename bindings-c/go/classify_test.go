//go:build cgo

package stanchion

import (
	"encoding/json"
	"errors"
	"testing"
	"time"
)

// The rows of the table are the vectors'. Here: what this layer adds to them.
func TestAReplyIsClassified(t *testing.T) {
	now := time.UnixMicro(1_700_000_000_000_000)
	shared := newPolicyAt(t, `{"name": "p", "block": {}}`, WithStore(openFile(t), "k"))
	for _, p := range []*Policy{newPolicyAt(t, `{"name": "p", "block": {}}`), shared} {
		busy, err := p.At(now).Classify(Reply{Status: 429, RetryAfter: "7"})
		in7s := now.Add(7 * time.Second)
		if err != nil || busy.Outcome != Ignored || busy.Retry != RetryAlways ||
			!busy.BlockUntil.Equal(in7s) || !busy.RetryAt.Equal(in7s) {
			t.Errorf("429: %+v, %v", busy, err)
		}
		if answer, err := p.At(now).Block(busy.BlockUntil); err != nil || answer.Result != Done {
			t.Errorf("blocked: %+v, %v", answer, err)
		}
		var rejected *RejectedError
		if err := p.At(now).Peek(); !errors.As(err, &rejected) || rejected.RetryAfter != 7*time.Second {
			t.Errorf("within the block: %v", err)
		}
		if timeout, err := p.Classify(Reply{Error: NetworkTimeout}); err != nil || timeout.Outcome != Failure {
			t.Errorf("a timeout: %+v, %v", timeout, err)
		}
		for status, fault := range map[int]Fault{
			204: "", 401: FaultUnauthenticated, 404: FaultSessionLost, 409: FaultConflict, 429: FaultThrottled, 400: FaultFatal, 503: FaultTransient,
		} {
			if what, err := p.Classify(Reply{Status: status}); err != nil || what.Fault != fault {
				t.Errorf("%d: at fault is %q (%v)", status, what.Fault, err)
			}
		}
		for _, none := range []int{-1, 0, 600, 1 << 40} {
			if what, err := p.Classify(Reply{Status: none}); err != nil || what.Outcome != Failure || what.Retry != RetryIdempotent {
				t.Errorf("%d is no status: %+v, %v", none, what, err)
			}
		}
		if _, err := p.Classify(Reply{Error: 8}); err == nil {
			t.Error("there is no such network error")
		}
		p.Close()
		if _, err := p.Classify(Reply{Status: 200}); !errors.Is(err, ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	}
}

func TestRetryAllows(t *testing.T) {
	for retry, want := range map[Retry][2]bool{RetryNever: {}, RetryIdempotent: {false, true}, RetryAlways: {true, true}} {
		if got := [2]bool{retry.Allows(false), retry.Allows(true)}; got != want {
			t.Errorf("%s: %v", retry, got)
		}
	}
}

func TestAConfigOverridesTheTable(t *testing.T) {
	rule := ClassifyRule{Outcome: Ptr(Failure), Retry: Ptr(RetryIdempotent)}
	p, err := New(Config{Name: "p", Classify: ClassifyConfig{"404": rule}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if missing, err := p.Classify(Reply{Status: 404}); err != nil || missing.Outcome != Failure || missing.Retry != RetryIdempotent {
		t.Errorf("404: %+v, %v", missing, err)
	}
	var config *ConfigError
	_, err = New(Config{Name: "p", Classify: ClassifyConfig{"999": rule}})
	if !errors.As(err, &config) || config.Field != "classify.999" {
		t.Errorf("no status: %v", err)
	}
}

func TestAnOutcomeIsItsNameInJSON(t *testing.T) {
	var read struct{ Outcome Outcome }
	if err := json.Unmarshal([]byte(`{"Outcome": "ignored"}`), &read); err != nil || read.Outcome != Ignored {
		t.Errorf("%v, %v", read, err)
	}
	if text, err := json.Marshal(read); err != nil || string(text) != `{"Outcome":"ignored"}` {
		t.Errorf("%s, %v", text, err)
	}
	if err := json.Unmarshal([]byte(`{"Outcome": "ok"}`), &read); err == nil {
		t.Error("that is no outcome")
	}
	if _, err := json.Marshal(Outcome(0)); err == nil {
		t.Error("0 is no outcome")
	}
}

func TestHeadersTellOfLimits(t *testing.T) {
	now := time.UnixMicro(1_700_000_000_000_000)
	const limited = `{"name": "p", "limits": [{"name": "calls", "capacity": 2, "refill_tokens": 1, "refill_interval_ms": 1500}]}`
	for _, p := range []*Policy{newPolicyAt(t, limited), newPolicyAt(t, limited, WithStore(openFile(t), "k"))} {
		if got := p.RateLimitPolicy(); got != `"calls";q=2;w=3` {
			t.Error(got)
		}
		for _, want := range []string{`"calls";r=2`, `"calls";r=1;t=2`, `"calls";r=0;t=2`} {
			if got, err := p.At(now).RateLimit(); err != nil || got != want {
				t.Errorf("%s, %v", got, err)
			}
			_, _ = p.At(now).TryAcquire()
		}
		var rejected *RejectedError
		if _, err := p.At(now).TryAcquire(); !errors.As(err, &rejected) || rejected.RetryAfterHeader() != "2" {
			t.Errorf("after 1.5 s: %v", err)
		}
		if _, err := p.At(now).TryAcquire(Cost(3)); !errors.As(err, &rejected) || rejected.RetryAfterHeader() != "" {
			t.Errorf("never: %v", err)
		}
	}
}
