//! Health: what it says, when it changes by time alone, and that what is rolled up is never better than its parts.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use stanchion::{
    Command, Facts, Fault, Health, HealthReason, HealthReasons, HealthReport, Hold, Outcome, Policy, Recovery, Run,
    State,
};

use crate::oracle::history::{End, Op, at};
use crate::oracle::model::Model;
use crate::oracle::runner::check;
use crate::oracle::spec::{HealthSpec, Spec};
use crate::oracle::strategy::{health as rules, history, spec, start};
use crate::oracle::timeline::{Engine, timeline};

/// What any policy may answer: in shadow mode it is degraded at most.
fn health() -> impl Strategy<Value = Health> {
    (any::<u32>(), any::<u32>(), any::<bool>()).prop_map(|(bits, other, is_shadow)| {
        let mut health = Health::of(HealthReasons::from_bits(bits & other));
        health.is_live |= is_shadow;
        health.is_ready |= is_shadow;
        health
    })
}

/// Not live is not ready, not ready is degraded, and degraded has a reason.
fn is_sound(health: Health) -> bool {
    (health.is_live || !health.is_ready)
        && (health.is_ready || health.is_degraded)
        && health.is_degraded != health.reasons.is_empty()
}

#[test]
fn no_part_is_worse_than_the_whole() {
    check(vec(health(), 0..6), |parts| {
        let whole: Health = parts.iter().copied().collect();
        prop_assert!(is_sound(whole));
        for part in &parts {
            prop_assert!(part.is_live || !whole.is_live);
            prop_assert!(part.is_ready || !whole.is_ready);
            prop_assert!(!part.is_degraded || whole.is_degraded);
            prop_assert_eq!(part.reasons.union(whole.reasons), whole.reasons);
            prop_assert!(part.live_status() <= whole.live_status() && part.ready_status() <= whole.ready_status());
        }
        for reason in whole.reasons.iter() {
            prop_assert!(parts.iter().any(|part| part.reasons.contains(reason)), "{reason:?} is no part's");
        }
        // Nor is the whole worse than its worst parts.
        prop_assert_eq!(whole.is_live, parts.iter().all(|part| part.is_live));
        prop_assert_eq!(whole.is_ready, parts.iter().all(|part| part.is_ready));
        Ok(())
    });
}

#[test]
fn rolling_up_goes_in_any_order() {
    check((health(), health(), health()), |(a, b, c)| {
        prop_assert_eq!(a.and(b), b.and(a));
        prop_assert_eq!(a.and(b).and(c), a.and(b.and(c)));
        prop_assert_eq!((a.and(a), a.and(Health::WELL)), (a, a));
        Ok(())
    });
}

/// The statuses of the bodies are those of the answers, and the JSON form carries all.
#[test]
fn json_says_the_same() {
    check(vec(("[a-z\"é]{0,3}", health()), 0..4), |parts| {
        let report = parts.iter().cloned().fold(HealthReport::new(), |all, (name, health)| all.check(name, health));
        let whole = report.health();
        prop_assert_eq!(Health::from_json(&whole.to_json()), Ok(whole));
        for (body, status) in [(report.live_body(), whole.live_status()), (report.ready_body(), whole.ready_status())] {
            let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
            let expected = match (status, whole.is_degraded) {
                (503, _) => "fail",
                (_, true) => "warn",
                (_, false) => "pass",
            };
            prop_assert_eq!(&body["status"], expected);
            for (name, _) in &parts {
                prop_assert!(body["checks"][name][0]["status"].is_string(), "{name} is left out of {body}");
            }
        }
        Ok(())
    });
}

/// Any policy with rules for health; some are in shadow mode.
fn watched() -> BoxedStrategy<Spec> {
    let parts = (spec(), rules(), prop::bool::weighted(0.1));
    parts.prop_map(|(spec, health, is_shadow)| Spec { health: Some(health), is_shadow, ..spec }).boxed()
}

/// What is asked of is what the reference model says, whoever takes turns on the state, and whatever only time has brought.
#[test]
fn health_is_the_models() {
    check(([watched(), watched(), spec()], start(), history(3, 30)), |(specs, start, steps)| {
        let mut engine = Engine::new(&specs, start);
        let mut model = Model::new(&specs[0], start);
        for moment in timeline(&specs, start, &steps) {
            let (policy, spec) = (engine.policies[moment.policy].clone(), &specs[moment.policy]);
            model.step(spec, &moment.op, &engine.permits.clone(), moment.now);
            engine.tell(&moment);
            let edges = model.read(spec, moment.now).edges(1);
            let around = edges.into_iter().filter(|edge| *edge < 1 << 52).take(6).flat_map(|edge| [edge - 1, edge]);
            for now in [moment.now, moment.now + 1, moment.now + 1500].into_iter().chain(around) {
                let is_away = now % 2 == 0;
                let got = policy.health(&engine.state, &Facts::new().is_store_away(is_away), at(now));
                let names = got.reasons.iter().map(HealthReason::name).collect::<Vec<_>>();
                let got = (got.is_live, got.is_ready, got.is_degraded, names);
                prop_assert_eq!(got, model.read(spec, now).says(is_away), "after {:?}, asked at {}", moment, now);
            }
        }
        Ok(())
    });
}

