//go:build linux && !race && !msan && !asan && !stanchion_cgo_only

#include "funcdata.h"
#include "textflag.h"

// The frames have the 1,024 bytes that the functions promise to do with, and 64 more: Go keeps the return address and the caller's
// frame pointer at the lower end, so C is handed 1,056 bytes of which it leaves the lowest 32 alone.
//
// Go looks for the return address at the stack pointer, wherever that is. So it is put where that will be, before it is moved:
// the profiler then finds the caller at every instruction.

// func Acquire(entry, policy, state unsafe.Pointer, size uintptr, options unsafe.Pointer, nowUS uint64, out unsafe.Pointer) uint32
TEXT ·Acquire(SB), 0, $1088-60
	NO_LOCAL_POINTERS
	MOVD entry+0(FP), R9
	MOVD policy+8(FP), R0
	MOVD state+16(FP), R1
	MOVD size+24(FP), R2
	MOVD options+32(FP), R3
	MOVD nowUS+40(FP), R4
	MOVD out+48(FP), R5
	MOVD 0(RSP), R10
	MOVD R10, 1056(RSP)
	ADD  $1056, RSP
	BL   (R9)
	SUB  $1056, RSP
	MOVW R0, ret+56(FP)
	RET

// func Settle(entry, policy, state unsafe.Pointer, size uintptr, permit, options unsafe.Pointer, nowUS uint64, out unsafe.Pointer) uint32
TEXT ·Settle(SB), 0, $1088-68
	NO_LOCAL_POINTERS
	MOVD entry+0(FP), R9
	MOVD policy+8(FP), R0
	MOVD state+16(FP), R1
	MOVD size+24(FP), R2
	MOVD permit+32(FP), R3
	MOVD options+40(FP), R4
	MOVD nowUS+48(FP), R5
	MOVD out+56(FP), R6
	MOVD 0(RSP), R10
	MOVD R10, 1056(RSP)
	ADD  $1056, RSP
	BL   (R9)
	SUB  $1056, RSP
	MOVW R0, ret+64(FP)
	RET
