//go:build cgo

package stanchion_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

func ExamplePolicy_Do_retry() {
	policy, err := stanchion.FromJSON([]byte(`{"name": "upstream", "circuit": {"consecutive_failures": 5},
		"retry": {"max_attempts": 4, "base_delay_ms": 10, "deadline_ms": 60000, "budget": {"percent": 20}}}`))
	if err != nil {
		panic(err)
	}
	defer policy.Close()
	calls := 0
	err = policy.Do(context.Background(), func(context.Context) error {
		if calls++; calls < 3 {
			return &stanchion.ReplyError{Reply: stanchion.Reply{Status: 503}}
		}
		return nil
	}, stanchion.Idempotent())
	fmt.Println(calls, "calls:", err)
	// Output: 3 calls: <nil>
}

func ExampleSchedule() {
	policy, err := stanchion.FromJSON([]byte(`{"name": "heartbeat",
		"schedule": {"interval_ms": 300000, "min_spacing_ms": 30000, "flood": {"count": 5, "window_ms": 60000}, "backoff": {}}}`))
	if err != nil {
		panic(err)
	}
	defer policy.Close()
	ctx, cancel := context.WithCancel(context.Background())
	schedule := policy.Schedule("agent-7", func(_ context.Context, intent stanchion.Intent) error {
		fmt.Println("run:", intent)
		cancel() // so that the example ends
		return nil
	})
	schedule.Wake(stanchion.Manual) // somebody wants it now
	fmt.Println(schedule.Run(ctx))
	// Output:
	// run: manual
	// context canceled
}

func ExampleRecover() {
	policy, err := stanchion.FromJSON([]byte(`{"name": "session", "recovery": {"unauthenticated": "refresh", "session_lost": "create",
		"steps": [{"name": "refresh", "max_attempts": 1}, {"name": "create", "max_attempts": 5}]}}`))
	if err != nil {
		panic(err)
	}
	defer policy.Close()
	steps := stanchion.Steps{
		"refresh": func(context.Context) error {
			fmt.Println("refreshes the token, in vain")
			return errors.New("no such account any more")
		},
		"create": func(context.Context) error {
			fmt.Println("creates the session anew")
			return nil
		},
	}
	expired := &stanchion.ReplyError{Reply: stanchion.Reply{Status: 401}}
	fmt.Println(stanchion.Recover(context.Background(), policy, expired, steps))
	// Output:
	// refreshes the token, in vain
	// creates the session anew
	// <nil>
}

func ExamplePolicy_Supervise() {
	policy, err := stanchion.FromJSON([]byte(`{"name": "worker", "recovery": {
		"steps": [{"name": "restart", "max_attempts": 2, "window_ms": 600000, "base_delay_ms": 1}]}}`))
	if err != nil {
		panic(err)
	}
	defer policy.Close()
	runs := 0
	err = policy.Supervise(context.Background(), func(ctx context.Context) error {
		runs++
		return exec.CommandContext(ctx, "sh", "-c", "exit 7").Run()
	})
	var exit *exec.ExitError
	fmt.Println(runs, "runs:", errors.As(err, &exit), err)
	// Output: 3 runs: true stanchion: the recovery was given up (exhausted): exit status 7
}

func ExampleSpool() {
	dir, err := os.MkdirTemp("", "spool")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	policy, err := stanchion.FromJSON([]byte(`{"name": "sync", "circuit": {"consecutive_failures": 10, "open_ms": 3600000},
		"spool": {"order": "strict"}}`))
	if err != nil {
		panic(err)
	}
	defer policy.Close()
	spool, err := stanchion.OpenSpool(filepath.Join(dir, "pending"), policy)
	if err != nil {
		panic(err)
	}
	defer spool.Close()
	for _, text := range []string{"one", "two"} {
		if _, err := spool.Append(context.Background(), "", []byte(text)); err != nil { // now it is on disk
			panic(err)
		}
	}
	delivered, err := spool.Drain(context.Background(), func(_ context.Context, item *stanchion.Delivery) error {
		payload, err := item.Payload()
		fmt.Printf("%d: %s\n", item.Seq, payload)
		return err
	})
	fmt.Println(delivered, "delivered:", err)
	// Output:
	// 1: one
	// 2: two
	// 2 delivered: <nil>
}

func ExampleKeyed() {
	rules, err := stanchion.FromJSON([]byte(`{"name": "user", "circuit": {"consecutive_failures": 1, "open_ms": 300000}}`))
	if err != nil {
		panic(err)
	}
	users := stanchion.NewKeyed(rules, 100_000)
	defer users.Close()
	poll := func(user string, works bool) {
		err := users.Do(context.Background(), user, func(context.Context) error {
			if !works {
				return errors.New("the mailbox is gone")
			}
			return nil
		})
		fmt.Printf("%s: %v\n", user, err)
	}
	poll("ann", false)
	poll("bob", true)
	_, release, err := users.Policy("ann")
	if err != nil {
		panic(err)
	}
	defer release()
	fmt.Println(users.Len(), "keys")
	// Output:
	// ann: the mailbox is gone
	// bob: <nil>
	// 2 keys
}

func ExamplePolicy_Health() {
	policy, err := stanchion.FromJSON([]byte(`{"name": "mail", "block": {}}`),
		stanchion.WithClock(func() time.Time { return time.UnixMilli(1_700_000_000_000) }))
	if err != nil {
		panic(err)
	}
	defer policy.Close()
	if _, err := policy.Block(time.UnixMilli(1_700_000_060_000)); err != nil {
		panic(err)
	}
	health, err := policy.Health()
	if err != nil {
		panic(err)
	}
	status, body, err := stanchion.AnswerProbe(stanchion.ReadyProbe, map[string]stanchion.Health{"mail": health})
	fmt.Println(status, string(body), err)
	// Output: 503 {"status":"fail","reasons":["blocked"],"checks":{"mail":[{"status":"fail","reasons":["blocked"]}]}} <nil>
}
