package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// server is the message service: one account, one token that is accepted, one session at a time, and channels. It does by script
// what such services do to their listeners, and writes down what it sees.
//
//	POST /tokens                                    a new token; the former one is refused from now on
//	GET  /sessions                                  the session of the account, 404 without one
//	POST /sessions                                  a new session; the former one is gone
//	GET  /sessions/{session}/channels/{channel}     whether the channel is held
//	GET  /sessions/{session}/channels/{channel}/messages?after={id}
//	GET  /ping
type server struct {
	mux *http.ServeMux

	mu             sync.Mutex
	token, session string
	made           int
	channels       map[string][]message
	log            []entry
	script         script
}

// script is what goes wrong.
type script struct {
	// So many polls are answered with 503, and then all that asks for anything but tokens and sessions.
	busy   int
	isDown bool
	// Polls of this channel are not answered.
	hung string
	// This channel is held, until it was looked at so often or until there is a new session.
	held      string
	heldLooks int
	// Requests for new sessions wait for this; the next one is done, and its answer is lost.
	gate     chan struct{}
	isSilent bool
	// The account is closed.
	isClosed bool
}

// What is asked for.
const (
	asksPoll   = "poll"
	asksPing   = "ping"
	asksToken  = "token"
	asksFind   = "find"
	asksOpen   = "open"
	asksIsHeld = "is held"
)

// entry is a request that the server saw.
type entry struct {
	what, channel, who string
	// With which credentials, and behind which message.
	used  credentials
	after uint64
	// 0 while it goes on, and where no answer went out.
	status       int
	began, ended time.Time
	// What it made was not needed: what it replaced was good.
	isWanton bool
}

// How long a poll without messages takes, how often it looks for some, and how many it gets at once.
const (
	pollTime   = 60 * time.Millisecond
	lookPeriod = 3 * time.Millisecond
	batch      = 4
)

func newServer(channels ...string) *server {
	s := &server{mux: http.NewServeMux(), channels: map[string][]message{}}
	for _, channel := range channels {
		s.channels[channel] = nil
	}
	for pattern, route := range map[string]struct {
		what   string
		answer func(*server, *http.Request, *entry) (int, any)
	}{
		"GET /ping":                {asksPing, (*server).ping},
		"POST /tokens":             {asksToken, (*server).newToken},
		"GET /sessions":            {asksFind, (*server).find},
		"POST /sessions":           {asksOpen, (*server).open},
		channelRoute:               {asksIsHeld, (*server).isHeld},
		channelRoute + "/messages": {asksPoll, (*server).poll},
	} {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, route.what, route.answer) })
	}
	return s
}

