//go:build cgo

package stanchionhttp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

const twoCalls = `{"name": "p", "circuit": {"consecutive_failures": 1, "open_ms": 5000},
	"limits": [{"name": "calls", "capacity": 2, "refill_tokens": 1, "refill_interval_ms": 1500}], "bulkhead": {"max_concurrent": 1}}`

func keysOf(t *testing.T, most int, json string) *Keys {
	t.Helper()
	keys := NewKeys(most, func(string) (*stanchion.Policy, error) {
		return stanchion.FromJSON([]byte(json), stanchion.WithClock(func() time.Time { return now }))
	})
	t.Cleanup(keys.Close)
	return keys
}

func byUser(r *http.Request) string { return r.Header.Get("User") }

func ask(handler http.Handler, user string) *http.Response {
	recorder := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header.Set("User", user)
	handler.ServeHTTP(recorder, request)
	return recorder.Result()
}

func status(code int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(code) })
}

func TestCallersAreToldOfTheirLimits(t *testing.T) {
	limiter := &Limiter{Keys: keysOf(t, 10, twoCalls), Key: byUser}
	handler := limiter.Limit(status(http.StatusNoContent))
	for i, want := range []struct {
		user, left, retryAfter string
		status                 int
	}{
		{"ann", `"calls";r=1;t=2`, "", 204}, {"ann", `"calls";r=0;t=2`, "", 204}, {"ann", `"calls";r=0;t=2`, "2", 429},
		{"bob", `"calls";r=1;t=2`, "", 204}, {"", "", "", 204},
	} {
		got := ask(handler, want.user)
		left, retryAfter := got.Header.Get("RateLimit"), got.Header.Get("Retry-After")
		if got.StatusCode != want.status || left != want.left || retryAfter != want.retryAfter {
			t.Errorf("%d, %s: %d, %s, retry after %s", i, want.user, got.StatusCode, left, retryAfter)
		}
		if allowed := got.Header.Get("RateLimit-Policy"); (allowed == `"calls";q=2;w=3`) != (want.user != "") {
			t.Errorf("%d: %s", i, allowed)
		}
	}
}

func TestWhatNoCallerDidIsNotHisToWaitFor(t *testing.T) {
	limiter := &Limiter{Keys: keysOf(t, 10, twoCalls), Key: byUser}
	handler := limiter.Limit(status(http.StatusInternalServerError))
	if got := ask(handler, "ann"); got.StatusCode != 500 {
		t.Fatal(got.Status)
	}
	if got := ask(handler, "ann"); got.StatusCode != 503 || got.Header.Get("Retry-After") != "5" {
		t.Errorf("the circuit is open: %s, retry after %s", got.Status, got.Header.Get("Retry-After"))
	}
}

func TestARequestThatWaitingCannotHelpHasNoRetryAfter(t *testing.T) {
	limiter := &Limiter{Keys: keysOf(t, 10, twoCalls), Key: byUser}
	limiter.Options = func(*http.Request) []stanchion.AcquireOption { return []stanchion.AcquireOption{stanchion.Cost(3)} }
	got := ask(limiter.Limit(status(204)), "ann")
	if _, isSaid := got.Header["Retry-After"]; got.StatusCode != 429 || isSaid {
		t.Errorf("%s, %v", got.Status, got.Header)
	}
}

func TestAHandlerThatPanicsIsAFailureAndGivesItsSlotBack(t *testing.T) {
	limiter := &Limiter{Keys: keysOf(t, 10, twoCalls), Key: byUser}
	handler := limiter.Limit(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("handler") }))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		ask(handler, "ann")
	}()
	if got := ask(limiter.Limit(status(204)), "ann"); got.StatusCode != 503 {
		t.Errorf("the circuit is closed: %s", got.Status)
	}
}

func TestACallerThatWentAwayIsIgnored(t *testing.T) {
	limiter := &Limiter{Keys: keysOf(t, 10, twoCalls), Key: byUser}
	ctx, cancel := context.WithCancel(context.Background())
	handler := limiter.Limit(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cancel()
		w.WriteHeader(http.StatusInternalServerError)
	}))
	request := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	request.Header.Set("User", "ann")
	handler.ServeHTTP(httptest.NewRecorder(), request)
	if got := ask(limiter.Limit(status(204)), "ann"); got.StatusCode != 204 {
		t.Errorf("%s", got.Status)
	}
}

