//! The JSON Schema of a state, from one table: each field of the JSON form, what it may hold and what it means.
//!
//! The table stands beside the structs of `snapshot.rs`; the tests check states of every kind against it, each field
//! required and no other allowed, so neither can change without the other.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::json::{Fields, Json};

/// What a value may be.
enum Shape {
    /// A whole number in a range.
    Whole(i64, i64),
    /// True or false.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Text that matches a pattern.
    Text(&'static str),
    /// A list of at most so many.
    List(&'static Shape, u32),
    /// An object with exactly these fields.
    Object(&'static [Field]),
    /// An object with exactly one of these fields.
    OneOf(&'static [Field]),
    /// That, or null.
    OrNull(&'static Shape),
}

/// A field: its name, what it may be and what it means.
struct Field(&'static str, Shape, &'static str);

/// 0 for none, or an instant.
const AT: Shape = Shape::Whole(0, (1 << 52) - 1);
/// An instant.
const SOME_AT: Shape = Shape::Whole(1, (1 << 52) - 1);
const U32: Shape = Shape::Whole(0, 0xFFFF_FFFF);
/// A generation, or the id of a lease.
const U24: Shape = Shape::Whole(0, 0xFF_FFFF);
const SOME_U24: Shape = Shape::Whole(1, 0xFF_FFFF);
const DURATION_US: Shape = Shape::Whole(0, 4_294_967_295_000);

const STATE: Shape = Shape::Object(&[
    Field("fingerprint", U32, "stands for the configuration of the policy that wrote the state"),
    Field("last_at_us", SOME_AT, "the instant of the last change; levels are as of then"),
    Field("generation", SOME_U24, "of the permits that are given out now"),
    Field("refunds_from", U24, "permits of generations below give nothing back"),
    Field("counts_from", U24, "results of generations below move no circuit"),
    Field("next_lease_id", SOME_U24, "the id of the next lease"),
    Field("circuit", Shape::OrNull(&CIRCUIT), "the circuit; null where no policy had one"),
    Field("mode", Shape::OrNull(&MODE), "what lies over the circuit; mostly nothing"),
    Field("limits", Shape::List(&LIMIT, 32), "the limits by ascending name hash, carried ones too"),
    Field("block_until_us", AT, "no calls before; 0 for no block"),
    Field("failures_at_us", Shape::List(&SOME_AT, 64), "the instants of the failures that may count, ascending"),
    Field("window", Shape::OrNull(&WINDOW), "the calls that the rates are taken over; null while there are none"),
    Field("probes", Shape::OrNull(&PROBES), "of a half-open circuit, once one was let through"),
    Field("leases", Shape::List(&LEASE, 4096), "the slots of the bulkhead that are taken, by ascending id"),
    Field("budget", Shape::OrNull(&BUDGET), "what is left of the retry budget; null while it is full"),
    Field("schedule", Shape::OrNull(&SCHEDULE), "what is remembered of the schedule; null before the first ask"),
    Field(
        "recovery",
        Shape::OrNull(&RECOVERY),
        "what was at fault, and what was tried; null while nothing is remembered",
    ),
    Field("health", Shape::OrNull(&HEALTH), "what health remembers; null where the policy does not ask for it"),
    Field("carried", Shape::List(&CARRIED, 182), "sections of other releases and of hosts, kept unread"),
]);

const CIRCUIT: Shape = Shape::Object(&[
    Field("phase", Shape::Word(&["closed", "open", "half_open"]), "as it was written; time may have moved it since"),
    Field("reason", Shape::Word(REASONS), "why it opened last"),
    Field("growth", Shape::Whole(0, 255), "how often it opened since growth was reset"),
    Field("since_us", SOME_AT, "since when it is in this phase"),
    Field("touched_us", AT, "closed and half-open: from here on `forget_ms` runs; open: 0"),
    Field("consecutive_failures", U32, "closed: failures in a row; else 0"),
    Field("open_us", DURATION_US, "open: the open time as it was chosen; else 0"),
    Field("until_us", AT, "open: the end of the open time; else 0"),
    Field("successes", Shape::Whole(0, 1024), "half-open: probes that succeeded; else 0"),
    Field("failures", Shape::Whole(0, 1024), "half-open: probes that failed; else 0"),
]);

const BUDGET: Shape = Shape::Object(&[
    Field("level", Shape::Whole(0, (1 << 53) - 1), "what was in it at `at_us`, in units"),
    Field("at_us", SOME_AT, "as of when it is"),
    Field("units_per_token", Shape::Whole(1, (1 << 53) - 1), "units in a token"),
    Field("units_per_us", Shape::Whole(1, 0xFFFF_FFFF), "units that come back each µs"),
    Field("capacity", Shape::Whole(1, 0xFFFF_FFFF), "what it holds when full, in tokens"),
]);

const SCHEDULE: Shape = Shape::Object(&[
    Field("anchor_us", SOME_AT, "the last scheduled run, or the first ask; the next slot lies after it"),
    Field("last_run_us", AT, "the last run, whatever asked for it; 0 for none yet"),
    Field("failures", U32, "failures in a row"),
    Field("runs_us", Shape::List(&SOME_AT, 64), "the runs that the flood guard counts, ascending"),
]);

const RECOVERY: Shape = Shape::Object(&[
    Field("reached", U32, "the hash of the step that the episode has reached; 0 outside of one"),
    Field(
        "unrecoverable",
        Shape::OrNull(&Shape::Word(&["fatal", "exhausted"])),
        "why it was given up; null while it is not",
    ),
    Field("touched_us", AT, "when it moved last in an episode, was given up, or else was recovered"),
    Field("throttled_until_us", AT, "no step begins before"),
    Field("lease", Shape::OrNull(&RECOVERY_LEASE), "of the last attempt, until its end was told"),
    Field("steps", Shape::List(&RECOVERY_STEP, 8), "the steps that have attempts or back off, by ascending hash"),
]);

const RECOVERY_LEASE: Shape = Shape::Object(&[
    Field("id", SOME_U24, "its id"),
    Field("step", Shape::Whole(1, 0xFFFF_FFFF), "the hash of the step that it is for"),
    Field("until_us", AT, "when it ends; 0 where it ran out"),
]);

const RECOVERY_STEP: Shape = Shape::Object(&[
    Field("name_hash", Shape::Whole(1, 0xFFFF_FFFF), "the pinned hash of its name"),
    Field("again_us", AT, "until when it backs off"),
    Field("attempts_us", Shape::List(&SOME_AT, 32), "when the attempts that count were begun, ascending"),
]);

const HEALTH: Shape = Shape::Object(&[
    Field("last_success_at_us", AT, "when something worked last, or a little earlier; 0 where the policy does not ask"),
    Field("openings_at_us", Shape::List(&SOME_AT, 32), "when the circuit opened the last times, ascending"),
]);

const REASONS: &[&str] = &[
    "none",
    "consecutive_failures",
    "failures_in_window",
    "failure_rate",
    "slow_call_rate",
    "probe_failed",
    "half_open_timeout",
    "tripped",
];

const MODE: Shape = Shape::Object(&[
    Field("mode", Shape::Word(&["forced_open", "disabled", "metrics_only"]), "which"),
    Field("until_us", AT, "when it ends by itself; 0 for never"),
]);

const LIMIT: Shape = Shape::Object(&[
    Field("name_hash", Shape::Whole(1, 0xFFFF_FFFF), "the pinned hash of its name"),
    Field("level", Shape::Whole(1 - (1 << 53), (1 << 53) - 1), "what is there, in units; below 0 it is debt"),
    Field("level_tokens", Shape::Text(r"^-?[0-9]+\.[0-9]{3}$"), "the level in tokens, rounded down"),
    Field("units_per_token", Shape::Whole(1, 4_294_967_295_000), "units in a token"),
    Field("units_per_us", Shape::Whole(1, 0xFFFF_FFFF), "units that come back each microsecond"),
    Field("capacity", Shape::Whole(1, 0xFFFF_FFFF), "in tokens"),
    Field("is_per_call", Shape::Flag, "each call takes one token, whatever it costs"),
    Field("starts_empty", Shape::Flag, "a new one starts empty"),
]);

const WINDOW: Shape =
    Shape::OneOf(&[Field("calls", CALLS, "the last calls"), Field("time", SLOTS, "sums by slots of time")]);

const CALLS: Shape = Shape::Object(&[
    Field("size", Shape::Whole(1, 1024), "how many it holds at most"),
    Field(
        "calls",
        Shape::Text("^[.fsb]{1,1024}$"),
        "a letter a call from the oldest: . fine, f failed, s slow, b both",
    ),
]);

const SLOTS: Shape = Shape::Object(&[
    Field("slot_us", Shape::Whole(1, 4_294_967_295_000), "how long a slot is"),
    Field("slots", Shape::Whole(1, 64), "how many there are"),
    Field("sums", Shape::List(&SLOT, 64), "those that hold something, by ascending index"),
]);

const SLOT: Shape = Shape::Object(&[
    Field("index", AT, "its first instant divided by `slot_us`"),
    Field("calls", Shape::Whole(1, 0xFFFF_FFFF), "calls that ended in it"),
    Field("failures", U32, "of them failed"),
    Field("slow", U32, "of them slow"),
]);

const PROBES: Shape = Shape::Object(&[
    Field("first_us", SOME_AT, "when the first was let through; `half_open_max_ms` runs from here"),
    Field("live", Shape::List(&PROBE, 64), "those that are out, by ascending id"),
]);

const PROBE: Shape = Shape::Object(&[
    Field("id", SOME_U24, "the lease's id"),
    Field("expires_us", SOME_AT, "when its place is free again"),
]);

const LEASE: Shape = Shape::Object(&[
    Field("id", SOME_U24, "the lease's id"),
    Field("expires_us", SOME_AT, "when the slot is free again"),
    Field("holder", Shape::OrNull(&Shape::Text("^[0-9a-f]{16}$")), "the pinned hash of who holds it; null for nobody"),
    Field("count", Shape::Whole(1, 4095), "how many calls share it"),
]);

const CARRIED: Shape = Shape::Object(&[
    Field("kind", Shape::Whole(10, 255), "its kind"),
    Field("flags", Shape::Whole(0, 254), "its flags"),
    Field("body", Shape::Text("^([0-9a-f]{2})*$"), "its body in hexadecimal digits"),
]);

/// The JSON Schema of a state's JSON form ([`Snapshot::to_json`](crate::Snapshot::to_json)), draft 2020-12, as text with
/// a line feed at its end: what `schema/state.schema.json` holds.
///
/// ```
/// let schema: serde_json::Value = serde_json::from_str(&stanchion::state_schema()).unwrap();
/// assert_eq!(schema["properties"]["limits"]["maxItems"], 32);
/// ```
pub fn state_schema() -> String {
    let mut schema = keywords([
        ("$schema", Json::text("https://json-schema.org/draft/2020-12/schema")),
        ("$id", Json::text("urn:stanchion:state")),
        ("description", Json::text("the JSON form of a state, for people; instants are µs since the epoch")),
    ]);
    schema.extend(STATE.keywords());
    Json::Object(schema).to_pretty()
}

impl Shape {
    /// What says it in JSON Schema.
    fn keywords(&self) -> Fields {
        match self {
            Self::Whole(min, max) => keywords([
                ("type", Json::text("integer")),
                ("minimum", Json::Number(min.to_string())),
                ("maximum", Json::Number(max.to_string())),
            ]),
            Self::Flag => keywords([("type", Json::text("boolean"))]),
            Self::Word(words) => keywords([("enum", Json::List(words.iter().map(|word| Json::text(word)).collect()))]),
            Self::Text(pattern) => keywords([("type", Json::text("string")), ("pattern", Json::text(pattern))]),
            Self::List(item, most) => keywords([
                ("type", Json::text("array")),
                ("maxItems", Json::number(u64::from(*most))),
                ("items", Json::Object(item.keywords())),
            ]),
            Self::Object(fields) => keywords([
                ("type", Json::text("object")),
                ("required", Json::List(fields.iter().map(|Field(name, ..)| Json::text(name)).collect())),
                ("additionalProperties", Json::Bool(false)),
                ("properties", properties(fields)),
            ]),
            Self::OneOf(fields) => keywords([
                ("type", Json::text("object")),
                ("minProperties", Json::number(1)),
                ("maxProperties", Json::number(1)),
                ("additionalProperties", Json::Bool(false)),
                ("properties", properties(fields)),
            ]),
            Self::OrNull(shape) => {
                let null = Json::object([("type", Json::text("null"))]);
                keywords([("anyOf", Json::List([Json::Object(shape.keywords()), null].into()))])
            }
        }
    }
}

/// Each field's shape, under its meaning.
fn properties(fields: &[Field]) -> Json {
    let property = |Field(name, shape, about): &Field| {
        let mut property = keywords([("description", Json::text(about))]);
        property.extend(shape.keywords());
        (*name, Json::Object(property))
    };
    Json::object(fields.iter().map(property).collect::<Vec<_>>())
}

fn keywords<const N: usize>(keywords: [(&str, Json); N]) -> Fields {
    keywords.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
}

#[cfg(test)]
mod tests {
    extern crate std;

    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::state_schema;
    use crate::codec::examples;

    /// Compiled in, so that the test needs no files (Miri gives none).
    const COMMITTED: &str = include_str!("../schema/state.schema.json");

    #[test]
    fn the_committed_schema_is_fresh() {
        if std::env::var_os("STANCHION_BLESS").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/state.schema.json");
            std::fs::write(path, state_schema()).unwrap();
        } else {
            assert_eq!(COMMITTED, state_schema(), "run it again with STANCHION_BLESS=1, or `cargo xtask schema`");
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "compiling the schema takes minutes there")]
    fn states_of_every_kind_are_what_the_schema_says() {
        let schema = serde_json::from_str(&state_schema()).unwrap();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        for state in examples::all() {
            let json = serde_json::from_str(&state.to_json()).unwrap();
            let errors: Vec<_> = validator.iter_errors(&json).map(|e| e.instance_path().to_string()).collect();
            assert!(errors.is_empty(), "{errors:?} in {json}");
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "compiling the schema takes minutes there")]
    fn another_field_or_a_missing_one_is_none_of_the_schema() {
        let schema = serde_json::from_str(&state_schema()).unwrap();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let state: serde_json::Value = serde_json::from_str(&examples::at_rest().to_json()).unwrap();
        assert!(validator.is_valid(&state));

        let mut more = state.clone();
        more["circuit"]["colour"] = 1.into();
        let mut fewer = state;
        fewer["limits"][0].as_object_mut().unwrap().remove("level");
        assert_eq!([more, fewer].map(|state| validator.is_valid(&state)), [false, false]);
    }
}
