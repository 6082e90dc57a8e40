//! One small way to a list. The library's foresees how long each will be, with several times the code for each kind of iterator,
//! and the engine is downloaded; what is listed here is short, and nobody waits for it.

use alloc::vec::Vec;

/// All items in a list.
pub(crate) fn gather<T>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut list = Vec::new();
    for item in items {
        list.push(item);
    }
    list
}