func TestARefusalCanBeAnsweredOtherwise(t *testing.T) {
	limiter := &Limiter{Keys: keysOf(t, 1, twoCalls), Key: byUser}
	var told []error
	limiter.Refuse = func(w http.ResponseWriter, r *http.Request, status int, err error) {
		told = append(told, err)
		w.WriteHeader(http.StatusTeapot)
	}
	handler := limiter.Limit(status(204))
	ask(handler, "ann")
	// There is no place for bob, because ann has used something up.
	if got := ask(handler, "bob"); got.StatusCode != http.StatusTeapot || !errors.Is(told[0], ErrTooManyKeys) {
		t.Errorf("%s, %v", got.Status, told)
	}
	ask(handler, "ann")
	if got := ask(handler, "ann"); got.StatusCode != http.StatusTeapot || !errors.Is(told[1], stanchion.ErrRejected) {
		t.Errorf("%s, %v", got.Status, told)
	}
}

// What a server's writer can do beside writing is still there.
func TestAWriterCanStillFlushAndHaveDeadlines(t *testing.T) {
	limiter := &Limiter{Keys: keysOf(t, 10, twoCalls), Key: byUser}
	server := httptest.NewServer(limiter.Limit(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, isOne := w.(http.Flusher); !isOne {
			t.Error("no flusher")
		}
		controller := http.NewResponseController(w)
		if err := errors.Join(controller.SetReadDeadline(time.Time{}), controller.Flush()); err != nil {
			t.Error(err)
		}
	})))
	defer server.Close()
	request, _ := http.NewRequest(http.MethodGet, server.URL, nil)
	request.Header.Set("User", "ann")
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
}

func TestKeysCanBeInAFile(t *testing.T) {
	file, err := stanchion.OpenFile(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	keys := NewKeys(1, func(key string) (*stanchion.Policy, error) {
		return stanchion.FromJSON([]byte(twoCalls), stanchion.WithStore(file, key))
	})
	defer keys.Close()
	handler := (&Limiter{Keys: keys, Key: byUser}).Limit(status(204))
	for i, want := range []string{`"calls";r=1;t=2`, `"calls";r=1;t=2`, `"calls";r=0;t=2`} {
		user := []string{"ann", "bob", "ann"}[i] // pushed out of memory, and still known to the file
		if got := ask(handler, user); got.StatusCode != 204 || got.Header.Get("RateLimit") != want {
			t.Errorf("%s: %s, %s", user, got.Status, got.Header.Get("RateLimit"))
		}
	}
}

func TestWhatCannotBeBuiltIsTold(t *testing.T) {
	keys := NewKeys(1, func(string) (*stanchion.Policy, error) { return stanchion.FromJSON([]byte(`{}`)) })
	if got := ask((&Limiter{Keys: keys, Key: byUser}).Limit(status(204)), "ann"); got.StatusCode != 503 || keys.Len() != 0 {
		t.Errorf("%s, %d keys", got.Status, keys.Len())
	}
}

// A connection that is taken over, as for WebSockets, holds its slot until the handler returns, and is no failure.
func TestAConnectionMayBeTakenOver(t *testing.T) {
	policy := policyOf(t, oneSlot)
	limiter := &Limiter{Policy: policy}
	server := httptest.NewServer(limiter.Limit(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		if policy.Peek() == nil {
			t.Error("holds no slot")
		}
		_, _ = buffered.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
		_ = buffered.Flush()
	})))
	defer server.Close()
	for range 2 { // the second shows that the first gave its slot back, and opened no circuit
		response, err := http.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if string(body) != "hi" || err != nil {
			t.Fatalf("%d %q, %v", response.StatusCode, body, err)
		}
		server.CloseClientConnections()
		for policy.Peek() != nil {
			runtime.Gosched() // the handler returns after its answer
		}
	}
}

func TestOnePolicyLimitsAllRequests(t *testing.T) {
	limiter := &Limiter{Policy: policyOf(t, twoCalls)}
	handler := limiter.Limit(status(http.StatusNoContent))
	for i, want := range []int{204, 204, 429} {
		if got := ask(handler, "ann"); got.StatusCode != want || got.Header.Get("RateLimit") == "" {
			t.Errorf("%d: %d", i, got.StatusCode)
		}
	}
}
