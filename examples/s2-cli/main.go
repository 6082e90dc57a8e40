// Command s2 calls an API from the command line. Many of it run at the same time, each for a moment, and know of each other
// by one state file: a circuit breaker, two limits, the server's Retry-After and a bulkhead, decided as one.
//
//	s2 call [-state FILE] [-policy FILE] [-budget 10s] [-cost 1] [-json] URL...
//	s2 run
//
// What one would copy is call.go, held.go, told.go and policy.json. The rest proves it: `s2 run` (run.go and scenes.go) starts
// a server with limits of its own (upstream.go) and forty of these processes, kills one that holds a permit, and judges what
// the server saw and what the state file was told (judge.go).
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
)

// How it ended is the exit status; 75 is that of sysexits.h for what may be tried again later.
const (
	exitAnswered = 0
	exitFailed   = 1
	exitUsage    = 2
	exitNotNow   = 75
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(dispatch(ctx, os.Args[1:]))
}

func dispatch(ctx context.Context, args []string) int {
	switch {
	case len(args) > 0 && args[0] == "call":
		return callMain(ctx, args[1:])
	case len(args) == 1 && args[0] == "run":
		return runMain(ctx)
	default:
		return usage()
	}
}

func usage() int {
	fmt.Fprintln(os.Stderr, "usage: s2 call [-state FILE] [-policy FILE] [-budget 10s] [-cost 1] [-json] URL...\n       s2 run")
	return exitUsage
}
