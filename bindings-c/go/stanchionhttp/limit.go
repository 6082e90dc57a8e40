//go:build cgo

package stanchionhttp

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// Limiter is how [Limiter.Limit] guards a handler.
type Limiter struct {
	// Policy is that of all requests, where Keys is nil.
	Policy *stanchion.Policy
	// Keys has the policy of each caller.
	Keys *Keys
	// Key tells the callers apart: by address, account, token. Requests with an empty key are not limited.
	Key func(*http.Request) string
	// Options say more about a request, its cost for example. They may be nil.
	Options func(*http.Request) []stanchion.AcquireOption
	// Refuse answers a request that was not admitted, after the header fields were set; by default with the status and one
	// line of text. The status is 429 where a limit holds it up, else 503.
	Refuse func(w http.ResponseWriter, r *http.Request, status int, err error)
}

// Limit is a middleware: each request needs the admission of its caller's policy, or of the one for all. Callers are told of their limits by RateLimit
// and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers), and in a refusal by Retry-After when to come again.
//
// A request is settled by the status of its answer, as the policy's table has it. A handler that panics is a failure, a caller
// that went away is ignored. The handler's context ends besides when the call takes longer than the policy lets it.
func (l *Limiter) Limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		policy, release, err := l.policyOf(r)
		if err != nil {
			l.refuse(w, r, http.StatusServiceUnavailable, err)
			return
		}
		defer release()
		if policy == nil {
			next.ServeHTTP(w, r)
			return
		}
		l.serve(policy, next, w, r)
	})
}

// policyOf is nil for a request that is not limited.
func (l *Limiter) policyOf(r *http.Request) (policy *stanchion.Policy, release func(), err error) {
	if l.Keys == nil {
		return l.Policy, func() {}, nil
	}
	key := l.Key(r)
	if key == "" {
		return nil, func() {}, nil
	}
	return l.Keys.Policy(key)
}

func (l *Limiter) serve(policy *stanchion.Policy, next http.Handler, w http.ResponseWriter, r *http.Request) {
	var opts []stanchion.AcquireOption
	if l.Options != nil {
		opts = l.Options(r)
	}
	call, err := policy.Begin(r.Context(), opts...)
	tell(w.Header(), policy)
	if err != nil {
		var rejected *stanchion.RejectedError
		if errors.As(err, &rejected) && !rejected.Never {
			w.Header().Set("Retry-After", rejected.RetryAfterHeader())
		}
		l.refuse(w, r, statusOf(rejected), err)
		return
	}
	outcome := stanchion.Failure // of a handler that panics
	defer func() { call.End(outcome) }()
	recorder := &recorder{ResponseWriter: w, status: http.StatusOK}
	next.ServeHTTP(recorder, r.WithContext(call.Context()))
	outcome = outcomeOf(policy, r, call, recorder.status)
}

func tell(header http.Header, policy *stanchion.Policy) {
	if allowed := policy.RateLimitPolicy(); allowed != "" {
		header.Set("RateLimit-Policy", allowed)
		if left, err := policy.RateLimit(); err == nil {
			header.Set("RateLimit", left)
		}
	}
}

func statusOf(rejected *stanchion.RejectedError) int {
	if rejected == nil {
		return http.StatusServiceUnavailable
	}
	return rejected.Status()
}

func (l *Limiter) refuse(w http.ResponseWriter, r *http.Request, status int, err error) {
	if l.Refuse != nil {
		l.Refuse(w, r, status, err)
		return
	}
	http.Error(w, http.StatusText(status), status)
}

func outcomeOf(policy *stanchion.Policy, r *http.Request, call *stanchion.Call, status int) stanchion.Outcome {
	reply := stanchion.Reply{Status: status}
	if errors.Is(r.Context().Err(), context.Canceled) {
		reply.Error = stanchion.NetworkAborted
	} else if errors.Is(context.Cause(call.Context()), stanchion.ErrTimeout) {
		reply.Error = stanchion.NetworkTimeout
	}
	classified, err := policy.Classify(reply)
	if err != nil {
		return stanchion.Ignored // the policy was closed
	}
	return classified.Outcome
}

// recorder notes the status of an answer. What else a writer can do is reached by [http.ResponseController].
type recorder struct {
	http.ResponseWriter
	status    int
	isWritten bool
}

func (r *recorder) WriteHeader(status int) {
	if !r.isWritten && (status >= 200 || status == http.StatusSwitchingProtocols) {
		r.status, r.isWritten = status, true
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(bytes []byte) (int, error) {
	r.isWritten = true
	return r.ResponseWriter.Write(bytes)
}

// Flush is for who asks for an [http.Flusher].
func (r *recorder) Flush() {
	r.isWritten = true
	_ = http.NewResponseController(r.ResponseWriter).Flush()
}

// Hijack is for who asks for an [http.Hijacker], as what serves WebSockets does. What becomes of the connection is not seen: it counts
// as an answer that switched protocols.
func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(r.ResponseWriter).Hijack()
	if err == nil {
		r.status, r.isWritten = http.StatusSwitchingProtocols, true
	}
	return conn, buffered, err
}

// Unwrap is for [http.ResponseController].
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
