//! Retry: the budget against a bucket in wide arithmetic, and what no answer may do.

use core::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use stanchion::{
    Acquire, CircuitConfig, Command, Failed, GiveUp, Jitter, LimitConfig, Peek, Policy, Retried, Retry,
    RetryBudgetConfig, RetryConfig, State, Timestamp,
};

use crate::oracle::runner::check;

/// What a host does next, so long after what it did before.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Call,
    Trip,
    Fail {
        attempt: u32,
        random: u32,
        retry: Retry,
        retry_after_us: Option<u64>,
    },
    /// Nothing, after the bytes went to another process.
    Move,
}

fn deed() -> impl Strategy<Value = Deed> {
    let retry = select(vec![Retry::Never, Retry::Idempotent, Retry::Always, Retry::Always, Retry::Always]);
    let fail = (0_u32..6, any::<u32>(), retry, proptest::option::weighted(0.3, 0_u64..90_000_000))
        .prop_map(|(attempt, random, retry, retry_after_us)| Deed::Fail { attempt, random, retry, retry_after_us });
    prop_oneof![4 => Just(Deed::Call), 8 => fail, 1 => Just(Deed::Trip), 1 => Just(Deed::Move)]
}

fn deeds() -> impl Strategy<Value = Vec<(i64, Deed)>> {
    let pause = prop_oneof![8 => 0_i64..3_000_000, 2 => 0_i64..200_000_000, 1 => -5_000_000_i64..0];
    vec((pause, deed()), 1..60)
}

fn budget() -> impl Strategy<Value = RetryBudgetConfig> {
    (0_u32..=100, 1_u32..=5, 1_u32..=7, 1_u32..=20_000).prop_map(|(percent, capacity, tokens, interval_ms)| {
        let config = RetryBudgetConfig::new().percent(percent).capacity(capacity);
        config.refill_tokens(tokens).refill_interval_ms(interval_ms)
    })
}

fn retry_config() -> impl Strategy<Value = RetryConfig> {
    let jitter = select(vec![Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Decorrelated]);
    let deadline = proptest::option::of(1_u32..60_000);
    (budget(), jitter, 0_u32..2_000, 0_u32..20_000, deadline).prop_map(
        |(budget, jitter, base_ms, more_ms, deadline)| {
            let mut config = RetryConfig::new().max_attempts(5).base_delay_ms(base_ms).max_delay_ms(base_ms + more_ms);
            config.deadline_ms = deadline;
            config.jitter(jitter).budget(budget)
        },
    )
}

fn policy(retry: RetryConfig) -> Policy {
    let circuit = CircuitConfig::new().consecutive_failures(5).open_ms(10_000);
    let limit = LimitConfig::new("calls", 5, 1, 700);
    Policy::builder("p").circuit(circuit).limit(limit).retry(retry).build().expect("a policy")
}

/// The budget in parts of a token so fine that nothing is rounded: `10_000 × interval_us` of them.
struct Bucket {
    level: u128,
    full: u128,
    per_us: u128,
    per_call: u128,
    token: u128,
    at: u64,
}

impl Bucket {
    fn new(config: &RetryBudgetConfig, at: u64) -> Self {
        let interval_us = u128::from(config.refill_interval_ms) * 1_000;
        let token = 10_000 * interval_us;
        let full = token * u128::from(config.capacity);
        let per_call = u128::from(config.percent.basis_points()) * interval_us;
        Self { level: full, full, per_us: 10_000 * u128::from(config.refill_tokens), per_call, token, at }
    }

    fn level_at(&self, t: u64) -> u128 {
        self.full.min(self.level + u128::from(t.saturating_sub(self.at)) * self.per_us)
    }

    fn set(&mut self, level: u128, t: u64) {
        (self.level, self.at) = (level.min(self.full), t);
    }
}

fn replay(config: &RetryConfig, deeds: &[(i64, Deed)]) -> Result<(), TestCaseError> {
    let policy = policy(config.clone());
    let mut now = Timestamp::from_millis(1_700_000_000_000).expect("an instant");
    let mut state = policy.new_state(now);
    let mut bucket = Bucket::new(config.budget.as_ref().expect("a budget"), now.as_micros());
    for (pause_us, deed) in deeds {
        now = Timestamp::from_micros(now.as_micros().saturating_add_signed(*pause_us)).expect("an instant");
        let last_at = state.snapshot().last_at;
        let is_told = !matches!(deed, Deed::Move);
        if is_told && last_at > now.as_micros() + 1_000_000 {
            // In state time nothing elapsed.
            bucket.at = bucket.at.saturating_sub(last_at - now.as_micros()).min(now.as_micros());
        }
        let before = state.clone();
        match *deed {
            Deed::Call => {
                if policy.acquire(&mut state, Acquire::new(), now).answer.into_result().is_ok() {
                    let t = state_time(&before, now);
                    bucket.set(bucket.level_at(t) + bucket.per_call, t);
                }
            }
            Deed::Trip => drop(policy.command(&mut state, &Command::Trip, now)),
            Deed::Move => state = policy.decode(&state.to_bytes()).expect("a state"),
            Deed::Fail { attempt, random, retry, retry_after_us } => {
                let mut failed = Failed::new(attempt, now).random(random).retry(retry);
                failed.retry_at = retry_after_us.map(|us| now.saturating_add(Duration::from_micros(us)));
                let answer = policy.retry(&mut state, failed, now).answer;
                judge(config, &policy, (&before, &state), &failed, answer, now, &mut bucket)?;
            }
        }
    }
    Ok(())
}

/// `max(now, last_at)`, or `now` where the clock stepped back.
fn state_time(before: &State, now: Timestamp) -> u64 {
    let (now, last_at) = (now.as_micros(), before.snapshot().last_at);
    if last_at > now + 1_000_000 { now } else { now.max(last_at) }
}

fn judge(
    config: &RetryConfig,
    policy: &Policy,
    (before, after): (&State, &State),
    failed: &Failed,
    answer: Retried,
    now: Timestamp,
    bucket: &mut Bucket,
) -> Result<(), TestCaseError> {
    let t = state_time(before, now);
    let level = bucket.level_at(t);
    let has_token = level >= bucket.token;
    match answer {
        Retried::Retry { .. } => {
            prop_assert!(has_token, "a retry beyond the budget");
            bucket.set(level - bucket.token, t);
        }
        Retried::GiveUp(GiveUp::Budget) => prop_assert!(!has_token, "a budget that was not empty"),
        _ => {}
    }
    prop_assert!(failed.retry == Retry::Always || answer.at().is_none(), "done harm, or no good");
    prop_assert!(failed.attempt < 5 || answer.at().is_none(), "more than max_attempts");
    let Some(at) = answer.at() else { return Ok(()) };
    prop_assert!(failed.retry_at.is_none_or(|asked| asked <= at), "the server's wish was undercut");
    let latest = now.saturating_add(Duration::from_millis(u64::from(config.deadline_ms.unwrap_or(u32::MAX))));
    prop_assert!(at <= latest, "after the deadline");
    prop_assert_eq!(policy.peek(after, &failed.wish, at), Peek::Admits, "the gates are shut then");
    if matches!(answer, Retried::WaitForCircuit { .. }) {
        let just_before = Timestamp::from_micros(at.as_micros() - 1).expect("an instant");
        prop_assert_ne!(policy.peek(after, &failed.wish, just_before), Peek::Admits, "not as early as it could be");
    }
    Ok(())
}

#[test]
fn retries_keep_to_their_budget_and_to_the_gates() {
    check((retry_config(), deeds()), |(config, deeds)| replay(&config, &deeds));
}
