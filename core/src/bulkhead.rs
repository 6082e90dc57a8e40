//! The bulkhead: slots that are leases.
//!
//! A slot is taken by an acquire, and comes back by `settle`, `cancel`, `release_holder`, or at its lease's end. Leases lie
//! in a table by id (open addressing; ids ascend by one, so they hardly ever meet) and in a list by ascending end:
//! acquire, settle and renew do not scan. A new lease ends last, unless a policy with a longer lease was there
//! before; then its place is found by walking back past that policy's leases.
//!
//! Place 0 is the ring of the list: after it comes the lease that ends first, before it the one that ends last. So putting in
//! and taking out has no special case. Its first word has the number of leases, and above it how many stand beside their
//! home, because it was taken: while none does, a place is emptied without a look at its neighbours. Its second word is an
//! instant after which no lease ends.

use alloc::vec::Vec;

use crate::circuit::next_generation;
use crate::live::{Head, IDS, INSTANT, LEASE_WORDS, Mem, PLACES, View, field, with_field};
use crate::num::{index, low16, low32, wide};

/// The most calls that may share one slot of a re-entrant bulkhead.
pub(crate) const MAX_SHARING: u32 = 4095;

pub(crate) const ID_BITS: u32 = 24;
pub(crate) const ID: u64 = (1 << ID_BITS) - 1;
/// Above the id: how many calls beyond the first share the lease.
const SHARED_BITS: u32 = 12;
/// Above a lease's end: whether its holder is written behind the places.
pub(crate) const HAS_HOLDER: u64 = 1 << 63;

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

/// Where the table begins in the body, and the mask that makes an id a place: 0 where there is no table.
#[inline]
pub(crate) fn layout(head: &Head) -> (usize, usize) {
    let places = head[PLACES];
    (usize::from(low16(places)), usize::from(low16(places >> 16)))
}

/// The place of an id, unless another lease stands there.
#[inline]
pub(crate) fn home(id: u64, mask: usize) -> usize {
    (index(id) & mask).wrapping_add(1)
}

/// Where the holder of a place stands: behind the ring and all places. The ring, place 0, has none.
#[inline]
pub(crate) fn holder_at(place: usize, mask: usize) -> usize {
    mask.wrapping_add(2).wrapping_mul(LEASE_WORDS).wrapping_add(place).wrapping_sub(1)
}

/// Whether the word at `i` of a body is of an empty place, or a holder of a lease that has none: nobody reads it before it is
/// written.
pub(crate) fn is_unread(view: View<'_>, i: usize) -> bool {
    let (from, mask) = layout(view.head);
    // Holders stand behind the ring and all places.
    let holders_at = mask.wrapping_add(2).wrapping_mul(LEASE_WORDS);
    let Some(at) = i.checked_sub(from).filter(|at| mask != 0 && *at >= LEASE_WORDS) else { return false };
    let (place, flag) = match at.checked_sub(holders_at) {
        None => (at.wrapping_div(LEASE_WORDS), u64::MAX),
        Some(holder) if holder <= mask => (holder.wrapping_add(1), HAS_HOLDER),
        Some(_) => return false,
    };
    let [end, id, ..] = Leases::of(view).get(place);
    id == 0 || end & flag == 0
}

/// The table, to be read: the words from the ring on, and the mask.
#[derive(Clone, Copy)]
struct Leases<'a> {
    words: &'a [u64],
    mask: usize,
}

impl<'a> Leases<'a> {
    fn of(view: View<'a>) -> Self {
        let (from, mask) = layout(view.head);
        let words = if mask == 0 { &[] } else { view.body.get(from..).unwrap_or_default() };
        Self { words, mask }
    }

    fn get(self, place: usize) -> Place {
        self.words.as_chunks().0.get(place).copied().unwrap_or_default()
    }

    fn read(self, place: usize) -> Lease {
        let [end, id, next, _] = self.get(place);
        let holder = if end & HAS_HOLDER == 0 { None } else { self.words.get(holder_at(place, self.mask)) };
        Lease {
            id: low32(id & ID),
            expires_at: end & INSTANT,
            holder: holder.copied().unwrap_or(0),
            count: low32(field(id, ID_BITS, SHARED_BITS)).wrapping_add(1),
            next: index(next),
        }
    }

    fn find(self, id: u32) -> Option<usize> {
        let mut place = home(u64::from(id), self.mask);
        for _ in 0..=self.mask {
            match low32(self.get(place)[1] & ID) {
                0 => return None,
                there if there == id => return Some(place),
                _ => place = home(wide(place), self.mask),
            }
        }
        None
    }

