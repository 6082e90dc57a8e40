//! The floor: what somebody would write by hand for one place, with the same three gates, in integers, time passed in.

/// A consecutive breaker, a token bucket and a counter of running calls in one struct, settings included.
#[derive(Debug)]
pub struct Plain {
    threshold: u32,
    open_us: u64,
    /// In units, of which `units_per_us` come back each microsecond.
    capacity: u64,
    units_per_token: u64,
    units_per_us: u64,
    max_running: u32,

    consecutive_failures: u32,
    open_until_us: u64,
    level: u64,
    refilled_at_us: u64,
    running: u32,
}

impl Plain {
    /// Closed, full and idle, with the settings of the whole gate that it is compared with.
    pub fn new(now_us: u64) -> Self {
        Self {
            threshold: 5,
            open_us: 30_000_000,
            capacity: 1_000_000,
            units_per_token: 1,
            units_per_us: 1,
            max_running: 64,
            consecutive_failures: 0,
            open_until_us: 0,
            level: 1_000_000,
            refilled_at_us: now_us,
            running: 0,
        }
    }

    /// Whether a call may go ahead; takes its tokens and a place if so. Out of line, as a library's function is.
    #[inline(never)]
    pub fn acquire(&mut self, cost: u64, now_us: u64) -> bool {
        let elapsed_us = now_us.saturating_sub(self.refilled_at_us);
        let level = self.capacity.min(self.level + elapsed_us * self.units_per_us);
        let taken = cost * self.units_per_token;
        if now_us < self.open_until_us || level < taken || self.running >= self.max_running {
            return false;
        }
        self.level = level - taken;
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
        if self.consecutive_failures >= self.threshold {
            self.consecutive_failures = 0;
            self.open_until_us = now_us + self.open_us;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn does_the_work_that_it_stands_for() {
        let mut plain = Plain::new(1);
        assert!(!plain.acquire(1_000_001, 1), "more than the bucket holds");
        for _ in 0..64 {
            assert!(plain.acquire(1, 1));
        }
        assert!(!plain.acquire(1, 1), "no place left");
        for _ in 0..5 {
            plain.settle(false, 2);
        }
        assert!(!plain.acquire(1, 1 + 30_000_000), "still open");
        assert!(plain.acquire(1, 2 + 30_000_000));
    }
}
