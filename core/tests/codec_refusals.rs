//! Bytes that are no state, made by hand, each with the error that it must get. The first test shows that the same bytes
//! without the fault are a state, so that none of them is refused for another reason.

#![expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "short literals, in a test")]
#![expect(clippy::arithmetic_side_effects, reason = "a test may panic")]

use stanchion::{Snapshot, StateError};

const CLOSED: [u8; 33] = circuit(0x00, [9, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0]);
const OPEN: [u8; 33] = circuit(0x71, [1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0]);
const HALF_OPEN: [u8; 33] = circuit(0x02, [9, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0]);
/// Name hash 1, level 2, 3 units a token, 4 a µs, capacity 5.
const LIMIT: [u8; 25] = [1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0];
const NONE_AT: [u8; 7] = [0; 7];
const ONE_AT: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];
/// 2^52, the first that is no instant.
const END_AT: [u8; 7] = [0, 0, 0, 0, 0, 0, 0x10];
/// Size 5, five calls, the last of them failed.
const CALLS: [u8; 6] = [5, 0, 5, 0, 0b1110_0100, 1];
/// 10 slots of 1 µs; 2 calls in the one of index 7, 1 failed, 2 slow.
const SLOTS: [u8; 26] = [1, 0, 0, 0, 0, 0, 10, 7, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0];

/// Generations 1, 2 and 3, next lease 4, growth 0, since 8.
#[expect(clippy::many_single_char_names, reason = "they are bytes, nothing more")]
const fn circuit(phase_and_reason: u8, of_phase: [u8; 12]) -> [u8; 33] {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = of_phase;
    let head = phase_and_reason;
    [1, 0, 0, 2, 0, 0, 3, 0, 0, 4, 0, 0, head, 0, 8, 0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h, i, j, k, l]
}

fn section(kind: u8, flags: u8, body: &[u8]) -> Vec<u8> {
    let len = body.len();
    let len = if len < 128 { vec![len as u8] } else { vec![len as u8 | 0x80, (len >> 7) as u8] };
    [&[kind, flags], &*len, body].concat()
}

/// A header of fingerprint 6 and `last_at` 10, and these sections.
fn state(sections: &[Vec<u8>]) -> Vec<u8> {
    let header = [b'S', b't', 1, sections.len() as u8, 0, 6, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0];
    [header.to_vec(), sections.concat()].concat()
}

/// A closed circuit and one more section, which begins at 52.
fn with(kind: u8, flags: u8, body: &[u8]) -> Vec<u8> {
    state(&[section(1, 1, &CLOSED), section(kind, flags, body)])
}

/// Those bytes with others from a place on.
fn but<const N: usize>(mut bytes: [u8; N], at: usize, other: &[u8]) -> [u8; N] {
    bytes[at..at + other.len()].copy_from_slice(other);
    bytes
}

fn probes(probes: &[[u8; 10]]) -> Vec<u8> {
    state(&[section(1, 1, &HALF_OPEN), section(8, 1, &[&ONE_AT[..], &probes.concat()].concat())])
}

/// Three bytes of an id, and the end 1.
fn lease(id: u8) -> [u8; 10] {
    [id, 0, 0, 1, 0, 0, 0, 0, 0, 0]
}

fn invalid(field: &'static str, offset: usize) -> StateError {
    StateError::Invalid { field, offset }
}

fn check(table: Vec<(&str, Vec<u8>, StateError)>) {
    for (what, bytes, error) in table {
        assert_eq!(Snapshot::decode(&bytes), Err(error), "{what}");
    }
}

