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
fn the_header_tells_what_it_owes_of_every_function() {
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
        let hands_out = declaration.contains(" **") || declaration.starts_with("const char *stn_");
        assert!(!hands_out || function.contains("// - Owner: "), "no owner: {function}");
        tells_what_may_be_null(function, &declaration);
    }
}

/// An error and a buffer may always be null, and nothing is named that is no parameter.
fn tells_what_may_be_null(function: &str, declaration: &str) {
    let (_, parameters) = declaration.split_once('(').unwrap();
    let parameters: Vec<&str> = parameters.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let after = function.split_once("// - Null: ").map_or("", |(_, after)| after);
    let told = after.split("// - ").next().unwrap();
    for optional in ["error", "buffer"] {
        let is_told = told.contains(&format!("`{optional}`"));
        assert!(
            !parameters.contains(&optional) || is_told,
            "`{optional}` may be null, and it does not say so: {function}"
        );
    }
    for named in told.split('`').skip(1).step_by(2) {
        assert!(parameters.contains(&named), "`{named}` is no parameter: {function}");
    }
}

#[test]
fn the_readme_names_the_rust_that_builds_it() {
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    let sentence = format!("`rust-version` of the root's `Cargo.toml`: {}", env!("CARGO_PKG_RUST_VERSION"));
    assert!(readme.contains(&sentence), "the README does not say: {sentence}");
}
