//! A policy for each of many keys in one process: users, agents, endpoints.
//!
//! | a key | is |
//! |---|---|
//! | that was never used, or whose state says nothing | not kept |
//! | whose state says something (something taken, counted, open, blocked, forced) | kept: its name and what differs from a new state |
//! | whose state will say nothing from [`Policy::vacuous_at`] on | forgotten some time after it, never before |
//! | that is new where `max_keys` say something | refused or let through unguarded: [`OnFull`] |
//!
//! Nothing scans all keys at once. A state that says nothing is forgotten when another key is used after it; for each key that is
//! added, two others are looked at, round and round; where there is no room, [`LOOKED_AT_WHEN_FULL`] are, before a key is refused.

mod many;
mod refusal;
mod shard;

use alloc::borrow::Cow;
use alloc::boxed::Box;
use core::fmt;
use core::hash::BuildHasher;
use core::sync::atomic::AtomicUsize;
use std::hash::RandomState;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::answer::{Commanded, Peek, Step};
use crate::explain::Explanation;
use crate::guard::{Guard, Home};
use crate::input::{Acquire, Command};
use crate::local::{Clock, Rejected, RunError};
use crate::num::{index, wide};
use crate::pack::Packer;
use crate::policy::Policy;
use crate::state::State;
use crate::time::Timestamp;

pub use refusal::{KeyedRejected, OnFull, TooManyKeys};
use shard::{Rules, Shard};

/// Each part has a lock of its own, so that threads with different keys seldom wait for each other.
const SHARDS: usize = 16;
/// So many keys are kept unless a host says otherwise.
const MAX_KEYS: u32 = 1_000_000;
/// So many places are looked at before a new key is refused.
const LOOKED_AT_WHEN_FULL: usize = 64;

/// One [`Policy`] and a state for each of many keys, with a clock. `Send + Sync`; a lock is held for one decision, never during a
/// call.
///
/// A key needs no word before its first use, and goes by itself when its state says nothing that a new one would not: never
/// an open circuit, never a limit that is not full. With a circuit and a limit a key takes less than 100 bytes, its name included.
///
/// ```
/// use stanchion::{CircuitConfig, Keyed, LimitConfig, Policy};
///
/// let policy = Policy::builder("users")
///     .circuit(CircuitConfig::new().consecutive_failures(3))
///     .limit(LimitConfig::new("calls", 60, 60, 60_000))
///     .build()?;
/// let users = Keyed::new(policy);
/// let answer = users.run("ann", || "42".parse::<u32>());
/// assert_eq!(answer.unwrap(), 42);
///
/// for _ in 0..3 {
///     users.acquire("bob").unwrap().failure();
/// }
/// assert!(users.acquire("bob").is_err(), "his circuit is open");
/// assert!(users.acquire("ann").is_ok(), "hers is not");
/// # Ok::<(), stanchion::ConfigError>(())
/// ```
pub struct Keyed {
    rules: Rules,
    shards: Box<[Mutex<Shard>]>,
    /// Which part is swept next.
    turn: AtomicUsize,
    on_full: OnFull,
    clock: Clock,
}

