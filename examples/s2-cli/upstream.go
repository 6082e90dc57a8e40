package main

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// upstream is the server. It has limits of its own, which it enforces by 429 with Retry-After, and it writes down what it sees.
//
//	/hang       never answers
//	/hold/...   answers when the driver lets it
//	/broken     500
//	/missing    404
//	else        200 after 30 ms
type upstream struct {
	mostAtOnce, mostInASecond int
	// With which request, counted from 1, another user of the same account uses up what is left of its second.
	strangerAt int

	mu      sync.Mutex
	inHand  map[string]int
	atOnce  int
	recent  []time.Time
	isFree  map[string]chan struct{}
	arrived []arrival
	moves   []move
}

// arrival is a request that the upstream saw.
type arrival struct {
	path, permit string
	status       int
}

// move is a request that came, or whose answer is about to go.
type move struct {
	permit    string
	isLeaving bool
}

func newUpstream(mostAtOnce, mostInASecond, strangerAt int) *upstream {
	return &upstream{
		mostAtOnce: mostAtOnce, mostInASecond: mostInASecond, strangerAt: strangerAt,
		inHand: map[string]int{}, isFree: map[string]chan struct{}{},
	}
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status := u.enter(r)
	defer u.leave(r)
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(status)
		return
	}
	switch {
	case r.URL.Path == "/hang":
		<-r.Context().Done()
		return
	case strings.HasPrefix(r.URL.Path, "/hold/"):
		select {
		case <-u.gate(r.URL.Path):
		case <-r.Context().Done():
		}
	case status == http.StatusOK:
		time.Sleep(30 * time.Millisecond)
	}
	w.WriteHeader(status)
}

// enter writes a request down and says how it will be answered.
func (u *upstream) enter(r *http.Request) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.atOnce++
	u.inHand[r.URL.Path]++
	now := time.Now()
	u.recent = slices.DeleteFunc(u.recent, func(at time.Time) bool { return now.Sub(at) >= time.Second })
	if len(u.arrived)+1 == u.strangerAt {
		u.recent = slices.Repeat([]time.Time{now}, u.mostInASecond)
	}
	status := http.StatusOK
	switch {
	case len(u.recent) >= u.mostInASecond || u.atOnce > u.mostAtOnce:
		status = http.StatusTooManyRequests
	case r.URL.Path == "/broken":
		status = http.StatusInternalServerError
	case r.URL.Path == "/missing":
		status = http.StatusNotFound
	}
	if status != http.StatusTooManyRequests {
		u.recent = append(u.recent, now)
	}
	permit := r.Header.Get("X-Permit")
	u.arrived = append(u.arrived, arrival{r.URL.Path, permit, status})
	u.moves = append(u.moves, move{permit: permit})
	return status
}

// leave comes before the answer goes out, so that nobody whose call ended is still counted.
func (u *upstream) leave(r *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.atOnce--
	u.inHand[r.URL.Path]--
	u.moves = append(u.moves, move{permit: r.Header.Get("X-Permit"), isLeaving: true})
}

func (u *upstream) gate(path string) chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.isFree[path] == nil {
		u.isFree[path] = make(chan struct{})
	}
	return u.isFree[path]
}

// letGo answers what is held on a path.
func (u *upstream) letGo(path string) { close(u.gate(path)) }

// await waits until so many requests for a path are in hand.
func (u *upstream) await(ctx context.Context, path string, count int) error {
	for {
		u.mu.Lock()
		isSo := u.inHand[path] == count
		u.mu.Unlock()
		if isSo {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// saw is all that happened until now.
func (u *upstream) saw() ([]arrival, []move) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.arrived), slices.Clone(u.moves)
}
