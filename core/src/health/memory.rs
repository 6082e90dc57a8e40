//! What health remembers: when something worked last, and when the circuit opened.
//!
//! | what | is stored |
//! |---|---|
//! | a success | where the stored one is a sixteenth of `max_success_age_ms` old, so that nearly every success writes nothing |
//! | an opening of the circuit | always, also one that time alone brought; the last `flapping.openings` of them, however old |
//!
//! So the last success may count as up to a sixteenth of the age older than it is, and never as younger: what is ready had one
//! within the age. A state begins as if something had just worked, and after a reset it does again: what has just started is
//! ready until the age has passed.
//!
//! Every call and every run of a schedule that worked counts, also a call whose result is stale or whose lease is gone: it did
//! work. Only what gave no permit (generation 0) says nothing.

use alloc::vec::Vec;

use super::HealthRules;
use crate::annex::Annex;
use crate::answer::Commanded;
use crate::engine::Entered;
use crate::input::{Command, Outcome};
use crate::live::View;
use crate::num::index;
use crate::outlook::Outlook;
use crate::policy::{NEVER_US, Policy};
use crate::snapshot::Snapshot;

/// At most so many openings are kept under any policy.
const MOST_OPENINGS: usize = 32;

/// The health of a [`Snapshot`], where its policy has rules for it.
///
/// ```
/// use stanchion::{Command, Policy, Timestamp};
///
/// let policy = Policy::from_json(
///     r#"{"name": "api", "circuit": {"consecutive_failures": 5},
///         "health": {"max_success_age_ms": 60000, "flapping": {"openings": 3, "window_ms": 60000}}}"#,
/// ).unwrap();
/// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
/// let mut state = policy.new_state(now);
/// let _ = policy.command(&mut state, &Command::Trip, now);
/// let health = state.snapshot().health.unwrap();
/// assert_eq!((health.last_success_at, health.openings_at), (now.as_micros(), vec![now.as_micros()]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct HealthSnapshot {
    /// When something worked last, or a little earlier; when the state began, where nothing did. 0 where the policy does not ask.
    #[cfg_attr(feature = "serde", serde(rename = "last_success_at_us"))]
    pub last_success_at: u64,
    /// When the circuit opened the last times, ascending.
    #[cfg_attr(feature = "serde", serde(rename = "openings_at_us"))]
    pub openings_at: Vec<u64>,
}

impl HealthRules {
    /// Whether the age of the last success matters.
    const fn asks_for_success(&self) -> bool {
        self.max_success_age_us != NEVER_US
    }

    /// How many openings are kept.
    pub(super) fn openings(&self) -> usize {
        self.flapping.map_or(0, |flapping| index(u64::from(flapping.openings)))
    }

    /// From when a success is written again.
    fn refreshes_at(&self, last_success_at: u64) -> u64 {
        last_success_at.saturating_add(self.max_success_age_us / 16)
    }

    /// From when the last success is too old.
    pub(super) fn too_old_at(&self, memory: &HealthSnapshot) -> u64 {
        memory.last_success_at.saturating_add(self.max_success_age_us)
    }

    /// Until when the openings are too many; 0 where they never were.
    pub(super) fn flaps_until(&self, memory: &HealthSnapshot) -> u64 {
        let first = memory.openings_at.len().checked_sub(self.openings().max(1));
        let first_at = first.and_then(|first| memory.openings_at.get(first));
        first_at.zip(self.flapping).map_or(0, |(at, flapping)| at.saturating_add(flapping.window_us))
    }

    /// From when no opening counts any more.
    fn calm_at(&self, memory: &HealthSnapshot) -> u64 {
        let last = memory.openings_at.last().zip(self.flapping);
        last.map_or(0, |(at, flapping)| at.saturating_add(flapping.window_us))
    }
}

impl HealthSnapshot {
    /// The openings that count at `x`.
    pub(super) fn openings_within(&self, window_us: u64, x: u64) -> usize {
        self.openings_at.iter().filter(|at| x.saturating_sub(**at) < window_us).count()
    }

    fn note_opening(&mut self, rules: &HealthRules, at: u64) {
        self.openings_at.push(at);
        self.keep(rules.openings());
    }

    /// Keeps the last so many openings.
    fn keep(&mut self, most: usize) {
        let surplus = self.openings_at.len().saturating_sub(most);
        self.openings_at.drain(..surplus);
    }
}

impl Snapshot {
    /// A state under rules that ask for a success begins with one.
    pub(crate) fn start_health(&mut self, policy: &Policy, t: u64) {
        if policy.health.is_some_and(|rules| rules.asks_for_success()) {
            let memory = self.health.get_or_insert_default();
            if memory.last_success_at == 0 {
                memory.last_success_at = t;
            }
        }
    }

    /// Whether the policy, whose fingerprint the state bears, wrote it so: with a last success just where it asks for one.
    pub(crate) fn health_fits(&self, policy: &Policy) -> bool {
        let Some(rules) = &policy.health else { return true };
        let (last_success_at, openings) =
            self.health.as_ref().map_or((0, 0), |memory| (memory.last_success_at, memory.openings_at.len()));
        (last_success_at != 0) == rules.asks_for_success() && openings <= rules.openings()
    }
}

impl Outlook<'_> {
    /// What health remembers at `x`, with the opening that time alone brought by then.
    pub(super) fn recall(&self, rules: &HealthRules, x: u64) -> HealthSnapshot {
        let mut memory = self.view.annex::<HealthSnapshot>().unwrap_or_default();
        if let Some(at) = self.reopened_by(x) {
            memory.note_opening(rules, at);
        }
        memory
    }
}

