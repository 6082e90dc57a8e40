// A guarded client in Go: a few workers that ask the store's policy, call the upstream and tell how it ended.
package main

import (
	"io"
	"log"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// settings are what run.mjs says by the environment, to clients of every language.
type settings struct {
	upstream, host, state, key, policy string
	workers                            int
	callTimeout, lease                 time.Duration
}

func readSettings() settings {
	return settings{
		upstream:    os.Getenv("DEMO_UPSTREAM"),
		host:        os.Getenv("DEMO_HOST"),
		state:       os.Getenv("DEMO_STATE"),
		key:         os.Getenv("DEMO_KEY"),
		policy:      os.Getenv("DEMO_POLICY"),
		workers:     number("DEMO_WORKERS"),
		callTimeout: time.Duration(number("DEMO_CALL_TIMEOUT_MS")) * time.Millisecond,
		lease:       time.Duration(number("DEMO_LEASE_MS")) * time.Millisecond,
	}
}

func number(name string) int {
	value, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		log.Fatalf("`%s`: %v", name, err)
	}
	return value
}

func openPolicy(config settings) (*stanchion.Policy, error) {
	store, err := stanchion.OpenFile(config.state, stanchion.LockWait(2*time.Second))
	if err != nil {
		return nil, err
	}
	rules, err := os.ReadFile(config.policy)
	if err != nil {
		return nil, err
	}
	return stanchion.FromJSON(rules, stanchion.WithStore(store, config.key))
}

func main() {
	log.SetFlags(0)
	config := readSettings()
	policy, err := openPolicy(config)
	if err != nil {
		log.Fatal(err)
	}
	defer policy.Close()

	var isStopped atomic.Bool
	var workers sync.WaitGroup
	for range config.workers {
		workers.Add(1)
		go func() {
			defer workers.Done()
			w := newWorker(config, policy)
			for !isStopped.Load() {
				if err := w.once(); err != nil {
					log.Fatalf("%s: %v", config.host, err)
				}
			}
			if err := w.tells.flush(); err != nil {
				log.Fatalf("%s: %v", config.host, err)
			}
		}()
	}
	// Until standard input ends, which it also does when run.mjs dies.
	_, _ = io.Copy(io.Discard, os.Stdin)
	isStopped.Store(true)
	workers.Wait()
}
