//! Limits: never more than the law allows, never above a bucket that took only what was not given back.

use std::collections::HashMap;

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use stanchion::{Snapshot, name_hash};

use crate::oracle::history::{Op, Said};
use crate::oracle::runner::check;
use crate::oracle::spec::{LimitSpec, Spec};
use crate::oracle::strategy::{history, spec, start};
use crate::oracle::timeline::{Engine, Honest, Moment, is_admitted, timeline};

/// What happened to one limit, in state time. Amounts in units.
#[derive(Debug, Clone, PartialEq)]
enum Entry {
    /// So many µs in which it refilled.
    Refill(i128),
    /// So many µs in which it did not: a block was ahead.
    Pause(i128),
    /// The permit of that number took so much.
    Take(usize, i128),
    /// So much more was owed.
    Owe(i128),
    /// A block left at most so much.
    Lower(i128),
    /// It began anew.
    Restart,
    /// What the engine says that is there.
    Level(i128),
}

/// What the engine did to one limit, and what came back of each permit.
#[derive(Debug, Default)]
struct Ledger {
    entries: Vec<Entry>,
    given_back: HashMap<usize, i128>,
    /// What the call really cost, in units, where that is less than its estimate; 0 for one that never began.
    real: HashMap<usize, i128>,
}

fn level(snapshot: &Snapshot, limit: &LimitSpec) -> i128 {
    let stored = snapshot.limits.iter().find(|stored| stored.name_hash == name_hash(&limit.name));
    i128::from(stored.expect("a state has all limits of its policy").level)
}

fn full(limit: &LimitSpec) -> i128 {
    i128::from(limit.capacity) * limit.unit()
}

fn charge(limit: &LimitSpec, cost: u32) -> i128 {
    if limit.is_per_call { limit.unit() } else { i128::from(cost) * limit.unit() }
}

impl Ledger {
    /// The time from one state to the next, as the engine counts it: a clock that stepped back takes none.
    fn pass(&mut self, before: &Snapshot, after: &Snapshot) {
        let end = before.block_until.clamp(before.last_at.min(after.last_at), after.last_at);
        let from = if after.last_at < before.last_at { after.last_at } else { before.last_at.max(end) };
        self.entries.push(Entry::Pause(i128::from(from.saturating_sub(before.last_at))));
        self.entries.push(Entry::Refill(i128::from(after.last_at - from)));
    }

    /// What a bucket holds that did as the entries say, up to the last of them.
    fn now(&self, limit: &LimitSpec) -> i128 {
        let mut bucket = Reference::new(limit);
        self.entries.iter().for_each(|entry| bucket.follow(entry, &HashMap::new()));
        bucket.level
    }
}

/// A bucket in wide integers that does what it is told, and takes of each permit only what was not given back.
struct Reference {
    level: i128,
    full: i128,
    start: i128,
    rate: i128,
}

impl Reference {
    fn new(limit: &LimitSpec) -> Self {
        let start = if limit.starts_empty { 0 } else { full(limit) };
        Self { level: start, full: full(limit), start, rate: limit.rate() }
    }

    fn follow(&mut self, entry: &Entry, given_back: &HashMap<usize, i128>) {
        match entry {
            Entry::Refill(us) => self.level = (self.level + us * self.rate).min(self.full),
            Entry::Take(permit, units) => self.level -= units - given_back.get(permit).unwrap_or(&0),
            Entry::Owe(units) => self.level -= units,
            Entry::Lower(most) => self.level = self.level.min(*most),
            Entry::Restart => self.level = self.start,
            Entry::Level(_) | Entry::Pause(_) => {}
        }
    }
}

