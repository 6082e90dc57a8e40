package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// kept is what outlives a process: keys of the state file beside the policy's. A write is there as a whole or not at all, however
// its process ended, and each changes what is there by then.
type kept struct {
	store *stanchion.Store
}

const credentialsKey = "credentials"

// credentials are those of all listeners of the account; none at first. The file belongs to its user alone.
func (k kept) credentials() (credentials, error) { return read[credentials](k.store, credentialsKey) }

func (k kept) keepCredentials(now credentials) error {
	return change(k.store, credentialsKey, func(kept *credentials) bool {
		*kept = now
		return true
	})
}

// progress is how far a channel has come.
type progress struct {
	// The last message that was handled.
	Cursor uint64 `json:"cursor"`
	Count  int    `json:"count"`
	// What came of all of them, in their order. An application has its own results here: written with the cursor, they are there
	// once, wherever the process is killed. What a message sets off elsewhere would go into a spool.
	Digest string `json:"digest"`
}

func (p *progress) handle(m message) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %s", p.Digest, m.ID, m.Text))
	*p = progress{m.ID, p.Count + 1, hex.EncodeToString(sum[:8])}
}

func progressKey(channel string) string { return "progress/" + channel }

func (k kept) progress(channel string) (progress, error) {
	return read[progress](k.store, progressKey(channel))
}

// handle handles messages of a channel and keeps what came of them. Those that come again were handled.
func (k kept) handle(channel string, messages []message) (done progress, err error) {
	err = change(k.store, progressKey(channel), func(kept *progress) bool {
		before := kept.Cursor
		for _, m := range messages {
			if m.ID > kept.Cursor {
				kept.handle(m)
			}
		}
		done = *kept
		return done.Cursor != before
	})
	return done, err
}

func read[T any](store *stanchion.Store, key string) (now T, err error) {
	_, err = store.Transact(key, func(found []byte) (*stanchion.Write, error) { return nil, decode(found, &now) })
	return now, err
}

// change rewrites a key if the function says that it changed.
func change[T any](store *stanchion.Store, key string, decide func(*T) bool) error {
	_, err := store.Transact(key, func(found []byte) (*stanchion.Write, error) {
		var now T
		if err := decode(found, &now); err != nil || !decide(&now) {
			return nil, err
		}
		bytes, err := json.Marshal(now)
		return &stanchion.Write{Bytes: bytes}, err
	})
	return err
}

func decode(found []byte, into any) error {
	if len(found) == 0 {
		return nil // no such key yet
	}
	return json.Unmarshal(found, into)
}
