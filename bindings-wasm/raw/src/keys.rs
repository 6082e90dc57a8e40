//! Many keys of one policy: their states are packed, but for a few that live, where the hot calls work on them. JavaScript says
//! which; it knows the number of each name.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use stanchion::{Packer, Policy};

use crate::{Held, Raw, Status, number};

/// So many keys of a policy should live at once, where their states are small.
const MOST_LIVE: usize = 256;
/// So many words should their states take, where they are not.
const LIVE_WORDS: usize = 8192;
/// The number that no key has.
const NO_KEY: u32 = u32::MAX;

/// A policy, and what is packed of its keys.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) policy: Arc<Policy>,
    packer: Option<Packer>,
    /// By number of the key; nothing where its state lives, or is new.
    packed: Vec<Box<[u8]>>,
}

impl Rules {
    pub(crate) const fn new(policy: Arc<Policy>) -> Self {
        Self { policy, packer: None, packed: Vec::new() }
    }
}

impl Raw {
    /// Packs the live state of the key `leaving`, and makes it that of the key `entering`: as it was packed, or a new one. The number
    /// `0xFFFF_FFFF` stands for none. `value` is how many keys should live at once.
    #[inline(never)]
    pub fn key_swap(&mut self, policy: u32, state: u32, leaving: u32, entering: u32, now_us: f64) -> Status {
        let now = match number::instant(now_us) {
            Ok(now) => now,
            Err(status) => return status,
        };
        let (Some(rules), Some(Held { state, .. })) = (self.policies.get_mut(policy), self.states.get_mut(state))
        else {
            return self.freed("state", state);
        };
        let Rules { policy, packer, packed } = rules;
        let packer = packer.get_or_insert_with(|| Packer::new(policy, now));
        if leaving != NO_KEY {
            let at = leaving as usize;
            if at >= packed.len() {
                packed.resize_with(at + 1, Box::default);
            }
            let mut bytes = Vec::new();
            packer.pack(state, &mut bytes);
            packed[at] = bytes.into();
        }
        match packed.get_mut(entering as usize).map(core::mem::take) {
            Some(bytes) if !bytes.is_empty() => packer.unpack(&bytes, state),
            _ if entering == NO_KEY => {}
            _ => *state = policy.new_state(now),
        }
        let places = (LIVE_WORDS / policy.state_words()).clamp(1, MOST_LIVE);
        self.number(places as u64)
    }
}