/// By time alone an answer changes only at the instants that `next_change_at` tells.
#[test]
fn health_changes_only_when_it_was_told() {
    check(([watched(), watched()], start(), history(2, 25), 0..u64::MAX), |(specs, start, steps, part)| {
        let mut engine = Engine::new(&specs, start);
        for moment in timeline(&specs, start, &steps) {
            engine.tell(&moment);
            let policy = engine.policy(&moment);
            let says = |now: u64| policy.health(&engine.state, &Facts::new(), at(now));
            let mut now = moment.now;
            // A few changes on: each time it says the same until the next one.
            for _ in 0..6 {
                let next = policy.next_change_at(&engine.state, at(now)).map(stanchion::Timestamp::as_micros);
                let until = next.unwrap_or(now + 100_000_000_000_000).min((1 << 52) - 1);
                for between in [now + part % (until - now).max(1), until - 1] {
                    prop_assert_eq!(says(now), says(between.max(now)), "{} to {} after {:?}", now, between, moment);
                }
                now = match next {
                    Some(next) => next,
                    None => break,
                };
            }
        }
        Ok(())
    });
}

/// Whether an operation tells of a success, of a call that was let through.
fn is_success(op: &Op, engine: &Engine) -> bool {
    match op {
        Op::Settle { pick, end: End::Success, .. } => engine.permits.pick(pick).generation != 0,
        Op::Report { end: End::Success, .. } => true,
        Op::SettleMany { calls, .. } => calls.iter().any(|call| call & 1 == 0),
        _ => false,
    }
}

/// What is ready had a success within the age; and one within fifteen sixteenths of it is never too old.
#[test]
fn what_is_ready_had_a_success_within_the_age() {
    let spec = (watched(), 1..=60_u64).prop_map(|(spec, ms)| {
        let flapping = spec.health.as_ref().and_then(|health| health.flapping);
        Spec { health: Some(HealthSpec { max_age_ms: Some(ms), flapping }), ..spec }
    });
    check((spec, start(), history(1, 40), 0..100_000_u64), |(spec, start, steps, later)| {
        let age_us = spec.health.as_ref().and_then(|health| health.max_age_ms).expect("it asks") * 1000;
        let mut engine = Engine::new(std::slice::from_ref(&spec), start);
        let mut worked_at = start;
        for moment in timeline(&[spec], start, &steps) {
            let (before, has_worked) = (engine.state.snapshot().last_at, is_success(&moment.op, &engine));
            let events = engine.tell(&moment).events;
            if events.contains(&stanchion::Event::ClockStepped) {
                worked_at -= before - moment.now;
            }
            let t = moment.now.max(engine.state.snapshot().last_at);
            if has_worked || matches!(moment.op, Op::Reset) {
                worked_at = t;
            }
            // A clock may step back behind a success that was not written: the state never saw that instant.
            worked_at = worked_at.min(t);
            for x in [t, t + later, worked_at + age_us - 1, worked_at + age_us] {
                let x = x.max(t);
                let health = engine.policies[0].health(&engine.state, &Facts::new(), at(x));
                let is_too_old = health.reasons.contains(HealthReason::SuccessTooOld);
                let age = x - worked_at;
                prop_assert!(is_too_old || age < age_us, "{age} µs old, and not too old, after {moment:?}");
                prop_assert!(!is_too_old || age >= age_us - age_us / 16, "{age} µs old, and too old, after {moment:?}");
            }
        }
        Ok(())
    });
}

/// Failures until it opens, probes that fail, and what else moves a circuit, without a permit from before.
fn goes_on(policy: &Policy, state: &mut State, now: u64, n: u64) {
    let command = match n % 4 {
        0 => Command::Trip,
        1 => Command::Report { outcome: Outcome::Success, duration: None },
        _ => Command::Report { outcome: Outcome::Failure, duration: None },
    };
    let _ = policy.command(state, &command, at(now));
}

fn is_as_well(policy: &Policy, sixteenth_us: u64, kept: &State, from: u64, gaps: &[(u64, u64)]) -> TestCaseResult {
    let (mut kept, mut new, mut now) = (kept.clone(), policy.new_state(at(from)), from);
    for (gap, n) in gaps {
        let says = |state: &State, now: u64| policy.health(state, &Facts::new(), at(now)).reasons;
        let but_for_age =
            |reasons: HealthReasons| reasons.iter().filter(|reason| *reason != HealthReason::SuccessTooOld).collect();
        let (by_kept, by_new): (Vec<_>, Vec<_>) = (but_for_age(says(&kept, now)), but_for_age(says(&new, now)));
        prop_assert_eq!(by_kept, by_new, "kept and new differ at {}", now);
        // The sixteenth in which no success is written begins at another success in each.
        let is_too_old = says(&new, now).contains(HealthReason::SuccessTooOld);
        let soon = says(&kept, now + sixteenth_us).contains(HealthReason::SuccessTooOld);
        prop_assert!(!is_too_old || soon, "the new one is worse at {now}");
        now += gap;
        goes_on(policy, &mut kept, now, *n);
        goes_on(policy, &mut new, now, *n);
    }
    Ok(())
}

