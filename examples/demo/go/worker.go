package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

const (
	// Waits are capped, so that a slot given back early is not left unused for long.
	longestWait      = 200 * time.Millisecond
	waitWithoutStore = 20 * time.Millisecond
)

// worker makes one call after the other.
type worker struct {
	config settings
	policy *stanchion.Policy
	client *http.Client
	tells  *reporter
}

func newWorker(config settings, policy *stanchion.Policy) *worker {
	return &worker{config: config, policy: policy, client: &http.Client{}, tells: newReporter(config)}
}

// taken is a permit and what it was taken for.
type taken struct {
	permit *stanchion.Permit
	text   string
	cost   uint32
	asked  time.Time
}

func (w *worker) once() error {
	cost, asked := 1+rand.Uint32N(8), time.Now()
	permit, err := w.policy.TryAcquire(stanchion.Cost(cost))
	var rejected *stanchion.RejectedError
	var unavailable *stanchion.UnavailableError
	switch {
	case errors.As(err, &rejected):
		return w.refused(rejected.By.String(), rejected.RetryAfter, rejected.Report, asked)
	case errors.As(err, &unavailable):
		return w.refused("store", waitWithoutStore, unavailable.Report, asked)
	case err != nil:
		return err
	}
	t := taken{permit: permit, text: permit.String(), cost: cost, asked: asked}
	// The caller may be gone by now, or this process have stood still for so long that the lease would end before the call.
	isLate := time.Since(asked) > w.config.lease-w.config.callTimeout
	if isLate || rand.Float64() < 0.04 {
		return w.giveBack(t)
	}
	return w.call(t)
}

func (w *worker) refused(by string, retryAfter time.Duration, report stanchion.Report, asked time.Time) error {
	err := w.tells.tell(line{
		"kind": "rejected", "at_us": asked.UnixMicro(), "by": by, "retry_after_us": retryAfter.Microseconds(),
	}.of(report))
	time.Sleep(min(retryAfter, longestWait))
	return err
}

func (w *worker) giveBack(t taken) error {
	err := w.tells.tell(line{
		"kind": "held", "at_us": t.asked.UnixMicro(), "permit": t.text, "cost": t.cost,
	}.of(t.permit.Report))
	if err != nil {
		return err
	}
	at := time.Now()
	done, err := untilHad(t, func(permit *stanchion.Permit) (stanchion.Answer, error) { return w.policy.Cancel(permit) })
	if err != nil {
		return err
	}
	return w.tells.tell(line{
		"kind": "cancelled", "at_us": at.UnixMicro(), "permit": t.text, "answer": done.Result.String(),
	}.of(done.Report))
}

func (w *worker) call(t taken) error {
	started := time.Now()
	status, retryAfter := w.request(t)
	outcome, name := classify(status)
	took, at := time.Since(started), time.Now()
	done, err := untilHad(t, func(permit *stanchion.Permit) (stanchion.Answer, error) {
		return w.policy.Settle(permit, outcome, stanchion.Took(took))
	})
	if err != nil {
		return err
	}
	err = w.tells.tell(line{
		"kind": "settled", "at_us": at.UnixMicro(), "permit": t.text, "outcome": name, "status": status,
		"answer": done.Result.String(), "acquired_sequence": t.permit.Report.Sequence, "acquired_at_us": t.asked.UnixMicro(),
	}.of(done.Report))
	if err != nil || status != http.StatusTooManyRequests || retryAfter == "" {
		return err
	}
	return w.block(t.text, retryAfter)
}

func classify(status int) (stanchion.Outcome, string) {
	switch {
	case status >= 200 && status < 300:
		return stanchion.Success, "success"
	case status == http.StatusTooManyRequests:
		return stanchion.Ignored, "ignored"
	default:
		return stanchion.Failure, "failure"
	}
}

// request is the upstream's status, 0 where it did not answer in time. Whatever made the caller late, the call ends before
// its lease does.
func (w *worker) request(t taken) (status int, retryAfter string) {
	ctx, cancel := context.WithTimeout(context.Background(), min(w.config.callTimeout, w.config.lease-time.Since(t.asked)))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.config.upstream+"/work", nil)
	if err != nil {
		return 0, ""
	}
	w.tells.sign(request)
	request.Header.Set("x-permit", t.text)
	request.Header.Set("x-cost", strconv.FormatUint(uint64(t.cost), 10))
	request.Header.Set("x-sequence", strconv.FormatUint(t.permit.Report.Sequence, 10))
	request.Header.Set("x-at-us", strconv.FormatInt(t.asked.UnixMicro(), 10))
	request.Header.Set("x-events", strings.Join(t.permit.Report.Events.Names(), " "))
	response, err := w.client.Do(request)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return 0, ""
	}
	return response.StatusCode, response.Header.Get("Retry-After")
}

func (w *worker) block(permit, retryAfter string) error {
	at := time.Now()
	until, isThere := stanchion.ParseRetryAfter(retryAfter, at)
	if !isThere {
		return nil
	}
	done, err := w.policy.Command(fmt.Sprintf(`{"block":{"until_us":%d}}`, until.UnixMicro()))
	if err != nil {
		return err
	}
	return w.tells.tell(line{
		"kind": "blocked", "at_us": at.UnixMicro(), "permit": permit, "until_us": until.UnixMicro(),
	}.of(done.Report))
}

// untilHad gives a permit back: what was taken must come back, so a file that was busy is asked again.
func untilHad(t taken, give func(*stanchion.Permit) (stanchion.Answer, error)) (stanchion.Answer, error) {
	for tries := 1; ; tries++ {
		done, err := give(t.permit)
		var store *stanchion.StoreError
		if !errors.As(err, &store) || store.Code != "busy" || tries == 20 {
			return done, err
		}
		if t.permit, err = stanchion.ParsePermit(t.text); err != nil {
			return done, err
		}
	}
}