    /// By ascending end, expired ones too.
    fn by_end(self) -> impl Iterator<Item = Lease> {
        let [count, _, first, _] = self.get(0);
        let mut at = index(first);
        // The list is as long as its count: a broken link ends it, and no loop can go on for ever.
        (0..low32(count)).map_while(move |_| {
            let lease = (at != 0).then(|| self.read(at))?;
            at = lease.next;
            Some(lease)
        })
    }
}

/// The leases by ascending end, expired ones too.
pub(crate) fn by_end(view: View<'_>) -> impl Iterator<Item = Lease> {
    Leases::of(view).by_end()
}

/// When a slot is free at the latest, if nothing happens but leases ending; 0 where one is free now.
pub(crate) fn frees_at(view: View<'_>, max_concurrent: u32) -> u64 {
    let leases = Leases::of(view);
    let [count, _, first, _] = leases.get(0);
    let Some(mut over) = low32(count).checked_sub(max_concurrent) else { return 0 };
    let mut at = index(first);
    // A broken link leads nowhere.
    while over > 0 && at != 0 {
        at = index(leases.get(at)[2]);
        over = over.saturating_sub(1);
    }
    if at == 0 { 0 } else { leases.get(at)[0] & INSTANT }
}

/// The lease of that id, if it lives at `t`.
pub(crate) fn find_live(view: View<'_>, id: u32, t: u64) -> Option<Lease> {
    let leases = Leases::of(view);
    leases.find(id).map(|place| leases.read(place)).filter(|lease| lease.expires_at > t)
}

/// The live lease of a holder: looks at all of them. Of several, which a policy that was not re-entrant may have left, that
/// which ends first, and of those that end at once the one with the lowest id: equal states answer alike.
pub(crate) fn find_holder(view: View<'_>, holder: u64, t: u64) -> Option<Lease> {
    by_end(view)
        .filter(|lease| lease.holder == holder && lease.expires_at > t)
        .min_by_key(|lease| (lease.expires_at, lease.id))
}

/// The id of the next lease, unless it is still taken: after the last one comes 1.
pub(crate) fn next_lease_id(head: &Head) -> u32 {
    low32(field(head[IDS], ID_BITS, ID_BITS)).max(1)
}

/// Whether a lease of that id is in the table, expired or not.
pub(crate) fn has_id(view: View<'_>, id: u32) -> bool {
    Leases::of(view).find(id).is_some()
}

/// The table and its list, to be worked on.
struct Table<'a> {
    words: &'a mut [u64],
    mask: usize,
}

impl Table<'_> {
    fn leases(&self) -> Leases<'_> {
        Leases { words: self.words, mask: self.mask }
    }

    fn get(&self, place: usize) -> Place {
        self.leases().get(place)
    }

    /// A place to be written; what is written beside the table is lost.
    fn edit(&mut self, place: usize, change: impl FnOnce(&mut Place)) {
        if let Some(there) = self.words.as_chunks_mut().0.get_mut(place) {
            change(there);
        }
    }

    fn set_holder(&mut self, place: usize, holder: u64) {
        if let Some(there) = self.words.get_mut(holder_at(place, self.mask)) {
            *there = holder;
        }
    }

    fn end(&self, place: usize) -> u64 {
        self.get(place)[0] & INSTANT
    }

    fn next(&self, place: usize) -> usize {
        index(self.get(place)[2])
    }

    fn previous(&self, place: usize) -> usize {
        index(self.get(place)[3])
    }

    /// Makes `after` follow `before`.
    fn join(&mut self, before: usize, after: usize) {
        self.edit(before, |[.., next, _]| *next = wide(after));
        self.edit(after, |[.., previous]| *previous = wide(before));
    }

    /// Puts the lease into the list.
    fn link(&mut self, place: usize) {
        let end = self.end(place);
        let mut before = self.previous(0);
        while before != 0 && self.end(before) > end {
            before = self.previous(before);
        }
        let after = self.next(before);
        self.join(before, place);
        self.join(place, after);
        self.note_last_end();
    }

    fn unlink(&mut self, place: usize) {
        let (before, after) = (self.previous(place), self.next(place));
        self.join(before, after);
        self.note_last_end();
    }

    /// Writes into the ring when the last lease ends.
    fn note_last_end(&mut self) {
        let last = self.previous(0);
        let last_end = if last == 0 { 0 } else { self.end(last) };
        self.edit(0, |[_, end, ..]| *end = last_end);
    }

    /// Writes a lease to the first free place from its home on, and puts it into the list.
    fn insert(&mut self, words: Place, holder: u64) {
        let mut place = home(words[1], self.mask);
        for _ in 0..=self.mask {
            if self.get(place)[1] == 0 {
                self.edit(place, |there| *there = words);
                self.set_holder(place, holder);
                self.link(place);
                self.add_to_count(1);
                self.add_to_displaced(place, 1);
                return;
            }
            place = home(wide(place), self.mask);
        }
    }

    /// Takes the lease at `place` out, and moves those that it had pushed aside nearer to their home.
    fn remove(&mut self, place: usize) {
        self.unlink(place);
        self.add_to_count(u64::MAX);
        self.add_to_displaced(place, u64::MAX);
        let (mut gap, mut look) = (place, place);
        for _ in 0..self.mask {
            look = home(wide(look), self.mask);
            let [_, id, ..] = self.get(look);
            if id == 0 {
                break;
            }
            // How far the gap and the home lie before it, round the end of the table.
            let behind = |place: usize| look.wrapping_sub(place) & self.mask;
            if behind(home(id, self.mask)) >= behind(gap) {
                self.add_to_displaced(look, u64::MAX);
                self.shift(look, gap);
                self.add_to_displaced(gap, 1);
                gap = look;
            }
        }
        self.edit(gap, |there| *there = [0; LEASE_WORDS]);
    }

    /// Moves a lease from one place to another, links and all.
    fn shift(&mut self, from: usize, to: usize) {
        let (words, holder) = (self.get(from), self.leases().read(from).holder);
        self.edit(to, |there| *there = words);
        self.set_holder(to, holder);
        self.join(index(words[3]), to);
        self.join(to, index(words[2]));
    }

    fn add_to_count(&mut self, more: u64) {
        self.edit(0, |[count, ..]| *count = count.wrapping_add(more));
    }

    /// Counts the lease at `place` where it stands beside its home.
    fn add_to_displaced(&mut self, place: usize, more: u64) {
        if home(self.get(place)[1], self.mask) != place {
            self.add_to_count(more.wrapping_shl(32));
        }
    }
}