/// Whoever forgets a state from `vacuous_at` on hides no flapping and makes nothing worse; only the age of the last success
/// begins anew.
#[test]
fn forgetting_hides_no_flapping() {
    let gap = prop_oneof![Just(0_u64), (0..=5_u64).prop_map(|n| n * 1000), 0..=30_000_u64];
    let gaps = vec((gap, any::<u64>()), 1..=15);
    check((watched(), start(), history(1, 15), gaps), |(spec, start, steps, gaps)| {
        let sixteenth_us = spec.health.as_ref().and_then(|health| health.max_age_ms).unwrap_or(0) * 1000 / 16;
        let specs = [spec];
        let mut engine = Engine::new(&specs, start);
        for moment in timeline(&specs, start, &steps) {
            engine.tell(&moment);
            let Some(vacuous) = engine.policies[0].vacuous_at(&engine.state) else { continue };
            let from = vacuous.as_micros().max(engine.state.snapshot().last_at);
            is_as_well(&engine.policies[0], sixteenth_us, &engine.state, from, &gaps)?;
        }
        Ok(())
    });
}

/// A policy with a ladder and a schedule, on small numbers.
const AT_WORK: &str = r#"{"name": "p", "clock_tolerance_ms": 0, "health": {"max_success_age_ms": 40},
    "circuit": {"consecutive_failures": 2, "open_ms": 5},
    "recovery": {"steps": [{"name": "refresh", "max_attempts": 2, "window_ms": 30, "base_delay_ms": 2, "lease_ms": 40},
        {"name": "restart", "max_attempts": 2, "base_delay_ms": 4, "lease_ms": 40}], "stable_ms": 20, "forget_ms": 60000},
    "schedule": {"interval_ms": 10, "backoff": {"after_failures": 1, "base_ms": 10, "max_ms": 40}}}"#;

/// What is at fault, how steps and runs end.
fn at_work(policy: &Policy, state: &mut State, lease: &mut u32, now: u64, n: u64) -> Option<Recovery> {
    let outcome = [Outcome::Success, Outcome::Failure, Outcome::Ignored][(n >> 8) as usize % 3];
    let fault = match n % 12 {
        0..4 => Fault::transient(),
        4 => Fault::fatal(),
        5..8 => {
            let _ = policy.recovered(state, *lease, outcome, at(now));
            return None;
        }
        8..10 => {
            let _ = policy.run(state, Run::manual(), at(now));
            let _ = policy.ran(state, outcome, at(now));
            return None;
        }
        10 => {
            let _ = policy.command(state, &Command::Report { outcome, duration: None }, at(now));
            return None;
        }
        _ => {
            let _ = policy.command(state, &Command::Reset, at(now));
            return None;
        }
    };
    let answer = policy.recover(state, fault, at(now)).answer;
    *lease = answer.lease_id().unwrap_or(*lease);
    Some(answer)
}

/// Recovery and schedule are told as they answer, and change by time alone only at the instants that `next_change_at` tells.
#[test]
fn health_is_what_recovery_and_schedule_answer() {
    let steps =
        vec((prop_oneof![Just(0_u64), (0..=30_u64).prop_map(|n| n * 1000), 0..=9_000_u64], any::<u64>()), 1..=30);
    check(steps, |steps| {
        let policy = Policy::from_json(AT_WORK).expect("a policy");
        let (mut now, mut lease) = (1_700_000_000_000_000, 0);
        let mut state = policy.new_state(at(now));
        for (gap, n) in steps {
            now += gap;
            let answer = at_work(&policy, &mut state, &mut lease, now, n);
            let says = |now: u64| policy.health(&state, &Facts::new(), at(now)).reasons;
            let until =
                policy.next_change_at(&state, at(now)).map_or(now + 1_000_000_000, stanchion::Timestamp::as_micros);
            prop_assert_eq!(says(now), says(until - 1), "changed before {} µs", until - now);
            match answer {
                Some(Recovery::Do { .. }) => prop_assert!(says(now).contains(HealthReason::Recovering)),
                Some(Recovery::GiveUp(_)) => prop_assert!(says(now).contains(HealthReason::GaveUp)),
                _ => {}
            }
            let again = policy.recover(&mut state.clone(), Fault::transient(), at(now)).answer;
            prop_assert!(!says(now).contains(HealthReason::GaveUp) || matches!(again, Recovery::GiveUp(_)));
            let run = policy.run(&mut state.clone(), Run::event(), at(now)).answer;
            prop_assert!(run.by() != Some(Hold::Backoff) || says(now).contains(HealthReason::BackingOff));
        }
        Ok(())
    });
}
