//! The table of what answers mean, under any rules, for any reply at any instant.

use core::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use stanchion::{
    BlockConfig, ClassifyConfig, ClassifyRule, FaultClass, NetworkError, On, Outcome, Policy, PolicyConfig, Reply,
    Retry, RetryAfterHeader, Timestamp, parse_retry_after,
};

use crate::oracle::runner::check;

fn network_error() -> impl Strategy<Value = NetworkError> {
    (1_u32..=7).prop_map(|code| NetworkError::from_code(code).expect("seven errors"))
}

fn on() -> impl Strategy<Value = On> {
    let statuses = select(vec![100, 404, 429, 500, 503, 599]).prop_map(On::Status);
    let errors = network_error().prop_map(On::Error);
    prop_oneof![statuses, (1_u32..=5).prop_map(On::Class), errors]
}

/// A rule that says what it can wherever a policy has a block gate.
fn rule() -> impl Strategy<Value = ClassifyRule> {
    let outcome = proptest::option::of(select(vec![Outcome::Success, Outcome::Failure, Outcome::Ignored]));
    let retry = proptest::option::of(select(vec![Retry::Never, Retry::Idempotent, Retry::Always]));
    let fault = proptest::option::of((1_u32..=7).prop_map(|code| FaultClass::from_code(code).expect("seven classes")));
    (outcome, retry, proptest::option::of(0_u32..=5_000), fault).prop_map(|(outcome, retry, block_ms, fault)| {
        let mut rule = ClassifyRule::new();
        (rule.outcome, rule.retry, rule.block_ms, rule.fault) = (outcome, retry, block_ms, fault);
        rule
    })
}

fn rules() -> impl Strategy<Value = ClassifyConfig> {
    let with_header = proptest::option::of(select(vec![RetryAfterHeader::Block, RetryAfterHeader::Ignore]));
    vec((on(), rule(), with_header), 0..6).prop_map(|all| {
        all.into_iter().fold(ClassifyConfig::new(), |config, (on, mut rule, header)| {
            rule.retry_after = header.filter(|_| !matches!(on, On::Error(_)));
            config.on(on, rule)
        })
    })
}

fn header() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        (0_u64..10_000).prop_map(|seconds| seconds.to_string()),
        Just("Sun, 06 Nov 1994 08:49:37 GMT".to_string()),
        Just("Fri, 31 Dec 9999 23:59:59 GMT".to_string()),
        ".{0,12}",
    ]
}

/// A reply and what rules can be for: its own name first, then its class.
fn reply(status: u32, error: Option<NetworkError>, header: &str) -> (Reply<'_>, Vec<On>) {
    if let Some(error) = error {
        return (Reply::Error(error), vec![On::Error(error)]);
    }
    let class = if (100..600).contains(&status) { status / 100 } else { 5 };
    (Reply::status(status).retry_after(header), vec![On::Status(status), On::Class(class)])
}

fn policy(rules: &ClassifyConfig, max_block_ms: u32) -> Policy {
    let block = BlockConfig::new().max_block_ms(max_block_ms);
    Policy::builder("p").block(block).classify(rules.clone()).build().expect("rules that a gate allows")
}

#[test]
fn what_a_rule_says_is_so_and_no_block_is_longer_than_the_gates() {
    let error = proptest::option::of(network_error());
    let instant = prop_oneof![1_u64..1 << 52, Just((1 << 52) - 1)];
    let all = (rules(), prop_oneof![0_u32..700, any::<u32>()], error, header(), instant, 5_000_u32..100_000);
    check(all, |(rules, status, error, header, now, max_block_ms)| {
        let (policy, now) = (policy(&rules, max_block_ms), Timestamp::from_micros(now).expect("an instant"));
        let (reply, names) = reply(status, error, &header);
        let said = policy.classify(&reply, now);

        let ruled = || names.iter().filter_map(|on| rules.rule(*on));
        prop_assert_eq!(ruled().find_map(|rule| rule.outcome).unwrap_or(said.outcome), said.outcome);
        prop_assert_eq!(ruled().find_map(|rule| rule.retry).unwrap_or(said.retry), said.retry);
        let class = said.fault.map(|fault| fault.class);
        prop_assert_eq!(ruled().find_map(|rule| rule.fault).or(class), class);
        let retry_at = if error.is_some() { None } else { parse_retry_after(&header, now) };
        prop_assert_eq!(said.retry_at, retry_at);
        // A throttle lasts for as long as the server asked for, and nothing else has an end.
        let throttled = said.fault.filter(|fault| fault.class == FaultClass::Throttled);
        prop_assert_eq!(said.fault.and_then(|fault| fault.until), throttled.and(retry_at));
        if let Some(until) = said.block_until {
            prop_assert!(until > now && until <= now.saturating_add(Duration::from_millis(max_block_ms.into())));
        }
        Ok(())
    });
}

/// What is said about a status or about another network error is not said about this one.
#[test]
fn rules_for_others_change_nothing() {
    check((rules(), network_error(), 1_u64..1 << 52), |(rules, error, now)| {
        prop_assume!(rules.rule(On::Error(error)).is_none());
        let now = Timestamp::from_micros(now).expect("an instant");
        let plain = PolicyConfig::new("p").block(BlockConfig::new()).build().expect("a policy");
        prop_assert_eq!(
            policy(&rules, 60_000).classify(&Reply::Error(error), now),
            plain.classify(&Reply::Error(error), now)
        );
        Ok(())
    });
}
