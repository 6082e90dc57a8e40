//! What is told of a fault, and what is to be done about it.

use core::fmt;
use core::str::FromStr;

use crate::error::InputError;
use crate::time::Timestamp;

/// A number for languages without enums, and back.
macro_rules! codes {
    ($Name:ident { $($Variant:ident = $code:literal $word:literal,)+ }) => {
        impl $Name {
            /// All, by ascending number.
            pub(crate) const ALL: [Self; [$($code),+].len()] = [$(Self::$Variant),+];

            /// Its name in JSON and in logs.
            ///
            /// ```
            /// # use stanchion::*;
            $(#[doc = concat!(
                "assert_eq!(", stringify!($Name), "::", stringify!($Variant), ".name(), ", stringify!($word), ");"
            )])+
            /// ```
            pub const fn name(self) -> &'static str {
                match self { $(Self::$Variant => $word,)+ }
            }

            /// Its number for languages without enums, from 1.
            ///
            /// ```
            /// # use stanchion::*;
            $(#[doc = concat!(
                "assert_eq!(", stringify!($Name), "::", stringify!($Variant), ".code(), ", stringify!($code), ");"
            )])+
            /// ```
            pub const fn code(self) -> u32 {
                match self { $(Self::$Variant => $code,)+ }
            }

            /// The one with that number; `None` where there is none.
            ///
            /// ```
            /// # use stanchion::*;
            $(#[doc = concat!(
                "assert_eq!(", stringify!($Name), "::from_code(", stringify!($code), "), Some(", stringify!($Name), "::",
                stringify!($Variant), "));"
            )])+
            #[doc = concat!("assert_eq!(", stringify!($Name), "::from_code(0), None);")]
            /// ```
            pub fn from_code(code: u32) -> Option<Self> {
                Self::ALL.into_iter().find(|one| one.code() == code)
            }
        }

        /// Its name.
        impl fmt::Display for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

/// What kind of fault it is: where the ladder begins goes by it.
///
/// ```
/// use stanchion::FaultClass;
///
/// assert_eq!("session_lost".parse(), Ok(FaultClass::SessionLost));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultClass {
    /// It may pass by itself: a server's error, a connection that broke, a process that crashed.
    Transient,
    /// The server wants no calls for a time.
    Throttled,
    /// New credentials are needed.
    Unauthenticated,
    /// The session is gone.
    SessionLost,
    /// Somebody else still has the session.
    Conflict,
    /// Nothing that can be done by itself will help.
    Fatal,
    /// Nobody wants it any more. This is no fault.
    Cancelled,
}

codes! {
    FaultClass {
        Transient = 1 "transient",
        Throttled = 2 "throttled",
        Unauthenticated = 3 "unauthenticated",
        SessionLost = 4 "session_lost",
        Conflict = 5 "conflict",
        Fatal = 6 "fatal",
        Cancelled = 7 "cancelled",
    }
}

/// By its name.
impl FromStr for FaultClass {
    type Err = InputError;

    fn from_str(name: &str) -> Result<Self, InputError> {
        let allowed = "transient, throttled, unauthenticated, session_lost, conflict, fatal or cancelled";
        Self::ALL.into_iter().find(|class| class.name() == name).ok_or_else(|| InputError::new("class", &name, allowed))
    }
}

/// Something that went wrong.
///
/// ```
/// use stanchion::{Fault, FaultClass};
///
/// assert_eq!(Fault::new(FaultClass::Conflict), Fault::conflict());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Fault {
    /// What kind.
    pub class: FaultClass,
    /// Throttled: until when the server wants no calls. `None` where it did not say: for 60 s, as
    /// [`Policy::classify`](crate::Policy::classify) has it. At most `max_throttle_ms` ahead. The other classes have none.
    pub until: Option<Timestamp>,
}

impl Fault {
    /// A fault of that class.
    ///
    /// ```
    /// use stanchion::{Fault, FaultClass};
    ///
    /// assert_eq!(Fault::new(FaultClass::Fatal).until, None);
    /// ```
    pub const fn new(class: FaultClass) -> Self {
        Self { class, until: None }
    }

    /// It may pass by itself.
    ///
    /// ```
    /// use stanchion::{Fault, FaultClass};
    ///
    /// assert_eq!(Fault::transient().class, FaultClass::Transient);
    /// ```
    pub const fn transient() -> Self {
        Self::new(FaultClass::Transient)
    }

    /// The server wants no calls until then, or did not say until when.
    ///
    /// ```
    /// use stanchion::{Fault, Timestamp};
    ///
    /// assert_eq!(Fault::throttled(Some(Timestamp::MAX)).until, Some(Timestamp::MAX));
    /// ```
    pub const fn throttled(until: Option<Timestamp>) -> Self {
        Self { class: FaultClass::Throttled, until }
    }

    /// New credentials are needed.
    ///
    /// ```
    /// use stanchion::{Fault, FaultClass};
    ///
    /// assert_eq!(Fault::unauthenticated().class, FaultClass::Unauthenticated);
    /// ```
    pub const fn unauthenticated() -> Self {
        Self::new(FaultClass::Unauthenticated)
    }

    /// The session is gone.
    ///
    /// ```
    /// use stanchion::{Fault, FaultClass};
    ///
    /// assert_eq!(Fault::session_lost().class, FaultClass::SessionLost);
    /// ```
    pub const fn session_lost() -> Self {
        Self::new(FaultClass::SessionLost)
    }

