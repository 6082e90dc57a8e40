//go:build linux && (amd64 || arm64) && !race && !msan && !asan && !stanchion_cgo_only

package plain

import "unsafe"

// Calls tells whether this build calls the library so.
const Calls = true

// Acquire calls a function with the parameters of stn_acquire_plain.
//
//go:noescape
func Acquire(entry, policy, state unsafe.Pointer, size uintptr, options unsafe.Pointer, nowUS uint64, out unsafe.Pointer) uint32

// Settle calls a function with the parameters of stn_settle_plain.
//
//go:noescape
func Settle(entry, policy, state unsafe.Pointer, size uintptr, permit, options unsafe.Pointer, nowUS uint64, out unsafe.Pointer) uint32
