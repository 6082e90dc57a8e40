//go:build cgo

package stanchionhttp

import (
	"errors"
	"io"
	"net/http"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// roundTrips makes a request until it works or is given up.
func (t *Transport) roundTrips(
	policy *stanchion.Policy, request *http.Request, opts []stanchion.AcquireOption,
) (*http.Response, error) {
	attempts, err := t.attempts(policy, request, opts)
	if err != nil {
		if request.Body != nil {
			request.Body.Close()
		}
		return nil, err
	}
	var last error
	for next := request; ; {
		e, response, err := t.attempt(policy, next, opts)
		if e == nil && last != nil {
			return nil, errors.Join(last, err)
		} else if e == nil {
			return nil, err
		}
		if e.means.Retry == stanchion.RetryNever || !canBeRepeated(request) {
			return e.handed(response), err
		}
		e.call.Settle(e.means.Outcome) // what it did to the circuit counts
		isNext, cause := attempts.Next(request.Context(), e.means, err)
		if !isNext && cause == nil {
			return e.handed(response), err
		}
		e.drop(response)
		if cause == nil {
			next, cause = repeated(request)
		}
		last = problem(response, err)
		if cause != nil {
			return nil, errors.Join(last, cause)
		}
	}
}

func (t *Transport) attempts(
	policy *stanchion.Policy, request *http.Request, opts []stanchion.AcquireOption,
) (*stanchion.Attempts, error) {
	isIdempotent := isIdempotent
	if t.IsIdempotent != nil {
		isIdempotent = t.IsIdempotent
	}
	if isIdempotent(request) {
		opts = append(opts[:len(opts):len(opts)], stanchion.Idempotent())
	}
	return policy.Attempts(opts...)
}

func isIdempotent(request *http.Request) bool {
	return stanchion.IsIdempotentMethod(request.Method) || request.Header.Get("Idempotency-Key") != ""
}

func hasBody(request *http.Request) bool { return request.Body != nil && request.Body != http.NoBody }

func canBeRepeated(request *http.Request) bool { return !hasBody(request) || request.GetBody != nil }

// repeated is the request with its body from the beginning.
func repeated(request *http.Request) (*http.Request, error) {
	again := request.Clone(request.Context())
	if !hasBody(request) {
		return again, nil
	}
	body, err := request.GetBody()
	again.Body = body
	return again, err
}

// problem is what went wrong with an attempt that is made again.
func problem(response *http.Response, err error) error {
	if err != nil {
		return err
	}
	return &stanchion.ReplyError{Reply: stanchion.Reply{Status: response.StatusCode}}
}

// handed is the answer for the caller, if there is one.
func (e *exchange) handed(response *http.Response) *http.Response {
	if response != nil {
		e.hold(response)
	}
	return response
}

// So much of an answer that nobody wants is read, so that its connection serves again.
const drained = 2 << 10

func (e *exchange) drop(response *http.Response) {
	if response != nil {
		_, _ = io.CopyN(io.Discard, response.Body, drained)
		response.Body.Close()
	}
	e.call.End(e.means.Outcome)
}