const channelRoute = "GET /sessions/{session}/channels/{channel}"

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// serve writes a request down, before it is answered and when it was.
func (s *server) serve(w http.ResponseWriter, r *http.Request, what string, answer func(*server, *http.Request, *entry) (int, any)) {
	after, _ := strconv.ParseUint(r.FormValue("after"), 10, 64)
	e := entry{what: what, channel: r.PathValue("channel"), who: r.UserAgent(), after: after, began: time.Now()}
	_, _ = fmt.Sscanf(r.Header.Get("Authorization"), "Bearer %s", &e.used.Token) // none stays none
	e.used.Session = r.PathValue("session")
	s.mu.Lock()
	place := len(s.log)
	s.log = append(s.log, e)
	s.mu.Unlock()
	status, body := answer(s, r, &e)
	s.mu.Lock()
	e.status, e.ended = status, time.Now()
	s.log[place] = e
	s.mu.Unlock()
	if status == 0 {
		panic(http.ErrAbortHandler) // the connection breaks
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (s *server) ping(*http.Request, *entry) (int, any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.script.isDown {
		return http.StatusServiceUnavailable, nil
	}
	return http.StatusOK, struct{}{}
}

func (s *server) newToken(_ *http.Request, e *entry) (int, any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.script.isClosed {
		return http.StatusForbidden, nil
	}
	e.isWanton = s.token != ""
	s.token = s.name("token")
	return http.StatusOK, credentials{Token: s.token}
}

func (s *server) find(_ *http.Request, e *entry) (int, any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if status := s.refusal(e.used.Token); status != 0 {
		return status, nil
	}
	if s.session == "" {
		return http.StatusNotFound, nil
	}
	return http.StatusOK, credentials{Session: s.session}
}

func (s *server) open(r *http.Request, e *entry) (int, any) {
	if !s.isLetThrough(r) {
		return 0, nil // whoever asked is gone, and nothing was done
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if status := s.refusal(e.used.Token); status != 0 {
		return status, nil
	}
	e.isWanton = s.session != "" && s.script.held == ""
	s.session, s.script.held = s.name("session"), ""
	if s.script.isSilent {
		s.script.isSilent = false
		return 0, nil
	}
	return http.StatusOK, credentials{Session: s.session}
}

// isLetThrough waits for the gate, where there is one.
func (s *server) isLetThrough(r *http.Request) bool {
	s.mu.Lock()
	gate := s.script.gate
	s.mu.Unlock()
	if gate == nil {
		return true
	}
	select {
	case <-gate:
		return true
	case <-r.Context().Done():
		return false
	}
}

func (s *server) isHeld(r *http.Request, e *entry) (int, any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if status := s.refusalOf(r, e); status != 0 && status != http.StatusConflict {
		return status, nil
	}
	isHeld := s.script.held == e.channel
	if isHeld {
		if s.script.heldLooks--; s.script.heldLooks == 0 {
			s.script.held, isHeld = "", false
		}
	}
	return http.StatusOK, struct{ Held bool }{isHeld}
}

// poll looks for messages until there are some, or the poll has taken its time.
func (s *server) poll(r *http.Request, e *entry) (int, any) {
	if s.isBusy() {
		return http.StatusServiceUnavailable, nil
	}
	for end := time.Now().Add(pollTime); r.Context().Err() == nil; time.Sleep(lookPeriod) {
		status, found, isHung := s.look(r, e)
		if !isHung && (status != 0 || len(found) > 0 || time.Now().After(end)) {
			if status == 0 {
				status = http.StatusOK
			}
			return status, found
		}
	}
	return 0, nil
}

func (s *server) isBusy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.script.busy == 0 {
		return false
	}
	s.script.busy--
	return true
}

// look is one look for messages; a status where there is something to be said instead.
func (s *server) look(r *http.Request, e *entry) (status int, found []message, isHung bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	isHung = s.script.hung == e.channel
	if s.script.isDown {
		return http.StatusServiceUnavailable, nil, isHung
	}
	if status = s.refusalOf(r, e); status != 0 {
		return status, nil, isHung
	}
	all := s.channels[e.channel]
	found = all[min(e.after, uint64(len(all))):]
	return 0, slices.Clone(found[:min(batch, len(found))]), isHung
}

// refusal is why nothing is done with a token; 0 where it is good.
func (s *server) refusal(token string) int {
	switch {
	case s.script.isClosed:
		return http.StatusForbidden
	case token == "" || token != s.token:
		return http.StatusUnauthorized
	default:
		return 0
	}
}

// refusalOf is why nothing is done for a channel.
func (s *server) refusalOf(r *http.Request, e *entry) int {
	status := s.refusal(e.used.Token)
	switch {
	case status != 0:
		return status
	case s.session == "" || r.PathValue("session") != s.session:
		return http.StatusNotFound
	case s.script.held == e.channel:
		return http.StatusConflict
	default:
		return 0
	}
}

func (s *server) name(kind string) string {
	s.made++
	return fmt.Sprintf("%s-%d", kind, s.made)
}

// --- For who looks on -----------------------------------------------------------------------------------------------------

// change changes the account or the script.
func (s *server) change(how func(*server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	how(s)
}

// publish adds messages to every channel.
func (s *server) publish(count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for channel, all := range s.channels {
		for range count {
			id := uint64(len(all) + 1)
			all = append(all, message{id, fmt.Sprintf("%s, message %d", channel, id)})
		}
		s.channels[channel] = all
	}
}

// expected is what is to come of the messages of a channel.
func (s *server) expected(channel string) (all progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.channels[channel] {
		all.handle(m)
	}
	return all
}

// saw is what the server saw until now.
func (s *server) saw() []entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}
