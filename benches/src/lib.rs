//! What the engine and the store cost, beside hand-written code and other libraries.
//!
//! Times on a shared machine say little, so they are taken in interleaved rounds and told as ratios of medians
//! (`cargo run -p stanchion-benches --release --bin ratios`); regressions are judged by instruction counts (`--bin counted`
//! under callgrind, see `scripts/bench`).

pub mod gate;
pub mod peers;
pub mod plain;
pub mod rounds;
pub mod shared;
