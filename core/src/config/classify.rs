//! What a policy says otherwise than the default table of [`Policy::classify`](crate::Policy::classify): rules by status,
//! by class of statuses and by network error.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::config::check::at_most;
use crate::config::fault::Quoted;
#[cfg(feature = "serde")]
use crate::config::schema;
use crate::config::table::{
    Datum, Field, Map, Named, Row, Seen, Shape, Table, argument, config, field_type, how, kept, range, row,
};
#[cfg(feature = "serde")]
use crate::config::table::{Meaning, Place, default_words, meaning};
use crate::config::values::{Value, choices, scalars, word_values};
use crate::error::{BoxedError, InputError};
use crate::gather::gather;
use crate::input::Outcome;
#[cfg(feature = "serde")]
use crate::json::Json;
#[cfg(feature = "serde")]
use crate::num::index;
use crate::num::wide;
use crate::recovery::FaultClass;

choices! {
    /// A class of network errors: what there was instead of a status.
    ///
    /// ```
    /// use stanchion::NetworkError;
    ///
    /// assert_eq!("timeout".parse(), Ok(NetworkError::Timeout));
    /// assert_eq!(NetworkError::Timeout.name(), "timeout");
    /// ```
    pub enum NetworkError {
        /// No connection came about: it was refused, or there is no way to the host. Nothing was sent.
        Refused = "refused",
        /// The connection broke. Nobody knows whether the request was processed.
        Reset = "reset",
        /// No answer in time, from the upstream or by the host's own bound.
        Timeout = "timeout",
        /// The name was not resolved. Nothing was sent.
        Dns = "dns",
        /// No trusted connection: a certificate or a protocol that did not fit. Nothing was sent.
        Tls = "tls",
        /// The caller gave the call up.
        Aborted = "aborted",
        /// Any other, and one that the host cannot tell. Nobody knows whether the request was processed.
        Other = "other",
    }

    /// Whether a request may be made again.
    ///
    /// ```
    /// use stanchion::Retry;
    ///
    /// let is_idempotent = false; // a POST
    /// assert!(Retry::Always.allows(is_idempotent) && !Retry::Idempotent.allows(is_idempotent));
    /// ```
    pub enum Retry {
        /// The answer would be the same, or nobody wants it any more.
        Never = "never",
        /// Only where it does no harm to process it twice: the first one may have been.
        Idempotent = "idempotent",
        /// The first one was surely not processed.
        Always = "always",
    }

    /// What an answer's Retry-After header does.
    ///
    /// ```
    /// assert_eq!(stanchion::RetryAfterHeader::Block.name(), "block");
    /// ```
    pub enum RetryAfterHeader {
        /// It closes the policy's block until then.
        Block = "block",
        /// Nothing.
        Ignore = "ignore",
    }
}

word_values! {
    Outcome {
        /// It worked.
        Success = "success",
        /// It failed in a way that says something about the protected system.
        Failure = "failure",
        /// It says nothing about the system.
        Ignored = "ignored",
    }
}

impl NetworkError {
    /// Its number for languages without enums, from 1.
    ///
    /// ```
    /// use stanchion::NetworkError;
    ///
    /// assert_eq!(NetworkError::from_code(3), Some(NetworkError::Timeout));
    /// assert_eq!(NetworkError::Timeout.code(), 3);
    /// ```
    pub const fn code(self) -> u32 {
        match self {
            Self::Refused => 1,
            Self::Reset => 2,
            Self::Timeout => 3,
            Self::Dns => 4,
            Self::Tls => 5,
            Self::Aborted => 6,
            Self::Other => 7,
        }
    }

    /// The one with that number; `None` where there is none.
    ///
    /// ```
    /// use stanchion::NetworkError;
    ///
    /// assert_eq!((NetworkError::from_code(7), NetworkError::from_code(0)), (Some(NetworkError::Other), None));
    /// ```
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|error| error.code() == code)
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|error| error.name() == name)
    }
}

/// From its name.
impl FromStr for NetworkError {
    type Err = InputError;

    fn from_str(name: &str) -> Result<Self, InputError> {
        Self::from_name(name).ok_or_else(|| InputError::new("error", &Quoted(name), &format!("one of {}", names())))
    }
}

/// The network errors for people.
fn names() -> String {
    let names: Vec<String> = NetworkError::ALL.iter().map(|error| format!("`{}`", error.name())).collect();
    names.join(", ")
}

