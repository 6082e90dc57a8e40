//! What the lines come to: counts in steps of time, bands, levels.

use std::collections::HashMap;

use super::read::{Count, Log, Sample, Taken, Verdict};

/// A run as the page shows it. Instants are seconds from its first event.
pub(super) struct Run<'a> {
    pub(super) name: String,
    pub(super) begin_us: u64,
    end_us: u64,
    pub(super) events: usize,
    pub(super) left_out: usize,
    pub(super) steps: Steps,
    pub(super) hosts: Vec<Host<'a>>,
    /// The classes of answers that came, most welcome first.
    pub(super) classes: Vec<Class>,
    /// For each gate that refused: its name, and refusals in each step. In the order of the gates.
    pub(super) gates: Vec<(&'a str, Vec<u32>)>,
    pub(super) upstream: Vec<Band>,
    pub(super) circuit: Vec<Band>,
    pub(super) blocked: Vec<Band>,
    pub(super) limits: Vec<Level<'a>>,
    /// The most calls at once in each step, where permits were told.
    pub(super) in_flight: Vec<u32>,
    pub(super) max_concurrent: Option<u64>,
    pub(super) notes: Vec<(f64, String)>,
    pub(super) verdicts: &'a [Verdict],
}

/// Equal steps of time that cover the run; the last one ends with it, and may be a little longer or shorter.
#[derive(Clone, Copy)]
pub(super) struct Steps {
    each_us: u64,
    pub(super) count: usize,
    span_us: u64,
}

/// What one host asked, and how it was answered.
pub(super) struct Host<'a> {
    pub(super) name: &'a str,
    pub(super) requests: usize,
    pub(super) cancelled: usize,
    pub(super) refused: usize,
    /// Answers of each class that came, in each step.
    pub(super) answers: Vec<Vec<u32>>,
}

/// How a request was answered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Class {
    Ok,
    Client,
    Throttled,
    Server,
    None,
}

impl Class {
    fn of(status: u64) -> Self {
        match status {
            0 => Self::None,
            429 => Self::Throttled,
            400..=499 => Self::Client,
            500.. => Self::Server,
            _ => Self::Ok,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Client => "4xx",
            Self::Throttled => "429",
            Self::Server => "5xx",
            Self::None => "no answer",
        }
    }
}

/// A stretch of time in which something was so.
#[derive(Debug, PartialEq, Clone)]
pub(super) struct Band {
    pub(super) from_s: f64,
    pub(super) to_s: f64,
    pub(super) what: String,
    /// Who saw it begin, where that is known.
    pub(super) by: Option<String>,
}

/// The level of a limit at each sample.
pub(super) struct Level<'a> {
    pub(super) name: &'a str,
    pub(super) capacity: u64,
    pub(super) points: Vec<(f64, f64)>,
}

/// A chart has room for about so many steps.
const MOST_STEPS: u64 = 60;
/// What people count time in, in ms. Longer runs take multiples of the last.
const NICE_MS: [u64; 13] =
    [500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000];

impl Steps {
    fn over(span_us: u64) -> Self {
        let least_us = span_us.div_ceil(MOST_STEPS);
        let nice = NICE_MS.iter().map(|ms| ms * 1000).find(|each_us| *each_us >= least_us);
        let hour_us = 3_600_000_000;
        let each_us = nice.unwrap_or_else(|| least_us.div_ceil(hour_us) * hour_us);
        // A rest of less than a third belongs to the step before it.
        let count = ((span_us + each_us * 2 / 3) / each_us).max(1);
        // An event at one instant only still has a width.
        Self { each_us, count: usize::try_from(count).unwrap_or(usize::MAX), span_us: span_us.max(1000) }
    }

    /// How long the run is, in seconds.
    pub(super) fn end_s(self) -> f64 {
        seconds(self.span_us)
    }

    /// How long a step is, in seconds.
    pub(super) fn each_s(self) -> f64 {
        seconds(self.each_us)
    }

    /// The step that an instant falls into.
    fn place(self, since_us: u64) -> usize {
        usize::try_from(since_us / self.each_us).unwrap_or(usize::MAX).min(self.count - 1)
    }

    /// From when to when a step lasts, in seconds.
    pub(super) fn seconds(self, place: usize) -> (f64, f64) {
        let at = |place: usize| self.each_s() * f64::from(u32::try_from(place).unwrap_or(u32::MAX));
        (at(place), if place + 1 >= self.count { self.end_s() } else { at(place + 1) })
    }
}

