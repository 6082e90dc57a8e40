package main

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

const messagesPerScene = 6

func (r *run) title() {
	r.say("S4: two listeners of one account, each with a channel of its own, one state file, one session")
	r.say("")
	r.say("A fault begins at the step of its class, and climbs when the attempts of a step are spent:")
	r.say("   5xx, no answer -> reconnect (a ping)     401 -> refresh (a new token)")
	r.say("   409, held      -> release (a look)       404 -> recreate (a new session, which ends the one before)")
	r.say("   403            -> given up")
}

// theyStart has both begin with nothing: they have no token, and the account has no session.
func (r *run) theyStart() error {
	r.begin("1  Both start with nothing")
	for _, channel := range channels {
		if err := r.start(channel); err != nil {
			return err
		}
	}
	if err := r.awaitAll(); err != nil {
		return err
	}
	r.claim(r.made(1, 1), "nothing is special about a start: 401, one refresh; 404, one recreate; and both listen")
	return nil
}

// made tells whether so many tokens and sessions were asked for in this scene.
func (r *run) made(tokens, sessions int) bool {
	return r.count(asks(asksToken)) == tokens && r.count(asks(asksOpen)) == sessions
}

// aShortBurst is over before a poll was tried as often as it may be.
func (r *run) aShortBurst() error {
	r.begin("2  Two polls are answered with 503")
	r.server.change(func(s *server) { s.script.busy = 2 })
	isOver := func() bool { return r.count(polls(http.StatusServiceUnavailable)) == 2 }
	if err := r.await("the burst", isOver); err != nil {
		return err
	}
	if err := r.awaitAll(); err != nil {
		return err
	}
	r.claim(r.told("retry") == 2 && r.count(asks(asksPing)) == 0 && r.made(0, 0) && r.told("opened") == 0,
		"each is made again; no step is taken, and the circuit stays closed")
	return nil
}

// told is how often the listeners told that since the scene began.
func (r *run) told(what string) (count int) {
	for _, p := range r.listeners {
		for _, l := range p.told(r.toldSince[p]) {
			if l.What == what {
				count++
			}
		}
	}
	return count
}

// aLongBurst lasts until the circuit has opened twice.
func (r *run) aLongBurst() error {
	r.begin("3  Everything is answered with 503, until the circuit has opened twice and a ping has failed twice")
	seen := map[string]bool{}
	down := func() bool {
		for _, p := range r.listeners {
			if status, reasons := p.probe(r.ctx, "ready"); status != http.StatusOK {
				for reason := range strings.SplitSeq(reasons, ", ") {
					seen[reason] = true
				}
			}
		}
		return seen["circuit_open"] && seen["flapping"] && seen["recovering"]
	}
	r.server.change(func(s *server) { s.script.isDown = true })
	badPing := func(e entry) bool { return e.what == asksPing && e.status == http.StatusServiceUnavailable }
	if err := r.await("flapping", func() bool { return down() && r.count(badPing) >= 2 }); err != nil {
		return err
	}
	r.server.change(func(s *server) { s.script.isDown = false })
	if err := r.awaitAll(); err != nil {
		return err
	}
	pings := r.count(asks(asksPing))
	r.say("       %d polls and %d pings got 503; the circuit opened %d times", r.count(polls(http.StatusServiceUnavailable)),
		r.count(badPing), r.told("opened"))
	r.claim(r.probes("ready") == http.StatusOK && len(seen) > 0,
		"/health/ready said 503 meanwhile (%s), and says 200 now", strings.Join(slices.Sorted(maps.Keys(seen)), ", "))
	r.claim(pings == r.took("reconnect") && pings > r.count(badPing),
		"%d times reconnect, which is a ping, and the last one worked", pings)
	r.claim(r.made(0, 0), "no token and no session was made for it")
	return nil
}

// theTokenExpires has one of them hear of it late: when the other one has a new token already.
func (r *run) theTokenExpires() error {
	r.begin("4  The token expires; alerts hears of it when orders has a new one")
	r.server.change(func(s *server) { s.script.hung = "alerts" })
	inHand := func(e entry) bool { return e.what == asksPoll && e.channel == "alerts" && e.ended.IsZero() }
	if err := r.await("a poll of alerts", func() bool { return r.count(inHand) > 0 }); err != nil {
		return err
	}
	r.server.change(func(s *server) { s.token = "" })
	r.server.publish(messagesPerScene)
	if err := r.awaitHandled("orders"); err != nil {
		return err
	}
	r.server.change(func(s *server) { s.script.hung = "" })
	if err := r.awaitAll(); err != nil {
		return err
	}
	refused := r.count(polls(http.StatusUnauthorized))
	r.claim(1 <= refused && refused <= len(channels), "401 for %d polls: it is not retried as if it were a server's error", refused)
	r.claim(r.made(1, 0), "one refresh serves both")
	return nil
}

