//! The steps on a state in the caller's memory. The first four allocate nothing, but where they adopt or repair it.

use std::ffi::{c_char, c_void};

use engine::{Acquire, Command, Events, Permit, Policy, StateMut, Step, Timestamp};

use crate::abi::{stn_acquire_options, stn_answer, stn_decision, stn_error, stn_permit, stn_settle_options};
use crate::convert::{Code, answered, end, wish};
use crate::guard::{Status, guard_plain, guard_step, guard_step_telling};
use crate::hand::{check, handle, instant, maybe_taken, taken, text, words};
use crate::policy::stn_policy;
use crate::state::opened;

/// # Safety
/// `permit` is null or the caller's.
#[inline]
pub(crate) unsafe fn permit_of(permit: *const stn_permit) -> Result<Permit, Status> {
    // SAFETY: checked first; the caller vouches for it.
    unsafe {
        check(permit)?;
        Ok(permit.read().into())
    }
}

/// Asks whether a call may go ahead. `*out` receives the answer: a refusal, which took nothing from any gate, is `STN_OK`
/// too.
///
/// An admitted call's permit is given back by `stn_settle` or `stn_cancel`, once.
///
/// - Null: `options`: a call of cost 1 by nobody in particular.
/// - Fails with: `STN_STATE_MEMORY`, `STN_OUT_OF_RANGE`.
/// - Threads: one state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_acquire(
    policy: *const stn_policy,
    state: *mut c_void,
    size: usize,
    options: *const stn_acquire_options,
    now_us: u64,
    out: *mut stn_decision,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        // Mostly nothing is wished for in particular, and what is known beforehand makes the short way shorter.
        let plain = move || {
            if options.is_null() {
                acquire_plainly(policy, state, size, Acquire::new(), now_us, out)
            } else {
                acquire_plainly(policy, state, size, wish(options).ok()?, now_us, out)
            }
        };
        guard_plain(state, size, plain, move || acquire(policy, state, size, options, now_us, out))
    }
}

/// The short way of `stn_acquire`.
///
/// # Safety
/// As it.
#[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
#[inline(always)]
pub(crate) unsafe fn acquire_plainly(
    policy: *const stn_policy,
    state: *mut c_void,
    size: usize,
    wish: Acquire,
    now_us: u64,
    out: *mut stn_decision,
) -> Option<()> {
    // SAFETY: the caller keeps the header's conventions.
    let (policy, words, out) = unsafe { (handle(policy).ok()?, words(state, size).ok()?, taken(out).ok()?) };
    let (permit, changed) = policy.policy.acquire_plainly(words, wish, instant(now_us).ok()?)?;
    out.admitted(&permit, changed, Events::NONE);
    Some(())
}

/// The whole way of `stn_acquire`.
///
/// # Safety
/// As it.
#[cold]
unsafe fn acquire(
    policy: *const stn_policy,
    state: *mut c_void,
    size: usize,
    options: *const stn_acquire_options,
    now_us: u64,
    out: *mut stn_decision,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_step(state, size, || {
            let (policy, mut state) = opened(policy, state, size)?;
            let (out, wish, now) = (taken(out)?, wish(options)?, instant(now_us)?);
            let step = policy.acquire(&mut state, wish, now);
            out.decided(step.answer.into_result().map_err(Some), step.changed, step.events);
            Ok(())
        })
    }
}

/// What the steps after an acquire have in common. `decide` reads the rest of what the caller handed in first.
///
/// # Safety
/// The pointers are the caller's, by the header's conventions.
unsafe fn step<T: Code, E: From<Status>>(
    policy: *const stn_policy,
    state: *mut c_void,
    size: usize,
    now_us: u64,
    out: *mut stn_answer,
    decide: impl FnOnce(&Policy, &mut StateMut<'_>, Timestamp) -> Result<Step<T>, E>,
) -> Result<(), E> {
    // SAFETY: the caller vouches for the pointers.
    let ((policy, mut state), out) = unsafe { (opened(policy, state, size)?, maybe_taken(out)?) };
    let step = decide(policy, &mut state, instant(now_us)?)?;
    answered(out, &step.answer, step.changed, step.events);
    Ok(())
}

/// Tells how a call ended: its slot and its probe come back, the circuit learns, the actual cost corrects the limits.
///
/// Answers `STN_COUNTED`, `STN_STALE` or `STN_LEASE_LOST`.
///
/// - Null: `out`, where nobody asks.
/// - Fails with: `STN_STATE_MEMORY`, `STN_OUT_OF_RANGE`.
/// - Threads: one state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_settle(
    policy: *const stn_policy,
    state: *mut c_void,
    size: usize,
    permit: *const stn_permit,
    options: *const stn_settle_options,
    now_us: u64,
    out: *mut stn_answer,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        let plain = move || settle_plainly(policy, state, size, permit, options, now_us, out);
        guard_plain(state, size, plain, move || settle(policy, state, size, permit, options, now_us, out))
    }
}

