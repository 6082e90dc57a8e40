//! The spool's state as JSON: for people, for vectors, and for hosts that keep a small spool as text.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::json::{at, or_null};
use super::state::Known;
use super::{SpoolAppend, SpoolDeath, SpoolItem, SpoolState, SpoolStatus};
use crate::SpoolChange;
use crate::error::{BoxedError, InputError};
use crate::json::{Json, LARGEST, MOST_32, Object, number, wrong};
use crate::num::low32;
use crate::time::Timestamp;

const FIELDS: [&str; 8] =
    ["last_at_us", "last_seq", "last_lease", "next_at_us", "paced_until_us", "items", "dead", "known_ids"];
const ITEM_FIELDS: [&str; 9] = ["seq", "id", "bytes", "since_us", "attempts", "lease", "status", "why", "at_us"];
const KNOWN_FIELDS: [&str; 2] = ["id", "at_us"];

impl SpoolState {
    /// The state as JSON text, with `_us` in the names of instants.
    ///
    /// ```
    /// use stanchion::{SpoolState, Timestamp};
    ///
    /// let state = SpoolState::new(Timestamp::MIN);
    /// assert!(state.to_json().contains(r#""last_seq":0"#));
    /// assert_eq!(SpoolState::from_json(&state.to_json()), Ok(state));
    /// ```
    pub fn to_json(&self) -> String {
        self.write().to_string()
    }

    /// Reads a state from JSON text.
    ///
    /// ```
    /// assert_eq!(stanchion::SpoolState::from_json("{}").unwrap_err().field, "last_at_us");
    /// ```
    ///
    /// # Errors
    /// What is no JSON and no state: a field that is unknown, missing, repeated or out of range, and numbers of items that do
    /// not ascend.
    pub fn from_json(json: &str) -> Result<Self, InputError> {
        Ok(Self::read_some(&Json::parse(json)?)?)
    }

    pub(super) fn write(&self) -> Json {
        let known =
            self.known_ids().map(|(id, gone_at)| Json::object([("id", Json::text(id)), ("at_us", at(gone_at))]));
        Json::object([
            ("last_at_us", at(self.last_at())),
            ("last_seq", Json::number(self.last_seq())),
            ("last_lease", Json::number(self.last_lease().into())),
            ("next_at_us", or_null(self.next_at())),
            ("paced_until_us", or_null(self.paced_until())),
            ("items", Json::List(self.items().map(item).collect())),
            ("dead", Json::List(self.dead_letters().map(item).collect())),
            ("known_ids", Json::List(known.collect())),
        ])
    }

    /// A state, or a new one where there is none.
    pub(super) fn read(json: &Json, now: Timestamp) -> Result<Self, BoxedError> {
        if matches!(json, Json::Null) { Ok(Self::new(now)) } else { Self::read_some(json) }
    }

    fn read_some(json: &Json) -> Result<Self, BoxedError> {
        let object = Object::open(json, &FIELDS)?;
        let last_at = needed(&object, "last_at_us")?;
        let last_seq = count(&object, "last_seq", LARGEST)?;
        let last_lease = low32(count(&object, "last_lease", MOST_32)?);
        let mut state = Self::continued(last_at, last_seq, last_lease);
        for (i, known) in list(&object, "known_ids")?.iter().enumerate() {
            let (gone_at, id) = known_id(known).map_err(|e| e.at(i).within("known_ids"))?;
            state.apply(&SpoolChange::Known { id }, gone_at);
        }
        for field in ["items", "dead"] {
            let mut before = 0;
            for (i, json) in list(&object, field)?.iter().enumerate() {
                let item = read_item(json, before, &state, field == "dead").map_err(|e| e.at(i).within(field))?;
                before = item.seq;
                state.apply(&SpoolChange::Item(item), last_at);
            }
        }
        let (next_at, until) = (object.maybe_instant("next_at_us")?, object.maybe_instant("paced_until_us")?);
        state.apply(&SpoolChange::Pace { next_at, until }, last_at);
        Ok(state)
    }
}

impl SpoolItem {
    /// The item as JSON: `seq`, `id`, `bytes`, `since_us`, `attempts`, `lease`, `status`, `why`, `at_us`.
    ///
    /// ```
    /// use stanchion::{SpoolItem, Timestamp};
    ///
    /// let json = SpoolItem::new(7, 4_096, Timestamp::MIN).to_json();
    /// assert!(json.starts_with(r#"{"seq":7,"id":null,"bytes":4096,"since_us":"#));
    /// assert!(json.contains(r#""status":"waiting","why":null"#));
    /// ```
    pub fn to_json(&self) -> String {
        item(self).to_string()
    }
}

