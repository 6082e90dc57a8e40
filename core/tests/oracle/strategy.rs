//! Random policies and histories. Numbers are small, so that deadlines meet, and a few are as large as they may be.

use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::history::{End, Forge, Op, Pick, Step, Tick};
use super::spec::{BlockSpec, BulkheadSpec, CircuitSpec, HealthSpec, LimitSpec, Spec, WindowSpec};

/// A duration in ms.
pub(super) fn ms() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 1..=4_u64, 3 => 5..=30_u64, 1 => select(vec![50_u64, 100, 1000, 60_000])]
}

fn basis_points() -> impl Strategy<Value = u32> {
    prop_oneof![select(vec![1_u32, 2500, 3333, 5000, 6667, 10_000]), 1..=10_000_u32]
}

fn window() -> impl Strategy<Value = WindowSpec> {
    let time = prop_oneof![(1..=10_u64, 1..=10_u32), (5..=60_u64, select(vec![1_u32, 3, 7, 10, 64]))];
    prop_oneof![
        prop_oneof![3 => 1..=6_u32, 1 => select(vec![31_u32, 32, 33, 63, 64, 65, 1024])].prop_map(WindowSpec::Calls),
        time.prop_map(|(ms, slots)| WindowSpec::Time { ms, slots }),
    ]
}

/// Trips: at least one.
type Trips = (Option<u32>, Option<(u32, u64)>, Option<u32>, Option<(u64, u32)>);

fn trips() -> impl Strategy<Value = Trips> {
    let slow = (1..=5_u64, basis_points());
    (of(1..=4_u32), weighted(0.4, (1..=4_u32, ms())), weighted(0.4, basis_points()), weighted(0.3, slow)).prop_map(
        |(consecutive, in_window, rate, slow)| {
            let none = consecutive.is_none() && in_window.is_none() && rate.is_none() && slow.is_none();
            (if none { Some(2) } else { consecutive }, in_window, rate, slow)
        },
    )
}

pub(crate) fn circuit() -> BoxedStrategy<CircuitSpec> {
    let closed = (trips(), 1..=5_u32, window(), weighted(0.7, ms()));
    let open = (
        1..=20_u64,
        prop_oneof![2 => Just(1000_u32), 2 => Just(2000), 1 => 1000..=3500_u32],
        0..=60_u64,
        prop_oneof![3 => Just(0_u32), 1 => 1..=10_000_u32],
        weighted(0.3, ms()),
    );
    let half = (
        prop_oneof![1 => Just(0_u32), 8 => 1..=3_u32],
        1..=4_u32,
        weighted(0.4, basis_points()),
        weighted(0.3, ms()),
        ms(),
    );
    (closed, open, half, (any::<bool>(), any::<bool>(), any::<bool>()))
        .prop_map(|(closed, open, half, late)| {
            let (trips, minimum_calls, window, forget_ms) = closed;
            let minimum_calls = if let WindowSpec::Calls(n) = window { minimum_calls.min(n) } else { minimum_calls };
            CircuitSpec {
                consecutive: trips.0,
                in_window: trips.1,
                failure_rate_bp: trips.2,
                slow: trips.3,
                minimum_calls,
                window,
                forget_ms,
                open_ms: open.0,
                multiplier: open.1,
                open_max_ms: open.0 + open.2,
                jitter_bp: open.3,
                growth_reset_ms: open.4,
                permits: half.0,
                calls: half.1,
                half_rate_bp: half.2,
                half_max_ms: half.3,
                probe_lease_ms: half.4,
                late_success_closes: late.0,
                late_failure_extends: late.1,
                report_as_probe: late.2,
            }
        })
        .boxed()
}

