//! Between the structs that cross and the engine's types.

use std::time::Duration;

use engine::{
    Acquire, Admission, Classified, Commanded, Events, Failed, GiveUp, Holder, NetworkError, Outcome, Peek, Permit,
    Rejection, Renewed, Reply, Retried, Retry, Settle, Settled, Timestamp,
};

use crate::abi::beside::{
    STN_FAILED_COST, STN_FAILED_HOLDER, STN_FAILED_MAX_CIRCUIT_WAIT, STN_FAILED_PREVIOUS_DELAY, stn_failed, stn_retried,
};
use crate::abi::{
    STN_ACQUIRE_COST, STN_ACQUIRE_HOLDER, STN_ADMITTED, STN_FAILURE, STN_IGNORED, STN_NEVER, STN_REJECTED,
    STN_RETRY_ALWAYS, STN_RETRY_IDEMPOTENT, STN_RETRY_NEVER, STN_SETTLE_ACTUAL_COST, STN_SETTLE_DURATION, STN_SUCCESS,
    STN_UNAVAILABLE, stn_acquire_options, stn_answer, stn_classified, stn_decision, stn_permit, stn_reply,
    stn_settle_options,
};
use crate::guard::{OUT_OF_RANGE, Status};
use crate::hand::{bytes, given, instant};
use crate::key::maybe_instant;

/// # Safety
/// `options` is null (every default) or the caller's struct.
#[inline]
pub(crate) unsafe fn wish(options: *const stn_acquire_options) -> Result<Acquire, Status> {
    if options.is_null() {
        return Ok(Acquire::new());
    }
    // SAFETY: the caller vouches for the struct.
    let options = unsafe { given(options)? };
    if options.fields & !(STN_ACQUIRE_COST | STN_ACQUIRE_HOLDER) != 0 {
        return Err(OUT_OF_RANGE);
    }
    let mut wish = Acquire::new();
    if options.fields & STN_ACQUIRE_COST != 0 {
        wish = wish.cost(options.cost);
    }
    if options.fields & STN_ACQUIRE_HOLDER != 0 {
        wish = wish.holder(Holder::from_raw(options.holder).ok_or(OUT_OF_RANGE)?);
    }
    Ok(wish)
}

/// # Safety
/// `options` is null (refused) or the caller's struct.
#[inline]
pub(crate) unsafe fn end(options: *const stn_settle_options) -> Result<Settle, Status> {
    // SAFETY: the caller vouches for the struct.
    let options = unsafe { given(options)? };
    if options.fields & !(STN_SETTLE_DURATION | STN_SETTLE_ACTUAL_COST) != 0 {
        return Err(OUT_OF_RANGE);
    }
    let mut end = Settle::new(match options.outcome {
        STN_SUCCESS => Outcome::Success,
        STN_FAILURE => Outcome::Failure,
        STN_IGNORED => Outcome::Ignored,
        _ => return Err(OUT_OF_RANGE),
    });
    if options.fields & STN_SETTLE_DURATION != 0 {
        end = end.took(Duration::from_micros(options.duration_us));
    }
    if options.fields & STN_SETTLE_ACTUAL_COST != 0 {
        end = end.actual_cost(options.actual_cost);
    }
    Ok(end)
}

/// A header that is not UTF-8 is none: what a server sends is no misuse by the caller.
///
/// # Safety
/// `what` is null (refused) or the caller's struct.
pub(crate) unsafe fn reply<'a>(what: *const stn_reply) -> Result<Reply<'a>, Status> {
    // SAFETY: the caller vouches for the struct.
    let what = unsafe { given(what)? };
    if what.error != 0 {
        return NetworkError::from_code(what.error).map(Reply::Error).ok_or(OUT_OF_RANGE);
    }
    // SAFETY: as above, and for the header.
    let header = unsafe { bytes(what.retry_after.cast(), what.retry_after_len)? };
    Ok(match str::from_utf8(header) {
        Ok(header) => Reply::status(what.status).retry_after(header),
        Err(_) => Reply::status(what.status),
    })
}

/// # Safety
/// `call` is null (refused) or the caller's struct.
pub(crate) unsafe fn failed(call: *const stn_failed) -> Result<Failed, Status> {
    // SAFETY: the caller vouches for the struct.
    let call = unsafe { given(call)? };
    let known = STN_FAILED_PREVIOUS_DELAY | STN_FAILED_COST | STN_FAILED_HOLDER | STN_FAILED_MAX_CIRCUIT_WAIT;
    if call.fields & !known != 0 || call.is_idempotent > 1 {
        return Err(OUT_OF_RANGE);
    }
    let mut failed = Failed::new(call.attempt, instant(call.began_at_us)?);
    failed.random = call.random;
    failed.is_idempotent = call.is_idempotent == 1;
    failed.retry = match call.retry {
        STN_RETRY_NEVER => Retry::Never,
        STN_RETRY_IDEMPOTENT => Retry::Idempotent,
        STN_RETRY_ALWAYS => Retry::Always,
        _ => return Err(OUT_OF_RANGE),
    };
    failed.retry_at = maybe_instant(call.retry_at_us)?;
    failed.deadline_at = maybe_instant(call.deadline_at_us)?;
    if call.fields & STN_FAILED_MAX_CIRCUIT_WAIT != 0 {
        failed.max_circuit_wait = Some(Duration::from_micros(call.max_circuit_wait_us));
    }
    if call.fields & STN_FAILED_PREVIOUS_DELAY != 0 {
        failed.previous_delay = Some(Duration::from_micros(call.previous_delay_us));
    }
    if call.fields & STN_FAILED_COST != 0 {
        failed.wish = failed.wish.cost(call.cost);
    }
    if call.fields & STN_FAILED_HOLDER != 0 {
        failed.wish = failed.wish.holder(Holder::from_raw(call.holder).ok_or(OUT_OF_RANGE)?);
    }
    Ok(failed)
}

