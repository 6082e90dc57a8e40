//! The spool: what could not be sent waits, and leaves only when it was delivered.
//!
//! The rules are pure, like those of the gates: what is known of all items ([`SpoolState`]), an input and `now` make an answer
//! and the changes to keep. Payloads lie elsewhere; `stanchion-store` keeps them, and the changes as a journal, on disk.
//!
//! | item | append | lease | its lease's word | time | requeue | remove |
//! |---|---|---|---|---|---|---|
//! | (none) | waiting, if there is room | | not found | | not found | not found |
//! | waiting | a duplicate | leased at its turn; dead where it is too old | lease lost | | unchanged | gone |
//! | leased | a duplicate | | success: gone; failure: waiting after a backoff, or dead; ignored: waiting, not counted | free at the end of the lease | unchanged | gone |
//! | dead | a duplicate | | success: gone; else lease lost | | waiting | gone |
//! | gone | a duplicate while its id is known | | not found | its id is forgotten | not found | not found |
//!
//! - What was accepted is gone only by an acknowledgement or by an operator's hand; nothing is dropped to make room. Dead letters
//!   count in the bounds.
//! - Whoever leased an item last is believed until another leases it, also after the end of the lease: what was delivered
//!   late was delivered. So an item is delivered at least once, and a worker that died costs one lease.
//! - The order is that of acceptance, and a dead letter that is requeued takes its old place. Under `order: strict` only the
//!   first item may be leased.
//! - A delivery that was a call through the gates is judged as one ([`SpoolCall`]): what the call says of the upstream is not yet what
//!   it makes of the item.
//! - An attempt counts when the item is leased, so a worker that dies of it counts too. `Ignored` takes the attempt back.

mod answer;
mod input;
mod item;
#[cfg(feature = "serde")]
mod json;
mod state;
#[cfg(feature = "serde")]
mod state_json;
mod steps;

use alloc::vec::Vec;

pub use answer::{SpoolAppended, SpoolDeath, SpoolFull, SpoolNext, SpoolSettled, SpoolStep, SpoolTotals, SpoolWait};
pub use input::{SpoolAppend, SpoolCall, SpoolEnd};
pub use item::{SpoolChange, SpoolItem, SpoolStatus};
pub use state::SpoolState;

use crate::config::{SpoolConfig, SpoolOrder};
use crate::num::wide;
use crate::policy::{NEVER_US, Policy};
use crate::time::Timestamp;

/// The rules of a policy's spool, in whole microseconds.
///
/// ```
/// use stanchion::{Outcome, Policy, SpoolAppend, SpoolAppended, SpoolConfig, SpoolEnd, SpoolNext, SpoolSettled};
/// use stanchion::{SpoolState, Timestamp};
///
/// let policy = Policy::builder("sync").spool(SpoolConfig::new()).build().unwrap();
/// let (rules, now) = (policy.spool().unwrap(), Timestamp::MIN);
/// let mut state = SpoolState::new(now);
/// let appended = rules.append(&mut state, &SpoolAppend::new(4_096).id("order-7").unwrap(), now);
/// assert_eq!(appended.answer, SpoolAppended::Accepted { seq: 1 });
/// let SpoolNext::Leased { seq, lease, .. } = rules.lease(&mut state, now).answer else { panic!("it may go out") };
/// let settled = rules.settle(&mut state, seq, lease, SpoolEnd::new(Outcome::Success), now);
/// assert_eq!(settled.answer, SpoolSettled::Acknowledged);
/// assert_eq!(rules.lease(&mut state, now).answer, SpoolNext::Empty);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolRules {
    max_items: u64,
    max_bytes: u64,
    max_item_bytes: u64,
    /// [`u32::MAX`] for none.
    max_attempts: u32,
    /// [`NEVER_US`] for none.
    max_age_us: u64,
    lease_us: u64,
    base_delay_us: u64,
    multiplier_thousandths: u32,
    max_delay_us: u64,
    is_strict: bool,
    pace: Option<Pace>,
    /// 0 for none.
    dedupe_window_us: u64,
    dedupe_capacity: u64,
    clock_tolerance_us: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pace {
    spacing_us: u64,
    /// [`NEVER_US`]: it holds always.
    for_us: u64,
}

