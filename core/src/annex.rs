//! What the policies beside the gates remember: how it lies in a live state and in the bytes.
//!
//! Such a policy (the retry budget, schedule, recovery, health) is asked now and then, not on each call. So its state is
//! a few words behind everything that the gates need, an annex, which no step of theirs touches. The words are the body of its
//! section, too: canonical, read strictly, absent where they would say nothing.
//!
//! In a live state each annex that the policy may need has a block: a word with its kind (8 bits), its room (16) and how many
//! words are used (16), then the room. An annex of a policy before this one keeps a block as long as it is.

use alloc::vec::Vec;

use crate::health::HealthSnapshot;
use crate::live::{HEEDED, INSTANT, LAST, Mem, Shape, View};
use crate::num::{low8, low16, wide};
use crate::policy::Policy;
use crate::recovery::RecoverySnapshot;
use crate::retry::BudgetSnapshot;
use crate::schedule::ScheduleSnapshot;
use crate::snapshot::Snapshot;

/// The lowest kind that an annex may have.
pub(crate) const FIRST_ANNEX: u8 = 32;

/// What one policy beside the gates remembers.
pub(crate) trait Annex: Sized {
    /// The kind of its section: 32 to 63.
    const KIND: u8;

    /// The most words that it takes under a policy; 0 where the policy has no use for it.
    fn room(policy: &Policy) -> usize;

    /// Appends its words: at least one, and always the same ones for the same state.
    fn write(&self, words: &mut Vec<u64>);

    /// From its words, where they are what `write` could have made of a state whose last change was at `last_at`.
    fn read(words: &[u64], last_at: u64) -> Option<Self>;

    /// Whether it says nothing at `t`, the state's last change: then it is left out.
    fn is_empty(&self, t: u64) -> bool;

    /// The clock stepped back by `back` to `now`: so do all its instants, none further ahead than the policy could have put it.
    fn shift(&mut self, policy: &Policy, back: u64, now: u64);

    /// A policy with other rules takes it over at `t`. One that has no use for it leaves it as it is.
    fn adopt(&mut self, policy: &Policy, t: u64);

    /// From when it says nothing; `None` for never.
    fn vacuous_at(&self, policy: &Policy) -> Option<u64>;

    /// When it next says something else by time alone, after `t`; [`NEVER_US`](crate::policy::NEVER_US) for never.
    fn next_change_at(&self, policy: &Policy, t: u64) -> u64;

    /// Whether each call must be told to it: then none takes the short way.
    fn is_heeded(policy: &Policy, is_there: bool) -> bool;

    /// Whether it is one that this policy, whose fingerprint the state bears, could have written.
    fn fits(&self, policy: &Policy) -> bool {
        words_of(self).len() <= Self::room(policy)
    }
}

fn words_of(annex: &impl Annex) -> Vec<u64> {
    let mut words = Vec::new();
    annex.write(&mut words);
    words
}