impl<'a> Run<'a> {
    /// What the lines come to; `None` where there are none.
    pub(super) fn of(log: &'a Log) -> Option<Self> {
        let (begin_us, end_us) = log.span_us?;
        let steps = Steps::over(end_us - begin_us);
        let mut classes: Vec<Class> = log.answers.iter().map(|(_, status)| Class::of(*status)).collect();
        classes.sort_unstable();
        classes.dedup();
        let from_policy = |path| log.policy.as_ref().and_then(|policy| policy.pointer(path));
        let number = |path| from_policy(path).and_then(serde_json::Value::as_u64);
        let lease_us = number("/bulkhead/lease_ms").map_or(u64::MAX, |ms| ms.saturating_mul(1000));
        let mut run = Self {
            name: from_policy("/name").and_then(|name| name.as_str()).unwrap_or("a run").to_owned(),
            begin_us,
            end_us,
            events: log.events,
            left_out: log.faults.len(),
            steps,
            hosts: Vec::new(),
            gates: Vec::new(),
            upstream: Vec::new(),
            circuit: Vec::new(),
            blocked: Vec::new(),
            limits: Vec::new(),
            in_flight: in_flight(&log.permits, steps, begin_us, lease_us),
            max_concurrent: number("/bulkhead/max_concurrent"),
            notes: log.notes.iter().map(|(at_us, text)| (seconds(at_us - begin_us), text.clone())).collect(),
            verdicts: &log.verdicts,
            classes,
        };
        if run.in_flight.is_empty() {
            run.in_flight = sampled(&log.samples, steps, begin_us);
        }
        run.count(log);
        run.band(log);
        run.limits = levels(&log.samples, begin_us);
        Some(run)
    }

    /// How long it lasted.
    pub(super) fn seconds(&self) -> f64 {
        self.steps.end_s()
    }

    fn count(&mut self, log: &'a Log) {
        let place = |count: &Count| self.steps.place(count.at_us - self.begin_us);
        let empty = vec![0; self.steps.count];
        let hosts = log.hosts.list.iter().enumerate().map(|(host, name)| {
            let of = |counts: &[Count]| counts.iter().filter(|count| count.host == host).count();
            let refused = log.refusals.iter().filter(|(count, _)| count.host == host).count();
            let answers = vec![empty.clone(); self.classes.len()];
            Host { name, requests: of(&log.requests), cancelled: of(&log.cancelled), refused, answers }
        });
        self.hosts = hosts.collect();
        for (count, status) in &log.answers {
            let class = self.classes.iter().position(|class| *class == Class::of(*status));
            if let Some(class) = class {
                self.hosts[count.host].answers[class][place(count)] += 1;
            }
        }
        self.gates = log.gates.list.iter().map(|name| (name.as_str(), empty.clone())).collect();
        for (count, gate) in &log.refusals {
            self.gates[*gate].1[place(count)] += 1;
        }
        let rank =
            |name: &str| ["circuit", "block", "limit", "bulkhead"].iter().position(|gate| name.starts_with(gate));
        self.gates.sort_by_key(|(name, _)| (rank(name).unwrap_or(usize::MAX), *name));
    }

    fn band(&mut self, log: &Log) {
        let at = |at_us: u64| seconds(at_us.clamp(self.begin_us, self.end_us) - self.begin_us);
        let phases = log.phases.iter().map(|(at_us, phase)| (at(*at_us), phase.clone(), None)).collect();
        self.upstream = bands(phases, self.seconds());

        self.circuit = bands(circuit(log, at), self.seconds());
        self.blocked = blocked(log, at);
    }
}

/// The phases of the circuit, each with the host that saw it begin.
fn circuit(log: &Log, at: impl Fn(u64) -> f64) -> Vec<(f64, String, Option<String>)> {
    let mut edges: Vec<_> = log.edges.iter().collect();
    edges.sort_by_key(|edge| (edge.sequence, edge.at_us));
    // Before its first edge a circuit was what that edge ends; without one it is what the store said.
    let first = match edges.first().map(|edge| edge.name) {
        Some("opened") => Some("closed".to_owned()),
        Some("half_opened") => Some("open".to_owned()),
        Some(_) => Some("half-open".to_owned()),
        None => log.samples.iter().find_map(|sample| sample.phase.as_ref()).map(|phase| phase.replace('_', "-")),
    };
    let mut phases: Vec<_> = first.into_iter().map(|phase| (0.0, phase, None)).collect();
    // Clocks of hosts differ a little; the writes are in order.
    let mut latest_s = 0.0_f64;
    for edge in edges {
        latest_s = latest_s.max(at(edge.at_us));
        let phase = match edge.name {
            "opened" => "open",
            "half_opened" => "half-open",
            _ => "closed",
        };
        phases.push((latest_s, phase.to_owned(), log.hosts.list.get(edge.host).cloned()));
    }
    phases
}

