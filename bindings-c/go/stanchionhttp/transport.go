//go:build cgo

package stanchionhttp

import (
	"context"
	"errors"
	"io"
	"net/http"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// Transport is an [http.RoundTripper] that makes requests under a policy.
//
// Statuses and network errors count by the policy's table, which its field classify overrides; a server's Retry-After closes
// the policy's block; and the permit is held until the body of the response has ended or was closed. A body that nobody reads
// keeps its slot no longer than its lease. Redirects are requests of their own.
//
// Under a policy with retry, a request that failed is made again as that says, if it may be processed twice and its body can be
// had again (GetBody). Its answer is read to the end, closed and given up for that of the next attempt. An answer that is handed
// out after all, because there is no other attempt, was settled when its headers came.
//
// A refused request is an error that [errors.As] knows as a [*stanchion.RejectedError], also behind the *url.Error of a client; one
// that took too long, as a [*stanchion.TimeoutError].
type Transport struct {
	// Policy is what guards the requests.
	Policy *stanchion.Policy
	// PolicyOf, where it is set, chooses the policy by the request, by its host for example; nil lets the request pass.
	PolicyOf func(*http.Request) *stanchion.Policy
	// Base makes the requests; nil for [http.DefaultTransport].
	Base http.RoundTripper
	// Options say more about a request: its cost, how long it waits, how long it may take. They may be nil.
	Options func(*http.Request) []stanchion.AcquireOption
	// IsIdempotent tells whether a request may be processed twice without harm; nil for what its method or a header
	// Idempotency-Key says. Only policies with retry ask.
	IsIdempotent func(*http.Request) bool
}

// RoundTrip is that of [http.RoundTripper].
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	policy := t.Policy
	if t.PolicyOf != nil {
		policy = t.PolicyOf(request)
	}
	if policy == nil {
		return t.base().RoundTrip(request)
	}
	var opts []stanchion.AcquireOption
	if t.Options != nil {
		opts = t.Options(request)
	}
	if policy.Retries() {
		return t.roundTrips(policy, request, opts)
	}
	e, response, err := t.attempt(policy, request, opts)
	if response != nil {
		e.hold(response)
	}
	return response, err
}

// attempt makes a request that is admitted. One that failed is ended; an answer is still to be held.
func (t *Transport) attempt(
	policy *stanchion.Policy, request *http.Request, opts []stanchion.AcquireOption,
) (*exchange, *http.Response, error) {
	call, err := policy.Begin(request.Context(), opts...)
	if err != nil {
		if request.Body != nil {
			request.Body.Close() // as every RoundTripper does
		}
		return nil, nil, err
	}
	e := &exchange{policy: policy, call: call, caller: request.Context()}
	defer e.endIfPanicking()
	response, err := t.base().RoundTrip(request.WithContext(call.Context()))
	if err != nil {
		if errors.Is(context.Cause(call.Context()), stanchion.ErrTimeout) {
			err = &stanchion.TimeoutError{Policy: policy.Name(), Err: err} // as of [stanchion.Policy.Do]
		}
		e.failed(err)
		return e, nil, err
	}
	e.answered(response)
	return e, response, nil
}

func (t *Transport) base() http.RoundTripper {
	if t.Base == nil {
		return http.DefaultTransport
	}
	return t.Base
}

// exchange is an admitted request, up to the end of its body.
type exchange struct {
	policy *stanchion.Policy
	call   *stanchion.Call
	caller context.Context
	// What its answer means, or that there was none.
	means stanchion.Classified
	// Whether RoundTrip went as far as to know how it ended.
	known bool
}

func (e *exchange) endIfPanicking() {
	if !e.known {
		e.call.End(stanchion.Failure)
	}
}

func (e *exchange) failed(err error) {
	e.means, e.known = e.meaning(err), true
	e.call.End(e.means.Outcome)
}

func (e *exchange) answered(response *http.Response) {
	header := response.Header.Get("Retry-After")
	e.means, e.known = e.classify(stanchion.Reply{Status: response.StatusCode, RetryAfter: header}), true
}

// hold keeps the permit until the body has ended or was closed.
func (e *exchange) hold(response *http.Response) {
	if response.Body == nil || response.Body == http.NoBody {
		e.call.End(e.means.Outcome)
		return
	}
	e.call.RenewByHand()
	guarded := &body{exchange: e, inner: response.Body}
	response.Body = guarded
	if writer, isBoth := guarded.inner.(io.ReadWriteCloser); isBoth {
		response.Body = &duplex{guarded, writer} // of a connection that switched protocols
	}
}

// ignored is what says nothing about the server, and is not asked again.
var ignored = stanchion.Classified{Outcome: stanchion.Ignored, Retry: stanchion.RetryNever}

// classify asks the table, and closes the block where it says so.
func (e *exchange) classify(reply stanchion.Reply) stanchion.Classified {
	classified, err := e.policy.Classify(reply)
	if err != nil {
		return ignored // the policy was closed: nobody asks it any more
	}
	if !classified.BlockUntil.IsZero() {
		_, _ = e.policy.Block(classified.BlockUntil) // a file that is away is told by the policy's events
	}
	return classified
}

// meaning is what an error says. A refusal by a policy within says nothing about the server.
func (e *exchange) meaning(err error) stanchion.Classified {
	var unavailable *stanchion.UnavailableError
	if errors.Is(err, stanchion.ErrRejected) || errors.As(err, &unavailable) {
		return ignored
	}
	return e.classify(stanchion.Reply{Error: e.networkErrorOf(err)})
}

func (e *exchange) networkErrorOf(err error) stanchion.NetworkError {
	switch {
	case errors.Is(e.caller.Err(), context.Canceled):
		return stanchion.NetworkAborted
	case errors.Is(context.Cause(e.call.Context()), stanchion.ErrTimeout):
		return stanchion.NetworkTimeout
	default:
		return NetworkErrorOf(err)
	}
}

// body is that of a response, which holds the permit until it has ended or was closed.
type body struct {
	exchange *exchange
	inner    io.ReadCloser
}

func (b *body) Read(into []byte) (int, error) {
	b.exchange.call.Renew()
	n, err := b.inner.Read(into)
	switch {
	case err == nil:
	case err == io.EOF:
		b.exchange.call.End(b.exchange.means.Outcome)
	case b.exchange.means.Outcome == stanchion.Success:
		b.exchange.call.End(b.exchange.meaning(err).Outcome) // what breaks says more than a good status
	default:
		b.exchange.call.End(b.exchange.means.Outcome)
	}
	return n, err
}

func (b *body) Close() error {
	err := b.inner.Close()
	b.exchange.call.End(b.exchange.means.Outcome)
	return err
}

type duplex struct {
	*body
	io.Writer
}
