//! A state as plain data: what the bytes say, what JSON shows, and what adoption and repair work on.
//!
//! # The bytes
//!
//! Numbers are little-endian and as wide as the table says; instants are 7 bytes, below 2^52, 0 for none. The header:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 2 | magic `0x53 0x74` ("St") |
//! | 2 | 1 | major version, 1 |
//! | 3 | 1 | number of sections |
//! | 4 | 1 | flags, 0 |
//! | 5 | 4 | fingerprint of the policy |
//! | 9 | 7 | `last_at`, never none |
//!
//! A section is its kind (1 byte), flags (1 byte: bit 0 critical, the others the kind's own, else 0), the length of its
//! body (LEB128, the shortest form, at most 3 bytes), and the body. Kinds ascend; only limits come more than once. Our
//! own kinds are all critical. Each is absent when it would be empty, but the first, which is always there:
//!
//! | kind | body |
//! |---|---|
//! | 1 circuit | `generation` 3 and not 0, `refunds_from` 3, `counts_from` 3, `next_lease_id` 3 and not 0; then, where there is a circuit, 21 more: phase (bits 0 to 3: 0 closed, 1 open, 2 half-open) and reason (bits 4 to 7) 1, `growth` 1, `since_at` 7 (not after `last_at`), and the 12 of its phase |
//! | – closed | `touched_at` 7, `consecutive_failures` 4, one 0 |
//! | – open | `open_us` 6 and not 0, `until_at − since_at` 6 |
//! | – half-open | `touched_at` 7, `successes` 2, `failures` 2 (together at most 1,024), one 0 |
//! | 2 limit | `name_hash` 4, `level` 7 (two's complement), `units_per_token` 6, `units_per_us` 4, `capacity` 4; flag bit 1: `charge: call`, bit 2: `initial: empty`. One for each limit, at most 32, by ascending `name_hash` |
//! | 3 block | `block_until` 7 |
//! | 4 mode | mode 1 (1 forced open, 2 disabled, 3 metrics only), `until_at` 7 (only forced open ends by itself) |
//! | 5 failures | the instants of the failures in the window, 7 each, ascending (two may be equal), at most 64 |
//! | 6 window of calls | `size` 2 (1 to 1,024), number of calls 2, then two bits a call from the oldest (bit 0 failed, bit 1 slow) from the lowest bit of a byte on, the last byte filled with 0 |
//! | 7 window of time | `slot_us` 6, `slots` 1 (1 to 64), then for each slot that is not empty, ascending: `index` 7 (all within `slots` of the first), `calls` 4, `failures` 4, `slow` 4 |
//! | 8 probes | `first_at` 7, then by ascending id (a re-entrant holder's share one: then by their ends), at most 64: `id` 3, `expires_at` 7 |
//! | 9 leases | by ascending id, at most 4,096: `id` 3, `expires_at` 7; with flag bit 1 (set where some lease has one) `holder` 8; with flag bit 2 (set where some count is not 1) `count` 2 |
//! | 32 retry budget | 8 bytes each: `level` in units (at least 0, below the capacity), `at_us`, `units_per_token`, `units_per_us` in the lower half and `capacity` in the upper; not while it is full |
//! | 33 schedule | 8 bytes each: `anchor_us` (not 0), `last_run_us` (not before the anchor), failures in a row (only after a run), then at most 64 runs, ascending, none after the last one; none of them after `last_at` |
//! | 34 recovery | 8 bytes each: `reached` in the lower half, above it why it was given up (8 bits: 0 not, 1 fatal, 2 exhausted), whether there is a lease (8) and how many steps (16); `touched_at`; `throttled_until`; of a lease its `id` in the lower half and its `step` in the upper, `until_at`; of each step, by ascending hash, its `name_hash` in the lower half and its number of attempts (at most 32) in the upper, `again_at`, and when each attempt was begun, ascending |
//! | 35 health | 8 bytes each: the last success, 0 for none; then the instants of the last openings, ascending (two may be equal), at most 32 |
//!
//! Modes, failures and windows are there only where there is a circuit, probes only where it is half-open; there are
//! never two windows.
//!
//! Kinds 10 to 31 are kept for this release's line, the rest of 32 to 63 for later policies, 128 to 255 are the hosts'. Such
//! sections are carried byte for byte where they are not critical, at most 1 KiB of them with their heads, and refused
//! where they are. Kinds 0 and 64 to 127 are refused.
//!
//! A breaker of consecutive failures and one limit take 16 + 36 + 28 = 80 bytes.

