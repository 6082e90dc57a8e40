//go:build !linux || !(amd64 || arm64) || race || msan || asan || stanchion_cgo_only

package plain

import "unsafe"

// Calls tells whether this build calls the library so.
const Calls = false

// Acquire and Settle are never called: the caller asks Calls, which is a constant.
func Acquire(entry, policy, state unsafe.Pointer, size uintptr, options unsafe.Pointer, nowUS uint64, out unsafe.Pointer) uint32 {
	panic("plain: this build calls by cgo")
}

func Settle(entry, policy, state unsafe.Pointer, size uintptr, permit, options unsafe.Pointer, nowUS uint64, out unsafe.Pointer) uint32 {
	panic("plain: this build calls by cgo")
}
