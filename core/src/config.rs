//! Configurations: placeholder of the interface, replaced by the config helper.
use alloc::string::String;
/// What a policy is built from.
#[derive(Debug, Clone)]
pub struct PolicyConfig {
    /// name
    pub name: String,
}
