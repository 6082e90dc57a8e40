//go:build !cgo

package stanchion

// Without cgo there is no engine: the compiler shows this name, which says what to do.
var _ = stanchion_needs_cgo__set_CGO_ENABLED_to_1_and_install_a_C_compiler
