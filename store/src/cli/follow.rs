//! `stanchion follow`: looks again and again, and prints what changed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use stanchion::{Explanation, Mode, Phase, Policy, Snapshot, Timestamp};
use stanchion_store::{Record, Store};

use crate::args::{Args, Command, Flag, JSON, OK, POLICY};
use crate::files;
use crate::output::{Failure, print, tell};
use crate::values;

const EVERY: Flag = Flag { name: "--every", value: Some("SPAN"), says: "how often it looks: 1s where not said" };
const FOR: Flag =
    Flag { name: "--for", value: Some("SPAN"), says: "ends after so long; else it goes on until it is stopped" };

pub(crate) const FOLLOW: Command = Command {
    name: "follow",
    words: &["FILE", "[KEY]"],
    must: &[],
    may: &[&POLICY, &EVERY, &FOR, &JSON],
    line: "looks again and again, prints what changed",
    text: "\
Prints a line for each key of FILE (or for KEY alone) and then one whenever something in it has
changed: the circuit, failures, tokens, slots, a block. With the policy that uses KEY it also
prints what time alone brings (open to half-open, the end of a block) and what the gates say.
Takes no lock, so it holds nobody up; what came and went between two looks is not seen.

With --json each line is a JSON object: `at_us`, `key`, `sequence` (null: the key is gone),
`changed` (the names of what did) and `facts`.

examples:
  stanchion follow /var/lib/app/state
  stanchion follow /var/lib/app/state billing-api --policy billing-api.json --every 200ms
",
    run: follow,
};

fn follow(args: &Args) -> Result<u8, Failure> {
    let every = values::span(args, &EVERY)?.unwrap_or(Duration::from_secs(1));
    let span = values::span(args, &FOR)?;
    let only = args.word(1).map(|_| args.text(1)).transpose()?;
    if args.has(&POLICY) && only.is_none() {
        return Err(args.usage("KEY is missing: --policy says what one key means"));
    }
    let policy = args.path_of(&POLICY).map(|path| files::policy(&path)).transpose()?;
    let store = files::reader(args.path(0))?;
    let mut watch = Watch { store, only, policy, is_json: args.has(&JSON), seen: BTreeMap::new(), told: Vec::new() };
    let begun = Instant::now();
    loop {
        watch.look()?;
        let left = span.map_or(every, |span| span.saturating_sub(begun.elapsed()));
        if left.is_zero() {
            return Ok(OK);
        }
        std::thread::sleep(every.min(left));
    }
}

/// What is known of a key, by name.
type Facts = BTreeMap<String, String>;

struct Watch<'a> {
    store: Store,
    only: Option<&'a str>,
    policy: Option<Policy>,
    is_json: bool,
    /// Each key's write sequence and facts, as they were printed last.
    seen: BTreeMap<String, (u64, Facts)>,
    /// Damage that was told.
    told: Vec<String>,
}

impl Watch<'_> {
    fn look(&mut self) -> Result<(), Failure> {
        let keys = self.keys()?;
        let now = Timestamp::from_system_clock();
        let gone: Vec<String> = self.seen.keys().filter(|key| !keys.contains_key(*key)).cloned().collect();
        for key in gone {
            self.seen.remove(&key);
            self.print(now, &key, None, &Facts::new(), &Facts::new())?;
        }
        for (key, sequence) in keys {
            let before = self.seen.get(&key);
            let is_written = before.is_none_or(|(seen, _)| *seen != sequence);
            if !is_written && self.policy.is_none() {
                continue;
            }
            let Some(record) = self.store.read(&key)? else { continue };
            let facts = facts(&record, self.policy.as_ref(), now);
            let old = before.map_or_else(Facts::new, |(_, facts)| facts.clone());
            // Tokens come back all the time: that alone is no news.
            let is_news = |name: &&String| is_written || !name.starts_with("limit:");
            if is_written || facts.keys().filter(is_news).any(|name| facts.get(name) != old.get(name)) {
                self.print(now, &key, Some(record.sequence), &old, &facts)?;
                self.seen.insert(key, (record.sequence, facts));
            }
        }
        Ok(())
    }

    /// The keys to look at, with their write sequences. Damage in the file is told once and holds nothing up.
    fn keys(&mut self) -> Result<BTreeMap<String, u64>, Failure> {
        if let Some(key) = self.only {
            return Ok(self.store.read(key)?.map(|record| (key.to_owned(), record.sequence)).into_iter().collect());
        }
        let survey = self.store.survey()?;
        for damage in survey.damages.iter().map(ToString::to_string) {
            if !self.told.contains(&damage) {
                tell(&damage);
                self.told.push(damage);
            }
        }
        Ok(survey.keys.into_iter().map(|key| (key.key, key.sequence)).collect())
    }

    fn print(
        &self,
        now: Timestamp,
        key: &str,
        sequence: Option<u64>,
        old: &Facts,
        facts: &Facts,
    ) -> Result<(), Failure> {
        let changed: Vec<&String> = facts.keys().filter(|name| facts.get(*name) != old.get(*name)).collect();
        if self.is_json {
            let facts: Map<String, Value> = facts.iter().map(|(name, fact)| (name.clone(), json!(fact))).collect();
            let line = json!({
                "at_us": now.as_micros(), "key": key, "sequence": sequence, "changed": changed, "facts": facts,
            });
            return print(&format!("{line}\n"));
        }
        let Some(sequence) = sequence else { return print(&format!("{now}  {key}  is gone\n")) };
        let news = changed.iter().map(|name| match old.get(*name) {
            Some(before) => format!("{name} {before} -> {}", facts[*name]),
            None => format!("{name} {}", facts[*name]),
        });
        let news: Vec<String> = news.collect();
        let news = if news.is_empty() { "written, and says the same".to_owned() } else { news.join("; ") };
        print(&format!("{now}  {key}  write {sequence}  {news}\n"))
    }
}

