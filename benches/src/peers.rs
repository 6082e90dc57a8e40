//! The libraries that people use today, each doing what it can of the same call. They read their own clock unless said.

use std::num::NonZeroU32;
use std::time::Duration;

use failsafe::CircuitBreaker as _;
use governor::clock::FakeRelativeClock;
use governor::{Quota, RateLimiter};

use crate::rounds::Contestant;

/// One contestant for each library.
///
/// # Panics
/// Never: the settings are constants that these libraries accept.
pub fn contestants<'a>() -> Vec<Contestant<'a>> {
    vec![
        failsafe_breaker(),
        recloser_breaker(),
        governor_limit("governor: limit", governor::clock::DefaultClock::default()),
        governor_limit("governor: limit, time passed in", FakeRelativeClock::default()),
        tokio_semaphore(),
    ]
}

fn failsafe_breaker<'a>() -> Contestant<'a> {
    let backoff = failsafe::backoff::constant(Duration::from_secs(30));
    let policy = failsafe::failure_policy::consecutive_failures(5, backoff);
    let breaker = failsafe::Config::new().failure_policy(policy).build();
    Contestant::new("failsafe: breaker", move || breaker.call(|| Ok::<(), ()>(())).is_ok())
}

fn recloser_breaker<'a>() -> Contestant<'a> {
    let breaker = recloser::Recloser::custom().error_rate(0.5).closed_len(100).build();
    Contestant::new("recloser: breaker", move || breaker.call(|| Ok::<(), ()>(())).is_ok())
}

/// A quota that a loop never uses up.
#[expect(clippy::unwrap_used, reason = "a constant above zero")]
fn governor_limit<'a, C>(name: &str, clock: C) -> Contestant<'a>
where
    C: governor::clock::Clock + 'a,
{
    let many = NonZeroU32::new(1_000_000_000).unwrap();
    let limiter = RateLimiter::direct_with_clock(Quota::per_second(many), clock);
    Contestant::new(name, move || limiter.check().is_ok())
}

fn tokio_semaphore<'a>() -> Contestant<'a> {
    let places = tokio::sync::Semaphore::new(64);
    Contestant::new("tokio: semaphore", move || places.try_acquire().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them_run() {
        for mut peer in contestants() {
            (peer.run)(1_000);
        }
    }
}
