//! An open state file.

use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::{AsyncTask, Uint8Array};
use napi_derive::napi;
use stanchion::Timestamp;
use stanchion_raw::number;
use stanchion_raw::status::{LOCKED, Status};
use stanchion_store::{Durability, Options, Record, Store, StoreError, Transaction};

use crate::key::RawKey;
use crate::later::{Done, Later, Work};
use crate::{Fault, Raw, call, guard};

/// How a state file is opened; what is left out is as the store has it by default.
#[napi(object)]
pub struct RawStoreOptions {
    /// How long an operation waits for the lock, in ms.
    pub wait_ms: Option<u32>,
    /// Whether every write is synced before its answer is given.
    pub sync: Option<bool>,
    /// How many keys the file may hold.
    pub max_keys: Option<u32>,
    /// Whether a missing file and directory are made.
    pub create: Option<bool>,
    /// Whether nothing is written.
    pub read_only: Option<bool>,
    /// Whether the file may belong to another user.
    pub any_owner: Option<bool>,
}

impl From<RawStoreOptions> for Options {
    fn from(given: RawStoreOptions) -> Self {
        let mut options = Self::new();
        if let Some(ms) = given.wait_ms {
            options = options.wait(Duration::from_millis(ms.into()));
        }
        if let Some(is_synced) = given.sync {
            options = options.durability(if is_synced { Durability::Sync } else { Durability::Process });
        }
        if let Some(max_keys) = given.max_keys {
            options = options.max_keys(max_keys.into());
        }
        if let Some(create) = given.create {
            options = options.create(create);
        }
        if let Some(read_only) = given.read_only {
            options = options.read_only(read_only);
        }
        if let Some(any_owner) = given.any_owner {
            options = options.any_owner(any_owner);
        }
        options
    }
}

/// A key of a file as it is listed.
#[napi(object)]
pub struct RawKeyInfo {
    /// Its name.
    pub key: String,
    /// How often it was written.
    pub sequence: f64,
    /// How many bytes its state has.
    pub length: u32,
    /// From when on it may be forgotten, in µs; 0 for never.
    pub vacuous_at_us: f64,
}

/// An open state file.
#[napi]
pub struct RawStore {
    store: Store,
    is_synced: bool,
}

/// Opens a state file; nothing, and a fault, where it cannot be used.
#[napi]
pub fn store_open(path: String, options: RawStoreOptions) -> napi::Result<Option<RawStore>> {
    let is_synced = options.sync == Some(true);
    call(|raw| kept(raw, Store::open(path, options.into())).map(|store| RawStore { store, is_synced }))
}

#[napi]
impl RawStore {
    /// A policy on one key; nothing, and a fault, where the policy was freed or the key is none.
    #[napi]
    pub fn key(&self, policy: u32, key: String) -> napi::Result<Option<RawKey>> {
        call(|raw| {
            let policy = raw.policy(policy).ok()?;
            kept(raw, self.store.gate(policy, &key))
                .map(|handle| RawKey { handle: Arc::new(handle), is_synced: self.is_synced })
        })
    }

    /// All keys, sorted by name; nothing, and a fault, where the file cannot be read.
    #[napi]
    pub fn keys(&self) -> napi::Result<Option<Vec<RawKeyInfo>>> {
        call(|raw| {
            let keys = kept(raw, self.store.keys())?;
            Some(
                keys.into_iter()
                    .map(|info| RawKeyInfo {
                        key: info.key,
                        sequence: number::exact(info.sequence),
                        length: u32::try_from(info.len).unwrap_or(u32::MAX),
                        vacuous_at_us: info.vacuous_at.map_or(0.0, |at| number::exact(at.as_micros())),
                    })
                    .collect(),
            )
        })
    }

    /// Gives the file back: whatever is asked of it and of its keys from now on fails.
    #[napi]
    pub fn close(&self) -> napi::Result<()> {
        guard(|| self.store.close())
    }

