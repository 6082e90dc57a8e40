//! The short way of an acquire and of its settle, which nearly every call goes: all checks of what is handed in, and the core's
//! own short way.
//!
//! Here each instruction counts: twenty take a nanosecond. So nothing is told of what is wrong, checks are made at once where
//! one comparison can make them, nothing is called, and whoever goes on where this ends gets what was found out meanwhile,
//! so that what was handed in need not be remembered beside it. That keeps nearly all in registers.

use std::ffi::c_void;

use engine::{Acquire, Events, Policy, Settle};

use crate::abi::{STN_SUCCESS, stn_decision, stn_permit, stn_settle_options};
use crate::hand::handle;
use crate::policy::stn_policy;

/// No state is smaller, in bytes. Signed, because no memory has more bytes than that can count: what has counts as smaller.
const LEAST_BYTES: isize = (Policy::LEAST_STATE_WORDS * size_of::<u64>()).cast_signed();

/// How the options of a settle begin, of which no field is given: their size, and which are given.
#[expect(clippy::cast_possible_truncation, reason = "24")]
const NONE_GIVEN: [u32; 2] = [size_of::<stn_settle_options>() as u32, 0];

/// How the short way went.
pub(crate) enum Way<T> {
    /// To its end.
    Done,
    /// All that was handed in is as it must be, but the step is not plain. Nothing was written.
    Checked(T),
    /// Something is not as it mostly is, or not as it must be. Nothing was written.
    Unchecked,
}

/// A policy and lent memory. `also` is what else was handed in that is aligned as words are, all in one.
///
/// # Safety
/// As [`handle`] and [`words`](crate::hand::words).
#[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
#[inline(always)]
unsafe fn handed<'a>(
    policy: *const stn_policy,
    state: *mut c_void,
    size: usize,
    also: usize,
) -> Option<(&'a Policy, &'a mut [u64])> {
    let is_aligned = (state.addr() | also).is_multiple_of(align_of::<u64>());
    if state.is_null() || size.cast_signed() < LEAST_BYTES || !is_aligned {
        return None;
    }
    // SAFETY: the caller vouches for the handle, and lends so many bytes: not null, aligned.
    unsafe { Some((&*handle(policy).ok()?.policy, std::slice::from_raw_parts_mut(state.cast(), size / 8))) }
}

/// What was found out of an acquire that is not plain.
pub(crate) type Acquiring<'a> = (&'a Policy, *mut [u64], &'a mut stn_decision);

/// # Safety
/// As `stn_acquire`.
#[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
#[inline(always)]
pub(crate) unsafe fn acquire<'a>(
    policy: *const stn_policy,
    state: *mut c_void,
    size: usize,
    wish: Acquire,
    now_us: u64,
    out: *mut stn_decision,
) -> Way<Acquiring<'a>> {
    if out.is_null() {
        return Way::Unchecked;
    }
    // SAFETY: the caller keeps the header's conventions.
    let Some((policy, words)) = (unsafe { handed(policy, state, size, out.addr()) }) else { return Way::Unchecked };
    // SAFETY: not null and aligned, and the caller vouches for it.
    let out = unsafe { &mut *out };
    if (out.struct_size as usize) < size_of::<stn_decision>() {
        return Way::Unchecked;
    }
    match policy.acquire_at_once(words, wish, now_us) {
        Some((permit, changed)) => {
            out.admitted(&permit, changed, Events::NONE);
            Way::Done
        }
        None => Way::Checked((policy, words, out)),
    }
}

/// What was found out of a settle that is not plain.
pub(crate) type Settling<'a> = (&'a Policy, *mut [u64], *const stn_permit);

/// Of a success of which there is nothing more to tell, to somebody who does not ask what became of it.
///
/// # Safety
/// As `stn_settle`.
#[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
#[inline(always)]
pub(crate) unsafe fn settle<'a>(
    policy: *const stn_policy,
    state: *mut c_void,
    size: usize,
    permit: *const stn_permit,
    options: *const stn_settle_options,
    now_us: u64,
) -> Way<Settling<'a>> {
    if permit.is_null() || options.is_null() {
        return Way::Unchecked;
    }
    // A permit is aligned as half words are.
    let also = options.addr() | (permit.addr() << 1);
    // SAFETY: the caller keeps the header's conventions.
    let Some((policy, words)) = (unsafe { handed(policy, state, size, also) }) else { return Way::Unchecked };
    // SAFETY: both are not null and aligned, and the caller vouches for them. The size and which fields are given are
    // compared at once.
    let (given, begin, outcome) =
        unsafe { (permit.read().into(), options.cast::<[u32; 2]>().read(), (*options).outcome) };
    if begin != NONE_GIVEN || outcome != STN_SUCCESS {
        return Way::Unchecked;
    }
    match policy.settle_at_once(words, &given, Settle::success(), now_us) {
        Some(_) => Way::Done,
        None => Way::Checked((policy, words, permit)),
    }
}
