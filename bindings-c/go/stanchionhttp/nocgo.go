//go:build !cgo

package stanchionhttp

import _ "github.com/stanchion/stanchion/bindings-c/go" // whose error without cgo says what to do