impl stn_retried {
    pub(crate) fn set(&mut self, retried: Retried, changed: bool, events: Events) {
        self.retried = retried.code();
        self.reason = retried.reason().map_or(0, GiveUp::code);
        self.changed = changed.into();
        self.at_us = instant_or_zero(retried.at());
        self.events = events.bits();
    }
}

impl stn_classified {
    pub(crate) fn set(&mut self, classified: &Classified) {
        self.outcome = match classified.outcome {
            Outcome::Success => STN_SUCCESS,
            Outcome::Failure => STN_FAILURE,
            Outcome::Ignored => STN_IGNORED,
        };
        self.retry = classified.retry.code();
        self.fault = classified.fault.map_or(0, |fault| fault.class.code());
        self.block_until_us = instant_or_zero(classified.block_until);
        self.retry_at_us = instant_or_zero(classified.retry_at);
    }
}

const NO_PERMIT: stn_permit = stn_permit { words: [0; 4] };

impl stn_decision {
    /// Writes that a call is admitted, field by field as it is known.
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    pub(crate) fn admitted(&mut self, permit: &Permit, changed: bool, events: Events) {
        self.set(STN_ADMITTED, permit.into(), changed, events);
    }

    /// All fields; what would refuse the call, or refuses it, comes after.
    #[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
    #[inline(always)]
    fn set(&mut self, verdict: u32, permit: stn_permit, changed: bool, events: Events) {
        self.verdict = verdict;
        self.permit = permit;
        self.would_reject = 0;
        self.by = 0;
        self.gates = 0;
        self.changed = changed.into();
        self.retry_after_us = 0;
        self.events = events.bits();
    }

    /// Writes the answer of a state, or of a store whose gates may not have been asked.
    pub(crate) fn decided(&mut self, answer: Result<Admission, Option<Rejection>>, changed: bool, events: Events) {
        match answer {
            Ok(call) => {
                self.admitted(&call.permit, changed, events);
                if let Some(rejection) = &call.would_reject {
                    self.because(rejection);
                }
            }
            Err(rejection) => self.refused(rejection.as_ref(), changed, events),
        }
    }

    pub(crate) fn peeked(&mut self, peek: &Peek) {
        match peek.rejection() {
            None => self.set(STN_ADMITTED, NO_PERMIT, false, Events::NONE),
            rejection => self.refused(rejection, false, Events::NONE),
        }
    }

    fn refused(&mut self, rejection: Option<&Rejection>, changed: bool, events: Events) {
        let verdict = if rejection.is_some() { STN_REJECTED } else { STN_UNAVAILABLE };
        self.set(verdict, NO_PERMIT, changed, events);
        if let Some(rejection) = rejection {
            self.because(rejection);
        }
    }

    fn because(&mut self, rejection: &Rejection) {
        self.would_reject = 1;
        self.by = rejection.by.index();
        self.gates = rejection.gates.bits();
        self.retry_after_us = rejection.retry_after.wait().map_or(STN_NEVER, micros);
    }
}

/// An engine's answer as its number, with the end of a renewed lease. The constants are the engine's own numbers, so that an
/// answer of a later engine crosses as itself.
pub(crate) trait Code {
    fn code(&self) -> (u32, u64);
}

impl Code for Settled {
    #[inline]
    fn code(&self) -> (u32, u64) {
        (Self::code(*self), 0)
    }
}

impl Code for Renewed {
    fn code(&self) -> (u32, u64) {
        (Self::code(*self), instant_or_zero(self.until()))
    }
}

impl Code for Commanded {
    fn code(&self) -> (u32, u64) {
        (Self::code(*self), 0)
    }
}

impl Code for () {
    fn code(&self) -> (u32, u64) {
        (Commanded::Done.code(), 0)
    }
}

#[inline]
pub(crate) fn answered(out: Option<&mut stn_answer>, answer: &impl Code, changed: bool, events: Events) {
    let Some(out) = out else { return };
    (out.answer, out.until_us) = answer.code();
    out.changed = changed.into();
    out.reserved = 0;
    out.events = events.bits();
}

