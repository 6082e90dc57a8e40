//! What an answer or a network error means: for the circuit, for the block, and for whoever would try again.
//!
//! The tables stand at [`Policy::classify`], and once more as the `match`es below it. `ARCHITECTURE.md` has the reasons
//! of its disputed rows. A policy's [`ClassifyConfig`](crate::ClassifyConfig) says what is otherwise.

use core::time::Duration;

use crate::config::{ClassifyRule, NetworkError, On, Retry, RetryAfterHeader};
use crate::input::Outcome;
use crate::policy::Policy;
use crate::recovery::{Fault, FaultClass};
use crate::retry_after::parse_retry_after;
use crate::time::Timestamp;

/// What came back from an HTTP call: a status, or a network error instead of one.
///
/// ```
/// use stanchion::{NetworkError, Reply};
///
/// let replies = [Reply::status(200), Reply::status(503).retry_after("120"), Reply::Error(NetworkError::Reset)];
/// assert!(matches!(replies[1], Reply::Status { status: 503, retry_after: Some("120"), .. }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply<'a> {
    /// An answer.
    #[non_exhaustive]
    Status {
        /// Its status. What is none (below 100, above 599) counts as 5xx, as RFC 9110 (15) has it.
        status: u32,
        /// The value of its Retry-After header.
        retry_after: Option<&'a str>,
    },
    /// No answer.
    Error(NetworkError),
}

impl<'a> Reply<'a> {
    /// An answer without a Retry-After header.
    ///
    /// ```
    /// use stanchion::Reply;
    ///
    /// assert!(matches!(Reply::status(503), Reply::Status { status: 503, retry_after: None, .. }));
    /// ```
    pub const fn status(status: u32) -> Self {
        Self::Status { status, retry_after: None }
    }

    /// The same with the value of its Retry-After header. Network errors have none.
    ///
    /// ```
    /// use stanchion::Reply;
    ///
    /// assert!(matches!(Reply::status(503).retry_after("120"), Reply::Status { retry_after: Some("120"), .. }));
    /// ```
    #[must_use]
    pub const fn retry_after(self, value: &'a str) -> Self {
        match self {
            Self::Status { status, .. } => Self::Status { status, retry_after: Some(value) },
            error @ Self::Error(_) => error,
        }
    }
}

/// What a reply means.
///
/// ```
/// use core::time::Duration;
/// use stanchion::{BlockConfig, Policy, Reply, Retry, Timestamp};
///
/// let policy = Policy::builder("api").block(BlockConfig::new()).build().unwrap();
/// let meaning = policy.classify(&Reply::status(429).retry_after("120"), Timestamp::MIN);
/// let later = Timestamp::MIN.saturating_add(Duration::from_secs(120));
/// assert_eq!((meaning.block_until, meaning.retry), (Some(later), Retry::Always));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Classified {
    /// With which the call is settled.
    pub outcome: Outcome,
    /// Until when the policy is to be blocked ([`Command::Block`](crate::Command::Block)). None where it is not.
    pub block_until: Option<Timestamp>,
    /// Whether the request may be made again.
    pub retry: Retry,
    /// When the server wants to be called again by its Retry-After header, whether or not that blocks. No retry comes
    /// earlier.
    pub retry_at: Option<Timestamp>,
    /// What is at fault, for [`Policy::recover`]; none where the caller got what it asked for.
    pub fault: Option<Fault>,
}

/// A row of the table.
struct Row {
    outcome: Outcome,
    takes_retry_after: bool,
    block_ms: u32,
    retry: Retry,
    fault: Option<FaultClass>,
}

/// So long a 429 blocks that does not say for how long.
pub(crate) const UNSAID_BLOCK_MS: u32 = 60_000;

