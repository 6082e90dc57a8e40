//go:build cgo

package stanchionhttp

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

var now = time.UnixMicro(1_700_000_000_000_000)

func policyOf(t *testing.T, json string, opts ...stanchion.Option) *stanchion.Policy {
	t.Helper()
	opts = append(opts, stanchion.WithClock(func() time.Time { return now }))
	policy, err := stanchion.FromJSON([]byte(json), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(policy.Close)
	return policy
}

// serve starts a server and a client that is guarded by a policy.
func serve(t *testing.T, policy *stanchion.Policy, handler http.HandlerFunc) (*http.Client, string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return &http.Client{Transport: &Transport{Policy: policy, Base: server.Client().Transport}}, server.URL
}

// refusedBy is the gate that a request would be held up by, empty where it is admitted.
func refusedBy(t *testing.T, policy *stanchion.Policy) string {
	t.Helper()
	var rejected *stanchion.RejectedError
	err := policy.Peek()
	if err != nil && !errors.As(err, &rejected) {
		t.Fatal(err)
	}
	if rejected == nil {
		return ""
	}
	return rejected.By.Gate
}

const oneSlot = `{"name": "p", "circuit": {"consecutive_failures": 1}, "block": {}, "bulkhead": {"max_concurrent": 1}}`

func TestThePermitIsHeldUntilTheBodyEnds(t *testing.T) {
	for name, end := range map[string]func(io.ReadCloser){
		"read":              func(body io.ReadCloser) { _, _ = io.ReadAll(body) },
		"closed":            func(body io.ReadCloser) { body.Close() },
		"read, then closed": func(body io.ReadCloser) { _, _ = io.ReadAll(body); body.Close() },
	} {
		policy := policyOf(t, oneSlot)
		client, url := serve(t, policy, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })
		response, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		if by := refusedBy(t, policy); by != "bulkhead" {
			t.Errorf("%s: before, held up by %q", name, by)
		}
		var rejected *stanchion.RejectedError
		if _, err := client.Get(url); !errors.As(err, &rejected) || rejected.By.Gate != "bulkhead" {
			t.Errorf("%s: the second request: %v", name, err)
		}
		end(response.Body)
		if by := refusedBy(t, policy); by != "" {
			t.Errorf("%s: after, held up by %q", name, by)
		}
		response.Body.Close()
	}
}

func TestAnAnswerCountsByTheTable(t *testing.T) {
	for _, row := range []struct {
		status     int
		retryAfter string
		by         string
	}{
		{200, "", ""}, {404, "", ""}, {401, "", ""}, {404, "7", ""},
		{500, "", "circuit"}, {503, "", "circuit"}, {429, "", "block"}, {429, "7", "block"}, {503, "3600", "block"},
	} {
		policy := policyOf(t, oneSlot)
		client, url := serve(t, policy, func(w http.ResponseWriter, r *http.Request) {
			if row.retryAfter != "" {
				w.Header().Set("Retry-After", row.retryAfter)
			}
			w.WriteHeader(row.status)
		})
		response, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if by := refusedBy(t, policy); by != row.by {
			t.Errorf("%d, Retry-After %q: held up by %q, not %q", row.status, row.retryAfter, by, row.by)
		}
	}
}

// The block is closed at once, and not when the body ends.
func TestRetryAfterIsTakenAtOnce(t *testing.T) {
	policy := policyOf(t, `{"name": "p", "block": {}}`)
	client, url := serve(t, policy, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
		io.WriteString(w, "later")
	})
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var rejected *stanchion.RejectedError
	if _, err := client.Get(url); !errors.As(err, &rejected) || rejected.RetryAfter != 7*time.Second {
		t.Errorf("within the block: %v", err)
	}
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

func TestARefusedRequestIsNotSentAndItsBodyClosed(t *testing.T) {
	policy := policyOf(t, oneSlot)
	client, url := serve(t, policy, func(http.ResponseWriter, *http.Request) { t.Error("it was sent") })
	if _, err := policy.Command(`{"trip":{}}`); err != nil {
		t.Fatal(err)
	}
	sent := &closing{Reader: strings.NewReader("hello")}
	request, _ := http.NewRequest(http.MethodPost, url, sent)
	if _, err := client.Do(request); !errors.Is(err, stanchion.ErrRejected) || !sent.closed {
		t.Errorf("refused: %v, closed: %v", err, sent.closed)
	}
}

// A server that is told what to do with the connection of its only request.
func rawServer(t *testing.T, do func(net.Conn)) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = http.ReadRequest(bufio.NewReader(connection))
		do(connection)
		connection.Close()
	}()
	return "http://" + listener.Addr().String()
}