    /// The bytes of a key lie in `bytes`, its write sequence in the slot; sequence 0: there is no such key.
    #[napi]
    pub fn read(&self, key: String) -> napi::Result<Status> {
        call(|raw| match self.store.read(&key) {
            Ok(record) => {
                let (bytes, sequence) =
                    record.map_or((Vec::new(), 0), |Record { bytes, sequence, .. }| (bytes, sequence));
                raw.slot_mut().sequence = number::exact(sequence);
                raw.put(&bytes)
            }
            Err(error) => raw.fail(fault_of(&error)),
        })
    }

    /// Removes a key, waiting for the lock in the thread pool; its `value` is 1 where it was there.
    #[napi]
    pub fn remove_later(&self, key: String) -> AsyncTask<Later> {
        AsyncTask::new(Later(Work::Remove(self.store.clone(), key)))
    }

    /// Locks the file for one key if nobody holds it: nothing, and in `value` the status, where that is not so.
    #[napi]
    pub fn try_begin(&self, key: String) -> napi::Result<Option<RawTransaction>> {
        call(|raw| {
            let status = match self.store.try_begin(&key) {
                Ok(Some(transaction)) => return Some(RawTransaction { transaction: Some(transaction) }),
                Ok(None) => LOCKED,
                Err(error) => raw.fail(fault_of(&error)),
            };
            raw.slot_mut().value = f64::from(status);
            None
        })
    }

    /// The same, waiting for the lock in the thread pool.
    #[napi]
    pub fn begin_later(&self, key: String) -> AsyncTask<Later> {
        AsyncTask::new(Later(Work::Begin(self.store.clone(), key)))
    }
}

/// The file's lock, held for one key until `commit` or `abort`.
#[napi]
pub struct RawTransaction {
    pub(crate) transaction: Option<Transaction>,
}

#[napi]
impl RawTransaction {
    /// The key's bytes; nothing where it does not exist yet.
    #[napi]
    pub fn read(&self) -> napi::Result<Option<Uint8Array>> {
        guard(|| self.transaction.as_ref().and_then(|held| held.bytes().map(|bytes| bytes.to_vec().into())))
    }

    /// Writes the key's new bytes and unlocks; the new write sequence lies in the slot. `vacuous_at_us` is from when on
    /// the key may be forgotten, 0 for never.
    #[napi]
    pub fn commit(&mut self, bytes: Uint8Array, vacuous_at_us: f64) -> napi::Result<Status> {
        let held = self.transaction.take();
        call(|raw| {
            let vacuous_at = match moment(vacuous_at_us) {
                Ok(at) => at,
                Err(status) => return status,
            };
            let Some(held) = held else { return raw.fail(ended()) };
            Done::committed(held, &bytes, vacuous_at).put(raw)
        })
    }

    /// The same in the thread pool, for a file whose writes are synced.
    #[napi]
    pub fn commit_later(&mut self, bytes: Uint8Array, vacuous_at_us: f64) -> AsyncTask<Later> {
        AsyncTask::new(Later(match (moment(vacuous_at_us), self.transaction.take()) {
            (Err(status), _) => Work::Refused(status),
            (Ok(_), None) => Work::Failed(ended()),
            (Ok(vacuous_at), Some(held)) => Work::Commit(held, bytes.to_vec(), vacuous_at),
        }))
    }

    /// Unlocks and changes nothing; the key's write sequence lies in the slot.
    #[napi]
    pub fn abort(&mut self) -> napi::Result<Status> {
        let held = self.transaction.take();
        call(|raw| {
            let Some(held) = held else { return raw.fail(ended()) };
            raw.slot_mut().sequence = number::exact(held.sequence());
            held.abort();
            0
        })
    }
}

fn ended() -> Fault {
    Fault::new("engine", "transaction_ended", &"the transaction was already committed or aborted")
}

/// 0 for none: then the store reads its clock.
pub(crate) fn moment(now_us: f64) -> Result<Option<Timestamp>, Status> {
    if now_us == 0.0 { Ok(None) } else { number::instant(now_us).map(Some) }
}

/// The store's error in parts.
pub(crate) fn fault_of(error: &StoreError) -> Fault {
    Fault { path: Some(error.path().display().to_string()), ..Fault::new("store", error.code(), error) }
}

pub(crate) fn kept<T>(raw: &mut Raw, result: Result<T, StoreError>) -> Option<T> {
    result.map_err(|error| raw.fail(fault_of(&error))).ok()
}