/// Each lasts until the next begins, the last to the end.
fn bands(starts: Vec<(f64, String, Option<String>)>, end_s: f64) -> Vec<Band> {
    let until: Vec<f64> = starts.iter().skip(1).map(|(from_s, ..)| *from_s).chain([end_s]).collect();
    let bands = starts.into_iter().zip(until);
    bands.map(|((from_s, what, by), to_s)| Band { from_s, to_s: to_s.max(from_s), what, by }).collect()
}

/// When everybody was to wait: a later end wins, an operator can lift it.
fn blocked(log: &Log, at: impl Fn(u64) -> f64) -> Vec<Band> {
    let mut blocks = log.blocks.clone();
    blocks.sort_unstable();
    let mut bands: Vec<Band> = Vec::new();
    for (from_us, until_us) in blocks {
        let lifted = log.unblocked.iter().copied().filter(|at_us| *at_us >= from_us).min();
        let (from_s, to_s) = (at(from_us), at(until_us.min(lifted.unwrap_or(u64::MAX))));
        match bands.last_mut() {
            Some(last) if last.to_s >= from_s => last.to_s = last.to_s.max(to_s),
            _ if to_s > from_s => bands.push(Band { from_s, to_s, what: "blocked".to_owned(), by: None }),
            _ => {}
        }
    }
    bands
}

/// The most permits at once in each step, in the order of the writes. What nobody gave back ends with its lease.
fn in_flight(permits: &[Taken], steps: Steps, begin_us: u64, lease_us: u64) -> Vec<u32> {
    let mut order: Vec<&Taken> = permits.iter().collect();
    order.sort_by_key(|taken| (taken.sequence, taken.at_us));
    let mut live: HashMap<&str, u64> = HashMap::new();
    let mut most = vec![None; steps.count];
    let (mut reached, mut t) = (0, begin_us);
    let count = |live: &HashMap<&str, u64>| u32::try_from(live.len()).unwrap_or(u32::MAX);
    for taken in order {
        t = t.max(taken.at_us);
        let place = steps.place(t - begin_us);
        // Steps that begin meanwhile begin with what is held then.
        while reached < place {
            reached += 1;
            let start_us = begin_us + steps.each_us * u64::try_from(reached).unwrap_or(u64::MAX);
            live.retain(|_, end_us| *end_us > start_us);
            most[reached] = Some(count(&live));
        }
        live.retain(|_, end_us| *end_us > t);
        if taken.is_end {
            live.remove(taken.permit.as_str());
        } else {
            live.entry(&taken.permit).or_insert(t.saturating_add(lease_us));
        }
        most[place] = most[place].max(Some(count(&live)));
    }
    if permits.is_empty() { Vec::new() } else { most.into_iter().map(Option::unwrap_or_default).collect() }
}

/// The same by the store's samples, where no permits were told.
fn sampled(samples: &[Sample], steps: Steps, begin_us: u64) -> Vec<u32> {
    let mut most = vec![0; steps.count];
    let mut has_any = false;
    for (sample, in_flight) in samples.iter().filter_map(|sample| Some((sample, sample.in_flight?))) {
        let place = &mut most[steps.place(sample.at_us - begin_us)];
        *place = (*place).max(u32::try_from(in_flight).unwrap_or(u32::MAX));
        has_any = true;
    }
    if has_any { most } else { Vec::new() }
}

fn levels(samples: &[Sample], begin_us: u64) -> Vec<Level<'_>> {
    let mut levels: Vec<Level<'_>> = Vec::new();
    for sample in samples {
        for (name, tokens, capacity) in &sample.limits {
            let point = (seconds(sample.at_us - begin_us), *tokens);
            match levels.iter_mut().find(|level| level.name == name) {
                Some(level) => level.points.push(point),
                None => levels.push(Level { name, capacity: *capacity, points: vec![point] }),
            }
        }
    }
    levels
}

/// Microseconds as seconds, for people: a run is no longer than 2^52 µs, so nothing is lost.
#[expect(clippy::cast_precision_loss, reason = "below 2^53")]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}
