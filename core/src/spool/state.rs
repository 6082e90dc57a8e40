//! What is known of all items of a spool, but not their payloads.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;

use super::{SpoolChange, SpoolItem, SpoolStatus};
use crate::num::{low32, wide};
use crate::time::Timestamp;

/// What is known of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// An item that is there has it.
    Here(u64),
    /// The item that had it is gone since.
    Gone(Timestamp),
}

/// What is known of all items of a spool. Its size is bounded by the policy; payloads lie elsewhere.
///
/// ```
/// use stanchion::{Policy, SpoolAppend, SpoolConfig, SpoolState, Timestamp};
///
/// let rules = Policy::builder("sync").spool(SpoolConfig::new()).build().unwrap().spool().unwrap();
/// let mut state = SpoolState::new(Timestamp::MIN);
/// rules.append(&mut state, &SpoolAppend::new(10), Timestamp::MIN);
/// assert_eq!((state.len(), state.bytes()), (1, 10));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolState {
    last_at: Timestamp,
    last_seq: u64,
    last_lease: u32,
    next_at: Option<Timestamp>,
    paced_until: Option<Timestamp>,
    /// Both by their numbers.
    queue: VecDeque<SpoolItem>,
    dead: VecDeque<SpoolItem>,
    bytes: u64,
    /// How many have the status of being leased, whether or not their leases are over.
    leased: u64,
    ids: BTreeMap<Arc<str>, Known>,
    /// The ids of those that are gone, in the order in which they went.
    gone: VecDeque<(Timestamp, Arc<str>)>,
}

impl SpoolState {
    /// A spool without items. Its leases are numbered from the clock, so that one of a lost spool hardly fits.
    ///
    /// ```
    /// use stanchion::{SpoolState, Timestamp};
    ///
    /// assert!(SpoolState::new(Timestamp::MIN).is_empty());
    /// ```
    pub fn new(now: Timestamp) -> Self {
        Self {
            last_at: now,
            last_seq: 0,
            last_lease: low32(now.as_micros()),
            next_at: None,
            paced_until: None,
            queue: VecDeque::new(),
            dead: VecDeque::new(),
            bytes: 0,
            leased: 0,
            ids: BTreeMap::new(),
            gone: VecDeque::new(),
        }
    }

    /// The same without items, going on from another one's numbers: where a journal begins anew.
    ///
    /// ```
    /// use stanchion::{SpoolState, Timestamp};
    ///
    /// let state = SpoolState::continued(Timestamp::MIN, 7, 9);
    /// assert_eq!((state.last_seq(), state.last_lease()), (7, 9));
    /// ```
    pub fn continued(last_at: Timestamp, last_seq: u64, last_lease: u32) -> Self {
        Self { last_seq, last_lease, ..Self::new(last_at) }
    }

    /// When it changed last.
    ///
    /// ```
    /// use stanchion::{SpoolState, Timestamp};
    ///
    /// assert_eq!(SpoolState::new(Timestamp::MIN).last_at(), Timestamp::MIN);
    /// ```
    pub const fn last_at(&self) -> Timestamp {
        self.last_at
    }

    /// The number of the last item that was accepted; 0 for none.
    ///
    /// ```
    /// use stanchion::{SpoolState, Timestamp};
    ///
    /// assert_eq!(SpoolState::new(Timestamp::MIN).last_seq(), 0);
    /// ```
    pub const fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// The number of the last lease.
    ///
    /// ```
    /// use stanchion::{SpoolState, Timestamp};
    ///
    /// assert_eq!(SpoolState::new(Timestamp::MIN).last_lease(), 1);
    /// ```
    pub const fn last_lease(&self) -> u32 {
        self.last_lease
    }

    /// No item goes out earlier, while there is a pace.
    ///
    /// ```
    /// use stanchion::{SpoolState, Timestamp};
    ///
    /// assert_eq!(SpoolState::new(Timestamp::MIN).next_at(), None);
    /// ```
    pub const fn next_at(&self) -> Option<Timestamp> {
        self.next_at
    }

    /// Until when there is a pace, where one was begun by the closing of the circuit.
    ///
    /// ```
    /// use stanchion::{SpoolState, Timestamp};
    ///
    /// assert_eq!(SpoolState::new(Timestamp::MIN).paced_until(), None);
    /// ```
    pub const fn paced_until(&self) -> Option<Timestamp> {
        self.paced_until
    }

