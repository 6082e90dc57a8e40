//! What goes through any table: the check of the ranges, and the JSON reader and writer.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use crate::config::decimal::decimal;
use crate::config::fault::{Quoted, quoted};
#[cfg(feature = "serde")]
use crate::config::table::Place;
use crate::config::table::{Datum, Kind, Map, Row, Seen, Shape, Table, Tables};
use crate::error::BoxedError;
#[cfg(feature = "serde")]
use crate::gather::gather;
#[cfg(feature = "serde")]
use crate::json::{Json, Object};
#[cfg(feature = "serde")]
use crate::num::index;
use crate::num::wide;

/// Refuses what is outside of its range.
pub(crate) fn check(table: &dyn Table) -> Result<(), BoxedError> {
    let (rows, fields) = table.fields();
    for (row, field) in rows.iter().zip(fields) {
        let checked = match field {
            Seen::Scalar(scalar) => row.check(&scalar.get()),
            Seen::Tables(tables) => row.check_tables(tables),
            Seen::Map(map) => check_map(map),
        };
        checked.map_err(|e| row.fault(e))?;
    }
    Ok(())
}

fn check_map(map: &dyn Map) -> Result<(), BoxedError> {
    for (place, name) in map.names().unwrap_or_default().iter().enumerate() {
        if !map.is_name(name) {
            return Err(BoxedError::new(name, &"an object", &map.names_allowed()));
        }
        map.at(place).map_or(Ok(()), check).map_err(|e| e.within(name))?;
    }
    Ok(())
}

#[cfg(feature = "serde")]
fn read_map(map: &mut dyn Map, json: &Json) -> Result<(), BoxedError> {
    map.start();
    let fields = Object::open_any(json, &|_| map.names_allowed(), &|name| map.is_name(name))?;
    for (name, value) in fields {
        map.add(name).map_or(Ok(()), |table| read(table, value)).map_err(|e| e.within(name))?;
    }
    Ok(())
}

#[cfg(feature = "serde")]
fn write_map(map: &dyn Map) -> Option<Json> {
    let fields = map.names()?.into_iter().enumerate();
    Some(Json::Object(gather(fields.filter_map(|(place, name)| Some((name, write(map.at(place)?)))))))
}

/// Fills a table from JSON. What the types cannot hold is refused here, the rest of the ranges by [`check`].
#[cfg(feature = "serde")]
pub(crate) fn read(table: &mut dyn Table, json: &Json) -> Result<(), BoxedError> {
    let (rows, places) = table.places();
    let names = gather(rows.iter().map(|row| row.name));
    let object = Object::open(json, &names)?;
    for (row, place) in rows.iter().zip(places) {
        let read = match object.get(row.name) {
            Some(json) => row.read(place, json),
            None if row.kind == Kind::Required => Err(row.refuses(&"nothing")),
            None => Ok(()),
        };
        read.map_err(|e| row.fault(e))?;
    }
    Ok(())
}

/// As JSON, in the table's order; what depends on others and does not apply is left out.
#[cfg(feature = "serde")]
pub(crate) fn write(table: &dyn Table) -> Json {
    let (rows, fields) = table.fields();
    let fields = rows.iter().zip(fields).filter_map(|(row, field)| Some((row.name.to_string(), row.write(field)?)));
    Json::Object(gather(fields))
}

impl Row {
    /// What may stand there, for people.
    pub(crate) fn allowed(&self) -> String {
        let Self { lo, hi, .. } = self;
        match self.shape {
            Shape::Number(0) => format!("a whole number from {lo} to {hi}"),
            Shape::Number(digits) => {
                let (lo, hi) = (decimal(*lo, digits), decimal(*hi, digits));
                format!("a number from {lo} to {hi} with at most {digits} decimals")
            }
            Shape::Flag => "true or false".to_string(),
            Shape::Text => format!("a text of {lo} to {hi} characters"),
            Shape::Word(words) => quoted(&mut words.iter().copied()),
            Shape::Table(allowed) => allowed.to_string(),
            Shape::Map => "an object".to_string(),
            Shape::List => format!("a list of {lo} to {hi} items"),
        }
    }

    fn refuses(&self, value: &dyn fmt::Display) -> BoxedError {
        BoxedError::new("", value, &self.allowed())
    }

