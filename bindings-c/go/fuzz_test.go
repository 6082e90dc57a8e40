//go:build cgo

package stanchion

import (
	"bytes"
	"errors"
	"testing"
)

// What is a policy fills in to the same policy again, and what is none is a ConfigError.
func FuzzFromJSON(f *testing.F) {
	for _, seed := range []string{rules, oneSlot, wholeGate, `{"name": ""}`, `{"name": "p", "limits": null}`, `[`, "\xff", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, json []byte) {
		p, err := FromJSON(json)
		if err != nil {
			var config *ConfigError
			if !errors.As(err, &config) && !isCode(err, "not_utf8") {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		defer p.Close()
		again, err := FromJSON([]byte(p.Config()))
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if again.Config() != p.Config() || again.Fingerprint() != p.Fingerprint() {
			t.Errorf("got %s\nwant %s", again.Config(), p.Config())
		}
	})
}

// Bytes are restored to the same bytes, or refused and nothing changes.
func FuzzRestore(f *testing.F) {
	p, err := FromJSON([]byte(rules))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(p.Close)
	for range 3 {
		bytes, err := p.Snapshot()
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(bytes))
		f.Add([]byte(bytes[:len(bytes)-1]))
		_, _ = p.TryAcquire()
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, input []byte) {
		p := newPolicyAt(t, rules)
		take(p)
		before, err := p.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		want := before
		if err := p.Restore(input); err == nil {
			want = input
		} else if state := (*StateError)(nil); !errors.As(err, &state) {
			t.Fatalf("%T: %v", err, err)
		}
		if after, err := p.Snapshot(); err != nil || !bytes.Equal(after, want) {
			t.Errorf("got %x, %v\nwant %x", after, err, want)
		}
	})
}
