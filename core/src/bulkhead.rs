//! The bulkhead: slots that are leases.
//!
//! A slot is taken by an acquire, and comes back by `settle`, `cancel`, `release_holder`, or at its lease's end. Leases lie
//! in a table by id (open addressing; ids ascend by one, so they hardly ever meet) and in a list by ascending end:
//! acquire, settle and renew do not scan. A new lease ends last, unless a policy with a longer lease was there
//! before; then its place is found by walking back past that policy's leases.

use crate::live::{COUNTS, LEASE_WORDS, LEASES, Mem, PLACES, View, field, with_field};
use crate::num::{index, low8, low16, low32, wide};

/// The most calls that may share one slot of a re-entrant bulkhead.
pub(crate) const MAX_SHARING: u32 = 4095;

const ID_BITS: u32 = 24;
pub(crate) const COUNT_SHIFT: u32 = 52;

/// How many places a table for so many leases has: at most three quarters are ever taken.
pub(crate) fn table_size(leases: usize) -> usize {
    if leases == 0 { 0 } else { leases.saturating_add(leases >> 1).next_power_of_two().max(4) }
}

/// One place of the table, read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease {
    pub(crate) id: u32,
    pub(crate) expires_at: u64,
    pub(crate) holder: u64,
    pub(crate) count: u32,
    next: usize,
}

/// How many leases are in the list, expired ones too.
#[inline]
pub(crate) fn count(view: View<'_>) -> u32 {
    u32::from(low16(view.head[LEASES]))
}

/// The place (+ 1) of the lease that ends first; 0 for none.
#[inline]
fn first(view: View<'_>) -> usize {
    usize::from(low16(view.head[LEASES] >> 16))
}

#[inline]
fn table(view: View<'_>) -> &[[u64; LEASE_WORDS]] {
    let places = view.head[PLACES];
    let log2 = low8(places >> 56);
    if log2 == 0 {
        return &[];
    }
    let words = view.body.get(usize::from(low16(places >> 16))..).unwrap_or_default();
    words.as_chunks::<LEASE_WORDS>().0.get(..1_usize.wrapping_shl(u32::from(log2))).unwrap_or_default()
}

#[inline]
fn read(words: &[u64; LEASE_WORDS]) -> Lease {
    let [end, id, holder, links] = *words;
    Lease {
        id: low32(id),
        expires_at: field(end, 0, COUNT_SHIFT),
        holder,
        count: u32::from(low16(end >> COUNT_SHIFT)),
        next: index(u64::from(low32(links))),
    }
}

/// The leases by ascending end, expired ones too.
pub(crate) fn by_end(view: View<'_>) -> impl Iterator<Item = Lease> {
    let table = table(view);
    let mut at = first(view);
    // The list is as long as its count: a broken link ends it, and no loop can go on for ever.
    (0..count(view)).map_while(move |_| {
        let lease = table.get(at.checked_sub(1)?).map(read)?;
        at = lease.next;
        Some(lease)
    })
}

/// Whether a slot is free at `t`.
#[inline]
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

/// The place of a lease that lives at `t`.
#[inline]
pub(crate) fn find_live(view: View<'_>, id: u32, t: u64) -> Option<usize> {
    let table = table(view);
    find(table, id).filter(|at| table.get(*at).is_some_and(|words| read(words).expires_at > t))
}

/// The live lease of a holder: looks at all of them.
pub(crate) fn find_holder(view: View<'_>, holder: u64, t: u64) -> Option<(usize, Lease)> {
    table(view)
        .iter()
        .enumerate()
        .map(|(at, words)| (at, read(words)))
        .find(|(_, lease)| lease.id != 0 && lease.holder == holder && lease.expires_at > t)
}

pub(crate) fn lease_at(view: View<'_>, at: usize) -> Option<Lease> {
    table(view).get(at).map(read)
}

#[inline]
fn find(table: &[[u64; LEASE_WORDS]], id: u32) -> Option<usize> {
    let mask = table.len().checked_sub(1)?;
    let mut at = index(u64::from(id)) & mask;
    for _ in 0..table.len() {
        let [_, there, ..] = table.get(at)?;
        match low32(*there) {
            0 => return None,
            there if there == id => return Some(at),
            _ => at = at.wrapping_add(1) & mask,
        }
    }
    None
}

