// Command s0 is a daemon that hands on to a server what it is given. While the server is down, what comes waits on the disk.
//
//	s0 serve -server URL [-listen ADDRESS] [-folder FOLDER]
//	s0 save -spool FOLDER -policy FILE -writer NUMBER -count NUMBER
//	s0 run
//
// What one would copy is daemon.go, serve.go and policy.json. The rest proves it: `s0 run` (run.go and scenes.go) starts a server that is
// down for a while (server.go), a daemon that is started anew in the middle of it, and sixteen processes that save at the same
// time (save.go).
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
)

const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(dispatch(ctx, os.Args[1:]))
}

func dispatch(ctx context.Context, args []string) int {
	switch {
	case len(args) > 0 && args[0] == "serve":
		return serveMain(ctx, args[1:])
	case len(args) > 0 && args[0] == "save":
		return saveMain(ctx, args[1:])
	case len(args) == 1 && args[0] == "run":
		return runMain(ctx)
	default:
		fmt.Fprintln(os.Stderr, "usage: s0 serve -server URL [-listen ADDRESS] [-folder FOLDER]")
		fmt.Fprintln(os.Stderr, "       s0 save -spool FOLDER -policy FILE -writer NUMBER -count NUMBER\n       s0 run")
		return exitUsage
	}
}
