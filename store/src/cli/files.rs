//! The files that commands are given.

use std::io::Read;
use std::path::Path;

use serde_json::Value;
use stanchion::Policy;
use stanchion_store::{Options, Record, Store};

use crate::output::Failure;

/// A state file to look at: nothing is made, locked or written.
pub(crate) fn reader(file: &Path) -> Result<Store, Failure> {
    Ok(Store::open(file, Options::new().create(false).read_only(true))?)
}

/// A text; a file named `-` is standard input.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    text.map_err(|error| Failure::unreadable(path, error))
}

/// A policy that must be valid.
pub(crate) fn policy(path: &Path) -> Result<Policy, Failure> {
    Policy::from_json(&text(path)?).map_err(|error| Failure::wrong(path, error))
}

/// The record of a key that must be there.
pub(crate) fn record(store: &Store, key: &str) -> Result<Record, Failure> {
    let missing = || Failure::wrong(store.path(), format!("no key `{key}`; stanchion list shows those there are"));
    store.read(key)?.ok_or_else(missing)
}

/// That what a key holds is not a state, or not one of this release.
pub(crate) fn not_a_state(store: &Store, key: &str, error: &stanchion::StateError) -> Failure {
    Failure::wrong(store.path(), format!("key `{key}`: {error}"))
}

/// What the core wrote as JSON, as a value.
pub(crate) fn value(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or(Value::Null)
}
