package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// How long one step may take, whatever the server does.
const stepTimeout = 10 * time.Second

// mend does what the policy's ladder says about a fault, which is that of a call with the credentials used. Which step is taken, how
// often, and by which of the processes, the policy knows; what a step does stands here. It returns when it is worth polling again.
func (l *listener) mend(ctx context.Context, used credentials, fault error) error {
	if now, err := l.kept.credentials(); err == nil && now != used {
		return nil // another process has mended it
	}
	return stanchion.Recover(ctx, l.policy, fault, stanchion.Steps{
		"reconnect": l.step("reconnect", func(ctx context.Context) error { return l.api.ping(ctx) }),
		"refresh":   l.step("refresh", func(ctx context.Context) error { return l.refresh(ctx, used) }),
		"release":   l.step("release", func(ctx context.Context) error { return l.release(ctx, used) }),
		"recreate":  l.step("recreate", func(ctx context.Context) error { return l.recreate(ctx, used) }),
	})
}

// step bounds what a step does, and tells of it.
func (l *listener) step(name string, do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, stop := context.WithTimeout(ctx, stepTimeout)
		defer stop()
		l.log.Info("step", "step", name)
		err := do(ctx)
		l.log.Info("step ended", "step", name, "error", err)
		return err
	}
}

// refresh gets a new token, unless another process got one after the fault. Under the lease of the step nobody else does.
func (l *listener) refresh(ctx context.Context, used credentials) error {
	now, err := l.kept.credentials()
	if err != nil || now.Token != used.Token {
		return err
	}
	token, err := l.api.logIn(ctx)
	if err != nil {
		return err
	}
	return l.kept.keepCredentials(credentials{token, now.Session})
}

// errHeld is a session that somebody still has: the step has not worked, and is worth another attempt.
var errHeld = &stanchion.FaultError{Fault: stanchion.FaultConflict, Err: errors.New("the channel is still held")}

// release waits until whoever holds the channel lets go of it, as the server does with a connection that broke.
func (l *listener) release(ctx context.Context, used credentials) error {
	now, err := l.kept.credentials()
	if err != nil || now != used {
		return err
	}
	isHeld, err := l.api.isHeld(ctx, now, l.channel)
	if err == nil && isHeld {
		return errHeld
	}
	return err
}

// recreate makes a new session, unless there is one. The request that makes it is sent once for each time that the server said
// there is none: one whose answer was lost may have worked. A token that is refused on the way is this step's matter, too,
// because a ladder only climbs.
func (l *listener) recreate(ctx context.Context, used credentials) error {
	now, err := l.kept.credentials()
	if err != nil || now.Session != used.Session {
		return err
	}
	found, err := l.api.find(ctx, now)
	if statusOf(err) == http.StatusUnauthorized {
		if err := l.refresh(ctx, now); err != nil {
			return err
		}
		if now, err = l.kept.credentials(); err != nil {
			return err
		}
		found, err = l.api.find(ctx, now)
	}
	if statusOf(err) == http.StatusNotFound || err == nil && found == used.Session {
		found, err = l.api.open(ctx, now)
	}
	if err != nil {
		return err
	}
	return l.kept.keepCredentials(credentials{now.Token, found})
}
