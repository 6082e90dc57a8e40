//! What the fuzz targets do with their bytes. `core/tests/corpus.rs` includes the same files, and replays on stable what
//! the fuzzers found worth keeping.

pub mod apply;
pub mod beside;
pub mod decode;
pub mod spool;
