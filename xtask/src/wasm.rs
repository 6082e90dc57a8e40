//! `wasm`: builds the engine for WebAssembly and its JavaScript glue into `bindings-wasm/pkg`.
//!
//! `cargo build` for wasm32 with the profile `wasm`, then wasm-bindgen's `web` output without a default path (a bundler
//! would follow it), then `wasm-opt` where npm has installed it, then the bytes as a module, for hosts that inline them.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lexopt::{Arg, Parser};
use wasm_bindgen_cli_support::Bindgen;

mod inline;
mod order;

use inline::{Text, encode};
use order::ordered;

const TARGET: &str = "wasm32-unknown-unknown";
const OUT_NAME: &str = "stanchion";
/// A copy of more than one word is the one instruction for it and no row of loads and stores: three kilobytes of the module. The short
/// way of a call copies nothing.
const COPIES: &str = "llvm-args=-max-store-memcpy=1";
/// What the constants of the module lie behind: with less than a megabyte of stack their addresses are a byte shorter, and an
/// instance begins with less memory. JSON that is nested as deep as it may be takes a sixth of it.
const STACK: &str = "link-arg=-zstack-size=262144";

pub(crate) const NAME: &str = "wasm";
pub(crate) const HELP: &str = "builds bindings-wasm/pkg; with --test-panic pkg-test-panic, which can panic on purpose and has the steps of a spool";

pub(crate) fn run(mut args: Parser) -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the workspace has no folder")?;
    let (mut out, mut features) = ("bindings-wasm/pkg", &[][..]);
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("test-panic") => {
                (out, features) = ("bindings-wasm/pkg-test-panic", &["--features", "test-panic,spool"][..]);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let out = root.join(out);
    let built = build(root, features)?;
    bind(&built, &out)?;
    let wasm = out.join(format!("{OUT_NAME}_bg.wasm"));
    optimise(root, &wasm)?;
    inline(&wasm, &out)?;
    println!("{}: {} bytes", wasm.display(), fs::metadata(&wasm)?.len());
    Ok(())
}

/// Compiles the crate and says where the module lies.
fn build(root: &Path, features: &[&str]) -> Result<PathBuf, Box<dyn Error>> {
    let target_dir = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["rustc", "-p", "stanchion-wasm", "--target", TARGET, "--profile", "wasm"]);
    cargo.args(features).arg("--target-dir").arg(&target_dir);
    let status = cargo.args(["--", "-C", COPIES, "-C", STACK]).status()?;
    if !status.success() {
        return Err(format!("cargo failed: is the target there? `rustup target add {TARGET}`").into());
    }
    Ok(target_dir.join(TARGET).join("wasm").join("stanchion_wasm.wasm"))
}

/// Makes the glue and the module that it loads.
fn bind(built: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    if out.exists() {
        fs::remove_dir_all(out)?;
    }
    fs::create_dir_all(out)?;
    let mut bindgen = Bindgen::new();
    bindgen.web(true)?.omit_default_module_path(true).reset_state_function(true).typescript(true);
    bindgen.remove_name_section(true).remove_producers_section(true);
    bindgen.input_path(built).out_name(OUT_NAME).generate(out)?;
    Ok(())
}

/// Makes the module smaller and faster with npm's `binaryen`, where it is installed.
fn optimise(root: &Path, wasm: &Path) -> Result<(), Box<dyn Error>> {
    let tool = root.join("node_modules/.bin/wasm-opt");
    if !tool.exists() {
        println!("wasm-opt is not installed (`npm ci`): the module is larger than the published one");
        return Ok(());
    }
    let options = [
        "-O3",
        "--converge",
        // The lowest addresses are the far end of the stack, so nothing lies in the first kilobyte but before an overflow: then no
        // constant offset of a load wraps, and each is part of its instruction.
        "--low-memory-unused",
        // What is downloaded is gzipped, which these would make larger: runs of zeros cost nothing there, a segment for each run
        // of other bytes does, and so do more locals.
        "--skip-pass=memory-packing",
        "--skip-pass=local-cse",
        // Engines take alignment as a hint and use it not: without it, equal code is equal bytes.
        "--dealign",
        // Which features were used is for tools, and was read by now.
        "--strip-target-features",
    ];
    let status = Command::new(tool).args(options).arg(wasm).arg("-o").arg(wasm).status()?;
    if !status.success() {
        return Err("wasm-opt failed".into());
    }
    Ok(fs::write(wasm, ordered(&fs::read(wasm)?)?)?)
}

/// The bytes as JavaScript modules: as text that downloads small, and as text that Node reads fast.
fn inline(wasm: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let bytes = fs::read(wasm)?;
    let Text { order, text } = encode(&bytes);
    let constants = [
        ("length", bytes.len().to_string(), "number", "How many bytes the module has."),
        (
            "order",
            format!("'{}'", STANDARD.encode(order)),
            "string",
            "All 256 bytes in base64, the most frequent first.",
        ),
        ("text", format!("'{text}'"), "string", "The module's bytes, as `host/module/bytes.ts` reads them."),
    ];
    write_constants(out, "bytes", &constants)?;
    let base64 = ("base64", format!("'{}'", STANDARD.encode(&bytes)), "string", "The module's bytes in base64.");
    write_constants(out, "base64", &[base64])
}

/// A JavaScript module and its declarations; each constant as its name, value, type and documentation.
fn write_constants(out: &Path, name: &str, constants: &[(&str, String, &str, &str)]) -> Result<(), Box<dyn Error>> {
    let (mut script, mut types) = (String::new(), String::new());
    for (constant, value, kind, about) in constants {
        writeln!(script, "export const {constant} = {value};")?;
        writeln!(types, "/** {about} */\nexport declare const {constant}: {kind};")?;
    }
    fs::write(out.join(format!("{name}.js")), script)?;
    Ok(fs::write(out.join(format!("{name}.d.ts")), types)?)
}