/// Notes one step for one limit. The engine's level after it tells what was given back or owed.
fn note(
    ledger: &mut Ledger,
    spec: &Spec,
    limit: &LimitSpec,
    moment: &Moment,
    engine: &Engine,
    before: &Snapshot,
    said: &Said,
) {
    let after = engine.state.snapshot();
    let blocked = after.block_until > before.block_until;
    ledger.pass(before, &after);
    match &moment.op {
        Op::Acquire { cost, .. } if is_admitted(said) => {
            ledger.entries.push(Entry::Take(engine.permits.0.len() - 1, charge(limit, *cost)));
        }
        Op::Settle { pick, .. } | Op::Cancel(pick) => {
            let index = engine.permits.index(pick).expect("an honest host settles what it has");
            let came_back = level(&after, limit) - replayed(ledger, limit);
            if came_back >= 0 {
                ledger.given_back.insert(index, came_back);
            } else {
                ledger.entries.push(Entry::Owe(-came_back));
            }
        }
        Op::Block(_) if blocked => {
            let percent = spec.block.as_ref().map_or(0, |block| i128::from(block.after_percent));
            ledger.entries.push(Entry::Lower(full(limit) * percent / 100));
        }
        Op::Reset => ledger.entries.push(Entry::Restart),
        _ => {}
    }
    ledger.entries.push(Entry::Level(level(&after, limit)));
}

/// The level just before what the last entries are about: the last level that was told, and the refill since.
fn replayed(ledger: &Ledger, limit: &LimitSpec) -> i128 {
    let told = ledger.entries.iter().rposition(|entry| matches!(entry, Entry::Level(_)));
    let Some(told) = told else { return ledger.now(limit) };
    let Entry::Level(level) = ledger.entries[told] else { unreachable!("just found") };
    let mut bucket = Reference { level, ..Reference::new(limit) };
    ledger.entries[told..].iter().for_each(|entry| bucket.follow(entry, &HashMap::new()));
    bucket.level
}

/// Plays a history as an honest host tells it and keeps a ledger for each limit.
fn ledgers(specs: &[Spec], start: u64, moments: &[Moment]) -> Vec<Ledger> {
    let spec = &specs[0];
    let mut engine = Engine::new(specs, start);
    let mut honest = Honest::default();
    let mut ledgers: Vec<Ledger> = spec.limits.iter().map(|_| Ledger::default()).collect();
    for moment in moments {
        if !honest.does(&moment.op, &engine.permits) {
            continue;
        }
        let before = engine.state.snapshot();
        let reply = engine.tell(moment);
        let after = engine.state.snapshot();
        for (ledger, limit) in ledgers.iter_mut().zip(&spec.limits) {
            if reply.changed {
                note(ledger, spec, limit, moment, &engine, &before, &reply.said);
            }
            real_cost(ledger, limit, moment, &engine);
        }
        debug_assert!(reply.changed || before == after);
    }
    ledgers
}

fn real_cost(ledger: &mut Ledger, limit: &LimitSpec, moment: &Moment, engine: &Engine) {
    let (pick, actual) = match &moment.op {
        Op::Cancel(pick) => (pick, 0),
        Op::Settle { pick, actual: Some(actual), .. } if !limit.is_per_call => (pick, *actual),
        _ => return,
    };
    let index = engine.permits.index(pick).expect("an honest host settles what it has");
    let units = if matches!(moment.op, Op::Cancel(_)) { 0 } else { charge(limit, actual) };
    ledger.real.insert(index, units);
}

/// The law over every span that begins with a permit: `counts` says what of a permit counts.
fn keeps_the_law(limit: &LimitSpec, ledger: &Ledger, extra: i128, counts: impl Fn(&Entry) -> i128) -> TestCaseResult {
    for (from, first) in ledger.entries.iter().enumerate() {
        if !matches!(first, Entry::Take(..)) {
            continue;
        }
        let (mut admitted, mut elapsed) = (0, 0);
        for entry in &ledger.entries[from..] {
            match entry {
                Entry::Restart => break,
                Entry::Refill(us) | Entry::Pause(us) => elapsed += us,
                entry => admitted += counts(entry),
            }
            let most = full(limit) + limit.rate() * elapsed + extra;
            prop_assert!(admitted <= most, "{admitted} units in {elapsed} µs, {most} allowed: {limit:?}\n{ledger:#?}");
        }
    }
    Ok(())
}

