//! What hosts ask of a policy: its leases, its names, and the share that one of them may use alone.

#![expect(clippy::arithmetic_side_effects, reason = "an overflow would be a failed test")]

use core::time::Duration;

use proptest::prelude::*;
use stanchion::{BulkheadConfig, CircuitConfig, Gate, LimitConfig, OnStoreError, Policy, PolicyConfig, PolicyMode};

fn p() -> PolicyConfig {
    Policy::builder("p")
}

#[test]
fn the_shorter_lease_counts_and_is_renewed_every_third() {
    let circuit = CircuitConfig::new().consecutive_failures(5).probe_lease_ms(20_000);
    let slots = |lease_ms| BulkheadConfig::new(10).lease_ms(lease_ms);
    let ms = |ms| Some(Duration::from_millis(ms));
    let us = |us| Some(Duration::from_micros(us));
    let rows = [
        (p(), None, None),
        (p().bulkhead(slots(30_000)), ms(30_000), ms(10_000)),
        (p().circuit(circuit.clone()), ms(20_000), us(6_666_666)),
        (p().circuit(circuit.clone().half_open_permits(0)), None, None),
        (p().circuit(circuit.clone()).bulkhead(slots(30_000)), ms(20_000), us(6_666_666)),
        (p().circuit(circuit.clone()).bulkhead(slots(9_000)), ms(9_000), ms(3_000)),
        (p().circuit(circuit.half_open_permits(0)).bulkhead(slots(30_000)), ms(30_000), ms(10_000)),
        (p().bulkhead(slots(30_000)).call_timeout_ms(30_000), ms(30_000), None),
        (p().bulkhead(slots(30_000)).call_timeout_ms(30_001), ms(30_000), ms(10_000)),
        (p().bulkhead(slots(30)), ms(30), ms(10)),
    ];
    for (i, (config, lease, renew_interval)) in rows.into_iter().enumerate() {
        let policy = config.build().unwrap();
        assert_eq!((policy.lease(), policy.renew_interval()), (lease, renew_interval), "row {i}");
    }
}

#[test]
fn a_policy_tells_what_it_was_built_from() {
    let limit = |name| LimitConfig::new(name, 1, 1, 1);
    let config = p().limit(limit("calls")).limit(limit("tokens")).on_store_error(OnStoreError::Reject);
    let policy = config.mode(PolicyMode::Shadow).call_timeout_ms(5).build().unwrap();
    assert_eq!(
        (policy.name(), policy.mode(), policy.on_store_error()),
        ("p", PolicyMode::Shadow, OnStoreError::Reject)
    );
    assert_eq!(policy.call_timeout(), Some(Duration::from_millis(5)));
    assert!(policy.limit_names().eq(["calls", "tokens"]));
    let names =
        [Gate::Circuit, Gate::Block, Gate::Limit(1), Gate::Limit(2), Gate::Bulkhead].map(|g| policy.gate_name(g));
    assert_eq!(names, ["circuit", "block", "limit:tokens", "limit:2", "bulkhead"]);
}

/// States carry it. If this test fails, every state of every user would be adopted anew.
#[test]
fn fingerprints_are_pinned() {
    let circuit = CircuitConfig::new().consecutive_failures(5);
    let limit = LimitConfig::new("calls", 60, 60, 60_000);
    assert_eq!(p().build().unwrap().fingerprint(), 3_093_742_341);
    let all = p().circuit(circuit).limit(limit).bulkhead(BulkheadConfig::new(10)).build().unwrap();
    assert_eq!(all.fingerprint(), 2_351_274_720);
}

#[test]
fn the_share_of_a_host() {
    let rows = [
        // percent; capacity, tokens, interval, debt; what is left of them
        (25, (60, 60, 60_000, 60), (15, 1, 4_000, 15)),
        (100, (60, 60, 60_000, 60), (60, 60, 60_000, 60)),
        (33, (10, 7, 1_000, 0), (3, 7, 3_031, 0)),
        (1, (10, 10, 1_000, 10), (1, 1, 10_000, 0)),
        (50, (1, 1, 1, 1), (1, 1, 2, 0)),
        (50, (100, 5, u32::MAX, 0), (50, 1, 1_717_986_918, 0)),
        (50, (100, 4, u32::MAX, 0), (50, 2, u32::MAX, 0)),
        (1, (100, 1, u32::MAX, 0), (1, 1, u32::MAX, 0)),
    ];
    for (percent, (capacity, tokens, interval_ms, debt), left) in rows {
        let limit = LimitConfig::new("l", capacity, tokens, interval_ms).max_debt(debt);
        let policy = p().limit(limit).local_share_percent(percent).build().unwrap();
        let local = policy.local_share();
        let limit = &local.config().limits[0];
        let now = (limit.capacity, limit.refill_tokens, limit.refill_interval_ms, limit.max_debt.unwrap());
        assert_eq!(now, left, "{percent} percent of {capacity}, {tokens} in {interval_ms} ms, {debt}");
    }
}

#[test]
fn a_share_of_a_bulkhead_is_at_least_one_slot() {
    for (max_concurrent, percent, left) in [(10, 25, 2), (1, 1, 1), (4_096, 100, 4_096), (99, 50, 49)] {
        let slots = BulkheadConfig::new(max_concurrent);
        let policy = p().bulkhead(slots).local_share_percent(percent).build().unwrap();
        assert_eq!(policy.local_share().config().bulkhead.as_ref().unwrap().max_concurrent, left);
    }
}

/// Small numbers and those near the ends of their range.
fn number() -> impl Strategy<Value = u32> {
    prop_oneof![
        1..100_u32,
        1..=u32::MAX,
        (0..100_u32).prop_map(|below| u32::MAX - below),
        (0..32_u32).prop_map(|n| 1 << n)
    ]
}

proptest! {
    /// A share is a policy of its own, not faster and not larger than the share says, and its own share.
    #[test]
    fn every_share_is_a_policy(
        capacity in number(), tokens in number(), interval_ms in number(), debt in number(), percent in 1..=100_u32,
    ) {
        let limit = LimitConfig::new("l", capacity, tokens, interval_ms).max_debt(debt);
        let Ok(policy) = p().limit(limit).local_share_percent(percent).build() else { return Ok(()) };
        let local = policy.local_share();
        prop_assert_eq!(local.config().local_share_percent, 100);
        let limit = &local.config().limits[0];
        let share = |whole: u32| u64::from(whole) * u64::from(percent) / 100;
        prop_assert!(u64::from(limit.capacity) <= share(capacity).max(1));
        prop_assert!(u64::from(limit.max_debt.unwrap()) <= share(debt));
        let faster = u128::from(limit.refill_tokens) * u128::from(interval_ms) * 100
            > u128::from(tokens) * u128::from(percent) * u128::from(limit.refill_interval_ms);
        let is_slowest = (limit.refill_tokens, limit.refill_interval_ms) == (1, u32::MAX);
        prop_assert!(!faster || is_slowest);
        let again = local.local_share();
        prop_assert_eq!(again.config(), local.config());
    }
}
