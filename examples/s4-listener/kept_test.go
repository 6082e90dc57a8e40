package main

import (
	"path/filepath"
	"testing"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

func keptIn(t *testing.T) kept {
	t.Helper()
	store, err := stanchion.OpenFile(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return kept{store}
}

func TestMessagesThatComeAgainAreHandledOnce(t *testing.T) {
	all := []message{{1, "a"}, {2, "b"}, {4, "c"}, {7, "d"}}
	var want progress
	for _, m := range all {
		want.handle(m)
	}
	for name, batches := range map[string][][]message{
		"one by one":        {all[:1], all[1:2], all[2:3], all[3:]},
		"all again":         {all, all},
		"some of them":      {all[:3], all[1:]},
		"after a long time": {all, all[:1], all[:2]},
	} {
		t.Run(name, func(t *testing.T) {
			k := keptIn(t)
			for _, batch := range batches {
				if _, err := k.handle("orders", batch); err != nil {
					t.Fatal(err)
				}
			}
			if done, err := k.progress("orders"); err != nil || done != want {
				t.Errorf("%+v, %v", done, err)
			}
			if other, err := k.progress("alerts"); err != nil || other != (progress{}) {
				t.Errorf("another channel: %+v, %v", other, err)
			}
		})
	}
}

func TestTheOrderOfMessagesShows(t *testing.T) {
	var one, other progress
	for _, m := range []message{{1, "a"}, {2, "b"}} {
		one.handle(m)
	}
	for _, m := range []message{{1, "b"}, {2, "a"}} {
		other.handle(m)
	}
	if one == other {
		t.Error("the same came of them")
	}
}

// Whoever cannot read the cursor does not begin at the first message.
func TestACursorThatCannotBeReadIsAnError(t *testing.T) {
	k := keptIn(t)
	_, err := k.store.Transact(progressKey("orders"), func([]byte) (*stanchion.Write, error) {
		return &stanchion.Write{Bytes: []byte("{")}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if done, err := k.handle("orders", []message{{1, "a"}}); err == nil {
		t.Errorf("%+v", done)
	}
}
