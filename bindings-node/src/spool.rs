//! A spool on disk. Everything here waits for its lock, and reads and writes files: so all of it runs in the thread pool.

use napi::bindgen_prelude::{AsyncTask, Uint8Array};
use napi_derive::napi;
use serde_json::{Value, json};
use stanchion::{Outcome, SpoolAppended, SpoolCall, SpoolDeath, SpoolEnd, SpoolItem, SpoolSettled, Timestamp};
use stanchion_raw::status::{BAD_OUTCOME, Status};
use stanchion_raw::{Fault, number};
use stanchion_store::{Delivery, Offer, Payload, Spool, SpoolReport, StoreError};

use crate::call;
use crate::later::{Later, Work};
use crate::store::{RawStoreOptions, fault_of, moment};

/// A step of a spool, with everything that it needs.
pub(crate) enum SpoolOp {
    Append(Option<String>, Vec<u8>),
    Lease,
    Settle(u64, u32, SpoolEnd),
    Renew(u64, u32),
    Requeue(u64),
    Remove(u64),
    Payload(u64),
    Resume,
    Items,
    DeadLetters,
    Report,
    Compact,
}

impl SpoolOp {
    /// The answer as JSON, with the payload where there is one.
    pub(crate) fn run(self, spool: &Spool, now: Option<Timestamp>) -> Result<(Value, Vec<u8>), Box<Fault>> {
        let answer = match self {
            Self::Lease => return leased(spool.lease(now).map_err(faulty)?),
            Self::Payload(seq) => return payload(spool.payload(seq).map_err(faulty)?),
            Self::Append(id, payload) => spool.append(id.as_deref(), &payload, now).map(appended),
            Self::Settle(seq, lease, end) => spool.settle(seq, lease, end, now).map(settled),
            Self::Renew(seq, lease) => spool.renew(seq, lease, now).map(settled),
            Self::Requeue(seq) => spool.requeue(seq, now).map(settled),
            Self::Remove(seq) => spool.remove(seq, now).map(settled),
            Self::Resume => spool.resume(now).map(settled),
            Self::Items => spool.items().map(|items| items.iter().map(item).collect()),
            Self::DeadLetters => spool.dead_letters().map(|items| items.iter().map(item).collect()),
            Self::Report => spool.report(now).map(|report| self::report(&report)),
            Self::Compact => spool.compact().map(|()| Value::Null),
        };
        answer.map(|answer| (answer, Vec::new())).map_err(faulty)
    }
}

fn faulty(error: StoreError) -> Box<Fault> {
    Box::new(fault_of(&error))
}

fn us(at: Option<Timestamp>) -> Option<u64> {
    at.map(Timestamp::as_micros)
}

fn appended(answer: SpoolAppended) -> Value {
    let (said, why) = match answer {
        SpoolAppended::Accepted { .. } => ("accepted", None),
        SpoolAppended::Duplicate { .. } => ("duplicate", None),
        SpoolAppended::Refused(why) => ("refused", Some(why.name())),
        _ => ("unknown", None),
    };
    json!({ "appended": said, "seq": answer.seq(), "why": why })
}

fn settled(answer: SpoolSettled) -> Value {
    let why = if let SpoolSettled::Dead { why } = answer { Some(why.name()) } else { None };
    json!({ "settled": answer.name(), "at_us": us(answer.at()), "why": why })
}

fn item(item: &SpoolItem) -> Value {
    json!({
        "seq": item.seq, "id": item.id.as_deref(), "bytes": item.bytes, "since_us": item.since.as_micros(),
        "attempts": item.attempts, "status": item.status.name(), "why": item.status.why().map(SpoolDeath::name),
        "at_us": item.at.as_micros(),
    })
}

fn leased(offer: Offer) -> Result<(Value, Vec<u8>), Box<Fault>> {
    let dead: Value = offer.dead.iter().map(item).collect();
    let wait = offer.wait.map(|(at, by)| json!({ "at_us": at.as_micros(), "by": by.name() }));
    let Some(delivery) = offer.delivery else {
        return Ok((json!({ "delivery": null, "wait": wait, "dead": dead }), Vec::new()));
    };
    let bytes = bytes_of(&delivery.payload)?;
    let Delivery { seq, lease, id, attempt, since, until, .. } = delivery;
    let delivery = json!({
        "seq": seq, "lease": lease, "id": id.as_deref(), "attempt": attempt, "since_us": since.as_micros(),
        "until_us": until.as_micros(),
    });
    Ok((json!({ "delivery": delivery, "wait": wait, "dead": dead }), bytes))
}

fn payload(payload: Option<Payload>) -> Result<(Value, Vec<u8>), Box<Fault>> {
    match payload {
        Some(payload) => Ok((Value::Bool(true), bytes_of(&payload)?)),
        None => Ok((Value::Bool(false), Vec::new())),
    }
}

fn bytes_of(payload: &Payload) -> Result<Vec<u8>, Box<Fault>> {
    payload.to_vec().map_err(|error| Box::new(Fault::new("store", "io", &error)))
}

