// Command s4 listens to the messages of a service that gives out sessions and tokens, and goes on listening when they are lost.
// Several of it share one account, one session and one state file, each with a channel of its own.
//
//	s4 listen -server URL -channel NAME [-state FILE] [-policy FILE] [-health ADDRESS]
//	s4 run
//
// What one would copy is listen.go (the loop), ladder.go (what is done about a fault), api.go (what an answer means), kept.go
// (the cursor) and policy.json. The rest proves it: `s4 run` (run.go, process.go and scenes.go) starts a server that loses
// sessions by a script (server.go) and two of these processes, kills one in the middle of a step, and judges what the server saw
// (judge.go).
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(dispatch(ctx, os.Args[1:]))
}

func dispatch(ctx context.Context, args []string) int {
	switch {
	case len(args) > 0 && args[0] == "listen":
		return listenMain(ctx, args[1:])
	case len(args) == 1 && args[0] == "run":
		return runMain(ctx)
	default:
		return usage()
	}
}

func usage() int {
	fmt.Fprintln(os.Stderr, "usage: s4 listen -server URL -channel NAME [-state FILE] [-policy FILE] [-health ADDRESS]\n       s4 run")
	return exitUsage
}
