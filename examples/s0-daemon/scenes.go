package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

const (
	failures = 10
	kept     = 100
	later    = 10
	openTime = 1500 * time.Millisecond
)

func messageID(n int) string { return fmt.Sprintf("message-%d", n) }

// The server fails ten times, and whoever handed something in is told so. A call from before, which succeeds late, closes nothing.
func (r *run) failTen() error {
	r.scene("The server is down.")
	slow := make(chan error, 1)
	go func() { slow <- r.handle(r.ctx, r.server.slow, payloadOf(r.server.slow)) }()
	<-r.server.isSlowIn
	r.server.set(true)
	told := 0
	for n := range failures {
		if r.heard("opened") > 0 {
			r.check(false, "the circuit opened after %d failures", n)
		}
		if err := r.handle(r.ctx, "lost-"+strconv.Itoa(n), payloadOf("lost-"+strconv.Itoa(n))); err != nil {
			told++
		}
	}
	r.check(told == failures, "%d of %d callers were told that their message did not arrive", told, failures)
	r.check(r.heard("opened") == 1, "the circuit opened once, by the tenth failure in a row")
	close(r.server.letGo)
	err := <-slow
	r.tenthFailed, r.mark = r.server.seen(0)[failures-1].at, len(r.server.seen(0))
	r.check(err == nil && !r.isClosed() && r.heard("closed") == 0, "a call from before succeeds late, and the circuit stays open")
	return nil
}

// What comes while the circuit is open waits on the disk, and nobody gets an error.
func (r *run) keepHundred() error {
	for n := range kept {
		if err := r.handle(r.ctx, messageID(n), payloadOf(messageID(n))); err != nil {
			return err
		}
	}
	again, err := r.spool.Append(r.ctx, messageID(0), payloadOf(messageID(0)))
	if err != nil {
		return err
	}
	report, err := r.spool.Report()
	if err != nil {
		return err
	}
	r.check(report.Items == kept, "%d of %d messages wait on the disk, %d kB of them", report.Items, kept, report.Bytes/1000)
	r.check(again.IsDuplicate, "one that is handed in twice waits once")
	r.check(len(payloadOf(messageID(50))) > 64<<10, "one has %d kB, one %d kB",
		len(payloadOf(messageID(50)))/1000, len(payloadOf(messageID(51)))/1000)
	isAlone := !slices.ContainsFunc(r.server.seen(r.mark), func(came arrival) bool {
		return came.at.Sub(r.tenthFailed) < openTime
	})
	r.check(isAlone, "the server is left alone meanwhile")
	return nil
}

// The open time is over, and the server still down: one probe, and everything is still there.
func (r *run) drainInVain() error {
	r.scene("The circuit lets a probe through, and the server is still down.")
	if err := r.until("the circuit opens again", func() bool { return r.heard("opened") == 2 }); err != nil {
		return err
	}
	r.stop()
	probes := r.server.seen(r.mark)
	isFirst := len(probes) == 1 && probes[0].id == messageID(0)
	r.check(isFirst && probes[0].wasKept, "one probe, of the first message, which stayed on the disk while it was sent")
	if isFirst {
		r.check(probes[0].at.Sub(r.tenthFailed) >= openTime, "it came %d ms after the tenth failure, for an open time of %d ms",
			probes[0].at.Sub(r.tenthFailed).Milliseconds(), openTime.Milliseconds())
	}
	return nil
}

// The daemon is started anew in its folder.
func (r *run) startAnew() error {
	if err := r.open(); err != nil {
		return err
	}
	items, err := r.spool.Items()
	if err != nil {
		return err
	}
	inOrder := slices.IsSortedFunc(items, func(a, b stanchion.SpoolItem) int { return int(a.Seq) - int(b.Seq) })
	r.check(len(items) == kept && inOrder, "items left after a drain that failed: %d of %d", len(items), kept)
	r.check(!r.isClosed(), "a daemon that is started anew knows them, and that the circuit is not closed")
	return nil
}

// The server is up: everything arrives once, in order, and what comes meanwhile comes behind it.
func (r *run) deliverAll() error {
	r.scene("The server is up again.")
	before := len(r.server.seen(0))
	r.server.set(false)
	// After the second the circuit is closed, and only what waits keeps a message from being sent at once.
	if err := r.until("two have arrived", func() bool { return len(r.server.seen(before)) > 1 }); err != nil {
		return err
	}
	for n := kept; n < kept+later; n++ {
		if err := r.handle(r.ctx, messageID(n), payloadOf(messageID(n))); err != nil {
			return err
		}
	}
	if err := r.until("nothing is left", func() bool {
		report, err := r.spool.Report()
		return err == nil && report.Items == 0
	}); err != nil {
		return err
	}
	arrived := r.server.seen(before)
	isInOrder, areWhole, wereKept := len(arrived) == kept+later, true, true
	for n, came := range arrived {
		isInOrder = isInOrder && came.id == messageID(n)
		areWhole = areWhole && came.isWhole
		wereKept = wereKept && (came.wasKept || n >= kept) // the last may have been sent at once
	}
	r.check(isInOrder, "%d of %d arrived, once each, in their order; %d that came meanwhile arrived behind them",
		min(len(arrived), kept), kept, max(len(arrived)-kept, 0))
	r.check(areWhole, "each is what was handed in")
	r.check(wereKept, "each was on the disk while it was sent, and left it when the server had it")
	r.check(r.heard("closed") == 1, "the circuit closed once, by the first of them")
	return nil
}

