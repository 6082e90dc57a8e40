package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"syscall"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

const crowd = 35 // with the one that is killed, three that hold a slot, and one in a hurry: forty

func (r *run) title() {
	bulkhead, requests, units := r.config.Bulkhead, r.config.Limits[0], r.config.Limits[1]
	r.say("S2: forty short-lived processes, one state file, one upstream")
	r.say("")
	r.say("The upstream takes %d requests at once and %d in any second; who goes beyond gets 429 with Retry-After. The processes keep",
		r.upstream.mostAtOnce, r.upstream.mostInASecond)
	r.say("within that by a bulkhead of %d (a slot is leased for %s), limit:requests (%d, and %d a second), limit:units (%d, and",
		bulkhead.MaxConcurrent, short(r.lease()), requests.Capacity, requests.RefillTokens, units.Capacity)
	r.say("%d a second) and a circuit that opens after %d failures. Each of them waits %s at most, whatever for.",
		units.RefillTokens, *r.config.Circuit.ConsecutiveFailures, short(budget))
}

func (r *run) lease() time.Duration {
	return time.Duration(*r.config.Bulkhead.LeaseMS) * time.Millisecond
}

// oneIsKilled kills a process while its request is in the upstream's hands. Nobody else runs, so its write is the file's last.
func (r *run) oneIsKilled() error {
	r.say("\n1  One is killed while it holds a permit")
	p, err := r.start("/hang")
	if err != nil {
		return err
	}
	if err := r.upstream.await(r.ctx, "/hang", 1); err != nil {
		return err
	}
	if err := p.command.Process.Kill(); err != nil {
		return err
	}
	_ = p.command.Wait()
	if err := r.upstream.await(r.ctx, "/hang", 0); err != nil {
		return err
	}
	sequence, _, err := r.look()
	if err != nil {
		return err
	}
	arrived, _ := r.upstream.saw()
	r.killed = arrived[0].permit
	r.writes = append(r.writes, write{Sequence: sequence, What: acquired, Permit: r.killed})
	status, _ := p.command.ProcessState.Sys().(syscall.WaitStatus)
	r.claim(status.Signaled() && status.Signal() == syscall.SIGKILL && p.out.Len() == 0,
		"process %d is dead (%s) and told nothing", p.command.Process.Pid, p.command.ProcessState)
	r.claim(sequence == 1, "its permit %s is write %d of the file", r.killed, sequence)
	return nil
}

// theHouseIsFull has the other slots held, too: then nobody gets in before the lease of the dead one ends.
func (r *run) theHouseIsFull() error {
	r.say("\n2  Three more take the other slots; a fifth one gives up after 0.3 s")
	var err error
	if r.holders, err = r.startAll(3, func(int) string { return "/hold/full" }); err != nil {
		return err
	}
	if err := r.upstream.await(r.ctx, "/hold/full", 3); err != nil {
		return err
	}
	if err := r.refusedBy("bulkhead", "/orders/0", "-budget", "300ms"); err != nil {
		return err
	}
	end := r.killedLeaseEnd()
	before, after := r.policy.At(end.Add(-time.Microsecond)).Peek(), r.policy.At(end).Peek()
	var rejected *stanchion.RejectedError
	isHeld := errors.As(before, &rejected) && rejected.By.Gate == "bulkhead" && rejected.RetryAfter == time.Microsecond
	r.claim(isHeld && after == nil,
		"asked for the instant 1 µs before the lease of the dead one ends, the file refuses; for the end it admits")
	return nil
}

// killedLeaseEnd is that of the cycle of instants in which we live.
func (r *run) killedLeaseEnd() time.Time {
	now := time.Now().UnixMicro()
	return time.UnixMicro(now - now%cycle + instantOf(r.killed)).Add(r.lease())
}

// refusedBy starts a process that is refused by a gate, and claims that this cost nothing.
func (r *run) refusedBy(gate, path string, flags ...string) error {
	sequence, state, err := r.look()
	if err != nil {
		return err
	}
	refused, err := r.once(path, flags...)
	if err != nil {
		return err
	}
	sequenceThen, stateThen, err := r.look()
	if err != nil {
		return err
	}
	r.say("       %s", refused)
	r.claim(refused.Refusal != nil && refused.Refusal.By == gate, "it names what held it: %s", gate)
	r.claim(sequenceThen == sequence && bytes.Equal(state, stateThen) && len(refused.Writes) == 0,
		"it burned no tokens: the file is the same, byte for byte")
	return nil
}

