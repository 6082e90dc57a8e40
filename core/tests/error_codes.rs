//! Every error has its own code, by which programs know it in all languages: this list is a promise.

use stanchion::{Command, Keyed, Permit, Policy, StateError, Timestamp, UnknownAnswer};

#[test]
fn codes_are_what_they_were_and_no_two_are_alike() {
    let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    let state = policy.new_state(Timestamp::MIN).to_bytes();
    let refused = |bytes: &[u8]| policy.decode(bytes).unwrap_err().code();
    let but = |at: usize, byte: u8| {
        let mut bytes = state.clone();
        *bytes.get_mut(at).unwrap() = byte;
        bytes
    };
    let codes = [
        Policy::from_json("{}").unwrap_err().code(),
        "12".parse::<Permit>().unwrap_err().code(),
        refused(b"{}"),
        refused(&but(2, 2)),
        refused(&but(16, 31)),
        refused(&state[..20]),
        refused(&but(19, 0)),
        policy.new_state_in(&mut [], Timestamp::MIN).map(drop).unwrap_err().code(),
        Keyed::new(policy.clone()).max_keys(0).command("ann", &Command::Reset).unwrap_err().code(),
        UnknownAnswer.code(),
    ];
    assert_eq!(
        codes,
        [
            "invalid_config",
            "invalid_input",
            "not_a_state",
            "newer_version",
            "unknown_section",
            "state_length",
            "invalid_state",
            "state_memory",
            "too_many_keys",
            "unknown_answer",
        ]
    );
    let unknown = policy.decode(&but(16, 31)).unwrap_err();
    assert_eq!(unknown, StateError::UnknownSection { kind: 31 });
}
