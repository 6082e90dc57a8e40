package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// The policy of the run: as policy.json, but everything comes sooner.
//
//go:embed run.json
var runPolicy []byte

const (
	// When what still runs is killed: longer than the run takes on a busy machine, too.
	watchdog = time.Minute
	// How often the run looks whether something has come about.
	period = 3 * time.Millisecond
)

var channels = []string{"orders", "alerts"}

// run is two listeners on one state file and one server, and who looks on.
type run struct {
	ctx       context.Context
	out       io.Writer
	failed    int
	state     string
	rules     string
	server    *server
	url       string
	store     *stanchion.Store
	policy    *stanchion.Policy
	listeners map[string]*process
	// Where the scene began: when, and in what each listener told.
	sceneBegan time.Time
	toldSince  map[*process]int
	// Each ends the watch over the liveness of a listener: how often it was asked, and was not live.
	watches []func() (asked, notLive int)
}

func runMain(ctx context.Context) int {
	ctx, stop := context.WithTimeoutCause(ctx, watchdog, errors.New("the run takes too long"))
	defer stop()
	dir, err := os.MkdirTemp("", "s4-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = play(ctx, dir, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "s4 run:", err)
		return exitFailed
	}
	return exitDone
}

func play(ctx context.Context, dir string, out io.Writer) error {
	r := &run{
		ctx: ctx, out: out, state: filepath.Join(dir, "state"), rules: filepath.Join(dir, "policy.json"),
		server: newServer(channels...), listeners: map[string]*process{}, toldSince: map[*process]int{},
	}
	server := httptest.NewServer(r.server)
	defer server.Close()
	r.url = server.URL
	if err := r.prepare(); err != nil {
		return err
	}
	defer r.store.Close()
	defer r.policy.Close()
	defer func() {
		for _, p := range r.listeners {
			p.stop(syscall.SIGKILL)
		}
	}()
	began := time.Now()
	r.title()
	scenes := []func() error{
		r.theyStart, r.aShortBurst, r.aLongBurst, r.theTokenExpires, r.noAnswer, r.theSessionIsLost, r.itIsHeld,
		r.itIsHeldForGood, r.oneIsKilled, r.oneIsRestarted, r.theEnd, r.theReset,
	}
	for _, scene := range scenes {
		if err := scene(); err != nil {
			return fmt.Errorf("%w; health: %s", err, r.reasons())
		}
	}
	return r.close(time.Since(began))
}

// prepare looks at the state file beside the processes.
func (r *run) prepare() (err error) {
	if err = os.WriteFile(r.rules, runPolicy, 0o600); err != nil {
		return err
	}
	if r.store, err = stanchion.OpenFile(r.state, stanchion.LockWait(lockWait)); err != nil {
		return err
	}
	r.policy, err = stanchion.FromJSON(runPolicy, stanchion.WithStore(r.store, policyKey))
	return err
}

// --- The page -------------------------------------------------------------------------------------------------------------

func (r *run) say(format string, args ...any) { fmt.Fprintf(r.out, format+"\n", args...) }

// begin is the title of a scene.
func (r *run) begin(title string) {
	r.sceneBegan = time.Now()
	for _, p := range r.listeners {
		r.toldSince[p] = len(p.told(0))
	}
	r.say("\n%s", title)
}

// claim says what must be so.
func (r *run) claim(isSo bool, format string, args ...any) {
	mark := "ok"
	if !isSo {
		mark = "NO"
		r.failed++
	}
	r.say("   %s  %s", mark, fmt.Sprintf(format, args...))
}

// close judges the whole run.
func (r *run) close(took time.Duration) error {
	h := history{log: r.server.saw(), done: map[string]progress{}, published: map[string]progress{}}
	for _, channel := range channels {
		done, err := kept{r.store}.progress(channel)
		if err != nil {
			return err
		}
		h.done[channel], h.published[channel] = done, r.server.expected(channel)
	}
	r.say("\nWhat the server saw, all in all")
	for _, v := range judge(h) {
		r.claim(len(v.breaches) == 0, "%s: %s", v.law, v.seen)
		for _, breach := range v.breaches {
			r.say("       %s", breach)
		}
	}
	if r.failed > 0 {
		return fmt.Errorf("%d claims do not hold", r.failed)
	}
	r.say("\nAll of it holds, after %s.", took.Round(10*time.Millisecond))
	return nil
}

// --- The processes --------------------------------------------------------------------------------------------------------

