//! Gives the shared library its SONAME. Before 1.0 it has the minor version, because a minor release may break the ABI.

fn main() {
    let version = |part: &str| std::env::var(format!("CARGO_PKG_VERSION_{part}")).unwrap_or_default();
    let (major, minor) = (version("MAJOR"), version("MINOR"));
    let soname = if major == "0" { format!("0.{minor}") } else { major };
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libstanchion.so.{soname}");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
