package checks

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
	"github.com/stanchion/stanchion/bindings-c/go/stanchionhttp"
	"go.uber.org/goleak"
)

// Every test of this file leaves no goroutine behind: each looks for it when it ends, before anything is closed by a finalizer.

func policyOf(t *testing.T, json string, opts ...stanchion.Option) *stanchion.Policy {
	t.Helper()
	policy, err := stanchion.FromJSON([]byte(json), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(policy.Close)
	return policy
}

const leased = `{"name": "p", "bulkhead": {"max_concurrent": 2, "lease_ms": 60}, "circuit": {"consecutive_failures": 3}}`

// Calls that renew their leases, time out, are given up, panic; and callers that wait in line or give up waiting.
func TestCallsLeaveNothingBehind(t *testing.T) {
	defer goleak.VerifyNone(t)
	file, err := stanchion.OpenFile(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, policy := range []*stanchion.Policy{policyOf(t, leased), policyOf(t, leased, stanchion.WithStore(file, "k"))} {
		var calls sync.WaitGroup
		for i := range 20 {
			calls.Go(func() {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				defer func() { _ = recover() }()
				_ = policy.Do(ctx, func(inside context.Context) error {
					switch i % 4 {
					case 0:
						cancel()
					case 1:
						panic("a call")
					case 2:
						<-inside.Done()
					}
					return inside.Err()
				}, stanchion.WaitFor(20*time.Millisecond), stanchion.Timeout(5*time.Millisecond))
			})
		}
		calls.Wait()
		policy.Close()
	}
}

func TestGuardedHTTPLeavesNothingBehind(t *testing.T) {
	defer goleak.VerifyNone(t)
	keys := stanchionhttp.NewKeys(10, func(string) (*stanchion.Policy, error) { return stanchion.FromJSON([]byte(leased)) })
	defer keys.Close()
	limiter := stanchionhttp.Limiter{Keys: keys, Key: func(r *http.Request) string { return r.URL.Path }}
	server := httptest.NewServer(limiter.Limit(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })))
	defer server.Close()
	base := &http.Transport{}
	defer base.CloseIdleConnections()
	client := &http.Client{Transport: &stanchionhttp.Transport{Policy: policyOf(t, leased), Base: base}}
	for i := range 20 {
		ctx, cancel := context.WithCancel(context.Background())
		request, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		response, err := client.Do(request)
		if err != nil && !errors.Is(err, stanchion.ErrRejected) {
			t.Fatal(err)
		}
		if i%2 == 0 {
			cancel()
		}
		if err == nil {
			_, _ = io.ReadAll(response.Body)
			response.Body.Close()
		}
		cancel()
	}
}

// What runs, delivers, mends and supervises until its context ends, and what it was doing then.
func TestWhatRunsOnLeavesNothingBehind(t *testing.T) {
	defer goleak.VerifyNone(t)
	policy := policyOf(t, `{"name": "p", "schedule": {"interval_ms": 60000}, "recovery": {"steps": [{"name": "restart"}]}, "spool": {}}`)
	spool, err := stanchion.OpenSpool(filepath.Join(t.TempDir(), "spool"), policy)
	if err != nil {
		t.Fatal(err)
	}
	defer spool.Close()
	if _, err := spool.Append(context.Background(), "", []byte("hello")); err != nil {
		t.Fatal(err)
	}
	schedule := policy.Schedule("", func(ctx context.Context, _ stanchion.Intent) error {
		<-ctx.Done()
		return ctx.Err()
	})
	schedule.Wake(stanchion.Manual)
	untilEnded := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	var all sync.WaitGroup
	for _, run := range []func() error{
		func() error { return schedule.Run(ctx) },
		func() error {
			return spool.Deliver(ctx, func(ctx context.Context, _ *stanchion.Delivery) error { return untilEnded(ctx) })
		},
		func() error { return policy.Supervise(ctx, untilEnded) },
		func() error {
			return stanchion.Recover(ctx, policy, errors.New("broken"), stanchion.Steps{"restart": untilEnded})
		},
	} {
		all.Go(func() {
			if err := run(); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("ended by %v", err)
			}
		})
	}
	all.Wait()
}
