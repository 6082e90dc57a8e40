package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// The policy of the run: as policy.json, but everything is smaller and comes sooner.
//
//go:embed run.json
var runPolicy []byte

const (
	budget = 10 * time.Second
	// When what still runs is killed: longer than any budget and any call of the run, on a busy machine, too.
	watchdog = time.Minute
)

// run is forty processes on one state file and one upstream, and who looks on.
type run struct {
	ctx      context.Context
	out      io.Writer
	failed   int
	self     string
	state    string
	rules    string
	config   stanchion.Config
	upstream *upstream
	url      string
	store    *stanchion.Store
	policy   *stanchion.Policy
	writes   []write
	// The permit of the process that is killed, and the three that fill the house with it.
	killed  string
	holders []*process
}

func runMain(ctx context.Context) int {
	ctx, stop := context.WithTimeout(ctx, watchdog)
	defer stop()
	dir, err := os.MkdirTemp("", "s2-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = play(ctx, dir, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "s2 run:", err)
		return exitFailed
	}
	return exitAnswered
}

func play(ctx context.Context, dir string, out io.Writer) error {
	r := &run{
		ctx: ctx, out: out, state: filepath.Join(dir, "api.state"), rules: filepath.Join(dir, "policy.json"),
		upstream: newUpstream(4, 40, 16),
	}
	server := httptest.NewServer(r.upstream)
	defer server.Close()
	r.url = server.URL
	if err := r.prepare(); err != nil {
		return err
	}
	defer r.store.Close()
	defer r.policy.Close()
	began := time.Now()
	r.title()
	for _, scene := range []func() error{r.oneIsKilled, r.theHouseIsFull, r.theCrowd, r.theCircuit, r.theSlotIsBack, r.theHeavyOne} {
		if err := scene(); err != nil {
			return err
		}
	}
	return r.close(time.Since(began))
}

// prepare looks at the state file beside the processes; it takes no permit and writes nothing.
func (r *run) prepare() (err error) {
	if r.self, err = os.Executable(); err != nil {
		return err
	}
	if err = json.Unmarshal(runPolicy, &r.config); err != nil {
		return err
	}
	if err = os.WriteFile(r.rules, runPolicy, 0o600); err != nil {
		return err
	}
	if r.store, err = stanchion.OpenFile(r.state); err != nil {
		return err
	}
	r.policy, err = stanchion.FromJSON(runPolicy, stanchion.WithStore(r.store, key))
	return err
}

// --- The page -------------------------------------------------------------------------------------------------------------

func (r *run) say(format string, args ...any) { fmt.Fprintf(r.out, format+"\n", args...) }

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
	sequence, _, err := r.look()
	if err != nil {
		return err
	}
	h := history{policy: r.config, writes: r.writes, killed: r.killed, sequence: sequence}
	h.arrived, h.moves = r.upstream.saw()
	r.say("\nWhat the state file was told, and what the upstream saw")
	for _, v := range judge(h) {
		r.claim(len(v.breaches) == 0, "%s: %s", v.law, v.seen)
		for _, breach := range v.breaches {
			r.say("       %s", breach)
		}
	}
	if r.failed > 0 {
		return fmt.Errorf("%d claims do not hold", r.failed)
	}
	r.say("\nAll of it holds, after %s.", short(took))
	return nil
}

// look is the key's write sequence, and its bytes.
func (r *run) look() (sequence uint64, state []byte, err error) {
	sequence, err = r.store.Transact(key, func(found []byte) (*stanchion.Write, error) {
		state = bytes.Clone(found)
		return nil, nil
	})
	return sequence, state, err
}

// --- The processes --------------------------------------------------------------------------------------------------------

// process is one `s2 call`.
type process struct {
	command     *exec.Cmd
	out, errors bytes.Buffer
	told        told
}

func (r *run) start(path string, flags ...string) (*process, error) {
	args := append([]string{"call", "-json", "-state", r.state, "-policy", r.rules, "-budget", budget.String()}, flags...)
	p := &process{command: exec.CommandContext(r.ctx, r.self, append(args, r.url+path)...)}
	p.command.Stdout, p.command.Stderr = &p.out, &p.errors
	return p, p.command.Start()
}

func (r *run) startAll(count int, path func(i int) string) ([]*process, error) {
	all := make([]*process, count)
	for i := range all {
		var err error
		if all[i], err = r.start(path(i)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// end waits for the end of processes that answer, and takes down what they tell.
func (r *run) end(all ...*process) error {
	for _, p := range all {
		_ = p.command.Wait() // its status says how the call ended, and is no matter here
		if err := json.Unmarshal(p.out.Bytes(), &p.told); err != nil || p.told.Error != "" {
			return fmt.Errorf("%s: %s: %q %s %s", p.command.Args[len(p.command.Args)-1], p.command.ProcessState,
				p.out.String(), p.errors.String(), p.told.Error)
		}
		r.writes = append(r.writes, p.told.Writes...)
	}
	return nil
}

// once starts a process and waits for its end.
func (r *run) once(path string, flags ...string) (*told, error) {
	p, err := r.start(path, flags...)
	if err != nil {
		return nil, err
	}
	err = r.end(p)
	return &p.told, err
}
