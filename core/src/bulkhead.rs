//! The bulkhead: slots that are leases.
//!
//! A slot is taken by an acquire, and comes back by `settle`, `cancel`, `release_holder`, or at its lease's end. Leases lie
//! in a table by id (open addressing; ids ascend by one, so they hardly ever meet) and in a list by ascending end:
//! acquire, settle and renew do not scan. A new lease ends last, unless a policy with a longer lease was there
//! before; then its place is found by walking back past that policy's leases.
//!
//! Place 0 is the ring of the list: after it comes the lease that ends first, before it the one that ends last, and its
//! first word is their number. So putting in and taking out has no special case. Its second word says how many leases stand
//! beside their home, because it was taken: while none does, a place is emptied without a look at its neighbours.

use alloc::vec::Vec;

use crate::circuit::next_generation;
use crate::live::{COUNTS, LEASE_WORDS, Mem, PLACES, View, field, with_field};
use crate::num::{index, low8, low16, low32, wide};

/// The most calls that may share one slot of a re-entrant bulkhead.
pub(crate) const MAX_SHARING: u32 = 4095;

pub(crate) const ID_BITS: u32 = 24;
pub(crate) const COUNT_SHIFT: u32 = 52;

/// One place of the table.
pub(crate) type Place = [u64; LEASE_WORDS];

/// How many places a table for so many leases has, without the ring: at most two thirds are ever taken.
pub(crate) fn table_size(leases: usize) -> usize {
    if leases == 0 { 0 } else { leases.saturating_add(leases >> 1).next_power_of_two().max(4) }
}

/// One lease, read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease {
    pub(crate) id: u32,
    pub(crate) expires_at: u64,
    pub(crate) holder: u64,
    pub(crate) count: u32,
    next: usize,
}

/// How many places there are, without the ring, by the layout's word: 0 or a power of two.
#[inline]
fn size(layout: u64) -> usize {
    match low8(layout >> 56) {
        0 => 0,
        log2 => 1_usize.wrapping_shl(u32::from(log2)),
    }
}

/// The ring and the places behind it; empty where there is no bulkhead.
fn table(view: View<'_>) -> &[Place] {
    parts(view).0
}

/// The ring with the places, and the holders.
fn parts(view: View<'_>) -> (&[Place], &[u64]) {
    let layout = view.head[PLACES];
    match size(layout) {
        0 => (&[], &[]),
        size => {
            let words = view.body.get(usize::from(low16(layout >> 16))..).unwrap_or_default();
            let (places, holders) = words.split_at_checked(places_len(size)).unwrap_or_default();
            (places.as_chunks::<LEASE_WORDS>().0, holders)
        }
    }
}

/// How many words the ring and so many places take.
fn places_len(size: usize) -> usize {
    size.saturating_add(1).saturating_mul(LEASE_WORDS)
}

/// How many leases are in the list, expired ones too.
pub(crate) fn count(view: View<'_>) -> u32 {
    table(view).first().map_or(0, |[count, ..]| low32(*count))
}

fn read((places, holders): (&[Place], &[u64]), place: usize) -> Option<Lease> {
    let [end, id, next, _] = *places.get(place)?;
    Some(Lease {
        id: low32(id),
        expires_at: field(end, 0, COUNT_SHIFT),
        holder: holders.get(place).copied().unwrap_or(0),
        count: u32::from(low16(end >> COUNT_SHIFT)),
        next: index(next),
    })
}

/// The leases by ascending end, expired ones too.
pub(crate) fn by_end(view: View<'_>) -> impl Iterator<Item = Lease> {
    let parts = parts(view);
    let mut at = read(parts, 0).map_or(0, |ring| ring.next);
    // The list is as long as its count: a broken link ends it, and no loop can go on for ever.
    (0..count(view)).map_while(move |_| {
        let lease = read(parts, at).filter(|_| at != 0)?;
        at = lease.next;
        Some(lease)
    })
}

/// Whether a slot is free at `t`.
pub(crate) fn has_room(view: View<'_>, max_concurrent: u32, t: u64) -> bool {
    count(view) < max_concurrent || frees_at(view, max_concurrent) <= t
}

/// When a slot is free at the latest, if nothing happens but leases ending; 0 where one is free now.
pub(crate) fn frees_at(view: View<'_>, max_concurrent: u32) -> u64 {
    match count(view).checked_sub(max_concurrent) {
        None => 0,
        Some(over) => by_end(view).nth(index(u64::from(over))).map_or(0, |lease| lease.expires_at),
    }
}