// noAnswer is a server that takes polls of one channel and says nothing.
func (r *run) noAnswer() error {
	r.begin("5  Polls of orders get no answer")
	orders, since := r.listeners["orders"], r.toldSince[r.listeners["orders"]]
	r.server.change(func(s *server) { s.script.hung = "orders" })
	r.server.publish(messagesPerScene)
	gaveUp := func() bool { return orders.has(since, func(l line) bool { return l.What == "give_up" }) }
	if err := r.await("the deadline", gaveUp); err != nil {
		return err
	}
	err := r.awaitHandled("alerts")
	r.claim(err == nil, "alerts went on meanwhile")
	r.server.change(func(s *server) { s.script.hung = "" })
	if err := r.awaitAll(); err != nil {
		return err
	}
	isDeadline := orders.has(since, func(l line) bool { return l.What == "give_up" && l.Reason == "deadline" })
	r.claim(isDeadline, "the poll was given up at its total deadline, which all of its attempts have together")
	r.claim(r.took("reconnect") >= 1 && r.made(0, 0), "reconnect, and the same session goes on")
	return nil
}

// theSessionIsLost has the new session made by a request whose answer is lost.
func (r *run) theSessionIsLost() error {
	r.begin("6  The session is lost, and so is the answer to who makes a new one")
	maker, err := r.lose(func(s *script) { s.isSilent = true })
	if err != nil {
		return err
	}
	for _, channel := range channels {
		live, _ := r.listeners[channel].probe(r.ctx, "live")
		ready, reasons := r.listeners[channel].probe(r.ctx, "ready")
		r.claim(live == http.StatusOK && ready == http.StatusServiceUnavailable && strings.Contains(reasons, "recovering"),
			"while %s is at it, %s says live %d, ready %d (%s)", maker, r.listeners[channel].who(), live, ready, reasons)
	}
	r.server.change(func(s *server) { close(s.script.gate); s.script.gate = nil })
	if err := r.awaitAll(); err != nil {
		return err
	}
	r.claim(r.made(0, 1), "the request was not made again: one session was made")
	r.claim(r.count(asks(asksFind)) == 2, "the next attempt looked first, and found it")
	r.claim(r.probes("ready") == http.StatusOK, "and /health/ready says 200 again")
	return nil
}

// lose has the session gone, and waits until the server has a request for a new one in hand, which it holds. It is who asked.
func (r *run) lose(also func(*script)) (maker string, err error) {
	r.server.change(func(s *server) {
		s.session, s.script.gate = "", make(chan struct{})
		also(&s.script)
	})
	err = r.await("a request for a new session", func() bool {
		return r.count(func(e entry) bool {
			isIt := e.what == asksOpen
			if isIt {
				maker = e.who
			}
			return isIt
		}) > 0
	})
	return maker, err
}

func (r *run) itIsHeld() error {
	r.begin("7  The channel is still held by somebody, who lets go of it when it was looked at three times")
	return r.hold(3, func() {
		r.claim(r.count(asks(asksIsHeld)) == 3 && r.made(0, 0), "three times release, which is a look; the session goes on")
	})
}

func (r *run) itIsHeldForGood() error {
	r.begin("8  It is held, and nobody lets go of it")
	return r.hold(-1, func() {
		r.claim(r.count(asks(asksIsHeld)) == 4 && r.made(0, 1),
			"four times release, which is all it may; then one recreate, which takes the channel over")
	})
}

func (r *run) hold(looks int, check func()) error {
	r.server.change(func(s *server) { s.script.held, s.script.heldLooks = "orders", looks })
	isSeen := func() bool { return r.count(polls(http.StatusConflict)) > 0 }
	if err := r.await("a poll that finds it held", isSeen); err != nil {
		return err
	}
	if err := r.awaitAll(); err != nil {
		return err
	}
	check()
	return nil
}

// oneIsKilled kills the listener that is making a new session. The token expires, too, before the other one takes its turn.
func (r *run) oneIsKilled() error {
	r.begin("9  One is killed while it makes a new session; then the token expires, too")
	maker, err := r.lose(func(*script) {})
	if err != nil {
		return err
	}
	lease, step, err := r.lease()
	if err != nil {
		return err
	}
	var victim *process
	for _, p := range r.listeners {
		if p.who() == maker {
			victim = p
		}
	}
	delete(r.listeners, victim.channel)
	state := victim.stop(syscall.SIGKILL)
	r.claim(step == "recreate" && !state.Exited(), "%s is dead (%s), and its lease of %s goes on", maker, state, step)
	first := func(e entry) bool { return e.what == asksOpen && e.who == maker && !e.ended.IsZero() }
	if err := r.await("the end of its request", func() bool { return r.count(first) == 1 }); err != nil {
		return err
	}
	r.server.change(func(s *server) { close(s.script.gate); s.script.gate, s.token = nil, "" })
	if err := r.awaitSecond(maker, lease); err != nil {
		return err
	}
	return r.comesBack(victim.channel, fmt.Sprintf("%s is started again", victim.channel))
}

