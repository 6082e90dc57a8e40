//! The live form of a state: 64-bit words whose number the policy knows, worked on in place.
//!
//! A head of fixed size, then a body: limits (the policy's, then carried ones), failures in the window, the window of
//! the rates, probes, leases, what the policies beside the gates remember (`annex`), carried bytes. It describes itself, so bytes can be made of it without its policy. It is no
//! format: it never leaves the process, and may change with any release. The portable form is [`Snapshot`]'s bytes.
//!
//! [`Snapshot`]: crate::Snapshot

use crate::num::{index, low8, low16, low32, wide, wide32};
use crate::snapshot::Phase;

/// How many words the head has.
pub(crate) const HEAD: usize = 14;
/// The head of a live state.
pub(crate) type Head = [u64; HEAD];

/// Magic (low half) and fingerprint of the policy (high half).
pub(crate) const TAG: usize = 0;
/// `last_at` in 52 bits, flags above.
pub(crate) const LAST: usize = 1;
/// generation 24, `next_lease_id` 24, both as in a permit. The id after the last one is carried into the bits above, which
/// nobody reads: 0 stands for 1.
pub(crate) const IDS: usize = 2;
/// `counts_from` 24, `refunds_from` 24, growth 8, reason 7, whether there is a circuit 1.
pub(crate) const FROM: usize = 3;
/// Before this instant time alone changes nothing but levels: a lower bound, leases in it; 0 while a flag stands above
/// `last_at`, so that the short way asks one thing only. At most [`LAST_WAKE`].
pub(crate) const WAKE: usize = 4;
/// Since when the circuit is in its phase.
pub(crate) const SINCE: usize = 5;
/// Closed and half-open: `touched_at`; open: `until_at`.
pub(crate) const MARK: usize = 6;
/// Closed: consecutive failures; open: `open_us`; half-open: successes 32, failures 32.
pub(crate) const TALLY: usize = 7;
/// When the first probe of this half-open time went out, 0 for not yet.
pub(crate) const FIRST_PROBE: usize = 8;
/// `block_until`, 0 for none.
pub(crate) const BLOCK: usize = 9;
/// When the mode ends, 0 for never.
pub(crate) const MODE_UNTIL: usize = 10;
/// As of when the levels are: at most `last_at`. Refilling later or in steps is the same, so a plain settle leaves them.
pub(crate) const LEVELS: usize = 11;
/// limits 8, carried limits 8, places for failures 8, kind of window 8, its size 16, words in all 16.
pub(crate) const SHAPE: usize = 12;
/// Where leases begin 16, the mask that makes a lease id a place (0 without leases) 16, carried bytes 16, places for
/// probes 8, stored probes 8.
pub(crate) const PLACES: usize = 13;

/// Marks memory as a live state of this release: "stnchn" and the layout's number.
const MAGIC: u64 = 0x5374_6E01;
/// The words of an instant.
pub(crate) const INSTANT: u64 = (1 << 52) - 1;
/// Before it, an instant and the longest duration make no instant that is out of range.
pub(crate) const LAST_WAKE: u64 = INSTANT - (1 << 43);
/// Flags above `last_at`: phase 2 bits, mode 2 bits, then these.
pub(crate) const PHASE_SHIFT: u32 = 52;
pub(crate) const MODE_SHIFT: u32 = 54;
/// No step was made yet: the first one reports a change.
pub(crate) const FRESH: u64 = 1 << 56;
/// The body holds bytes of another policy's state, to be adopted at the first input.
pub(crate) const PARKED: u64 = 1 << 57;
/// `block_until` is not 0.
pub(crate) const BLOCKED: u64 = 1 << 58;
/// There are carried limits.
pub(crate) const CARRIES: u64 = 1 << 59;
/// An annex is to hear of each call (a retry budget that is not full, health): no call takes the short way.
pub(crate) const HEEDED: u64 = 1 << 60;
/// Words of a limit: level; name hash 32, capacity 32; units a token 42, flags; units a µs.
pub(crate) const LIMIT_WORDS: usize = 4;
/// Words of a slot of time: calls 32, failures 32; slow.
pub(crate) const SLOT_WORDS: usize = 2;
/// Words of a probe: id; end.
pub(crate) const PROBE_WORDS: usize = 2;
/// Words of a lease's place: end, whether it has a holder 1; id 24, calls beyond the first that share it 12; next; previous. The
/// links have words of their own, so that they are written without being read. The holders stand behind all places, one word
/// each (a power of two, so that they fill whole places, too), and are neither written nor read where there is none.
pub(crate) const LEASE_WORDS: usize = 4;

/// The tag of a live state under a policy of that fingerprint.
pub(crate) const fn tag(fingerprint: u32) -> u64 {
    MAGIC | (wide32(fingerprint) << 32)
}

/// The fingerprint in a tag.
pub(crate) const fn fingerprint(tag: u64) -> u32 {
    low32(tag >> 32)
}