// The file of the daemon of old is taken over: one JSON line for each message, some torn, one of them longer than 64 KiB.
func (r *run) takeOver() error {
	r.scene("The pending file of the daemon of old is taken over.")
	path := r.spoolFolder("pending.jsonl")
	long := bytes.TrimSuffix(bytes.ReplaceAll(payloadOf("old-50"), []byte("\n"), []byte(",")), []byte(","))
	lines := slices.Concat([]byte("{\"message\": 1}\n\n["), long, []byte("]\n{\"message\": {\"mess\n{\"message\": 2}\n"))
	if err := os.WriteFile(path, lines, 0o600); err != nil {
		return err
	}
	policy, err := stanchion.FromJSON(runPolicy)
	if err != nil {
		return err
	}
	defer policy.Close()
	spool, err := stanchion.OpenSpool(r.spoolFolder("taken-over"), policy)
	if err != nil {
		return err
	}
	defer spool.Close()
	imported, err := spool.Import(path)
	if err != nil {
		return err
	}
	var sizes []int64
	_, err = spool.Drain(r.ctx, func(_ context.Context, item *stanchion.Delivery) error {
		sizes = append(sizes, item.Size)
		return nil
	})
	isRight := imported.Accepted == 3 && imported.Blank == 1 && imported.FirstTornLine == 4 && len(sizes) == 3
	r.check(err == nil && isRight, "%d messages wait and go out, one of %d kB; line %d is torn, which is told",
		imported.Accepted, slices.Max(append(sizes, 0))/1000, imported.FirstTornLine)
	return nil
}

// Sixteen processes save five hundred messages each, all at the same time.
func (r *run) saveAtOnce() error {
	const writers, each = 16, 500
	r.scene(fmt.Sprintf("%d processes save %d messages each at the same time.", writers, each))
	folder, rules := r.spoolFolder("saved"), r.spoolFolder("policy.json")
	if err := os.WriteFile(rules, runPolicy, 0o600); err != nil {
		return err
	}
	if err := saveAll(r.ctx, folder, rules, writers, each); err != nil {
		return err
	}
	policy, err := stanchion.FromJSON(runPolicy)
	if err != nil {
		return err
	}
	defer policy.Close()
	spool, err := stanchion.OpenSpool(folder, policy)
	if err != nil {
		return err
	}
	defer spool.Close()
	next, torn := make([]int, writers), 0
	delivered, err := spool.Drain(r.ctx, func(_ context.Context, item *stanchion.Delivery) error {
		var writer, n int
		_, err := fmt.Sscanf(item.ID, "writer-%d-%d", &writer, &n)
		if err != nil || next[writer] != n || !isWhole(item) {
			torn++
		}
		next[writer]++
		return nil
	})
	if err != nil {
		return err
	}
	report, err := spool.Report()
	r.check(err == nil && delivered == writers*each && report.Items == 0, "%d of %d are there, once each", delivered, writers*each)
	r.check(torn == 0 && report.Cuts == 0, "torn lines, %d × %d concurrent saves: %d", writers, each, torn)
	return nil
}

// isWhole reads a message a piece at a time.
func isWhole(item *stanchion.Delivery) bool {
	expected, piece := payloadOf(item.ID), make([]byte, 4<<10)
	for reader := item.Reader(); ; {
		n, err := reader.Read(piece)
		if !bytes.HasPrefix(expected, piece[:n]) {
			return false
		}
		expected = expected[n:]
		if err != nil {
			return errors.Is(err, io.EOF) && len(expected) == 0
		}
	}
}

func saveAll(ctx context.Context, folder, rules string, writers, each int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var ended []func() error
	for writer := range writers {
		command := exec.CommandContext(ctx, self, "save", "-spool", folder, "-policy", rules,
			"-writer", strconv.Itoa(writer), "-count", strconv.Itoa(each))
		command.Stderr = os.Stderr
		if err := command.Start(); err != nil {
			return err
		}
		ended = append(ended, command.Wait)
	}
	var failed error
	for _, wait := range ended {
		failed = errors.Join(failed, wait())
	}
	return failed
}
