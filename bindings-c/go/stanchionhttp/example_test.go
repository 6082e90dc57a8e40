//go:build cgo

package stanchionhttp_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
	"github.com/stanchion/stanchion/bindings-c/go/stanchionhttp"
)

func ExampleTransport() {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer upstream.Close()
	policy, err := stanchion.FromJSON([]byte(`{"name": "upstream", "circuit": {"consecutive_failures": 5}, "block": {}}`))
	if err != nil {
		panic(err)
	}
	defer policy.Close()
	client := &http.Client{Transport: &stanchionhttp.Transport{Policy: policy}}
	for range 2 {
		response, err := client.Get(upstream.URL)
		var rejected *stanchion.RejectedError
		if errors.As(err, &rejected) {
			fmt.Println("not sent, because of the", rejected.By)
			continue
		}
		response.Body.Close()
		fmt.Println("sent:", response.Status)
	}
	// Output:
	// sent: 429 Too Many Requests
	// not sent, because of the block
}

func ExampleLimiter() {
	keys := stanchionhttp.NewKeys(100_000, func(key string) (*stanchion.Policy, error) {
		return stanchion.New(stanchion.Config{
			Name:   "api",
			Limits: []stanchion.LimitConfig{{Name: "calls", Capacity: 1, RefillTokens: 1, RefillIntervalMS: 60_000}},
		})
	})
	defer keys.Close()
	limiter := &stanchionhttp.Limiter{Keys: keys, Key: func(r *http.Request) string { return r.Header.Get("Authorization") }}
	handler := limiter.Limit(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))

	for range 2 {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.Header.Set("Authorization", "Bearer ann")
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		answer := recorder.Result()
		fmt.Println(answer.StatusCode, answer.Header["Ratelimit"], answer.Header["Retry-After"])
	}
	// Output:
	// 200 ["calls";r=0;t=60] []
	// 429 ["calls";r=0;t=60] [60]
}

func ExampleHealthHandler() {
	mail, err := stanchion.FromJSON([]byte(`{"name": "mail", "circuit": {"consecutive_failures": 1}}`))
	if err != nil {
		panic(err)
	}
	defer mail.Close()
	http.Handle("/health/", stanchionhttp.HealthHandler(mail))

	if _, err := mail.Command(`{"trip":{}}`); err != nil {
		panic(err)
	}
	for _, probe := range []string{"/health/live", "/health/ready"} {
		recorder := httptest.NewRecorder()
		http.DefaultServeMux.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, probe, nil))
		fmt.Println(recorder.Code, recorder.Body)
	}
	// Output:
	// 200 {"status":"warn","reasons":["circuit_open"],"checks":{"mail":[{"status":"warn","reasons":["circuit_open"]}]}}
	// 503 {"status":"fail","reasons":["circuit_open"],"checks":{"mail":[{"status":"fail","reasons":["circuit_open"]}]}}
}
