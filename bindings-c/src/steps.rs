//! The steps on a state in the caller's memory. None of the first four allocates.

use std::ffi::{c_char, c_void};

use engine::{Command, Permit};

use crate::abi::{
    STN_INTERNAL, stn_acquire_options, stn_answer, stn_decision, stn_error, stn_permit, stn_settle_options,
};
use crate::convert::{answer_to, answered, end, wish};
use crate::guard::{Status, guard_step, guard_telling};
use crate::hand::{Out, check, handle, instant, lent, text};
use crate::policy::stn_policy;

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

/// Asks whether a call may go ahead.
///
/// `options` null wishes for a call of cost 1 by nobody in particular. `*out` receives the answer. An admitted call's permit
/// is given back by `stn_settle` or `stn_cancel`, once. A refusal took nothing from any gate.
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
        guard_step(state, size, || {
            let policy = &handle(policy)?.policy;
            let out = Out::new(out)?;
            let wish = wish(options)?;
            let now = instant(now_us)?;
            let mut state = lent(policy, state, size)?;
            out.decided(policy.acquire(&mut state, wish, now));
            Ok(())
        })
    }
}

/// Tells how a call ended: its slot and its probe come back, the circuit learns, the actual cost corrects the limits.
///
/// Answers `STN_COUNTED`, `STN_STALE` or `STN_LEASE_LOST`. `out` may be null where nobody asks.
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
        guard_step(state, size, || {
            let policy = &handle(policy)?.policy;
            let out = answer_to(out)?;
            let permit = permit_of(permit)?;
            let end = end(options)?;
            let now = instant(now_us)?;
            let mut state = lent(policy, state, size)?;
            let step = policy.settle(&mut state, permit, end, now);
            answered(out, &step.answer, step.changed, step.events);
            Ok(())
        })
    }
}

/// Gives a permit back whose call never began: slot, probe and all tokens that have not refilled meanwhile come back. A call
/// that began and was abandoned is settled as `STN_IGNORED` instead.
///
/// Answers `STN_COUNTED`, `STN_STALE` or `STN_LEASE_LOST`. `out` may be null where nobody asks.
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
            let policy = &handle(policy)?.policy;
            let out = answer_to(out)?;
            let permit = permit_of(permit)?;
            let now = instant(now_us)?;
            let mut state = lent(policy, state, size)?;
            let step = policy.cancel(&mut state, permit, now);
            answered(out, &step.answer, step.changed, step.events);
            Ok(())
        })
    }
}

/// Extends the lease of a call that goes on. The permit stays the same, and is still to be settled.
///
/// Answers `STN_RENEWED` with `until_us`, `STN_LEASE_LOST` (abort the call: its slot may be another's) or `STN_NOT_LEASED`.
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
            let policy = &handle(policy)?.policy;
            let out = Out::new(out)?;
            let permit = permit_of(permit)?;
            let now = instant(now_us)?;
            let mut state = lent(policy, state, size)?;
            let step = policy.renew(&mut state, &permit, now);
            answered(Some(out), &step.answer, step.changed, step.events);
            Ok(())
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
/// Answers `STN_DONE`, `STN_UNCHANGED` or `STN_NO_GATE`. Fails with `STN_INPUT` where the text is no command. `out` may be
/// null where nobody asks, `error` too.
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
        let status = guard_telling(error, || {
            let policy = &handle(policy)?.policy;
            let out = answer_to(out)?;
            let now = instant(now_us)?;
            let mut state = lent(policy, state, size)?;
            let command = Command::from_json(text(json, len)?, now)?;
            let step = policy.command(&mut state, &command, now);
            answered(out, &step.answer, step.changed, step.events);
            Ok(())
        });
        if status == STN_INTERNAL {
            crate::guard::unstart(state, size);
        }
        status
    }
}