impl Policy {
    /// What came back means, by the table of this policy.
    ///
    /// | what came back | outcome | blocks | may be retried |
    /// |---|---|---|---|
    /// | 1xx, 2xx, 3xx | success | | never |
    /// | 4xx but those below | success | | never |
    /// | 407 | ignored | | never |
    /// | 408 | failure | | if idempotent |
    /// | 421, 425 | ignored | | always |
    /// | 429 | ignored; without a block gate failure | until Retry-After, without one 60 s | always |
    /// | 5xx but those below, and what is no status | failure | | if idempotent |
    /// | 501, 505, 506, 507, 508, 510, 511 | failure | | never |
    /// | 503 | failure | until Retry-After | if idempotent |
    /// | `refused`, `dns` | failure | | always |
    /// | `reset`, `timeout`, `other` | failure | | if idempotent |
    /// | `tls` | failure | | never |
    /// | `aborted` | ignored | | never |
    ///
    /// What is at fault, where the caller did not get what it asked for and no rule says otherwise: an answer says it to the caller,
    /// whatever it says of the upstream.
    ///
    /// | what came back | class |
    /// |---|---|
    /// | 1xx, 2xx, 3xx | none |
    /// | 401 | unauthenticated |
    /// | 404, 410 | session lost |
    /// | 409 | conflict |
    /// | 429; 503 with a Retry-After | throttled, until then |
    /// | 408, 421, 425; 5xx and what is no status | transient |
    /// | 4xx but those above | fatal |
    /// | `refused`, `dns`, `reset`, `timeout`, `other` | transient |
    /// | `tls` | fatal |
    /// | `aborted` | cancelled |
    ///
    /// A success says that the upstream works, not that the caller got what was asked for: a 404 is one. A header that is
    /// none by [`parse_retry_after`] counts as none. No block is longer than `max_block_ms`, and a policy without a
    /// block gate blocks nothing.
    ///
    /// ```
    /// use core::time::Duration;
    /// use stanchion::{BlockConfig, Fault, NetworkError, Outcome, Policy, Reply, Retry, Timestamp};
    ///
    /// let policy = Policy::builder("api").block(BlockConfig::new()).build().unwrap();
    /// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
    ///
    /// let busy = policy.classify(&Reply::status(429).retry_after("7"), now);
    /// assert_eq!((busy.outcome, busy.retry), (Outcome::Ignored, Retry::Always));
    /// assert_eq!(busy.block_until, Some(now.saturating_add(Duration::from_secs(7))));
    ///
    /// assert_eq!(busy.fault, Some(Fault::throttled(busy.retry_at)));
    ///
    /// let lost = policy.classify(&Reply::Error(NetworkError::Reset), now);
    /// assert_eq!((lost.outcome, lost.retry), (Outcome::Failure, Retry::Idempotent));
    /// ```
    pub fn classify(&self, reply: &Reply<'_>, now: Timestamp) -> Classified {
        let retry_at = match reply {
            Reply::Status { retry_after, .. } => retry_after.and_then(|value| parse_retry_after(value, now)),
            Reply::Error(_) => None,
        };
        let row = self.row(reply, retry_at);
        Classified {
            outcome: row.outcome,
            block_until: self.block_until(&row, retry_at, now),
            retry: row.retry,
            retry_at,
            fault: row.fault.map(|class| Fault { class, until: throttle(class, retry_at) }),
        }
    }

    fn block_until(&self, row: &Row, retry_at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let longest = Duration::from_micros(self.block?.max_block_us);
        let unsaid = now.saturating_add(Duration::from_millis(row.block_ms.into()));
        let until = retry_at.filter(|_| row.takes_retry_after).unwrap_or(unsaid);
        Some(until.min(now.saturating_add(longest))).filter(|until| *until > now)
    }

    fn row(&self, reply: &Reply<'_>, retry_at: Option<Timestamp>) -> Row {
        let (mut row, class, exact) = match *reply {
            Reply::Error(error) => (by_error(error), None, On::Error(error)),
            Reply::Status { status, .. } => {
                let class = if (100..=599).contains(&status) { status / 100 } else { 5 };
                (by_status(status, self.block.is_some()), Some(On::Class(class)), On::Status(status))
            }
        };
        row.fault = fault_class(reply, retry_at);
        if let Some(rules) = &self.config().classify {
            for rule in class.into_iter().chain([exact]).filter_map(|on| rules.rule(on)) {
                row.overridden_by(rule);
            }
        }
        row
    }
}