func TestABodyThatBreaksIsAFailure(t *testing.T) {
	policy := policyOf(t, oneSlot)
	url := rawServer(t, func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello") })
	client := &http.Client{Transport: &Transport{Policy: policy, Base: &http.Transport{}}}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.ReadAll(response.Body); err == nil {
		t.Fatal("the body is whole")
	}
	if by := refusedBy(t, policy); by != "circuit" {
		t.Errorf("held up by %q", by)
	}
}

func TestABodyWhoseCallerGoesAwayIsIgnored(t *testing.T) {
	policy := policyOf(t, oneSlot)
	client, url := serve(t, policy, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "hello")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(context.Background())
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	cancel()
	if _, err := io.ReadAll(response.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("read: %v", err)
	}
	if by := refusedBy(t, policy); by != "" {
		t.Errorf("held up by %q", by)
	}
}

func TestNetworkErrorsCountByTheTable(t *testing.T) {
	hangs := func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }
	closed, _ := net.Listen("tcp", "127.0.0.1:0")
	closed.Close()
	cancelled, cancel := context.WithCancel(context.Background())
	for _, row := range []struct {
		name, url, by string
		ctx           context.Context
		opts          []stanchion.AcquireOption
	}{
		{"refused", "http://" + closed.Addr().String(), "circuit", context.Background(), nil},
		{"broken off", rawServer(t, func(net.Conn) {}), "circuit", context.Background(), nil},
		{"too slow", rawServer(t, hangs), "circuit", context.Background(), []stanchion.AcquireOption{stanchion.Timeout(time.Millisecond)}},
		{"given up", rawServer(t, func(c net.Conn) { cancel(); hangs(c) }), "", cancelled, nil},
	} {
		policy := policyOf(t, oneSlot)
		transport := &Transport{Policy: policy, Base: &http.Transport{}, Options: func(*http.Request) []stanchion.AcquireOption { return row.opts }}
		request, _ := http.NewRequestWithContext(row.ctx, http.MethodGet, row.url, nil)
		response, err := transport.RoundTrip(request)
		if err == nil {
			response.Body.Close()
			t.Errorf("%s: answered", row.name)
		}
		if errors.Is(err, stanchion.ErrTimeout) != (row.name == "too slow") {
			t.Errorf("%s: %v", row.name, err)
		}
		if by := refusedBy(t, policy); by != row.by {
			t.Errorf("%s: held up by %q, not %q", row.name, by, row.by)
		}
	}
}

func TestErrorsHaveTheirClass(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	server.Config.ErrorLog = nil
	defer server.Close()
	_, untrusted := (&http.Client{Transport: &http.Transport{}}).Get(server.URL)
	for _, row := range []struct {
		err  error
		want stanchion.NetworkError
	}{
		{untrusted, stanchion.NetworkTLS},
		{&net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}, stanchion.NetworkDNS},
		{&net.OpError{Op: "dial", Err: &net.DNSError{IsTimeout: true}}, stanchion.NetworkTimeout},
		{&net.OpError{Op: "dial", Err: errors.New("no route to host")}, stanchion.NetworkRefused},
		{context.Canceled, stanchion.NetworkAborted},
		{context.DeadlineExceeded, stanchion.NetworkTimeout},
		{io.ErrUnexpectedEOF, stanchion.NetworkOther},
		{errors.New("?"), stanchion.NetworkOther},
	} {
		if got := NetworkErrorOf(row.err); got != row.want {
			t.Errorf("%v: %d, not %d", row.err, got, row.want)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestABaseThatPanicsIsAFailure(t *testing.T) {
	policy := policyOf(t, oneSlot)
	transport := &Transport{Policy: policy, Base: roundTripper(func(*http.Request) (*http.Response, error) { panic("base") })}
	func() {
		defer func() { _ = recover() }()
		_, _ = transport.RoundTrip(httptest.NewRequest(http.MethodGet, "/", nil))
	}()
	if by := refusedBy(t, policy); by != "circuit" {
		t.Errorf("held up by %q", by)
	}
}

func TestARefusalByAPolicyWithinSaysNothing(t *testing.T) {
	outer, inner := policyOf(t, oneSlot), policyOf(t, oneSlot)
	_, _ = inner.Command(`{"trip":{}}`)
	transport := &Transport{Policy: outer, Base: &Transport{Policy: inner}}
	if _, err := transport.RoundTrip(httptest.NewRequest(http.MethodGet, "/", nil)); !errors.Is(err, stanchion.ErrRejected) {
		t.Errorf("%v", err)
	}
	if by := refusedBy(t, outer); by != "" {
		t.Errorf("held up by %q", by)
	}
}

func TestAnotherProtocolIsWrittenToAndHoldsThePermit(t *testing.T) {
	policy := policyOf(t, oneSlot)
	url := rawServer(t, func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_, _ = io.CopyN(c, c, 5)
	})
	client := &http.Client{Transport: &Transport{Policy: policy, Base: &http.Transport{}}}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	stream, isBoth := response.Body.(io.ReadWriteCloser)
	if !isBoth {
		t.Fatal("the connection cannot be written to")
	}
	_, _ = io.WriteString(stream, "hello")
	if text, err := io.ReadAll(stream); string(text) != "hello" || err != nil {
		t.Errorf("read %q, %v", text, err)
	}
	if by := refusedBy(t, policy); by != "" {
		t.Errorf("after the end held up by %q", by)
	}
	stream.Close()
}

func TestEachHostCanHaveAPolicy(t *testing.T) {
	policy := policyOf(t, oneSlot)
	_, _ = policy.Command(`{"trip":{}}`)
	base := roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{Body: http.NoBody, StatusCode: 200}, nil
	})
	transport := &Transport{Base: base, PolicyOf: func(r *http.Request) *stanchion.Policy {
		if r.URL.Host == "guarded" {
			return policy
		}
		return nil
	}}
	if _, err := transport.RoundTrip(httptest.NewRequest(http.MethodGet, "http://guarded/", nil)); !errors.Is(err, stanchion.ErrRejected) {
		t.Errorf("guarded: %v", err)
	}
	if _, err := transport.RoundTrip(httptest.NewRequest(http.MethodGet, "http://free/", nil)); err != nil {
		t.Errorf("free: %v", err)
	}
}
