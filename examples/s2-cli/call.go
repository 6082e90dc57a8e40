package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
	"github.com/stanchion/stanchion/bindings-c/go/stanchionhttp"
)

//go:embed policy.json
var defaultPolicy []byte

// One upstream, one key of the state file.
const key = "api"

// The lock of the state file is held for microseconds. Who cannot have it for so long is refused, as `on_store_error` says.
const lockWait = 2 * time.Second

// tool makes calls under a policy. All of its waits together last no longer than its budget, whichever gates they are for.
type tool struct {
	store  *stanchion.Store
	policy *stanchion.Policy
	held   *held
	// When the budget is spent.
	until time.Time
	// How long one call may take: its permit's lease is longer.
	timeout time.Duration
	wish    []stanchion.AcquireOption
}

type options struct {
	state, policy string
	budget        time.Duration
	cost          uint
	isJSON        bool
}

func callMain(ctx context.Context, args []string) int {
	var o options
	flags := flag.NewFlagSet("s2 call", flag.ExitOnError)
	flags.StringVar(&o.state, "state", "s2.state", "the state file that all processes share")
	flags.StringVar(&o.policy, "policy", "", "a policy as JSON, instead of the built-in one")
	flags.DurationVar(&o.budget, "budget", 10*time.Second, "how long all waits together may last")
	flags.UintVar(&o.cost, "cost", 1, "how many units a call costs")
	flags.BoolVar(&o.isJSON, "json", false, "tell each call as a line of JSON")
	_ = flags.Parse(args) // which exits where it fails
	if flags.NArg() == 0 {
		return usage()
	}
	t, err := newTool(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	defer t.close()
	exit := exitAnswered
	for _, url := range flags.Args() {
		told := t.call(ctx, url)
		told.print(os.Stdout, o.isJSON)
		exit = max(exit, told.exit())
	}
	return exit
}

func newTool(o options) (*tool, error) {
	rules := defaultPolicy
	if o.policy != "" {
		var err error
		if rules, err = os.ReadFile(o.policy); err != nil {
			return nil, err
		}
	}
	store, err := stanchion.OpenFile(o.state, stanchion.LockWait(lockWait))
	if err != nil {
		return nil, err
	}
	t := &tool{store: store, held: &held{}, until: time.Now().Add(o.budget)}
	t.policy, err = stanchion.FromJSON(rules, stanchion.WithStore(store, key), stanchion.WithEvents(t.held.hear))
	if err != nil {
		return nil, err
	}
	if t.timeout, err = callTimeout(t.policy); err != nil {
		return nil, err
	}
	// Its name lets an operator give the slot of a dead process back before its lease ends: `stanchion release`.
	who := stanchion.Holder(fmt.Sprintf("s2:%d", os.Getpid()))
	t.wish = []stanchion.AcquireOption{stanchion.Cost(uint32(o.cost)), who}
	return t, nil
}

func callTimeout(policy *stanchion.Policy) (time.Duration, error) {
	var config stanchion.Config
	if err := json.Unmarshal([]byte(policy.Config()), &config); err != nil {
		return 0, err
	}
	if config.CallTimeoutMS == nil {
		return 0, errors.New("the policy needs `call_timeout_ms`: this tool renews no leases")
	}
	return time.Duration(*config.CallTimeoutMS) * time.Millisecond, nil
}

func (t *tool) close() {
	t.policy.Close()
	t.store.Close()
}

// call makes one call, and makes it again where the server did not take it in but asked everybody to wait.
func (t *tool) call(ctx context.Context, url string) *told {
	told := &told{URL: url}
	began := time.Now()
	request, err := http.NewRequest(http.MethodGet, url, nil)
	for isAskedAgain := err == nil; isAskedAgain; {
		isAskedAgain, err = t.try(ctx, request, told)
	}
	told.end(err, t.held.take(), time.Since(began))
	return told
}

// try makes the call once, if the gates let it within what is left of the budget.
func (t *tool) try(ctx context.Context, request *http.Request, told *told) (isAskedAgain bool, err error) {
	left := stanchion.WaitFor(max(0, time.Until(t.until)))
	permit, err := t.policy.Acquire(ctx, append(t.wish, left)...)
	if err != nil {
		return false, err
	}
	told.wrote(write{What: acquired, Permit: permit.String()}, permit.Report)

	began := time.Now()
	reply := t.send(ctx, request, permit)
	took := time.Since(began)
	told.Status = reply.Status
	meaning, err := t.policy.Classify(reply)
	if err != nil {
		return false, err
	}
	told.Outcome = meaning.Outcome
	isBlocked := !meaning.BlockUntil.IsZero()
	if isBlocked {
		// Before the slot comes back, so that nobody else runs into the same refusal meanwhile.
		var answer stanchion.Answer
		answer, err = t.policy.Block(meaning.BlockUntil)
		told.wrote(write{What: blocked, Until: meaning.BlockUntil}, answer.Report)
	}
	answer, settling := t.policy.Settle(permit, meaning.Outcome, stanchion.Took(took))
	told.wrote(write{What: settled, Permit: permit.String(), Status: reply.Status}, answer.Report)
	return isBlocked && meaning.Retry == stanchion.RetryAlways, errors.Join(err, settling)
}

// send makes the request, and says what came back as the policy's table wants to know it.
func (t *tool) send(ctx context.Context, request *http.Request, permit *stanchion.Permit) stanchion.Reply {
	ctx, stop := context.WithTimeout(ctx, t.timeout)
	defer stop()
	request = request.Clone(ctx)
	request.Header.Set("X-Permit", permit.String())
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return stanchion.Reply{Error: stanchionhttp.NetworkErrorOf(err)}
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return stanchion.Reply{Error: stanchionhttp.NetworkErrorOf(err)}
	}
	return stanchion.Reply{Status: response.StatusCode, RetryAfter: response.Header.Get("Retry-After")}
}
