//go:build cgo && go1.25

package stanchion

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// Waits 100, 200, 400 ms, and not past 10 s.
const retrying = `{"name": "p", "circuit": {"consecutive_failures": 3, "open_ms": 5000}, "block": {},
	"retry": {"max_attempts": 4, "jitter": "none", "deadline_ms": 10000}}`

// attempt makes attempts that fail until one of that number works, and tells when they were made after the first.
func attempt(ctx context.Context, p *Policy, works int, err error, opts ...AcquireOption) ([]time.Duration, error) {
	var at []time.Duration
	began := time.Now()
	got := p.Do(ctx, func(context.Context) error {
		at = append(at, time.Since(began))
		if len(at) == works {
			return nil
		}
		return err
	}, opts...)
	return at, got
}

func TestDoMakesAFailedCallAgain(t *testing.T) {
	const ms = time.Millisecond
	unsent := &ReplyError{Reply: Reply{Error: NetworkRefused}}
	busy := &ReplyError{Reply: Reply{Status: 429, RetryAfter: "3"}}
	for name, test := range map[string]struct {
		err   error
		works int
		opts  []AcquireOption
		at    []time.Duration
		want  error
	}{
		"nobody knows whether it was processed": {errUpstream, 9, nil, []time.Duration{0}, errUpstream},
		"idempotent":                            {errUpstream, 2, []AcquireOption{Idempotent()}, []time.Duration{0, 100 * ms}, nil},
		"it was never sent":                     {unsent, 3, nil, []time.Duration{0, 100 * ms, 300 * ms}, nil},
		"the server says when":                  {busy, 2, nil, []time.Duration{0, 3000 * ms}, nil},
		"there is no sense in it": {
			&ReplyError{Reply: Reply{Status: 404}}, 9, []AcquireOption{Idempotent()}, []time.Duration{0}, nil,
		},
		"the circuit opens, and nobody waits for it": {
			errUpstream, 9, []AcquireOption{Idempotent()}, []time.Duration{0, 100 * ms, 300 * ms}, errUpstream,
		},
		"the circuit opens, and is waited for": {
			errUpstream, 4, []AcquireOption{Idempotent(), WaitFor(6 * time.Second)},
			[]time.Duration{0, 100 * ms, 300 * ms, 5300 * ms}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newBubblePolicy(t, retrying)
				at, err := attempt(context.Background(), p, test.works, test.err, test.opts...)
				if test.want == nil && test.works == 9 {
					test.want = test.err
				}
				if !slices.Equal(at, test.at) || !errors.Is(err, test.want) {
					t.Errorf("at %v: %v", at, err)
				}
			})
		})
	}
}

func TestWaitsBetweenAttemptsEndWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, retrying)
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(150*time.Millisecond, cancel)
		at, err := attempt(ctx, p, 9, errUpstream, Idempotent())
		if len(at) != 2 || !errors.Is(err, errUpstream) || !errors.Is(err, context.Canceled) {
			t.Errorf("at %v: %v", at, err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, retrying)
		began := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 250*time.Millisecond)
		defer cancel()
		at, err := attempt(ctx, p, 9, errUpstream, Idempotent())
		if len(at) != 2 || err != errUpstream || time.Since(began) != 100*time.Millisecond {
			t.Errorf("at %v, after %v: %v; nobody waits for what comes too late", at, time.Since(began), err)
		}
	})
}

func TestARefusedRetryTellsBothErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, `{"name": "p", "bulkhead": {"max_concurrent": 1}, "call_timeout_ms": 1000,
			"retry": {"jitter": "none"}}`)
		time.AfterFunc(50*time.Millisecond, func() { take(p) })
		at, err := attempt(context.Background(), p, 9, errUpstream, Idempotent())
		var rejected *RejectedError
		if len(at) != 1 || !errors.Is(err, errUpstream) || !errors.As(err, &rejected) || rejected.By.Gate != "bulkhead" {
			t.Errorf("at %v: %v", at, err)
		}
	})
}

func TestRetriesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []Event
		p := newBubblePolicy(t, retrying, WithEvents(func(event Event) {
			if event.Attempt != 0 {
				told = append(told, event)
			}
		}))
		_, _ = attempt(context.Background(), p, 9, errUpstream, Idempotent())
		if len(told) != 3 || told[0].Name != EventRetry || told[0].Wait != 100*time.Millisecond || told[0].Err != errUpstream {
			t.Fatalf("told %+v", told)
		}
		if last := told[2]; last.Name != EventGiveUp || last.Attempt != 3 || last.Reason != "circuit" {
			t.Errorf("told %+v", last)
		}
	})
}

func TestAReplyIsWhatTheTableSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, `{"name": "p", "circuit": {"consecutive_failures": 1}, "block": {}}`)
		at, err := attempt(context.Background(), p, 9, &ReplyError{Reply: Reply{Status: 429, RetryAfter: "7"}, Err: errUpstream})
		var rejected *RejectedError
		if len(at) != 1 || !errors.Is(err, errUpstream) || !errors.As(p.Peek(), &rejected) {
			t.Fatalf("at %v: %v", at, err)
		}
		if rejected.By.Gate != "block" || rejected.RetryAfter != 7*time.Second {
			t.Errorf("a limiter's refusal blocks, and is no failure: %v", rejected)
		}
	})
}
