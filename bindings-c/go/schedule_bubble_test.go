//go:build cgo && go1.25

package stanchion

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// Slots are at whole hours without a key; failures double the wait.
const hourly = `{"name": "p", "block": {}, "schedule": {"interval_ms": 3600000, "min_spacing_ms": 60000, "backoff": {}}}`

// scheduled runs the schedule for so long, and tells when it ran and why, in minutes after the bubble's first instant.
func scheduled(t *testing.T, p *Policy, span time.Duration, run func(n int) error, meanwhile func(*Schedule)) []string {
	t.Helper()
	var ran []string
	began := time.Now()
	s := p.Schedule("", func(_ context.Context, intent Intent) error {
		ran = append(ran, time.Since(began).Round(time.Minute).String()+" "+string(intent))
		return run(len(ran))
	})
	ctx, cancel := context.WithTimeout(context.Background(), span)
	defer cancel()
	if meanwhile != nil {
		go meanwhile(s)
	}
	if err := s.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the schedule ended by %v", err)
	}
	return ran
}

func TestAScheduleRunsAtItsSlotsAndBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, hourly)
		ran := scheduled(t, p, 10*time.Hour+time.Minute, func(n int) error {
			if n == 2 || n == 3 {
				return errUpstream
			}
			return nil
		}, nil)
		// The bubble begins at a whole hour, which is no slot ahead. One failure waits two hours, the next one four.
		want := []string{"1h0m0s scheduled", "2h0m0s scheduled", "4h0m0s scheduled", "8h0m0s scheduled", "9h0m0s scheduled", "10h0m0s scheduled"}
		if !slices.Equal(ran, want) {
			t.Errorf("ran %q", ran)
		}
	})
}

func TestAWakeGoesPastTheIntervalAndNotPastABlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, hourly)
		ran := scheduled(t, p, 59*time.Minute, func(int) error { return nil }, func(s *Schedule) {
			time.Sleep(10 * time.Minute)
			s.Wake(OnEvent)
			s.Wake(Manual)
			time.Sleep(30 * time.Second)
			s.Wake(OnEvent) // within the spacing
			time.Sleep(5 * time.Minute)
			if _, err := p.Block(time.Now().Add(20 * time.Minute)); err != nil {
				t.Error(err)
			}
			s.Wake(Manual)
		})
		want := []string{"10m0s manual", "11m0s event", "36m0s manual"}
		if len(ran) != 3 || ran[0] != want[0] || ran[1] != want[1] {
			t.Errorf("ran %q", ran)
		}
	})
}

func TestASkippedRunCountsNeitherWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, hourly)
		ran := scheduled(t, p, 3*time.Hour+time.Minute, func(int) error { return &RejectedError{By: Gate{Gate: "circuit"}} }, nil)
		if len(ran) != 3 {
			t.Errorf("ran %q", ran)
		}
		ran = nil
		func() {
			defer func() { _ = recover() }()
			scheduled(t, p, 2*time.Hour, func(int) error { panic("run") }, nil)
		}()
		if next, err := p.NextRunAt(Scheduled, ""); err != nil || time.Until(next) < 30*time.Minute {
			t.Errorf("a run that panics has failed: %v, %v", next, err)
		}
	})
}

func TestAClosedPolicyEndsItsSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newBubblePolicy(t, hourly)
		time.AfterFunc(30*time.Minute, p.Close)
		s := p.Schedule("a", func(context.Context, Intent) error { return nil })
		if err := s.Run(context.Background()); !errors.Is(err, ErrClosed) {
			t.Errorf("%v", err)
		}
	})
}
