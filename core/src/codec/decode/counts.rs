//! What a circuit counts: the failures and the windows.

use alloc::vec::Vec;

use super::super::read::{Fields, Section, require};
use super::super::{MAX_CALLS, MAX_DURATION_US, MAX_FAILURES, MAX_SLOTS, flag};
use crate::snapshot::{SlotSnapshot, Snapshot, WindowSnapshot};

impl Snapshot {
    pub(super) fn read_failures(&mut self, section: &Section<'_>) -> Result<(), &'static str> {
        let (instants, rest) = section.body.as_chunks::<7>();
        require(section.flags == flag::CRITICAL && rest.is_empty(), "failures_at_us")?;
        require(matches!(instants.len(), 1..=MAX_FAILURES), "failures_at_us")?;
        let mut before = 1;
        for instant in instants {
            let at = Fields(instant).u56();
            require(at >= before && at <= self.last_at, "failures_at_us")?;
            before = at;
            self.failures_at.push(at);
        }
        Ok(())
    }

    pub(super) fn read_calls(&mut self, section: &Section<'_>) -> Result<(), &'static str> {
        require(section.flags == flag::CRITICAL, "window")?;
        let Some((_, packed)) = section.body.split_first_chunk::<4>() else { return Err("window") };
        let mut fields = Fields(section.body);
        let (size, number) = (fields.u16(), fields.u16());
        require(matches!(size, 1..=MAX_CALLS), "window.calls.size")?;
        require(number >= 1 && number <= size, "window.calls.calls")?;
        let number = usize::try_from(number).unwrap_or_default();
        require(packed.len() == number.div_ceil(4), "window.calls.calls")?;
        let mut calls = match self.window.take() {
            Some(WindowSnapshot::Calls { calls, .. }) => calls,
            _ => Vec::new(),
        };
        calls.clear();
        calls.extend(packed.iter().flat_map(|byte| [byte & 3, (byte >> 2) & 3, (byte >> 4) & 3, byte >> 6]));
        let filler = calls.get(number..).unwrap_or_default();
        require(filler.iter().all(|bits| *bits == 0), "window.calls.calls")?;
        calls.truncate(number);
        self.window = Some(WindowSnapshot::Calls { size, calls });
        Ok(())
    }

    pub(super) fn read_slots(&mut self, section: &Section<'_>) -> Result<(), &'static str> {
        require(section.flags == flag::CRITICAL, "window")?;
        let Some((_, packed)) = section.body.split_first_chunk::<7>() else { return Err("window") };
        let mut fields = Fields(section.body);
        let (slot_us, slots) = (fields.u48(), u32::from(fields.u8()));
        require(matches!(slot_us, 1..=MAX_DURATION_US), "window.time.slot_us")?;
        require(matches!(slots, 1..=MAX_SLOTS), "window.time.slots")?;
        let (packed, rest) = packed.as_chunks::<19>();
        require(rest.is_empty() && !packed.is_empty(), "window.time.sums")?;
        let mut sums = match self.window.take() {
            Some(WindowSnapshot::Time { sums, .. }) => sums,
            _ => Vec::new(),
        };
        sums.clear();
        for slot in packed {
            let slot = read_slot(slot, slot_us, self.last_at)?;
            let first = sums.first().map_or(slot.index, |first: &SlotSnapshot| first.index);
            let follows = sums.last().is_none_or(|last| last.index < slot.index);
            require(follows && slot.index.saturating_sub(first) < u64::from(slots), "window.time.sums.index")?;
            sums.push(slot);
        }
        self.window = Some(WindowSnapshot::Time { slot_us, slots, sums });
        Ok(())
    }
}

fn read_slot(bytes: &[u8; 19], slot_us: u64, last_at: u64) -> Result<SlotSnapshot, &'static str> {
    let mut fields = Fields(bytes);
    let slot = SlotSnapshot { index: fields.u56(), calls: fields.u32(), failures: fields.u32(), slow: fields.u32() };
    require(slot.index.saturating_mul(slot_us) <= last_at, "window.time.sums.index")?;
    require(slot.calls != 0, "window.time.sums.calls")?;
    require(slot.failures <= slot.calls, "window.time.sums.failures")?;
    require(slot.slow <= slot.calls, "window.time.sums.slow")?;
    Ok(slot)
}