/// A limit without its name.
fn limit() -> BoxedStrategy<LimitSpec> {
    let small = (1..=8_u32, 1..=8_u32, 1..=20_u64);
    let large = (select(vec![1000_u32, 100_000, u32::MAX]), select(vec![1_u32, 60, 100_000, u32::MAX]), ms());
    let shape = prop_oneof![6 => small, 1 => large];
    let debt = prop_oneof![Just(0_u32), 0..=8_u32, 0..=1000_u32];
    (shape, weighted(0.4, debt), prop::bool::weighted(0.3), prop::bool::weighted(0.15))
        .prop_filter_map(
            "within the bounds of exact arithmetic",
            |((capacity, refill_tokens, interval_ms), debt, is_per_call, starts_empty)| {
                let max_debt = debt.unwrap_or(capacity);
                let name = String::new();
                let limit =
                    LimitSpec { name, capacity, refill_tokens, interval_ms, is_per_call, starts_empty, max_debt };
                limit.is_allowed().then_some(limit)
            },
        )
        .boxed()
}

/// Limits named out of a few, in any order, so that two policies share some.
pub(crate) fn limits(most: usize) -> impl Strategy<Value = Vec<LimitSpec>> {
    (vec(limit(), 0..=most), Just(["calls", "tokens", "bytes", "others"]).prop_shuffle()).prop_map(|(limits, names)| {
        limits.into_iter().zip(names).map(|(limit, name)| LimitSpec { name: name.into(), ..limit }).collect()
    })
}

/// Up to 16 limits of 40.
pub(crate) fn many_limits() -> impl Strategy<Value = Vec<LimitSpec>> {
    let names: Vec<usize> = (0..40).collect();
    (vec(limit(), 0..=16), Just(names).prop_shuffle()).prop_map(|(limits, names)| {
        limits.into_iter().zip(names).map(|(limit, n)| LimitSpec { name: format!("limit {n}"), ..limit }).collect()
    })
}

fn bulkhead() -> impl Strategy<Value = BulkheadSpec> {
    (1..=3_u32, ms(), prop::bool::weighted(0.3)).prop_map(|(max_concurrent, lease_ms, is_reentrant)| BulkheadSpec {
        max_concurrent,
        lease_ms,
        is_reentrant,
    })
}

fn block() -> impl Strategy<Value = BlockSpec> {
    (ms(), prop_oneof![Just(0_u32), 0..=100_u32])
        .prop_map(|(max_block_ms, after_percent)| BlockSpec { max_block_ms, after_percent })
}

pub(crate) fn health() -> impl Strategy<Value = HealthSpec> {
    (weighted(0.7, ms()), weighted(0.7, (2..=4_u32, ms())))
        .prop_map(|(max_age_ms, flapping)| HealthSpec { max_age_ms, flapping })
}

/// Any policy that enforces.
pub(crate) fn spec() -> BoxedStrategy<Spec> {
    let gates = (weighted(0.8, circuit()), limits(3), weighted(0.6, block()), weighted(0.6, bulkhead()));
    let gates = (gates, weighted(0.3, health()));
    (gates, select(vec![0_u64, 1, 3, 10, 1000]), 0..=9_u64)
        .prop_map(|(gates, tolerance_ms, seed)| {
            let ((circuit, limits, block, bulkhead), health) = gates;
            Spec { circuit, limits, block, bulkhead, health, tolerance_ms, is_shadow: false, seed }
        })
        .boxed()
}

fn tick() -> BoxedStrategy<Tick> {
    let edge = (any::<Index>(), prop_oneof![3 => Just(0_i64), 2 => Just(-1_i64), 2 => Just(1_i64)]);
    prop_oneof![
        4 => Just(Tick::Plus(0)),
        2 => (1..=3_u64).prop_map(Tick::Plus),
        5 => (1..=6_u64).prop_map(|n| Tick::Plus(n * 1000)),
        2 => (0..=50_000_u64).prop_map(Tick::Plus),
        8 => edge.prop_map(|(nth, off)| Tick::Edge(nth, off)),
        1 => (0..=3_000_u64).prop_map(Tick::Back),
        1 => prop_oneof![1_000..=100_000_u64, Just(3_600_000_000)].prop_map(Tick::Back),
        1 => prop_oneof![100_000..=2_000_000_u64, Just(3_600_000_000), Just(1 << 45)].prop_map(Tick::Plus),
    ]
    .boxed()
}

