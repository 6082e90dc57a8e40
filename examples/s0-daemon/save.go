package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

type saveOptions struct {
	spool, policy string
	writer, count int
}

// saveMain is a process that saves so many messages to a spool which it shares with others.
func saveMain(ctx context.Context, args []string) int {
	var o saveOptions
	flags := flag.NewFlagSet("s0 save", flag.ExitOnError)
	flags.StringVar(&o.spool, "spool", "spool", "the folder")
	flags.StringVar(&o.policy, "policy", "policy.json", "the policy, as JSON")
	flags.IntVar(&o.writer, "writer", 0, "which process this is")
	flags.IntVar(&o.count, "count", 1, "how many messages it saves")
	_ = flags.Parse(args) // which exits where it fails
	if err := save(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "s0 save:", err)
		return exitFailed
	}
	return exitDone
}

func save(ctx context.Context, o saveOptions) error {
	rules, err := os.ReadFile(o.policy)
	if err != nil {
		return err
	}
	policy, err := stanchion.FromJSON(rules)
	if err != nil {
		return err
	}
	defer policy.Close()
	spool, err := stanchion.OpenSpool(o.spool, policy, stanchion.LockWait(lockWait))
	if err != nil {
		return err
	}
	defer spool.Close()
	for n := range o.count {
		id := savedID(o.writer, n)
		if _, err := spool.Append(ctx, id, payloadOf(id)); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
	}
	return nil
}

func savedID(writer, n int) string { return fmt.Sprintf("writer-%d-%d", writer, n) }
