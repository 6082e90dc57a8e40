//go:build cgo && go1.25

package stanchion

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// One call a second, and none before the first second is over.
const oneASecond = `{"name": "p", "limits": [{"name": "c", "capacity": 2, "refill_tokens": 1, "refill_interval_ms": 1000,
	"initial": "empty"}]}`

// waited is how a wait of a goroutine ended.
type waited struct {
	who   int
	err   error
	after time.Duration
}

// queue starts waits one after the other, so that their order is known, and gathers their ends in order.
type queue struct {
	mu    sync.Mutex
	ends  []waited
	group sync.WaitGroup
}

func (q *queue) add(who int, wait func() error) {
	q.group.Add(1)
	began := time.Now()
	go func() {
		defer q.group.Done()
		err := wait()
		q.mu.Lock()
		defer q.mu.Unlock()
		q.ends = append(q.ends, waited{who, err, time.Since(began)})
	}()
	synctest.Wait()
}

func (q *queue) wait() []waited {
	q.group.Wait()
	return q.ends
}

func waitOn(p *Policy, ctx context.Context, opts ...AcquireOption) func() error {
	return func() error { _, err := p.Wait(ctx, opts...); return err }
}

func TestFirstInFirstOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, oneASecond)
		var q queue
		// The first wants two, so that the second would get its token before it if it were asked.
		q.add(0, waitOn(p, context.Background(), Cost(2)))
		for who := 1; who < 5; who++ {
			q.add(who, waitOn(p, context.Background()))
		}
		for i, end := range q.wait() {
			if end.who != i || end.err != nil || end.after != time.Duration(i+2)*time.Second {
				t.Errorf("%d: %+v", i, end)
			}
		}
	})
}

// A slot that comes back is given on at once, long before the lease ends.
func TestWhatIsGivenBackWakesTheFirst(t *testing.T) {
	give := map[string]func(p *Policy, permit *Permit) error{
		"settle":  func(p *Policy, permit *Permit) error { _, err := p.Settle(permit, Success); return err },
		"cancel":  func(p *Policy, permit *Permit) error { _, err := p.Cancel(permit); return err },
		"restore": func(p *Policy, _ *Permit) error { return p.Restore(emptied(p)) },
		"command": func(p *Policy, _ *Permit) error {
			_, err := p.Command(`{"release_holder":{"holder":"h"}}`)
			return err
		},
		"close": func(p *Policy, _ *Permit) error { p.Close(); return nil },
	}
	for name, give := range give {
		synctest.Test(t, func(t *testing.T) {
			p := newBubblePolicy(t, oneSlot)
			permit, err := p.TryAcquire(Holder("h"))
			if err != nil {
				t.Fatal(err)
			}
			var q queue
			q.add(0, waitOn(p, context.Background()))
			time.Sleep(10 * time.Millisecond)
			if err := give(p, permit); err != nil {
				t.Fatal(name, err)
			}
			end := q.wait()[0]
			if wantErr := name == "close"; errors.Is(end.err, ErrClosed) != wantErr || (end.err != nil) != wantErr {
				t.Errorf("%s: %v", name, end.err)
			}
			if end.after != 10*time.Millisecond {
				t.Errorf("%s: after %v", name, end.after)
			}
		})
	}
}

func emptied(p *Policy) []byte {
	fresh, err := FromJSON([]byte(p.Config()))
	if err != nil {
		panic(err)
	}
	defer fresh.Close()
	bytes, err := fresh.Snapshot()
	if err != nil {
		panic(err)
	}
	return bytes
}

