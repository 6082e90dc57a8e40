//! The Rust runner: replays the vectors, writes `<digest>  <id>` lines, exits with 1 on any difference.
//!
//! ```text
//! cargo run -q -p stanchion --example vectors -- out/digests/rust.txt core/vectors
//! ```

#[path = "../tests/support/replay.rs"]
mod replay;
#[path = "../tests/support/report.rs"]
mod report;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = env::args_os().skip(1).map(PathBuf::from);
    let Some(digest_file) = args.next() else {
        eprintln!("usage: vectors <digest file> [<folder of vectors>]");
        return ExitCode::from(2);
    };
    let dir = args.next().unwrap_or_else(|| PathBuf::from("core/vectors"));
    match write_digests(&digest_file, &dir) {
        Ok(differences) if differences.is_empty() => ExitCode::SUCCESS,
        Ok(differences) => {
            eprintln!("{}", differences.join("\n"));
            ExitCode::FAILURE
        }
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

/// Writes the digests of all vectors, whatever they expect, and returns the differences.
fn write_digests(digest_file: &Path, dir: &Path) -> Result<Vec<String>, String> {
    let report = report::run(dir, false)?;
    let fail = |e: std::io::Error| format!("{}: {e}", digest_file.display());
    if let Some(parent) = digest_file.parent() {
        fs::create_dir_all(parent).map_err(fail)?;
    }
    fs::write(digest_file, report.digest_lines()).map_err(fail)?;
    Ok(report.differences)
}
