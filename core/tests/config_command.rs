//! Commands as JSON text.

#![cfg(feature = "serde")]
#![expect(clippy::unwrap_used, reason = "a broken assumption of a helper is a failed test")]

use core::time::Duration;

use stanchion::{Command, Holder, Outcome, Summary, Timestamp};

fn now() -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000).unwrap()
}

#[test]
fn every_command_can_be_said() {
    let at = |micros| Timestamp::from_micros(micros).unwrap();
    let in_ms = |ms| now().saturating_add(Duration::from_millis(ms));
    let mut summary = Summary::new();
    for (outcome, is_slow) in
        [(Outcome::Success, false), (Outcome::Failure, false), (Outcome::Success, true), (Outcome::Failure, true)]
    {
        summary.record(outcome, is_slow);
    }
    let report = |outcome, duration| Command::Report { outcome, duration };
    let holder = |name: &str| Command::ReleaseHolder { holder: Holder::named(name) };
    let longest = "h".repeat(256);
    let rows = [
        (r#"{"block":{"until_us":1}}"#, Command::Block { until: at(1) }),
        (r#"{"block":{"until_us":4503599627370495}}"#, Command::Block { until: Timestamp::MAX }),
        (r#"{"block":{"for_ms":1}}"#, Command::Block { until: in_ms(1) }),
        (r#"{"block":{"for_ms":4294967295}}"#, Command::Block { until: in_ms(4_294_967_295) }),
        (r#"{"unblock":{}}"#, Command::Unblock),
        (r#"{"trip":{}}"#, Command::Trip),
        (r#"{"reset":{}}"#, Command::Reset),
        (r#"{"force_open":{}}"#, Command::ForceOpen { until: None }),
        (r#"{"force_open":{"until_us":null}}"#, Command::ForceOpen { until: None }),
        (r#"{"force_open":{"until_us":9}}"#, Command::ForceOpen { until: Some(at(9)) }),
        (r#"{"force_open":{"for_ms":5000}}"#, Command::ForceOpen { until: Some(in_ms(5_000)) }),
        (r#"{"disable":{}}"#, Command::Disable),
        (r#"{"metrics_only":{}}"#, Command::MetricsOnly),
        (r#"{"lift_mode":{}}"#, Command::LiftMode),
        (r#"{"report":{"outcome":"success"}}"#, report(Outcome::Success, None)),
        (r#"{"report":{"outcome":"ignored","duration_us":null}}"#, report(Outcome::Ignored, None)),
        (r#"{"report":{"outcome":"failure","duration_us":0}}"#, report(Outcome::Failure, Some(Duration::ZERO))),
        (
            r#"{"report":{"outcome":"failure","duration_us":9007199254740991}}"#,
            report(Outcome::Failure, Some(Duration::from_micros((1 << 53) - 1))),
        ),
        (r#"{"release_holder":{"holder":"w"}}"#, holder("w")),
        (&format!(r#"{{"release_holder":{{"holder":"{longest}"}}}}"#), holder(&longest)),
        (
            r#"{"settle_many":{"generation":16777215,"calls":[0,1,2,3]}}"#,
            Command::SettleMany { generation: 0xFF_FFFF, summary: Box::new(summary) },
        ),
        (
            r#"{"settle_many":{"generation":1,"calls":[]}}"#,
            Command::SettleMany { generation: 1, summary: Box::new(Summary::new()) },
        ),
    ];
    for (json, command) in rows {
        assert_eq!(Command::from_json(json, now()), Ok(command), "{json}");
    }
}

#[test]
fn a_wait_beyond_the_last_instant_ends_there() {
    let late = Command::from_json(r#"{"block":{"for_ms":4294967295}}"#, Timestamp::MAX);
    assert_eq!(late, Ok(Command::Block { until: Timestamp::MAX }));
}

#[test]
fn nothing_else_is_a_command() {
    let instant = "a whole number from 1 to 4503599627370495";
    let rows = [
        ("trip", "got invalid JSON (expected ident at line 1 column 3), expected a JSON object".to_owned()),
        (r#""trip""#, r#"got "trip", expected an object"#.to_owned()),
        ("{}", "got {}, expected an object with one command".to_owned()),
        (r#"{"trip":{},"reset":{}}"#, r#"got {"trip":{},"reset":{}}, expected an object with one command"#.to_owned()),
        (r#"{"trip":{},"trip":{}}"#, "`trip`: got {}, expected this field only once".to_owned()),
        (r#"{"tripp":{}}"#, "`tripp`: got {}, expected no field of that name, the nearest is `trip`".to_owned()),
        (r#"{"trip":null}"#, "`trip`: got null, expected an object".to_owned()),
        (r#"{"trip":{"now":true}}"#, "`trip.now`: got true, expected no field at all".to_owned()),
        (r#"{"block":{}}"#, "`block`: got {}, expected either `until_us` or `for_ms`".to_owned()),
        (
            r#"{"block":{"until_us":null}}"#,
            r#"`block`: got {"until_us":null}, expected either `until_us` or `for_ms`"#.to_owned(),
        ),
        (
            r#"{"block":{"until_us":1,"for_ms":1}}"#,
            "`block.for_ms`: got 1, expected nothing beside `until_us`".to_owned(),
        ),
        (r#"{"block":{"until_us":0}}"#, format!("`block.until_us`: got 0, expected {instant}")),
        (
            r#"{"force_open":{"until_us":4503599627370496}}"#,
            format!("`force_open.until_us`: got 4503599627370496, expected {instant}"),
        ),
        (
            r#"{"force_open":{"for_ms":4294967296}}"#,
            "`force_open.for_ms`: got 4294967296, expected a whole number from 1 to 4294967295".to_owned(),
        ),
        (r#"{"report":{}}"#, r#"`report.outcome`: got nothing, expected "success", "failure" or "ignored""#.to_owned()),
        (
            r#"{"report":{"outcome":"ok"}}"#,
            r#"`report.outcome`: got "ok", expected "success", "failure" or "ignored""#.to_owned(),
        ),
        (
            r#"{"report":{"outcome":"success","duration_us":-1}}"#,
            "`report.duration_us`: got -1, expected a whole number from 0 to 9007199254740991".to_owned(),
        ),
        (
            r#"{"release_holder":{"holder":""}}"#,
            r#"`release_holder.holder`: got "", expected a name of 1 to 256 characters"#.to_owned(),
        ),
        (
            r#"{"release_holder":{}}"#,
            "`release_holder.holder`: got nothing, expected a name of 1 to 256 characters".to_owned(),
        ),
        (
            r#"{"settle_many":{"calls":[]}}"#,
            "`settle_many.generation`: got nothing, expected a whole number from 1 to 16777215".to_owned(),
        ),
        (
            r#"{"settle_many":{"generation":16777216,"calls":[]}}"#,
            "`settle_many.generation`: got 16777216, expected a whole number from 1 to 16777215".to_owned(),
        ),
        (
            r#"{"settle_many":{"generation":1}}"#,
            "`settle_many.calls`: got nothing, expected a list of whole numbers from 0 to 3".to_owned(),
        ),
        (
            r#"{"settle_many":{"generation":1,"calls":[0,4]}}"#,
            "`settle_many.calls[1]`: got 4, expected a whole number from 0 to 3".to_owned(),
        ),
    ];
    for (json, error) in rows {
        assert_eq!(Command::from_json(json, now()).unwrap_err().to_string(), error, "{json}");
    }
    let long = format!(r#"{{"release_holder":{{"holder":"{}"}}}}"#, "h".repeat(257));
    assert_eq!(Command::from_json(&long, now()).unwrap_err().field, "release_holder.holder");
}
