package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// errorOf is what a call comes to that is answered so; with status 0 there is nobody to answer.
func errorOf(t *testing.T, policy *stanchion.Policy, status int) error {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
	}))
	defer server.Close()
	if status == 0 {
		server.Close()
	}
	_, err := newAPI(options{server: server.URL, channel: "orders"}, policy).logIn(context.Background())
	if err == nil {
		t.Fatal(status, " is no error")
	}
	return err
}

// Theirs: 401 was retried as if it were the server's error, and any error ended the listener.
func TestWhereTheLadderBegins(t *testing.T) {
	for status, want := range map[int]string{
		0: "reconnect", 500: "reconnect", 502: "reconnect", 401: "refresh", 409: "release", 404: "recreate", 403: "given up: fatal",
	} {
		policy := patientOf(t).policy
		began := ""
		steps := stanchion.Steps{}
		for _, name := range []string{"reconnect", "refresh", "release", "recreate"} {
			steps[name] = func(context.Context) error {
				began = name
				return nil
			}
		}
		err := stanchion.Recover(context.Background(), policy, errorOf(t, policy, status), steps)
		var gaveUp *stanchion.UnrecoverableError
		if errors.As(err, &gaveUp) {
			began = "given up: " + gaveUp.Reason
		}
		if began != want {
			t.Errorf("%d: %s, %v", status, began, err)
		}
	}
}

func TestAServerThatAsksForTimeGetsIt(t *testing.T) {
	for _, status := range []int{429, 503} {
		policy := patientOf(t).policy
		var reply *stanchion.ReplyError
		if err := errorOf(t, policy, status); !errors.As(err, &reply) {
			t.Fatal(err)
		}
		means, err := policy.At(start).Classify(reply.Reply)
		if err != nil || means.Fault != stanchion.FaultThrottled || means.RetryAt.Sub(start).Seconds() != 7 {
			t.Errorf("%d: %+v, %v", status, means, err)
		}
	}
}
