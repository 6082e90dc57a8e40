// Package plain calls the two functions of the library that promise to be short, stn_acquire_plain and stn_settle_plain, by an
// ordinary call instruction on the goroutine's own stack. cgo takes 30 ns for each crossing, twice what the two functions
// take together, for what these do not need: another stack, and a scheduler that knows that the thread may not come back soon.
//
// # Why this is sound
//
// It is so only for these two functions, because of what the header promises of them and bindings-c/tests/library.sh reads
// in the machine code: they use at most 1,024 bytes of stack and no memory but that and what they are handed, call nothing
// through pointers, and so no allocator, no system, no thread-local storage and no unwinder. They take some 10 ns.
//
//   - Stack. The assembler is told a frame that has room for all that they use, so that Go's own prologue makes the stack grow
//     before. The stack pointer is raised to the frame's upper end for the call, so C's frames lie within Go's. No guard is relied on.
//   - The stack does not move meanwhile: Go moves it when the goroutine itself asks for more, which C does not, or when it is
//     stopped at a safe point, and no place in C or in assembly is one. So what points into the stack may be handed to C.
//   - Preemption. The signal SIGURG finds a program counter that no Go function has, which is no safe point, or one in assembly,
//     which is none either (isAsyncSafePoint in runtime/preempt.go); the goroutine is stopped at the next one. So the garbage
//     collector waits for these 10 ns, as it does for any Go code between two safe points.
//   - Signals. In a program with cgo each handler has SA_ONSTACK, Go's and those of others that keep to its rules, and runs on
//     the thread's signal stack. Go's finds its goroutine by the thread, not by a register. What C keeps below the stack
//     pointer, its red zone, is within the frame.
//   - Tracebacks. The profiler (SIGPROF) starts with the interrupted counter; in C it finds no function, and books the sample to
//     runtime._ExternalCode, as it does with the vDSO. Within the assembly the offsets to the caller are right at every
//     instruction: the stack pointer is only moved by ADJSP and on arm64 by constants, which the assembler counts.
//   - Registers. C keeps the goroutine's (R14; on arm64 R28) and the frame pointer, which its calling convention asks for;
//     Go's wrapper around assembly sets X15 to zero again. Both expect the direction flag to be clear.
//   - Garbage collection. The parameters are pointers by type, so a stack that grows in the prologue has them corrected, and
//     the caller's are alive until it returns. C stores no Go pointer anywhere.
//   - Faults. A fault in C ends the process, as it does in cgo: no Go frame can be found from there to recover in.
//
// Where one of this is not known, cgo does the same: on other systems and processors, under the race detector and the
// sanitizers, which want to see what crosses, and with the build tag stanchion_cgo_only.
package plain