/// The annexes that there are, by ascending kind: what is done with each of them is said once.
macro_rules! annexes {
    ($($field:ident: $Annex:ty,)+) => {
        /// Whether a section of that kind is an annex.
        pub(crate) const fn is_annex(kind: u8) -> bool {
            false $(|| kind == <$Annex>::KIND)+
        }

        impl Snapshot {
            /// Kind and words of each annex that is there.
            pub(crate) fn annexes(&self) -> Vec<(u8, Vec<u64>)> {
                let mut annexes = Vec::new();
                $(if let Some(annex) = &self.$field {
                    annexes.push((<$Annex>::KIND, words_of(annex)));
                })+
                annexes
            }

            /// Takes an annex from its words; where they are none, its name.
            pub(crate) fn read_annex(&mut self, kind: u8, words: &[u64]) -> Result<(), &'static str> {
                $(if kind == <$Annex>::KIND {
                    self.$field = Some(<$Annex>::read(words, self.last_at).ok_or(stringify!($field))?);
                })+
                Ok(())
            }

            /// Leaves out what is not among the kinds that were seen.
            pub(crate) fn keep_annexes(&mut self, is_seen: impl Fn(u8) -> bool) {
                $(if !is_seen(<$Annex>::KIND) {
                    self.$field = None;
                })+
            }

            /// Leaves out what says nothing at the last change; the name of the first one that does.
            pub(crate) fn drop_empty_annexes(&mut self) -> Option<&'static str> {
                let (t, mut dropped) = (self.last_at, None);
                $(if self.$field.as_ref().is_some_and(|annex| annex.is_empty(t)) {
                    self.$field = None;
                    dropped = dropped.or(Some(stringify!($field)));
                })+
                dropped
            }

            pub(crate) fn shift_annexes(&mut self, policy: &Policy, back: u64, now: u64) {
                $(if let Some(annex) = &mut self.$field {
                    annex.shift(policy, back, now);
                })+
            }

            pub(crate) fn adopt_annexes(&mut self, policy: &Policy, t: u64) {
                $(if let Some(annex) = &mut self.$field {
                    annex.adopt(policy, t);
                })+
            }

            /// The name of the first annex that this policy, whose fingerprint the state bears, never wrote.
            pub(crate) fn unfit_annex(&self, policy: &Policy) -> Option<&'static str> {
                $(if self.$field.as_ref().is_some_and(|annex| <$Annex>::room(policy) > 0 && !annex.fits(policy)) {
                    return Some(stringify!($field));
                })+
                None
            }

            /// Nothing is remembered any more.
            pub(crate) fn clear_annexes(&mut self) {
                $(self.$field = None;)+
            }
        }

        impl View<'_> {
            /// From when all annexes say nothing; `None` for never.
            pub(crate) fn annexes_vacuous_at(self, policy: &Policy) -> Option<u64> {
                if self.has_no_annex() {
                    return Some(0);
                }
                let mut at = 0;
                $(if let Some(annex) = self.annex::<$Annex>() {
                    at = annex.vacuous_at(policy)?.max(at);
                })+
                Some(at)
            }

            /// Tells when each annex next says something else by time alone.
            pub(crate) fn each_annex_change(self, policy: &Policy, t: u64, mut tell: impl FnMut(u64)) {
                if self.has_no_annex() {
                    return;
                }
                $(if let Some(annex) = self.annex::<$Annex>() {
                    tell(annex.next_change_at(policy, t));
                })+
            }

            fn heeds(self, policy: &Policy) -> bool {
                false $(|| <$Annex>::is_heeded(policy, self.annex_words(<$Annex>::KIND).is_some()))+
            }
        }

        /// The kind of each annex, and the most words that it takes under a policy.
        fn rooms(policy: &Policy) -> impl Iterator<Item = (u8, usize)> {
            [$((<$Annex>::KIND, <$Annex>::room(policy))),+].into_iter()
        }
    };
}
annexes! {
    budget: BudgetSnapshot,
    schedule: ScheduleSnapshot,
    recovery: RecoverySnapshot,
    health: HealthSnapshot,
}

/// The words of one annex, and the room that is kept for them.
struct Block {
    kind: u8,
    room: usize,
    words: Vec<u64>,
}

/// The blocks of all annexes: the policy's own, and whatever a snapshot brings beyond them.
fn blocks(policy: &Policy, snapshot: Option<&Snapshot>) -> Vec<Block> {
    let mut there = snapshot.map(Snapshot::annexes).unwrap_or_default();
    let mut blocks = Vec::new();
    for (kind, room) in rooms(policy) {
        let own = there.iter_mut().find(|(own, _)| *own == kind);
        let words = own.map(|(_, words)| core::mem::take(words)).unwrap_or_default();
        let room = room.max(words.len());
        if room > 0 {
            blocks.push(Block { kind, room, words });
        }
    }
    blocks
}

/// How many words the blocks of all annexes need.
pub(crate) fn annex_words(policy: &Policy, snapshot: Option<&Snapshot>) -> usize {
    blocks(policy, snapshot).iter().map(|block| block.room.saturating_add(1)).sum()
}