impl Retry {
    /// Its number for languages without enums, from 1.
    ///
    /// ```
    /// assert_eq!(stanchion::Retry::Always.code(), 3);
    /// ```
    pub const fn code(self) -> u32 {
        match self {
            Self::Never => 1,
            Self::Idempotent => 2,
            Self::Always => 3,
        }
    }

    /// Whether a request may be made again that is idempotent, or is not.
    ///
    /// ```
    /// assert!(stanchion::Retry::Idempotent.allows(true));
    /// ```
    pub const fn allows(self, is_idempotent: bool) -> bool {
        match self {
            Self::Never => false,
            Self::Idempotent => is_idempotent,
            Self::Always => true,
        }
    }
}

/// What a rule is for. In JSON it is the rule's name: `"429"`, `"5xx"`, `"timeout"`.
///
/// ```
/// use stanchion::{NetworkError, On};
///
/// let all = [On::Status(429), On::Class(5), On::Error(NetworkError::Timeout)];
/// assert_eq!(all.map(|on| on.to_string()), ["429", "5xx", "timeout"]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum On {
    /// A status, 100 to 599.
    Status(u32),
    /// A class of statuses by its first digit, 1 to 5.
    Class(u32),
    /// A class of network errors.
    Error(NetworkError),
}

impl On {
    fn from_name(name: &str) -> Option<Self> {
        let on = match name.as_bytes() {
            [class @ b'1'..=b'5', b'x', b'x'] => Self::Class(u32::from(class & 0x0F)),
            [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9'] => Self::Status(name.parse().ok()?),
            _ => Self::Error(NetworkError::from_name(name)?),
        };
        Some(on)
    }
}

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::Class(class) => write!(f, "{class}xx"),
            Self::Error(error) => f.write_str(error.name()),
        }
    }
}

config! {
    /// What is said otherwise about one status, class of statuses or network error. What is left out is as it would be
    /// without the rule.
    ///
    /// ```
    /// use stanchion::{ClassifyRule, Outcome, Retry};
    ///
    /// let locked = ClassifyRule::new().outcome(Outcome::Ignored).retry(Retry::Idempotent);
    /// assert_eq!(locked.retry, Some(Retry::Idempotent));
    /// ```
    pub struct ClassifyRule {
        /// assert_eq!((config.outcome, config.retry, config.fault), (None, None, None));
        new();
        required {}
        optional {
            /// What it says about the protected system.
            outcome: derived(Outcome), "as without the rule", e.g. Outcome::Ignored;
            /// What its Retry-After header does. Only statuses have one.
            retry_after: derived(RetryAfterHeader), "as without the rule", e.g. RetryAfterHeader::Ignore;
            /// For how long it closes the policy's block where no header says until when. 0 for not at all.
            block_ms: derived(u32) in 0..=4_294_967_295, "as without the rule", e.g. 1_000;
            /// Whether the request may be made again.
            retry: derived(Retry), "as without the rule", e.g. Retry::Never;
            /// What is at fault: where the ladder of `recovery` begins.
            fault: derived(FaultClass), "as without the rule", e.g. FaultClass::SessionLost;
        }
    }
}

/// The same as `new`: nothing is said yet.
impl Default for ClassifyRule {
    fn default() -> Self {
        Self::new()
    }
}

/// What a policy says otherwise about statuses (`"429"`), classes of statuses (`"5xx"`) and network errors (`"timeout"`)
/// than the default table.
///
/// A status goes by its own rule first, what that leaves out by the rule of its class, and the rest by the table of
/// [`Policy::classify`](crate::Policy::classify).
///
/// ```
/// use stanchion::{BlockConfig, ClassifyConfig, ClassifyRule, On, Outcome, Policy, RetryAfterHeader};
///
/// let rate_limited = ClassifyRule::new().outcome(Outcome::Ignored).retry_after(RetryAfterHeader::Block);
/// let github = ClassifyConfig::new().on(On::Status(403), rate_limited);
/// assert!(Policy::builder("github").block(BlockConfig::new()).classify(github).build().is_ok());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassifyConfig {
    rules: Vec<(On, ClassifyRule)>,
}