/// In no span of state time is more admitted than `capacity + refill × elapsed`: each permit at its instant with the
/// smaller of estimate and actual cost, cancelled ones left out. A reset starts the account anew.
#[test]
fn no_span_admits_more_than_the_law() {
    check((limited(), start(), history(1, 60)), |(spec, start, steps)| {
        let specs = [spec];
        let moments = timeline(&specs, start, &steps);
        for (ledger, limit) in ledgers(&specs, start, &moments).iter().zip(&specs[0].limits) {
            let smaller = |entry: &Entry| match entry {
                Entry::Take(permit, units) => ledger.real.get(permit).map_or(*units, |real| *real.min(units)),
                _ => 0,
            };
            keeps_the_law(limit, ledger, 0, smaller)?;
        }
        Ok(())
    });
}

/// With overspend counted when it is charged, and nothing of what is given back, at most `max_debt` more.
#[test]
fn debt_adds_at_most_max_debt() {
    check((limited(), start(), history(1, 60)), |(spec, start, steps)| {
        let specs = [spec];
        let moments = timeline(&specs, start, &steps);
        for (ledger, limit) in ledgers(&specs, start, &moments).iter().zip(&specs[0].limits) {
            let charged = |entry: &Entry| match entry {
                Entry::Take(permit, units) => units - ledger.given_back.get(permit).unwrap_or(&0),
                Entry::Owe(units) => *units,
                _ => 0,
            };
            keeps_the_law(limit, ledger, i128::from(limit.max_debt) * limit.unit(), charged)?;
        }
        Ok(())
    });
}

/// No level is ever above that of a bucket that, from the start, took of each permit only what was not given back in
/// the end; and none is below the debt that is allowed.
#[test]
fn no_level_is_above_the_reference_bucket() {
    check((limited(), start(), history(1, 60)), |(spec, start, steps)| {
        let specs = [spec];
        let moments = timeline(&specs, start, &steps);
        for (ledger, limit) in ledgers(&specs, start, &moments).iter().zip(&specs[0].limits) {
            let mut bucket = Reference::new(limit);
            for entry in &ledger.entries {
                bucket.follow(entry, &ledger.given_back);
                if let Entry::Level(level) = entry {
                    prop_assert!(*level <= bucket.level, "{level} above {}: {limit:?}\n{ledger:#?}", bucket.level);
                    prop_assert!(*level >= -i128::from(limit.max_debt) * limit.unit(), "{level}: too deep in debt");
                    prop_assert!(*level <= full(limit), "{level}: more than full");
                }
            }
        }
        Ok(())
    });
}

/// Every admission is one that the account covers: tokens, and never more than one's own.
#[test]
fn a_refusal_takes_nothing_and_an_admission_what_it_says() {
    check((limited(), start(), history(1, 60)), |(spec, start, steps)| {
        let specs = [spec];
        let moments = timeline(&specs, start, &steps);
        for (ledger, limit) in ledgers(&specs, start, &moments).iter().zip(&specs[0].limits) {
            let mut bucket = Reference::new(limit);
            for (n, entry) in ledger.entries.iter().enumerate() {
                let came_back = match entry {
                    Entry::Level(level) if *level > bucket.level => level - bucket.level,
                    _ => 0,
                };
                let is_given_back = ledger.given_back.values().any(|units| *units == came_back);
                prop_assert!(came_back == 0 || is_given_back, "entry {n}: {came_back} units from nowhere\n{ledger:#?}");
                bucket.follow(entry, &HashMap::new());
                bucket.level += came_back;
                prop_assert!(
                    bucket.level >= 0 || !matches!(entry, Entry::Take(..)),
                    "entry {n} takes what is not there"
                );
                if let Entry::Level(level) = entry {
                    prop_assert_eq!(*level, bucket.level, "entry {} of {:?}\n{:#?}", n, limit, ledger);
                }
            }
        }
        Ok(())
    });
}

/// Policies that have a limit.
fn limited() -> impl Strategy<Value = Spec> {
    spec().prop_filter("with a limit", |spec| !spec.limits.is_empty())
}
