//! From bytes to a [`Snapshot`]: one function for each kind of section.

use alloc::vec::Vec;

use super::read::{Fields, Reader, Section};
use super::{
    END_AT, END_UNITS, HEADER_LEN, MAGIC, MAX_CALLS, MAX_CARRIED, MAX_DURATION_US, MAX_FAILURES, MAX_LEASE_COUNT,
    MAX_LEASES, MAX_LIMITS, MAX_PROBES, MAX_SLOTS, VERSION, flag, kind, lease_len,
};
use crate::error::StateError;
use crate::snapshot::{
    CarriedSection, CircuitSnapshot, LeaseSnapshot, LimitSnapshot, Mode, ModeSnapshot, Phase, ProbeSnapshot,
    ProbesSnapshot, Reason, SlotSnapshot, Snapshot, WindowSnapshot,
};

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
    pub fn decode_into(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let sections = self.read_header(bytes)?;
        let mut reader = Reader::new(bytes.get(HEADER_LEN..).unwrap_or_default(), bytes.len());
        let mut seen = Seen::default();
        self.limits.clear();
        self.failures_at.clear();
        self.leases.clear();
        for _ in 0..sections {
            let section = reader.section()?;
            seen.add(&section)?;
            self.read_section(&section, &mut seen)?;
        }
        reader.finish()?;
        self.drop_unseen(&seen);
        self.check_belongings(&seen)
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
        match section.kind {
            kind::CIRCUIT => self.read_circuit(section),
            kind::LIMIT => self.read_limit(section),
            kind::BLOCK => self.read_block(section),
            kind::MODE => self.read_mode(section),
            kind::FAILURES => self.read_failures(section),
            kind::CALLS => self.read_calls(section),
            kind::SLOTS => self.read_slots(section),
            kind::PROBES => self.read_probes(section),
            kind::LEASES => self.read_leases(section),
            10..=63 | 128..=255 if section.flags & flag::CRITICAL == 0 => self.carry(section, seen),
            kind => Err(StateError::UnknownSection { kind }),
        }
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
        self.carried.truncate(seen.carried);
    }

    /// The first section is always there; mode, counts and probes belong to a circuit, probes to a half-open one; and
    /// a circuit has one window.
    fn check_belongings(&self, seen: &Seen) -> Result<(), StateError> {
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
            Some((_, field)) => Err(StateError::Invalid { field, offset: 0 }),
            None => Ok(()),
        }
    }

    fn read_circuit(&mut self, section: &Section<'_>) -> Result<(), StateError> {
        section.require(section.flags == flag::CRITICAL, "circuit")?;
        section.require(matches!(section.body.len(), 12 | 33), "circuit")?;
        let mut fields = Fields(section.body);
        self.generation = fields.u24();
        self.refunds_from = fields.u24();
        self.counts_from = fields.u24();
        self.next_lease_id = fields.u24();
        section.require(self.generation != 0, "generation")?;
        section.require(self.next_lease_id != 0, "next_lease_id")?;
        self.circuit = if section.body.len() == 12 { None } else { Some(read_phase(section, &mut fields)?) };
        Ok(())
    }

    fn read_limit(&mut self, section: &Section<'_>) -> Result<(), StateError> {
        let known = flag::CRITICAL | flag::PER_CALL | flag::STARTS_EMPTY;
        section.require(section.flags & !known == 0 && section.flags & flag::CRITICAL != 0, "limits")?;
        section.require(section.body.len() == 25, "limits")?;
        section.require(self.limits.len() < MAX_LIMITS, "limits")?;
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
        section.require(limit.name_hash > before, "limits.name_hash")?;
        section.require(matches!(limit.units_per_token, 1..=MAX_DURATION_US), "limits.units_per_token")?;
        section.require(limit.units_per_us != 0, "limits.units_per_us")?;
        let full = u64::from(limit.capacity).saturating_mul(limit.units_per_token);
        section.require(matches!(full, 1..END_UNITS), "limits.capacity")?;
        let (is_debt, size) = (limit.level < 0, limit.level.unsigned_abs());
        section.require(if is_debt { size < END_UNITS } else { size <= full }, "limits.level")?;
        self.limits.push(limit);
        Ok(())
    }

    fn read_block(&mut self, section: &Section<'_>) -> Result<(), StateError> {
        section.require(section.flags == flag::CRITICAL && section.body.len() == 7, "block_until_us")?;
        self.block_until = Fields(section.body).u56();
        section.require(is_instant(self.block_until), "block_until_us")
    }

    fn read_mode(&mut self, section: &Section<'_>) -> Result<(), StateError> {
        section.require(section.flags == flag::CRITICAL && section.body.len() == 8, "mode")?;
        let mut fields = Fields(section.body);
        let mode = match fields.u8() {
            1 => Mode::ForcedOpen,
            2 => Mode::Disabled,
            3 => Mode::MetricsOnly,
            _ => return Err(section.invalid("mode.mode")),
        };
        let until_at = fields.u56();
        let end = if mode == Mode::ForcedOpen { END_AT } else { 1 };
        section.require(until_at < end, "mode.until_us")?;
        self.mode = Some(ModeSnapshot { mode, until_at });
        Ok(())
    }

    fn read_failures(&mut self, section: &Section<'_>) -> Result<(), StateError> {
        let (instants, rest) = section.body.as_chunks::<7>();
        section.require(section.flags == flag::CRITICAL && rest.is_empty(), "failures_at_us")?;
        section.require(matches!(instants.len(), 1..=MAX_FAILURES), "failures_at_us")?;
        let mut before = 1;
        for instant in instants {
            let at = Fields(instant).u56();
            section.require(at >= before && at < END_AT, "failures_at_us")?;
            before = at;
            self.failures_at.push(at);
        }
        Ok(())
    }

    fn read_calls(&mut self, section: &Section<'_>) -> Result<(), StateError> {
        section.require(section.flags == flag::CRITICAL, "window")?;
        let Some((_, packed)) = section.body.split_first_chunk::<4>() else { return Err(section.invalid("window")) };
        let mut fields = Fields(section.body);
        let (size, number) = (fields.u16(), fields.u16());
        section.require(matches!(size, 1..=MAX_CALLS), "window.calls.size")?;
        section.require(number >= 1 && number <= size, "window.calls.calls")?;
        let number = usize::try_from(number).unwrap_or_default();
        section.require(packed.len() == number.div_ceil(4), "window.calls.calls")?;
        let mut calls = match self.window.take() {
            Some(WindowSnapshot::Calls { calls, .. }) => calls,
            _ => Vec::new(),
        };
        calls.clear();
        calls.extend(packed.iter().flat_map(|byte| [byte & 3, (byte >> 2) & 3, (byte >> 4) & 3, byte >> 6]));
        let filler = calls.get(number..).unwrap_or_default();
        section.require(filler.iter().all(|bits| *bits == 0), "window.calls.calls")?;
        calls.truncate(number);
        self.window = Some(WindowSnapshot::Calls { size, calls });
        Ok(())
    }

    fn read_slots(&mut self, section: &Section<'_>) -> Result<(), StateError> {
        section.require(section.flags == flag::CRITICAL, "window")?;
        let Some((_, packed)) = section.body.split_first_chunk::<7>() else { return Err(section.invalid("window")) };
        let mut fields = Fields(section.body);
        let (slot_us, slots) = (fields.u48(), u32::from(fields.u8()));
        section.require(matches!(slot_us, 1..=MAX_DURATION_US), "window.time.slot_us")?;
        section.require(matches!(slots, 1..=MAX_SLOTS), "window.time.slots")?;
        let (packed, rest) = packed.as_chunks::<19>();
        section.require(rest.is_empty() && !packed.is_empty(), "window.time.sums")?;
        let mut sums = match self.window.take() {
            Some(WindowSnapshot::Time { sums, .. }) => sums,
            _ => Vec::new(),
        };
        sums.clear();
        for slot in packed {
            let slot = read_slot(section, slot, slot_us)?;
            let first = sums.first().map_or(slot.index, |first: &SlotSnapshot| first.index);
            let follows = sums.last().is_none_or(|last| last.index < slot.index);
            section
                .require(follows && slot.index.saturating_sub(first) < u64::from(slots), "window.time.sums.index")?;
            sums.push(slot);
        }
        self.window = Some(WindowSnapshot::Time { slot_us, slots, sums });
        Ok(())
    }

    fn read_probes(&mut self, section: &Section<'_>) -> Result<(), StateError> {
        section.require(section.flags == flag::CRITICAL, "probes")?;
        let Some((_, packed)) = section.body.split_first_chunk::<7>() else { return Err(section.invalid("probes")) };
        let first_at = Fields(section.body).u56();
        section.require(is_instant(first_at), "probes.first_us")?;
        let (packed, rest) = packed.as_chunks::<10>();
        section.require(rest.is_empty() && packed.len() <= MAX_PROBES, "probes.live")?;
        let mut live = self.probes.take().unwrap_or_default().live;
        live.clear();
        for probe in packed {
            let mut fields = Fields(probe);
            let probe = ProbeSnapshot { id: fields.u24(), expires_at: fields.u56() };
            section.require(probe.id > live.last().map_or(0, |last: &ProbeSnapshot| last.id), "probes.live.id")?;
            section.require(is_instant(probe.expires_at), "probes.live.expires_us")?;
            live.push(probe);
        }
        self.probes = Some(ProbesSnapshot { first_at, live });
        Ok(())
    }

    fn read_leases(&mut self, section: &Section<'_>) -> Result<(), StateError> {
        let (size, flags) = (lease_len(section.flags), section.flags);
        let known = flag::CRITICAL | flag::HOLDERS | flag::COUNTS;
        section.require(flags & !known == 0 && flags & flag::CRITICAL != 0, "leases")?;
        let packed = section.body.chunks_exact(size);
        section.require(packed.remainder().is_empty(), "leases")?;
        section.require(matches!(packed.len(), 1..=MAX_LEASES), "leases")?;
        self.leases.reserve(packed.len());
        let (mut before, mut holders, mut counts) = (0, false, false);
        for lease in packed {
            let lease = read_lease(section, lease)?;
            section.require(lease.id > before, "leases.id")?;
            before = lease.id;
            holders |= lease.holder != 0;
            counts |= lease.count != 1;
            self.leases.push(lease);
        }
        section.require(holders == (flags & flag::HOLDERS != 0), "leases.holder")?;
        section.require(counts == (flags & flag::COUNTS != 0), "leases.count")
    }

    /// Keeps a section that this release does not know, in the memory of the one that stood in its place.
    fn carry(&mut self, section: &Section<'_>, seen: &mut Seen) -> Result<(), StateError> {
        seen.carried_len = seen.carried_len.saturating_add(section.encoded_len());
        section.require(seen.carried_len <= MAX_CARRIED, "carried")?;
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
    kinds: u16,
    last_kind: u8,
    /// How many are carried, and their bytes with their heads.
    carried: usize,
    carried_len: usize,
}

