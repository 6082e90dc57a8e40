//! The lines of a run, taken apart. What a line has beyond what is read here does not matter.

use std::collections::HashMap;
use std::io::{self, BufRead};

use serde_json::{Map, Value};

/// What the lines say, in their order.
#[derive(Default)]
pub(super) struct Log {
    /// How many lines are events.
    pub(super) events: usize,
    /// Lines that are none: their numbers from 1 on, and why.
    pub(super) faults: Vec<(usize, String)>,
    /// The first and the last instant.
    pub(super) span_us: Option<(u64, u64)>,
    /// The policy with all defaults, where a line told it.
    pub(super) policy: Option<Value>,
    /// Hosts, in the order of their first line. The other lists have their places.
    pub(super) hosts: Names,
    /// Gates that refused.
    pub(super) gates: Names,
    /// Requests that came, and those that were answered with that status.
    pub(super) requests: Vec<Count>,
    pub(super) answers: Vec<(Count, u64)>,
    /// Refusals, with the place of the gate that held the call up.
    pub(super) refusals: Vec<(Count, usize)>,
    /// Permits that were given back unused.
    pub(super) cancelled: Vec<Count>,
    /// Permits taken and given back.
    pub(super) permits: Vec<Taken>,
    /// What happened to the circuit, and by whom it was seen.
    pub(super) edges: Vec<Edge>,
    /// Blocks: when they were told, and until when.
    pub(super) blocks: Vec<(u64, u64)>,
    pub(super) unblocked: Vec<u64>,
    /// The phases of the upstream.
    pub(super) phases: Vec<(u64, String)>,
    /// Processes that started and ended.
    pub(super) notes: Vec<(u64, String)>,
    pub(super) samples: Vec<Sample>,
    pub(super) verdicts: Vec<Verdict>,
}

/// One of something: when, and the place of the host.
#[derive(Clone, Copy)]
pub(super) struct Count {
    pub(super) at_us: u64,
    pub(super) host: usize,
}

/// A permit that was taken, or given back.
pub(super) struct Taken {
    pub(super) sequence: u64,
    pub(super) at_us: u64,
    pub(super) permit: String,
    pub(super) is_end: bool,
}

/// An edge of the circuit.
pub(super) struct Edge {
    pub(super) sequence: u64,
    pub(super) at_us: u64,
    pub(super) name: &'static str,
    pub(super) host: usize,
}

/// The store's word at an instant.
pub(super) struct Sample {
    pub(super) at_us: u64,
    pub(super) phase: Option<String>,
    pub(super) in_flight: Option<u64>,
    /// By name: tokens, and the capacity.
    pub(super) limits: Vec<(String, f64, u64)>,
}

/// A law, and whether it held.
pub(super) struct Verdict {
    pub(super) law: String,
    pub(super) allowed: String,
    pub(super) observed: String,
    pub(super) breaches: Vec<String>,
}

/// Names, each with its place.
#[derive(Default)]
pub(super) struct Names {
    pub(super) list: Vec<String>,
    places: HashMap<String, usize>,
}

impl Names {
    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        self.places.insert(name.to_owned(), self.list.len());
        self.list.push(name.to_owned());
        self.list.len() - 1
    }
}

impl Log {
    /// Reads all lines. One that is not an event is noted and left out.
    pub(super) fn read(reader: impl BufRead) -> io::Result<Self> {
        let mut log = Self::default();
        for (place, line) in reader.split(b'\n').enumerate() {
            let line = line?;
            if line.trim_ascii().is_empty() {
                continue;
            }
            let taken = serde_json::from_slice(&line).map_err(|error| format!("not JSON: {error}"));
            if let Err(what) = taken.and_then(|value| log.take(&value)) {
                log.faults.push((place + 1, what));
            }
        }
        Ok(log)
    }

    fn take(&mut self, value: &Value) -> Result<(), String> {
        let line = value.as_object().ok_or("not an object")?;
        let kind = line.get("kind").and_then(Value::as_str).ok_or("no `kind`")?;
        let at_us = line.get("at_us").and_then(Value::as_u64).ok_or("no `at_us` of whole microseconds")?;
        self.events += 1;
        let (first, last) = self.span_us.unwrap_or((at_us, at_us));
        self.span_us = Some((first.min(at_us), last.max(at_us)));
        self.edges_of(line, at_us);
        match kind {
            "run" => self.policy = line.get("policy").cloned(),
            "phase" => self.phases.push((at_us, text(line, "phase"))),
            "sample" | "final" => self.samples.extend(sample(line, at_us)),
            "verdicts" => self.verdicts = verdicts(line),
            _ => self.take_of_host(kind, line, at_us),
        }
        Ok(())
    }