#[test]
fn without_the_fault_they_are_states() {
    let good = [
        state(&[section(1, 1, &CLOSED[..12])]),
        state(&[section(1, 1, &CLOSED), section(2, 1, &LIMIT), section(2, 7, &but(LIMIT, 0, &[2]))]),
        state(&[section(1, 1, &OPEN)]),
        with(3, 1, &ONE_AT),
        with(4, 1, &[[1].as_slice(), &ONE_AT].concat()),
        with(5, 1, &[ONE_AT, ONE_AT].concat()),
        with(6, 1, &CALLS),
        with(7, 1, &SLOTS),
        probes(&[]),
        probes(&[lease(1), lease(2)]),
        with(9, 1, &[lease(1), lease(2)].concat()),
        with(9, 3, &[&lease(1)[..], &[0, 0, 0, 0, 0, 0, 0, 1]].concat()),
        with(9, 5, &[&lease(1)[..], &[0xFF, 0x0F]].concat()),
        with(10, 0, b"later"),
        with(255, 0xFE, &[1; 1020]),
    ];
    for bytes in good {
        let snapshot = Snapshot::decode(&bytes).unwrap_or_else(|error| panic!("{error}: {bytes:?}"));
        let mut again = Vec::new();
        snapshot.encode(&mut again);
        assert_eq!(again, bytes);
    }
}

#[test]
fn the_header() {
    let good = state(&[section(1, 1, &CLOSED[..12])]);
    let but = |at: usize, bytes: &[u8]| [&good[..at], bytes, &good[at + bytes.len()..]].concat();
    check(vec![
        ("nothing", vec![], StateError::Length { offset: 0, len: 0 }),
        ("half a magic", b"S".to_vec(), StateError::Length { offset: 1, len: 1 }),
        ("cut", good[..15].to_vec(), StateError::Length { offset: 15, len: 15 }),
        ("another magic", but(0, b"s"), StateError::NotAState),
        ("one byte of another", b"{".to_vec(), StateError::NotAState),
        ("version 0", but(2, &[0]), StateError::NotAState),
        ("a newer version", but(2, &[2]), StateError::NewerVersion { found: 2, supported: 1 }),
        ("a newer one, cut", b"St\xFF".to_vec(), StateError::NewerVersion { found: 255, supported: 1 }),
        ("a flag", but(4, &[1]), invalid("flags", 0)),
        ("no last_at", but(9, &NONE_AT), invalid("last_at_us", 0)),
        ("last_at too late", but(9, &END_AT), invalid("last_at_us", 0)),
        ("no section", but(3, &[0])[..16].to_vec(), invalid("generation", 0)),
        ("more after it", but(3, &[0]), StateError::Length { offset: 16, len: 31 }),
        ("more sections told", but(3, &[2]), StateError::Length { offset: 31, len: 31 }),
    ]);
}

#[test]
fn sections() {
    let circuit = section(1, 1, &CLOSED);
    let leb = |len: &[u8]| [&state(core::slice::from_ref(&circuit))[..18], len, &CLOSED].concat();
    let carried = |kind| section(kind, 0, &[]);
    let too_far = StateError::Length { offset: 16, len: 52 };
    check(vec![
        ("a length in two bytes", leb(&[0xA1, 0]), invalid("sections.length", 16)),
        ("in three", leb(&[0xA1, 0x80, 0]), invalid("sections.length", 16)),
        ("in four", leb(&[0xA1, 0x80, 0x80, 1]), invalid("sections.length", 16)),
        ("beyond the end", leb(&[34]), too_far),
        ("far beyond the end", leb(&[0xFF, 0xFF, 0x7F]), StateError::Length { offset: 16, len: 54 }),
        ("not the circuit first", state(&[section(2, 1, &LIMIT)]), invalid("generation", 0)),
        ("the circuit twice", state(&[circuit.clone(), circuit.clone()]), invalid("sections.kind", 52)),
        ("out of order", state(&[circuit.clone(), section(3, 1, &ONE_AT), section(2, 1, &LIMIT)]), {
            invalid("sections.kind", 62)
        }),
        ("kind 0", state(&[section(0, 1, &[]), circuit.clone()]), invalid("sections.kind", 16)),
        ("a critical one of later", with(10, 1, b"later"), StateError::UnknownSection { kind: 10 }),
        ("a critical one of a host", with(128, 1, b"host"), StateError::UnknownSection { kind: 128 }),
        ("the first of the refused kinds", with(64, 0, b""), StateError::UnknownSection { kind: 64 }),
        ("the last of them", with(127, 0, b""), StateError::UnknownSection { kind: 127 }),
        ("carried, too long", with(10, 0, &[0; 1021]), invalid("carried", 52)),
        ("carried, too long together", state(&[circuit.clone(), carried(10), section(11, 0, &[0; 1018])]), {
            invalid("carried", 55)
        }),
        ("one carried kind twice", state(&[circuit, carried(10), carried(10)]), invalid("sections.kind", 55)),
    ]);
}

