package stanchion

/*
#include "stanchion.h"

#cgo noescape stn_store_acquire
#cgo nocallback stn_store_acquire
#cgo noescape stn_store_try_acquire
#cgo nocallback stn_store_try_acquire
#cgo noescape stn_store_peek
#cgo nocallback stn_store_peek
#cgo noescape stn_store_settle
#cgo nocallback stn_store_settle
#cgo noescape stn_store_cancel
#cgo nocallback stn_store_cancel
#cgo noescape stn_store_renew
#cgo nocallback stn_store_renew
*/
import "C"

import (
	"context"
	"runtime"
	"sync"
	"time"
	"unsafe"
)

// Store is a state file that processes of any language share. It is safe for many goroutines. A store does not outlive a fork.
type Store struct {
	mu     sync.RWMutex
	handle *C.stn_store
	path   string
	// Closes a store that nobody closed.
	forgotten runtime.Cleanup
}

// OpenFile opens a state file, or makes it. What is no state file that is safe to use is a [*StoreError].
//
// The file must lie on a file system of this machine: locks and mapped memory over a network, as with NFS or SMB, are not supported.
func OpenFile(path string, opts ...FileOption) (*Store, error) {
	options := fileOptionsOf(opts)
	var why C.stn_error
	why.struct_size = C.sizeof_stn_error
	s := &Store{path: path}
	text, size := chars(path)
	if status := C.stn_store_open(text, size, &options, &s.handle, &why); status != C.STN_OK {
		return nil, atPath(toError(status, &why), path)
	}
	s.forgotten = runtime.AddCleanup(s, freeStore, s.handle)
	return s, nil
}

func freeStore(handle *C.stn_store) { C.stn_store_close(handle) }

// Close closes the store. Policies on its keys live on until they are closed.
func (s *Store) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handle != nil {
		s.forgotten.Stop()
		C.stn_store_close(s.handle)
		s.handle = nil
	}
}

// Path is the path as it was given.
func (s *Store) Path() string { return s.path }

// atPath adds the path to an error of the store.
func atPath(err error, path string) error {
	if store, isStore := err.(*StoreError); isStore {
		store.Path = path
	}
	return err
}

// key is a policy on one key of the file, which owns the policy once it succeeds.
func (s *Store) key(policy *C.stn_policy, name string) (*key, error) {
	var why C.stn_error
	why.struct_size = C.sizeof_stn_error
	k := &key{policy: policy, path: s.path}
	text, size := chars(name)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.handle == nil {
		return nil, ErrClosed
	}
	if status := C.stn_store_key_open(s.handle, policy, text, size, &k.handle, &why); status != C.STN_OK {
		return nil, atPath(toError(status, &why), s.path)
	}
	k.forgotten = runtime.AddCleanup(k, freeKey, keyHandles{k.handle, policy})
	return k, nil
}

type keyHandles struct {
	key    *C.stn_store_key
	policy *C.stn_policy
}

func freeKey(handles keyHandles) {
	C.stn_store_key_close(handles.key)
	C.stn_policy_free(handles.policy)
}

// key is the backend of a policy whose state is in a file.
type key struct {
	mu        sync.RWMutex
	handle    *C.stn_store_key
	policy    *C.stn_policy // for what needs no state
	path      string
	forgotten runtime.Cleanup
}

// enter keeps the key open. Each caller leaves it by RUnlock.
func (k *key) enter() (*C.stn_store_key, error) {
	k.mu.RLock()
	if k.handle == nil {
		return nil, ErrClosed
	}
	return k.handle, nil
}

func (k *key) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.handle != nil {
		k.forgotten.Stop()
		freeKey(keyHandles{k.handle, k.policy})
		k.handle = nil
	}
}

// outs are the structs that an operation fills.
type outs struct {
	decision C.stn_decision
	answer   C.stn_answer
	stored   C.stn_stored
	why      C.stn_error
}

func (o *outs) sized() *outs {
	o.decision.struct_size, o.answer.struct_size = C.sizeof_stn_decision, C.sizeof_stn_answer
	o.stored.struct_size, o.why.struct_size = C.sizeof_stn_stored, C.sizeof_stn_error
	return o
}

// report adds what the file says to an answer.
func (o *outs) report(to *Report, path string) {
	to.Sequence = uint64(o.stored.sequence)
	to.Waited = time.Duration(o.stored.waited_us) * time.Microsecond
	if o.stored.degraded != 0 {
		to.Degraded, _ = atPath(toError(C.STN_STORE, &o.why), path).(*StoreError)
	}
}