/// Whether a lease of that id is in the table, expired or not.
pub(crate) fn has_id(view: View<'_>, id: u32) -> bool {
    find(table(view), id).is_some()
}

/// The table and its list, to be worked on.
struct Table<'a> {
    word: &'a mut u64,
    places: &'a mut [[u64; LEASE_WORDS]],
}

impl Table<'_> {
    fn mask(&self) -> usize {
        self.places.len().saturating_sub(1)
    }

    fn get(&self, at: usize) -> [u64; LEASE_WORDS] {
        self.places.get(at).copied().unwrap_or_default()
    }

    fn set(&mut self, at: usize, words: [u64; LEASE_WORDS]) {
        if let Some(place) = self.places.get_mut(at) {
            *place = words;
        }
    }

    /// The place + 1 of the lease after the one at `place` (also + 1); of the first one for 0. And the same backwards.
    fn next(&self, place: usize) -> usize {
        match place.checked_sub(1) {
            None => usize::from(low16(*self.word >> 16)),
            Some(at) => index(u64::from(low32(self.get(at)[3]))),
        }
    }

    fn previous(&self, place: usize) -> usize {
        match place.checked_sub(1) {
            None => usize::from(low16(*self.word >> 32)),
            Some(at) => index(self.get(at)[3] >> 32),
        }
    }

    fn set_next(&mut self, place: usize, next: usize) {
        match place.checked_sub(1) {
            None => *self.word = with_field(*self.word, 16, 16, wide(next)),
            Some(at) => {
                if let Some([.., links]) = self.places.get_mut(at) {
                    *links = with_field(*links, 0, 32, wide(next));
                }
            }
        }
    }

    fn set_previous(&mut self, place: usize, previous: usize) {
        match place.checked_sub(1) {
            None => *self.word = with_field(*self.word, 32, 16, wide(previous)),
            Some(at) => {
                if let Some([.., links]) = self.places.get_mut(at) {
                    *links = with_field(*links, 32, 32, wide(previous));
                }
            }
        }
    }

    fn add_to_count(&mut self, more: bool) {
        let count = low16(*self.word);
        let count = if more { count.saturating_add(1) } else { count.saturating_sub(1) };
        *self.word = with_field(*self.word, 0, 16, u64::from(count));
    }

    /// Puts the lease at `at` into the list, behind all that do not end later.
    fn link(&mut self, at: usize) {
        let [end, ..] = self.get(at);
        let end = field(end, 0, COUNT_SHIFT);
        let mut before = self.previous(0);
        while before != 0 && field(self.get(before.wrapping_sub(1))[0], 0, COUNT_SHIFT) > end {
            before = self.previous(before);
        }
        let after = self.next(before);
        let place = at.wrapping_add(1);
        self.set_next(place, after);
        self.set_previous(place, before);
        self.set_next(before, place);
        self.set_previous(after, place);
    }

    fn unlink(&mut self, at: usize) {
        let place = at.wrapping_add(1);
        let (before, after) = (self.previous(place), self.next(place));
        self.set_next(before, after);
        self.set_previous(after, before);
    }

    /// Takes the lease at `at` out, and moves those that it had pushed aside nearer to their home.
    fn remove(&mut self, at: usize) {
        self.unlink(at);
        self.add_to_count(false);
        let mask = self.mask();
        let (mut gap, mut look) = (at, at);
        for _ in 0..mask {
            look = look.wrapping_add(1) & mask;
            let words = self.get(look);
            if words[1] == 0 {
                break;
            }
            let home = index(words[1]) & mask;
            if look.wrapping_sub(home) & mask >= look.wrapping_sub(gap) & mask {
                self.shift(look, gap, words);
                gap = look;
            }
        }
        self.set(gap, [0; LEASE_WORDS]);
    }

    /// Moves a lease from one place to another, links and all.
    fn shift(&mut self, from: usize, to: usize, words: [u64; LEASE_WORDS]) {
        let place = from.wrapping_add(1);
        let (before, after) = (self.previous(place), self.next(place));
        self.set(to, words);
        self.set_next(before, to.wrapping_add(1));
        self.set_previous(after, to.wrapping_add(1));
    }
}