    /// What a host did.
    fn take_of_host(&mut self, kind: &str, line: &Map<String, Value>, at_us: u64) {
        let name = text(line, "host");
        if matches!(kind, "call" | "answer" | "rejected" | "cancelled") {
            let count = Count { at_us, host: self.hosts.place(&name) };
            match kind {
                "call" => self.requests.push(count),
                "answer" => self.answers.push((count, number(line, "status"))),
                "rejected" => self.refusals.push((count, self.gates.place(&text(line, "by")))),
                _ => self.cancelled.push(count),
            }
        }
        match kind {
            "call" | "held" => self.permit(line, at_us, false),
            "cancelled" | "settled" => self.permit(line, at_us, true),
            "blocked" => self.blocks.push((at_us, number(line, "until_us"))),
            "started" => {
                self.hosts.place(&name);
                self.notes.push((at_us, format!("{name} was started")));
            }
            "killed" => {
                let permits = match number(line, "permits") {
                    1 => "1 permit".to_owned(),
                    permits => format!("{permits} permits"),
                };
                self.notes.push((at_us, format!("{name} was killed holding {permits}")));
            }
            "exited" => self.notes.push((at_us, format!("{name} ended, status {}", shown(line.get("status"))))),
            _ => {}
        }
    }

    fn permit(&mut self, line: &Map<String, Value>, at_us: u64, is_end: bool) {
        let (sequence, permit) = (number(line, "sequence"), text(line, "permit"));
        self.permits.push(Taken { sequence, at_us, permit, is_end });
    }

    fn edges_of(&mut self, line: &Map<String, Value>, at_us: u64) {
        let events = line.get("events").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for event in events.iter().filter_map(Value::as_str) {
            if event == "unblocked" {
                self.unblocked.push(at_us);
            }
            let Some(name) = ["opened", "half_opened", "closed"].into_iter().find(|name| *name == event) else {
                continue;
            };
            let host = self.hosts.place(&text(line, "host"));
            self.edges.push(Edge { sequence: number(line, "sequence"), at_us, name, host });
        }
    }
}

/// What `explain` says; nothing where the line has none.
fn sample(line: &Map<String, Value>, at_us: u64) -> Option<Sample> {
    let explain = line.get("explain")?.as_object()?;
    let limits = explain.get("limits").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let limit = |limit: &Value| {
        let thousandths = limit["token_thousandths"].as_f64().unwrap_or(0.0);
        let tokens = limit["tokens"].as_f64()? + thousandths / 1000.0;
        Some((limit["name"].as_str()?.to_owned(), tokens, limit["capacity"].as_u64()?))
    };
    Some(Sample {
        at_us,
        phase: explain.get("circuit").and_then(|circuit| circuit["phase"].as_str()).map(str::to_owned),
        in_flight: explain.get("bulkhead").and_then(|bulkhead| bulkhead["in_flight"].as_u64()),
        limits: limits.iter().filter_map(limit).collect(),
    })
}

fn verdicts(line: &Map<String, Value>) -> Vec<Verdict> {
    let verdicts = line.get("verdicts").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let objects = verdicts.iter().filter_map(Value::as_object);
    let breaches = |verdict: &Map<String, Value>| {
        let breaches = verdict.get("breaches").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        breaches.iter().map(|breach| shown(Some(breach))).collect()
    };
    let verdict = |verdict: &Map<String, Value>| Verdict {
        law: text(verdict, "law"),
        allowed: text(verdict, "allowed"),
        observed: text(verdict, "observed"),
        breaches: breaches(verdict),
    };
    objects.map(verdict).collect()
}

fn text(line: &Map<String, Value>, name: &str) -> String {
    line.get(name).and_then(Value::as_str).unwrap_or("?").to_owned()
}

fn number(line: &Map<String, Value>, name: &str) -> u64 {
    line.get(name).and_then(Value::as_u64).unwrap_or(0)
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => "?".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}