mod words;

use alloc::vec::Vec;

use crate::health::HealthSnapshot;
use crate::recovery::RecoverySnapshot;
use crate::retry::BudgetSnapshot;
use crate::schedule::ScheduleSnapshot;

pub use words::{Mode, Phase, Reason};

/// A whole state. Instants are µs since the epoch, 0 for none.
///
/// ```
/// use stanchion::{Policy, Snapshot, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
/// let state = policy.new_state(Timestamp::from_millis(1_700_000_000_000).unwrap());
/// let snapshot = Snapshot::decode(&state.to_bytes()).unwrap();
/// assert_eq!(snapshot, state.snapshot());
/// assert_eq!((snapshot.fingerprint, snapshot.last_at), (policy.fingerprint(), 1_700_000_000_000_000));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// The fingerprint of the policy that wrote it.
    pub fingerprint: u32,
    /// The instant of the last change; levels are as of then.
    #[cfg_attr(feature = "serde", serde(rename = "last_at_us"))]
    pub last_at: u64,
    /// The circuit's generation, which permits given out now carry: 24 bits, never 0.
    pub generation: u32,
    /// Permits of a generation below give nothing back.
    pub refunds_from: u32,
    /// Results of a generation below move no circuit.
    pub counts_from: u32,
    /// The id of the next lease: 24 bits, never 0.
    pub next_lease_id: u32,
    /// The circuit, where the policy (or one before it) has one.
    pub circuit: Option<CircuitSnapshot>,
    /// What lies over it.
    pub mode: Option<ModeSnapshot>,
    /// The limits by ascending name hash, carried ones too.
    pub limits: Vec<LimitSnapshot>,
    /// The end of the block; 0 for none.
    #[cfg_attr(feature = "serde", serde(rename = "block_until_us"))]
    pub block_until: u64,
    /// The instants of the failures that may count, ascending.
    #[cfg_attr(feature = "serde", serde(rename = "failures_at_us"))]
    pub failures_at: Vec<u64>,
    /// The calls that the rates are taken over.
    pub window: Option<WindowSnapshot>,
    /// The probes of a half-open circuit.
    pub probes: Option<ProbesSnapshot>,
    /// The slots of the bulkhead that are taken, by ascending id.
    pub leases: Vec<LeaseSnapshot>,
    /// What is left of the retry budget, where it is not full.
    pub budget: Option<BudgetSnapshot>,
    /// What is remembered of the schedule, once something asked for a run.
    pub schedule: Option<ScheduleSnapshot>,
    /// What was at fault, and what was tried, where something is remembered.
    pub recovery: Option<RecoverySnapshot>,
    /// What health remembers, where the policy (or one before it) has rules for it.
    pub health: Option<HealthSnapshot>,
    /// Sections that this release does not know and carries, by ascending kind.
    pub carried: Vec<CarriedSection>,
}

/// The circuit of a [`Snapshot`].
///
/// ```
/// use stanchion::{Command, Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5, "open_ms": 30000}}"#).unwrap();
/// let mut state = policy.new_state(Timestamp::MIN);
/// let _ = policy.command(&mut state, &Command::Trip, Timestamp::MIN);
/// let circuit = state.snapshot().circuit.unwrap();
/// assert_eq!((circuit.open_us, circuit.until_at - circuit.since_at, circuit.growth), (30_000_000, 30_000_000, 1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CircuitSnapshot {
    /// Its phase.
    pub phase: Phase,
    /// Why it opened last.
    pub reason: Reason,
    /// How often it opened since growth was reset.
    pub growth: u8,
    /// Since when it is in this phase.
    #[cfg_attr(feature = "serde", serde(rename = "since_us"))]
    pub since_at: u64,
    /// Closed and half-open: the last counted result, closing or opening; `forget_ms` runs from here. Open: 0.
    #[cfg_attr(feature = "serde", serde(rename = "touched_us"))]
    pub touched_at: u64,
    /// Closed: failures in a row. Else 0.
    pub consecutive_failures: u32,
    /// Open: the open time as it was chosen, in µs. Else 0.
    pub open_us: u64,
    /// Open: the end of the open time. Else 0.
    #[cfg_attr(feature = "serde", serde(rename = "until_us"))]
    pub until_at: u64,
    /// Half-open: probes that succeeded. Else 0.
    pub successes: u32,
    /// Half-open: probes that failed. Else 0.
    pub failures: u32,
}

