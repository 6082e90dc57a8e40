//! The JSON state file of S2, a command-line tool whose processes shared one file, as a state of a policy.
//!
//! S2 wrote schema version 1: one circuit, one token bucket and one bulkhead, with instants of RFC 3339. Its zero instant is
//! `0001-01-01T00:00:00Z` and means none, as do a missing field and `null`. The file says what was, but not by which
//! settings: those are the policy's. Where the file leaves something open, the state gets less and not more.
//!
//! | in the file | becomes |
//! |---|---|
//! | `version` | must be 1; another one, or none, is refused |
//! | `circuit_breaker.state` | the phase: `closed` (also where empty or missing), `open`, `half_open`; others are refused |
//! | – `closed`: `failures`, `last_failure_at` | failures in a row, and when the last of them was |
//! | – `open`: `opened_at` | open since then (since `updated_at`, else since now, where there is none) for the policy's `open_ms`; one that is as old as `forget_ms` is forgotten, as any |
//! | – `half_open`: `successes` | probes that succeeded, at most one fewer than decide |
//! | – `half_open`: `half_open_attempts`, `half_open_last_attempt_at` | probes that are out, with the policy's `probe_lease_ms` from then on; without an instant they are stale in S2 too, and go |
//! | `rate_limiter.tokens` | the level of the limit, exactly and rounded down, at most its capacity; below 0 it is debt |
//! | `rate_limiter.last_refill_at` | none: the bucket was never used, and starts as the policy's `initial` says. Else the level is as of now: what came back since then is not credited, for the file does not say at which rate |
//! | `rate_limiter.retry_after_until` | the block, where it lies ahead, at most `max_block_ms` |
//! | `bulkhead.active_pids` | a slot for each process that still runs, with the policy's `lease_ms` from now on and the holder `s2:PID`; S2 sweeps dead ones too. Nobody has their permits: the slots come back by lease, or by `stanchion release` |
//! | `updated_at` | stands in for a missing `opened_at` |
//! | instants ahead of now | are now, but for the block's end |
//! | what the policy has no gate for, fields that S2 does not have | are left out, and told |
//!
//! The state is adopted by the policy as any other of another configuration, so what adoption bounds is bounded here.
//!
//! ```
//! # use stanchion_store::{Options, Store, StoreError};
//! # let dir = tempfile::tempdir().unwrap();
//! # let store = Store::open(dir.path().join("state"), Options::new())?;
//! use stanchion::{Policy, Timestamp};
//! use stanchion_store::s2;
//!
//! let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
//! let file = r#"{"version": 1, "circuit_breaker": {"state": "closed", "failures": 3}}"#;
//! let imported = s2::import(file, &policy, None, |_| true, Timestamp::from_system_clock()).unwrap();
//! let gate = store.gate(policy, "api")?;
//! gate.restore(&imported.state.to_bytes())?;
//! assert_eq!(gate.explain(None)?.circuit.unwrap().consecutive_failures.unwrap().count, 3);
//! # Ok::<(), StoreError>(())
//! ```

mod file;
#[cfg(test)]
mod tests;

use std::fmt;

use stanchion::{
    Command, Holder, LeaseSnapshot, Phase, Policy, ProbeSnapshot, ProbesSnapshot, Reason, Snapshot, State, Timestamp,
};

use file::{Circuit, File, Limiter};

/// A file that was taken over.
///
/// ```
/// use stanchion::{Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
/// let file = r#"{"version": 1, "circuit_breaker": {"state": "closed", "failures": 3}, "mood": "good"}"#;
/// let imported = stanchion_store::s2::import(file, &policy, None, |_| true, Timestamp::MIN).unwrap();
/// assert_eq!(imported.notes, ["`mood` is unknown and was left out"]);
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Imported {
    /// The state, as the policy's own.
    pub state: State,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

/// Why a file was not taken over.
///
/// ```
/// use stanchion::{Policy, Timestamp};
/// use stanchion_store::s2::ImportError;
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
/// let refused = |file| stanchion_store::s2::import(file, &policy, None, |_| true, Timestamp::MIN).unwrap_err();
/// assert_eq!(refused(r#"{"version": 2}"#).to_string(), "`version` is 2: 1 is allowed");
/// assert!(matches!(refused(r#"{"version": 1"#), ImportError::NotJson { line: 1, column: 13, .. }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportError {
    /// The file is torn, or no JSON at all.
    #[non_exhaustive]
    NotJson {
        /// The line where it ends to be JSON, from 1 on.
        line: usize,
        /// The column, from 1 on.
        column: usize,
        /// What is wrong there.
        what: String,
    },
    /// A field has a value that S2 never wrote, or the limit is not one of the policy's.
    #[non_exhaustive]
    Field {
        /// Which, as a path.
        field: String,
        /// Its value.
        value: String,
        /// What is allowed there.
        allowed: String,
    },
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson { line, column, what } => write!(f, "not JSON at line {line}, column {column}: {what}"),
            Self::Field { field, value, allowed } => write!(f, "`{field}` is {value}: {allowed}"),
        }
    }
}

