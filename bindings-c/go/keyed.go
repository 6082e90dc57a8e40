//go:build cgo

package stanchion

import (
	"container/list"
	"context"
	"errors"
	"sync"
)

// ErrTooManyKeys is told where there is no place for a new key, because the ones that were used longest ago still say something.
var ErrTooManyKeys = errors.New("stanchion: too many keys")

// Keyed are policies by key, such as one for each user, agent or endpoint, in bounded memory. A key is forgotten only when its state
// says nothing that a new one would not: never an open circuit, and who has used up a limit cannot have it back by pushing his own
// key out. It is safe for many goroutines.
type Keyed struct {
	most int
	make func(key string) (*Policy, error)
	// Of which all are states, if they are; it belongs to the keys.
	rules *Policy

	mu      sync.Mutex
	entries map[string]*list.Element
	// Of *entry, the one that was used last in front.
	order list.List
}

type entry struct {
	key    string
	policy *Policy
	users  int
}

// NewKeyed keeps at most so many keys under a policy whose state is in this process: each has a state of its own, with the policy's
// rules, clock and listeners. The policy belongs to the keys from here on.
func NewKeyed(policy *Policy, most int) *Keyed {
	k := KeyedBy(most, func(string) (*Policy, error) { return policy.another() })
	k.rules = policy
	return k
}

// KeyedBy keeps at most so many keys, whose policies make builds when they are first used: each with rules of its own, or with a key
// of a state file.
func KeyedBy(most int, make func(key string) (*Policy, error)) *Keyed {
	return &Keyed{most: most, make: make, entries: map[string]*list.Element{}}
}

// Do is [Policy.Do] under the policy of a key.
func (k *Keyed) Do(ctx context.Context, key string, fn func(context.Context) error, opts ...AcquireOption) error {
	policy, release, err := k.Policy(key)
	if err != nil {
		return err
	}
	defer release()
	return policy.Do(ctx, fn, opts...)
}

// Policy is that of a key. It is not closed before release was called.
func (k *Keyed) Policy(key string) (policy *Policy, release func(), err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	element := k.entries[key]
	if element == nil {
		if element, err = k.add(key); err != nil {
			return nil, nil, err
		}
	}
	k.order.MoveToFront(element)
	used := element.Value.(*entry)
	used.users++
	return used.policy, sync.OnceFunc(func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		used.users--
	}), nil
}

// Len is how many keys are there.
func (k *Keyed) Len() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.entries)
}

// Close closes all policies. Calls that go on are settled no more.
func (k *Keyed) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for element := k.order.Front(); element != nil; element = element.Next() {
		element.Value.(*entry).policy.Close()
	}
	clear(k.entries)
	k.order.Init()
	if k.rules != nil {
		k.rules.Close()
	}
}

func (k *Keyed) add(key string) (*list.Element, error) {
	if len(k.entries) >= k.most && !k.forgetOne() {
		return nil, ErrTooManyKeys
	}
	policy, err := k.make(key)
	if err != nil {
		return nil, err
	}
	element := k.order.PushFront(&entry{key: key, policy: policy})
	k.entries[key] = element
	return element, nil
}

// So many keys are looked at for one that can be forgotten: the longer a key is unused, the likelier it is one.
const looksAt = 8

// forgetOne forgets the first that says nothing among those that were used longest ago. Those that still say something go to
// the front, so that the next look finds others.
func (k *Keyed) forgetOne() bool {
	for range min(looksAt, len(k.entries)) {
		oldest := k.order.Back()
		candidate := oldest.Value.(*entry)
		if candidate.users == 0 && k.saysNothing(candidate.policy) {
			candidate.policy.Close()
			delete(k.entries, candidate.key)
			k.order.Remove(oldest)
			return true
		}
		k.order.MoveToFront(oldest)
	}
	return false
}

// saysNothing is true of a policy whose state is in a file, too: the file forgets for itself.
func (k *Keyed) saysNothing(policy *Policy) bool {
	at, err := policy.VacuousAt()
	return err != nil || !at.IsZero() && !at.After(policy.current().now())
}

// another is a policy of the same rules with a state of its own.
func (p *Policy) another() (*Policy, error) {
	c, isLocal := p.backend.(*cell)
	if !isLocal {
		return nil, errShared
	}
	state, err := c.another(p.clock())
	if err != nil {
		return nil, err
	}
	return &Policy{
		backend: state, quick: state.unless(len(p.listeners) > 0), clock: p.clock, timers: p.timers, random: p.random,
		maxWaiting: p.maxWaiting, gates: p.gates, name: p.name, config: p.config,
		rateLimitPolicy: p.rateLimitPolicy, fingerprint: p.fingerprint, hasOwnClock: p.hasOwnClock, bounds: p.bounds,
		listeners: p.listeners,
	}, nil
}