    /// Somebody else still has the session.
    ///
    /// ```
    /// use stanchion::{Fault, FaultClass};
    ///
    /// assert_eq!(Fault::conflict().class, FaultClass::Conflict);
    /// ```
    pub const fn conflict() -> Self {
        Self::new(FaultClass::Conflict)
    }

    /// Nothing that can be done by itself will help.
    ///
    /// ```
    /// use stanchion::{Fault, FaultClass};
    ///
    /// assert_eq!(Fault::fatal().class, FaultClass::Fatal);
    /// ```
    pub const fn fatal() -> Self {
        Self::new(FaultClass::Fatal)
    }

    /// Nobody wants it any more.
    ///
    /// ```
    /// use stanchion::{Fault, FaultClass};
    ///
    /// assert_eq!(Fault::cancelled().class, FaultClass::Cancelled);
    /// ```
    pub const fn cancelled() -> Self {
        Self::new(FaultClass::Cancelled)
    }
}

/// What is to be done about a fault.
///
/// ```
/// use stanchion::{Recovery, Unrecoverable};
///
/// let answer = Recovery::GiveUp(Unrecoverable::Exhausted);
/// assert_eq!((answer.name(), answer.reason()), ("give_up", Some(Unrecoverable::Exhausted)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Recovery {
    /// Do this step, and tell how it ended ([`Policy::recovered`](crate::Policy::recovered)). Nobody else does one before its
    /// lease ends.
    #[non_exhaustive]
    Do {
        /// The place of the step in the ladder, from 0; its name is [`Policy::step_name`](crate::Policy::step_name).
        step: u32,
        /// Which of the step's attempts that count it is, from 1.
        attempt: u32,
        /// The lease: by it the end is told, and the lease renewed.
        lease_id: u32,
        /// When the lease ends.
        until: Timestamp,
    },
    /// Not now. What is tried again in the meantime tells whether it is still at fault; if so, ask again at that instant.
    #[non_exhaustive]
    Wait {
        /// Until then, asking again changes nothing, unless something else happens.
        at: Timestamp,
        /// Why.
        why: RecoveryWait,
    },
    /// It is over, until a [reset](crate::Command::Reset).
    GiveUp(Unrecoverable),
    /// Nothing was at fault: it was cancelled.
    Stop,
}

impl Recovery {
    /// Its name in JSON and in logs.
    ///
    /// ```
    /// assert_eq!(stanchion::Recovery::Stop.name(), "stop");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Do { .. } => "do",
            Self::Wait { .. } => "wait",
            Self::GiveUp(_) => "give_up",
            Self::Stop => "stop",
        }
    }

    /// Its number for languages without enums, from 1.
    ///
    /// ```
    /// assert_eq!(stanchion::Recovery::Stop.code(), 4);
    /// ```
    pub const fn code(self) -> u32 {
        match self {
            Self::Do { .. } => 1,
            Self::Wait { .. } => 2,
            Self::GiveUp(_) => 3,
            Self::Stop => 4,
        }
    }

    /// The lease of the step that is to be done; `None` where none is.
    ///
    /// ```
    /// assert_eq!(stanchion::Recovery::Stop.lease_id(), None);
    /// ```
    pub const fn lease_id(self) -> Option<u32> {
        match self {
            Self::Do { lease_id, .. } => Some(lease_id),
            Self::Wait { .. } | Self::GiveUp(_) | Self::Stop => None,
        }
    }

    /// When the lease of the step ends that is to be done, or the wait; `None` where there is neither.
    ///
    /// ```
    /// assert_eq!(stanchion::Recovery::Stop.at(), None);
    /// ```
    pub const fn at(self) -> Option<Timestamp> {
        match self {
            Self::Do { until: at, .. } | Self::Wait { at, .. } => Some(at),
            Self::GiveUp(_) | Self::Stop => None,
        }
    }

    /// Why it is given up; `None` where it is not.
    ///
    /// ```
    /// use stanchion::{Recovery, Unrecoverable};
    ///
    /// assert_eq!(Recovery::GiveUp(Unrecoverable::Fatal).reason(), Some(Unrecoverable::Fatal));
    /// ```
    pub const fn reason(self) -> Option<Unrecoverable> {
        match self {
            Self::GiveUp(reason) => Some(reason),
            Self::Do { .. } | Self::Wait { .. } | Self::Stop => None,
        }
    }
}

/// Why nothing is done now about a fault.
///
/// ```
/// assert_eq!(stanchion::RecoveryWait::InProgress.to_string(), "in_progress");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecoveryWait {
    /// The step was tried not long ago.
    Backoff,
    /// The server wants no calls.
    Throttled,
    /// Somebody else is doing a step.
    InProgress,
}

codes! { RecoveryWait { Backoff = 1 "backoff", Throttled = 2 "throttled", InProgress = 3 "in_progress", } }

/// Why nothing more is done about a fault.
///
/// ```
/// assert_eq!(stanchion::Unrecoverable::Exhausted.to_string(), "exhausted");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Unrecoverable {
    /// The fault is none that a step could mend.
    Fatal,
    /// The last step was tried as often as it may be.
    Exhausted,
    /// The policy has no `recovery`. A state never keeps it.
    NoRecovery,
}

codes! { Unrecoverable { Fatal = 1 "fatal", Exhausted = 2 "exhausted", NoRecovery = 3 "no_recovery", } }
