//! The engine as JavaScript calls it: policies and states behind handles, answers as numbers.
//!
//! A JavaScript call that passes only numbers costs a few nanoseconds; one that passes an object or a string costs
//! many times more. So a [`Raw`] keeps policies and states in slabs, takes handles and numbers, answers with a
//! [`Status`], and leaves the rest of the answer in a [`Slot`] at a fixed address. The WASM build and the Node addon
//! export the same functions over it, and one TypeScript layer serves both. Nothing is decided here.
#![no_std]

extern crate alloc;

mod cold;
mod fault;
mod hot;
mod keys;
pub mod number;
mod slot;
pub mod status;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use stanchion::{InputError, Policy, State};

pub use fault::Fault;
use keys::Rules;
pub use slot::{Slot, permit_of};
pub use status::Status;

/// A permit as its four words.
pub type PermitWords = [u32; 4];

/// A live state and the policy that decides over it.
#[derive(Debug)]
struct Held {
    policy: Arc<Policy>,
    state: State,
}

/// All policies and states of one JavaScript thread.
#[derive(Debug)]
pub struct Raw {
    slot: Slot,
    states: Slab<Held, 32>,
    policies: Slab<Rules, 0>,
    fault: Option<Fault>,
    text: String,
    bytes: Vec<u8>,
}

impl Raw {
    /// No policy and no state yet.
    pub const fn new() -> Self {
        Self {
            slot: Slot::EMPTY,
            states: Slab::new(),
            policies: Slab::new(),
            fault: None,
            text: String::new(),
            bytes: Vec::new(),
        }
    }

    /// The rest of the last answer.
    pub const fn slot(&self) -> &Slot {
        &self.slot
    }

    /// The same, for a binding that has answers of its own to put down (the store's).
    pub fn slot_mut(&mut self) -> &mut Slot {
        &mut self.slot
    }

    /// A part of the last fault, by the numbers of [`Fault::part`].
    #[inline(never)]
    pub fn fault(&self, part: u32) -> Option<&str> {
        self.fault.as_ref().and_then(|fault| fault.part(part))
    }

    /// The text of the last call that answers with one.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bytes of the last call that answers with some.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Keeps a fault for [`Raw::fault`].
    pub fn fail(&mut self, fault: impl Into<Fault>) -> Status {
        self.keep(fault.into())
    }

    fn keep(&mut self, fault: Fault) -> Status {
        self.fault = Some(fault);
        status::FAULT
    }

    /// Keeps a text for [`Raw::text`].
    pub fn say(&mut self, text: String) -> Status {
        self.text = text;
        0
    }

    /// Keeps bytes for [`Raw::bytes`], in memory that is used again.
    pub fn put(&mut self, bytes: &[u8]) -> Status {
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        0
    }

    /// Turns the status of a refused argument into a fault; its text comes from JavaScript, which knows how its numbers
    /// are written.
    #[inline(never)]
    pub fn refuse(&mut self, status: Status, text: &str) -> Status {
        let (field, allowed) = number::refused(status);
        self.fail(InputError::new(field, &text, allowed))
    }

    /// The policy behind a handle.
    ///
    /// # Errors
    /// It was freed, or never was: the fault is kept.
    #[inline(never)]
    pub fn policy(&mut self, policy: u32) -> Result<Arc<Policy>, Status> {
        match self.policies.get(policy) {
            Some(rules) => Ok(Arc::clone(&rules.policy)),
            None => Err(self.freed("policy", policy)),
        }
    }

    #[cold]
    fn freed(&mut self, what: &str, handle: u32) -> Status {
        self.fail(InputError::new(what, &handle, "a handle that was not freed"))
    }
}

impl Default for Raw {
    fn default() -> Self {
        Self::new()
    }
}

/// Things behind handles. A handle is used again only after it was freed. The first `NEAR` lie in the slab itself: in WebAssembly
/// their address is a constant, and a call waits for one load less before it begins.
#[derive(Debug)]
struct Slab<T, const NEAR: usize> {
    near: [Option<T>; NEAR],
    far: Vec<Option<T>>,
    len: usize,
    free: Vec<u32>,
}

impl<T, const NEAR: usize> Slab<T, NEAR> {
    const fn new() -> Self {
        Self { near: [const { None }; NEAR], far: Vec::new(), len: 0, free: Vec::new() }
    }

    #[expect(clippy::inline_always, reason = "measured: each step would pay for a call")]
    #[inline(always)]
    fn place(&mut self, handle: u32) -> Option<&mut Option<T>> {
        let at = handle as usize;
        match self.near.get_mut(at) {
            None => self.far.get_mut(at.wrapping_sub(NEAR)),
            near => near,
        }
    }

    fn get(&self, handle: u32) -> Option<&T> {
        let at = handle as usize;
        let place = if at < NEAR { self.near.get(at) } else { self.far.get(at.wrapping_sub(NEAR)) };
        place.and_then(Option::as_ref)
    }

    #[expect(clippy::inline_always, reason = "measured: each step would pay for a call")]
    #[inline(always)]
    fn get_mut(&mut self, handle: u32) -> Option<&mut T> {
        self.place(handle).and_then(Option::as_mut)
    }

    fn insert(&mut self, item: T) -> u32 {
        let handle = self.free.pop().unwrap_or_else(|| {
            let handle = u32::try_from(self.len).unwrap_or(u32::MAX);
            self.len += 1;
            handle
        });
        match self.place(handle) {
            Some(place) => *place = Some(item),
            None => self.far.push(Some(item)),
        }
        handle
    }

    /// Whether there was one.
    fn remove(&mut self, handle: u32) -> bool {
        let is_there = self.place(handle).is_some_and(|place| place.take().is_some());
        if is_there {
            self.free.push(handle);
        }
        is_there
    }

    /// Removes all that `is_gone` names.
    fn remove_all(&mut self, mut is_gone: impl FnMut(&T) -> bool) {
        for (place, handle) in self.near.iter_mut().chain(&mut self.far).zip(0..) {
            if place.as_ref().is_some_and(&mut is_gone) {
                *place = None;
                self.free.push(handle);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Slab;

    #[test]
    fn a_handle_is_given_again_only_after_it_was_freed() {
        let mut slab = Slab::<char, 2>::new();
        let (a, b) = (slab.insert('a'), slab.insert('b'));
        assert!(slab.remove(a) && !slab.remove(a) && !slab.remove(9));
        assert_eq!((slab.get(a), slab.get(b)), (None, Some(&'b')));
        assert_eq!((slab.insert('c'), slab.insert('d')), (a, 2));
        slab.remove_all(|item| *item != 'b');
        assert_eq!([0, 1, 2].map(|handle| slab.get(handle).copied()), [None, Some('b'), None]);
    }
}
