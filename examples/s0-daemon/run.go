package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// The policy of the run: as policy.json, but everything comes sooner.
//
//go:embed run.json
var runPolicy []byte

// When what still runs is killed: longer than the run takes on a busy machine, too.
const watchdog = time.Minute

// run is one daemon and one server, and who looks on.
type run struct {
	ctx    context.Context
	out    io.Writer
	failed int
	folder string
	server *server
	url    string
	*daemon
	stop func()
	// When the tenth failure came, and how much the server had seen then.
	tenthFailed time.Time
	mark        int

	mu     sync.Mutex
	events []stanchion.Event
}

func runMain(ctx context.Context) int {
	ctx, stop := context.WithTimeoutCause(ctx, watchdog, errors.New("the run takes too long"))
	defer stop()
	folder, err := os.MkdirTemp("", "s0-")
	if err == nil {
		defer os.RemoveAll(folder)
		err = play(ctx, folder, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "s0 run:", err)
		return exitFailed
	}
	return exitDone
}

func play(ctx context.Context, folder string, out io.Writer) error {
	r := &run{ctx: ctx, out: out, folder: folder, server: newServer()}
	server := httptest.NewServer(r.server)
	defer server.Close()
	r.url = server.URL
	if err := r.open(); err != nil {
		return err
	}
	defer func() { r.stop() }()
	for _, scene := range []func(*run) error{
		(*run).failTen, (*run).keepHundred, (*run).drainInVain, (*run).startAnew, (*run).deliverAll, (*run).takeOver, (*run).saveAtOnce,
	} {
		if err := scene(r); err != nil {
			return err
		}
	}
	if r.failed > 0 {
		return fmt.Errorf("%d of the assertions do not hold", r.failed)
	}
	return nil
}

// open starts the daemon, or starts it anew in the same folder.
func (r *run) open() error {
	daemon, err := openDaemon(r.folder, runPolicy, r.url, stanchion.WithEvents(r.hear))
	if err != nil {
		return err
	}
	r.daemon = daemon
	ctx, cancel := context.WithCancel(r.ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = daemon.deliver(ctx) // which ends with its context
	}()
	r.stop = func() {
		cancel()
		<-ended
		daemon.close()
	}
	r.server.look(daemon.isKept)
	return nil
}

// isKept tells whether a message is on the disk.
func (d *daemon) isKept(id string) bool {
	items, err := d.spool.Items()
	if err != nil {
		return false
	}
	for _, item := range items {
		if item.ID == id {
			return true
		}
	}
	return false
}

// isClosed tells whether the circuit is, whatever the time.
func (r *run) isClosed() bool {
	phase, err := r.policy.Phase()
	return err != nil || phase == stanchion.PhaseClosed
}

func (r *run) hear(event stanchion.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, event)
}

// heard is how often something happened.
func (r *run) heard(name string) (times int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, event := range r.events {
		if event.Name == name {
			times++
		}
	}
	return times
}

func (r *run) scene(title string) { fmt.Fprintln(r.out, title) }

// check tells what was seen, and remembers where that is not what must be.
func (r *run) check(holds bool, format string, args ...any) {
	mark := "  ok  "
	if !holds {
		mark = "  FAIL"
		r.failed++
	}
	fmt.Fprintln(r.out, mark, fmt.Sprintf(format, args...))
}

// until waits until something has come about.
func (r *run) until(what string, isSo func() bool) error {
	for !isSo() {
		select {
		case <-r.ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, context.Cause(r.ctx))
		case <-time.After(3 * time.Millisecond):
		}
	}
	return nil
}

func (r *run) spoolFolder(name string) string { return filepath.Join(r.folder, name) }
