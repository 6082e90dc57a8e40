//! What recovery remembers: plain data, and how it lies in a live state and in the bytes.

use alloc::vec::Vec;

use super::{RecoveryRules, Unrecoverable};
use crate::annex::Annex;
use crate::bulkhead::ID;
use crate::live::{INSTANT, field};
use crate::num::{index, low32, wide};
use crate::policy::{NEVER_US, Policy};

/// The recovery of a [`Snapshot`](crate::Snapshot). Instants are µs since the epoch, 0 for none.
///
/// ```
/// use stanchion::{Fault, Policy, RecoveryConfig, RecoveryStepConfig, Timestamp, name_hash};
///
/// let ladder = RecoveryConfig::new(vec![RecoveryStepConfig::new("restart").lease_ms(10_000)]);
/// let policy = Policy::builder("worker").recovery(ladder).build().unwrap();
/// let mut state = policy.new_state(Timestamp::MIN);
/// let _ = policy.recover(&mut state, Fault::transient(), Timestamp::MIN);
/// let recovery = state.snapshot().recovery.unwrap();
/// assert_eq!((recovery.reached, recovery.steps[0].attempts_at.len()), (name_hash("restart"), 1));
/// assert_eq!(recovery.lease.unwrap().until_at, 10_000_001);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RecoverySnapshot {
    /// The hash of the step that the episode has reached; 0 outside of one.
    pub reached: u32,
    /// Why it was given up; then nothing else is kept but when.
    pub unrecoverable: Option<Unrecoverable>,
    /// In an episode: the last attempt, its end, or the climb to a higher step; `forget_ms` runs from here. Else when it was
    /// recovered; `stable_ms` runs from here. Given up: when.
    #[cfg_attr(feature = "serde", serde(rename = "touched_us"))]
    pub touched_at: u64,
    /// No step begins before.
    #[cfg_attr(feature = "serde", serde(rename = "throttled_until_us"))]
    pub throttled_until: u64,
    /// The lease of the last attempt of this episode, until its end was told.
    pub lease: Option<RecoveryLeaseSnapshot>,
    /// The steps that have attempts or back off, by ascending hash.
    pub steps: Vec<RecoveryStepSnapshot>,
}

/// The lease of a [`RecoverySnapshot`].
///
/// ```
/// use stanchion::{Fault, Policy, Recovery, RecoveryConfig, RecoveryStepConfig, Timestamp};
///
/// let ladder = RecoveryConfig::new(vec![RecoveryStepConfig::new("restart")]);
/// let policy = Policy::builder("worker").recovery(ladder).build().unwrap();
/// let mut state = policy.new_state(Timestamp::MIN);
/// let answer = policy.recover(&mut state, Fault::transient(), Timestamp::MIN).answer;
/// let lease = state.snapshot().recovery.unwrap().lease.unwrap();
/// assert!(matches!(answer, Recovery::Do { lease_id, .. } if lease_id == lease.id));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RecoveryLeaseSnapshot {
    /// Its id: 24 bits, never 0.
    pub id: u32,
    /// The hash of the step that it is for.
    pub step: u32,
    /// When it ends; 0 where it ran out.
    #[cfg_attr(feature = "serde", serde(rename = "until_us"))]
    pub until_at: u64,
}

/// One step of a [`RecoverySnapshot`].
///
/// ```
/// use stanchion::{Fault, Outcome, Policy, RecoveryConfig, RecoveryStepConfig, Timestamp};
///
/// let ladder = RecoveryConfig::new(vec![RecoveryStepConfig::new("restart").base_delay_ms(1_000)]);
/// let policy = Policy::builder("worker").recovery(ladder).build().unwrap();
/// let mut state = policy.new_state(Timestamp::MIN);
/// let lease_id = policy.recover(&mut state, Fault::transient(), Timestamp::MIN).answer.lease_id().unwrap();
/// let _ = policy.recovered(&mut state, lease_id, Outcome::Failure, Timestamp::MIN);
/// let step = &state.snapshot().recovery.unwrap().steps[0];
/// assert_eq!((&step.attempts_at[..], step.again_at), (&[1][..], 1_000_001));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RecoveryStepSnapshot {
    /// The hash of its name, never 0.
    pub name_hash: u32,
    /// Until when it backs off; 0 where it does not.
    #[cfg_attr(feature = "serde", serde(rename = "again_us"))]
    pub again_at: u64,
    /// When the attempts that count were begun, ascending; at most 32.
    #[cfg_attr(feature = "serde", serde(rename = "attempts_us"))]
    pub attempts_at: Vec<u64>,
}

impl RecoverySnapshot {
    fn own(&self, name_hash: u32) -> Option<&RecoveryStepSnapshot> {
        self.steps.iter().find(|own| own.name_hash == name_hash)
    }

    /// When the attempts of a step that count were begun.
    pub(crate) fn attempts(&self, name_hash: u32) -> &[u64] {
        self.own(name_hash).map_or(&[], |own| &own.attempts_at)
    }