impl Policy {
    /// The rules of its spool; `None` where it has none.
    ///
    /// ```
    /// use stanchion::{Policy, SpoolConfig};
    ///
    /// assert!(Policy::builder("sync").spool(SpoolConfig::new()).build().unwrap().spool().is_some());
    /// assert!(Policy::builder("sync").build().unwrap().spool().is_none());
    /// ```
    pub fn spool(&self) -> Option<SpoolRules> {
        self.config.spool.as_ref().map(|config| SpoolRules::new(config, self.clock_tolerance_us))
    }
}

fn us(ms: u32) -> u64 {
    u64::from(ms).saturating_mul(1000)
}

/// So long after.
fn after(t: Timestamp, us: u64) -> Timestamp {
    Timestamp::clamped(t.as_micros().saturating_add(us))
}

/// What may be leased now, or what keeps it.
enum Turn {
    Item(SpoolItem),
    Dead(SpoolItem, SpoolDeath),
    Wait(Timestamp, SpoolWait),
    Empty,
}

impl SpoolRules {
    fn new(config: &SpoolConfig, clock_tolerance_us: u64) -> Self {
        Self {
            max_items: config.max_items.into(),
            max_bytes: config.max_bytes,
            max_item_bytes: config.max_item_bytes.map_or(config.max_bytes, u64::from),
            max_attempts: config.max_attempts.unwrap_or(u32::MAX),
            max_age_us: config.max_age_ms.map_or(NEVER_US, us),
            lease_us: us(config.lease_ms),
            base_delay_us: us(config.base_delay_ms),
            multiplier_thousandths: config.multiplier.thousandths(),
            max_delay_us: us(config.max_delay_ms.unwrap_or(config.base_delay_ms)),
            is_strict: config.order == SpoolOrder::Strict,
            pace: config.pace.as_ref().map(|pace| Pace {
                spacing_us: us(pace.interval_ms).checked_div(pace.items.into()).unwrap_or(0),
                for_us: pace.for_ms.map_or(NEVER_US, us),
            }),
            dedupe_window_us: config.dedupe_window_ms.map_or(0, us),
            dedupe_capacity: config.dedupe_capacity.into(),
            clock_tolerance_us,
        }
    }

    /// The longest payload that is taken, in bytes.
    ///
    /// ```
    /// use stanchion::{Policy, SpoolConfig};
    ///
    /// let policy = Policy::builder("sync").spool(SpoolConfig::new().max_item_bytes(65_536)).build().unwrap();
    /// assert_eq!(policy.spool().unwrap().max_item_bytes(), 65_536);
    /// ```
    pub const fn max_item_bytes(&self) -> u64 {
        self.max_item_bytes
    }

    /// How every step begins: a clock that was set back is repaired.
    fn begin(&self, state: &mut SpoolState, now: Timestamp) -> (Timestamp, Vec<SpoolChange>) {
        let mut changes = Vec::new();
        let mut t = now.max(state.last_at());
        if let Some(by_us) = self.behind_us(state, now) {
            t = now;
            commit(state, &mut changes, SpoolChange::ClockStepped { by_us }, t);
        }
        (t, changes)
    }

    /// How every step ends: where it changed something, ids are forgotten whose time has passed.
    fn end<T>(&self, state: &mut SpoolState, answer: T, at: Timestamp, changes: Vec<SpoolChange>) -> SpoolStep<T> {
        if !changes.is_empty() {
            state.forget(at, self.dedupe_window_us, self.dedupe_capacity);
        }
        SpoolStep { answer, at, changes }
    }

    /// How far a clock was set back, where it was.
    fn behind_us(&self, state: &SpoolState, now: Timestamp) -> Option<u64> {
        let behind_us = state.last_at().as_micros().saturating_sub(now.as_micros());
        Some(behind_us).filter(|behind_us| *behind_us > self.clock_tolerance_us)
    }

