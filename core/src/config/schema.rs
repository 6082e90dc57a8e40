//! The JSON Schema of a policy (draft 2020-12), from the same table as everything else.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::config::classify::{self, ClassifyRule};
use crate::config::decimal::decimal;
use crate::config::health::{FlappingConfig, HealthConfig};
use crate::config::parts::{
    BlockConfig, BulkheadConfig, CircuitConfig, FailuresInWindowConfig, LimitConfig, PolicyConfig,
};
use crate::config::recovery::{RecoveryConfig, RecoveryStepConfig};
use crate::config::retry::{RetryBudgetConfig, RetryConfig};
use crate::config::schedule::{FloodConfig, ScheduleBackoffConfig, ScheduleConfig};
use crate::config::spool::{PaceConfig, SpoolConfig};
use crate::config::table::{Kind, Meaning, Named, Row, Seen, Shape};
use crate::config::window::{self, CallWindow, TimeWindow};
use crate::json::{Fields, Json};

/// The JSON Schema of a policy, draft 2020-12, as text with a line feed at its end.
///
/// It knows every field with its description, default and range. What one field says about another (a circuit needs
/// a trip, `open_max_ms` is at least `open_ms`) only [`Policy::from_json`](crate::Policy::from_json) checks.
///
/// ```
/// let schema: serde_json::Value = serde_json::from_str(&stanchion::policy_schema()).unwrap();
/// assert_eq!(schema["$defs"]["CircuitConfig"]["properties"]["open_ms"]["default"], 30_000);
/// ```
pub fn policy_schema() -> String {
    let definitions = [
        named::<CircuitConfig>(),
        named::<FailuresInWindowConfig>(),
        window::definition(),
        named::<CallWindow>(),
        named::<TimeWindow>(),
        named::<LimitConfig>(),
        named::<BlockConfig>(),
        named::<BulkheadConfig>(),
        named::<RetryConfig>(),
        named::<RetryBudgetConfig>(),
        named::<ScheduleConfig>(),
        named::<FloodConfig>(),
        named::<ScheduleBackoffConfig>(),
        named::<RecoveryConfig>(),
        named::<RecoveryStepConfig>(),
        named::<HealthConfig>(),
        named::<FlappingConfig>(),
        named::<SpoolConfig>(),
        named::<PaceConfig>(),
        classify::definition(),
        named::<ClassifyRule>(),
    ];
    let mut root = alloc::vec![
        field("$schema", Json::text("https://json-schema.org/draft/2020-12/schema")),
        field("$id", Json::text("urn:stanchion:policy")),
    ];
    if let (_, Json::Object(policy)) = named::<PolicyConfig>() {
        root.extend(policy);
    }
    root.push(field("$defs", Json::object(definitions)));
    Json::Object(root).to_pretty()
}

/// A table.
fn named<T: Named>() -> (&'static str, Json) {
    let blank = T::blank();
    let (rows, fields) = blank.fields();
    let required = rows.iter().filter(|row| row.kind == Kind::Required).map(|row| Json::text(row.name));
    let fields = rows
        .iter()
        .zip(fields)
        .zip(T::MEANINGS)
        .map(|((row, field), meaning)| (row.name, field_of(row, field, meaning)));
    let definition = Json::object([
        ("title", Json::text(T::NAME)),
        ("description", Json::Text(paragraph(T::ABOUT))),
        ("type", Json::text("object")),
        ("additionalProperties", Json::Bool(false)),
        ("required", Json::List(required.collect())),
        ("properties", Json::object(fields.collect::<Vec<_>>())),
    ]);
    (T::NAME, definition)
}

fn field(name: &str, value: Json) -> (String, Json) {
    (name.to_string(), value)
}

/// What stands where one table's field is another table.
pub(crate) fn reference(name: &str) -> Fields {
    [field("$ref", Json::Text(format!("#/$defs/{name}")))].into()
}

/// A field: its type, what it means and its default.
fn field_of(row: &Row, seen: Seen<'_>, meaning: &Meaning) -> Json {
    let kind = type_of(row, meaning);
    let mut fields = if row.kind == Kind::Maybe { nullable(kind) } else { kind };
    let mut description = paragraph(meaning.doc);
    if let Some(default) = meaning.default {
        description = format!("{description} Default: {default}.");
    }
    fields.push(field("description", Json::Text(description)));
    if row.kind != Kind::Required {
        fields.extend(row.write(seen).map(|default| field("default", default)));
    }
    Json::Object(fields)
}

fn type_of(row: &Row, meaning: &Meaning) -> Fields {
    let (lo, hi) = (Json::number(row.lo), Json::number(row.hi));
    match row.shape {
        Shape::Number(digits) => {
            let kind = if digits == 0 { "integer" } else { "number" };
            let [lo, hi] = [row.lo, row.hi].map(|steps| Json::Number(decimal(steps, digits)));
            [field("type", Json::text(kind)), field("minimum", lo), field("maximum", hi)].into()
        }
        Shape::Flag => [field("type", Json::text("boolean"))].into(),
        Shape::Text => [field("type", Json::text("string")), field("minLength", lo), field("maxLength", hi)].into(),
        Shape::Word(words) => {
            let each = words.iter().zip(meaning.words).map(|(word, meaning)| {
                Json::object([("const", Json::text(word)), ("description", Json::Text(paragraph(meaning)))])
            });
            [field("oneOf", Json::List(each.collect()))].into()
        }
        Shape::Table(_) | Shape::Map => reference(meaning.type_name),
        Shape::List => {
            let items = Json::Object(reference(meaning.type_name));
            [field("type", Json::text("array")), field("items", items), field("minItems", lo), field("maxItems", hi)]
                .into()
        }
    }
}

/// The same type or null.
fn nullable(mut kind: Fields) -> Fields {
    match kind.first_mut() {
        Some((name, word @ Json::Text(_))) if name == "type" => {
            *word = Json::List([word.clone(), Json::text("null")].into());
            kind
        }
        _ => {
            let either = [Json::Object(kind), Json::object([("type", Json::text("null"))])];
            [field("anyOf", Json::List(either.into()))].into()
        }
    }
}

/// The first paragraph of a doc comment, on one line. What follows (examples) is for Rust.
fn paragraph(doc: &[&str]) -> String {
    let lines: Vec<&str> = doc.iter().map(|line| line.trim()).take_while(|line| !line.is_empty()).collect();
    lines.join(" ")
}