fn item(item: &SpoolItem) -> Json {
    Json::object([
        ("seq", Json::number(item.seq)),
        ("id", item.id.as_deref().map_or(Json::Null, Json::text)),
        ("bytes", Json::number(item.bytes)),
        ("since_us", at(item.since)),
        ("attempts", Json::number(item.attempts.into())),
        ("lease", Json::number(item.lease.into())),
        ("status", Json::text(item.status.name())),
        ("why", item.status.why().map_or(Json::Null, |why| Json::text(why.name()))),
        ("at_us", at(item.at)),
    ])
}

fn read_item(json: &Json, before: u64, state: &SpoolState, is_dead: bool) -> Result<SpoolItem, BoxedError> {
    let object = Object::open(json, &ITEM_FIELDS)?;
    let seq = count(&object, "seq", state.last_seq())?;
    if seq <= before || state.item(seq).is_some() {
        return Err(BoxedError::new("seq", &seq, "a number of its own, in ascending order"));
    }
    let mut item = SpoolItem::new(seq, count(&object, "bytes", LARGEST)?, needed(&object, "since_us")?);
    item.id = id_of(&object)?;
    if item.id.as_deref().is_some_and(|id| matches!(state.known(id), Some(Known::Here(_)))) {
        return Err(wrong("id", object.get("id"), "an id that no other item has"));
    }
    item.attempts = low32(count(&object, "attempts", MOST_32)?);
    item.lease = low32(count(&object, "lease", MOST_32)?);
    item.at = needed(&object, "at_us")?;
    item.status = status(&object, is_dead)?;
    Ok(item)
}

fn status(object: &Object<'_>, is_dead: bool) -> Result<SpoolStatus, BoxedError> {
    let why = match object.get("why") {
        None | Some(Json::Null) => None,
        Some(Json::Text(word)) if word_of(word).is_some() => word_of(word),
        other => return Err(wrong("why", other, "\"attempts\", \"age\", \"refused\", \"damaged\" or null")),
    };
    let word = object.get("status");
    match (word, why) {
        (Some(Json::Text(word)), None) if word == "waiting" && !is_dead => Ok(SpoolStatus::Waiting),
        (Some(Json::Text(word)), None) if word == "leased" && !is_dead => Ok(SpoolStatus::Leased),
        (Some(Json::Text(word)), Some(why)) if word == "dead" && is_dead => Ok(SpoolStatus::Dead(why)),
        _ => Err(wrong("status", word, "\"waiting\" or \"leased\" in `items`, \"dead\" with a `why` in `dead`")),
    }
}

fn word_of(word: &str) -> Option<SpoolDeath> {
    (1..=4).filter_map(SpoolDeath::from_code).find(|why| why.name() == word)
}

fn known_id(json: &Json) -> Result<(Timestamp, alloc::sync::Arc<str>), BoxedError> {
    let object = Object::open(json, &KNOWN_FIELDS)?;
    let id = id_of(&object)?.ok_or_else(|| wrong("id", object.get("id"), "a text of 1 to 255 bytes"))?;
    Ok((needed(&object, "at_us")?, id))
}

fn id_of(object: &Object<'_>) -> Result<Option<alloc::sync::Arc<str>>, BoxedError> {
    match object.get("id") {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Text(id)) => {
            let checked = SpoolAppend::new(0).id(id);
            checked.map(|append| append.id).map_err(|e| BoxedError::new(&e.field, &e.value, &e.allowed))
        }
        other => Err(wrong("id", other, "a text of 1 to 255 bytes or null")),
    }
}

fn needed(object: &Object<'_>, field: &str) -> Result<Timestamp, BoxedError> {
    object.maybe_instant(field)?.ok_or_else(|| wrong(field, object.get(field), "an instant in microseconds"))
}

fn count(object: &Object<'_>, field: &str, hi: u64) -> Result<u64, BoxedError> {
    number(field, object.get(field).unwrap_or(&Json::Null), 0, hi)
}

fn list<'a>(object: &Object<'a>, field: &str) -> Result<&'a Vec<Json>, BoxedError> {
    match object.get(field) {
        Some(Json::List(items)) => Ok(items),
        other => Err(wrong(field, other, "a list")),
    }
}