fn report(report: &SpoolReport) -> Value {
    let totals = report.totals;
    json!({
        "items": totals.items, "leased": totals.leased, "dead": totals.dead, "bytes": totals.bytes,
        "oldest_us": us(totals.oldest), "known_ids": totals.known_ids, "cuts": report.cuts, "cut_bytes": report.cut_bytes,
        "disk_bytes": report.disk_bytes, "damages": report.damages,
    })
}

/// An open spool.
#[napi]
pub struct RawSpool {
    spool: Spool,
}

/// Opens a spool in the thread pool, for that waits for its lock and reads what is in it; a fault where the policy was freed or has
/// none, or the folder cannot be used.
#[napi]
pub fn spool_open_later(path: String, policy: u32, options: RawStoreOptions) -> napi::Result<AsyncTask<Later>> {
    let policy = call(|raw| raw.policy(policy))?;
    Ok(AsyncTask::new(Later(match policy {
        Ok(policy) => Work::OpenSpool(path, policy, options.into()),
        Err(status) => Work::Refused(status),
    })))
}

impl RawSpool {
    pub(crate) const fn new(spool: Spool) -> Self {
        Self { spool }
    }

    fn later(&self, op: SpoolOp, now_us: f64) -> AsyncTask<Later> {
        AsyncTask::new(Later(match moment(now_us) {
            Ok(now) => Work::Spool(self.spool.clone(), op, now),
            Err(status) => Work::Refused(status),
        }))
    }
}

/// A number that JavaScript was given here.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sequences are whole numbers below 2^53")]
const fn seq_of(seq: f64) -> u64 {
    seq as u64
}

/// 3 for what nobody will ever take.
fn end_of(outcome: u32, call: u32, not_before_us: f64) -> Result<SpoolEnd, Status> {
    let mut end = match outcome {
        0 => SpoolEnd::new(Outcome::Success),
        1 => SpoolEnd::new(Outcome::Failure),
        2 => SpoolEnd::new(Outcome::Ignored),
        3 => SpoolEnd::refused(),
        _ => return Err(BAD_OUTCOME),
    };
    end.call = SpoolCall::from_code(call);
    if not_before_us == 0.0 { Ok(end) } else { number::instant(not_before_us).map(|at| end.not_before(at)) }
}

#[napi]
impl RawSpool {
    /// Takes an item in.
    #[napi]
    pub fn append_later(&self, id: Option<String>, payload: Uint8Array, now_us: f64) -> AsyncTask<Later> {
        self.later(SpoolOp::Append(id, payload.to_vec()), now_us)
    }

    /// Leases the next item; its payload lies in `bytes`.
    #[napi]
    pub fn lease_later(&self, now_us: f64) -> AsyncTask<Later> {
        self.later(SpoolOp::Lease, now_us)
    }

    /// A delivery ended: 0 for success, 1 for failure, 2 for ignored, 3 as a dead letter; where it was a call through the gates, how
    /// its function ended, else 0; not before an instant, or 0.
    #[napi]
    pub fn settle_later(
        &self,
        seq: f64,
        lease: u32,
        outcome: u32,
        call: u32,
        not_before_us: f64,
        now_us: f64,
    ) -> AsyncTask<Later> {
        match end_of(outcome, call, not_before_us) {
            Ok(end) => self.later(SpoolOp::Settle(seq_of(seq), lease, end), now_us),
            Err(status) => AsyncTask::new(Later(Work::Refused(status))),
        }
    }

    /// A delivery takes longer.
    #[napi]
    pub fn renew_later(&self, seq: f64, lease: u32, now_us: f64) -> AsyncTask<Later> {
        self.later(SpoolOp::Renew(seq_of(seq), lease), now_us)
    }

    /// Brings an item back to the end of the queue.
    #[napi]
    pub fn requeue_later(&self, seq: f64, now_us: f64) -> AsyncTask<Later> {
        self.later(SpoolOp::Requeue(seq_of(seq)), now_us)
    }

    /// Takes an item out.
    #[napi]
    pub fn remove_later(&self, seq: f64, now_us: f64) -> AsyncTask<Later> {
        self.later(SpoolOp::Remove(seq_of(seq)), now_us)
    }

    /// The payload of an item lies in `bytes`; the answer is whether there is one.
    #[napi]
    pub fn payload_later(&self, seq: f64) -> AsyncTask<Later> {
        self.later(SpoolOp::Payload(seq_of(seq)), 0.0)
    }

    /// Begins the pace.
    #[napi]
    pub fn resume_later(&self, now_us: f64) -> AsyncTask<Later> {
        self.later(SpoolOp::Resume, now_us)
    }

    /// What waits.
    #[napi]
    pub fn items_later(&self) -> AsyncTask<Later> {
        self.later(SpoolOp::Items, 0.0)
    }

    /// What nobody delivers any more.
    #[napi]
    pub fn dead_letters_later(&self) -> AsyncTask<Later> {
        self.later(SpoolOp::DeadLetters, 0.0)
    }

    /// How much there is.
    #[napi]
    pub fn report_later(&self, now_us: f64) -> AsyncTask<Later> {
        self.later(SpoolOp::Report, now_us)
    }

    /// Gives back the disk of what is gone.
    #[napi]
    pub fn compact_later(&self) -> AsyncTask<Later> {
        self.later(SpoolOp::Compact, 0.0)
    }
}
