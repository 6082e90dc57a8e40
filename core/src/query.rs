//! Queries, which write nothing: what an acquire would be answered, what changes next by itself, and when a state says
//! nothing any more.

use alloc::borrow::Cow;

use crate::answer::Peek;
use crate::bulkhead::by_end;
use crate::circuit::Circuit;
use crate::input::Acquire;
use crate::limit;
use crate::live::{BLOCK, HEAD, LAST, PARKED, View};
use crate::num::level;
use crate::outlook::Outlook;
use crate::policy::{CircuitRules, NEVER_US, Policy};
use crate::snapshot::{Phase, Reason};
use crate::state::{Live, State};
use crate::time::Timestamp;
use crate::window::empties_at;

/// A state as it is at an instant: the words that are there, or a copy that was adopted or repaired.
pub(crate) struct Seen<'a> {
    words: Cow<'a, [u64]>,
    /// State time.
    pub(crate) t: u64,
}

impl Seen<'_> {
    pub(crate) fn view(&self) -> View<'_> {
        View::new(&self.words).unwrap_or(View { head: &[0; HEAD], body: &[] })
    }
}

impl Policy {
    /// What an acquire would be answered now. Pure: nothing is written and no permit is given.
    ///
    /// ```
    /// use stanchion::{Acquire, LimitConfig, Peek, Policy, Timestamp};
    ///
    /// let policy = Policy::builder("api").limit(LimitConfig::new("calls", 10, 10, 1_000)).build().unwrap();
    /// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
    /// let state = policy.new_state(now);
    /// assert_eq!(policy.peek(&state, &Acquire::new().cost(10), now), Peek::Admits);
    /// assert!(matches!(policy.peek(&state, &Acquire::new().cost(11), now), Peek::Rejects(_)));
    /// ```
    pub fn peek(&self, state: &impl Live, wish: &Acquire, now: Timestamp) -> Peek {
        let seen = self.look(state, now);
        let outlook = Outlook { policy: self, view: seen.view(), wish: *wish, t: seen.t };
        outlook.rejection(now.as_micros()).map_or(Peek::Admits, Peek::Rejects)
    }

    /// Looks at a state as it would be at `now`, adopted and repaired where that is due.
    pub(crate) fn look<'a>(&self, state: &'a dyn Live, now: Timestamp) -> Seen<'a> {
        let now = now.as_micros();
        let mut seen = Seen { words: Cow::Borrowed(state.words()), t: now };
        if self.needs_care(&seen.words, now) {
            let mut copy = State::from_words(seen.words.into_owned());
            let _ = self.take_care(&mut copy, now);
            seen.words = Cow::Owned(copy.into_words());
        }
        seen.t = now.max(seen.view().last_at());
        seen
    }

    /// The first instant after `now` at which, by time alone, the circuit reads otherwise, a lease, probe, block or mode ends,
    /// a level becomes full, or health says something else; `None` where nothing is to come. A host that shows a state sets its timer to it.
    ///
    /// ```
    /// use core::time::Duration;
    /// use stanchion::{Acquire, LimitConfig, Policy, Timestamp};
    ///
    /// let policy = Policy::builder("api").limit(LimitConfig::new("calls", 10, 10, 1_000)).build().unwrap();
    /// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
    /// let mut state = policy.new_state(now);
    /// assert_eq!(policy.next_change_at(&state, now), None);
    /// let _ = policy.acquire(&mut state, Acquire::new(), now);
    /// assert_eq!(policy.next_change_at(&state, now), Some(now.saturating_add(Duration::from_millis(100))));
    /// ```
    pub fn next_change_at(&self, state: &impl Live, now: Timestamp) -> Option<Timestamp> {
        let seen = self.look(state, now);
        let (view, t) = (seen.view(), seen.t);
        let circuit = Outlook::new(self, view, t).circuit_at(t);
        let mut next = NEVER_US;
        let mut comes = |at: u64| {
            if at > t {
                next = next.min(at);
            }
        };
        if let Some(rules) = &self.circuit {
            comes(circuit.changes_at(rules, view));
            // A mode that another policy left means nothing to one without a circuit.
            comes(circuit.mode_until);
        }
        comes(view.head[BLOCK]);
        if !circuit.drops_probes {
            view.probes().iter().for_each(|[_, end]| comes(*end));
        }
        by_end(view).for_each(|lease| comes(lease.expires_at));
        for (rules, [units, ..]) in self.limits.iter().zip(view.limits()) {
            comes(view.refills_from().saturating_add(rules.full_in_us(level(*units))));
        }
        self.health_changes(view, t, &mut comes);
        view.each_annex_change(self, t, comes);
        Timestamp::from_micros(next)
    }

    /// From when forgetting the state would admit nothing that keeping it refuses, and refuse nothing that keeping it
    /// admits; `None` for never, and for a state of another policy.
    ///
    /// It hides no flapping then, either; the age of the last success begins anew with a new state.
    ///
    /// Time-to-live and eviction go by it, never by idle time. It is exact but for results of calls begun before the
    /// last opening. A limit with `initial: "empty"`, and `forget_ms: null` with something counted, make it never.
    ///
    /// ```
    /// use core::time::Duration;
    /// use stanchion::{Acquire, LimitConfig, Policy, Timestamp};
    ///
    /// let policy = Policy::builder("api").limit(LimitConfig::new("calls", 10, 10, 1_000)).build().unwrap();
    /// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
    /// let mut state = policy.new_state(now);
    /// let _ = policy.acquire(&mut state, Acquire::new().cost(5), now);
    /// assert_eq!(policy.vacuous_at(&state), Some(now.saturating_add(Duration::from_millis(500))));
    /// ```
    pub fn vacuous_at(&self, state: &impl Live) -> Option<Timestamp> {
        let view = View::new(state.words())?;
        if view.fingerprint() != self.fingerprint() || view.head[LAST] & PARKED != 0 {
            return None;
        }
        let outlook = Outlook::new(self, view, view.last_at());
        let circuit = self.circuit.as_ref().map_or(Some(0), |rules| circuit_vacuous_at(&outlook, rules))?;
        let leases = by_end(view).map(|lease| lease.expires_at).max().unwrap_or(0);
        let mut at = view.last_at().max(view.head[BLOCK]).max(circuit).max(leases);
        for words in view.limits().iter().filter(|words| limit::from_words(words).name_hash != 0) {
            let limit = limit::from_words(words);
            if limit.starts_empty {
                return None;
            }
            at = at.max(view.refills_from().saturating_add(limit.full_in_us()));
        }
        Timestamp::from_micros(at.max(self.calm_at(view)).max(view.annexes_vacuous_at(self)?))
    }
}

