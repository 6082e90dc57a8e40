//! The JSON Schema of a policy (draft 2020-12), from the same table as everything else.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::config::parts::{
    BlockConfig, BulkheadConfig, CircuitConfig, FailuresInWindowConfig, LimitConfig, PolicyConfig,
};
use crate::config::table::Table;
use crate::config::window::{CallWindow, TimeWindow, WindowConfig};
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
        named::<WindowConfig>(),
        named::<CallWindow>(),
        named::<TimeWindow>(),
        named::<LimitConfig>(),
        named::<BlockConfig>(),
        named::<BulkheadConfig>(),
    ];
    let mut root = alloc::vec![
        field("$schema", Json::text("https://json-schema.org/draft/2020-12/schema")),
        field("$id", Json::text("urn:stanchion:policy")),
    ];
    if let Json::Object(policy) = PolicyConfig::definition() {
        root.extend(policy);
    }
    root.push(field("$defs", Json::object(definitions)));
    Json::Object(root).to_pretty()
}

fn named<T: Table>() -> (&'static str, Json) {
    (T::NAME, T::definition())
}

fn field(name: &str, value: Json) -> (String, Json) {
    (name.to_string(), value)
}

/// What stands where one table's field is another table.
pub(crate) fn reference(name: &str) -> Fields {
    [field("$ref", Json::Text(format!("#/$defs/{name}")))].into()
}

/// A field: its type and what it means.
pub(crate) fn row(doc: &[&str], mut kind: Fields) -> Fields {
    kind.push(field("description", Json::Text(paragraph(doc))));
    kind
}

/// The same type or null.
pub(crate) fn nullable(mut kind: Fields) -> Fields {
    match kind.first_mut() {
        Some((name, Json::Text(word))) if name == "type" => {
            let either = alloc::vec![Json::text(word), Json::text("null")];
            if let Some((_, first)) = kind.first_mut() {
                *first = Json::List(either);
            }
            kind
        }
        _ => {
            let either = [Json::Object(kind), Json::object([("type", Json::text("null"))])];
            [field("anyOf", Json::List(either.into()))].into()
        }
    }
}

pub(crate) fn with_default(mut row: Fields, default: Json) -> Fields {
    row.push(field("default", default));
    row
}

/// A default that depends on other fields is told in words.
pub(crate) fn with_default_words(mut row: Fields, words: &str) -> Fields {
    if let Some((_, Json::Text(description))) = row.iter_mut().find(|(name, _)| name == "description") {
        *description = format!("{description} Default: {words}.");
    }
    row
}

/// One of a few words, each with its meaning.
pub(crate) fn choices<const N: usize>(words: [(&str, String); N]) -> Fields {
    let each =
        words.map(|(word, meaning)| Json::object([("const", Json::text(word)), ("description", Json::Text(meaning))]));
    [field("oneOf", Json::List(each.into()))].into()
}

/// A table.
pub(crate) fn definition<const N: usize>(
    name: &str,
    about: &[&str],
    required: &[&str],
    rows: [(&'static str, Fields); N],
) -> Json {
    let rows = rows.into_iter().map(|(name, row)| (name, Json::Object(row)));
    Json::object([
        ("title", Json::text(name)),
        ("description", Json::Text(paragraph(about))),
        ("type", Json::text("object")),
        ("additionalProperties", Json::Bool(false)),
        ("required", Json::List(required.iter().map(|name| Json::text(name)).collect())),
        ("properties", Json::object(rows)),
    ])
}

/// The first paragraph of a doc comment, on one line. What follows (examples) is for Rust.
pub(crate) fn paragraph(doc: &[&str]) -> String {
    let lines: Vec<&str> = doc.iter().map(|line| line.trim()).take_while(|line| !line.is_empty()).collect();
    lines.join(" ")
}
