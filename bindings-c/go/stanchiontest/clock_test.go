//go:build cgo

package stanchiontest_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
	"github.com/stanchion/stanchion/bindings-c/go/stanchiontest"
)

func ExampleClock() {
	clock := stanchiontest.NewClock(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	policy, err := stanchion.FromJSON([]byte(`{"name": "p", "circuit": {"consecutive_failures": 1, "open_ms": 1000}}`),
		stanchion.WithClock(clock.Now))
	if err != nil {
		panic(err)
	}
	defer policy.Close()
	_ = policy.Do(context.Background(), func(context.Context) error { return errors.New("refused") })
	fmt.Println(policy.Peek())
	clock.Advance(999 * time.Millisecond)
	fmt.Println(policy.Peek())
	clock.Advance(time.Millisecond)
	fmt.Println(policy.Peek())
	// Output:
	// stanchion: rejected by circuit, retry after 1s
	// stanchion: rejected by circuit, retry after 1ms
	// <nil>
}
