//! Queries, which write nothing: what an acquire would be answered, what changes next by itself, and when a state says
//! nothing any more.

use crate::answer::Peek;
use crate::bulkhead::by_end;
use crate::circuit::Circuit;
use crate::input::Acquire;
use crate::limit;
use crate::live::{BLOCK, LAST, PARKED, View};
use crate::num::level;
use crate::outlook::Outlook;
use crate::policy::{CircuitRules, NEVER_US, Policy};
use crate::snapshot::{Phase, Reason};
use crate::state::Live;
use crate::time::Timestamp;
use crate::window::empties_at;

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
        let rejection =
            self.look(state, now, |view, t| Outlook { policy: self, view, wish: *wish, t }.rejection(now.as_micros()));
        rejection.map_or(Peek::Admits, Peek::Rejects)
    }

    /// Looks at a state as it would be at `now`, adopted and repaired where that is due.
    pub(crate) fn look<T>(&self, state: &impl Live, now: Timestamp, look: impl FnOnce(View<'_>, u64) -> T) -> T {
        let now = now.as_micros();
        let copy;
        let mut words = state.words();
        if self.needs_care(words, now) {
            let mut owned = crate::State::from_words(words.to_vec());
            let _ = self.take_care(&mut owned, now);
            copy = owned;
            words = copy.words();
        }
        let blank = [0; crate::live::HEAD];
        let view = View::new(words).unwrap_or(View { head: &blank, body: &[] });
        look(view, now.max(view.last_at()))
    }

    /// The first instant after `now` at which, by time alone, the circuit reads otherwise, a lease, probe, block or mode ends,
    /// or a level becomes full; `None` where nothing is to come. A host that shows a state sets its timer to it.
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
        self.look(state, now, |view, t| {
            let outlook = Outlook { policy: self, view, wish: Acquire::new(), t };
            let circuit = outlook.circuit_at(t);
            let probes = view.probes().iter().map(|[_, end]| *end).filter(|_| !circuit.drops_probes);
            let leases = by_end(view).map(|lease| lease.expires_at);
            let from = view.refills_from();
            let levels = self
                .limits
                .iter()
                .zip(view.limits())
                .map(|(rules, [units, ..])| from.saturating_add(rules.full_in_us(level(*units))));
            let moves = self.circuit.as_ref().map_or(NEVER_US, |rules| circuit.changes_at(rules, view));
            // A mode that another policy left means nothing to one without a circuit.
            let has_mode = self.circuit.is_some() && circuit.mode_until != 0;
            let mode = if has_mode { circuit.mode_until } else { NEVER_US };
            let next =
                probes.chain(leases).chain(levels).chain([moves, mode, view.head[BLOCK]]).filter(|at| *at > t).min();
            next.filter(|at| *at <= Timestamp::MAX.as_micros()).and_then(Timestamp::from_micros)
        })
    }

    /// From when forgetting the state would admit nothing that keeping it refuses, and refuse nothing that keeping it
    /// admits; `None` for never, and for a state of another policy.
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
        let outlook = Outlook { policy: self, view, wish: Acquire::new(), t: view.last_at() };
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
        Timestamp::from_micros(at)
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
            let counts_end = if circuit.clears_counts { 0 } else { empties_at(view, rules) };
            let runs_end = if circuit.consecutive > 0 { NEVER_US } else { 0 };
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
