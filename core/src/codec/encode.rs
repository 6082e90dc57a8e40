//! From a [`Snapshot`] to its bytes: one function for each kind of section, in their order.

use alloc::vec::Vec;
use core::ops::RangeBounds;

use super::{HEADER_LEN, MAGIC, VERSION, flag, kind, lease_len};
use crate::annex::FIRST_ANNEX;
use crate::num::{bits, low8, wide};
use crate::snapshot::{CircuitSnapshot, LimitSnapshot, Mode, Phase, ProbesSnapshot, Reason, Snapshot, WindowSnapshot};

impl Snapshot {
    /// Appends the state's bytes to `out`: always the same ones for the same state.
    ///
    /// The snapshot must be a valid one, as [`Snapshot::decode`] and the engine make them. Of one that was altered into
    /// something that no state holds, bytes come out that `decode` refuses.
    ///
    /// ```
    /// use stanchion::{Policy, Snapshot, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
    /// let bytes = policy.new_state(Timestamp::MIN).to_bytes();
    /// let mut again = Vec::new();
    /// Snapshot::decode(&bytes).unwrap().encode(&mut again);
    /// assert_eq!(again, bytes);
    /// ```
    pub fn encode(&self, out: &mut Vec<u8>) {
        // What a circuit and its limits take; the rest makes room for itself.
        out.reserve(self.limits.len().saturating_mul(28).saturating_add(HEADER_LEN + 36));
        let annexes = self.annexes();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[VERSION, self.section_count(annexes.len()), 0]);
        put(out, 4, u64::from(self.fingerprint));
        put(out, 7, self.last_at);
        self.put_circuit(out);
        for limit in &self.limits {
            put_limit(out, limit);
        }
        if self.block_until != 0 {
            put_head(out, kind::BLOCK, 0, 7);
            put(out, 7, self.block_until);
        }
        if let Some(mode) = self.mode {
            put_head(out, kind::MODE, 0, 8);
            out.push(mode_code(mode.mode));
            put(out, 7, mode.until_at);
        }
        self.put_failures(out);
        if let Some(window) = &self.window {
            put_window(out, window);
        }
        if let Some(probes) = &self.probes {
            put_probes(out, probes);
        }
        self.put_leases(out);
        // Kinds ascend, and what is carried may lie before the annexes as well as behind them.
        self.put_carried(out, ..FIRST_ANNEX);
        for (kind, words) in annexes {
            put_head(out, kind, 0, words.len().saturating_mul(8));
            for word in words {
                put(out, 8, word);
            }
        }
        self.put_carried(out, FIRST_ANNEX..);
    }

    fn put_carried(&self, out: &mut Vec<u8>, kinds: impl RangeBounds<u8>) {
        for carried in self.carried.iter().filter(|carried| kinds.contains(&carried.kind)) {
            out.extend_from_slice(&[carried.kind, carried.flags]);
            put_leb128(out, carried.body.len());
            out.extend_from_slice(&carried.body);
        }
    }

    fn section_count(&self, annexes: usize) -> u8 {
        let ours = [
            true,
            self.block_until != 0,
            self.mode.is_some(),
            !self.failures_at.is_empty(),
            self.window.is_some(),
            self.probes.is_some(),
            !self.leases.is_empty(),
        ];
        let ours = ours.iter().filter(|there| **there).count().saturating_add(annexes);
        low8(wide(ours.saturating_add(self.limits.len()).saturating_add(self.carried.len())))
    }

    fn put_circuit(&self, out: &mut Vec<u8>) {
        put_head(out, kind::CIRCUIT, 0, if self.circuit.is_some() { 33 } else { 12 });
        for number in [self.generation, self.refunds_from, self.counts_from, self.next_lease_id] {
            put(out, 3, u64::from(number));
        }
        if let Some(circuit) = &self.circuit {
            put_phase(out, circuit);
        }
    }

    fn put_failures(&self, out: &mut Vec<u8>) {
        if self.failures_at.is_empty() {
            return;
        }
        put_head(out, kind::FAILURES, 0, self.failures_at.len().saturating_mul(7));
        for at in &self.failures_at {
            put(out, 7, *at);
        }
    }

    fn put_leases(&self, out: &mut Vec<u8>) {
        if self.leases.is_empty() {
            return;
        }
        let has_holders = self.leases.iter().any(|lease| lease.holder != 0);
        let has_counts = self.leases.iter().any(|lease| lease.count != 1);
        let flags = if has_holders { flag::HOLDERS } else { 0 } | if has_counts { flag::COUNTS } else { 0 };
        let len = self.leases.len().saturating_mul(lease_len(flags));
        out.reserve(len.saturating_add(5));
        put_head(out, kind::LEASES, flags, len);
        for lease in &self.leases {
            put(out, 3, u64::from(lease.id));
            put(out, 7, lease.expires_at);
            if has_holders {
                put(out, 8, lease.holder);
            }
            if has_counts {
                put(out, 2, u64::from(lease.count));
            }
        }
    }
}