fn cost() -> impl Strategy<Value = u32> {
    prop_oneof![6 => Just(1_u32), 2 => Just(0_u32), 4 => 2..=9_u32, 1 => prop_oneof![Just(1000_u32), Just(u32::MAX)]]
}

fn forge() -> impl Strategy<Value = Forge> {
    let near = || select(vec![-2_i32, -1, 1, 2]);
    prop_oneof![
        near().prop_map(Forge::Generation),
        near().prop_map(Forge::Lease),
        cost().prop_map(Forge::Cost),
        select(vec![-1_000_i64, -1, 1, 5_000]).prop_map(Forge::AcquiredAt),
        Just(Forge::Zero),
    ]
}

fn pick() -> BoxedStrategy<Pick> {
    let back = prop_oneof![6 => 0..=2_usize, 2 => 0..=12_usize];
    (back, weighted(0.06, forge())).prop_map(|(back, forge)| Pick { back, forge }).boxed()
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![4 => Just(End::Success), 5 => Just(End::Failure), 1 => Just(End::Ignored)]
}

fn duration_us() -> impl Strategy<Value = Option<u64>> {
    of(prop_oneof![(0..=6_u64).prop_map(|n| n * 1000), 0..=6_000_u64])
}

fn command() -> BoxedStrategy<Op> {
    let ahead = || prop_oneof![3 => (-1..=6_i64).prop_map(|n| n * 1000), 2 => -3..=40_000_i64, 1 => Just(1 << 40)];
    prop_oneof![
        4 => ahead().prop_map(Op::Block),
        1 => Just(Op::Unblock),
        2 => Just(Op::Trip),
        1 => Just(Op::Reset),
        1 => of(ahead()).prop_map(Op::ForceOpen),
        1 => Just(Op::Disable),
        1 => Just(Op::MetricsOnly),
        2 => Just(Op::LiftMode),
        3 => (end(), duration_us()).prop_map(|(end, took_us)| Op::Report { end, took_us }),
        1 => (1..=3_u64).prop_map(Op::ReleaseHolder),
        3 => (select(vec![0_i32, 0, 0, -1, 1]), vec(0..=3_u8, 0..=6)).prop_map(|(off, calls)| Op::SettleMany { off, calls }),
    ]
    .boxed()
}

pub(crate) fn op() -> BoxedStrategy<Op> {
    prop_oneof![
        10 => (cost(), of(1..=3_u64)).prop_map(|(cost, holder)| Op::Acquire { cost, holder }),
        9 => (pick(), end(), duration_us(), weighted(0.4, cost()))
            .prop_map(|(pick, end, took_us, actual)| Op::Settle { pick, end, took_us, actual }),
        2 => pick().prop_map(Op::Cancel),
        1 => pick().prop_map(Op::Renew),
        3 => command(),
    ]
    .boxed()
}

/// A history for so many alternating policies.
pub(crate) fn history(policies: usize, most: usize) -> impl Strategy<Value = Vec<Step>> {
    let policy = prop_oneof![3 => Just(None), 1 => (0..policies).prop_map(Some)];
    vec((tick(), policy, op()).prop_map(|(tick, policy, op)| Step { tick, policy, op }), 1..=most)
}

/// Where a history starts: today, or where the instants, generations or lease ids of permits wrap around.
pub(crate) fn start() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => Just(1_700_000_000_000_000_u64),
        2 => 1_600_000_000_000_000..1_800_000_000_000_000_u64,
        1 => (0..=8_000_u64).prop_map(|n| (6 << 48) - n),
        1 => (0..=8_000_u64).prop_map(|n| (97 << 44) - n),
    ]
}