/// The lowest `bits` bits.
const fn mask(bits: u32) -> u64 {
    !(u64::MAX << bits)
}

/// A field of a word: `bits` wide, from bit `at`.
pub(crate) const fn field(word: u64, at: u32, bits: u32) -> u64 {
    (word >> at) & mask(bits)
}

/// The word with that field set.
#[must_use]
pub(crate) const fn with_field(word: u64, at: u32, bits: u32, value: u64) -> u64 {
    (word & !(mask(bits) << at)) | ((value & mask(bits)) << at)
}

/// Which window the rates are taken over, as the state holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WindowShape {
    None,
    Calls(u32),
    Time(u32),
}

/// How many of everything a live state has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) limits: usize,
    pub(crate) carried_limits: usize,
    pub(crate) failures: usize,
    pub(crate) window: WindowShape,
    pub(crate) probes: usize,
    /// Places of the lease table: 0 or a power of two.
    pub(crate) leases: usize,
    /// Words of all annexes together.
    pub(crate) annexes: usize,
    pub(crate) raw_bytes: usize,
}

impl Shape {
    pub(crate) fn of(head: &Head) -> Self {
        let shape = head[SHAPE];
        let places = head[PLACES];
        let size = u32::from(low16(shape >> 32));
        let mut all = Self {
            limits: usize::from(low8(shape)),
            carried_limits: usize::from(low8(shape >> 8)),
            failures: usize::from(low8(shape >> 16)),
            window: match low8(shape >> 24) {
                1 => WindowShape::Calls(size),
                2 => WindowShape::Time(size),
                _ => WindowShape::None,
            },
            probes: usize::from(low8(places >> 48)),
            leases: match low16(places >> 16) {
                0 => 0,
                mask => usize::from(mask).wrapping_add(1),
            },
            annexes: 0,
            raw_bytes: usize::from(low16(places >> 32)),
        };
        // What is left of all words, so that it takes no field of the head.
        all.annexes = usize::from(low16(shape >> 48)).saturating_sub(all.words());
        all
    }

    /// Writes itself into a head.
    pub(crate) fn store(&self, head: &mut Head) {
        let (kind, size) = match self.window {
            WindowShape::None => (0, 0),
            WindowShape::Calls(size) => (1, size),
            WindowShape::Time(slots) => (2, slots),
        };
        head[SHAPE] = wide(self.limits)
            | (wide(self.carried_limits) << 8)
            | (wide(self.failures) << 16)
            | (kind << 24)
            | (u64::from(size) << 32)
            | (wide(self.words()) << 48);
        // No probe is stored yet.
        head[PLACES] = wide(self.leases_at())
            | (wide(self.leases.saturating_sub(1)) << 16)
            | (wide(self.raw_bytes) << 32)
            | (wide(self.probes) << 48);
    }

    pub(crate) fn failures_at(&self) -> usize {
        self.limits.saturating_add(self.carried_limits).saturating_mul(LIMIT_WORDS)
    }

    pub(crate) fn window_at(&self) -> usize {
        let words = if self.failures == 0 { 0 } else { self.failures.saturating_add(1) };
        self.failures_at().saturating_add(words)
    }

    pub(crate) fn probes_at(&self) -> usize {
        let words = match self.window {
            WindowShape::None => 0,
            WindowShape::Calls(size) => index(u64::from(size.div_ceil(32))).saturating_add(1),
            WindowShape::Time(slots) => index(u64::from(slots)).saturating_mul(SLOT_WORDS).saturating_add(4),
        };
        self.window_at().saturating_add(words)
    }

    pub(crate) fn leases_at(&self) -> usize {
        self.probes_at().saturating_add(self.probes.saturating_mul(PROBE_WORDS))
    }

    pub(crate) fn annexes_at(&self) -> usize {
        let ring = if self.leases == 0 { 0 } else { LEASE_WORDS };
        let places = self.leases.saturating_mul(LEASE_WORDS.saturating_add(1));
        self.leases_at().saturating_add(ring).saturating_add(places)
    }

    pub(crate) fn raw_at(&self) -> usize {
        self.annexes_at().saturating_add(self.annexes)
    }

    /// Words in all, the head included.
    pub(crate) fn words(&self) -> usize {
        HEAD.saturating_add(self.raw_at()).saturating_add(self.raw_bytes.div_ceil(8))
    }
}

/// A live state to be read.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) head: &'a Head,
    pub(crate) body: &'a [u64],
}

/// A live state to be worked on.
pub(crate) struct Mem<'a> {
    pub(crate) head: &'a mut Head,
    pub(crate) body: &'a mut [u64],
}

impl<'a> View<'a> {
    /// `None` where there are fewer words than a head has.
    pub(crate) fn new(words: &'a [u64]) -> Option<Self> {
        words.split_first_chunk::<HEAD>().map(|(head, body)| Self { head, body })
    }

