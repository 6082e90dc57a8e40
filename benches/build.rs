//! Links the C library, as `make -C bindings-c` builds it, and the C loop of `c/pass.c` into `c_over_rust`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_C").is_some() {
        let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../bindings-c/build");
        for part in ["pass.o", "libstanchion.a"] {
            println!("cargo::rerun-if-changed={built}/{part}");
            println!("cargo::rustc-link-arg-bin=c_over_rust={built}/{part}");
        }
    }
}