#[test]
fn circuits() {
    let bad = |what, body: &[u8], field| (what, state(&[section(1, 1, body)]), invalid(field, 16));
    let late = |body: &[u8]| {
        [&state(&[vec![]])[..9], &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xF], &section(1, 1, body)].concat()
    };
    check(vec![
        ("not critical", state(&[section(1, 0, &CLOSED)]), invalid("circuit", 16)),
        ("an unknown flag", state(&[section(1, 3, &CLOSED)]), invalid("circuit", 16)),
        bad("cut", &CLOSED[..32], "circuit"),
        bad("longer", &[&CLOSED[..], &[0]].concat(), "circuit"),
        bad("generation 0", &but(CLOSED, 0, &[0]), "generation"),
        bad("next lease 0", &but(CLOSED, 9, &[0]), "next_lease_id"),
        bad("no phase", &but(CLOSED, 12, &[0x03]), "circuit.phase"),
        bad("no reason", &but(CLOSED, 12, &[0x80]), "circuit.reason"),
        bad("since never", &but(CLOSED, 14, &NONE_AT), "circuit.since_us"),
        bad("since after the last change", &but(CLOSED, 14, &[11]), "circuit.since_us"),
        bad("touched too late", &but(CLOSED, 21, &END_AT), "circuit.touched_us"),
        bad("closed, its filler", &but(CLOSED, 32, &[1]), "circuit"),
        bad("an open time of 0", &but(OPEN, 21, &[0]), "circuit.open_us"),
        bad("one of 2^32 ms", &but(OPEN, 21, &[0, 0, 0, 0, 0xE8, 3]), "circuit.open_us"),
        ("an end too late", late(&but(but(OPEN, 14, &[1, 0, 0, 0, 0, 0, 0xF]), 27, &[0xFF; 6])), {
            invalid("circuit.until_us", 16)
        }),
        bad("half-open, touched too late", &but(HALF_OPEN, 21, &END_AT), "circuit.touched_us"),
        bad("too many successes", &but(HALF_OPEN, 28, &[1, 4]), "circuit.successes"),
        bad("too many results", &but(HALF_OPEN, 28, &[0xFF, 3]), "circuit.failures"),
        bad("half-open, its filler", &but(HALF_OPEN, 32, &[1]), "circuit"),
    ]);
}

#[test]
fn limits() {
    let bad = |what, at, bytes: &[u8], field| (what, with(2, 1, &but(LIMIT, at, bytes)), invalid(field, 52));
    let two = |hash| state(&[section(1, 1, &CLOSED), section(2, 1, &LIMIT), section(2, 1, &but(LIMIT, 0, &[hash]))]);
    check(vec![
        ("not critical", with(2, 6, &LIMIT), invalid("limits", 52)),
        ("an unknown flag", with(2, 9, &LIMIT), invalid("limits", 52)),
        ("cut", with(2, 1, &LIMIT[..24]), invalid("limits", 52)),
        ("out of order", two(0), invalid("limits.name_hash", 80)),
        ("twice", two(1), invalid("limits.name_hash", 80)),
        bad("no name", 0, &[0], "limits.name_hash"),
        bad("no unit", 11, &[0], "limits.units_per_token"),
        bad("units of 2^32 ms", 11, &[0, 0, 0, 0, 0xE8, 3], "limits.units_per_token"),
        bad("no refill", 17, &[0], "limits.units_per_us"),
        bad("no capacity", 21, &[0], "limits.capacity"),
        bad("a capacity of 3 × 2^52 units", 11, &[3, 0, 0, 0, 0x10, 0, 4, 0, 0, 0, 0, 0, 0, 0x80], "limits.capacity"),
        bad("more than its capacity", 4, &[16], "limits.level"),
        bad("a debt of 2^53", 4, &[0, 0, 0, 0, 0, 0, 0xE0], "limits.level"),
        bad("a debt of 2^55", 4, &[0, 0, 0, 0, 0, 0, 0x80], "limits.level"),
    ]);
}