impl Policy {
    /// When health next says something else by time alone, beside what the gates tell of theirs.
    pub(crate) fn health_changes(&self, view: View<'_>, t: u64, mut tell: impl FnMut(u64)) {
        let Some(rules) = &self.health else { return };
        let memory = Outlook::new(self, view, t).recall(rules, t);
        tell(rules.too_old_at(&memory));
        tell(rules.flaps_until(&memory));
    }

    /// From when forgetting the openings hides no flapping. The age of the last success begins anew in a state that was forgotten.
    pub(crate) fn calm_at(&self, view: View<'_>) -> u64 {
        let (Some(rules), Some(circuit)) = (&self.health, &self.circuit) else { return 0 };
        let outlook = Outlook::new(self, view, view.last_at());
        let reopens_at = outlook.circuit_at(outlook.t).reopens_at(circuit);
        rules.calm_at(&outlook.recall(rules, outlook.t.max(reopens_at)))
    }

    /// Before this instant no success is written.
    pub(crate) fn refreshes_at(&self, view: View<'_>) -> u64 {
        match &self.health {
            Some(rules) if rules.asks_for_success() => rules.refreshes_at(last_success_at(view)),
            _ => NEVER_US,
        }
    }
}

/// The last success as it is stored.
fn last_success_at(view: View<'_>) -> u64 {
    view.annex_words(HealthSnapshot::KIND).and_then(|words| words.first()).copied().unwrap_or(0)
}

impl Entered<'_> {
    /// The circuit opened at `at`.
    pub(crate) fn note_opening(&mut self, at: u64) {
        let Some(rules) = self.policy.health.filter(|rules| rules.flapping.is_some()) else { return };
        let mut memory = self.mem.view().annex::<HealthSnapshot>().unwrap_or_default();
        memory.note_opening(&rules, at);
        self.mem.put_annex(self.policy, Some(&memory));
    }

    /// Something worked at `t`. Whether it had to be written.
    pub(crate) fn note_success(&mut self) -> bool {
        if self.t < self.policy.refreshes_at(self.mem.view()) {
            return false;
        }
        self.advance();
        let memory = self.mem.view().annex::<HealthSnapshot>().unwrap_or_default();
        self.mem.put_annex(self.policy, Some(&HealthSnapshot { last_success_at: self.t, ..memory }));
        true
    }

    /// What health makes of a command that tells of calls, which the circuit answered so.
    pub(crate) fn hear_command(&mut self, command: &Command, answer: Commanded) -> Commanded {
        let has_worked = match command {
            Command::Report { outcome, .. } => *outcome == Outcome::Success,
            Command::SettleMany { summary, .. } => summary.has_success(),
            _ => false,
        };
        if !has_worked || !self.policy.health.is_some_and(|rules| rules.asks_for_success()) {
            return answer;
        }
        match (self.note_success(), answer) {
            (true, _) => Commanded::Done,
            (false, Commanded::NoGate) => Commanded::Unchanged,
            (false, answer) => answer,
        }
    }
}

/// What is due by time is the circuit's to say, and so [`Policy::health_changes`] and [`Policy::calm_at`] ask for what these
/// words alone do not tell.
impl Annex for HealthSnapshot {
    const KIND: u8 = 35;

    fn room(policy: &Policy) -> usize {
        let Some(rules) = &policy.health else { return 0 };
        match rules.openings() {
            0 if !rules.asks_for_success() => 0,
            openings => openings.saturating_add(1),
        }
    }

    fn write(&self, words: &mut Vec<u64>) {
        words.push(self.last_success_at);
        words.extend_from_slice(&self.openings_at);
    }

    fn read(words: &[u64], last_at: u64) -> Option<Self> {
        let (last_success_at, openings_at) = words.split_first()?;
        let has_happened = |at: &u64| (1..=last_at).contains(at);
        let is_known = *last_success_at == 0 || has_happened(last_success_at);
        let is_ring =
            openings_at.len() <= MOST_OPENINGS && openings_at.is_sorted() && openings_at.iter().all(has_happened);
        (is_known && is_ring).then(|| Self { last_success_at: *last_success_at, openings_at: openings_at.to_vec() })
    }

    fn is_empty(&self, _: u64) -> bool {
        self.last_success_at == 0 && self.openings_at.is_empty()
    }

    fn shift(&mut self, _: &Policy, back: u64, now: u64) {
        let known = Some(&mut self.last_success_at).filter(|at| **at != 0);
        for at in self.openings_at.iter_mut().chain(known) {
            *at = at.saturating_sub(back).clamp(1, now);
        }
    }

    /// Rules that do not ask for the last success forget it, and begin with one when they ask again.
    fn adopt(&mut self, policy: &Policy, _: u64) {
        let Some(rules) = &policy.health else { return };
        if !rules.asks_for_success() {
            self.last_success_at = 0;
        }
        self.keep(rules.openings());
    }

    fn vacuous_at(&self, _: &Policy) -> Option<u64> {
        Some(0)
    }

    fn next_change_at(&self, _: &Policy, _: u64) -> u64 {
        NEVER_US
    }

    /// Not on each call: when a success is to be written again, no call takes the short way ([`Policy::refreshes_at`]).
    fn is_heeded(_: &Policy, _: bool) -> bool {
        false
    }
}