impl Seen {
    /// Kinds ascend; only limits come more than once.
    fn add(&mut self, section: &Section<'_>) -> Result<(), StateError> {
        let repeats = section.kind == kind::LIMIT && self.last_kind == kind::LIMIT;
        section.require(section.kind > self.last_kind || repeats, "sections.kind")?;
        self.last_kind = section.kind;
        if section.kind < 16 {
            self.kinds |= 1 << section.kind;
        }
        Ok(())
    }

    const fn has(&self, kind: u8) -> bool {
        self.kinds & (1 << kind) != 0
    }
}

/// The part of a circuit that its phase decides.
fn read_phase(section: &Section<'_>, fields: &mut Fields<'_>) -> Result<CircuitSnapshot, StateError> {
    let head = fields.u8();
    let mut circuit = CircuitSnapshot {
        reason: reason(head >> 4).ok_or_else(|| section.invalid("circuit.reason"))?,
        growth: fields.u8(),
        since_at: fields.u56(),
        ..CircuitSnapshot::default()
    };
    section.require(is_instant(circuit.since_at), "circuit.since_us")?;
    match head & 0xF {
        0 => {
            circuit.phase = Phase::Closed;
            circuit.touched_at = fields.u56();
            circuit.consecutive_failures = fields.u32();
            section.require(fields.u8() == 0, "circuit")?;
        }
        1 => {
            circuit.phase = Phase::Open;
            circuit.open_us = fields.u48();
            circuit.until_at = circuit.since_at.saturating_add(fields.u48());
            section.require(matches!(circuit.open_us, 1..=MAX_DURATION_US), "circuit.open_us")?;
            section.require(circuit.until_at < END_AT, "circuit.until_us")?;
        }
        2 => {
            circuit.phase = Phase::HalfOpen;
            circuit.touched_at = fields.u56();
            circuit.successes = fields.u16();
            circuit.failures = fields.u16();
            section.require(circuit.successes <= MAX_CALLS, "circuit.successes")?;
            section.require(circuit.successes.saturating_add(circuit.failures) <= MAX_CALLS, "circuit.failures")?;
            section.require(fields.u8() == 0, "circuit")?;
        }
        _ => return Err(section.invalid("circuit.phase")),
    }
    section.require(circuit.touched_at < END_AT, "circuit.touched_us")?;
    Ok(circuit)
}

