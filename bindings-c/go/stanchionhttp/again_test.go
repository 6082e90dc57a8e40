//go:build cgo

package stanchionhttp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

const retrying = `{"name": "p", "circuit": {"consecutive_failures": 9}, "bulkhead": {"max_concurrent": 1}, "call_timeout_ms": 9000,
	"retry": {"max_attempts": 3, "base_delay_ms": 1, "jitter": "none"}}`

// answering serves these statuses in turn, the last one again and again, and keeps the bodies that came.
func answering(t *testing.T, policy *stanchion.Policy, statuses ...int) (client *http.Client, url string, bodies func() []string) {
	var came []string
	client, url = serve(t, policy, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		came = append(came, string(body))
		status := statuses[min(len(came), len(statuses))-1]
		w.WriteHeader(status)
		io.WriteString(w, http.StatusText(status))
	})
	return client, url, func() []string { return came }
}

func TestRequestsAreMadeAgain(t *testing.T) {
	const fails = http.StatusServiceUnavailable
	for name, row := range map[string]struct {
		method, key string
		body        io.Reader
		statuses    []int
		want        int
		bodies      []string
	}{
		"a GET until it works":       {http.MethodGet, "", nil, []int{fails, fails, 200}, 200, []string{"", "", ""}},
		"a GET until it is given up": {http.MethodGet, "", nil, []int{fails}, fails, []string{"", "", ""}},
		"a PUT with its body":        {http.MethodPut, "", strings.NewReader("hello"), []int{fails, 200}, 200, []string{"hello", "hello"}},
		"no POST":                    {http.MethodPost, "", strings.NewReader("hello"), []int{fails, 200}, fails, []string{"hello"}},
		"a POST with a key":          {http.MethodPost, "7", strings.NewReader("hello"), []int{fails, 200}, 200, []string{"hello", "hello"}},
		"no body that cannot be had again": {
			http.MethodPut, "", io.MultiReader(strings.NewReader("hello")), []int{fails, 200}, fails, []string{"hello"},
		},
		"nothing that would not be better": {http.MethodGet, "", nil, []int{404, 200}, 404, []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			policy := policyOf(t, retrying)
			client, url, bodies := answering(t, policy, row.statuses...)
			request, _ := http.NewRequest(row.method, url, row.body)
			if row.key != "" {
				request.Header.Set("Idempotency-Key", row.key)
			}
			response, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(response.Body)
			response.Body.Close()
			if response.StatusCode != row.want || err != nil || string(text) != http.StatusText(row.want) {
				t.Errorf("%d %q, %v", response.StatusCode, text, err)
			}
			if !slices.Equal(bodies(), row.bodies) {
				t.Errorf("came %q", bodies())
			}
			if by := refusedBy(t, policy); by != "" {
				t.Errorf("the slot of %s did not come back", by)
			}
		})
	}
}

func TestAWaitBetweenRequestsEndsWithTheContext(t *testing.T) {
	policy := policyOf(t, `{"name": "p", "retry": {"base_delay_ms": 60000, "max_delay_ms": 60000, "jitter": "none"}}`)
	ctx, cancel := context.WithCancel(context.Background())
	client, url := serve(t, policy, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		time.AfterFunc(time.Millisecond, cancel)
	})
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	response, err := client.Do(request)
	if err == nil {
		response.Body.Close()
	}
	var reply *stanchion.ReplyError
	if !errors.Is(err, context.Canceled) || !errors.As(err, &reply) || reply.Reply.Status != 503 {
		t.Errorf("%v", err)
	}
}

func TestARefusedRequestIsNotMadeAgain(t *testing.T) {
	policy := policyOf(t, retrying)
	if _, err := policy.Command(`{"trip":{}}`); err != nil {
		t.Fatal(err)
	}
	client, url, bodies := answering(t, policy, 200)
	_, err := client.Get(url)
	var rejected *stanchion.RejectedError
	if !errors.As(err, &rejected) || rejected.By.Gate != "circuit" || len(bodies()) != 0 {
		t.Errorf("%v", err)
	}
}
