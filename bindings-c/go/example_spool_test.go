//go:build cgo

package stanchion_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// openSpool is a spool in a folder that goes away with the example.
func openSpool(policy *stanchion.Policy) (spool *stanchion.Spool, remove func()) {
	folder, err := os.MkdirTemp("", "stanchion")
	if err != nil {
		panic(err)
	}
	if spool, err = stanchion.OpenSpool(filepath.Join(folder, "spool"), policy); err != nil {
		panic(err)
	}
	return spool, func() {
		spool.Close()
		_ = os.RemoveAll(folder)
	}
}

// What was not delivered is left, and goes out in its order when the receiver takes it.
func ExampleSpool_Drain() {
	policy := newPolicy(`{"name": "sync", "spool": {"order": "strict", "base_delay_ms": 0}}`)
	defer policy.Close()
	spool, remove := openSpool(policy)
	defer remove()

	ctx := context.Background()
	for _, order := range []string{"order-7", "order-8"} {
		if _, err := spool.Append(ctx, order, []byte("{}")); err != nil {
			panic(err)
		}
	}
	isDown := true
	delivered, err := spool.Drain(ctx, func(_ context.Context, item *stanchion.Delivery) error {
		if isDown {
			isDown = false
			return errors.New("connection refused")
		}
		fmt.Println(item.ID, "by attempt", item.Attempt)
		return nil
	})
	fmt.Println(delivered, err)
	// Output:
	// order-7 by attempt 2
	// order-8 by attempt 1
	// 2 <nil>
}

// What the receiver will never take is kept apart, until an operator lets it be tried again or takes it out.
func ExampleSpool_DeadLetters() {
	policy := newPolicy(`{"name": "sync", "spool": {}}`)
	defer policy.Close()
	spool, remove := openSpool(policy)
	defer remove()

	ctx := context.Background()
	_, _ = spool.Append(ctx, "order-7", []byte("no JSON"))
	_, err := spool.Drain(ctx, func(context.Context, *stanchion.Delivery) error {
		return fmt.Errorf("%w: it is no JSON", stanchion.ErrUndeliverable)
	})
	if err != nil {
		panic(err)
	}
	dead, err := spool.DeadLetters()
	if err != nil {
		panic(err)
	}
	payload, err := spool.Payload(dead[0].Seq)
	fmt.Printf("%s %s: %s, %v\n", dead[0].ID, dead[0].Why, payload, err)
	removed, err := spool.Remove(dead[0].Seq)
	fmt.Println(removed.Result, err)
	// Output:
	// order-7 refused: no JSON, <nil>
	// removed <nil>
}

func ExampleSpoolFullError() {
	policy := newPolicy(`{"name": "sync", "spool": {"max_items": 1}}`)
	defer policy.Close()
	spool, remove := openSpool(policy)
	defer remove()

	for _, order := range []string{"order-7", "order-8"} {
		_, err := spool.Append(context.Background(), order, nil)
		fmt.Println(order, err, errors.Is(err, stanchion.ErrSpoolFull))
	}
	// Output:
	// order-7 <nil> false
	// order-8 stanchion: the spool is full: it holds `max_items` true
}
