//! The spool: nothing is lost, nothing is delivered out of order, and every wait is exact.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use stanchion::{
    Outcome, PaceConfig, Policy, SpoolAppend, SpoolAppended, SpoolChange, SpoolConfig, SpoolEnd, SpoolNext, SpoolOrder,
    SpoolRules, SpoolSettled, SpoolState, SpoolStep, Timestamp,
};

use crate::oracle::runner::check;

const START_US: u64 = 1_700_000_000_000_000;

/// What a host does.
#[derive(Debug, Clone, Copy)]
enum Do {
    /// An id of 0 is none.
    Append {
        id: u8,
        bytes: u64,
    },
    Lease,
    /// The word of one of the leases that were ever given.
    Settle {
        lease: usize,
        how: u8,
        wait_ms: u64,
    },
    Renew {
        lease: usize,
    },
    Requeue {
        seq: u64,
    },
    Remove {
        seq: u64,
    },
    Resume,
}

fn config() -> impl Strategy<Value = SpoolConfig> {
    let bounds = (1..=8_u32, 1..=40_u64, prop::option::of(1..=3_u32), prop::option::of(1..=4_000_u32));
    let waits = (30..=2_000_u32, 0..=1_000_u32, 1_000..=3_000_u32, any::<bool>());
    let rest =
        (prop::option::of((1..=4_u32, 1..=2_000_u32, prop::option::of(1..=3_000_u32))), 0..=3_000_u32, 1..=3_u32);
    (bounds, waits, rest).prop_map(
        |((items, bytes, attempts, age), (lease, base, max, is_strict), (pace, window, ids))| {
            let mut config =
                SpoolConfig::new().max_items(items).max_bytes(bytes).max_attempts(attempts).lease_ms(lease);
            config.max_age_ms = age;
            config.dedupe_window_ms = Some(window).filter(|ms| *ms > 0);
            config.pace = pace.map(|(items, ms, for_ms)| {
                let mut pace = PaceConfig::new(items, ms);
                pace.for_ms = for_ms;
                pace
            });
            let order = if is_strict { SpoolOrder::Strict } else { SpoolOrder::Loose };
            config.base_delay_ms(base).max_delay_ms(max).order(order).dedupe_capacity(ids)
        },
    )
}

fn input() -> impl Strategy<Value = Do> {
    let place = 0..6_usize;
    prop_oneof![
        6 => (0..4_u8, 0..20_u64).prop_map(|(id, bytes)| Do::Append { id, bytes }),
        8 => Just(Do::Lease),
        6 => (place.clone(), 0..4_u8, 0..5_000_u64).prop_map(|(lease, how, wait_ms)| Do::Settle { lease, how, wait_ms }),
        1 => place.prop_map(|lease| Do::Renew { lease }),
        1 => (1..12_u64).prop_map(|seq| Do::Requeue { seq }),
        1 => (1..12_u64).prop_map(|seq| Do::Remove { seq }),
        1 => Just(Do::Resume),
    ]
}