/// The lease of that id, if it lives at `t`.
pub(crate) fn find_live(view: View<'_>, id: u32, t: u64) -> Option<Lease> {
    let parts = parts(view);
    find(parts.0, id).and_then(|place| read(parts, place)).filter(|lease| lease.expires_at > t)
}

/// The live lease of a holder: looks at all of them. Of several, which a policy that was not re-entrant may have left, that
/// which ends first.
pub(crate) fn find_holder(view: View<'_>, holder: u64, t: u64) -> Option<Lease> {
    by_end(view).find(|lease| lease.holder == holder && lease.expires_at > t)
}

/// Whether a lease of that id is in the table, expired or not.
pub(crate) fn has_id(view: View<'_>, id: u32) -> bool {
    find(table(view), id).is_some()
}

fn find(table: &[Place], id: u32) -> Option<usize> {
    let mask = mask(table)?;
    let mut at = index(u64::from(id)) & mask;
    for _ in 0..=mask {
        let place = at.wrapping_add(1);
        match low32(table.get(place)?[1]) {
            0 => return None,
            there if there == id => return Some(place),
            _ => at = at.wrapping_add(1) & mask,
        }
    }
    None
}

/// What makes an id a place (without the ring); `None` without places.
fn mask(table: &[Place]) -> Option<usize> {
    table.len().checked_sub(2)
}

/// The table and its list, to be worked on.
struct Table<'a>(&'a mut [Place], &'a mut [u64]);

impl Table<'_> {
    fn get(&self, place: usize) -> Place {
        self.0.get(place).copied().unwrap_or_default()
    }

    fn set(&mut self, place: usize, words: Place) {
        if let Some(there) = self.0.get_mut(place) {
            *there = words;
        }
    }

    fn set_holder(&mut self, place: usize, holder: u64) {
        if let Some(there) = self.1.get_mut(place) {
            *there = holder;
        }
    }

    fn set_end(&mut self, place: usize, word: u64) {
        if let Some([end, ..]) = self.0.get_mut(place) {
            *end = word;
        }
    }

    fn next(&self, place: usize) -> usize {
        index(self.get(place)[2])
    }

    fn previous(&self, place: usize) -> usize {
        index(self.get(place)[3])
    }

    fn end(&self, place: usize) -> u64 {
        field(self.get(place)[0], 0, COUNT_SHIFT)
    }

    /// Makes `after` follow `before`.
    fn join(&mut self, before: usize, after: usize) {
        if let Some([.., next, _]) = self.0.get_mut(before) {
            *next = wide(after);
        }
        if let Some([.., previous]) = self.0.get_mut(after) {
            *previous = wide(before);
        }
    }

    /// Where a lease comes in the list: by end, and by id among equal ends, so that states of the same bytes have the same
    /// list.
    fn order(&self, place: usize) -> (u64, u64) {
        (self.end(place), self.get(place)[1])
    }

    /// Puts the lease into the list.
    fn link(&mut self, place: usize) {
        let order = self.order(place);
        let mut before = self.previous(0);
        while before != 0 && self.order(before) > order {
            before = self.previous(before);
        }
        let after = self.next(before);
        self.join(before, place);
        self.join(place, after);
    }

    fn unlink(&mut self, place: usize) {
        let (before, after) = (self.previous(place), self.next(place));
        self.join(before, after);
    }

    /// Writes a lease to the first free place from its home on, and puts it into the list.
    fn insert(&mut self, words: Place, holder: u64) {
        let Some(mask) = mask(self.0) else { return };
        let mut at = index(words[1]) & mask;
        for _ in 0..=mask {
            let place = at.wrapping_add(1);
            if self.get(place)[1] == 0 {
                self.set(place, words);
                self.set_holder(place, holder);
                self.link(place);
                self.add_to_count(1);
                self.add_to_displaced(place, 1);
                return;
            }
            at = at.wrapping_add(1) & mask;
        }
    }

    /// Takes the lease at `place` out, and moves those that it had pushed aside nearer to their home.
    fn remove(&mut self, place: usize) {
        let Some(mask) = mask(self.0) else { return };
        self.unlink(place);
        self.add_to_count(u64::MAX);
        self.add_to_displaced(place, u64::MAX);
        let (mut gap, mut look) = (place.wrapping_sub(1), place.wrapping_sub(1));
        for _ in 0..mask {
            look = look.wrapping_add(1) & mask;
            let words = self.get(look.wrapping_add(1));
            if words[1] == 0 {
                break;
            }
            let home = index(words[1]) & mask;
            if look.wrapping_sub(home) & mask >= look.wrapping_sub(gap) & mask {
                self.add_to_displaced(look.wrapping_add(1), u64::MAX);
                self.shift(look.wrapping_add(1), gap.wrapping_add(1));
                self.add_to_displaced(gap.wrapping_add(1), 1);
                gap = look;
            }
        }
        self.set(gap.wrapping_add(1), [0; LEASE_WORDS]);
    }

    /// Moves a lease from one place to another, links and all.
    fn shift(&mut self, from: usize, to: usize) {
        let (before, after) = (self.previous(from), self.next(from));
        self.set(to, self.get(from));
        self.set_holder(to, self.1.get(from).copied().unwrap_or(0));
        self.join(before, to);
        self.join(to, after);
    }

    fn add_to_count(&mut self, more: u64) {
        if let Some([count, ..]) = self.0.first_mut() {
            *count = count.wrapping_add(more);
        }
    }

    /// Counts the lease at `place` where it stands beside its home.
    fn add_to_displaced(&mut self, place: usize, more: u64) {
        let home = mask(self.0).map(|mask| (index(self.get(place)[1]) & mask).wrapping_add(1));
        if let Some([_, displaced, ..]) = self.0.first_mut().filter(|_| home != Some(place)) {
            *displaced = displaced.wrapping_add(more);
        }
    }
}

