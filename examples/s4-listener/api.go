package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
	"github.com/stanchion/stanchion/bindings-c/go/stanchionhttp"
)

// api is the service, as a client sees it.
type api struct {
	base, who string
	// Polls go through the policy's gates and are made again by its retry. What a step of the ladder asks is neither: the ladder has
	// attempts and waits of its own, and what makes something is not made again by whoever does not know what came of it.
	polls, steps *http.Client
}

func newAPI(o options, policy *stanchion.Policy) *api {
	gated := &stanchionhttp.Transport{Policy: policy, Options: func(*http.Request) []stanchion.AcquireOption {
		return []stanchion.AcquireOption{stanchion.WaitFor(patience)}
	}}
	return &api{
		base: o.server, who: fmt.Sprintf("%s/%d", o.channel, os.Getpid()),
		polls: &http.Client{Transport: gated}, steps: &http.Client{},
	}
}

// credentials are what a call needs.
type credentials struct {
	Token   string `json:"token,omitempty"`
	Session string `json:"session,omitempty"`
}

type message struct {
	ID   uint64 `json:"id"`
	Text string `json:"text"`
}

// poll waits at the server until there are messages behind the cursor; there may be none after all.
func (a *api) poll(ctx context.Context, c credentials, channel string, cursor uint64) ([]message, error) {
	var messages []message
	path := fmt.Sprintf("%s/messages?after=%d", channelPath(c, channel), cursor)
	err := a.ask(ctx, a.polls, http.MethodGet, path, c, &messages)
	return messages, err
}

// ping is the light health check.
func (a *api) ping(ctx context.Context) error {
	return a.ask(ctx, a.steps, http.MethodGet, "/ping", credentials{}, &struct{}{})
}

func (a *api) logIn(ctx context.Context) (string, error) {
	var made credentials
	err := a.ask(ctx, a.steps, http.MethodPost, "/tokens", credentials{}, &made)
	return made.Token, err
}

// find is the session that the account has.
func (a *api) find(ctx context.Context, c credentials) (string, error) {
	var found credentials
	err := a.ask(ctx, a.steps, http.MethodGet, "/sessions", c, &found)
	return found.Session, err
}

// open makes a new session, which ends the one that the account had.
func (a *api) open(ctx context.Context, c credentials) (string, error) {
	var made credentials
	err := a.ask(ctx, a.steps, http.MethodPost, "/sessions", c, &made)
	return made.Session, err
}

func (a *api) isHeld(ctx context.Context, c credentials, channel string) (bool, error) {
	var said struct{ Held bool }
	err := a.ask(ctx, a.steps, http.MethodGet, channelPath(c, channel), c, &said)
	return said.Held, err
}

func channelPath(c credentials, channel string) string {
	return "/sessions/" + cmp.Or(c.Session, "none") + "/channels/" + channel
}

// ask makes one call.
func (a *api) ask(ctx context.Context, client *http.Client, method, path string, c credentials, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, a.base+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+c.Token)
	request.Header.Set("User-Agent", a.who)
	response, err := client.Do(request)
	if err != nil {
		return err // no answer is a transient fault
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		// What that means, the policy's table says: 401 is credentials, 404 the session, 409 somebody who has it, 403 the end.
		return &stanchion.ReplyError{
			Reply: stanchion.Reply{Status: response.StatusCode, RetryAfter: response.Header.Get("Retry-After")},
			Err:   fmt.Errorf("%s %s: %s", method, path, response.Status),
		}
	}
	return json.NewDecoder(response.Body).Decode(answer)
}

// statusOf is with what a call was answered that failed; 0 where it was not.
func statusOf(err error) int {
	var reply *stanchion.ReplyError
	if errors.As(err, &reply) {
		return reply.Reply.Status
	}
	return 0
}
