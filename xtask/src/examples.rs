//! Requires a runnable example of every public item of the core and the store. That they run is `cargo test --doc`.
//!
//! rustdoc tells what is public as JSON, which it calls unstable: only that program, not the compiler, is told to allow it
//! (`scripts/rustdoc-unstable`), so that nothing else is built anew. Its format belongs to the pinned toolchain.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lexopt::Parser;
use serde_json::Value;

use crate::{Outcome, values};

pub(crate) const NAME: &str = "examples";
pub(crate) const HELP: &str = "require an example of every public item of core and store";

const CRATES: &[(&str, &str)] = &[("stanchion", "stanchion"), ("stanchion-store", "stanchion_store")];

pub(crate) fn run(args: Parser) -> Outcome {
    if let Some(value) = values(args)?.first() {
        return Err(format!("`{NAME}` takes no argument, got `{value}`").into());
    }
    let mut missing = Vec::new();
    for (package, name) in CRATES {
        let documentation = document(package, name)?;
        let items = public_items(&documentation);
        println!("{package}: {} public items", items.len());
        missing.extend(items.into_iter().filter(|item| !has_example(item)).map(place));
    }
    if missing.is_empty() { Ok(()) } else { Err(format!("without an example:\n{}", missing.join("\n")).into()) }
}

/// The documentation of a crate's library as JSON.
fn document(package: &str, name: &str) -> Result<Value, Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let status = Command::new(env!("CARGO"))
        .current_dir(&root)
        .env("RUSTDOC", root.join("scripts/rustdoc-unstable"))
        .args(["rustdoc", "--quiet", "--package", package, "--lib", "--", "-Zunstable-options", "--output-format=json"])
        .status()?;
    if !status.success() {
        return Err(format!("rustdoc of {package} ended with {status}").into());
    }
    Ok(serde_json::from_slice(&fs::read(target.join("doc").join(name).with_extension("json"))?)?)
}

/// What a user of the crate can reach: modules, types, traits, functions, methods and macros. Fields, variants and constants
/// are shown by the examples of what they belong to, what a trait brings by those of the trait.
fn public_items(documentation: &Value) -> Vec<&Value> {
    let index = &documentation["index"];
    let (mut items, mut seen) = (Vec::new(), std::collections::HashSet::new());
    let mut next = vec![&documentation["root"]];
    while let Some(id) = next.pop() {
        let item = &index[id.to_string()];
        if item["crate_id"] != 0 || !seen.insert(id.to_string()) {
            continue;
        }
        let Some((kind, inner)) = item["inner"].as_object().and_then(|inner| inner.iter().next()) else { continue };
        let lists: &[&str] = match kind.as_str() {
            "module" | "trait" => &["items"],
            "struct" | "enum" | "union" => &["impls"],
            "impl" if inner["trait"].is_null() => &["items"],
            "use" => {
                next.push(&inner["id"]);
                continue;
            }
            "function" | "macro" | "proc_macro" => &[],
            _ => continue,
        };
        next.extend(lists.iter().filter_map(|list| inner[list].as_array()).flatten());
        if kind != "impl" {
            items.push(item);
        }
    }
    items
}

/// Whether its documentation has a block of code that is run.
fn has_example(item: &Value) -> bool {
    let mut fences =
        item["docs"].as_str().unwrap_or_default().lines().filter(|line| line.starts_with("```")).step_by(2);
    fences.any(|fence| fence == "```" || fence == "```should_panic")
}

fn place(item: &Value) -> String {
    let (name, span) = (item["name"].as_str().unwrap_or("?"), &item["span"]);
    format!("{}:{} {name}", span["filename"].as_str().unwrap_or("?"), span["begin"][0])
}

#[cfg(test)]
mod tests {
    use super::{has_example, place, public_items};
    use serde_json::{Value, json};

    fn item(name: &str, docs: &str, inner: &Value) -> Value {
        let span = json!({ "filename": "lib.rs", "begin": [7, 1] });
        json!({ "crate_id": 0, "name": name, "docs": docs, "inner": inner, "span": span })
    }

    #[test]
    fn what_is_reached_and_shows_nothing_is_found() {
        let shown = "What it does.\n\n```\nassert!(true);\n```";
        let documentation = json!({ "root": 0, "index": {
            "0": item("krate", shown, &json!({ "module": { "items": [1, 2] } })),
            "1": item("Kept", shown, &json!({ "struct": { "impls": [3, 4] } })),
            "2": item("moved", "", &json!({ "use": { "id": 6 } })),
            "3": item("", "", &json!({ "impl": { "trait": null, "items": [5] } })),
            "4": item("", "", &json!({ "impl": { "trait": { "path": "Clone" }, "items": [7] } })),
            "5": item("silent", "It does it.\n\n```text\nlike so\n```", &json!({ "function": {} })),
            "6": item("from_elsewhere", "", &json!({ "function": {} })),
            "7": item("clone", "", &json!({ "function": {} })),
            "8": item("Sealed", "", &json!({ "trait": { "items": [] } })),
        } });
        let items = public_items(&documentation);
        let mut missing: Vec<_> = items.iter().filter(|item| !has_example(item)).map(|item| place(item)).collect();
        missing.sort_unstable();
        assert_eq!((items.len(), missing), (4, vec!["lib.rs:7 from_elsewhere".into(), "lib.rs:7 silent".into()]));
    }
}
