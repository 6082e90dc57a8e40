//! From bytes to a [`Snapshot`]: one function for each kind of section, those of counts and of leases in files of their own.

use super::read::{Fields, Reader, Section, require};
use super::{
    END_AT, END_UNITS, HEADER_LEN, MAGIC, MAX_CALLS, MAX_CARRIED, MAX_DURATION_US, MAX_LIMITS, VERSION, flag, kind,
};
use crate::annex::is_annex;
use crate::error::StateError;
use crate::gather::gather;
use crate::snapshot::{CarriedSection, CircuitSnapshot, LimitSnapshot, Mode, ModeSnapshot, Phase, Reason, Snapshot};

mod counts;
mod leases;

impl Snapshot {
    /// Reads a state's bytes.
    ///
    /// # Errors
    /// [`StateError`] for everything that [`Snapshot::encode`] would not write: no input panics, hangs or allocates
    /// more than a few times its own length.
    ///
    /// ```
    /// use stanchion::{Snapshot, StateError};
    ///
    /// assert_eq!(Snapshot::decode(b"not a state"), Err(StateError::NotAState));
    /// ```
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut snapshot = Self::default();
        snapshot.decode_into(bytes)?;
        Ok(snapshot)
    }

    /// As [`Snapshot::decode`], into the vectors that are already there: whoever decodes states of one shape again and
    /// again allocates nothing.
    ///
    /// # Errors
    /// As [`Snapshot::decode`]. `self` is then a mixture of what it was and what was read: good for nothing but another
    /// `decode_into`.
    ///
    /// ```
    /// use stanchion::{Policy, Snapshot, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
    /// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
    /// let mut snapshot = Snapshot::default();
    /// snapshot.decode_into(&policy.new_state(now).to_bytes()).unwrap();
    /// assert_eq!(snapshot.last_at, now.as_micros());
    /// ```
    pub fn decode_into(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let sections = self.read_header(bytes)?;
        let mut reader = Reader::new(bytes.get(HEADER_LEN..).unwrap_or_default(), bytes.len());
        let mut seen = Seen::default();
        self.limits.clear();
        self.failures_at.clear();
        self.leases.clear();
        for _ in 0..sections {
            let section = reader.section()?;
            seen.add(&section).map_err(|field| section.invalid(field))?;
            self.read_section(&section, &mut seen)?;
        }
        reader.finish()?;
        self.drop_unseen(&seen);
        // What says nothing is never written.
        let whole = self.check_belongings(&seen).and_then(|()| self.drop_empty_annexes().map_or(Ok(()), Err));
        whole.map_err(|field| StateError::Invalid { field, offset: 0 })
    }

    /// Magic, version, flags, fingerprint and `last_at`; answers the number of sections.
    fn read_header(&mut self, bytes: &[u8]) -> Result<u8, StateError> {
        if bytes.iter().zip(MAGIC).any(|(byte, magic)| *byte != magic) {
            return Err(StateError::NotAState);
        }
        match bytes.get(2).copied() {
            Some(0) => return Err(StateError::NotAState),
            Some(found) if found > VERSION => return Err(StateError::NewerVersion { found, supported: VERSION }),
            _ => {}
        }
        let Some(header) = bytes.first_chunk::<HEADER_LEN>() else {
            return Err(StateError::Length { offset: bytes.len(), len: bytes.len() });
        };
        let [_, _, _, sections, flags, fields @ ..] = header;
        let mut fields = Fields(fields);
        self.fingerprint = fields.u32();
        self.last_at = fields.u56();
        if *flags != 0 {
            return Err(StateError::Invalid { field: "flags", offset: 0 });
        }
        if !is_instant(self.last_at) {
            return Err(StateError::Invalid { field: "last_at_us", offset: 0 });
        }
        Ok(*sections)
    }

    fn read_section(&mut self, section: &Section<'_>, seen: &mut Seen) -> Result<(), StateError> {
        let read = match section.kind {
            kind::CIRCUIT => self.read_circuit(section),
            kind::LIMIT => self.read_limit(section),
            kind::BLOCK => self.read_block(section),
            kind::MODE => self.read_mode(section),
            kind::FAILURES => self.read_failures(section),
            kind::CALLS => self.read_calls(section),
            kind::SLOTS => self.read_slots(section),
            kind::PROBES => self.read_probes(section),
            kind::LEASES => self.read_leases(section),
            kind if is_annex(kind) => self.read_annex_section(section),
            10..=63 | 128..=255 if section.flags & flag::CRITICAL == 0 => self.carry(section, seen),
            kind => return Err(StateError::UnknownSection { kind }),
        };
        read.map_err(|field| section.invalid(field))
    }

    fn read_annex_section(&mut self, section: &Section<'_>) -> Result<(), &'static str> {
        let (words, rest) = section.body.as_chunks::<8>();
        require(section.flags == flag::CRITICAL && rest.is_empty(), "sections.kind")?;
        let words = gather(words.iter().map(|word| u64::from_le_bytes(*word)));
        self.read_annex(section.kind, &words)
    }

    /// Empties what has no section here, and only that: what stays keeps its memory.
    fn drop_unseen(&mut self, seen: &Seen) {
        if !seen.has(kind::BLOCK) {
            self.block_until = 0;
        }
        if !seen.has(kind::MODE) {
            self.mode = None;
        }
        if !seen.has(kind::CALLS) && !seen.has(kind::SLOTS) {
            self.window = None;
        }
        if !seen.has(kind::PROBES) {
            self.probes = None;
        }
        self.keep_annexes(|kind| seen.has(kind));
        self.carried.truncate(seen.carried);
    }

    /// The first section is always there; mode, counts and probes belong to a circuit, probes to a half-open one; and
    /// a circuit has one window.
    fn check_belongings(&self, seen: &Seen) -> Result<(), &'static str> {
        let phase = self.circuit.map(|circuit| circuit.phase);
        let has_circuit = phase.is_some();
        let faults = [
            (seen.has(kind::CIRCUIT), "generation"),
            (has_circuit || !seen.has(kind::MODE), "mode"),
            (has_circuit || !seen.has(kind::FAILURES), "failures_at_us"),
            (has_circuit || !seen.has(kind::CALLS) && !seen.has(kind::SLOTS), "window"),
            (!seen.has(kind::CALLS) || !seen.has(kind::SLOTS), "window"),
            (phase == Some(Phase::HalfOpen) || !seen.has(kind::PROBES), "probes"),
        ];
        match faults.iter().find(|(holds, _)| !holds) {
            Some((_, field)) => Err(field),
            None => Ok(()),
        }
    }

    fn read_circuit(&mut self, section: &Section<'_>) -> Result<(), &'static str> {
        require(section.flags == flag::CRITICAL, "circuit")?;
        require(matches!(section.body.len(), 12 | 33), "circuit")?;
        let mut fields = Fields(section.body);
        self.generation = fields.u24();
        self.refunds_from = fields.u24();
        self.counts_from = fields.u24();
        self.next_lease_id = fields.u24();
        require(self.generation != 0, "generation")?;
        require(self.next_lease_id != 0, "next_lease_id")?;
        self.circuit = if section.body.len() == 12 { None } else { Some(read_phase(&mut fields, self.last_at)?) };
        Ok(())
    }

    fn read_limit(&mut self, section: &Section<'_>) -> Result<(), &'static str> {
        let known = flag::CRITICAL | flag::PER_CALL | flag::STARTS_EMPTY;
        require(section.flags & !known == 0 && section.flags & flag::CRITICAL != 0, "limits")?;
        require(section.body.len() == 25, "limits")?;
        require(self.limits.len() < MAX_LIMITS, "limits")?;
        let mut fields = Fields(section.body);
        let limit = LimitSnapshot {
            name_hash: fields.u32(),
            level: fields.i56(),
            units_per_token: fields.u48(),
            units_per_us: u64::from(fields.u32()),
            capacity: fields.u32(),
            is_per_call: section.flags & flag::PER_CALL != 0,
            starts_empty: section.flags & flag::STARTS_EMPTY != 0,
        };
        let before = self.limits.last().map_or(0, |last| last.name_hash);
        require(limit.name_hash > before, "limits.name_hash")?;
        require(matches!(limit.units_per_token, 1..=MAX_DURATION_US), "limits.units_per_token")?;
        require(limit.units_per_us != 0, "limits.units_per_us")?;
        let full = u64::from(limit.capacity).saturating_mul(limit.units_per_token);
        require(matches!(full, 1..END_UNITS), "limits.capacity")?;
        let (is_debt, size) = (limit.level < 0, limit.level.unsigned_abs());
        require(if is_debt { size < END_UNITS } else { size <= full }, "limits.level")?;
        self.limits.push(limit);
        Ok(())
    }

    fn read_block(&mut self, section: &Section<'_>) -> Result<(), &'static str> {
        require(section.flags == flag::CRITICAL && section.body.len() == 7, "block_until_us")?;
        self.block_until = Fields(section.body).u56();
        require(is_instant(self.block_until), "block_until_us")
    }

    fn read_mode(&mut self, section: &Section<'_>) -> Result<(), &'static str> {
        require(section.flags == flag::CRITICAL && section.body.len() == 8, "mode")?;
        let mut fields = Fields(section.body);
        let mode = match fields.u8() {
            1 => Mode::ForcedOpen,
            2 => Mode::Disabled,
            3 => Mode::MetricsOnly,
            _ => return Err("mode.mode"),
        };
        let until_at = fields.u56();
        let end = if mode == Mode::ForcedOpen { END_AT } else { 1 };
        require(until_at < end, "mode.until_us")?;
        self.mode = Some(ModeSnapshot { mode, until_at });
        Ok(())
    }

    /// Keeps a section that this release does not know, in the memory of the one that stood in its place.
    fn carry(&mut self, section: &Section<'_>, seen: &mut Seen) -> Result<(), &'static str> {
        seen.carried_len = seen.carried_len.saturating_add(section.encoded_len());
        require(seen.carried_len <= MAX_CARRIED, "carried")?;
        if let Some(carried) = self.carried.get_mut(seen.carried) {
            carried.kind = section.kind;
            carried.flags = section.flags;
            carried.body.clear();
            carried.body.extend_from_slice(section.body);
        } else {
            let body = section.body.to_vec();
            self.carried.push(CarriedSection { kind: section.kind, flags: section.flags, body });
        }
        seen.carried = seen.carried.saturating_add(1);
        Ok(())
    }
}

/// What was seen of a state's sections so far.
#[derive(Default)]
struct Seen {
    /// Of our own kinds, a bit each.
    kinds: u64,
    last_kind: u8,
    /// How many are carried, and their bytes with their heads.
    carried: usize,
    carried_len: usize,
}

impl Seen {
    /// Kinds ascend; only limits come more than once.
    fn add(&mut self, section: &Section<'_>) -> Result<(), &'static str> {
        let repeats = section.kind == kind::LIMIT && self.last_kind == kind::LIMIT;
        require(section.kind > self.last_kind || repeats, "sections.kind")?;
        self.last_kind = section.kind;
        if section.kind < 64 {
            self.kinds |= 1 << section.kind;
        }
        Ok(())
    }

    const fn has(&self, kind: u8) -> bool {
        self.kinds & (1 << kind) != 0
    }
}

/// The part of a circuit that its phase decides.
fn read_phase(fields: &mut Fields<'_>, last_at: u64) -> Result<CircuitSnapshot, &'static str> {
    let head = fields.u8();
    let mut circuit = CircuitSnapshot {
        reason: reason(head >> 4).ok_or("circuit.reason")?,
        growth: fields.u8(),
        since_at: fields.u56(),
        ..CircuitSnapshot::default()
    };
    // What has happened is a change, so it is never after the last one: here, and for counts and probes. So
    // `until_at − since_at`, which a repair only makes shorter, always fits its 6 bytes.
    require(circuit.since_at >= 1 && circuit.since_at <= last_at, "circuit.since_us")?;
    match head & 0xF {
        0 => {
            circuit.phase = Phase::Closed;
            circuit.touched_at = fields.u56();
            circuit.consecutive_failures = fields.u32();
            require(fields.u8() == 0, "circuit")?;
        }
        1 => {
            circuit.phase = Phase::Open;
            circuit.open_us = fields.u48();
            circuit.until_at = circuit.since_at.saturating_add(fields.u48());
            require(matches!(circuit.open_us, 1..=MAX_DURATION_US), "circuit.open_us")?;
            require(circuit.until_at < END_AT, "circuit.until_us")?;
        }
        2 => {
            circuit.phase = Phase::HalfOpen;
            circuit.touched_at = fields.u56();
            circuit.successes = fields.u16();
            circuit.failures = fields.u16();
            require(circuit.successes <= MAX_CALLS, "circuit.successes")?;
            require(circuit.successes.saturating_add(circuit.failures) <= MAX_CALLS, "circuit.failures")?;
            require(fields.u8() == 0, "circuit")?;
        }
        _ => return Err("circuit.phase"),
    }
    require(circuit.touched_at <= last_at, "circuit.touched_us")?;
    Ok(circuit)
}

const fn reason(bits: u8) -> Option<Reason> {
    match bits {
        0 => Some(Reason::None),
        1 => Some(Reason::ConsecutiveFailures),
        2 => Some(Reason::FailuresInWindow),
        3 => Some(Reason::FailureRate),
        4 => Some(Reason::SlowCallRate),
        5 => Some(Reason::ProbeFailed),
        6 => Some(Reason::HalfOpenTimeout),
        7 => Some(Reason::Tripped),
        _ => None,
    }
}

/// Whether it is an instant, and not none.
const fn is_instant(at: u64) -> bool {
    matches!(at, 1..END_AT)
}
