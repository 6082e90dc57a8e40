//! The steps on a state in the caller's memory. The first four allocate nothing, but where they adopt or repair it.

use std::ffi::{c_char, c_void};
use std::ptr::{null, null_mut};

use engine::{Acquire, Command, Permit, Policy, Settle, StateMut, Step, Timestamp};

use crate::abi::{STN_OK, stn_acquire_options, stn_answer, stn_decision, stn_error, stn_permit, stn_settle_options};
use crate::convert::{Code, answered, end, wish};
use crate::guard::{STATE_MEMORY, Status, guard_short, guard_step, guard_step_telling};
use crate::hand::{check, handle, instant, maybe_taken, taken, text, words};
use crate::policy::stn_policy;
use crate::short::{self, Way};
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
        if !options.is_null() {
            return acquire(policy, state, size, options, now_us, out);
        }
        match guard_short(state, size, move || short::acquire(policy, state, size, Acquire::new(), now_us, out)) {
            Ok(Way::Done) => STN_OK,
            Ok(Way::Checked((policy, words, out))) => acquire_checked(policy, words, now_us, out),
            Ok(Way::Unchecked) => acquire(policy, state, size, null(), now_us, out),
            Err(status) => status,
        }
    }
}

/// The rest of `stn_acquire` where what was handed in is as it must be.
///
/// # Safety
/// The words are lent until this returns.
#[cold]
#[inline(never)]
unsafe fn acquire_checked(policy: &Policy, words: *mut [u64], now_us: u64, out: &mut stn_decision) -> u32 {
    // SAFETY: the caller lends the words.
    unsafe {
        guard_step(words.cast(), words.len() * size_of::<u64>(), || {
            acquire_in(policy, &mut *words, Acquire::new(), instant(now_us)?, out)
        })
    }
}

/// An acquire in lent words, under a policy and into an answer that were checked.
fn acquire_in(
    policy: &Policy,
    words: &mut [u64],
    wish: Acquire,
    now: Timestamp,
    out: &mut stn_decision,
) -> Result<(), Status> {
    let mut state = policy.open(words).map_err(|_| STATE_MEMORY)?;
    let step = policy.acquire(&mut state, wish, now);
    out.decided(step.answer.into_result().map_err(Some), step.changed, step.events);
    Ok(())
}

/// The whole way of `stn_acquire`.
///
/// # Safety
/// As it.
#[cold]
#[inline(never)]
unsafe extern "C" fn acquire(
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
            let (policy, words, out) = (&handle(policy)?.policy, words(state, size)?, taken(out)?);
            acquire_in(policy, words, wish(options)?, instant(now_us)?, out)
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
        if !out.is_null() {
            return settle(policy, state, size, permit, options, now_us, out);
        }
        match guard_short(state, size, move || short::settle(policy, state, size, permit, options, now_us)) {
            Ok(Way::Done) => STN_OK,
            Ok(Way::Checked((policy, words, permit))) => settle_checked(policy, words, permit, now_us),
            Ok(Way::Unchecked) => settle_unasked(policy, state, size, permit, options, now_us),
            Err(status) => status,
        }
    }
}

/// The rest of `stn_settle` where what was handed in is as it must be, and is a success of which nobody asks more.
///
/// # Safety
/// The words are lent until this returns.
#[cold]
#[inline(never)]
unsafe fn settle_checked(policy: &Policy, words: *mut [u64], permit: *const stn_permit, now_us: u64) -> u32 {
    // SAFETY: the caller lends the words.
    unsafe {
        guard_step(words.cast(), words.len() * size_of::<u64>(), || {
            let mut state = policy.open(&mut *words).map_err(|_| STATE_MEMORY)?;
            let _ = policy.settle(&mut state, permit.read().into(), Settle::success(), instant(now_us)?);
            Ok(())
        })
    }
}

/// The whole way of `stn_settle` for one who does not ask what became of it. With as many arguments as fit into registers, it
/// is called by a jump.
///
/// # Safety
/// As it.
#[cold]
#[inline(never)]
unsafe extern "C" fn settle_unasked(
    policy: *const stn_policy,
    state: *mut c_void,
    size: usize,
    permit: *const stn_permit,
    options: *const stn_settle_options,
    now_us: u64,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe { settle(policy, state, size, permit, options, now_us, null_mut()) }
}

/// The whole way of `stn_settle`.
///
/// # Safety
/// As it.
#[cold]
#[inline(never)]
unsafe extern "C" fn settle(
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