/// The short way of `stn_settle`.
///
/// # Safety
/// As it.
#[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
#[inline(always)]
pub(crate) unsafe fn settle_plainly(
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

/// The whole way of `stn_settle`.
///
/// # Safety
/// As it.
#[cold]
unsafe fn settle(
    policy: *const stn_policy,
    state: *mut c_void,
    size: usize,
    permit: *const stn_permit,
    options: *const stn_settle_options,
    now_us: u64,
    out: *mut stn_answer,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_step(state, size, || {
            step(policy, state, size, now_us, out, |policy, state, now| {
                Ok(policy.settle(state, permit_of(permit)?, end(options)?, now))
            })
        })
    }
}

/// Gives a permit back whose call never began: slot, probe and all tokens that have not refilled meanwhile come back. A
/// call that began and was abandoned is settled as `STN_IGNORED` instead.
///
/// Answers `STN_COUNTED`, `STN_STALE` or `STN_LEASE_LOST`.
///
/// - Null: `out`, where nobody asks.
/// - Fails with: `STN_STATE_MEMORY`, `STN_OUT_OF_RANGE`.
/// - Threads: one state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_cancel(
    policy: *const stn_policy,
    state: *mut c_void,
    size: usize,
    permit: *const stn_permit,
    now_us: u64,
    out: *mut stn_answer,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_step(state, size, || {
            step(policy, state, size, now_us, out, |policy, state, now| {
                Ok(policy.cancel(state, permit_of(permit)?, now))
            })
        })
    }
}

/// Extends the lease of a call that goes on. The permit stays the same, and is still to be settled.
///
/// Answers `STN_RENEWED` with `until_us`, `STN_LEASE_LOST` (abort the call: its slot may be another's) or
/// `STN_NOT_LEASED`.
///
/// - Fails with: `STN_STATE_MEMORY`, `STN_OUT_OF_RANGE`.
/// - Threads: one state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_renew(
    policy: *const stn_policy,
    state: *mut c_void,
    size: usize,
    permit: *const stn_permit,
    now_us: u64,
    out: *mut stn_answer,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_step(state, size, || {
            check(out)?;
            step(policy, state, size, now_us, out, |policy, state, now| {
                Ok(policy.renew(state, &permit_of(permit)?, now))
            })
        })
    }
}

/// Gives a command, as JSON text of `len` bytes:
///
/// `{"block":{"until_us":N}}` or `{"block":{"for_ms":N}}`, `{"unblock":{}}`, `{"trip":{}}`, `{"reset":{}}`,
/// `{"force_open":{"until_us":N}}` (or null), `{"disable":{}}`, `{"metrics_only":{}}`, `{"lift_mode":{}}`,
/// `{"report":{"outcome":"failure","duration_us":N}}`, `{"release_holder":{"holder":"name"}}`,
/// `{"settle_many":{"generation":N,"calls":[…]}}`.
///
/// Answers `STN_DONE`, `STN_UNCHANGED` or `STN_NO_GATE`. With `STN_INPUT`, `error` says what stands there and what is
/// allowed.
///
/// - Null: `out` and `error`, where nobody asks.
/// - Fails with: `STN_INPUT`, `STN_NOT_UTF8`, `STN_STATE_MEMORY`, `STN_OUT_OF_RANGE`.
/// - Threads: one state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_command(
    policy: *const stn_policy,
    state: *mut c_void,
    size: usize,
    json: *const c_char,
    len: usize,
    now_us: u64,
    out: *mut stn_answer,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_step_telling(state, size, error, || {
            step(policy, state, size, now_us, out, |policy, state, now| {
                let command = Command::from_json(text(json, len)?, now)?;
                Ok(policy.command(state, &command, now))
            })
        })
    }
}