    /// What [`lease`](Self::lease) would answer, with nothing taken; a lease that it would give has the number 0.
    ///
    /// ```
    /// use stanchion::{Policy, SpoolConfig, SpoolNext, SpoolState, Timestamp};
    ///
    /// let rules = Policy::builder("sync").spool(SpoolConfig::new()).build().unwrap().spool().unwrap();
    /// assert_eq!(rules.peek(&SpoolState::new(Timestamp::MIN), Timestamp::MIN), SpoolNext::Empty);
    /// ```
    pub fn peek(&self, state: &SpoolState, now: Timestamp) -> SpoolNext {
        // After a repair all instants would be moved with the clock: so it is looked at by the old time, and told by the new.
        let seen_at = now.max(state.last_at());
        let moved_us = self.behind_us(state, now).unwrap_or(0);
        let moved = |at: Timestamp| Timestamp::clamped(at.as_micros().saturating_sub(moved_us));
        match self.turn(state, seen_at) {
            Turn::Empty => SpoolNext::Empty,
            Turn::Wait(at, by) => SpoolNext::Wait { at: moved(at), by },
            Turn::Dead(item, why) => SpoolNext::Dead { seq: item.seq, why },
            Turn::Item(item) => SpoolNext::Leased {
                seq: item.seq,
                lease: 0,
                attempt: item.attempts.saturating_add(1),
                until: moved(after(seen_at, self.lease_us)),
                bytes: item.bytes,
            },
        }
    }

    /// Whose turn it is.
    fn turn(&self, state: &SpoolState, t: Timestamp) -> Turn {
        let mut first_free: Option<&SpoolItem> = None;
        let only_first = if self.is_strict { 1 } else { usize::MAX };
        // A dead letter that was requeued may be before one that is being delivered.
        let held = if self.is_strict { state.held(t) } else { None };
        for item in held.into_iter().chain(state.items()).take(only_first) {
            if item.at <= t {
                return self.own_turn(item, state, t);
            }
            if first_free.is_none_or(|first| item.at < first.at) {
                first_free = Some(item);
            }
        }
        let Some(item) = first_free else { return Turn::Empty };
        let by = if item.status == SpoolStatus::Leased { SpoolWait::Lease } else { SpoolWait::Backoff };
        match self.paced_to(state, t).filter(|at| *at > item.at) {
            Some(at) => Turn::Wait(at, SpoolWait::Pace),
            None => Turn::Wait(item.at, by),
        }
    }

    /// What becomes of an item that nobody has and that waits for nothing of its own.
    fn own_turn(&self, item: &SpoolItem, state: &SpoolState, t: Timestamp) -> Turn {
        let age_us = t.as_micros().saturating_sub(item.since.as_micros());
        if item.attempts >= self.max_attempts {
            Turn::Dead(item.clone(), SpoolDeath::Attempts)
        } else if age_us >= self.max_age_us {
            Turn::Dead(item.clone(), SpoolDeath::Age)
        } else if let Some(at) = self.paced_to(state, t) {
            Turn::Wait(at, SpoolWait::Pace)
        } else {
            Turn::Item(item.clone())
        }
    }

    /// The pace, where it holds now.
    fn pace_at(&self, state: &SpoolState, t: Timestamp) -> Option<Pace> {
        self.pace.filter(|pace| pace.for_us == NEVER_US || state.paced_until().is_some_and(|until| t < until))
    }

    /// Until when the pace holds the next item back.
    fn paced_to(&self, state: &SpoolState, t: Timestamp) -> Option<Timestamp> {
        let pace = self.pace_at(state, t)?;
        let next_at = state.next_at()?;
        let end = if pace.for_us == NEVER_US { next_at } else { state.paced_until()?.min(next_at) };
        Some(end).filter(|end| *end > t)
    }

    /// How much there is.
    ///
    /// ```
    /// use stanchion::{Policy, SpoolAppend, SpoolConfig, SpoolState, Timestamp};
    ///
    /// let rules = Policy::builder("sync").spool(SpoolConfig::new()).build().unwrap().spool().unwrap();
    /// let mut state = SpoolState::new(Timestamp::MIN);
    /// rules.append(&mut state, &SpoolAppend::new(10), Timestamp::MIN);
    /// let totals = rules.totals(&state, Timestamp::MIN);
    /// assert_eq!((totals.items, totals.bytes, totals.dead), (1, 10, 0));
    /// ```
    pub fn totals(&self, state: &SpoolState, now: Timestamp) -> SpoolTotals {
        let t = now.max(state.last_at());
        let leased = state.items().filter(|item| item.is_held(t));
        SpoolTotals {
            leased: wide(leased.count()),
            items: wide(state.items().len()),
            dead: wide(state.dead_letters().len()),
            bytes: state.bytes(),
            oldest: state.items().next().map(|item| item.since),
            known_ids: wide(state.known_ids().len()),
        }
    }
}

/// Changes the state, and tells it.
fn commit(state: &mut SpoolState, changes: &mut Vec<SpoolChange>, change: SpoolChange, t: Timestamp) {
    state.apply(&change, t);
    changes.push(change);
}