    /// How many items there are, dead letters included.
    ///
    /// ```
    /// use stanchion::{SpoolState, Timestamp};
    ///
    /// assert_eq!(SpoolState::new(Timestamp::MIN).len(), 0);
    /// ```
    pub fn len(&self) -> u64 {
        wide(self.queue.len()).saturating_add(wide(self.dead.len()))
    }

    /// Whether there is none.
    ///
    /// ```
    /// use stanchion::{SpoolState, Timestamp};
    ///
    /// assert!(SpoolState::new(Timestamp::MIN).is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of all payloads.
    ///
    /// ```
    /// use stanchion::{SpoolState, Timestamp};
    ///
    /// assert_eq!(SpoolState::new(Timestamp::MIN).bytes(), 0);
    /// ```
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Those that wait or are being delivered, in their order.
    ///
    /// ```
    /// use stanchion::{SpoolState, Timestamp};
    ///
    /// assert_eq!(SpoolState::new(Timestamp::MIN).items().len(), 0);
    /// ```
    pub fn items(&self) -> impl ExactSizeIterator<Item = &SpoolItem> {
        self.queue.iter()
    }

    /// The dead letters, in the order of their acceptance.
    ///
    /// ```
    /// use stanchion::{SpoolState, Timestamp};
    ///
    /// assert_eq!(SpoolState::new(Timestamp::MIN).dead_letters().len(), 0);
    /// ```
    pub fn dead_letters(&self) -> impl ExactSizeIterator<Item = &SpoolItem> {
        self.dead.iter()
    }

    /// The ids that are known of items that are gone, and since when, the oldest first.
    ///
    /// ```
    /// use stanchion::{SpoolState, Timestamp};
    ///
    /// assert_eq!(SpoolState::new(Timestamp::MIN).known_ids().len(), 0);
    /// ```
    pub fn known_ids(&self) -> impl ExactSizeIterator<Item = (&str, Timestamp)> {
        self.gone.iter().map(|(at, id)| (id.as_ref(), *at))
    }

    /// The item of that number, wherever it stands.
    ///
    /// ```
    /// use stanchion::{SpoolState, Timestamp};
    ///
    /// assert_eq!(SpoolState::new(Timestamp::MIN).item(1), None);
    /// ```
    pub fn item(&self, seq: u64) -> Option<&SpoolItem> {
        let found = |list: &VecDeque<SpoolItem>| list.binary_search_by_key(&seq, |item| item.seq);
        match found(&self.queue) {
            Ok(at) => self.queue.get(at),
            Err(_) => self.dead.get(found(&self.dead).ok()?),
        }
    }

    /// The changes that make this state of [`continued`](Self::continued), each with its time: how a journal begins anew.
    ///
    /// ```
    /// use stanchion::{Policy, SpoolAppend, SpoolConfig, SpoolState, Timestamp};
    ///
    /// let rules = Policy::builder("sync").spool(SpoolConfig::new()).build().unwrap().spool().unwrap();
    /// let mut state = SpoolState::new(Timestamp::MIN);
    /// rules.append(&mut state, &SpoolAppend::new(10), Timestamp::MIN);
    /// let mut again = SpoolState::continued(state.last_at(), state.last_seq(), state.last_lease());
    /// state.changes().for_each(|(at, change)| again.apply(&change, at));
    /// assert_eq!(again, state);
    /// ```
    pub fn changes(&self) -> impl Iterator<Item = (Timestamp, SpoolChange)> {
        let known = self.gone.iter().map(|(at, id)| (*at, SpoolChange::Known { id: Arc::clone(id) }));
        let items = self.queue.iter().chain(&self.dead).map(|item| SpoolChange::Item(item.clone()));
        let pace = SpoolChange::Pace { next_at: self.next_at, until: self.paced_until };
        known.chain(items.chain([pace]).map(|change| (self.last_at, change)))
    }

    /// What an id is known by.
    pub(super) fn known(&self, id: &str) -> Option<Known> {
        self.ids.get(id).copied()
    }

