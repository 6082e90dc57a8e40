//! Replaced by config and explain.
use crate::{Command, ConfigError, Gate, InputError, Live, Policy, Timestamp};
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
    pub fn explain(&self, state: &impl Live, now: Timestamp) -> Explanation {
        unimplemented!()
    }
}
/// What an operator needs; Display is the human text, `to_json` (feature serde) the JSON.
#[derive(Debug, Clone)]
pub struct Explanation {}
#[allow(missing_docs)]
#[cfg(feature = "serde")]
impl Explanation {
    pub fn to_json(&self) -> String {
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
#[cfg(feature = "serde")]
#[allow(missing_docs)]
impl crate::Snapshot {
    pub fn to_json(&self) -> String {
        unimplemented!()
    }
}
/// strict Retry-After header
#[allow(unused_variables)]
pub fn parse_retry_after(value: &str, now: Timestamp) -> Option<Timestamp> {
    unimplemented!()
}