    /// A fault of the value as one of the field.
    fn fault(&self, fault: BoxedError) -> BoxedError {
        let fault = if self.kind == Kind::Maybe { fault.or_null() } else { fault };
        fault.within(self.name)
    }

    fn check(&self, datum: &Datum) -> Result<(), BoxedError> {
        let range = self.lo..=self.hi;
        match (datum, self.shape) {
            (Datum::Steps(steps), Shape::Number(digits)) if !range.contains(steps) => {
                Err(self.refuses(&decimal(*steps, digits)))
            }
            (Datum::Text(text), _) if !range.contains(&wide(text.chars().count())) => Err(self.refuses(&Quoted(text))),
            _ => Ok(()),
        }
    }

    fn check_tables(&self, tables: &dyn Tables) -> Result<(), BoxedError> {
        let is_list = matches!(self.shape, Shape::List);
        let count = tables.len();
        if is_list && !(self.lo..=self.hi).contains(&wide(count)) {
            return Err(self.refuses(&format!("{count} items")));
        }
        for place in 0..count {
            let checked = tables.at(place).map_or(Ok(()), check);
            checked.map_err(|e| if is_list { e.at(place) } else { e })?;
        }
        Ok(())
    }
}

#[cfg(feature = "serde")]
impl Row {
    fn read(&self, place: Place<'_>, json: &Json) -> Result<(), BoxedError> {
        let is_none = self.kind == Kind::Maybe && matches!(json, Json::Null);
        match place {
            Place::Scalar(scalar) => {
                let datum = if is_none { Some(Datum::Nothing) } else { self.datum(json) };
                let is_read = datum.is_some_and(|datum| scalar.set(datum));
                if is_read { Ok(()) } else { Err(self.refuses(json)) }
            }
            Place::Tables(tables) => {
                tables.clear();
                if is_none { Ok(()) } else { self.read_tables(tables, json) }
            }
            Place::Map(map) => read_map(map, json),
        }
    }

    /// What JSON says, where it is of the shape.
    fn datum(&self, json: &Json) -> Option<Datum> {
        match (self.shape, json) {
            (Shape::Number(digits), json) => json.scaled(digits).map(Datum::Steps),
            (Shape::Flag, Json::Bool(flag)) => Some(Datum::Flag(*flag)),
            (Shape::Text, Json::Text(text)) => Some(Datum::Text(text.clone())),
            (Shape::Word(words), Json::Text(text)) => {
                words.iter().position(|word| word == text).map(|place| Datum::Steps(wide(place)))
            }
            _ => None,
        }
    }

    fn read_tables(&self, tables: &mut dyn Tables, json: &Json) -> Result<(), BoxedError> {
        if !matches!(self.shape, Shape::List) {
            return read(tables.add(json)?, json);
        }
        let Json::List(items) = json else { return Err(self.refuses(json)) };
        for (place, item) in items.iter().enumerate() {
            tables.add(item).and_then(|table| read(table, item)).map_err(|e| e.at(place))?;
        }
        Ok(())
    }

    /// None where it is left out.
    pub(crate) fn write(&self, field: Seen<'_>) -> Option<Json> {
        let nothing = || (self.kind == Kind::Maybe).then_some(Json::Null);
        match (field, self.shape) {
            (Seen::Tables(tables), Shape::List) => {
                Some(Json::List(gather((0..tables.len()).filter_map(|place| tables.at(place).map(write)))))
            }
            (Seen::Tables(tables), _) => tables.at(0).map(write).or_else(nothing),
            (Seen::Map(map), _) => write_map(map),
            (Seen::Scalar(scalar), shape) => match (scalar.get(), shape) {
                (Datum::Nothing, _) => nothing(),
                (Datum::Steps(place), Shape::Word(words)) => words.get(index(place)).map(|word| Json::text(word)),
                (Datum::Steps(steps), Shape::Number(digits)) => Some(Json::Number(decimal(steps, digits))),
                (Datum::Steps(_), _) => None,
                (Datum::Flag(flag), _) => Some(Json::Bool(flag)),
                (Datum::Text(text), _) => Some(Json::Text(text)),
            },
        }
    }
}