    /// The one that somebody delivers, of several the one that is held longest.
    pub(super) fn held(&self, t: Timestamp) -> Option<&SpoolItem> {
        if self.leased == 0 {
            return None;
        }
        self.queue.iter().filter(|item| item.is_held(t)).max_by_key(|item| item.at)
    }

    /// Makes a change that a step told, at the step's time.
    ///
    /// ```
    /// use stanchion::{SpoolChange, SpoolItem, SpoolState, Timestamp};
    ///
    /// let mut state = SpoolState::new(Timestamp::MIN);
    /// state.apply(&SpoolChange::Item(SpoolItem::new(1, 10, Timestamp::MIN)), Timestamp::MIN);
    /// assert_eq!(state.item(1).map(|item| item.bytes), Some(10));
    /// ```
    pub fn apply(&mut self, change: &SpoolChange, at: Timestamp) {
        match change {
            SpoolChange::Item(item) => {
                drop(self.take(item.seq));
                self.put(item.clone());
            }
            SpoolChange::Gone { seq, is_known } => {
                if let Some(id) = self.take(*seq).and_then(|item| item.id).filter(|_| *is_known) {
                    self.know(id, at);
                }
            }
            SpoolChange::Known { id } => self.know(Arc::clone(id), at),
            SpoolChange::Pace { next_at, until } => (self.next_at, self.paced_until) = (*next_at, *until),
            SpoolChange::ClockStepped { by_us } => self.step_back(*by_us),
        }
        self.last_at = at;
    }

    fn put(&mut self, item: SpoolItem) {
        self.last_seq = self.last_seq.max(item.seq);
        if item.status == SpoolStatus::Leased {
            self.leased = self.leased.saturating_add(1);
            // Numbers of leases go round; the newer one is less than half way ahead.
            if item.lease.wrapping_sub(self.last_lease) <= u32::MAX >> 1 {
                self.last_lease = item.lease;
            }
        }
        self.bytes = self.bytes.saturating_add(item.bytes);
        if let Some(id) = &item.id {
            self.ids.insert(Arc::clone(id), Known::Here(item.seq));
        }
        let list = if item.is_dead() { &mut self.dead } else { &mut self.queue };
        let place = list.partition_point(|other| other.seq < item.seq);
        list.insert(place, item);
    }

    fn take(&mut self, seq: u64) -> Option<SpoolItem> {
        let list = match self.queue.binary_search_by_key(&seq, |item| item.seq) {
            Ok(_) => &mut self.queue,
            Err(_) => &mut self.dead,
        };
        let item = list.remove(list.binary_search_by_key(&seq, |item| item.seq).ok()?)?;
        self.bytes = self.bytes.saturating_sub(item.bytes);
        self.leased = self.leased.saturating_sub(u64::from(item.status == SpoolStatus::Leased));
        if let Some(id) = &item.id {
            self.ids.remove(id);
        }
        Some(item)
    }

    /// Knows an id of an item that is gone.
    pub(super) fn know(&mut self, id: Arc<str>, at: Timestamp) {
        self.ids.insert(Arc::clone(&id), Known::Gone(at));
        self.gone.push_back((at, id));
    }

    /// Forgets the ids of items that are gone for so long, and the oldest of too many. No change tells it: every reader sees it
    /// by himself.
    pub(super) fn forget(&mut self, t: Timestamp, window_us: u64, capacity: u64) {
        while let Some((at, id)) = self.gone.front() {
            let is_over = t.as_micros().saturating_sub(at.as_micros()) >= window_us;
            if !is_over && wide(self.gone.len()) <= capacity {
                break;
            }
            // An item of the same id may have come and be there since.
            if self.ids.get(id) == Some(&Known::Gone(*at)) {
                self.ids.remove(id);
            }
            self.gone.pop_front();
        }
    }

    fn step_back(&mut self, by_us: u64) {
        let back = |at: &mut Timestamp| *at = Timestamp::clamped(at.as_micros().saturating_sub(by_us));
        for item in self.queue.iter_mut().chain(&mut self.dead) {
            back(&mut item.since);
            back(&mut item.at);
        }
        self.next_at.iter_mut().chain(&mut self.paced_until).for_each(back);
        self.gone.iter_mut().for_each(|(at, _)| back(at));
        for known in self.ids.values_mut() {
            if let Known::Gone(at) = known {
                back(at);
            }
        }
    }
}
