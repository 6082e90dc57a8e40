// Package stanchion decides whether a call may go ahead. A [Policy] holds a circuit breaker, up to 16 rate limits, a
// server's block and a bulkhead, and decides them as one: nothing is taken from any gate unless all of them admit.
//
//	import stanchion "github.com/stanchion/stanchion/bindings-c/go"
//
//	billing, err := stanchion.New(stanchion.Config{
//		Name:    "billing",
//		Circuit: &stanchion.CircuitConfig{ConsecutiveFailures: stanchion.Ptr[uint32](5)},
//		Limits:  []stanchion.LimitConfig{{Name: "calls", Capacity: 60, RefillTokens: 60, RefillIntervalMS: 60_000}},
//	})
//	// …
//	receipt, err := stanchion.Do(ctx, billing, func(ctx context.Context) (Receipt, error) { return charge(ctx, order) })
//	if errors.Is(err, stanchion.ErrRejected) {
//		// It was not called.
//	}
//
// # The library below
//
// The package needs cgo, a C compiler, and the C library libstanchion with pkg-config. From the repository, with Rust and make:
//
//	make install PREFIX=$HOME/.local
//	export PKG_CONFIG_PATH=$HOME/.local/lib/pkgconfig
//	go get github.com/stanchion/stanchion/bindings-c/go
//
// The library's archive is linked into the program, which needs nothing of ours where it runs. With the build tag stanchion_shared it
// is linked with the shared library instead, and with stanchion_repo with what make built in the repository.
//
// # Policies and calls
//
// A policy is built from a [Config] with [New], or from JSON with [FromJSON]. Its state lives in the process, or with
// [WithStore] in a file that processes of any language share; the code around the call stays the same. All methods are safe
// for many goroutines. A state in the process is the process's own: two processes have twice the limit.
//
// [Policy.Do] makes a call and settles it by its error; [Execute] by a verdict on what came back. Who has more to say takes a permit by [Policy.Acquire], and gives it
// back by [Policy.Settle]. [Policy.Wait], or [WaitFor] with either, waits for the admission in a line.
//
// Under a policy with retry, Do makes calls again that failed; what other calls mean is told by [ReplyError] and [Idempotent]. A
// [Schedule] runs a function by its slots, [Recover] climbs a ladder of steps when something broke, [Policy.Supervise] restarts
// what fails. A [Spool] keeps on disk what could not be sent. [Policy.Health] says what is live and ready, and why not. What the
// rules of all these are, the policy says, and what they remember lies in its state.
//
// [WithEvents] and [WithLogger] tell what happens.
//
// # Time
//
// The engine reads no clock: the methods of [Policy] hand it the policy's clock, those of a [Moment] the instant that you
// give ([Policy.At]).
//
// In tests, [WithTimers] takes a clock that the test moves, such as that of the package stanchiontest: all that waits, ends late or
// renews a lease keeps to it. With Go 1.25 or later, a policy that is built in a bubble of testing/synctest, without a clock, keeps
// to the bubble's time.
//
// # Beside it
//
// The package stanchionhttp guards what an HTTP client sends and a server takes in, and answers probes; the module stanchiongrpc
// guards the same of gRPC. Both count answers by [Policy.Classify]. [Policy.Begin] is for whatever else ends later than a function.
package stanchion