/// Whole microseconds; the engine makes no others.
#[inline]
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// An instant on the wire: 0 means none.
pub(crate) fn instant_or_zero(at: Option<Timestamp>) -> u64 {
    at.map_or(0, Timestamp::as_micros)
}

#[cfg(test)]
mod tests {
    use engine::FaultClass;

    use super::{Commanded, GiveUp, NetworkError, Renewed, Retried, Retry, Settled, Timestamp};
    use crate::abi::beside::{
        STN_GIVE_UP_ATTEMPTS, STN_GIVE_UP_BUDGET, STN_GIVE_UP_CIRCUIT, STN_GIVE_UP_DEADLINE, STN_GIVE_UP_GATES,
        STN_GIVE_UP_NO_RETRY, STN_GIVE_UP_NOT_IDEMPOTENT, STN_GIVE_UP_NOT_RETRYABLE, STN_GIVE_UP_RETRY_AFTER,
        STN_RETRIED_GIVE_UP,
    };
    use crate::abi::{
        STN_COUNTED, STN_DONE, STN_FAULT_CANCELLED, STN_FAULT_CONFLICT, STN_FAULT_FATAL, STN_FAULT_SESSION_LOST,
        STN_FAULT_THROTTLED, STN_FAULT_TRANSIENT, STN_FAULT_UNAUTHENTICATED, STN_LEASE_LOST, STN_NETWORK_ABORTED,
        STN_NETWORK_DNS, STN_NETWORK_OTHER, STN_NETWORK_REFUSED, STN_NETWORK_RESET, STN_NETWORK_TIMEOUT,
        STN_NETWORK_TLS, STN_NO_GATE, STN_NOT_LEASED, STN_RENEWED, STN_RETRY_ALWAYS, STN_RETRY_IDEMPOTENT,
        STN_RETRY_NEVER, STN_STALE, STN_UNCHANGED,
    };

    #[test]
    fn the_constants_are_the_engines_numbers() {
        let settled = [Settled::Counted, Settled::Stale, Settled::LeaseLost].map(Settled::code);
        assert_eq!(settled, [STN_COUNTED, STN_STALE, STN_LEASE_LOST]);
        let renewed = [Renewed::Until(Timestamp::MAX), Renewed::LeaseLost, Renewed::NotLeased].map(Renewed::code);
        assert_eq!(renewed, [STN_RENEWED, STN_LEASE_LOST, STN_NOT_LEASED]);
        let errors = [1, 2, 3, 4, 5, 6, 7].map(|code| NetworkError::from_code(code).map(NetworkError::code));
        let constants = [
            STN_NETWORK_REFUSED,
            STN_NETWORK_RESET,
            STN_NETWORK_TIMEOUT,
            STN_NETWORK_DNS,
            STN_NETWORK_TLS,
            STN_NETWORK_ABORTED,
            STN_NETWORK_OTHER,
        ];
        assert_eq!(errors, constants.map(Some));
        let retries = [Retry::Never, Retry::Idempotent, Retry::Always].map(Retry::code);
        assert_eq!(retries, [STN_RETRY_NEVER, STN_RETRY_IDEMPOTENT, STN_RETRY_ALWAYS]);
        let faults = [
            (FaultClass::Transient, STN_FAULT_TRANSIENT),
            (FaultClass::Throttled, STN_FAULT_THROTTLED),
            (FaultClass::Unauthenticated, STN_FAULT_UNAUTHENTICATED),
            (FaultClass::SessionLost, STN_FAULT_SESSION_LOST),
            (FaultClass::Conflict, STN_FAULT_CONFLICT),
            (FaultClass::Fatal, STN_FAULT_FATAL),
            (FaultClass::Cancelled, STN_FAULT_CANCELLED),
        ];
        assert!(faults.iter().all(|(class, constant)| class.code() == *constant));
        assert_eq!(Retried::GiveUp(GiveUp::Budget).code(), STN_RETRIED_GIVE_UP);
        let reasons = [
            (GiveUp::NoRetry, STN_GIVE_UP_NO_RETRY),
            (GiveUp::NotRetryable, STN_GIVE_UP_NOT_RETRYABLE),
            (GiveUp::NotIdempotent, STN_GIVE_UP_NOT_IDEMPOTENT),
            (GiveUp::Attempts, STN_GIVE_UP_ATTEMPTS),
            (GiveUp::RetryAfter, STN_GIVE_UP_RETRY_AFTER),
            (GiveUp::Gates, STN_GIVE_UP_GATES),
            (GiveUp::Deadline, STN_GIVE_UP_DEADLINE),
            (GiveUp::Budget, STN_GIVE_UP_BUDGET),
            (GiveUp::Circuit, STN_GIVE_UP_CIRCUIT),
        ];
        assert!(reasons.iter().all(|(reason, constant)| reason.code() == *constant));
        let commanded = [Commanded::Done, Commanded::Unchanged, Commanded::NoGate].map(Commanded::code);
        assert_eq!(commanded, [STN_DONE, STN_UNCHANGED, STN_NO_GATE]);
    }
}
