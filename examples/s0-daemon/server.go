package main

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// server is who gets the messages. It is up or down, and writes down what it sees.
type server struct {
	// Whether a message is on the daemon's disk now.
	isKept func(id string) bool

	mu      sync.Mutex
	isDown  bool
	arrived []arrival
	// A message of this id is answered when the run lets it.
	slow     string
	isSlowIn chan struct{}
	letGo    chan struct{}
}

// arrival is a request that the server saw.
type arrival struct {
	id     string
	at     time.Time
	status int
	// Whether it came as it was handed in, and was still kept while it came.
	isWhole, wasKept bool
}

func newServer() *server {
	return &server{isKept: func(string) bool { return false }, slow: "slow", isSlowIn: make(chan struct{}), letGo: make(chan struct{})}
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	came := arrival{id: r.Header.Get("Idempotency-Key"), at: time.Now(), status: http.StatusOK}
	payload, err := io.ReadAll(r.Body)
	came.isWhole = err == nil && bytes.Equal(payload, payloadOf(came.id))
	s.mu.Lock()
	isDown, isKept := s.isDown, s.isKept
	s.mu.Unlock()
	if came.id == s.slow {
		close(s.isSlowIn)
		<-s.letGo
	} else if isDown {
		came.status = http.StatusInternalServerError
	}
	came.wasKept = isKept(came.id)
	s.mu.Lock()
	s.arrived = append(s.arrived, came)
	s.mu.Unlock()
	w.WriteHeader(came.status)
}

func (s *server) set(isDown bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isDown = isDown
}

func (s *server) look(isKept func(id string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isKept = isKept
}

// seen is what arrived since so many requests.
func (s *server) seen(since int) []arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]arrival(nil), s.arrived[since:]...)
}

// What a message says is told by its id, so that whoever reads it knows whether it is whole. Some are longer than 64 KiB, at which
// the daemon of old stopped for ever.
func payloadOf(id string) []byte {
	line := `{"message": "` + id + `"}` + "\n"
	times := 3
	switch {
	case id == "message-51":
		times = 200_000
	case strings.HasSuffix(id, "-50"):
		times = 16_000
	}
	return []byte(strings.Repeat(line, times))
}