func (r *run) start(channel string) error {
	p, err := startListener(r.ctx, channel, "-server", r.url, "-state", r.state, "-policy", r.rules)
	if err != nil {
		return err
	}
	r.listeners[channel] = p
	if err := r.await("its probes", func() bool { return p.healthURL() != "" }); err != nil {
		return err
	}
	r.watches = append(r.watches, watchLiveness(r.ctx, p))
	return nil
}

// await waits until something has come about. A listener that ended by itself ends the run.
func (r *run) await(what string, isSo func() bool) error {
	for !isSo() {
		for _, p := range r.listeners {
			if p.hasEnded() {
				return fmt.Errorf("%s ended by itself (%s), awaiting %s: %s", p.who(), p.command.ProcessState, what, p.errors.String())
			}
		}
		select {
		case <-r.ctx.Done():
			return fmt.Errorf("awaiting %s: %w", what, context.Cause(r.ctx))
		case <-time.After(period):
		}
	}
	return nil
}

// awaitAll publishes a few messages, and waits until all are handled and all is well.
func (r *run) awaitAll() error {
	r.server.publish(messagesPerScene)
	for _, channel := range channels {
		if err := r.awaitHandled(channel); err != nil {
			return err
		}
	}
	return r.awaitWell()
}

func (r *run) awaitHandled(channel string) error {
	return r.await("the messages of "+channel, func() bool {
		done, err := kept{r.store}.progress(channel)
		return err == nil && done.Count >= r.server.expected(channel).Count
	})
}

// awaitWell waits until the probes say so, and no attempt of the ladder counts any more.
func (r *run) awaitWell() error {
	return r.await("health", func() bool { return r.reasons() == "" && r.probes("ready") == http.StatusOK })
}

// probes is the worst status with which the listeners answer.
func (r *run) probes(kind string) (worst int) {
	for _, p := range r.listeners {
		status, _ := p.probe(r.ctx, kind)
		worst = max(worst, status)
	}
	return worst
}

func (r *run) reasons() string {
	health, err := r.policy.Health()
	if err != nil {
		return err.Error()
	}
	text := ""
	for _, reason := range health.Reasons {
		text += reason + " "
	}
	return text
}

// lease is that of the step that is being done, and the step.
func (r *run) lease() (until time.Time, step string, err error) {
	var now struct {
		Recovery struct {
			Doing        string
			LeaseUntilUS int64 `json:"lease_until_us"`
		}
	}
	text, err := r.policy.ExplainJSON()
	if err == nil {
		err = json.Unmarshal(text, &now)
	}
	return time.UnixMicro(now.Recovery.LeaseUntilUS), now.Recovery.Doing, err
}

// count is how often the server was asked so in this scene. What it was asked before, and answered since, belongs to it.
func (r *run) count(is func(entry) bool) (count int) {
	for _, e := range r.server.saw() {
		if (e.ended.IsZero() || e.ended.After(r.sceneBegan)) && is(e) {
			count++
		}
	}
	return count
}

func asks(what string) func(entry) bool { return func(e entry) bool { return e.what == what } }

func polls(status int) func(entry) bool {
	return func(e entry) bool { return e.what == asksPoll && e.status == status }
}

// took is how often the listeners took a step since the scene began.
func (r *run) took(step string) (count int) {
	for _, p := range r.listeners {
		for _, l := range p.told(r.toldSince[p]) {
			if l.What == "step" && l.Step == step {
				count++
			}
		}
	}
	return count
}

// --- Liveness -------------------------------------------------------------------------------------------------------------

// watchLiveness asks a listener all the time whether it is live.
func watchLiveness(ctx context.Context, p *process) (stop func() (asked, notLive int)) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	asked, notLive := 0, 0
	go func() {
		defer close(done)
		for ; ctx.Err() == nil && !p.hasEnded(); pause(ctx, 20*time.Millisecond) {
			switch status, _ := p.probe(ctx, "live"); status {
			case 0: // it is not there any more
			case http.StatusOK:
				asked++
			default:
				asked, notLive = asked+1, notLive+1
			}
		}
	}()
	return func() (int, int) {
		cancel()
		<-done
		return asked, notLive
	}
}

// wasLive is how often all listeners together were asked, and how often one was not live.
func (r *run) wasLive() (asked, notLive int) {
	for _, stop := range r.watches {
		more, bad := stop()
		asked, notLive = asked+more, notLive+bad
	}
	return asked, notLive
}