impl Mem<'_> {
    #[inline]
    fn table(&mut self) -> Table<'_> {
        let places = self.head[PLACES];
        let log2 = low8(places >> 56);
        let size = if log2 == 0 { 0 } else { 1_usize.wrapping_shl(u32::from(log2)) };
        let words = self.body.get_mut(usize::from(low16(places >> 16))..).unwrap_or_default();
        Table {
            word: &mut self.head[LEASES],
            places: words.as_chunks_mut::<LEASE_WORDS>().0.get_mut(..size).unwrap_or_default(),
        }
    }

    /// Takes a slot under that id. Without a free place (which the gate rules out) nothing happens.
    #[inline]
    pub(crate) fn take_lease(&mut self, id: u32, expires_at: u64, holder: u64, count: u32) {
        let mut table = self.table();
        let mask = table.mask();
        let mut at = index(u64::from(id)) & mask;
        for _ in 0..=mask {
            if table.get(at)[1] == 0 {
                table.set(at, [expires_at | (u64::from(count) << COUNT_SHIFT), u64::from(id), holder, 0]);
                table.link(at);
                table.add_to_count(true);
                return;
            }
            at = at.wrapping_add(1) & mask;
        }
    }

    /// Gives one call's share of the slot back; the slot itself with the last one.
    #[inline]
    pub(crate) fn return_lease(&mut self, id: u32) {
        let mut table = self.table();
        let Some(at) = find(table.places, id) else { return };
        let [end, rest @ ..] = table.get(at);
        let [id, holder, links] = rest;
        match end >> COUNT_SHIFT {
            0 | 1 => table.remove(at),
            count => table.set(at, [with_field(end, COUNT_SHIFT, 12, count.wrapping_sub(1)), id, holder, links]),
        }
    }

    /// Moves the end of a lease, and adds `more` calls that share it.
    pub(crate) fn extend_lease(&mut self, id: u32, expires_at: u64, more: u32) {
        let mut table = self.table();
        let Some(at) = find(table.places, id) else { return };
        table.unlink(at);
        let [end, id, holder, links] = table.get(at);
        let count = (end >> COUNT_SHIFT).saturating_add(u64::from(more)).min(u64::from(MAX_SHARING));
        table.set(at, [expires_at | (count << COUNT_SHIFT), id, holder, links]);
        table.link(at);
    }

    /// Takes out whatever has ended at `t`.
    #[inline]
    pub(crate) fn drop_expired_leases(&mut self, t: u64) {
        if self.head[LEASES] == 0 {
            return;
        }
        let mut table = self.table();
        loop {
            let place = table.next(0);
            if place == 0 || field(table.get(place.wrapping_sub(1))[0], 0, COUNT_SHIFT) > t {
                return;
            }
            table.remove(place.wrapping_sub(1));
        }
    }

    /// Takes out every lease of a holder, and tells their ids to `freed`.
    pub(crate) fn release_holder(&mut self, holder: u64, mut freed: impl FnMut(u32)) {
        let mut table = self.table();
        let ids: alloc::vec::Vec<u32> = table
            .places
            .iter()
            .map(read)
            .filter(|lease| lease.id != 0 && lease.holder == holder)
            .map(|l| l.id)
            .collect();
        for id in ids {
            if let Some(at) = find(table.places, id) {
                table.remove(at);
                freed(id);
            }
        }
    }

    /// The next free lease id, which is then taken: ids ascend by one, skipping 0 and live ones.
    #[inline]
    pub(crate) fn next_lease_id(&mut self) -> u32 {
        let counts = self.head[COUNTS];
        let mut id = low32(field(counts, 24, ID_BITS));
        while id == 0
            || has_id(self.view(), id)
            || self.view().probes().iter().any(|[probe, _]| *probe == u64::from(id))
        {
            id = id.wrapping_add(1) & ((1 << ID_BITS) - 1);
        }
        let next = match id.wrapping_add(1) & ((1 << ID_BITS) - 1) {
            0 => 1,
            next => next,
        };
        self.head[COUNTS] = with_field(counts, 24, ID_BITS, u64::from(next));
        id
    }
}