impl ClassifyConfig {
    /// Nothing otherwise than in the default table.
    ///
    /// ```
    /// assert_eq!(stanchion::ClassifyConfig::new(), stanchion::ClassifyConfig::default());
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self { rules: Vec::new() }
    }

    /// The same with a rule, in place of an earlier one for the same.
    ///
    /// ```
    /// use stanchion::{ClassifyConfig, ClassifyRule, On, Outcome};
    ///
    /// let ignored = ClassifyRule::new().outcome(Outcome::Ignored);
    /// let config = ClassifyConfig::new().on(On::Status(409), ignored.clone());
    /// assert_eq!(config.rule(On::Status(409)), Some(&ignored));
    /// ```
    #[must_use]
    pub fn on(mut self, on: On, rule: ClassifyRule) -> Self {
        match self.rules.iter_mut().find(|(other, _)| *other == on) {
            Some((_, there)) => *there = rule,
            None => self.rules.push((on, rule)),
        }
        self
    }

    /// The rule for exactly that.
    ///
    /// ```
    /// assert_eq!(stanchion::ClassifyConfig::new().rule(stanchion::On::Class(5)), None);
    /// ```
    pub fn rule(&self, on: On) -> Option<&ClassifyRule> {
        self.rules.iter().find(|(other, _)| *other == on).map(|(_, rule)| rule)
    }

    /// Refuses what nothing could come of: a network error's header, a block without a gate, one longer than the gate's.
    pub(crate) fn check_block(&self, max_block_ms: Option<u32>) -> Result<(), BoxedError> {
        self.rules.iter().try_for_each(|(on, rule)| rule.check_block(*on, max_block_ms).map_err(|e| e.within_rule(*on)))
    }
}

impl BoxedError {
    fn within_rule(self, on: On) -> Self {
        self.within(&on.to_string())
    }
}

impl ClassifyRule {
    fn check_block(&self, on: On, max_block_ms: Option<u32>) -> Result<(), BoxedError> {
        let block_ms = self.block_ms.unwrap_or(0);
        match (self.retry_after, max_block_ms) {
            (Some(word), _) if matches!(on, On::Error(_)) => Err(BoxedError::new(
                "retry_after",
                &Quoted(word.name()),
                "nothing: without an answer there is no header",
            )),
            (Some(RetryAfterHeader::Block), None) => {
                Err(BoxedError::new("retry_after", &"\"block\"", "\"ignore\" without `block`"))
            }
            (_, None) if block_ms > 0 => Err(BoxedError::new("block_ms", &block_ms, "0 without `block`")),
            (_, Some(most)) => at_most("block_ms", block_ms, "`block.max_block_ms`", most),
            _ => Ok(()),
        }
    }
}

impl Field for Option<ClassifyConfig> {
    const SHAPE: Shape = Shape::Map;
    #[cfg(feature = "serde")]
    const NAME: &'static str = "ClassifyConfig";

    fn seen(&self) -> Seen<'_> {
        Seen::Map(self)
    }

    #[cfg(feature = "serde")]
    fn place(&mut self) -> Place<'_> {
        Place::Map(self)
    }
}

impl Map for Option<ClassifyConfig> {
    fn names(&self) -> Option<Vec<String>> {
        self.as_ref().map(|config| gather(config.rules.iter().map(|(on, _)| on.to_string())))
    }

    fn at(&self, index: usize) -> Option<&dyn Table> {
        self.as_ref()?.rules.get(index).map(|(_, rule)| -> &dyn Table { rule })
    }

    fn is_name(&self, name: &str) -> bool {
        On::from_name(name).is_some()
    }

    fn names_allowed(&self) -> String {
        format!(
            "no rule of that name, only a status (`100` to `599`), a class of them (`1xx` to `5xx`) and {}",
            names()
        )
    }

    #[cfg(feature = "serde")]
    fn start(&mut self) {
        *self = Some(ClassifyConfig::new());
    }

    #[cfg(feature = "serde")]
    fn add(&mut self, name: &str) -> Option<&mut dyn Table> {
        let rules = &mut self.as_mut()?.rules;
        Some(&mut rules.push_mut((On::from_name(name)?, ClassifyRule::new())).1)
    }
}

/// The JSON Schema of the rules by their names.
#[cfg(feature = "serde")]
pub(super) fn definition() -> (&'static str, Json) {
    let errors: Vec<&str> = NetworkError::ALL.iter().map(|error| error.name()).collect();
    let pattern = format!("^([1-5][0-9][0-9]|[1-5]xx|{})$", errors.join("|"));
    let about = "What a policy says otherwise about statuses (\"429\"), classes of statuses (\"5xx\") and network errors \
                 (\"timeout\") than the default table.";
    let definition = Json::object([
        ("title", Json::text("ClassifyConfig")),
        ("description", Json::text(about)),
        ("type", Json::text("object")),
        ("propertyNames", Json::object([("pattern", Json::Text(pattern))])),
        ("additionalProperties", Json::Object(schema::reference(ClassifyRule::NAME))),
    ]);
    ("ClassifyConfig", definition)
}
