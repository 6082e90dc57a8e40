//! One small sort. The library's is faster on large disorder, at twenty times the code for each type, and the engine is
//! downloaded; what is sorted here is short or in order already.

/// Sorts in place by heaps: `n log n` steps whatever the order, one look at each where they are in order.
pub(crate) fn sort_by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    let len = items.len();
    sort(&mut Keyed { items, key }, len);
}

/// Items of whatever type and order. Only this little is made for each of them.
trait Sortable {
    /// Whether the item at `a` is less than the one at `b`; one that is not there is less than any.
    fn is_less(&self, a: usize, b: usize) -> bool;
    fn swap(&mut self, a: usize, b: usize);
}

struct Keyed<'a, T, F> {
    items: &'a mut [T],
    key: F,
}

impl<T, K: Ord, F: Fn(&T) -> K> Sortable for Keyed<'_, T, F> {
    fn is_less(&self, a: usize, b: usize) -> bool {
        self.items.get(a).map(&self.key) < self.items.get(b).map(&self.key)
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.items.swap(a, b);
    }
}

fn sort(items: &mut dyn Sortable, len: usize) {
    if (1..len).all(|i| !items.is_less(i, i.saturating_sub(1))) {
        return;
    }
    for root in (0..len.div_ceil(2)).rev() {
        sift_down(items, len, root);
    }
    for last in (1..len).rev() {
        items.swap(0, last);
        sift_down(items, last, 0);
    }
}

/// Lets the item at `root` sink below whatever is greater, in a heap of the first `len`.
fn sift_down(items: &mut dyn Sortable, len: usize, mut root: usize) {
    loop {
        let left = root.saturating_mul(2).saturating_add(1);
        let right = left.saturating_add(1);
        let greater = if right < len && items.is_less(left, right) { right } else { left };
        if greater >= len || !items.is_less(root, greater) {
            return;
        }
        items.swap(root, greater);
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