func (k *key) acquire(w wish, nowUS uint64) (decided, error) {
	return k.decide(func(handle *C.stn_store_key, o *outs) C.uint32_t {
		return C.stn_store_acquire(handle, w.crossing(), C.uint64_t(nowUS), &o.decision, &o.stored, &o.why)
	})
}

// tryAcquire asks for the lock once.
func (k *key) tryAcquire(w wish, nowUS uint64) (decided, error) {
	return k.decide(func(handle *C.stn_store_key, o *outs) C.uint32_t {
		return C.stn_store_try_acquire(handle, w.crossing(), C.uint64_t(nowUS), &o.decision, &o.stored, &o.why)
	})
}

// acquireIn asks for the lock on this goroutine once. Where another holds it, one of its own waits for it, so that the context can end
// the wait: it is not answered then, and what is admitted later is given back.
func (k *key) acquireIn(ctx context.Context, w wish, nowUS uint64) (_ decided, isAnswered bool, _ error) {
	d, err := k.tryAcquire(w, nowUS)
	if busy, isStore := err.(*StoreError); !isStore || busy.Code != "busy" {
		return d, true, err
	}
	return k.acquireBeside(ctx, w, nowUS)
}

func (k *key) acquireBeside(ctx context.Context, w wish, nowUS uint64) (_ decided, isAnswered bool, _ error) {
	type answer struct {
		decided decided
		err     error
	}
	answers, left := make(chan answer), make(chan struct{})
	go func() {
		d, err := k.acquire(w, nowUS)
		select {
		case answers <- answer{d, err}:
		case <-left:
			if err == nil && d.verdict == C.STN_ADMITTED {
				_, _ = k.cancel(d.permit, nowUS) // else its slot comes back by the lease
			}
		}
	}()
	select {
	case a := <-answers:
		return a.decided, true, a.err
	case <-ctx.Done():
		close(left)
		return decided{}, false, nil
	}
}

// decide is what asking has in common.
func (k *key) decide(call func(handle *C.stn_store_key, o *outs) C.uint32_t) (decided, error) {
	var o outs
	o.sized()
	handle, err := k.enter()
	defer k.mu.RUnlock()
	if err != nil {
		return decided{}, err
	}
	if status := call(handle, &o); status != C.STN_OK {
		return decided{}, atPath(toError(status, &o.why), k.path)
	}
	out := decidedOf(&o.decision)
	o.report(&out.report, k.path)
	return out, nil
}

func (k *key) peek(w wish, nowUS uint64) (decided, error) {
	return k.decide(func(handle *C.stn_store_key, o *outs) C.uint32_t {
		return C.stn_store_peek(handle, w.crossing(), C.uint64_t(nowUS), &o.decision, &o.why)
	})
}

// step is what the operations after an acquire have in common.
func (k *key) step(call func(handle *C.stn_store_key, o *outs) C.uint32_t) (answered, error) {
	var o outs
	o.sized()
	handle, err := k.enter()
	defer k.mu.RUnlock()
	if err != nil {
		return answered{}, err
	}
	if status := call(handle, &o); status != C.STN_OK {
		return answered{}, atPath(toError(status, &o.why), k.path)
	}
	out, err := answeredOf(C.STN_OK, &o.answer)
	o.report(&out.report, k.path)
	return out, err
}

func (k *key) settle(permit [4]uint32, e end, nowUS uint64) (answered, error) {
	words := crossing(permit)
	return k.step(func(handle *C.stn_store_key, o *outs) C.uint32_t {
		return C.stn_store_settle(handle, &words, e.crossing(), C.uint64_t(nowUS), &o.answer, &o.stored, &o.why)
	})
}

func (k *key) cancel(permit [4]uint32, nowUS uint64) (answered, error) {
	words := crossing(permit)
	return k.step(func(handle *C.stn_store_key, o *outs) C.uint32_t {
		return C.stn_store_cancel(handle, &words, C.uint64_t(nowUS), &o.answer, &o.stored, &o.why)
	})
}

func (k *key) renew(permit [4]uint32, nowUS uint64) (answered, error) {
	words := crossing(permit)
	return k.step(func(handle *C.stn_store_key, o *outs) C.uint32_t {
		return C.stn_store_renew(handle, &words, C.uint64_t(nowUS), &o.answer, &o.stored, &o.why)
	})
}