/// What a record says: with the policy what each gate says now, else what is stored.
fn facts(record: &Record, policy: Option<&Policy>, now: Timestamp) -> Facts {
    let explained =
        policy.and_then(|policy| policy.decode(&record.bytes).ok().map(|state| policy.explain(&state, now)));
    match (explained, Snapshot::decode(&record.bytes)) {
        (Some(explanation), _) => explained_facts(&explanation),
        (None, Ok(snapshot)) => stored_facts(&snapshot),
        (None, Err(error)) => Facts::from([("state".to_owned(), format!("{} bytes, {error}", record.bytes.len()))]),
    }
}

fn explained_facts(explanation: &Explanation) -> Facts {
    let mut facts = Facts::new();
    let mut put = |name: &str, fact: String| facts.insert(name.to_owned(), fact);
    put("gates", explanation.by.as_ref().map_or("admit".to_owned(), |by| format!("refuse by {by}")));
    if let Some(circuit) = &explanation.circuit {
        put("circuit", circuit_fact(circuit.phase, circuit.mode));
        if let Some(failures) = circuit.consecutive_failures {
            put("failures", format!("{} of {}", failures.count, failures.of));
        }
    }
    put("block", block_fact(explanation.block_until_us.unwrap_or(0)));
    for limit in &explanation.limits {
        put(&format!("limit:{}", limit.name), format!("{} of {}", limit.tokens, limit.capacity));
    }
    if let Some(bulkhead) = &explanation.bulkhead {
        put("slots", format!("{} of {}", bulkhead.in_flight, bulkhead.max_concurrent));
    }
    facts
}

fn stored_facts(snapshot: &Snapshot) -> Facts {
    let mut facts = Facts::new();
    let mut put = |name: &str, fact: String| facts.insert(name.to_owned(), fact);
    if let Some(circuit) = &snapshot.circuit {
        put("circuit", circuit_fact(circuit.phase, snapshot.mode.map(|mode| mode.mode)));
        put("failures", circuit.consecutive_failures.to_string());
    }
    put("block", block_fact(snapshot.block_until));
    for limit in &snapshot.limits {
        let unit = i64::try_from(limit.units_per_token).unwrap_or(i64::MAX);
        // A state has only the hash of a limit's name.
        let name = format!("limit:{:08x}", limit.name_hash);
        put(&name, format!("{} of {}", limit.level.div_euclid(unit), limit.capacity));
    }
    put("slots", snapshot.leases.len().to_string());
    facts
}

fn circuit_fact(phase: Phase, mode: Option<Mode>) -> String {
    let phase = match phase {
        Phase::Closed => "closed",
        Phase::Open => "open",
        Phase::HalfOpen => "half-open",
    };
    match mode {
        None => phase.to_owned(),
        Some(Mode::ForcedOpen) => format!("forced open over {phase}"),
        Some(Mode::Disabled) => format!("disabled over {phase}"),
        Some(Mode::MetricsOnly) => format!("metrics only over {phase}"),
        Some(_) => format!("in a mode over {phase}"),
    }
}

fn block_fact(until_us: u64) -> String {
    Timestamp::from_micros(until_us).map_or_else(|| "none".to_owned(), |until| format!("until {until}"))
}
