//! The bulkhead on the page.

use alloc::string::String;
use alloc::vec::Vec;

use crate::bulkhead::by_end;
use crate::gather::gather;
use crate::live::View;
use crate::sort::sort_by_key;

/// The bulkhead of an [`Explanation`](crate::Explanation).
///
/// ```
/// use stanchion::{Acquire, Holder, Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 4}}"#).unwrap();
/// let mut state = policy.new_state(Timestamp::MIN);
/// let _ = policy.acquire(&mut state, Acquire::new().holder(Holder::named("worker-7")), Timestamp::MIN);
/// let bulkhead = policy.explain(&state, Timestamp::MIN).bulkhead.unwrap();
/// assert_eq!((bulkhead.in_flight, bulkhead.holders[0].1), (1, 1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BulkheadExplanation {
    /// Slots that are taken.
    pub in_flight: u32,
    /// How many there are.
    pub max_concurrent: u32,
    /// When the first lease ends that is not given back before.
    pub first_end_us: Option<u64>,
    /// The holders that have slots, as 16 hexadecimal digits of their hash, with how many; at most 32 of them.
    pub holders: Vec<(String, u32)>,
}

impl BulkheadExplanation {
    pub(super) fn new(view: View<'_>, max_concurrent: u32, t: u64) -> Self {
        let mut holders: Vec<(u64, u32)> = Vec::new();
        let (mut in_flight, mut first_end_us) = (0_u32, None);
        let mut leases = gather(by_end(view).filter(|lease| lease.expires_at > t));
        // Equal states say the same, whatever order leases that end at once were taken in.
        sort_by_key(&mut leases, |lease| (lease.expires_at, lease.id));
        for lease in leases {
            in_flight = in_flight.saturating_add(1);
            first_end_us = first_end_us.or(Some(lease.expires_at));
            let has_room = holders.len() < 32;
            if let Some((_, slots)) = holders.iter_mut().find(|(holder, _)| *holder == lease.holder) {
                *slots = slots.saturating_add(1);
            } else if lease.holder != 0 && has_room {
                holders.push((lease.holder, 1));
            }
        }
        let holders = gather(holders.into_iter().map(|(holder, slots)| (alloc::format!("{holder:016x}"), slots)));
        Self { in_flight, max_concurrent, first_end_us, holders }
    }
}