/// How far the clock goes before a step, in ms: mostly a little, sometimes back.
fn history() -> impl Strategy<Value = Vec<(i64, Do)>> {
    let steps = prop_oneof![4 => 0..=300_i64, 3 => 300..=3_000_i64, 1 => -900..=0_i64, 1 => -9_000..=-1_001_i64];
    vec((steps, input()), 1..60)
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Said {
    Appended(SpoolAppended),
    Next(SpoolNext),
    Settled(SpoolSettled),
}

struct Host {
    rules: SpoolRules,
    state: SpoolState,
    /// The same from the journal.
    journal: SpoolState,
    leases: Vec<(u64, u32)>,
    now: Timestamp,
}

impl Host {
    fn new(config: SpoolConfig) -> Self {
        let policy = Policy::builder("p").spool(config).build().expect("within the ranges");
        let now = Timestamp::from_micros(START_US).expect("an instant");
        let state = SpoolState::new(now);
        Self { rules: policy.spool().expect("a spool"), journal: state.clone(), state, leases: Vec::new(), now }
    }

    fn tell(&mut self, (forward_ms, input): (i64, Do)) -> Said {
        let now_us = self.now.as_micros().saturating_add_signed(forward_ms * 1_000);
        self.now = Timestamp::from_micros(now_us).expect("an instant");
        let (rules, now) = (self.rules, self.now);
        let (seq, lease) = match input {
            Do::Settle { lease, .. } | Do::Renew { lease } if !self.leases.is_empty() => {
                self.leases[self.leases.len() - 1 - lease.min(self.leases.len() - 1)]
            }
            _ => (1, 1),
        };
        let state = &mut self.state;
        match input {
            Do::Append { id, bytes } => {
                let append = SpoolAppend::new(bytes);
                let append = if id == 0 { append } else { append.id(&id.to_string()).expect("an id") };
                let peeked = rules.peek_append(state, &append, now);
                let step = rules.append(state, &append, now);
                assert_eq!(peeked, step.answer, "a peek says what the append does");
                Said::Appended(self.journaled(step))
            }
            Do::Lease => {
                let step = rules.lease(state, now);
                let next = self.journaled(step);
                if let SpoolNext::Leased { seq, lease, .. } = next {
                    self.leases.push((seq, lease));
                }
                Said::Next(next)
            }
            Do::Settle { how, wait_ms, .. } => {
                let outcome =
                    [Outcome::Success, Outcome::Failure, Outcome::Ignored, Outcome::Failure][usize::from(how)];
                let later = now.saturating_add(core::time::Duration::from_millis(wait_ms));
                let end = if how == 3 { SpoolEnd::refused() } else { SpoolEnd::new(outcome).not_before(later) };
                let step = rules.settle(state, seq, lease, end, now);
                Said::Settled(self.journaled(step))
            }
            Do::Renew { .. } => {
                let step = rules.renew(state, seq, lease, now);
                Said::Settled(self.journaled(step))
            }
            Do::Requeue { seq } => {
                let step = rules.requeue(state, seq, now);
                Said::Settled(self.journaled(step))
            }
            Do::Remove { seq } => {
                let step = rules.remove(state, seq, now);
                Said::Settled(self.journaled(step))
            }
            Do::Resume => {
                let step = rules.resume(state, now);
                Said::Settled(self.journaled(step))
            }
        }
    }

    fn journaled<T>(&mut self, step: SpoolStep<T>) -> T {
        step.changes.iter().for_each(|change| self.journal.apply(change, step.at));
        step.answer
    }

    fn present(&self) -> BTreeSet<u64> {
        self.state.items().chain(self.state.dead_letters()).map(|item| item.seq).collect()
    }
}

/// What was accepted is there until it is acknowledged or removed; numbers ascend and the bounds hold.
#[test]
fn nothing_that_was_accepted_is_lost() {
    check((config(), history()), |(config, steps)| {
        let (max_items, max_bytes) = (u64::from(config.max_items), config.max_bytes);
        let mut host = Host::new(config);
        let (mut there, mut last) = (BTreeSet::new(), 0);
        for step in steps {
            let before = there.clone();
            let said = host.tell(step);
            let after = host.present();
            match said {
                Said::Appended(SpoolAppended::Accepted { seq }) => {
                    prop_assert_eq!(seq, last + 1);
                    last = seq;
                    there.insert(seq);
                }
                Said::Settled(SpoolSettled::Acknowledged | SpoolSettled::Removed) => {
                    let gone: Vec<u64> = before.difference(&after).copied().collect();
                    prop_assert_eq!(gone.len(), 1);
                    there.remove(&gone[0]);
                }
                _ => {}
            }
            prop_assert_eq!(&after, &there);
            prop_assert!(host.state.len() <= max_items && host.state.bytes() <= max_bytes);
            let bytes = host.state.items().chain(host.state.dead_letters()).map(|item| item.bytes).sum::<u64>();
            prop_assert_eq!(bytes, host.state.bytes());
        }
        Ok(())
    });
}

/// The journal is the state, also one that was begun anew, and so is its JSON.
#[test]
fn the_changes_are_the_state() {
    check((config(), history()), |(config, steps)| {
        let mut host = Host::new(config);
        for step in steps {
            host.tell(step);
            prop_assert_eq!(SpoolState::from_json(&host.state.to_json()), Ok(host.state.clone()));
            let mut anew = SpoolState::continued(host.state.last_at(), host.state.last_seq(), host.state.last_lease());
            host.state.changes().for_each(|(at, change)| anew.apply(&change, at));
            prop_assert_eq!(&anew, &host.state);
            // Ids are forgotten by time, which no journal tells: it knows the same ones, and some before them.
            let others = |state: &SpoolState| {
                let is_known = |change: &SpoolChange| matches!(change, SpoolChange::Known { .. });
                state.changes().filter(|(_, change)| !is_known(change)).collect::<Vec<_>>()
            };
            prop_assert_eq!(others(&host.journal), others(&host.state));
            let before = host.journal.known_ids().len() - host.state.known_ids().len();
            prop_assert!(host.journal.known_ids().skip(before).eq(host.state.known_ids()));
        }
        Ok(())
    });
}

/// Under strict order nobody has two items at once, and what is acknowledged by its lease was the first.
#[test]
fn strict_order_is_strict() {
    check((config(), history()), |(config, steps)| {
        let mut host = Host::new(config.order(SpoolOrder::Strict));
        for step in steps {
            let first = host.state.items().next().map(|item| item.seq);
            let live = |host: &Host| host.rules.totals(&host.state, host.now).leased;
            if let Said::Next(SpoolNext::Leased { seq, .. }) = host.tell(step) {
                prop_assert_eq!(Some(seq), first);
            }
            prop_assert!(live(&host) <= 1);
        }
        Ok(())
    });
}

/// A wait is exact: a microsecond before its end there is still nothing to deliver, and at its end something is to be done. A
/// peek says what the lease will.
#[test]
fn a_wait_is_exact() {
    check((config(), history()), |(config, steps)| {
        let mut host = Host::new(config);
        for step in steps {
            host.tell(step);
            let peeked = host.rules.peek(&host.state, host.now);
            let leased = host.rules.lease(&mut host.state.clone(), host.now).answer;
            // Only the number of the lease is not known beforehand.
            let without_number = |next| match next {
                SpoolNext::Leased { seq, attempt, until, .. } => Some((seq, attempt, until)),
                _ => None,
            };
            prop_assert_eq!(without_number(peeked), without_number(leased));
            prop_assert!(without_number(leased).is_some() || peeked == leased);
            if let SpoolNext::Wait { at, .. } = leased {
                let before = at.saturating_sub(core::time::Duration::from_micros(1));
                prop_assert!(at > host.now);
                let still = host.rules.peek(&host.state, before.max(host.now));
                // One that is held back by the pace may meanwhile grow too old.
                prop_assert!(!matches!(still, SpoolNext::Leased { .. } | SpoolNext::Empty), "{:?}", still);
                let then = host.rules.peek(&host.state, at);
                prop_assert!(matches!(then, SpoolNext::Leased { .. } | SpoolNext::Dead { .. }), "{:?}", then);
            }
        }
        Ok(())
    });
}

/// Whatever clocks do, nobody waits longer than a lease, the longest delay or the pace, and the tolerance.
#[test]
fn no_wait_is_longer_than_the_policy_allows() {
    check((config(), history()), |(config, steps)| {
        let spacing_ms = config.pace.as_ref().map_or(0, |pace| pace.interval_ms / pace.items + 1);
        let longest_ms = config.lease_ms.max(config.max_delay_ms.unwrap_or(0)).max(spacing_ms) + 1_000;
        let mut host = Host::new(config);
        for step in steps {
            host.tell(step);
            if let SpoolNext::Wait { at, .. } = host.rules.peek(&host.state, host.now) {
                prop_assert!(at.saturating_since(host.now).as_millis() <= u128::from(longest_ms));
            }
        }
        Ok(())
    });
}

/// An id is a duplicate while its item is there, and for the window after it was acknowledged, and else not.
#[test]
fn an_id_is_taken_once() {
    check((config(), history()), |(config, steps)| {
        let window_us = u64::from(config.dedupe_window_ms.unwrap_or(0)) * 1_000;
        let mut host = Host::new(config.dedupe_capacity(1_000).max_items(1_000).max_bytes(1_000_000));
        // By ids: the item that is there, or when it was acknowledged, in state time.
        let (mut here, mut gone) = (BTreeMap::new(), BTreeMap::new());
        for step in steps {
            let items: BTreeMap<u64, Option<String>> = host
                .state
                .items()
                .chain(host.state.dead_letters())
                .map(|item| (item.seq, item.id.as_deref().map(str::to_string)))
                .collect();
            let behind = host.state.last_at();
            let said = host.tell(step);
            let behind_us = behind.as_micros().saturating_sub(host.now.as_micros());
            let t = if behind_us > 1_000_000 {
                for at in gone.values_mut() {
                    *at -= behind_us;
                }
                host.now.as_micros()
            } else {
                host.now.max(behind).as_micros()
            };
            let present = host.present();
            if let (Said::Appended(answer), Do::Append { id: id @ 1.., .. }) = (said, step.1) {
                let id = id.to_string();
                let is_known = gone.get(&id).is_some_and(|at| t - at < window_us);
                let expected = match here.get(&id) {
                    Some(seq) => SpoolAppended::Duplicate { seq: Some(*seq) },
                    None if is_known => SpoolAppended::Duplicate { seq: None },
                    None => SpoolAppended::Accepted { seq: host.state.last_seq() },
                };
                prop_assert_eq!(answer, expected);
                if let SpoolAppended::Accepted { seq } = answer {
                    here.insert(id, seq);
                }
            }
            for (seq, id) in items.iter().filter(|(seq, _)| !present.contains(seq)) {
                let Some(id) = id else { continue };
                prop_assert_eq!(here.remove(id), Some(*seq));
                if said == Said::Settled(SpoolSettled::Acknowledged) {
                    gone.insert(id.clone(), t);
                }
            }
        }
        Ok(())
    });
}

/// Any text is a state, an input, or refused.
#[test]
fn hostile_text_is_only_an_error() {
    let policy = Policy::from_json(r#"{ "name": "p", "spool": {} }"#).expect("a policy");
    let now = Timestamp::from_micros(START_US).expect("an instant");
    let mut state = SpoolState::new(now);
    let mut item = stanchion::SpoolItem::new(1, 10, now);
    item.id = Some("a".into());
    state.apply(&SpoolChange::Item(item), now);
    let text = state.to_json();
    assert!(policy.spool_step(&text, r#"{"lease":{}}"#, now).is_ok());
    for (from, to, field) in [
        (r#""seq":1"#, r#""seq":0"#, "state.items[0].seq"),
        (r#""seq":1"#, r#""seq":2"#, "state.items[0].seq"),
        (r#""id":"a""#, r#""id":"""#, "state.items[0].id"),
        (r#""status":"waiting""#, r#""status":"dead""#, "state.items[0].status"),
        (r#""why":null"#, r#""why":"boredom""#, "state.items[0].why"),
        (r#""last_seq":1"#, r#""last_seq":-1"#, "state.last_seq"),
        (r#""known_ids":[]"#, r#""known_ids":{}"#, "state.known_ids"),
    ] {
        let broken = text.replacen(from, to, 1);
        assert_ne!(broken, text, "{from}");
        let error = policy.spool_step(&broken, r#"{"lease":{}}"#, now).expect_err(to);
        assert_eq!(error.field, field, "{error}");
    }
    let twice = text.replacen(r#""items":["#, &format!(r#""items":[{},"#, &item_of(&text)), 1);
    assert_eq!(policy.spool_step(&twice, r#"{"lease":{}}"#, now).expect_err("twice").field, "state.items[1].seq");
    let without = Policy::from_json(r#"{ "name": "p" }"#).expect("a policy");
    assert_eq!(without.spool_step("null", r#"{"lease":{}}"#, now).expect_err("no spool").field, "spool");
}

/// The first item of a state, as it stands in the text.
fn item_of(text: &str) -> &str {
    let begin = text.find(r#"{"seq""#).expect("an item");
    let end = text[begin..].find('}').expect("its end") + begin + 1;
    &text[begin..end]
}
