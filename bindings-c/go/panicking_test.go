//go:build cgo && stanchion_panicking

package stanchion

import (
	"context"
	"testing"
)

// A panic inside is an error here. A state that was being worked on decides nothing any more, until it is restored.
func TestAPanicInsideIsAnError(t *testing.T) {
	p := newPolicyAt(t, oneSlot)
	good, err := p.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for guard := range uint32(4) {
		if err := p.backend.(*cell).panicInside(guard); !isCode(err, "internal") {
			t.Fatalf("guard %d: %v", guard, err)
		}
		isStep := guard < 3
		err := p.Do(context.Background(), func(context.Context) error {
			if isStep {
				t.Errorf("guard %d: half of a step admits", guard)
			}
			return nil
		})
		if isCode(err, "state_memory") != isStep {
			t.Errorf("guard %d: then %v", guard, err)
		}
		if err := p.Restore(good); err != nil {
			t.Fatal(err)
		}
		if err := p.Peek(); err != nil {
			t.Errorf("guard %d: restored, and %v", guard, err)
		}
	}
}
