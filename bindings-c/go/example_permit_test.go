//go:build cgo

package stanchion_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

const tokens = `{"name": "llm", "limits": [{"name": "tokens", "capacity": 1000, "refill_tokens": 1000, "refill_interval_ms": 3600000,
	"charge": "cost", "max_debt": 1000}]}`

// A call whose cost is an estimate until its answer is there.
func ExamplePolicy_Acquire() {
	policy := newPolicy(tokens)
	defer policy.Close()
	permit, err := policy.Acquire(context.Background(), stanchion.Cost(800))
	if err != nil {
		fmt.Println("not now:", err)
		return
	}
	began := time.Now()
	used, err := uint32(300), error(nil) // what the call told
	outcome := stanchion.Success
	if err != nil {
		outcome = stanchion.Failure
	}
	answer, err := policy.Settle(permit, outcome, stanchion.Took(time.Since(began)), stanchion.ActualCost(used))
	fmt.Println(answer.Result, err)
	fmt.Println("room for another 700:", policy.Peek(stanchion.Cost(700)) == nil)
	// Output:
	// counted <nil>
	// room for another 700: true
}

// A call that does not end with a function, such as one whose answer is read later.
func ExamplePolicy_Begin() {
	policy := newPolicy(`{"name": "downloads", "bulkhead": {"max_concurrent": 1}}`)
	defer policy.Close()
	call, err := policy.Begin(context.Background(), stanchion.Timeout(time.Minute))
	if err != nil {
		fmt.Println("not now:", err)
		return
	}
	defer call.End(stanchion.Failure) // where nothing else was told
	fmt.Println("another one is refused:", errors.Is(policy.Peek(), stanchion.ErrRejected))
	call.End(stanchion.Success)
	fmt.Println("another one is refused:", errors.Is(policy.Peek(), stanchion.ErrRejected))
	// Output:
	// another one is refused: true
	// another one is refused: false
}

// Bytes of a state go wherever their keeper likes, and on in any language.
func ExamplePolicy_Snapshot() {
	rules := `{"name": "billing", "circuit": {"consecutive_failures": 1}}`
	here, there := newPolicy(rules), newPolicy(rules)
	defer here.Close()
	defer there.Close()
	_ = here.Do(context.Background(), func(context.Context) error { return errors.New("refused") })
	bytes, err := here.Snapshot()
	if err != nil {
		panic(err)
	}
	if err := there.Restore(bytes); err != nil {
		panic(err)
	}
	fmt.Println("refused there, too:", errors.Is(there.Peek(), stanchion.ErrRejected))
	// Output: refused there, too: true
}

// Two processes share the limit of one key; here they are two policies.
func ExampleOpenFile() {
	folder, err := os.MkdirTemp("", "stanchion")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	store, err := stanchion.OpenFile(filepath.Join(folder, "state"), stanchion.LockWait(time.Second))
	if err != nil {
		panic(err)
	}
	defer store.Close()
	for range 2 {
		policy, err := stanchion.FromJSON([]byte(`{"name": "mail", "limits": [{"name": "calls", "capacity": 1, "refill_tokens": 1,
			"refill_interval_ms": 3600000}]}`), stanchion.WithStore(store, "mail"))
		if err != nil {
			panic(err)
		}
		defer policy.Close()
		err = policy.Do(context.Background(), func(context.Context) error { return nil })
		fmt.Println("refused:", errors.Is(err, stanchion.ErrRejected))
	}
	// Output:
	// refused: false
	// refused: true
}

func ExampleWithLogger() {
	withoutTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	policy, err := stanchion.FromJSON([]byte(`{"name": "billing", "circuit": {"consecutive_failures": 1}}`), stanchion.WithLogger(logger))
	if err != nil {
		panic(err)
	}
	defer policy.Close()
	_ = policy.Do(context.Background(), func(context.Context) error { return errors.New("connection refused") })
	// Output: level=WARN msg=opened policy=billing
}
