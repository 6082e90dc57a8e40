//go:build cgo

package stanchionhttp

import (
	"container/list"
	"errors"
	"sync"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// ErrTooManyKeys is told where there is no place for a new key, because the ones that were used longest ago still say something.
var ErrTooManyKeys = errors.New("stanchionhttp: too many keys")

// Keys are policies by key, such as one for each caller, in bounded memory. A key is forgotten only when its state says nothing
// that a new one would not: who has used up a limit cannot have it back by pushing his own key out. Keys are safe for many
// goroutines.
type Keys struct {
	most int
	make func(key string) (*stanchion.Policy, error)
	now  func() time.Time

	mu      sync.Mutex
	entries map[string]*list.Element
	// Of *entry, the one that was used last in front.
	order list.List
}

type entry struct {
	key    string
	policy *stanchion.Policy
	users  int
}

// NewKeys keeps at most so many keys, whose policies make builds when they are first used.
func NewKeys(most int, make func(key string) (*stanchion.Policy, error)) *Keys {
	return &Keys{most: most, make: make, now: time.Now, entries: map[string]*list.Element{}}
}

// Policy is that of a key. It is not closed before release was called.
func (k *Keys) Policy(key string) (policy *stanchion.Policy, release func(), err error) {
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
func (k *Keys) Len() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.entries)
}

// Close closes all policies. Calls that go on are settled no more.
func (k *Keys) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for element := k.order.Front(); element != nil; element = element.Next() {
		element.Value.(*entry).policy.Close()
	}
	clear(k.entries)
	k.order.Init()
}

func (k *Keys) add(key string) (*list.Element, error) {
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
func (k *Keys) forgetOne() bool {
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
func (k *Keys) saysNothing(policy *stanchion.Policy) bool {
	at, err := policy.VacuousAt()
	return err != nil || !at.IsZero() && !at.After(k.now())
}
