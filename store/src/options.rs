//! How a state file is opened.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use stanchion::Timestamp;

/// How much a write survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// The death of any process, at any instant. After a power loss a key has some earlier whole state, or reads as
    /// corrupt. This is the fast one.
    #[default]
    Process,
    /// A power loss too: every write is synced before the answer is given. A sync takes milliseconds on many disks.
    Sync,
}

/// How a state file is opened. Every setting has a default that is safe.
#[derive(Clone)]
pub struct Options {
    pub(crate) wait: Duration,
    pub(crate) durability: Durability,
    pub(crate) max_keys: u64,
    pub(crate) create: bool,
    pub(crate) read_only: bool,
    pub(crate) any_owner: bool,
    pub(crate) clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Options {
    /// A wait of 100 ms, 100,000 keys, made where it is missing, the system's clock.
    pub fn new() -> Self {
        Self {
            wait: Duration::from_millis(100),
            durability: Durability::Process,
            max_keys: 100_000,
            create: true,
            read_only: false,
            any_owner: false,
            clock: Arc::new(Timestamp::from_system_clock),
        }
    }

    /// How long an operation waits for the lock at most; 100 ms by default. Zero tries once.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// What a write survives; the death of processes by default.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How many keys the file may hold before a new one needs an old one to be forgotten; 100,000 by default.
    #[must_use]
    pub fn max_keys(mut self, max_keys: u64) -> Self {
        self.max_keys = max_keys;
        self
    }

    /// Whether a missing file, and a missing directory, are made (0600 and 0700); they are by default.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Reads only: nothing is made, locked or written, and the owner does not matter.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Accepts a file or directory that belongs to another user or that others may write to. Only where all who may
    /// write are trusted: they can decide every answer.
    #[must_use]
    pub fn any_owner(mut self, any_owner: bool) -> Self {
        self.any_owner = any_owner;
        self
    }

    /// The clock of calls that bring no `now`; the system's by default. It is read under the lock.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("wait", &self.wait)
            .field("durability", &self.durability)
            .field("max_keys", &self.max_keys)
            .field("create", &self.create)
            .field("read_only", &self.read_only)
            .field("any_owner", &self.any_owner)
            .finish_non_exhaustive()
    }
}