// awaitSecond waits until the other one has made the session.
func (r *run) awaitSecond(maker string, lease time.Time) error {
	var second entry
	isSecond := func(e entry) bool {
		isIt := e.what == asksOpen && e.who != maker && e.status == http.StatusOK
		if isIt {
			second = e
		}
		return isIt
	}
	if err := r.await("the turn of the other one", func() bool { return r.count(isSecond) > 0 }); err != nil {
		return err
	}
	r.claim(!second.began.Before(lease), "%s made it %s after that lease had ended, and not before", second.who,
		second.began.Sub(lease).Round(time.Millisecond))
	r.claim(r.made(1, 2), "it found its token refused on the way, and got a new one in the same step")
	return nil
}

// comesBack starts a listener that is not there, and claims that it goes on where the one before ended.
func (r *run) comesBack(channel, how string) error {
	before, err := kept{r.store}.progress(channel)
	if err != nil {
		return err
	}
	r.server.publish(messagesPerScene)
	if err := r.start(channel); err != nil {
		return err
	}
	if err := r.awaitAll(); err != nil {
		return err
	}
	for _, e := range r.server.saw() {
		if e.what == asksPoll && e.who == r.listeners[channel].who() {
			r.claim(e.after == before.Cursor, "%s, and polls from message %d on, where the one before was", how, e.after)
			return nil
		}
	}
	return fmt.Errorf("%s never polled", channel)
}

func (r *run) oneIsRestarted() error {
	r.begin("10 One is stopped, messages come, and it is started again")
	state := r.stop("orders")
	r.claim(state.Success(), "orders ended in peace (%s)", state)
	return r.comesBack("orders", "it is back")
}

func (r *run) stop(channel string) *os.ProcessState {
	p := r.listeners[channel]
	delete(r.listeners, channel)
	return p.stop(syscall.SIGTERM)
}

// theEnd is what no step mends.
func (r *run) theEnd() error {
	r.begin("11 The account is closed")
	asked, notLive := r.wasLive()
	r.claim(asked > 0 && notLive == 0, "until now /health/live said 200 to each of %d probes", asked)
	r.server.change(func(s *server) { s.script.isClosed = true })
	for _, channel := range channels {
		p := r.listeners[channel]
		gaveUp := func() bool { return p.has(r.toldSince[p], func(l line) bool { return l.What == "gave up" }) }
		if err := r.await("the end", gaveUp); err != nil {
			return err
		}
		live, reasons := p.probe(r.ctx, "live")
		ready, _ := p.probe(r.ctx, "ready")
		r.claim(live == http.StatusServiceUnavailable && ready == live && reasons == "gave_up",
			"%s says live %d, ready %d (%s)", p.who(), live, ready, reasons)
	}
	refused := r.count(polls(http.StatusForbidden))
	r.claim(refused <= len(channels) && r.made(0, 0) && r.told("step") == 0, "after %d polls with 403, and no step", refused)
	return r.restartedInVain()
}

// restartedInVain does what an orchestrator does by the liveness probe.
func (r *run) restartedInVain() error {
	state := r.stop("orders")
	if err := r.start("orders"); err != nil {
		return err
	}
	p := r.listeners["orders"]
	if err := r.await("that it gives up", func() bool { return p.has(0, func(l line) bool { return l.What == "gave up" }) }); err != nil {
		return err
	}
	live, _ := p.probe(r.ctx, "live")
	calls := r.count(func(e entry) bool { return e.who == p.who() })
	r.claim(state.ExitCode() == exitFailed && live == http.StatusServiceUnavailable && calls == 0,
		"started again it says so at once, and makes no call: no crash loop knocks at the server")
	return nil
}

// theReset is what a person does when the account is open again.
func (r *run) theReset() error {
	r.begin("12 The account is open again, and somebody resets the policy")
	for _, channel := range channels {
		r.stop(channel)
	}
	r.server.change(func(s *server) { s.script.isClosed = false })
	if _, err := r.policy.Reset(); err != nil {
		return err
	}
	if err := r.start("alerts"); err != nil {
		return err
	}
	return r.comesBack("orders", "both are started again; orders")
}
