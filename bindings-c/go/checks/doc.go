// Package checks tries the Go module as its users have it: that no goroutine is left behind, and that it is built from its zip
// against an installed library. It is a module of its own, so that nobody else gets what it needs; staticcheck is pinned here, too.
package checks