    /// Until when a step backs off.
    pub(crate) fn again_at(&self, name_hash: u32) -> u64 {
        self.own(name_hash).map_or(0, |own| own.again_at)
    }

    /// A step's own, to be changed.
    pub(super) fn step_mut(&mut self, name_hash: u32) -> &mut RecoveryStepSnapshot {
        let place = self.steps.partition_point(|own| own.name_hash < name_hash);
        let own = match self.steps.get(place) {
            Some(own) if own.name_hash == name_hash => self.steps.remove(place),
            _ => RecoveryStepSnapshot { name_hash, again_at: 0, attempts_at: Vec::new() },
        };
        self.steps.insert_mut(place, own)
    }

    /// When all but a throttle is forgotten, if nothing else happens.
    pub(super) fn forgets_at(&self, rules: &RecoveryRules) -> u64 {
        if self.unrecoverable.is_some() || self.touched_at == 0 {
            return NEVER_US;
        }
        if self.reached == 0 {
            return self.touched_at.saturating_add(rules.stable_us);
        }
        let ends_at = self.lease.map_or(0, |lease| lease.until_at);
        // A wait that another policy chose may be longer than this one's `forget_ms`, and was told to somebody.
        let again_at = self.steps.iter().map(|own| own.again_at).max().unwrap_or(0);
        self.touched_at.max(ends_at).saturating_add(rules.forget_us).max(again_at)
    }
}

/// Words beside the steps: what the first one says, `touched_at`, `throttled_until`, and the lease's two.
const HEAD_WORDS: usize = 5;
/// Words of a step beside its attempts: its hash and their number; `again_at`.
const STEP_WORDS: usize = 2;
const MOST_STEPS: u64 = 8;
const MOST_ATTEMPTS: u64 = 32;

/// The words: `reached` 32, why it was given up 8, whether there is a lease 8, steps 8; `touched_at`; `throttled_until`; of a
/// lease its id 32 and step 32, and its end; of each step its hash 32 and the number of its attempts, `again_at`, and the attempts.
impl Annex for RecoverySnapshot {
    const KIND: u8 = 34;

    fn room(policy: &Policy) -> usize {
        let Some(rules) = &policy.recovery else { return 0 };
        let attempts = rules.steps.iter().map(|step| step.max_attempts.saturating_add(STEP_WORDS));
        attempts.sum::<usize>().saturating_add(HEAD_WORDS)
    }

    fn write(&self, words: &mut Vec<u64>) {
        let reason = self.unrecoverable.map_or(0, Unrecoverable::code);
        words.push(
            u64::from(self.reached)
                | (u64::from(reason) << 32)
                | (u64::from(self.lease.is_some()) << 40)
                | (wide(self.steps.len()) << 48),
        );
        words.extend([self.touched_at, self.throttled_until]);
        if let Some(lease) = &self.lease {
            words.extend([u64::from(lease.id) | (u64::from(lease.step) << 32), lease.until_at]);
        }
        for own in &self.steps {
            words.extend([u64::from(own.name_hash) | (wide(own.attempts_at.len()) << 32), own.again_at]);
            words.extend(&own.attempts_at);
        }
    }

    fn read(words: &[u64], last_at: u64) -> Option<Self> {
        let [first, touched_at, throttled_until, rest @ ..] = words else { return None };
        let mut own = Self {
            reached: low32(*first),
            touched_at: *touched_at,
            throttled_until: *throttled_until,
            ..Self::default()
        };
        let reason = field(*first, 32, 8);
        if reason != 0 {
            own.unrecoverable = Some(Unrecoverable::from_code(low32(reason))?);
        }
        let mut rest = rest;
        if field(*first, 40, 8) != 0 {
            let [ids, until_at, after @ ..] = rest else { return None };
            own.lease = Some(RecoveryLeaseSnapshot { id: low32(*ids), step: low32(*ids >> 32), until_at: *until_at });
            rest = after;
        }
        for _ in 0..field(*first, 48, 16).min(MOST_STEPS) {
            let [first, again_at, after @ ..] = rest else { return None };
            let (attempts_at, after) = after.split_at_checked(index((*first >> 32).min(MOST_ATTEMPTS)))?;
            let attempts_at = attempts_at.to_vec();
            own.steps.push(RecoveryStepSnapshot { name_hash: low32(*first), again_at: *again_at, attempts_at });
            rest = after;
        }
        // What was cut, or stands where nothing may, is not written again.
        let mut again = Vec::new();
        own.write(&mut again);
        (again == words && own.is_sound(last_at)).then_some(own)
    }

    fn is_empty(&self, t: u64) -> bool {
        self.touched_at == 0 && self.throttled_until <= t
    }