/// From when the circuit reads as a new one, going from one change by time to the next.
fn circuit_vacuous_at(outlook: &Outlook<'_>, rules: &CircuitRules) -> Option<u64> {
    let view = outlook.view;
    let mut at = view.last_at();
    // Mode's end, open again, half-open, growth, counts: each at most once.
    for _ in 0..16 {
        let circuit = outlook.circuit_at(at);
        if circuit.mode.is_some() {
            at = Some(circuit.mode_until).filter(|until| *until != 0)?;
            continue;
        }
        if circuit.phase == Phase::Closed && (circuit.growth == 0 || !grows(rules)) {
            let counts_end = if circuit.clears_counts { 0 } else { empties_at(view, &judging(rules)) };
            let runs_end = if circuit.consecutive > 0 && rules.consecutive_failures > 1 { NEVER_US } else { 0 };
            let forgotten = circuit.touched_at.saturating_add(rules.forget_us);
            let end = counts_end.max(runs_end).min(forgotten).max(at);
            return (end <= Timestamp::MAX.as_micros()).then_some(end);
        }
        at = circuit.changes_at(rules, view);
        if at > Timestamp::MAX.as_micros() {
            return None;
        }
    }
    None
}

/// The rules for which it matters what was counted: one failure trips by itself, whatever came before it (which metrics-only
/// mode may have left there).
fn judging(rules: &CircuitRules) -> CircuitRules {
    CircuitRules { failures_in_window: rules.failures_in_window.filter(|rule| rule.count > 1), ..*rules }
}

/// Whether an opening after others takes longer than a first one: else growth is counted and means nothing.
fn grows(rules: &CircuitRules) -> bool {
    let second = rules.open_us.saturating_mul(u64::from(rules.open_multiplier_thousandths)).wrapping_div(1000);
    second.min(rules.open_max_us) != rules.open_us
}

impl Circuit {
    /// When the circuit next reads otherwise by time alone; [`NEVER_US`] for never.
    pub(crate) fn changes_at(&self, rules: &CircuitRules, view: View<'_>) -> u64 {
        match self.phase {
            Phase::Closed => {
                let has_counts = !self.clears_counts && empties_at(view, rules) > 0;
                let reads_as_new =
                    !has_counts && self.consecutive == 0 && self.growth == 0 && self.reason == Reason::None;
                let forgets = if reads_as_new { NEVER_US } else { self.touched_at.saturating_add(rules.forget_us) };
                forgets.min(self.growth_resets_at(rules))
            }
            Phase::Open => self.until_at,
            Phase::HalfOpen => self.reopens_at(rules).min(self.half_open_forgets_at(rules, view.probes())),
        }
    }
}
