//go:build cgo

package stanchion

import (
	"errors"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stanchion/stanchion/bindings-c/go/internal/plain"
)

// A limit, which does not refill because the clock stands still, and a bulkhead: each call moves both, and each move counts once.
const counted = `{"name": "counted", "circuit": {"consecutive_failures": 5}, "bulkhead": {"max_concurrent": 4096},
	"limits": [{"name": "calls", "capacity": 300000, "refill_tokens": 1, "refill_interval_ms": 1}]}`

// C runs on the stacks of goroutines where it is called plainly (see internal/plain). This test does to them what the runtime does
// to stacks and threads, as often as it can: it makes them grow at each depth, has them moved, scanned, stopped, preempted and
// profiled, and looks whether their frames are as they were and each call counted once.
func TestPlainCallsStandAllThatTheRuntimeDoesToStacks(t *testing.T) {
	if !plain.Calls {
		t.Skip("this build calls by cgo")
	}
	policy := newPolicyAt(t, counted)
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		t.Skip(err) // the whole test run is being profiled
	}
	defer pprof.StopCPUProfile()
	disturbed := disturb()
	defer disturbed()

	var admitted atomic.Int64
	var isOver atomic.Bool
	var workers sync.WaitGroup
	for worker := range 8 {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for depth := worker; !isOver.Load(); depth = (depth + 5) % 67 {
				done := make(chan error)
				// Each on a stack of its own, which begins small.
				go func() { done <- callAtDepth(policy, depth, &admitted) }()
				if err := <-done; err != nil {
					isOver.Store(true)
					if !errors.Is(err, ErrRejected) {
						t.Error(err)
					}
				}
			}
		}()
	}
	workers.Wait()
	if admitted.Load() != 300_000 {
		t.Errorf("%d calls were admitted of 300,000", admitted.Load())
	}
}

var errFrame = errors.New("a frame is not as it was")

// callAtDepth makes calls on the way down and on the way up, and looks after its frames.
//
//go:noinline
func callAtDepth(policy *Policy, depth int, admitted *atomic.Int64) error {
	var frame [13]uint64
	for i := range frame {
		frame[i] = uint64(depth*len(frame) + i)
	}
	err := callOnce(policy, &frame, admitted)
	if err == nil && depth > 0 {
		err = callAtDepth(policy, depth-1, admitted)
	}
	for i := range frame {
		if frame[i] != uint64(depth*len(frame)+i) {
			return errFrame
		}
	}
	return err
}

//go:noinline
func callOnce(policy *Policy, frame *[13]uint64, admitted *atomic.Int64) error {
	permit, err := policy.TryAcquire()
	if err != nil {
		return err
	}
	admitted.Add(1)
	frame[0]++ // through a pointer into a stack that may have moved
	_, err = policy.Settle(permit, Success, Took(time.Duration(frame[0]%7)*time.Millisecond))
	frame[0]--
	return err
}

// disturb begins what the runtime does now and then, all the time, until the returned function is called.
func disturb() (stop func()) {
	var isOver atomic.Bool
	var all sync.WaitGroup
	again := func(what func()) {
		all.Add(1)
		go func() {
			defer all.Done()
			for !isOver.Load() {
				what()
			}
		}()
	}
	again(runtime.GC) // scans stacks, and shrinks them by copying
	again(func() {    // stops the world
		runtime.Stack(make([]byte, 4096), true)
		time.Sleep(50 * time.Microsecond)
	})
	again(func() { // what the profiler and the scheduler send to threads
		_ = syscall.Kill(os.Getpid(), syscall.SIGPROF)
		_ = syscall.Kill(os.Getpid(), syscall.SIGURG)
		time.Sleep(20 * time.Microsecond)
	})
	return func() {
		isOver.Store(true)
		all.Wait()
	}
}
