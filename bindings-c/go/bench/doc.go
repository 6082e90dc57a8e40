// Package bench runs the whole gate beside what a Go programmer would compose: by hand of gobreaker, x/time/rate and a semaphore
// of x/sync, and of failsafe-go's policies. It is a module of its own, so that nobody else gets these. What it prints is for
// benchstat:
//
//	go test -tags stanchion_repo -bench . -count 10
package bench