// theCrowd comes while the house is full, and gets in as slots, limits and the server's Retry-After let it.
func (r *run) theCrowd() error {
	r.say("\n3  Thirty-five more come at the same time; a stranger uses up what is left of the upstream's second")
	all, err := r.startAll(crowd, func(i int) string {
		if i == crowd/7 {
			r.upstream.letGo("/hold/full") // not only when all have started, which takes a busy machine as long as a call may
		}
		return fmt.Sprintf("/orders/%d", i+1)
	})
	if err != nil {
		return err
	}
	if err := r.end(slices.Concat(r.holders, all)...); err != nil {
		return err
	}
	r.sayWaits(all)
	r.claimAnswers(slices.Concat(r.holders, all))
	return nil
}

func (r *run) claimAnswers(all []*process) {
	ended, got200, hasBlocked := 0, 0, false
	for _, p := range all {
		if p.told.Outcome != 0 || p.told.Refusal != nil && p.told.Refusal.By != "" {
			ended++
		}
		if p.told.Status == http.StatusOK {
			got200++
		}
		hasBlocked = hasBlocked || slices.ContainsFunc(p.told.Writes, func(w write) bool { return w.What == blocked })
	}
	r.claim(ended == len(all), "%d of %d ended with an answer, or with the name of the gate that refused them; %d with 200",
		ended, len(all), got200)
	r.claim(hasBlocked, "who got 429 told all others to wait, and called again afterwards")
	r.claim(longest(all) <= budget+time.Second, "none waited longer than its budget")
}

func longest(all []*process) (longest time.Duration) {
	for _, p := range all {
		var waited time.Duration
		for _, w := range p.told.Held {
			waited += w.For
		}
		longest = max(longest, waited)
	}
	return longest
}

// sayWaits shows the three that waited longest, and what each gate cost all of them.
func (r *run) sayWaits(all []*process) {
	byWait := slices.SortedFunc(slices.Values(all), func(a, b *process) int { return int(b.told.Took - a.told.Took) })
	for _, p := range byWait[:3] {
		r.say("       %s", &p.told)
	}
	r.say("       ...")
	type cost struct {
		count        int
		all, longest time.Duration
	}
	costs := map[string]cost{}
	for _, p := range all {
		for _, w := range p.told.Held {
			c := costs[w.By]
			costs[w.By] = cost{c.count + 1, c.all + w.For, max(c.longest, w.For)}
		}
	}
	r.say("       %-16s %9s  %9s  %9s", "held by", "processes", "together", "longest")
	for _, gate := range slices.Sorted(maps.Keys(costs)) {
		r.say("       %-16s %9d  %9s  %9s", gate, costs[gate].count, short(costs[gate].all), short(costs[gate].longest))
	}
}

// theCircuit opens by five processes that fail. Its first probe finds nothing, which is an answer, and blocks nobody.
func (r *run) theCircuit() error {
	r.say("\n4  Five fail, so the circuit opens; the probe that follows ends with 404")
	all, err := r.startAll(5, func(int) string { return "/broken" })
	if err != nil {
		return err
	}
	if err := r.end(all...); err != nil {
		return err
	}
	if err := r.refusedBy("circuit", "/orders/36", "-budget", "0s"); err != nil {
		return err
	}
	probe, err := r.once("/missing")
	if err != nil {
		return err
	}
	next, err := r.once("/orders/37", "-budget", "0s")
	if err != nil {
		return err
	}
	r.say("       %s\n       %s", probe, next)
	r.claim(probe.Status == http.StatusNotFound && next.Status == http.StatusOK && len(next.Held) == 0, "the 404 blocks for 0: the next is admitted at once")
	phase, err := r.policy.Phase()
	r.claim(phase == stanchion.PhaseClosed, "two probes closed the circuit")
	return err
}

// theSlotIsBack has four calls held at once, which takes all four slots.
func (r *run) theSlotIsBack() error {
	r.say("\n5  Four hold a slot at the same time: the one of the dead is back")
	all, err := r.startAll(4, func(int) string { return "/hold/back" })
	if err != nil {
		return err
	}
	if err := r.upstream.await(r.ctx, "/hold/back", 4); err != nil {
		return err
	}
	r.upstream.letGo("/hold/back")
	if err := r.end(all...); err != nil {
		return err
	}
	var last int64
	for _, p := range all {
		last = max(last, instantOf(p.told.Writes[0].Permit))
	}
	isOver := last - instantOf(r.killed) - r.lease().Microseconds()
	r.claim(isOver >= 0, "the last of them got in %s after the lease of the dead one ended", short(time.Duration(isOver)*time.Microsecond))
	return nil
}

// theHeavyOne could wait, but not as long as it would take: it is told so at once.
func (r *run) theHeavyOne() error {
	r.say("\n6  One asks for more than comes back within its budget")
	return r.refusedBy("limit:units", "/orders/all", "-cost", "110")
}
