//! What a set of keys answers where there is no permit.

use alloc::string::String;
use core::fmt;

use crate::local::Rejected;

/// What a set of keys does with a call of a new key when it is full, and all keys say something.
///
/// ```
/// use stanchion::{Keyed, OnFull, Policy};
///
/// let policy = Policy::from_json(r#"{"name": "users", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
/// let users = Keyed::new(policy).max_keys(1).on_full(OnFull::Admit);
/// let _held = users.acquire("ann").unwrap();
/// assert!(users.acquire("bob").unwrap().is_degraded(), "no gate was asked");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnFull {
    /// Refuses it with [`TooManyKeys`]: what is protected stays so.
    #[default]
    Reject,
    /// Admits it without a state: [`Guard::is_degraded`](crate::Guard::is_degraded) says so.
    Admit,
}

/// A set of keys is full, and all keys that were looked at say something.
///
/// ```
/// use stanchion::{Keyed, KeyedRejected, Policy};
///
/// let policy = Policy::from_json(r#"{"name": "users", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
/// let users = Keyed::new(policy).max_keys(1);
/// let _held = users.acquire("ann").unwrap();
/// let Err(KeyedRejected::TooManyKeys(full)) = users.acquire("bob") else { unreachable!() };
/// assert_eq!(full.code(), "too_many_keys");
/// assert_eq!(full.to_string(), "`users` has 1 keys, and all say something");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TooManyKeys {
    /// The policy's name.
    pub policy: String,
    /// How many keys are kept at most.
    pub max_keys: u32,
}

impl TooManyKeys {
    /// By which programs know it: `too_many_keys`.
    ///
    /// ```
    /// use stanchion::{Command, Keyed, Policy};
    ///
    /// let policy = Policy::from_json(r#"{"name": "users", "circuit": {"consecutive_failures": 5}}"#).unwrap();
    /// let users = Keyed::new(policy).max_keys(0);
    /// assert_eq!(users.command("ann", &Command::Trip).unwrap_err().code(), "too_many_keys");
    /// ```
    pub const fn code(&self) -> &'static str {
        "too_many_keys"
    }
}

impl fmt::Display for TooManyKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` has {} keys, and all say something", self.policy, self.max_keys)
    }
}

impl core::error::Error for TooManyKeys {}

/// A call of a key that may not go ahead.
///
/// ```
/// use stanchion::{Keyed, KeyedRejected, Policy};
///
/// let policy = Policy::from_json(r#"{"name": "users", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
/// let users = Keyed::new(policy);
/// let _held = users.acquire("ann").unwrap();
/// let Err(KeyedRejected::Rejected(refused)) = users.acquire("ann") else { unreachable!() };
/// assert_eq!(refused.by, "bulkhead");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyedRejected {
    /// A gate of the key refuses it.
    Rejected(Rejected),
    /// The key is new, and there is no room for one more.
    TooManyKeys(TooManyKeys),
}

impl fmt::Display for KeyedRejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::TooManyKeys(full) => full.fmt(f),
        }
    }
}

impl core::error::Error for KeyedRejected {}
