//! The typed path and the JSON path are one: the same values give the same policy or the same error.

#![cfg(feature = "serde")]

use stanchion::{
    BlockConfig, BulkheadConfig, CallWindow, Charge, CircuitConfig, ClassifyConfig, ClassifyRule,
    FailuresInWindowConfig, Initial, LateFailure, LateSuccess, LimitConfig, Multiplier, NetworkError, On, OnStoreError,
    Outcome, Percent, Policy, PolicyConfig, PolicyMode, Retry, RetryAfterHeader, TimeWindow,
};

fn p() -> PolicyConfig {
    Policy::builder("p")
}

fn circuit(circuit: CircuitConfig) -> PolicyConfig {
    p().circuit(circuit)
}

fn trips() -> CircuitConfig {
    CircuitConfig::new().consecutive_failures(5)
}

fn limit() -> LimitConfig {
    LimitConfig::new("l", 60, 60, 60_000)
}

const LIMIT: &str = r#""name":"l","capacity":60,"refill_tokens":60,"refill_interval_ms":60000"#;

/// Typed, the same as JSON, and the error where it is none.
type Row = (PolicyConfig, String, &'static str);

fn beside_the_gates() -> Vec<Row> {
    let json = |fields: &str| format!(r#"{{"name":"p"{fields}}}"#);
    vec![
        (p(), json(""), ""),
        (Policy::builder(""), r#"{"name":""}"#.into(), r#"`name`: got "", expected a text of 1 to 128 characters"#),
        (p().call_timeout_ms(5), json(r#","call_timeout_ms":5"#), ""),
        (
            p().call_timeout_ms(0),
            json(r#","call_timeout_ms":0"#),
            "`call_timeout_ms`: got 0, expected a whole number from 1 to 4294967295 or null",
        ),
        (p().clock_tolerance_ms(0), json(r#","clock_tolerance_ms":0"#), ""),
        (p().on_store_error(OnStoreError::Local), json(r#","on_store_error":"local""#), ""),
        (p().mode(PolicyMode::Shadow), json(r#","mode":"shadow""#), ""),
        (
            p().local_share_percent(101),
            json(r#","local_share_percent":101"#),
            "`local_share_percent`: got 101, expected a whole number from 1 to 100",
        ),
        (
            p().seed(1 << 53),
            json(r#","seed":9007199254740992"#),
            "`seed`: got 9007199254740992, expected a whole number from 0 to 9007199254740991",
        ),
    ]
}

fn trips_and_windows() -> Vec<Row> {
    let json = |fields: &str| format!(r#"{{"name":"p","circuit":{{{fields}}}}}"#);
    vec![
        (
            circuit(CircuitConfig::new()),
            json(""),
            "`circuit`: got a circuit that never opens, expected at least one of `consecutive_failures`, \
             `failures_in_window`, `failure_rate_percent` and `slow_call_rate_percent`",
        ),
        (
            circuit(CircuitConfig::new().failures_in_window(FailuresInWindowConfig::new(65, 5))),
            json(r#""failures_in_window":{"count":65,"window_ms":5}"#),
            "`circuit.failures_in_window.count`: got 65, expected a whole number from 1 to 64",
        ),
        (
            circuit(CircuitConfig::new().failure_rate_percent(Percent::from_basis_points(1_234))),
            json(r#""failure_rate_percent":12.34"#),
            "",
        ),
        (
            circuit(CircuitConfig::new().failure_rate_percent(Percent::from_basis_points(10_001))),
            json(r#""failure_rate_percent":100.01"#),
            "`circuit.failure_rate_percent`: got 100.01, expected a number from 0.01 to 100 with at most 2 decimals or null",
        ),
        (
            circuit(CircuitConfig::new().slow_call_ms(5).slow_call_rate_percent(50).window(CallWindow::new(8))),
            json(r#""slow_call_ms":5,"slow_call_rate_percent":50,"window":{"calls":8}"#),
            "",
        ),
        (
            circuit(CircuitConfig::new().failure_rate_percent(50).window(TimeWindow::new(500).slots(65))),
            json(r#""failure_rate_percent":50,"window":{"ms":500,"slots":65}"#),
            "`circuit.window.slots`: got 65, expected a whole number from 1 to 64",
        ),
        (
            circuit(CircuitConfig::new().failure_rate_percent(50).window(CallWindow::new(8)).minimum_calls(9)),
            json(r#""failure_rate_percent":50,"window":{"calls":8},"minimum_calls":9"#),
            "`circuit.minimum_calls`: got 9, expected at most `window.calls`, which is 8",
        ),
        (
            circuit(trips().slow_call_ms(2_000)),
            json(r#""consecutive_failures":5,"slow_call_ms":2000"#),
            "`circuit.slow_call_ms`: got 2000, expected null without `slow_call_rate_percent`",
        ),
        (
            circuit(trips().window(CallWindow::new(8))),
            json(r#""consecutive_failures":5,"window":{"calls":8}"#),
            "`circuit.window`: got a window, expected nothing without `failure_rate_percent` or `slow_call_rate_percent`",
        ),
    ]
}

fn times_and_probes() -> Vec<Row> {
    let json = |fields: &str| format!(r#"{{"name":"p","circuit":{{{fields}}}}}"#);
    vec![
        (circuit(trips().forget_ms(None)), json(r#""consecutive_failures":5,"forget_ms":null"#), ""),
        (circuit(trips().forget_ms(7)), json(r#""consecutive_failures":5,"forget_ms":7"#), ""),
        (
            circuit(trips().open_ms(10).open_max_ms(9)),
            json(r#""consecutive_failures":5,"open_ms":10,"open_max_ms":9"#),
            "`circuit.open_max_ms`: got 9, expected at least `open_ms`, which is 10",
        ),
        (
            circuit(trips().open_multiplier(Multiplier::from_thousandths(999))),
            json(r#""consecutive_failures":5,"open_multiplier":0.999"#),
            "`circuit.open_multiplier`: got 0.999, expected a number from 1 to 1000 with at most 3 decimals",
        ),
        (
            circuit(trips().late_success(LateSuccess::Close).late_failure(LateFailure::Extend).report_as_probe(true)),
            json(r#""consecutive_failures":5,"late_success":"close","late_failure":"extend","report_as_probe":true"#),
            "",
        ),
        (
            circuit(trips().open_jitter_percent(10).growth_reset_ms(5).half_open_permits(3).half_open_calls(4)),
            json(
                r#""consecutive_failures":5,"open_jitter_percent":10,"growth_reset_ms":5,"half_open_permits":3,
                   "half_open_calls":4"#,
            ),
            "",
        ),
        (
            circuit(trips().half_open_failure_rate_percent(40).half_open_max_ms(9).probe_lease_ms(29)),
            json(
                r#""consecutive_failures":5,"half_open_failure_rate_percent":40,"half_open_max_ms":9,
                   "probe_lease_ms":29"#,
            ),
            "`circuit.probe_lease_ms`: got 29, expected at least 30, so that it can be renewed in time, or at least \
             `call_timeout_ms`",
        ),
    ]
}

fn limits_block_and_bulkhead() -> Vec<Row> {
    let json = |fields: &str| format!(r#"{{"name":"p"{fields}}}"#);
    let limit_json = |fields: &str| format!(r#"{{"name":"p","limits":[{{{LIMIT}{fields}}}]}}"#);
    vec![
        (
            p().limit(limit().charge(Charge::Call).initial(Initial::Empty).max_debt(0)),
            limit_json(r#","charge":"call","initial":"empty","max_debt":0"#),
            "",
        ),
        (
            p().limit(limit()).limit(limit()),
            format!(r#"{{"name":"p","limits":[{{{LIMIT}}},{{{LIMIT}}}]}}"#),
            r#"`limits[1].name`: got "l", expected a name that no other limit of the policy has"#,
        ),
        (
            p().limit(LimitConfig::new("l", u32::MAX, 1, u32::MAX)),
            r#"{"name":"p","limits":[{"name":"l","capacity":4294967295,"refill_tokens":1,"refill_interval_ms":4294967295}]}"#.into(),
            "`limits[0].capacity`: got 4294967295, expected a whole number from 1 to 2097 while `refill_tokens` and \
             `refill_interval_ms` are as they are",
        ),
        (p().block(BlockConfig::new().after_block_percent(100)), json(r#","block":{"after_block_percent":100}"#), ""),
        (
            p().bulkhead(BulkheadConfig::new(4_096).lease_ms(5).reentrant(true)).call_timeout_ms(5),
            json(r#","bulkhead":{"max_concurrent":4096,"lease_ms":5,"reentrant":true},"call_timeout_ms":5"#),
            "",
        ),
    ]
}

fn what_answers_mean() -> Vec<Row> {
    let json = |fields: &str| format!(r#"{{"name":"p"{fields}}}"#);
    let on = |on, rule| p().classify(ClassifyConfig::new().on(on, rule));
    let failure = || ClassifyRule::new().outcome(Outcome::Failure);
    vec![
        (p().classify(ClassifyConfig::new()), json(r#","classify":{}"#), ""),
        (on(On::Status(404), failure()), json(r#","classify":{"404":{"outcome":"failure"}}"#), ""),
        (
            on(On::Class(5), ClassifyRule::new().retry(Retry::Never)).block(BlockConfig::new()),
            json(r#","classify":{"5xx":{"retry":"never"}},"block":{}"#),
            "",
        ),
        (
            on(On::Error(NetworkError::Tls), ClassifyRule::new().retry_after(RetryAfterHeader::Block)),
            json(r#","classify":{"tls":{"retry_after":"block"}}"#),
            "`classify.tls.retry_after`: got \"block\", expected nothing: without an answer there is no header",
        ),
        (
            on(On::Status(429), ClassifyRule::new().block_ms(1)),
            json(r#","classify":{"429":{"block_ms":1}}"#),
            "`classify.429.block_ms`: got 1, expected 0 without `block`",
        ),
    ]
}

fn rows() -> Vec<Row> {
    let gates = [beside_the_gates(), trips_and_windows(), times_and_probes(), limits_block_and_bulkhead()];
    [gates.concat(), what_answers_mean()].concat()
}

/// What JSON cannot even name.
#[test]
fn rules_are_for_what_there_is() {
    for (on, field) in
        [(On::Status(99), "classify.99"), (On::Status(600), "classify.600"), (On::Class(6), "classify.6xx")]
    {
        let error = p().classify(ClassifyConfig::new().on(on, ClassifyRule::new())).build().unwrap_err();
        assert_eq!((error.field.as_str(), error.value.as_str()), (field, "an object"));
    }
}

#[test]
fn the_later_rule_for_the_same_stands() {
    let rules = ClassifyConfig::new()
        .on(On::Class(5), ClassifyRule::new().retry(Retry::Never))
        .on(On::Class(5), ClassifyRule::new().retry(Retry::Always));
    assert_eq!(rules.rule(On::Class(5)).unwrap().retry, Some(Retry::Always));
}

#[test]
fn typed_and_json_are_one() {
    for (typed, json, error) in rows() {
        let from_json = Policy::from_json(&json);
        match (typed.build(), from_json) {
            (Ok(a), Ok(b)) => {
                assert_eq!(error, "", "{json}");
                assert_eq!((a.config(), a.fingerprint()), (b.config(), b.fingerprint()), "{json}");
            }
            (Err(a), Err(b)) => {
                assert_eq!(a.to_string(), error, "{json}");
                assert_eq!(a, b, "{json}");
            }
            (a, b) => panic!("{json}\n{a:?}\n{b:?}"),
        }
    }
}

/// A configuration that was read back from its own JSON is the same, before and after defaults are filled in.
#[test]
fn json_comes_back() {
    for (typed, json, _) in rows() {
        assert_eq!(PolicyConfig::from_json(&typed.to_json()), Ok(typed), "{json}");
        if let Ok(policy) = Policy::from_json(&json) {
            let again = Policy::from_json(&policy.config().to_json()).unwrap();
            assert_eq!(again.config(), policy.config(), "{json}");
        }
    }
}

#[test]
fn whole_percents_that_overflow_are_refused_and_not_wrapped() {
    let error = circuit(CircuitConfig::new().failure_rate_percent(u32::MAX)).build().unwrap_err();
    assert_eq!(error.field, "circuit.failure_rate_percent");
    let error = circuit(trips().open_multiplier(u32::MAX)).build().unwrap_err();
    assert_eq!(error.field, "circuit.open_multiplier");
}

#[test]
fn decimals_show_as_they_were_written() {
    for text in ["0.01", "0.1", "1", "9.9", "10.05", "100"] {
        let json = format!(r#"{{"name":"p","circuit":{{"failure_rate_percent":{text}}}}}"#);
        let policy = Policy::from_json(&json).unwrap();
        assert_eq!(policy.config().circuit.as_ref().unwrap().failure_rate_percent.unwrap().to_string(), text);
    }
}