#[test]
fn block_and_mode() {
    let mode =
        |what, mode: u8, until: [u8; 7], field| (what, with(4, 1, &[&[mode], &until[..]].concat()), invalid(field, 52));
    let no_circuit = section(1, 1, &CLOSED[..12]);
    check(vec![
        ("a block, not critical", with(3, 0, &ONE_AT), invalid("block_until_us", 52)),
        ("a block, cut", with(3, 1, &ONE_AT[..6]), invalid("block_until_us", 52)),
        ("a block until never", with(3, 1, &NONE_AT), invalid("block_until_us", 52)),
        ("a block, too late", with(3, 1, &END_AT), invalid("block_until_us", 52)),
        mode("no mode", 0, NONE_AT, "mode.mode"),
        mode("another mode", 4, NONE_AT, "mode.mode"),
        mode("an end too late", 1, END_AT, "mode.until_us"),
        mode("disabled with an end", 2, ONE_AT, "mode.until_us"),
        mode("metrics only with an end", 3, ONE_AT, "mode.until_us"),
        ("a mode, not critical", with(4, 0, &[1, 0, 0, 0, 0, 0, 0, 0]), invalid("mode", 52)),
        ("a mode, cut", with(4, 1, &[1]), invalid("mode", 52)),
        ("a mode over nothing", state(&[no_circuit, section(4, 1, &[2, 0, 0, 0, 0, 0, 0, 0])]), invalid("mode", 0)),
    ]);
}

#[test]
fn counts() {
    let no_circuit = |kind, body: &[u8]| state(&[section(1, 1, &CLOSED[..12]), section(kind, 1, body)]);
    let calls = |what, at, bytes: &[u8], field| (what, with(6, 1, &but(CALLS, at, bytes)), invalid(field, 52));
    let slots = |what, at, bytes: &[u8], field| (what, with(7, 1, &but(SLOTS, at, bytes)), invalid(field, 52));
    let next = |index: u8| with(7, 1, &[&SLOTS[..], &but(SLOTS, 7, &[index])[7..]].concat());
    let both = [section(1, 1, &CLOSED), section(6, 1, &CALLS), section(7, 1, &SLOTS)];
    check(vec![
        ("failures, not critical", with(5, 0, &ONE_AT), invalid("failures_at_us", 52)),
        ("no failures", with(5, 1, &[]), invalid("failures_at_us", 52)),
        ("cut failures", with(5, 1, &ONE_AT[..6]), invalid("failures_at_us", 52)),
        ("failures, none of them", with(5, 1, &NONE_AT), invalid("failures_at_us", 52)),
        ("failures, too late", with(5, 1, &END_AT), invalid("failures_at_us", 52)),
        ("failures, descending", with(5, 1, &[[2, 0, 0, 0, 0, 0, 0], ONE_AT].concat()), invalid("failures_at_us", 52)),
        ("65 failures", with(5, 1, &[ONE_AT; 65].concat()), invalid("failures_at_us", 52)),
        ("failures of nothing", no_circuit(5, &ONE_AT), invalid("failures_at_us", 0)),
        ("calls, not critical", with(6, 0, &CALLS), invalid("window", 52)),
        ("calls, cut", with(6, 1, &CALLS[..3]), invalid("window", 52)),
        ("calls, cut later", with(6, 1, &CALLS[..5]), invalid("window.calls.calls", 52)),
        ("calls of nothing", no_circuit(6, &CALLS), invalid("window", 0)),
        calls("a size of 0", 0, &[0], "window.calls.size"),
        calls("a size of 1,025", 0, &[1, 4], "window.calls.size"),
        calls("no calls", 2, &[0], "window.calls.calls"),
        calls("more calls than it holds", 2, &[6], "window.calls.calls"),
        calls("fewer calls than bytes", 2, &[4], "window.calls.calls"),
        calls("their filler", 5, &[5], "window.calls.calls"),
        ("slots, not critical", with(7, 0, &SLOTS), invalid("window", 52)),
        ("slots, cut", with(7, 1, &SLOTS[..6]), invalid("window", 52)),
        ("slots, none", with(7, 1, &SLOTS[..7]), invalid("window.time.sums", 52)),
        ("slots, cut later", with(7, 1, &SLOTS[..25]), invalid("window.time.sums", 52)),
        ("slots of nothing", no_circuit(7, &SLOTS), invalid("window", 0)),
        ("two windows", state(&both), invalid("window", 0)),
        ("a slot twice", next(7), invalid("window.time.sums.index", 52)),
        ("a slot before it", next(6), invalid("window.time.sums.index", 52)),
        ("a slot too far on", next(17), invalid("window.time.sums.index", 52)),
        slots("slots of 0 µs", 0, &[0], "window.time.slot_us"),
        slots("slots of 2^32 ms", 0, &[0, 0, 0, 0, 0xE8, 3], "window.time.slot_us"),
        slots("0 slots", 6, &[0], "window.time.slots"),
        slots("65 slots", 6, &[65], "window.time.slots"),
        slots("a slot too late", 7, &END_AT, "window.time.sums.index"),
        slots("a slot without calls", 14, &[0], "window.time.sums.calls"),
        slots("more failed than called", 18, &[3], "window.time.sums.failures"),
        slots("more slow than called", 22, &[3], "window.time.sums.slow"),
    ]);
}

