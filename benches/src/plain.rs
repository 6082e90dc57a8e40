//! The floor: what somebody would write by hand for one place, with the same three gates, in integers, time passed in.

/// A consecutive breaker, a token bucket and a counter of running calls in one struct.
#[derive(Debug)]
pub struct Plain {
    consecutive_failures: u32,
    open_until_us: u64,
    level: u64,
    refilled_at_us: u64,
    running: u32,
}

const THRESHOLD: u32 = 5;
const OPEN_US: u64 = 30_000_000;
/// Tokens, of which one comes back each microsecond.
const CAPACITY: u64 = 1_000_000;
const MAX_RUNNING: u32 = 64;

impl Plain {
    /// Closed, full and idle.
    pub fn new(now_us: u64) -> Self {
        Self { consecutive_failures: 0, open_until_us: 0, level: CAPACITY, refilled_at_us: now_us, running: 0 }
    }

    /// Whether a call may go ahead; takes a token and a place if so. Out of line, as a library's function is.
    #[inline(never)]
    pub fn acquire(&mut self, cost: u64, now_us: u64) -> bool {
        let level = CAPACITY.min(self.level + now_us.saturating_sub(self.refilled_at_us));
        if now_us < self.open_until_us || level < cost || self.running >= MAX_RUNNING {
            return false;
        }
        self.level = level - cost;
        self.refilled_at_us = now_us;
        self.running += 1;
        true
    }

    /// Takes the result of a call in.
    #[inline(never)]
    pub fn settle(&mut self, is_success: bool, now_us: u64) {
        self.running = self.running.saturating_sub(1);
        if is_success {
            self.consecutive_failures = 0;
            return;
        }
        self.consecutive_failures += 1;
        if self.consecutive_failures >= THRESHOLD {
            self.consecutive_failures = 0;
            self.open_until_us = now_us + OPEN_US;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn does_the_work_that_it_stands_for() {
        let mut plain = Plain::new(1);
        assert!(!plain.acquire(CAPACITY + 1, 1), "more than the bucket holds");
        for _ in 0..MAX_RUNNING {
            assert!(plain.acquire(1, 1));
        }
        assert!(!plain.acquire(1, 1), "no place left");
        for _ in 0..THRESHOLD {
            plain.settle(false, 2);
        }
        assert!(!plain.acquire(1, 1 + OPEN_US), "still open");
        assert!(plain.acquire(1, 2 + OPEN_US));
    }
}
