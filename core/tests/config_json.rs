//! Text that is no policy: what JSON itself allows to go wrong, which vectors (parsed before they get here) cannot say.

#![cfg(feature = "serde")]
#![expect(clippy::unwrap_used, reason = "a broken assumption of a helper is a failed test")]

use stanchion::{Policy, PolicyConfig};

fn refusal(json: &str) -> String {
    Policy::from_json(json).unwrap_err().to_string()
}

#[test]
fn what_is_no_json_says_where() {
    let rows = [
        ("", "got invalid JSON (EOF while parsing a value at line 1 column 0), expected a JSON object"),
        ("{\n  \"name\": \"p\",\n}", "got invalid JSON (trailing comma at line 3 column 1), expected a JSON object"),
        ("{\"name\":\"p\"} x", "got invalid JSON (trailing characters at line 1 column 14), expected a JSON object"),
        (
            "{\"name\":\"p\"",
            "got invalid JSON (EOF while parsing an object at line 1 column 11), expected a JSON object",
        ),
        ("{\"seed\":1e999}", "got invalid JSON (number out of range at line 1 column 9), expected a JSON object"),
        (
            r#"{"name":"\ud800"}"#,
            "got invalid JSON (unexpected end of hex escape at line 1 column 16), expected a JSON object",
        ),
        ("NaN", "got invalid JSON (expected value at line 1 column 1), expected a JSON object"),
    ];
    for (json, error) in rows {
        assert_eq!(refusal(json), error, "{json}");
        assert_eq!(Policy::from_json(json).unwrap_err().field, "", "{json}");
    }
}

#[test]
fn a_repeated_field_is_refused() {
    let rows = [
        (r#"{"name":"p","name":"p"}"#, r#"`name`: got "p", expected this field only once"#),
        (
            r#"{"name":"p","circuit":{"consecutive_failures":5,"open_ms":1,"open_ms":2}}"#,
            "`circuit.open_ms`: got 2, expected this field only once",
        ),
        (r#"{"name":"p","block":null,"block":{}}"#, "`block`: got {}, expected this field only once"),
        (
            r#"{"name":"p","circuit":{"failure_rate_percent":5,"window":{"calls":1,"calls":1}}}"#,
            "`circuit.window.calls`: got 1, expected this field only once",
        ),
        (
            r#"{"name":"p","classify":{"404":{},"5xx":{},"404":{}}}"#,
            "`classify.404`: got {}, expected this field only once",
        ),
    ];
    for (json, error) in rows {
        assert_eq!(refusal(json), error);
    }
}

/// As JSON Schema has it, a number is its value and not its spelling.
#[test]
fn numbers_are_read_by_their_value() {
    for number in ["5", "5.0", "5e0", "0.5e1", "50e-1", "5.000"] {
        let json = format!(r#"{{"name":"p","circuit":{{"consecutive_failures":{number}}}}}"#);
        let policy = Policy::from_json(&json).unwrap();
        assert_eq!(policy.config().circuit.as_ref().unwrap().consecutive_failures, Some(5), "{number}");
    }
    for number in ["-5", "5.5", "-0.0", "1e300", "5e-1", "18446744073709551616", "1e-300"] {
        let json = format!(r#"{{"name":"p","circuit":{{"consecutive_failures":{number}}}}}"#);
        assert_eq!(Policy::from_json(&json).unwrap_err().field, "circuit.consecutive_failures", "{number}");
    }
}

/// Hostile text is cut in errors, and neither its depth nor its width is a danger.
#[test]
fn hostile_text_is_only_an_error() {
    let long = "x".repeat(100_000);
    let error = Policy::from_json(&format!(r#"{{"name":"p","{long}":"{long}"}}"#)).unwrap_err();
    assert_eq!((error.field.chars().count(), error.value.chars().count()), (80, 81));
    assert!(Policy::from_json(&"[".repeat(100_000)).is_err());
    assert!(Policy::from_json(&r#"{"circuit":"#.repeat(10_000)).is_err());
}

/// Where two faults stand, unknown fields come first, then values of another type, then ranges, then other rules.
#[test]
fn a_draft_is_read_before_it_is_judged() {
    let draft = PolicyConfig::from_json(r#"{"name":"p","circuit":{"open_ms":0}}"#).unwrap();
    assert_eq!(draft.circuit.as_ref().unwrap().open_ms, 0);
    assert_eq!(draft.build().unwrap_err().field, "circuit.open_ms");
}