/// The mode of a [`Snapshot`].
///
/// ```
/// use stanchion::{Command, Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
/// let mut state = policy.new_state(Timestamp::MIN);
/// let until = Timestamp::from_micros(60_000_001);
/// let _ = policy.command(&mut state, &Command::ForceOpen { until }, Timestamp::MIN);
/// assert_eq!(state.snapshot().mode.unwrap().until_at, 60_000_001);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ModeSnapshot {
    /// Which.
    pub mode: Mode,
    /// When it ends by itself; 0 for never.
    #[cfg_attr(feature = "serde", serde(rename = "until_us"))]
    pub until_at: u64,
}

/// One limit of a [`Snapshot`].
///
/// ```
/// use stanchion::{LimitConfig, Policy, Timestamp, name_hash};
///
/// let policy = Policy::builder("api").limit(LimitConfig::new("calls", 60, 60, 60_000)).build().unwrap();
/// let limit = policy.new_state(Timestamp::MIN).snapshot().limits[0];
/// assert_eq!((limit.name_hash, limit.capacity), (name_hash("calls"), 60));
/// assert_eq!(limit.level / i64::try_from(limit.units_per_token).unwrap(), 60, "it begins full");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(into = "crate::snapshot_json::LimitJson"))]
#[non_exhaustive]
pub struct LimitSnapshot {
    /// The pinned hash of its name.
    pub name_hash: u32,
    /// What is there, in units, as of `last_at`; below 0 it is debt. Magnitude below 2^53.
    pub level: i64,
    /// Units in a token; at least 1, below 2^42 + 1.
    pub units_per_token: u64,
    /// Units that come back each µs; at least 1, below 2^32.
    pub units_per_us: u64,
    /// In tokens; at least 1. `capacity × units_per_token` is below 2^53.
    pub capacity: u32,
    /// Each call takes one token, whatever it costs.
    pub is_per_call: bool,
    /// A new one starts empty.
    pub starts_empty: bool,
}

/// The window of a [`Snapshot`].
///
/// ```
/// use stanchion::{CallWindow, CircuitConfig, Command, Outcome, Policy, Timestamp, WindowSnapshot};
///
/// let circuit = CircuitConfig::new().failure_rate_percent(50).window(CallWindow::new(20));
/// let policy = Policy::builder("api").circuit(circuit).build().unwrap();
/// let mut state = policy.new_state(Timestamp::MIN);
/// let failure = Command::Report { outcome: Outcome::Failure, duration: None };
/// let _ = policy.command(&mut state, &failure, Timestamp::MIN);
/// let Some(WindowSnapshot::Calls { size: 20, calls, .. }) = state.snapshot().window else { unreachable!() };
/// assert_eq!(calls, [0b01], "it failed, and was not slow");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum WindowSnapshot {
    /// The last calls.
    #[non_exhaustive]
    Calls {
        /// How many it holds at most: 1 to 1,024.
        size: u32,
        /// For each call from the oldest: bit 0 failed, bit 1 slow.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::snapshot_json::calls"))]
        calls: Vec<u8>,
    },
    /// Sums by slots of time.
    #[non_exhaustive]
    Time {
        /// How long a slot is.
        slot_us: u64,
        /// How many there are: 1 to 64.
        slots: u32,
        /// Those that hold something, by ascending index.
        sums: Vec<SlotSnapshot>,
    },
}

/// The sums of one slot of time.
///
/// ```
/// use stanchion::{CircuitConfig, Command, Outcome, Policy, TimeWindow, Timestamp, WindowSnapshot};
///
/// let circuit = CircuitConfig::new().failure_rate_percent(50).window(TimeWindow::new(60_000));
/// let policy = Policy::builder("api").circuit(circuit).build().unwrap();
/// let mut state = policy.new_state(Timestamp::MIN);
/// let failure = Command::Report { outcome: Outcome::Failure, duration: None };
/// let _ = policy.command(&mut state, &failure, Timestamp::MIN);
/// let Some(WindowSnapshot::Time { sums, .. }) = state.snapshot().window else { unreachable!() };
/// assert_eq!((sums[0].calls, sums[0].failures, sums[0].slow), (1, 1, 0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SlotSnapshot {
    /// `instant / slot_us`.
    pub index: u64,
    /// Calls that ended in it; at least 1.
    pub calls: u32,
    /// Of them failed.
    pub failures: u32,
    /// Of them slow.
    pub slow: u32,
}