func (k *key) command(json string, nowUS uint64) (answered, error) {
	text, size := chars(json)
	return k.step(func(handle *C.stn_store_key, o *outs) C.uint32_t {
		return C.stn_store_command(handle, text, size, C.uint64_t(nowUS), &o.answer, &o.stored, &o.why)
	})
}

func (k *key) restore(bytes []byte) error {
	encoded, size := octets(bytes)
	_, err := k.step(func(handle *C.stn_store_key, o *outs) C.uint32_t {
		return C.stn_store_restore(handle, encoded, size, &o.stored, &o.why)
	})
	return err
}

func (k *key) explain(nowUS uint64) ([]byte, error) {
	var o outs
	o.sized()
	handle, err := k.enter()
	defer k.mu.RUnlock()
	if err != nil {
		return nil, err
	}
	return readText(func(buffer *C.char, capacity C.size_t, needed *C.size_t) error {
		return k.okOr(C.stn_store_explain(handle, C.uint64_t(nowUS), buffer, capacity, needed, &o.why), &o)
	})
}

func (k *key) snapshot() ([]byte, error) {
	var o outs
	o.sized()
	handle, err := k.enter()
	defer k.mu.RUnlock()
	if err != nil {
		return nil, err
	}
	bytes, err := readBytes(func(buffer *C.uint8_t, capacity C.size_t, needed *C.size_t) error {
		return k.okOr(C.stn_store_snapshot(handle, buffer, capacity, needed, &o.why), &o)
	})
	if len(bytes) == 0 {
		return nil, err // no such key yet
	}
	return bytes, err
}

func (k *key) okOr(status C.uint32_t, o *outs) error {
	return atPath(orError(status, &o.why), k.path)
}

// Write is what a transaction writes.
type Write struct {
	// Bytes are the key's new bytes.
	Bytes []byte
	// VacuousAt is from when on the key may be forgotten, as [Policy.VacuousAt] says; the zero time keeps it for ever.
	VacuousAt time.Time
}

// Transact decides elsewhere, under the file's lock: decide gets the key's bytes (nil where there are none yet, and only
// until it returns) and says what to write, nil for nothing. An error of decide writes nothing. Every other operation on the
// file waits meanwhile: keep it short. It returns the key's write sequence, 0 where the key does not exist.
func (s *Store) Transact(key string, decide func(bytes []byte) (*Write, error)) (uint64, error) {
	// The lock belongs to the thread that took it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	transaction, err := s.begin(key)
	if err != nil {
		return 0, err
	}
	defer func() { C.stn_store_abort(transaction) }() // null once it is committed
	var found *C.uint8_t
	var size C.size_t
	var stored C.stn_stored
	stored.struct_size = C.sizeof_stn_stored
	if err := okOr(C.stn_transaction_bytes(transaction, &found, &size, &stored)); err != nil {
		return 0, err
	}
	write, err := decide(unsafe.Slice((*byte)(unsafe.Pointer(found)), size))
	if err != nil {
		return 0, err
	}
	if write == nil {
		return uint64(stored.sequence), nil
	}
	committed := transaction
	transaction = nil
	return s.commit(committed, write)
}

func (s *Store) begin(key string) (*C.stn_transaction, error) {
	var why C.stn_error
	why.struct_size = C.sizeof_stn_error
	var transaction *C.stn_transaction
	text, size := chars(key)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.handle == nil {
		return nil, ErrClosed
	}
	if status := C.stn_store_begin(s.handle, text, size, &transaction, &why); status != C.STN_OK {
		return nil, atPath(toError(status, &why), s.path)
	}
	return transaction, nil
}

func (s *Store) commit(transaction *C.stn_transaction, write *Write) (uint64, error) {
	var why C.stn_error
	why.struct_size = C.sizeof_stn_error
	var sequence C.uint64_t
	var vacuousAt uint64
	if !write.VacuousAt.IsZero() {
		vacuousAt = micros(write.VacuousAt)
	}
	bytes, size := octets(write.Bytes)
	status := C.stn_store_commit(transaction, bytes, size, C.uint64_t(vacuousAt), &sequence, &why)
	if status != C.STN_OK {
		return 0, atPath(toError(status, &why), s.path)
	}
	return uint64(sequence), nil
}