impl std::error::Error for ImportError {}

/// Takes the text of S2's state file over into a state of `policy` as of `now`.
///
/// The tokens go to the limit of that name, or to the only one where no name is given. `is_alive` says which processes
/// still run.
///
/// # Errors
/// The text is not JSON, not of schema version 1, or has a value that S2 never wrote; the policy has several limits and
/// `limit` names none of them.
///
/// ```
/// use stanchion::{Phase, Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5, "open_ms": 30000}}"#).unwrap();
/// let file = r#"{"version": 1, "circuit_breaker": {"state": "open", "opened_at": "2026-01-31T18:00:00Z"}}"#;
/// let now = Timestamp::from_millis(1_769_882_410_000).unwrap(); // ten seconds later
/// let circuit = stanchion_store::s2::import(file, &policy, None, |_| true, now).unwrap().state.snapshot().circuit.unwrap();
/// assert_eq!((circuit.phase, circuit.until_at - now.as_micros()), (Phase::Open, 20_000_000));
/// ```
pub fn import(
    text: &str,
    policy: &Policy,
    limit: Option<&str>,
    is_alive: impl Fn(u32) -> bool,
    now: Timestamp,
) -> Result<Imported, ImportError> {
    let (file, notes) = file::read(text)?;
    let mut mapping = Mapping { policy, now: now.as_micros(), snapshot: policy.new_state(now).snapshot(), notes };
    mapping.circuit(&file);
    mapping.limit(&file.limiter, limit)?;
    mapping.block(&file.limiter);
    mapping.bulkhead(&file.pids, is_alive);
    mapping.adopted(now)
}

/// A state on its way: the policy's new one, gate by gate made what the file says.
struct Mapping<'a> {
    policy: &'a Policy,
    now: u64,
    snapshot: Snapshot,
    notes: Vec<String>,
}

