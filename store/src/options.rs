//! How a state file is opened.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use stanchion::Timestamp;

/// How much a write survives.
///
/// ```
/// # use stanchion_store::{Options, Store, StoreError};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("state");
/// use stanchion_store::Durability;
///
/// let store = Store::open(&path, Options::new().durability(Durability::Sync))?;
/// assert!(store.keys()?.is_empty());
/// # Ok::<(), StoreError>(())
/// ```
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
///
/// ```
/// # use stanchion_store::{Options, Store, StoreError};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("state");
/// use std::time::Duration;
///
/// let options = Options::new().wait(Duration::from_millis(20)).max_keys(1_000);
/// assert!(Store::open(&path, options)?.keys()?.is_empty());
/// # Ok::<(), StoreError>(())
/// ```
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
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("state");
    /// assert!(Store::open(&path, Options::new()).is_ok());
    /// # Ok::<(), StoreError>(())
    /// ```
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
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("state");
    /// use std::time::Duration;
    ///
    /// let store = Store::open(&path, Options::new().wait(Duration::ZERO))?;
    /// let _held = store.begin("a key")?;
    /// assert_eq!(store.begin("another").unwrap_err().code(), "busy");
    /// # Ok::<(), StoreError>(())
    /// ```
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// What a write survives; the death of processes by default.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("state");
    /// use stanchion_store::Durability;
    ///
    /// assert!(Store::open(&path, Options::new().durability(Durability::Sync)).is_ok());
    /// # Ok::<(), StoreError>(())
    /// ```
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How many keys the file may hold before a new one needs an old one to be forgotten; 100,000 by default. A key is forgotten only
    /// when its state says nothing that a new one would not (`Policy::vacuous_at`); where all say something, the new one is decided
    /// by the policy's `on_store_error`.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("state");
    /// let store = Store::open(&path, Options::new().max_keys(1))?;
    /// let write = |key| store.transact(key, |_| Ok::<_, StoreError>(Some(b"kept".to_vec().into())));
    /// write("first")?;
    /// assert_eq!(write("second").unwrap_err().code(), "too_many_keys");
    /// # Ok::<(), StoreError>(())
    /// ```
    #[must_use]
    pub fn max_keys(mut self, max_keys: u64) -> Self {
        self.max_keys = max_keys;
        self
    }

    /// Whether a missing file, and a missing directory, are made (0600 and 0700); they are by default.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("state");
    /// let missing = Store::open(&path, Options::new().create(false)).unwrap_err();
    /// assert_eq!(missing.code(), "missing");
    /// # Ok::<(), StoreError>(())
    /// ```
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Reads only: nothing is made, locked or written, and the owner does not matter.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("state");
    /// Store::open(&path, Options::new())?;
    /// let reader = Store::open(&path, Options::new().read_only(true))?;
    /// assert_eq!(reader.remove("a key").unwrap_err().code(), "read_only");
    /// # Ok::<(), StoreError>(())
    /// ```
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Accepts a file or directory that belongs to another user or that others may write to. Only where all who may
    /// write are trusted: they can decide every answer.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("state");
    /// use std::{fs, os::unix::fs::PermissionsExt};
    ///
    /// Store::open(&path, Options::new())?;
    /// fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    /// assert_eq!(Store::open(&path, Options::new()).unwrap_err().code(), "unsafe");
    /// assert!(Store::open(&path, Options::new().any_owner(true)).is_ok());
    /// # Ok::<(), StoreError>(())
    /// ```
    #[must_use]
    pub fn any_owner(mut self, any_owner: bool) -> Self {
        self.any_owner = any_owner;
        self
    }

    /// The clock of calls that bring no `now`; the system's by default. It is read under the lock.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("state");
    /// use stanchion::{Acquire, Policy, Timestamp};
    ///
    /// let store = Store::open(&path, Options::new().clock(|| Timestamp::from_millis(1_700_000_000_000).unwrap()))?;
    /// let policy = Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// let gate = store.gate(policy, "billing-api")?;
    /// let call = gate.acquire(Acquire::new(), None).answer.into_result().unwrap();
    /// assert_eq!(call.permit.acquired_at_us(), 1_700_000_000_000_000 % (1 << 48));
    /// # Ok::<(), StoreError>(())
    /// ```
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