fn put_phase(out: &mut Vec<u8>, circuit: &CircuitSnapshot) {
    let phase = match circuit.phase {
        Phase::Closed => 0,
        Phase::Open => 1,
        Phase::HalfOpen => 2,
    };
    out.extend_from_slice(&[phase | (reason_code(circuit.reason) << 4), circuit.growth]);
    put(out, 7, circuit.since_at);
    match circuit.phase {
        Phase::Closed => {
            put(out, 7, circuit.touched_at);
            put(out, 4, u64::from(circuit.consecutive_failures));
            out.push(0);
        }
        Phase::Open => {
            put(out, 6, circuit.open_us);
            put(out, 6, circuit.until_at.saturating_sub(circuit.since_at));
        }
        Phase::HalfOpen => {
            put(out, 7, circuit.touched_at);
            put(out, 2, u64::from(circuit.successes));
            put(out, 2, u64::from(circuit.failures));
            out.push(0);
        }
    }
}

fn put_limit(out: &mut Vec<u8>, limit: &LimitSnapshot) {
    let per_call = if limit.is_per_call { flag::PER_CALL } else { 0 };
    let starts_empty = if limit.starts_empty { flag::STARTS_EMPTY } else { 0 };
    put_head(out, kind::LIMIT, per_call | starts_empty, 25);
    put(out, 4, u64::from(limit.name_hash));
    put(out, 7, bits(limit.level));
    put(out, 6, limit.units_per_token);
    put(out, 4, limit.units_per_us);
    put(out, 4, u64::from(limit.capacity));
}

fn put_window(out: &mut Vec<u8>, window: &WindowSnapshot) {
    match window {
        WindowSnapshot::Calls { size, calls } => {
            put_head(out, kind::CALLS, 0, calls.len().div_ceil(4).saturating_add(4));
            put(out, 2, u64::from(*size));
            put(out, 2, wide(calls.len()));
            out.extend(calls.chunks(4).map(|four| four.iter().rev().fold(0, |byte, call| (byte << 2) | (call & 3))));
        }
        WindowSnapshot::Time { slot_us, slots, sums } => {
            put_head(out, kind::SLOTS, 0, sums.len().saturating_mul(19).saturating_add(7));
            put(out, 6, *slot_us);
            out.push(low8(u64::from(*slots)));
            for slot in sums {
                put(out, 7, slot.index);
                put(out, 4, u64::from(slot.calls));
                put(out, 4, u64::from(slot.failures));
                put(out, 4, u64::from(slot.slow));
            }
        }
    }
}

fn put_probes(out: &mut Vec<u8>, probes: &ProbesSnapshot) {
    put_head(out, kind::PROBES, 0, probes.live.len().saturating_mul(10).saturating_add(7));
    put(out, 7, probes.first_at);
    for probe in &probes.live {
        put(out, 3, u64::from(probe.id));
        put(out, 7, probe.expires_at);
    }
}

/// The head of one of our own sections, which are all critical.
#[inline]
fn put_head(out: &mut Vec<u8>, kind: u8, flags: u8, len: usize) {
    out.extend_from_slice(&[kind, flags | flag::CRITICAL]);
    put_leb128(out, len);
}

#[inline]
fn put_leb128(out: &mut Vec<u8>, len: usize) {
    let mut rest = wide(len);
    while rest >= 0x80 {
        out.push(low8(rest) | 0x80);
        rest >>= 7;
    }
    out.push(low8(rest));
}

/// So many low bytes of a number, at most 8, the lowest first.
#[inline]
fn put(out: &mut Vec<u8>, len: usize, value: u64) {
    out.extend_from_slice(value.to_le_bytes().get(..len).unwrap_or_default());
}

const fn mode_code(mode: Mode) -> u8 {
    match mode {
        Mode::ForcedOpen => 1,
        Mode::Disabled => 2,
        Mode::MetricsOnly => 3,
    }
}

const fn reason_code(reason: Reason) -> u8 {
    match reason {
        Reason::None => 0,
        Reason::ConsecutiveFailures => 1,
        Reason::FailuresInWindow => 2,
        Reason::FailureRate => 3,
        Reason::SlowCallRate => 4,
        Reason::ProbeFailed => 5,
        Reason::HalfOpenTimeout => 6,
        Reason::Tripped => 7,
    }
}
