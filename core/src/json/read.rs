//! JSON text (RFC 8259) as a tree: small, without a float, and strict.
//!
//! Not `serde_json`, because a policy must keep what that drops: repeated names, which are refused, and decimals as they
//! are written. Its floats alone would be a tenth of the WebAssembly module.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Json;
use crate::config::parted;
use crate::error::BoxedError;

/// How deep lists and objects may lie in each other: hostile text must not use up the stack.
const MAX_DEPTH: u32 = 127;
/// How many digits an exponent may move the point by. A float could not say more.
const MAX_EXPONENT: u32 = 400;

/// What is read, and what is left of it.
pub(super) struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
    depth: u32,
}

impl<'a> Reader<'a> {
    /// Reads a whole text.
    pub(super) fn read(text: &'a str) -> Result<Json, BoxedError> {
        let mut reader = Self { text, rest: text, depth: 0 };
        let json = reader.value()?;
        match reader.peek() {
            None => Ok(json),
            Some(_) => Err(reader.fault("trailing characters")),
        }
    }

    /// What is wrong at the next byte, or at the end.
    fn fault(&self, what: &str) -> BoxedError {
        let read = self.text.len().saturating_sub(self.rest.len()).saturating_add(usize::from(!self.rest.is_empty()));
        let before = self.text.as_bytes().get(..read).unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n').count();
        let column = before.rsplit(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len);
        BoxedError::new("", &format!("invalid JSON ({what} at line {line} column {column})"), "a JSON object")
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
        self.rest.bytes().next()
    }

    /// Takes so many bytes, where a character ends.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn value(&mut self) -> Result<Json, BoxedError> {
        match self.peek() {
            None => Err(self.fault("EOF while parsing a value")),
            Some(b'n') => self.word("null", Json::Null),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9') => self.number().map(Json::Number),
            Some(b'[') => {
                let mut items = Vec::new();
                self.sequence(b']', &mut |reader| {
                    items.push(reader.value()?);
                    Ok(())
                })?;
                Ok(Json::List(items))
            }
            Some(b'{') => {
                let mut fields = Vec::new();
                self.sequence(b'}', &mut |reader| {
                    fields.push((reader.name()?, reader.value()?));
                    Ok(())
                })?;
                Ok(Json::Object(fields))
            }
            Some(_) => Err(self.fault("expected value")),
        }
    }

    fn word(&mut self, word: &str, json: Json) -> Result<Json, BoxedError> {
        for letter in word.chars() {
            self.rest = self.rest.strip_prefix(letter).ok_or_else(|| self.fault("expected ident"))?;
        }
        Ok(json)
    }

    /// What stands between brackets, with commas between.
    fn sequence(
        &mut self,
        close: u8,
        item: &mut dyn FnMut(&mut Self) -> Result<(), BoxedError>,
    ) -> Result<(), BoxedError> {
        if self.depth == MAX_DEPTH {
            return Err(self.fault("recursion limit exceeded"));
        }
        self.depth = self.depth.saturating_add(1);
        self.take(1);
        let mut is_over = self.peek() == Some(close);
        while !is_over {
            item(self)?;
            is_over = match self.peek() {
                Some(b',') => {
                    self.take(1);
                    if self.peek() == Some(close) {
                        return Err(self.fault("trailing comma"));
                    }
                    false
                }
                Some(byte) if byte == close => true,
                Some(_) if close == b']' => return Err(self.fault("expected `,` or `]`")),
                Some(_) => return Err(self.fault("expected `,` or `}`")),
                None if close == b']' => return Err(self.fault("EOF while parsing a list")),
                None => return Err(self.fault("EOF while parsing an object")),
            };
        }
        self.take(1);
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }

    /// A field's name and its colon.
    fn name(&mut self) -> Result<String, BoxedError> {
        let name = match self.peek() {
            Some(b'"') => self.string()?,
            Some(_) => return Err(self.fault("key must be a string")),
            None => return Err(self.fault("EOF while parsing an object")),
        };
        match self.peek() {
            Some(b':') => {
                self.take(1);
                Ok(name)
            }
            Some(_) => Err(self.fault("expected `:`")),
            None => Err(self.fault("EOF while parsing an object")),
        }
    }

    fn string(&mut self) -> Result<String, BoxedError> {
        let mut string = String::new();
        self.take(1);
        loop {
            let plain = self.rest.find(|c| matches!(c, '"' | '\\' | '\0'..' ')).unwrap_or(self.rest.len());
            string.push_str(self.take(plain));
            match self.rest.bytes().next() {
                Some(b'"') => {
                    self.take(1);
                    return Ok(string);
                }
                Some(b'\\') => {
                    self.take(1);
                    string.push(self.escaped()?);
                }
                Some(_) => return Err(self.fault("control character (\\u0000-\\u001F) found while parsing a string")),
                None => return Err(self.fault("EOF while parsing a string")),
            }
        }
    }

    /// The character that stands behind a backslash.
    fn escaped(&mut self) -> Result<char, BoxedError> {
        let c = match self.rest.bytes().next() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            Some(_) => return Err(self.fault("invalid escape")),
            None => return Err(self.fault("EOF while parsing a string")),
        };
        self.take(1);
        Ok(c)
    }

    /// One code point, of one UTF-16 unit or of a pair of them.
    fn unicode(&mut self) -> Result<char, BoxedError> {
        let first = self.unit()?;
        if let Some(c) = char::from_u32(first.into()) {
            return Ok(c);
        }
        if first >= 0xDC00 {
            return Err(self.fault("lone leading surrogate in hex escape"));
        }
        self.rest = self.rest.strip_prefix('\\').ok_or_else(|| self.fault("unexpected end of hex escape"))?;
        let pair = [first, self.unit()?];
        match char::decode_utf16(pair).next() {
            Some(Ok(c)) => Ok(c),
            _ => Err(self.fault("lone leading surrogate in hex escape")),
        }
    }

    /// `u` and four hexadecimal digits.
    fn unit(&mut self) -> Result<u16, BoxedError> {
        let digits = self.rest.strip_prefix('u').and_then(|rest| rest.get(..4)).unwrap_or_default();
        match u16::from_str_radix(digits, 16) {
            Ok(unit) if !digits.starts_with('+') => {
                self.take(5);
                Ok(unit)
            }
            _ => Err(self.fault("invalid escape")),
        }
    }

    fn number(&mut self) -> Result<String, BoxedError> {
        let is_part = |c: char| matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let text = self.rest.get(..end).unwrap_or_default();
        let Some(number) = Number::of(text) else { return Err(self.fault("invalid number")) };
        let Some(decimal) = number.decimal() else { return Err(self.fault("number out of range")) };
        self.take(end);
        Ok(decimal)
    }
}