#[test]
fn leases_and_probes() {
    let leases = |what, flags, body: &[u8], field| (what, with(9, flags, body), invalid(field, 52));
    let bad_probes = |what, live: &[[u8; 10]], field| (what, probes(live), invalid(field, 52));
    let ids = |number: u8| (1..=number).map(lease).collect::<Vec<_>>();
    let no_end = but(lease(1), 3, &NONE_AT);
    check(vec![
        ("probes, not critical", with(8, 0, &ONE_AT), invalid("probes", 52)),
        ("probes, cut", with(8, 1, &ONE_AT[..6]), invalid("probes", 52)),
        ("probes of a closed circuit", with(8, 1, &ONE_AT), invalid("probes", 0)),
        ("probes since never", with(8, 1, &NONE_AT), invalid("probes.first_us", 52)),
        ("probes since after the last change", with(8, 1, &[1; 7]), invalid("probes.first_us", 52)),
        ("probes, cut later", with(8, 1, &[&ONE_AT[..], &[1; 9]].concat()), invalid("probes.live", 52)),
        bad_probes("65 probes", &ids(65), "probes.live"),
        bad_probes("a probe of id 0", &[lease(0)], "probes.live.id"),
        bad_probes("probes out of order", &[lease(2), lease(1)], "probes.live.id"),
        bad_probes("two of one id, the later end first", &[but(lease(1), 3, &[2]), lease(1)], "probes.live.id"),
        bad_probes("a probe without an end", &[no_end], "probes.live.expires_us"),
        bad_probes("a probe that ends too late", &[but(lease(1), 3, &END_AT)], "probes.live.expires_us"),
        leases("not critical", 0, &lease(1), "leases"),
        leases("an unknown flag", 9, &lease(1), "leases"),
        leases("none", 1, &[], "leases"),
        leases("cut", 1, &lease(1)[..9], "leases"),
        leases("id 0", 1, &lease(0), "leases.id"),
        leases("out of order", 1, &[lease(2), lease(1)].concat(), "leases.id"),
        leases("twice", 1, &[lease(1), lease(1)].concat(), "leases.id"),
        leases("no end", 1, &no_end, "leases.expires_us"),
        leases("an end too late", 1, &but(lease(1), 3, &END_AT), "leases.expires_us"),
        leases("room for holders and none", 3, &[&lease(1)[..], &[0; 8]].concat(), "leases.holder"),
        leases("room for counts and each 1", 5, &[&lease(1)[..], &[1, 0]].concat(), "leases.count"),
        leases("a count of 0", 5, &[&lease(1)[..], &[0, 0]].concat(), "leases.count"),
        leases("a count of 4,096", 5, &[&lease(1)[..], &[0, 0x10]].concat(), "leases.count"),
    ]);
}
