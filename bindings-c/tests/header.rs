//! The committed header is what cbindgen makes of the sources, and the copy in the Go module is that header.
#![expect(clippy::unwrap_used, reason = "a broken assumption is a failed test")]

use std::path::{Path, PathBuf};
use std::{env, fs};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn fresh() -> String {
    let config = cbindgen::Config::from_file(folder().join("cbindgen.toml")).unwrap();
    let bindings = cbindgen::Builder::new().with_crate(folder()).with_config(config).generate().unwrap();
    let mut text = Vec::new();
    bindings.write(&mut text);
    String::from_utf8(text).unwrap()
}

fn agree(committed: &Path, fresh: &str) {
    if env::var_os("STN_BLESS").is_some() {
        fs::write(committed, fresh).unwrap();
    }
    let stands = fs::read_to_string(committed).unwrap_or_default();
    assert!(stands == fresh, "{} is stale: STN_BLESS=1 cargo test -p stanchion-c --test header", committed.display());
}

#[test]
fn the_header_and_its_copy_are_fresh() {
    let fresh = fresh();
    agree(&folder().join("include/stanchion.h"), &fresh);
    agree(&folder().join("go/stanchion.h"), &fresh);
}

#[test]
fn the_header_declares_every_entry_and_nothing_of_the_tests() {
    let fresh = fresh();
    for entry in ["stn_acquire(", "stn_store_commit(", "stn_explain(", "STN_ABI_VERSION"] {
        assert!(fresh.contains(entry), "{entry} is missing");
    }
    assert!(!fresh.contains("stn_test_panic"));
}

/// What a manual owes to each function; the conventions at its top say how to read it.
#[test]
fn the_header_tells_threads_and_statuses_of_every_function() {
    let fresh = fresh();
    let (_, declarations) = fresh.split_once("extern \"C\" {").unwrap();
    let functions: Vec<&str> =
        declarations.split_inclusive(");\n").filter(|text| text.contains(" *stn_") || text.contains(" stn_")).collect();
    assert!(functions.len() > 40, "only {} functions", functions.len());
    for function in functions {
        let declaration: String = function.lines().filter(|line| !line.starts_with("//")).collect();
        let ends_with_status = declaration.contains("uint32_t stn_") && declaration.contains('*');
        assert!(function.contains("// - Threads: "), "nothing of threads: {function}");
        assert!(!ends_with_status || function.contains("// - Fails with: "), "no statuses: {function}");
    }
}