/// A number in the parts that JSON writes it in.
struct Number<'a> {
    is_negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: &'a str,
}

impl<'a> Number<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (is_negative, size) = text.strip_prefix('-').map_or((false, text), |size| (true, size));
        let (mantissa, exponent) = parted(size, b"eE").unwrap_or((size, "0"));
        let (whole, fraction) = parted(mantissa, b".").unwrap_or((mantissa, "0"));
        let power = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit());
        let is_number =
            [whole, fraction, power].into_iter().all(are_digits) && (whole == "0" || !whole.starts_with('0'));
        is_number.then_some(Self { is_negative, whole, fraction, exponent })
    }

    /// The same without an exponent and without zeros that say nothing: `5.0` and `50e-1` are `5`.
    fn decimal(&self) -> Option<String> {
        let exponent = self.exponent.parse::<i32>().ok().filter(|exponent| exponent.unsigned_abs() <= MAX_EXPONENT)?;
        let places = usize::try_from(exponent.unsigned_abs()).ok()?;
        // Enough zeros on the side to which the point moves.
        let zeros = "0".repeat(places);
        let (all, point) = if exponent < 0 {
            ([zeros.as_str(), self.whole, self.fraction].concat(), self.whole.len())
        } else {
            ([self.whole, self.fraction, &zeros].concat(), self.whole.len().saturating_add(places))
        };
        let (whole, fraction) = all.split_at_checked(point)?;
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        let sign = if self.is_negative { "-" } else { "" };
        let whole = if whole.is_empty() { "0" } else { whole };
        let joint = if fraction.is_empty() { "" } else { "." };
        Some([sign, whole, joint, fraction].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::Number;

    #[test]
    fn a_number_is_its_value_and_not_its_spelling() {
        for (text, decimal) in [
            ("0", "0"),
            ("-0.0", "-0"),
            ("5.0", "5"),
            ("50e-1", "5"),
            ("0.5E+1", "5"),
            ("0.29", "0.29"),
            ("29e-2", "0.29"),
            ("1.25e1", "12.5"),
            ("120e0", "120"),
            ("12e3", "12000"),
            ("1.2e3", "1200"),
            ("12e-3", "0.012"),
            ("18446744073709551616", "18446744073709551616"),
            ("0e400", "0"),
        ] {
            assert_eq!(Number::of(text).and_then(|number| number.decimal()).as_deref(), Some(decimal), "{text}");
        }
        for text in ["", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "1e5.0", "1-1", "--1", "1e1e1"] {
            assert!(Number::of(text).is_none(), "{text}");
        }
        for text in ["1e401", "1e-401", "1e99999999999"] {
            assert!(Number::of(text).is_some_and(|number| number.decimal().is_none()), "{text}");
        }
    }
}
