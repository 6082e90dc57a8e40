//! Cuts bytes into sections, and sections into numbers. Nothing here knows what a field means.

use super::leb128_len;
use crate::error::StateError;
use crate::num::{level, low8, low32};

/// One section: its head, and its body as a slice of the buffer.
#[derive(Clone, Copy)]
pub(super) struct Section<'a> {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) body: &'a [u8],
    /// Where in the bytes its head begins.
    pub(super) offset: usize,
}

impl Section<'_> {
    /// The error that this field holds what no state does.
    pub(super) const fn invalid(&self, field: &'static str) -> StateError {
        StateError::Invalid { field, offset: self.offset }
    }

    /// With its head.
    pub(super) const fn encoded_len(&self) -> usize {
        self.body.len().saturating_add(leb128_len(self.body.len())).saturating_add(2)
    }
}

/// What must hold of a field of a section; else the field's name.
#[inline]
pub(super) const fn require(holds: bool, field: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(field) }
}

/// Reads sections off the front of a buffer.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> Reader<'a> {
    /// Over what follows the header in a buffer of `len` bytes.
    pub(super) const fn new(rest: &'a [u8], len: usize) -> Self {
        Self { rest, len }
    }

    /// The next section, whole within the buffer.
    #[inline]
    pub(super) fn section(&mut self) -> Result<Section<'a>, StateError> {
        let offset = self.offset();
        let cut = StateError::Length { offset, len: self.len };
        let [kind, flags, rest @ ..] = self.rest else { return Err(cut) };
        let not_shortest = StateError::Invalid { field: "sections.length", offset };
        let (body_len, rest) = match rest {
            [a @ 0..=0x7F, rest @ ..] => (usize::from(*a), rest),
            [_, 0, ..] | [_, 0x80..=0xFF, 0 | 0x80..=0xFF, ..] => return Err(not_shortest),
            [a, b @ 0..=0x7F, rest @ ..] => (low7(*a) | (low7(*b) << 7), rest),
            [a, b, c, rest @ ..] => (low7(*a) | (low7(*b) << 7) | (low7(*c) << 14), rest),
            _ => return Err(cut),
        };
        let Some((body, rest)) = rest.split_at_checked(body_len) else { return Err(cut) };
        self.rest = rest;
        Ok(Section { kind: *kind, flags: *flags, body, offset })
    }

    /// Nothing may follow the last section.
    pub(super) const fn finish(&self) -> Result<(), StateError> {
        if self.rest.is_empty() { Ok(()) } else { Err(StateError::Length { offset: self.offset(), len: self.len }) }
    }

    const fn offset(&self) -> usize {
        self.len.saturating_sub(self.rest.len())
    }
}

fn low7(byte: u8) -> usize {
    usize::from(byte & 0x7F)
}

/// Reads little-endian numbers off the front of a body whose length was checked before: past its end it reads zeros.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    /// A number of so many bytes, at most 8.
    #[inline]
    fn number(&mut self, len: usize) -> u64 {
        let mut wide = [0; 8];
        if let (Some((bytes, rest)), Some(low)) = (self.0.split_at_checked(len), wide.get_mut(..len)) {
            self.0 = rest;
            low.copy_from_slice(bytes);
        }
        u64::from_le_bytes(wide)
    }

    #[inline]
    pub(super) fn u8(&mut self) -> u8 {
        low8(self.number(1))
    }

    #[inline]
    pub(super) fn u16(&mut self) -> u32 {
        low32(self.number(2))
    }

    #[inline]
    pub(super) fn u24(&mut self) -> u32 {
        low32(self.number(3))
    }

    #[inline]
    pub(super) fn u32(&mut self) -> u32 {
        low32(self.number(4))
    }

    #[inline]
    pub(super) fn u48(&mut self) -> u64 {
        self.number(6)
    }

    #[inline]
    pub(super) fn u56(&mut self) -> u64 {
        self.number(7)
    }

    /// Signed, in two's complement.
    #[inline]
    pub(super) fn i56(&mut self) -> i64 {
        level(self.u56() << 8) >> 8
    }

    #[inline]
    pub(super) fn u64(&mut self) -> u64 {
        self.number(8)
    }
}