    pub(crate) fn last_at(self) -> u64 {
        self.head[LAST] & INSTANT
    }

    pub(crate) fn fingerprint(self) -> u32 {
        fingerprint(self.head[TAG])
    }

    /// The circuit's phase as it is stored, where no mode lies over it.
    pub(crate) fn plain_phase(self) -> Option<Phase> {
        match field(self.head[LAST], PHASE_SHIFT, 4) {
            0 => Some(Phase::Closed),
            1 => Some(Phase::Open),
            2 => Some(Phase::HalfOpen),
            _ => None,
        }
    }

    /// From when the levels are to be refilled: not while a block is ahead.
    pub(crate) fn refills_from(self) -> u64 {
        self.head[LEVELS].max(self.head[BLOCK])
    }

    /// The limits' words: the policy's in their order, then carried ones.
    pub(crate) fn limits(self) -> &'a [[u64; LIMIT_WORDS]] {
        let shape = self.head[SHAPE];
        let count = usize::from(low8(shape)).saturating_add(usize::from(low8(shape >> 8)));
        self.body.as_chunks::<LIMIT_WORDS>().0.get(..count).unwrap_or_default()
    }

    /// Stored probes, expired ones too: id and end.
    pub(crate) fn probes(self) -> &'a [[u64; PROBE_WORDS]] {
        let words = self.body.get(probes_at(self.head)..).unwrap_or_default();
        words.as_chunks::<PROBE_WORDS>().0.get(..stored_probes(self.head)).unwrap_or_default()
    }

    /// The carried bytes, as words.
    pub(crate) fn raw(self) -> (&'a [u64], usize) {
        let shape = Shape::of(self.head);
        (self.body.get(shape.raw_at()..).unwrap_or_default(), shape.raw_bytes)
    }
}

impl<'a> Mem<'a> {
    /// `None` where there are fewer words than a head has.
    pub(crate) fn new(words: &'a mut [u64]) -> Option<Self> {
        words.split_first_chunk_mut::<HEAD>().map(|(head, body)| Self { head, body })
    }

    pub(crate) fn view(&self) -> View<'_> {
        View { head: self.head, body: self.body }
    }

    pub(crate) fn limits_mut(&mut self) -> &mut [[u64; LIMIT_WORDS]] {
        let shape = self.head[SHAPE];
        let count = usize::from(low8(shape)).saturating_add(usize::from(low8(shape >> 8)));
        self.body.as_chunks_mut::<LIMIT_WORDS>().0.get_mut(..count).unwrap_or_default()
    }

    /// All places for probes.
    pub(crate) fn probe_places(&mut self) -> &mut [[u64; PROBE_WORDS]] {
        let words = self.body.get_mut(probes_at(self.head)..).unwrap_or_default();
        let places = usize::from(low8(self.head[PLACES] >> 48));
        words.as_chunks_mut::<PROBE_WORDS>().0.get_mut(..places).unwrap_or_default()
    }

    /// The last change was at `at`, and the levels are as of then.
    pub(crate) fn set_last_at(&mut self, at: u64) {
        self.head[LEVELS] = at;
        self.head[LAST] = (self.head[LAST] & !INSTANT) | (at & INSTANT);
    }

    pub(crate) fn set_block(&mut self, until: u64) {
        self.head[BLOCK] = until;
        let flag = if until == 0 { 0 } else { BLOCKED };
        self.head[LAST] = (self.head[LAST] & !BLOCKED) | flag;
    }
}

/// Whether the state has a circuit.
#[inline]
pub(crate) const fn has_circuit(head: &Head) -> bool {
    head[FROM] >> 63 != 0
}

/// How many probes are stored, expired ones too.
pub(crate) fn stored_probes(head: &Head) -> usize {
    usize::from(low8(head[PLACES] >> 56))
}

/// Says how many probes are stored.
pub(crate) fn set_stored_probes(head: &mut Head, count: usize) {
    head[PLACES] = with_field(head[PLACES], 56, 8, wide(count));
}

/// Where the probes begin: their places end where the leases begin.
fn probes_at(head: &Head) -> usize {
    let places = head[PLACES];
    usize::from(low16(places)).saturating_sub(usize::from(low8(places >> 48)).saturating_mul(PROBE_WORDS))
}

/// Puts bytes into words, little-endian, the last word filled with zeros.
pub(crate) fn pack(bytes: &[u8], words: &mut [u64]) {
    for (word, chunk) in words.iter_mut().zip(bytes.chunks(8)) {
        let mut all = [0_u8; 8];
        for (to, from) in all.iter_mut().zip(chunk) {
            *to = *from;
        }
        *word = u64::from_le_bytes(all);
    }
}

/// The first `len` bytes of words.
pub(crate) fn unpack(words: &[u64], len: usize) -> alloc::vec::Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).take(len).collect()
}