impl Mem<'_> {
    fn table(&mut self) -> Table<'_> {
        let layout = self.head[PLACES];
        match size(layout) {
            0 => Table(&mut [], &mut []),
            size => {
                let words = self.body.get_mut(usize::from(low16(layout >> 16))..).unwrap_or_default();
                let (places, holders) = words.split_at_mut_checked(places_len(size)).unwrap_or_default();
                Table(places.as_chunks_mut::<LEASE_WORDS>().0, holders)
            }
        }
    }

    /// Takes a slot under that id. Without a free place (which the gate rules out) nothing happens.
    pub(crate) fn take_lease(&mut self, id: u32, expires_at: u64, holder: u64, count: u32) {
        self.table().insert([expires_at | (u64::from(count) << COUNT_SHIFT), u64::from(id), 0, 0], holder);
    }

    /// Gives one call's share of the slot back; the slot itself with the last one.
    pub(crate) fn return_lease(&mut self, id: u32) {
        let mut table = self.table();
        let Some(place) = find(table.0, id) else { return };
        let words = table.get(place);
        match words[0] >> COUNT_SHIFT {
            0 | 1 => table.remove(place),
            count => table.set_end(place, with_field(words[0], COUNT_SHIFT, 12, count.wrapping_sub(1))),
        }
    }

    /// Moves the end of a lease, and adds `more` calls that share it.
    pub(crate) fn extend_lease(&mut self, id: u32, expires_at: u64, more: u32) {
        let mut table = self.table();
        let Some(place) = find(table.0, id) else { return };
        table.unlink(place);
        let [end, ..] = table.get(place);
        let count = (end >> COUNT_SHIFT).saturating_add(u64::from(more)).min(u64::from(MAX_SHARING));
        table.set_end(place, expires_at | (count << COUNT_SHIFT));
        table.link(place);
    }

    /// Takes out whatever has ended at `t`.
    pub(crate) fn drop_expired_leases(&mut self, t: u64) {
        let mut table = self.table();
        loop {
            let first = table.next(0);
            if first == 0 || table.end(first) > t {
                return;
            }
            table.remove(first);
        }
    }

    /// Takes out every lease of a holder, and tells their ids to `freed`.
    pub(crate) fn release_holder(&mut self, holder: u64, mut freed: impl FnMut(u32)) {
        let ids: Vec<u32> = by_end(self.view()).filter(|lease| lease.holder == holder).map(|lease| lease.id).collect();
        let mut table = self.table();
        for id in ids {
            if let Some(place) = find(table.0, id) {
                table.remove(place);
                freed(id);
            }
        }
    }

    /// The next free lease id, which is then taken: ids ascend by one, skipping 0 and live ones.
    pub(crate) fn next_lease_id(&mut self) -> u32 {
        let counts = self.head[COUNTS];
        let mut id = low32(field(counts, 24, ID_BITS));
        while id == 0 || self.is_taken(id) {
            id = next_generation(id);
        }
        self.head[COUNTS] = with_field(counts, 24, ID_BITS, u64::from(next_generation(id)));
        id
    }

    fn is_taken(&self, id: u32) -> bool {
        has_id(self.view(), id) || self.view().probes().iter().any(|[probe, _]| *probe == u64::from(id))
    }
}
