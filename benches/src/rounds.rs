//! Interleaved rounds: every contestant runs in every round, so that what disturbs the machine disturbs all of them.

use std::time::Instant;

/// Something that runs so many times.
pub struct Contestant<'a> {
    /// What it is called in the table.
    pub name: String,
    /// Runs it so many times.
    pub run: Box<dyn FnMut(u32) + 'a>,
}

impl<'a> Contestant<'a> {
    /// One that runs `once` in a loop.
    pub fn new<T>(name: &str, mut once: impl FnMut() -> T + 'a) -> Self {
        let run = move |times: u32| {
            for _ in 0..times {
                std::hint::black_box(once());
            }
        };
        Self { name: name.to_owned(), run: Box::new(run) }
    }
}

/// The median time of one run of each contestant, in nanoseconds, over `rounds` rounds of `times` runs.
pub fn medians_ns(contestants: &mut [Contestant<'_>], rounds: usize, times: u32) -> Vec<f64> {
    let mut samples = vec![Vec::with_capacity(rounds); contestants.len()];
    for _ in 0..rounds {
        for (contestant, kept) in contestants.iter_mut().zip(&mut samples) {
            (contestant.run)(times / 10);
            let started = Instant::now();
            (contestant.run)(times);
            kept.push(started.elapsed().as_secs_f64() * 1e9 / f64::from(times));
        }
    }
    samples.into_iter().map(median).collect()
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median(vec![9.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn all_run_equally_often() {
        let (a, b) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
        let mut both = [Contestant::new("a", || a.set(a.get() + 1)), Contestant::new("b", || b.set(b.get() + 1))];
        assert_eq!(medians_ns(&mut both, 3, 100).len(), 2);
        drop(both);
        assert_eq!((a.get(), b.get()), (330, 330));
    }
}