    fn shift(&mut self, policy: &Policy, back: u64, now: u64) {
        let clip = |at: &mut u64, most_us: u64| {
            if *at != 0 {
                *at = at.saturating_sub(back).max(1).min(now.saturating_add(most_us));
            }
        };
        let rules = policy.recovery.as_ref();
        let of_step = |name_hash: u32| rules.and_then(|rules| rules.step(name_hash));
        clip(&mut self.touched_at, 0);
        clip(&mut self.throttled_until, rules.map_or(NEVER_US, |rules| rules.max_throttle_us));
        if let Some(lease) = &mut self.lease {
            clip(&mut lease.until_at, of_step(lease.step).map_or(NEVER_US, |step| step.lease_us));
        }
        for own in &mut self.steps {
            clip(&mut own.again_at, of_step(own.name_hash).map_or(NEVER_US, |step| step.max_delay_us));
            own.attempts_at.iter_mut().for_each(|begun_at| clip(begun_at, 0));
        }
    }

    fn adopt(&mut self, policy: &Policy, t: u64) {
        let Some(rules) = &policy.recovery else { return };
        self.steps.retain(|own| rules.step(own.name_hash).is_some());
        for own in &mut self.steps {
            let most = rules.step(own.name_hash).map_or(0, |step| step.max_attempts);
            // The younger ones are kept: they count for longer.
            own.attempts_at.drain(..own.attempts_at.len().saturating_sub(most));
        }
        if self.reached != 0 && rules.place(self.reached).is_none() {
            self.reached = rules.name_hash(0);
        }
        self.throttled_until = self.throttled_until.min(t.saturating_add(rules.max_throttle_us));
        self.settle_due(rules, policy.seed, t);
    }

    fn vacuous_at(&self, policy: &Policy) -> Option<u64> {
        let Some(rules) = &policy.recovery else { return Some(0) };
        if self.unrecoverable.is_some() {
            return None;
        }
        Some(self.forgets_at(rules).min(self.ages_at(rules)).max(self.throttled_until))
    }

    fn next_change_at(&self, policy: &Policy, t: u64) -> u64 {
        let Some(rules) = &policy.recovery else { return NEVER_US };
        let mut seen = self.clone();
        seen.settle_due(rules, policy.seed, t);
        let mut next = NEVER_US;
        let mut comes = |at: u64| {
            if at > t {
                next = next.min(at);
            }
        };
        comes(seen.throttled_until);
        comes(seen.lease.map_or(0, |lease| lease.until_at));
        comes(seen.forgets_at(rules));
        for own in &seen.steps {
            comes(own.again_at);
            let window_us = rules.step(own.name_hash).map_or(NEVER_US, |step| step.window_us);
            own.attempts_at.iter().for_each(|begun_at| comes(begun_at.saturating_add(window_us)));
        }
        next
    }

    fn is_heeded(_: &Policy, _: bool) -> bool {
        false
    }

    fn fits(&self, policy: &Policy) -> bool {
        let Some(rules) = &policy.recovery else { return true };
        let has_room = |own: &RecoveryStepSnapshot| {
            rules.step(own.name_hash).is_some_and(|step| own.attempts_at.len() <= step.max_attempts)
        };
        (self.reached == 0 || rules.place(self.reached).is_some()) && self.steps.iter().all(has_room)
    }
}

impl RecoverySnapshot {
    /// Whether all of it goes together, as of a last change at `last_at`.
    fn is_sound(&self, last_at: u64) -> bool {
        let is_instant = |at: u64| at <= INSTANT;
        let is_step = |own: &RecoveryStepSnapshot| {
            let attempts = &own.attempts_at;
            own.name_hash != 0
                && is_instant(own.again_at)
                && (own.again_at != 0 || !attempts.is_empty())
                && attempts.is_sorted()
                && attempts.iter().all(|begun_at| (1..=last_at).contains(begun_at))
        };
        let is_lease = |lease: RecoveryLeaseSnapshot| {
            (1..=ID).contains(&u64::from(lease.id)) && lease.step != 0 && is_instant(lease.until_at)
        };
        let is_bare = self.lease.is_none() && self.steps.is_empty();
        let goes_together = match (self.unrecoverable, self.reached) {
            (Some(Unrecoverable::NoRecovery), _) => false,
            (Some(_), reached) => reached == 0 && is_bare && self.throttled_until == 0 && self.touched_at != 0,
            (None, 0) => self.lease.is_none() && (self.touched_at == 0) == is_bare,
            (None, _) => self.touched_at != 0,
        };
        goes_together
            && self.touched_at <= last_at
            && is_instant(self.throttled_until)
            && self.lease.is_none_or(is_lease)
            && self.steps.iter().all(is_step)
            && self.steps.is_sorted_by(|a, b| a.name_hash < b.name_hash)
    }

    /// When all attempts have aged by their windows and nothing backs off; never while more than that is kept.
    fn ages_at(&self, rules: &RecoveryRules) -> u64 {
        if self.lease.is_some() || (self.reached != 0 && self.reached != rules.name_hash(0)) {
            return NEVER_US;
        }
        let ages = self.steps.iter().map(|own| {
            let window_us = rules.step(own.name_hash).map_or(NEVER_US, |step| step.window_us);
            own.attempts_at.last().map_or(0, |begun_at| begun_at.saturating_add(window_us)).max(own.again_at)
        });
        ages.max().unwrap_or(0)
    }
}