impl Mem<'_> {
    /// Works on the table; does nothing where there is none.
    fn table(&mut self) -> Table<'_> {
        let (from, mask) = layout(self.head);
        let words = if mask == 0 { &mut [] } else { self.body.get_mut(from..).unwrap_or_default() };
        Table { words, mask }
    }

    /// Takes a slot under that id. Without a free place (which the gate rules out) nothing happens.
    pub(crate) fn take_lease(&mut self, id: u32, expires_at: u64, holder: u64, count: u32) {
        let shared = u64::from(count.saturating_sub(1));
        let flag = if holder == 0 { 0 } else { HAS_HOLDER };
        self.table().insert([expires_at | flag, u64::from(id) | (shared << ID_BITS), 0, 0], holder);
    }

    /// Gives one call's share of the slot back; the slot itself with the last one.
    pub(crate) fn return_lease(&mut self, id: u32) {
        let mut table = self.table();
        let Some(place) = table.leases().find(id) else { return };
        match field(table.get(place)[1], ID_BITS, SHARED_BITS) {
            0 => table.remove(place),
            shared => {
                table.edit(place, |[_, id, ..]| *id = with_field(*id, ID_BITS, SHARED_BITS, shared.wrapping_sub(1)));
            }
        }
    }

    /// Moves the end of a lease, and adds `more` calls that share it.
    pub(crate) fn extend_lease(&mut self, id: u32, expires_at: u64, more: u32) {
        let mut table = self.table();
        let Some(place) = table.leases().find(id) else { return };
        table.unlink(place);
        table.edit(place, |[end, id, ..]| {
            let shared = field(*id, ID_BITS, SHARED_BITS).saturating_add(u64::from(more));
            *end = (*end & HAS_HOLDER) | expires_at;
            *id = with_field(*id, ID_BITS, SHARED_BITS, shared.min(u64::from(MAX_SHARING).wrapping_sub(1)));
        });
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
            if let Some(place) = table.leases().find(id) {
                table.remove(place);
                freed(id);
            }
        }
    }

    /// The next free lease id, which is then taken: ids ascend by one, skipping 0 and live ones.
    pub(crate) fn next_lease_id(&mut self) -> u32 {
        let mut id = next_lease_id(self.head);
        while self.is_taken(id) {
            id = next_generation(id);
        }
        self.head[IDS] = with_field(self.head[IDS], ID_BITS, ID_BITS, u64::from(next_generation(id)));
        id
    }

    fn is_taken(&self, id: u32) -> bool {
        has_id(self.view(), id) || self.view().probes().iter().any(|[probe, _]| *probe == u64::from(id))
    }
}
