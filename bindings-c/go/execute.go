//go:build cgo

package stanchion

import (
	"context"
	"time"
)

// Verdict is what the end of a call means: see [Execute].
type Verdict struct {
	// Outcome is with which the call is settled; 0 for what [Policy.Do] would take it for.
	Outcome Outcome
	// ActualCost is what it really cost, where [Cost] was an estimate: the difference is given back or owed. Nil for the estimate.
	ActualCost *uint32
	// BlockUntil is until when the policy is to be blocked, as a server's Retry-After asks for; the zero time for what a
	// [ReplyError] says.
	BlockUntil time.Time
}

// Execute is [Do] with a verdict of the caller's, who sees what came back, an answer that says no for example, or how much it has
// used. Usual is what Do would take it for. A verdict does not change what Execute returns.
func Execute[T any](
	ctx context.Context, p *Policy, fn func(context.Context) (T, error), judge func(result T, err error, usual Outcome) Verdict,
	opts ...AcquireOption,
) (T, error) {
	var result T
	verdict := AcquireOption{kind: saysClassify, plan: plan{judge: func(err error, usual Outcome) Verdict {
		return judge(result, err, usual)
	}}}
	err := p.Do(ctx, func(ctx context.Context) (err error) {
		result, err = fn(ctx)
		return err
	}, append(opts[:len(opts):len(opts)], verdict)...)
	return result, err
}