/// The second table: what a reply says is at fault.
const fn fault_class(reply: &Reply<'_>, retry_at: Option<Timestamp>) -> Option<FaultClass> {
    Some(match *reply {
        Reply::Error(NetworkError::Tls) => FaultClass::Fatal,
        Reply::Error(NetworkError::Aborted) => FaultClass::Cancelled,
        Reply::Error(_) => FaultClass::Transient,
        Reply::Status { status, .. } => match status {
            100..=399 => return None,
            401 => FaultClass::Unauthenticated,
            404 | 410 => FaultClass::SessionLost,
            409 => FaultClass::Conflict,
            429 => FaultClass::Throttled,
            503 if retry_at.is_some() => FaultClass::Throttled,
            400..=499 if !matches!(status, 408 | 421 | 425) => FaultClass::Fatal,
            _ => FaultClass::Transient,
        },
    })
}

/// Until when the server wants no calls, where that is what is at fault.
fn throttle(class: FaultClass, retry_at: Option<Timestamp>) -> Option<Timestamp> {
    retry_at.filter(|_| class == FaultClass::Throttled)
}

impl Row {
    const fn new(outcome: Outcome, retry: Retry) -> Self {
        Self { outcome, takes_retry_after: false, block_ms: 0, retry, fault: None }
    }

    fn overridden_by(&mut self, rule: &ClassifyRule) {
        self.outcome = rule.outcome.unwrap_or(self.outcome);
        self.takes_retry_after =
            rule.retry_after.map_or(self.takes_retry_after, |header| header == RetryAfterHeader::Block);
        self.block_ms = rule.block_ms.unwrap_or(self.block_ms);
        self.retry = rule.retry.unwrap_or(self.retry);
        self.fault = rule.fault.or(self.fault);
    }
}

const fn by_status(status: u32, can_block: bool) -> Row {
    use Outcome::{Failure, Ignored, Success};
    use Retry::{Always, Idempotent, Never};
    match status {
        407 => Row::new(Ignored, Never),
        408 => Row::new(Failure, Idempotent),
        421 | 425 => Row::new(Ignored, Always),
        429 => {
            let outcome = if can_block { Ignored } else { Failure };
            Row { takes_retry_after: true, block_ms: UNSAID_BLOCK_MS, ..Row::new(outcome, Always) }
        }
        100..=499 => Row::new(Success, Never),
        501 | 505..=508 | 510 | 511 => Row::new(Failure, Never),
        503 => Row { takes_retry_after: true, ..Row::new(Failure, Idempotent) },
        _ => Row::new(Failure, Idempotent),
    }
}

const fn by_error(error: NetworkError) -> Row {
    use Outcome::{Failure, Ignored};
    match error {
        NetworkError::Refused | NetworkError::Dns => Row::new(Failure, Retry::Always),
        NetworkError::Reset | NetworkError::Timeout | NetworkError::Other => Row::new(Failure, Retry::Idempotent),
        NetworkError::Tls => Row::new(Failure, Retry::Never),
        NetworkError::Aborted => Row::new(Ignored, Retry::Never),
    }
}
/// Whether a request of that HTTP method may be processed twice without harm (RFC 9110, 9.2.2; `QUERY` is safe, as its RFC says).
/// Methods are compared as they are written: `get` is none that a server knows. Of a method that is not listed nobody can tell.
///
/// ```
/// use stanchion::is_idempotent_method;
///
/// assert!(is_idempotent_method("GET") && is_idempotent_method("DELETE"));
/// assert!(!is_idempotent_method("POST") && !is_idempotent_method("PATCH") && !is_idempotent_method("get"));
/// ```
pub fn is_idempotent_method(method: &str) -> bool {
    ["GET", "HEAD", "OPTIONS", "TRACE", "QUERY", "PUT", "DELETE"].contains(&method)
}