impl Mapping<'_> {
    fn circuit(&mut self, file: &File) {
        let Circuit { phase, failures, successes, attempts, last_attempt_at, last_failure_at, opened_at } =
            file.circuit;
        let Some(config) = &self.policy.config().circuit else {
            return self.left_out("circuit_breaker", "circuit", file.has_circuit);
        };
        // An open circuit of unknown age is as young as it can be.
        let opened_at = self.past(opened_at.or(file.updated_at)).unwrap_or(self.now);
        let last_attempt_at = self.past(last_attempt_at);
        let touched_at = self.past(last_failure_at).unwrap_or(self.now);
        let Some(circuit) = &mut self.snapshot.circuit else { return };
        circuit.phase = phase;
        match phase {
            Phase::Closed => {
                circuit.consecutive_failures = failures;
                circuit.since_at = touched_at;
                circuit.touched_at = touched_at;
            }
            Phase::Open => {
                circuit.reason = Reason::ConsecutiveFailures;
                circuit.growth = 1;
                circuit.since_at = opened_at;
                circuit.touched_at = 0;
                circuit.open_us = u64::from(config.open_ms) * 1000;
                circuit.until_at = after(opened_at, config.open_ms);
            }
            Phase::HalfOpen => {
                circuit.reason = Reason::ConsecutiveFailures;
                circuit.growth = 1;
                circuit.successes = successes;
                circuit.touched_at = self.now;
                self.probes(attempts, last_attempt_at.map(|at| after(at, config.probe_lease_ms)));
            }
        }
    }

    /// Probes that are out until then, with ids of their own that no permit has.
    fn probes(&mut self, attempts: u32, expires_at: Option<u64>) {
        let Some(expires_at) = expires_at.filter(|at| *at > self.now) else { return };
        let mut probes = ProbesSnapshot::default();
        probes.first_at = self.now;
        for _ in 0..attempts {
            let mut probe = ProbeSnapshot::default();
            (probe.id, probe.expires_at) = (self.next_id(), expires_at);
            probes.live.push(probe);
        }
        self.snapshot.probes = (!probes.live.is_empty()).then_some(probes);
    }

    fn limit(&mut self, limiter: &Limiter, name: Option<&str>) -> Result<(), ImportError> {
        let names: Vec<&str> = self.policy.limit_names().collect();
        let name = match (name, &names[..]) {
            (Some(name), _) if names.contains(&name) => name,
            (None, [only]) => only,
            (None, []) => {
                self.left_out("rate_limiter.tokens", "limit", limiter.tokens.is_some());
                return Ok(());
            }
            (name, _) => {
                let value = name.map_or_else(|| "not said".to_owned(), |name| format!("`{name}`"));
                let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                let allowed = format!("the policy has {names}");
                return Err(ImportError::Field { field: "limit".to_owned(), value, allowed });
            }
        };
        if limiter.last_refill_at.is_none() {
            return Ok(());
        }
        let hash = stanchion::name_hash(name);
        if let Some(limit) = self.snapshot.limits.iter_mut().find(|limit| limit.name_hash == hash) {
            let units = units(limiter.tokens.unwrap_or(0.0), limit.units_per_token);
            let full = i64::try_from(u64::from(limit.capacity) * limit.units_per_token).unwrap_or(i64::MAX);
            // Adoption cuts a debt to the policy's `max_debt`.
            limit.level = units.clamp(-MOST_UNITS, full);
        }
        Ok(())
    }

    fn block(&mut self, limiter: &Limiter) {
        let Some(until) = limiter.retry_after_until.map(Timestamp::as_micros).filter(|until| *until > self.now) else {
            return;
        };
        if self.policy.config().block.is_none() {
            return self.left_out("rate_limiter.retry_after_until", "block", true);
        }
        self.snapshot.block_until = until;
    }

    fn bulkhead(&mut self, pids: &[u32], is_alive: impl Fn(u32) -> bool) {
        let Some(config) = &self.policy.config().bulkhead else {
            return self.left_out("bulkhead.active_pids", "bulkhead", !pids.is_empty());
        };
        let expires_at = after(self.now, config.lease_ms);
        let alive: Vec<u32> = pids.iter().copied().filter(|pid| is_alive(*pid)).collect();
        for pid in &alive {
            let mut lease = LeaseSnapshot::default();
            (lease.id, lease.expires_at, lease.count) = (self.next_id(), expires_at, 1);
            lease.holder = Holder::named(&format!("s2:{pid}")).raw();
            self.snapshot.leases.push(lease);
        }
        if alive.len() < pids.len() {
            let (gone, all) = (pids.len() - alive.len(), pids.len());
            self.notes.push(format!("`bulkhead.active_pids`: {gone} of {all} processes are gone and hold nothing"));
        }
    }

    /// The state as one of another configuration, which the policy then adopts, with all that adoption bounds.
    fn adopted(mut self, now: Timestamp) -> Result<Imported, ImportError> {
        self.snapshot.fingerprint = !self.policy.fingerprint();
        let mut bytes = Vec::new();
        self.snapshot.encode(&mut bytes);
        let mut state = self.policy.decode(&bytes).map_err(|error| ImportError::Field {
            field: "the file".to_owned(),
            value: "more than a state can hold".to_owned(),
            allowed: error.to_string(),
        })?;
        // It changes nothing but what adoption changes.
        let _ = self.policy.command(&mut state, &Command::LiftMode, now);
        Ok(Imported { state, notes: self.notes })
    }

    fn left_out(&mut self, field: &str, gate: &str, is_there: bool) {
        if is_there {
            self.notes.push(format!("`{field}` was left out: the policy has no {gate}"));
        }
    }

    /// An instant that has passed: one that lies ahead is now.
    fn past(&self, at: Option<Timestamp>) -> Option<u64> {
        at.map(|at| at.as_micros().min(self.now))
    }

    fn next_id(&mut self) -> u32 {
        let id = self.snapshot.next_lease_id;
        self.snapshot.next_lease_id += 1;
        id
    }
}

/// Levels lie below 2^53.
const MOST_UNITS: i64 = (1 << 53) - 1;

/// The instant so long after that one.
fn after(at_us: u64, span_ms: u32) -> u64 {
    (at_us + u64::from(span_ms) * 1000).min(Timestamp::MAX.as_micros())
}

/// Tokens in units, rounded down exactly: a float is a whole number times a power of two, and so is the product.
fn units(tokens: f64, units_per_token: u64) -> i64 {
    let bits = tokens.abs().to_bits();
    let (exponent, fraction) = (i64::try_from(bits >> 52).unwrap_or(0), bits & ((1 << 52) - 1));
    let (whole, power) = if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
    // Below 2^53 × 2^43.
    let product = u128::from(whole) * u128::from(units_per_token);
    let shift = u32::try_from(power.unsigned_abs()).unwrap_or(u32::MAX);
    let is_debt = tokens.is_sign_negative();
    let size = if power >= 0 {
        product.saturating_mul(1_u128.checked_shl(shift).unwrap_or(u128::MAX))
    } else {
        let down = product.checked_shr(shift).unwrap_or(0);
        let has_rest = product != 0 && down.checked_shl(shift).unwrap_or(0) != product;
        // A debt is rounded down, too: it grows.
        down + u128::from(is_debt && has_rest)
    };
    let size = i64::try_from(size).unwrap_or(i64::MAX);
    if is_debt { -size } else { size }
}
