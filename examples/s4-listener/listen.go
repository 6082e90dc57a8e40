package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
	"github.com/stanchion/stanchion/bindings-c/go/stanchionhttp"
)

//go:embed policy.json
var defaultPolicy []byte

const (
	// The key of the state file under which the policy's state is shared.
	policyKey = "policy"
	// The lock of the state file is held for microseconds. Who cannot have it for so long goes on as without the file.
	lockWait = 2 * time.Second
	// How long a poll waits for an open circuit before it is a fault.
	patience = time.Minute
	// How long is waited when nobody can be asked what to do, because the state file is away.
	awayPause = time.Second
)

// listener has the messages of one channel handled, each once and in order.
type listener struct {
	api     *api
	policy  *stanchion.Policy
	kept    kept
	channel string
	log     *slog.Logger
}

type options struct {
	server, channel, state, policy, health string
}

func listenMain(ctx context.Context, args []string) int {
	var o options
	flags := flag.NewFlagSet("s4 listen", flag.ExitOnError)
	flags.StringVar(&o.server, "server", "", "the URL of the service")
	flags.StringVar(&o.channel, "channel", "", "the channel whose messages are handled")
	flags.StringVar(&o.state, "state", "s4.state", "the state file that all listeners of the account share")
	flags.StringVar(&o.policy, "policy", "", "a policy as JSON, instead of the built-in one")
	flags.StringVar(&o.health, "health", "127.0.0.1:0", "where probes are answered: /health/live and /health/ready")
	_ = flags.Parse(args) // which exits where it fails
	if o.server == "" || o.channel == "" || flags.NArg() > 0 {
		return usage()
	}
	if err := listen(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "s4:", err)
		return exitFailed
	}
	return exitDone
}

func listen(ctx context.Context, o options) error {
	// What happens is told in lines of JSON; the policy tells its own events there, too.
	log := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug}))
	store, err := stanchion.OpenFile(o.state, stanchion.LockWait(lockWait))
	if err != nil {
		return err
	}
	defer store.Close()
	policy, err := policyOf(o, stanchion.WithStore(store, policyKey), stanchion.WithLogger(log))
	if err != nil {
		return err
	}
	defer policy.Close()
	probes, err := answerProbes(o.health, policy, log)
	if err != nil {
		return err
	}
	defer probes.Close()
	l := &listener{newAPI(o, policy), policy, kept{store}, o.channel, log}
	if err = l.run(ctx); err != nil {
		log.Error("gave up", "error", err)
		<-ctx.Done() // so that the probes say why, and whoever restarts this by them does so at his own pace
	}
	return err
}

func policyOf(o options, opts ...stanchion.Option) (*stanchion.Policy, error) {
	if o.policy == "" {
		return stanchion.FromJSON(defaultPolicy, opts...)
	}
	rules, err := os.ReadFile(o.policy)
	if err != nil {
		return nil, err
	}
	return stanchion.FromJSON(rules, opts...)
}

func answerProbes(address string, policy *stanchion.Policy, log *slog.Logger) (*http.Server, error) {
	door, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	probes := &http.Server{Handler: stanchionhttp.HealthHandler(policy), ReadHeaderTimeout: time.Second}
	go func() { _ = probes.Serve(door) }() // until it is closed
	log.Info("probes are answered", "url", "http://"+door.Addr().String()+"/health/")
	return probes, nil
}

var errGaveUp = errors.New("it was given up before, and nobody has reset it since")

// run listens until the context ends, which is no error, or until there is nothing more to be done.
func (l *listener) run(ctx context.Context) error {
	if health, err := l.policy.Health(); err == nil && !health.Live {
		return errGaveUp // so who is restarted in vain makes no calls
	}
	for ctx.Err() == nil {
		used, err := l.kept.credentials()
		if err == nil {
			err = l.handleNext(ctx, used)
		}
		if err == nil {
			continue
		}
		err = l.mend(ctx, used, err)
		var gaveUp *stanchion.UnrecoverableError
		switch {
		case errors.As(err, &gaveUp):
			return err
		case err != nil && ctx.Err() == nil:
			l.log.Warn("nobody can say what to do", "error", err)
			pause(ctx, awayPause)
		}
	}
	return nil
}

// handleNext waits for messages and handles them.
func (l *listener) handleNext(ctx context.Context, used credentials) error {
	done, err := l.kept.progress(l.channel)
	if err != nil {
		return err
	}
	messages, err := l.api.poll(ctx, used, l.channel, done.Cursor)
	if err != nil || len(messages) == 0 {
		return err
	}
	done, err = l.kept.handle(l.channel, messages)
	if err == nil {
		l.log.Info("handled", "count", len(messages), "cursor", done.Cursor)
	}
	return err
}

func pause(ctx context.Context, wait time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
}
