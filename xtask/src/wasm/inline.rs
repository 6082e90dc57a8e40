//! The module's bytes as text in a JavaScript module, which is what a download costs.
//!
//! Base64 is a third longer than the bytes, and worse: it puts three bytes into four characters, so that what repeats in the
//! bytes does not repeat in the text, and a compressor finds little. Here the most frequent bytes are one character each,
//! the others two, the first of which shifts: the text compresses as well as the bytes do.
//! `bindings-wasm/host/module/bytes.ts` reads it.

use std::cmp::Reverse;

/// Characters that shift: after the first, a character means a byte of the second page, after the second one of the third.
const SHIFTS: usize = 2;

/// Characters that stand in any string literal as they are, also in what minifiers make of it.
fn alphabet() -> Vec<char> {
    (' '..='~').filter(|c| !"\"'`\\$<".contains(*c)).collect()
}

/// What stands for some bytes: all 256 by their frequency, and the text.
pub(super) struct Text {
    pub(super) order: Vec<u8>,
    pub(super) text: String,
}

pub(super) fn encode(bytes: &[u8]) -> Text {
    let alphabet = alphabet();
    let (shifts, singles) = alphabet.split_at(SHIFTS);
    let order = by_frequency(bytes);
    let mut codes = vec![String::new(); order.len()];
    for (rank, &byte) in order.iter().enumerate() {
        let shift = (rank / singles.len()).checked_sub(1).map(|page| shifts[page]);
        codes[usize::from(byte)] = shift.into_iter().chain([singles[rank % singles.len()]]).collect();
    }
    Text { order, text: bytes.iter().map(|&byte| codes[usize::from(byte)].as_str()).collect() }
}

/// All bytes, the most frequent first; of equals the smaller.
fn by_frequency(bytes: &[u8]) -> Vec<u8> {
    let mut counts = [0_usize; 256];
    for &byte in bytes {
        counts[usize::from(byte)] += 1;
    }
    let mut order: Vec<u8> = (0..=u8::MAX).collect();
    order.sort_by_key(|&byte| Reverse(counts[usize::from(byte)]));
    order
}

#[cfg(test)]
mod tests {
    use super::{SHIFTS, alphabet, encode};

    #[test]
    fn there_are_enough_codes() {
        let singles = alphabet().len() - SHIFTS;
        assert!(singles * (1 + SHIFTS) >= 256);
        let all: Vec<u8> = (0..=u8::MAX).collect();
        assert_eq!(encode(&all).text.len(), singles + 2 * (256 - singles));
    }

    #[test]
    fn frequent_bytes_are_one_character() {
        let text = encode(&[0xff, 0xff, 0x00]);
        assert_eq!(text.order[..2], [0xff, 0x00]);
        assert_eq!(text.text, "##%");
    }
}