func TestAWaitEndsInTime(t *testing.T) {
	minute := WaitFor(time.Minute)
	shortly := WaitFor(50 * time.Millisecond)
	open := `{"name": "p", "circuit": {"consecutive_failures": 1, "open_ms": 1000, "probe_lease_ms": 90000}}`
	cases := []struct {
		name   string
		policy string
		before func(p *Policy)
		opts   []AcquireOption
		after  time.Duration
		by     string
	}{
		{"a token", oneASecond, nil, []AcquireOption{minute}, time.Second, ""},
		{"a token at the last instant", oneASecond, nil, []AcquireOption{WaitFor(time.Second)}, time.Second, ""},
		{"a token too late", oneASecond, nil, []AcquireOption{shortly}, 0, "limit:c"},
		{"more than there ever is", oneASecond, nil, []AcquireOption{minute, Cost(3)}, 0, "limit:c"},
		{"no time", oneASecond, nil, []AcquireOption{WaitFor(0)}, 0, "limit:c"},
		{"a slot", oneSlot, take, []AcquireOption{minute}, 30 * time.Second, ""},
		{"a slot too late", oneSlot, take, []AcquireOption{shortly}, 50 * time.Millisecond, "bulkhead"},
		{"an open circuit", open, fail, []AcquireOption{minute}, time.Second, ""},
		{"a circuit that is open for too long", open, fail, []AcquireOption{shortly}, 0, "circuit"},
		{"a probe that may end at any time", open, probe, []AcquireOption{shortly}, 50 * time.Millisecond, "circuit"},
	}
	for _, c := range cases {
		synctest.Test(t, func(t *testing.T) {
			p := newBubblePolicy(t, c.policy)
			if c.before != nil {
				c.before(p)
			}
			began := time.Now()
			_, err := p.Wait(context.Background(), c.opts...)
			if after := time.Since(began); after != c.after {
				t.Errorf("%s: after %v", c.name, after)
			}
			var rejected *RejectedError
			if errors.As(err, &rejected) {
				if by := rejected.By.String(); by != c.by {
					t.Errorf("%s: by %s", c.name, by)
				}
			} else if err != nil || c.by != "" {
				t.Errorf("%s: %v", c.name, err)
			}
		})
	}
}

func fail(p *Policy) {
	_ = p.Do(context.Background(), func(context.Context) error { return errUpstream })
}

func probe(p *Policy) {
	fail(p)
	time.Sleep(time.Second)
	take(p)
}

// Whoever gives up, first, in the middle or last, holds nobody up.
func TestWhoGivesUpBlocksNobody(t *testing.T) {
	for quitter := range 3 {
		synctest.Test(t, func(t *testing.T) {
			p := newBubblePolicy(t, oneASecond)
			ctx, cancel := context.WithCancelCause(context.Background())
			var q queue
			for who := range 3 {
				if who == quitter {
					q.add(who, waitOn(p, ctx))
				} else {
					q.add(who, waitOn(p, context.Background()))
				}
			}
			time.Sleep(100 * time.Millisecond)
			cancel(errUpstream)
			ends := q.wait()
			var gaveUp *WaitError
			if !errors.As(ends[0].err, &gaveUp) || !errors.Is(ends[0].err, errUpstream) || ends[0].who != quitter {
				t.Fatalf("gave up: %+v", ends[0])
			}
			if gaveUp.Rejected.By.String() != "limit:c" || ends[0].after != 100*time.Millisecond {
				t.Errorf("held up by %v, after %v", gaveUp.Rejected.By, ends[0].after)
			}
			for i, end := range ends[1:] {
				if end.err != nil || end.after != time.Duration(i+1)*time.Second {
					t.Errorf("without %d: %+v", quitter, end)
				}
			}
		})
	}
}

// A call that waits behind another is told what holds that one up, even where the gates would admit it.
func TestWhoWaitsBehindAnotherIsToldWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, oneASecond)
		time.Sleep(time.Second)
		var q queue
		q.add(0, waitOn(p, context.Background(), Cost(2)))
		q.add(1, waitOn(p, context.Background(), WaitFor(time.Millisecond)))
		end := q.wait()[0]
		var rejected *RejectedError
		if end.who != 1 || !errors.As(end.err, &rejected) || rejected.By.String() != "limit:c" {
			t.Errorf("got %+v", end)
		}
	})
}

func TestADeadlineIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, oneSlot)
		take(p)
		ctx, stop := context.WithTimeout(context.Background(), time.Second)
		defer stop()
		began := time.Now()
		_, err := p.Wait(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrRejected) || time.Since(began) != time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if err := p.Do(ctx, func(context.Context) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestDoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, oneSlot)
		var q queue
		var order []int
		for who := range 4 {
			q.add(who, func() error {
				return p.Do(context.Background(), func(context.Context) error {
					order = append(order, who)
					time.Sleep(time.Second)
					return nil
				}, WaitFor(time.Minute), Timeout(2*time.Second))
			})
		}
		for i, end := range q.wait() {
			if end.err != nil || end.after != time.Duration(i+1)*time.Second {
				t.Errorf("%+v", end)
			}
		}
		if !slices.Equal(order, []int{0, 1, 2, 3}) {
			t.Errorf("order %v", order)
		}
	})
}

// What another process gives back is found by looking.
func TestAWaitOnAFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openFile(t)
		share := []Option{WithStore(s, "k"), WithClock(time.Now)}
		one, two := newBubblePolicy(t, oneSlot, share...), newBubblePolicy(t, oneSlot, share...)
		permit, err := one.TryAcquire()
		if err != nil {
			t.Fatal(err)
		}
		var q queue
		q.add(0, waitOn(two, context.Background()))
		time.Sleep(time.Second)
		if _, err := one.Settle(permit, Success); err != nil {
			t.Fatal(err)
		}
		if end := q.wait()[0]; end.err != nil || end.after > time.Second+300*time.Millisecond {
			t.Errorf("got %+v", end)
		}
	})
}

// Many processes that were let go by the same instant would else meet again at each look, and leave slots free in between.
func TestLooksForSlotsOfOtherProcessesAreSpread(t *testing.T) {
	p := &Policy{backend: &key{}}
	held := &RejectedError{By: Gate{Gate: "bulkhead"}, RetryAfter: time.Hour}
	least, most := time.Hour, time.Duration(0)
	for range 1000 {
		pause := p.pause(held, mostPolls, time.Hour)
		least, most = min(least, pause), max(most, pause)
	}
	if last := firstPoll << mostPolls; least < last/2 || most > last+10*time.Millisecond || most-least < last/4 {
		t.Errorf("from %s to %s", least, most)
	}
}

// Waits that end in every way leave no goroutine behind.
func TestNoGoroutineIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	p := newPolicyAt(t, oneSlot, WithClock(time.Now))
	var group sync.WaitGroup
	for i := range 200 {
		group.Add(1)
		go func() {
			defer group.Done()
			ctx, stop := context.WithCancel(context.Background())
			if i%3 == 0 {
				time.AfterFunc(time.Duration(i)*10*time.Microsecond, stop)
			}
			defer stop()
			wait := WaitFor(time.Duration(i%5) * time.Millisecond)
			err := p.Do(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, wait, Timeout(time.Millisecond))
			if err == nil {
				t.Error(fmt.Errorf("call %d did not end", i))
			}
		}()
	}
	group.Wait()
	p.Close()
	for runtime.NumGoroutine() > before {
		runtime.Gosched() // who has just told its end is about to be gone; a leak ends in the test's time limit
	}
	if p.line.first != nil || p.line.waiting.Load() != 0 {
		t.Error("somebody waits still")
	}
}

func TestALineIsNoLongerThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told int
		p := newBubblePolicy(t, oneASecond, MaxWaiting(2), WithEvents(func(event Event) {
			if event.Name == EventRejected && event.Rejected.IsLineFull {
				told++
			}
		}))
		var q queue
		for who := range 4 {
			q.add(who, waitOn(p, context.Background()))
		}
		ends := q.wait()
		for _, end := range ends[:2] {
			var rejected *RejectedError
			if !errors.As(end.err, &rejected) || !rejected.IsLineFull || rejected.By.Gate != "limit" || end.who < 2 || end.after != 0 {
				t.Errorf("%d after %v: %v", end.who, end.after, end.err)
			}
		}
		for i, end := range ends[2:] {
			if end.err != nil || end.who != i {
				t.Errorf("%+v", end)
			}
		}
		if told != 2 {
			t.Errorf("%d events", told)
		}
	})
}
