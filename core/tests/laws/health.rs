//! Health: what is rolled up is never better than its parts.

use proptest::collection::vec;
use proptest::prelude::*;
use stanchion::{Health, HealthReasons, HealthReport};

use crate::oracle::runner::check;

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