impl fmt::Debug for Keyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.rules.policy.name();
        f.debug_struct("Keyed").field("policy", &name).field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Keyed {
    /// No key yet, under the system's clock.
    ///
    /// ```
    /// use stanchion::{BulkheadConfig, Keyed, Policy};
    ///
    /// let users = Keyed::new(Policy::builder("users").bulkhead(BulkheadConfig::new(2)).build().unwrap());
    /// assert!(users.is_empty());
    /// ```
    pub fn new(policy: Policy) -> Self {
        Self::with_clock(policy, Timestamp::from_system_clock)
    }

    /// No key yet, under another clock: a test steps it by hand.
    ///
    /// ```
    /// use stanchion::{BulkheadConfig, Keyed, Policy, Timestamp};
    ///
    /// let policy = Policy::builder("users").bulkhead(BulkheadConfig::new(2)).build().unwrap();
    /// let users = Keyed::with_clock(policy, || Timestamp::from_millis(1_700_000_000_000).unwrap());
    /// assert!(users.acquire("ann").is_ok());
    /// ```
    pub fn with_clock(policy: Policy, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(Shard::new())).collect();
        let packer = Packer::new(&policy, clock());
        let (hasher, keys) = (RandomState::new(), AtomicUsize::new(0));
        let rules = Rules { policy, packer, hasher, keys, max_keys: MAX_KEYS };
        Self { rules, shards, turn: AtomicUsize::new(0), on_full: OnFull::Reject, clock: Box::new(clock) }
    }

    /// How many keys are kept at most; 1,000,000 by default.
    ///
    /// ```
    /// use stanchion::{BulkheadConfig, Keyed, Policy};
    ///
    /// let policy = Policy::builder("users").bulkhead(BulkheadConfig::new(2)).build().unwrap();
    /// let users = Keyed::new(policy).max_keys(1);
    /// let ann = users.acquire("ann").unwrap();
    /// assert!(users.acquire("bob").is_err(), "there is no room, and ann's slot is taken");
    /// ann.success();
    /// assert!(users.acquire("bob").is_ok(), "ann's state says nothing any more");
    /// ```
    #[must_use]
    pub fn max_keys(mut self, max_keys: u32) -> Self {
        self.rules.max_keys = max_keys;
        self
    }

    /// What becomes of a call of a new key where there is no room; refused by default.
    ///
    /// ```
    /// use stanchion::{BulkheadConfig, Keyed, OnFull, Policy};
    ///
    /// let policy = Policy::builder("users").bulkhead(BulkheadConfig::new(2)).build().unwrap();
    /// let users = Keyed::new(policy).max_keys(0).on_full(OnFull::Admit);
    /// assert!(users.acquire("ann").unwrap().is_degraded());
    /// ```
    #[must_use]
    pub fn on_full(mut self, on_full: OnFull) -> Self {
        self.on_full = on_full;
        self
    }

    /// The policy of each key.
    ///
    /// ```
    /// use stanchion::{BulkheadConfig, Keyed, Policy};
    ///
    /// let users = Keyed::new(Policy::builder("users").bulkhead(BulkheadConfig::new(2)).build().unwrap());
    /// assert_eq!(users.policy().name(), "users");
    /// ```
    pub const fn policy(&self) -> &Policy {
        &self.rules.policy
    }

    /// Asks for a call of cost 1 of a key. The guard is settled when the call ended.
    ///
    /// # Errors
    /// The refusal of a gate with how long to wait, or that there is no room for the key.
    ///
    /// ```
    /// use stanchion::{BulkheadConfig, Keyed, Policy};
    ///
    /// let users = Keyed::new(Policy::builder("users").bulkhead(BulkheadConfig::new(1)).build().unwrap());
    /// let call = users.acquire("ann").unwrap();
    /// assert!(users.acquire("ann").is_err(), "her one slot is taken");
    /// assert!(users.acquire(String::from("bob")).is_ok(), "his is free");
    /// call.success();
    /// ```
    pub fn acquire<'a>(&'a self, key: impl Into<Cow<'a, str>>) -> Result<Guard<'a>, KeyedRejected> {
        self.acquire_with(key, Acquire::new())
    }

    /// Asks for a call of another cost, or of a holder.
    ///
    /// # Errors
    /// The refusal of a gate with how long to wait, or that there is no room for the key.
    ///
    /// ```
    /// use stanchion::{Acquire, Keyed, LimitConfig, Policy};
    ///
    /// let tokens = LimitConfig::new("tokens", 100_000, 100_000, 60_000);
    /// let users = Keyed::new(Policy::builder("users").limit(tokens).build().unwrap());
    /// assert!(users.acquire_with("ann", Acquire::new().cost(90_000)).is_ok());
    /// assert!(users.acquire_with("ann", Acquire::new().cost(90_000)).is_err());
    /// ```
    pub fn acquire_with<'a>(&'a self, key: impl Into<Cow<'a, str>>, wish: Acquire) -> Result<Guard<'a>, KeyedRejected> {
        let key = key.into();
        let step = match self.step(&key, |policy, state, now| policy.acquire(state, wish, now)) {
            Ok(step) => step,
            Err(_) if self.on_full == OnFull::Admit => return Ok(Guard::degraded(Home::Key(self, key))),
            Err(full) => return Err(KeyedRejected::TooManyKeys(full)),
        };
        match step.answer.into_result() {
            Ok(call) => Ok(Guard::new(Home::Key(self, key), call)),
            Err(rejection) => Err(KeyedRejected::Rejected(Rejected::of(self.policy(), rejection))),
        }
    }

    /// Makes a call of a key if it may go ahead: `Ok` settles as success, `Err` as failure, a panic as failure too.
    ///
    /// # Errors
    /// The refusal, or the call's own error.
    ///
    /// ```
    /// use stanchion::{CircuitConfig, Keyed, KeyedRejected, Policy, RunError};
    ///
    /// let circuit = CircuitConfig::new().consecutive_failures(1);
    /// let users = Keyed::new(Policy::builder("users").circuit(circuit).build().unwrap());
    /// assert!(matches!(users.run("ann", || "no".parse::<u8>()), Err(RunError::Failed(_))));
    /// let refused = users.run("ann", || "7".parse::<u8>());
    /// assert!(matches!(refused, Err(RunError::Rejected(KeyedRejected::Rejected(_)))), "it opened");
    /// ```
    pub fn run<T, E>(&self, key: &str, call: impl FnOnce() -> Result<T, E>) -> Result<T, RunError<E, KeyedRejected>> {
        self.acquire(key).map_err(RunError::Rejected)?.call(call).map_err(RunError::Failed)
    }

    /// Does what a command says with one key: block, trip, reset, report.
    ///
    /// # Errors
    /// There is no room for the key.
    ///
    /// ```
    /// use stanchion::{CircuitConfig, Command, Commanded, Keyed, Policy};
    ///
    /// let circuit = CircuitConfig::new().consecutive_failures(5);
    /// let users = Keyed::new(Policy::builder("users").circuit(circuit).build().unwrap());
    /// assert_eq!(users.command("ann", &Command::Trip), Ok(Commanded::Done));
    /// assert!(users.acquire("ann").is_err() && users.acquire("bob").is_ok());
    /// ```
    pub fn command(&self, key: &str, command: &Command) -> Result<Commanded, TooManyKeys> {
        self.step(key, |policy, state, now| policy.command(state, command, now)).map(|step| step.answer)
    }

    /// What an acquire of a key would be answered. Takes nothing.
    ///
    /// ```
    /// use stanchion::{Acquire, BulkheadConfig, Keyed, Peek, Policy};
    ///
    /// let users = Keyed::new(Policy::builder("users").bulkhead(BulkheadConfig::new(1)).build().unwrap());
    /// let _held = users.acquire("ann");
    /// assert_ne!(users.peek("ann", &Acquire::new()), Peek::Admits);
    /// assert_eq!(users.peek("bob", &Acquire::new()), Peek::Admits);
    /// ```
    pub fn peek(&self, key: &str, wish: &Acquire) -> Peek {
        self.look(key, |policy, state, now| policy.peek(state, wish, now))
    }

    /// Explains the state of a key now.
    ///
    /// ```
    /// use stanchion::{BulkheadConfig, Keyed, Policy};
    ///
    /// let users = Keyed::new(Policy::builder("users").bulkhead(BulkheadConfig::new(10)).build().unwrap());
    /// let _held = users.acquire("ann");
    /// assert_eq!(users.explain("ann").bulkhead.unwrap().in_flight, 1);
    /// ```
    pub fn explain(&self, key: &str) -> Explanation {
        self.look(key, Policy::explain)
    }

    /// One step of the policy on the state of a key, now: whatever has no method here. The lock of the key is held meanwhile.
    ///
    /// # Errors
    /// There is no room for the key.
    ///
    /// ```
    /// use stanchion::{Hold, Keyed, Policy, Run, ScheduleConfig, Timestamp};
    ///
    /// let policy = Policy::builder("heartbeat").schedule(ScheduleConfig::new(60_000)).build().unwrap();
    /// let agents = Keyed::with_clock(policy, || Timestamp::from_millis(1_700_000_000_000).unwrap());
    /// let step = agents.step("agent-7", |policy, state, now| policy.run(state, Run::scheduled().key("agent-7"), now));
    /// assert_eq!(step.unwrap().answer.by(), Some(Hold::Interval));
    /// ```
    pub fn step<T>(
        &self,
        key: &str,
        run: impl FnOnce(&Policy, &mut State, Timestamp) -> Step<T>,
    ) -> Result<Step<T>, TooManyKeys> {
        let rules = &self.rules;
        let hash = rules.hasher.hash_one(key);
        let mut shard = self.shard(part_of(hash));
        let mut place = shard.find(hash, key);
        if place.is_none() && !rules.reserve() {
            // Not with a lock held: other parts have keys that say nothing, too.
            drop(shard);
            self.sweep(LOOKED_AT_WHEN_FULL);
            shard = self.shard(part_of(hash));
            place = shard.find(hash, key);
            if place.is_none() && !rules.reserve() {
                return Err(self.too_many_keys());
            }
        }
        let now = (self.clock)();
        let step = run(&rules.policy, shard.enter(rules, place, now), now);
        match place {
            Some(_) if step.changed => shard.change(),
            Some(_) => {}
            None => shard.keep(rules, hash, key, now),
        }
        Ok(step)
    }

    /// A question about the state of a key, now, which is a new one where it has none: whatever has no method here. The lock of the
    /// key is held meanwhile.
    ///
    /// ```
    /// use stanchion::{BulkheadConfig, Facts, Keyed, Policy};
    ///
    /// let users = Keyed::new(Policy::builder("users").bulkhead(BulkheadConfig::new(10)).build().unwrap());
    /// assert!(users.look("ann", |policy, state, now| policy.health(state, &Facts::new(), now)).is_ready);
    /// assert!(users.is_empty(), "who is only looked at is not kept");
    /// ```
    pub fn look<T>(&self, key: &str, look: impl FnOnce(&Policy, &State, Timestamp) -> T) -> T {
        let hash = self.rules.hasher.hash_one(key);
        let mut shard = self.shard(part_of(hash));
        let place = shard.find(hash, key);
        let now = (self.clock)();
        look(&self.rules.policy, shard.enter(&self.rules, place, now), now)
    }

    fn too_many_keys(&self) -> TooManyKeys {
        TooManyKeys { policy: self.policy().name().into(), max_keys: self.rules.max_keys }
    }

    #[expect(clippy::indexing_slicing, reason = "the number is cut to that of the parts")]
    fn shard(&self, number: u64) -> MutexGuard<'_, Shard> {
        lock(&self.shards[index(number & wide(SHARDS.wrapping_sub(1)))])
    }
}

/// Which part a key is in: by bits of its hash that the table of a part does not go by.
fn part_of(hash: u64) -> u64 {
    hash >> 48
}

/// A part is whole between steps, so a panic elsewhere does not spoil it.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