/// The first word of a block.
fn block(kind: u8, room: usize, used: usize) -> u64 {
    u64::from(kind) | (wide(room) << 8) | (wide(used) << 24)
}

fn room(block: u64) -> usize {
    usize::from(low16(block >> 8))
}

fn used(block: u64) -> usize {
    usize::from(low16(block >> 24))
}

impl View<'_> {
    /// Whether there is no room for any.
    fn has_no_annex(self) -> bool {
        Shape::of(self.head).annexes == 0
    }

    /// The words of an annex that is there.
    pub(crate) fn annex_words(&self, kind: u8) -> Option<&[u64]> {
        self.blocks().find(|(own, _)| *own == kind).map(|(_, words)| words)
    }

    /// An annex that is there.
    pub(crate) fn annex<T: Annex>(self) -> Option<T> {
        T::read(self.annex_words(T::KIND)?, INSTANT)
    }

    /// Kind and words of each annex that is there.
    fn blocks(&self) -> impl Iterator<Item = (u8, &[u64])> {
        let shape = Shape::of(self.head);
        let mut rest = self.body.get(shape.annexes_at()..shape.raw_at()).unwrap_or_default();
        let all = core::iter::from_fn(move || {
            let (first, words) = rest.split_first()?;
            rest = words.get(room(*first)..).unwrap_or_default();
            Some((low8(*first), words.get(..used(*first)).unwrap_or_default()))
        });
        all.filter(|(_, words)| !words.is_empty())
    }

    /// Reads all annexes that are there.
    pub(crate) fn read_annexes(self, snapshot: &mut Snapshot) {
        for (kind, words) in self.blocks() {
            // They were written by `write`, so they read.
            let _ = snapshot.read_annex(kind, words);
        }
        snapshot.drop_empty_annexes();
    }
}

impl Mem<'_> {
    /// Writes all annexes of a snapshot, and the blocks for those that may come.
    pub(crate) fn load_annexes(&mut self, policy: &Policy, snapshot: &Snapshot) {
        if self.view().has_no_annex() {
            return;
        }
        let shape = Shape::of(self.head);
        let mut rest = self.body.get_mut(shape.annexes_at()..shape.raw_at()).unwrap_or_default();
        for Block { kind, room, words } in blocks(policy, Some(snapshot)) {
            let Some((first, places)) = rest.split_first_mut() else { break };
            *first = block(kind, room, words.len());
            places.iter_mut().zip(words).for_each(|(place, word)| *place = word);
            rest = places.get_mut(room..).unwrap_or_default();
        }
        self.heed(policy);
    }

    /// Puts an annex where the one of its kind is, or takes it away. Its words fit: the policy said how many they are at most.
    pub(crate) fn put_annex<T: Annex>(&mut self, policy: &Policy, annex: Option<&T>) {
        self.put_words(policy, T::KIND, &annex.map_or_else(Vec::new, words_of));
    }

    fn put_words(&mut self, policy: &Policy, kind: u8, words: &[u64]) {
        let shape = Shape::of(self.head);
        let mut rest = self.body.get_mut(shape.annexes_at()..shape.raw_at()).unwrap_or_default();
        while let Some((first, places)) = rest.split_first_mut() {
            let room = room(*first);
            if low8(*first) == kind {
                debug_assert!(words.len() <= room, "an annex has the room that its policy said");
                *first = block(kind, room, words.len());
                places.iter_mut().zip(words).for_each(|(place, word)| *place = *word);
                break;
            }
            rest = places.get_mut(room..).unwrap_or_default();
        }
        self.heed(policy);
    }

    /// Says whether calls may take the short way.
    fn heed(&mut self, policy: &Policy) {
        let flag = if self.view().heeds(policy) { HEEDED } else { 0 };
        self.head[LAST] = (self.head[LAST] & !HEEDED) | flag;
    }
}