fn read_slot(section: &Section<'_>, bytes: &[u8; 19], slot_us: u64) -> Result<SlotSnapshot, StateError> {
    let mut fields = Fields(bytes);
    let slot = SlotSnapshot { index: fields.u56(), calls: fields.u32(), failures: fields.u32(), slow: fields.u32() };
    section.require(slot.index.saturating_mul(slot_us) < END_AT, "window.time.sums.index")?;
    section.require(slot.calls != 0, "window.time.sums.calls")?;
    section.require(slot.failures <= slot.calls, "window.time.sums.failures")?;
    section.require(slot.slow <= slot.calls, "window.time.sums.slow")?;
    Ok(slot)
}

fn read_lease(section: &Section<'_>, bytes: &[u8]) -> Result<LeaseSnapshot, StateError> {
    let mut fields = Fields(bytes);
    let lease = LeaseSnapshot {
        id: fields.u24(),
        expires_at: fields.u56(),
        holder: if section.flags & flag::HOLDERS == 0 { 0 } else { fields.u64() },
        count: if section.flags & flag::COUNTS == 0 { 1 } else { fields.u16() },
    };
    section.require(is_instant(lease.expires_at), "leases.expires_us")?;
    section.require(matches!(lease.count, 1..=MAX_LEASE_COUNT), "leases.count")?;
    Ok(lease)
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
