//! Replaced by config and explain.
use crate::{Command, ConfigError, Gate, InputError, Policy, Timestamp};
use alloc::string::String;
#[allow(missing_docs, unused_variables, clippy::all)]
impl Policy {
    pub fn from_json(json: &str) -> Result<Policy, ConfigError> {
        unimplemented!()
    }
    pub fn name(&self) -> &str {
        unimplemented!()
    }
    pub fn gate_name(&self, gate: Gate) -> String {
        unimplemented!()
    }
}
#[cfg(feature = "serde")]
#[allow(missing_docs, unused_variables)]
impl Command {
    pub fn from_json(json: &str, now: Timestamp) -> Result<Command, InputError> {
        unimplemented!()
    }
}
/// strict Retry-After header
#[allow(unused_variables)]
pub fn parse_retry_after(value: &str, now: Timestamp) -> Option<Timestamp> {
    unimplemented!()
}
