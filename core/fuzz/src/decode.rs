//! The target `decode`: any bytes are refused, or are the one encoding of a state.

use stanchion::Snapshot;

/// Reads the bytes, twice in different ways, and writes again what was read.
///
/// # Panics
/// Where what was read is written otherwise, or reads otherwise into used memory.
pub fn run(bytes: &[u8]) {
    let mut reused = Snapshot::default();
    // Leaves all kinds of remains behind where the bytes break late.
    let first = reused.decode_into(bytes);
    let read = Snapshot::decode(bytes);
    assert_eq!(first.as_ref().err(), read.as_ref().err());
    let Ok(snapshot) = read else { return };
    assert_eq!(snapshot, reused);

    let mut again = Vec::new();
    snapshot.encode(&mut again);
    assert_eq!(again, bytes, "{snapshot:?}");
    assert!(!snapshot.to_json().is_empty());

    // Half of it breaks in the middle; what is read after that is whole all the same.
    assert!(reused.decode_into(&bytes[..bytes.len() / 2]).is_err());
    assert_eq!(reused.decode_into(bytes), Ok(()));
    assert_eq!(snapshot, reused);
}
