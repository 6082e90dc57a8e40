//go:build linux && !race && !msan && !asan && !stanchion_cgo_only

#include "funcdata.h"
#include "textflag.h"

// The frames have the 1,024 bytes that the functions promise to do with, and 64 for what lies above them: the parameter on
// the stack, what aligns it, the return address. ADJSP hands them to C, and back.
//
// C wants the stack pointer to be a multiple of 16, and Go's is one or lies 8 beyond. Each way is written out instead of being
// rounded down, so that the assembler knows the offset to the caller at every instruction.

// func Acquire(entry, policy, state unsafe.Pointer, size uintptr, options unsafe.Pointer, nowUS uint64, out unsafe.Pointer) uint32
TEXT ·Acquire(SB), 0, $1088-60
	NO_LOCAL_POINTERS
	MOVQ entry+0(FP), AX
	MOVQ policy+8(FP), DI
	MOVQ state+16(FP), SI
	MOVQ size+24(FP), DX
	MOVQ options+32(FP), CX
	MOVQ nowUS+40(FP), R8
	MOVQ out+48(FP), R9
	ADJSP $-1088
	MOVQ SP, R10
	TESTQ $8, R10
	JNE odd
	CALL AX
	JMP done
odd:
	ADJSP $8
	CALL AX
	ADJSP $-8
done:
	ADJSP $1088
	MOVL AX, ret+56(FP)
	RET

// func Settle(entry, policy, state unsafe.Pointer, size uintptr, permit, options unsafe.Pointer, nowUS uint64, out unsafe.Pointer) uint32
TEXT ·Settle(SB), 0, $1088-68
	NO_LOCAL_POINTERS
	MOVQ entry+0(FP), AX
	MOVQ policy+8(FP), DI
	MOVQ state+16(FP), SI
	MOVQ size+24(FP), DX
	MOVQ permit+32(FP), CX
	MOVQ options+40(FP), R8
	MOVQ nowUS+48(FP), R9
	MOVQ out+56(FP), R11
	ADJSP $-1088
	MOVQ SP, R10
	TESTQ $8, R10
	JNE odd
	ADJSP $16
	MOVQ R11, 0(SP) // the seventh parameter
	CALL AX
	ADJSP $-16
	JMP done
odd:
	ADJSP $8
	MOVQ R11, 0(SP)
	CALL AX
	ADJSP $-8
done:
	ADJSP $1088
	MOVL AX, ret+64(FP)
	RET