/// The probes of a [`Snapshot`].
///
/// ```
/// use core::time::Duration;
/// use stanchion::{Acquire, Command, Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5, "open_ms": 30000}}"#).unwrap();
/// let mut state = policy.new_state(Timestamp::MIN);
/// let _ = policy.command(&mut state, &Command::Trip, Timestamp::MIN);
/// let later = Timestamp::MIN.saturating_add(Duration::from_secs(30));
/// let probe = policy.acquire(&mut state, Acquire::new(), later).answer.into_result().unwrap();
/// let probes = state.snapshot().probes.unwrap();
/// assert_eq!((probes.first_at, probes.live[0].id), (later.as_micros(), probe.permit.lease_id()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ProbesSnapshot {
    /// When the first probe of this half-open time was let through; `half_open_max_ms` runs from here.
    #[cfg_attr(feature = "serde", serde(rename = "first_us"))]
    pub first_at: u64,
    /// Those that are out, by ascending id and end: a re-entrant holder's share an id. At most 64.
    pub live: Vec<ProbeSnapshot>,
}

/// One probe that is out.
///
/// ```
/// use core::time::Duration;
/// use stanchion::{Acquire, Command, Policy, Timestamp};
///
/// let policy = Policy::from_json(
///     r#"{"name": "api", "circuit": {"consecutive_failures": 5, "open_ms": 1000, "probe_lease_ms": 60000}}"#,
/// )
/// .unwrap();
/// let mut state = policy.new_state(Timestamp::MIN);
/// let _ = policy.command(&mut state, &Command::Trip, Timestamp::MIN);
/// let later = Timestamp::MIN.saturating_add(Duration::from_secs(1));
/// let _probe = policy.acquire(&mut state, Acquire::new(), later);
/// let live = state.snapshot().probes.unwrap().live;
/// assert_eq!(live[0].expires_at - later.as_micros(), 60_000_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ProbeSnapshot {
    /// The lease's id.
    pub id: u32,
    /// When its place is free again.
    #[cfg_attr(feature = "serde", serde(rename = "expires_us"))]
    pub expires_at: u64,
}

/// One slot of the bulkhead that is taken.
///
/// ```
/// use stanchion::{Acquire, Holder, Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 4, "lease_ms": 30000}}"#).unwrap();
/// let mut state = policy.new_state(Timestamp::MIN);
/// let worker = Holder::named("worker-7");
/// let _held = policy.acquire(&mut state, Acquire::new().holder(worker), Timestamp::MIN);
/// let lease = state.snapshot().leases[0];
/// assert_eq!((lease.expires_at, lease.holder, lease.count), (30_000_001, worker.raw(), 1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LeaseSnapshot {
    /// The lease's id.
    pub id: u32,
    /// When the slot is free again.
    #[cfg_attr(feature = "serde", serde(rename = "expires_us"))]
    pub expires_at: u64,
    /// Who holds it; 0 for nobody in particular.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::snapshot_json::holder"))]
    pub holder: u64,
    /// How many calls share it (re-entrant bulkheads); at least 1, at most 4,095.
    pub count: u32,
}

/// A section that is carried byte for byte.
///
/// ```
/// use stanchion::{Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
/// let mut bytes = policy.new_state(Timestamp::MIN).to_bytes();
/// bytes[3] += 1; // One more section: of a host's kind, without flags, with a body of two bytes.
/// bytes.extend([128, 0, 2, 0xCA, 0xFE]);
/// let carried = policy.decode(&bytes).unwrap().snapshot().carried;
/// assert_eq!((carried[0].kind, &carried[0].body[..]), (128, &[0xCA, 0xFE][..]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CarriedSection {
    /// Its kind.
    pub kind: u8,
    /// Its flags; bit 0 is not set.
    pub flags: u8,
    /// Its body.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::snapshot_json::hex"))]
    pub body: Vec<u8>,
}
