//! One small sort. The library's is faster on large disorder, at twenty times the code for each type, and the engine is
//! downloaded; what is sorted here is short or in order already.

/// Sorts in place by heaps: `n log n` steps whatever the order, one look at each where they are in order.
pub(crate) fn sort_by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    if items.is_sorted_by_key(&key) {
        return;
    }
    for root in (0..items.len().div_ceil(2)).rev() {
        sift_down(items, root, &key);
    }
    let mut heap = items;
    while let [first, .., last] = heap {
        core::mem::swap(first, last);
        heap = heap.split_last_mut().map_or(&mut [], |(_, rest)| rest);
        sift_down(heap, 0, &key);
    }
}

/// Lets the item at `root` sink below whatever is greater.
fn sift_down<T, K: Ord>(heap: &mut [T], mut root: usize, key: &impl Fn(&T) -> K) {
    loop {
        let left = root.saturating_mul(2).saturating_add(1);
        let at = |place: usize| heap.get(place).map(key);
        let greater = if at(left.saturating_add(1)) > at(left) { left.saturating_add(1) } else { left };
        if at(greater) <= at(root) {
            return;
        }
        heap.swap(root, greater);
        root = greater;
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::sort_by_key;
    use crate::hash::splitmix64;

    #[test]
    fn it_sorts_what_the_library_sorts() {
        for len in 0..80_u64 {
            for (few, seed) in [(3, 1), (1000, 2), (u64::MAX, 3)] {
                let mut items: Vec<u64> = (0..len).map(|i| splitmix64(i ^ (seed << 32)) % few).collect();
                let mut expected = items.clone();
                expected.sort_unstable();
                sort_by_key(&mut items, |item| *item);
                assert_eq!(items, expected);
            }
        }
    }
}
