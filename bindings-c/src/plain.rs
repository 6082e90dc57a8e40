//! The short way of the steps alone, for hosts that can call what is short without their usual transition.
//!
//! These two entries have no guard, because there is nothing to catch: no way through them panics. `tests/library.sh` reads
//! the built machine code for it: all that can be reached from them is code of the engine that calls nothing else, nothing
//! through a pointer, and so neither the allocator, nor the system, nor what a panic begins with. It adds up their stack, too.
//! If one ever did panic, the process would end there, since `extern "C"` lets nothing unwind into its caller.

use std::ffi::c_void;

use engine::Events;

use crate::abi::{
    STN_NOT_PLAIN, STN_OK, stn_acquire_options, stn_answer, stn_decision, stn_permit, stn_settle_options,
};
use crate::convert::{answered, end, wish};
use crate::hand::{handle, instant, maybe_taken, taken, words};
use crate::policy::stn_policy;
use crate::steps::permit_of;

/// `stn_acquire`, if that is short: all gates admit, and nothing is due but refill, as of nearly every call. Whatever is not
/// so, wrong pointers included, is `STN_NOT_PLAIN`: nothing was written, and `stn_acquire` wants to be called instead.
///
/// It is for hosts that can call such a function without the transition that they make for others, as with Java's
/// `Linker.Option.critical`, with .NET's `SuppressGCTransition` or from Go's assembly. For them it promises more than others
/// do: it takes at most 1,024 bytes of stack, uses no memory but that and what it is handed, neither waits nor asks the
/// system nor calls back, and never unwinds. A debug build, which could not keep that, always answers `STN_NOT_PLAIN`.
///
/// - Null: `options`: a call of cost 1 by nobody in particular.
/// - Fails with: `STN_NOT_PLAIN`, and nothing else.
/// - Threads: one state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_acquire_plain(
    policy: *const stn_policy,
    state: *mut c_void,
    size: usize,
    options: *const stn_acquire_options,
    now_us: u64,
    out: *mut stn_decision,
) -> u32 {
    if cfg!(debug_assertions) {
        return STN_NOT_PLAIN;
    }
    // SAFETY: the caller keeps the header's conventions.
    told(unsafe { acquire(policy, state, size, options, now_us, out) })
}

/// `stn_settle`, if that is short: a result that nothing counts, such as a success on a closed circuit that has seen no
/// failure. It promises what `stn_acquire_plain` does; after `STN_NOT_PLAIN`, call `stn_settle`.
///
/// - Null: `out`, where nobody asks.
/// - Fails with: `STN_NOT_PLAIN`, and nothing else.
/// - Threads: one state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_settle_plain(
    policy: *const stn_policy,
    state: *mut c_void,
    size: usize,
    permit: *const stn_permit,
    options: *const stn_settle_options,
    now_us: u64,
    out: *mut stn_answer,
) -> u32 {
    if cfg!(debug_assertions) {
        return STN_NOT_PLAIN;
    }
    // SAFETY: the caller keeps the header's conventions.
    told(unsafe { settle(policy, state, size, permit, options, now_us, out) })
}

#[inline]
fn told(done: Option<()>) -> u32 {
    done.map_or(STN_NOT_PLAIN, |()| STN_OK)
}

/// # Safety
/// As `stn_acquire_plain`.
#[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
#[inline(always)]
unsafe fn acquire(
    policy: *const stn_policy,
    state: *mut c_void,
    size: usize,
    options: *const stn_acquire_options,
    now_us: u64,
    out: *mut stn_decision,
) -> Option<()> {
    // SAFETY: the caller keeps the header's conventions.
    let (policy, words, out) = unsafe { (handle(policy).ok()?, words(state, size).ok()?, taken(out).ok()?) };
    // SAFETY: as above.
    let (wish, now) = (unsafe { wish(options).ok()? }, instant(now_us).ok()?);
    let (permit, changed) = policy.policy.acquire_plainly(words, wish, now)?;
    out.admitted(&permit, changed, Events::NONE);
    Some(())
}

/// # Safety
/// As `stn_settle_plain`.
#[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
#[inline(always)]
unsafe fn settle(
    policy: *const stn_policy,
    state: *mut c_void,
    size: usize,
    permit: *const stn_permit,
    options: *const stn_settle_options,
    now_us: u64,
    out: *mut stn_answer,
) -> Option<()> {
    // SAFETY: the caller keeps the header's conventions.
    let (policy, words, out) = unsafe { (handle(policy).ok()?, words(state, size).ok()?, maybe_taken(out).ok()?) };
    // SAFETY: as above.
    let (permit, end) = unsafe { (permit_of(permit).ok()?, end(options).ok()?) };
    let (answer, changed) = policy.policy.settle_plainly(words, &permit, end, instant(now_us).ok()?)?;
    answered(out, &answer, changed, Events::NONE);
    Some(())
}
