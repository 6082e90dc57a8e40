//! The command `stanchion`: what an operator asks of a policy file and of a state file, and tells it.

mod args;
mod check;
mod control;
mod files;
mod follow;
mod import;
mod list;
mod output;
mod repair;
mod report;
mod show;
mod spool;
mod values;

use std::process::ExitCode;

use args::{Command, Request};
use output::Failure;

/// All commands, as the list of help shows them.
const COMMANDS: &[&[Command]] = &[
    &[check::CHECK, list::LIST, show::SHOW, follow::FOLLOW],
    control::COMMANDS,
    &[repair::REPAIR, import::S2, report::REPORT],
    spool::COMMANDS,
];

fn main() -> ExitCode {
    let commands: Vec<&Command> = COMMANDS.iter().copied().flatten().collect();
    let outcome = args::parse(&commands, std::env::args_os().skip(1)).and_then(|request| match request {
        Request::Say(text) => output::print(&text).map(|()| args::OK),
        Request::Run(args) => args.run(),
    });
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(Failure::BrokenPipe) => ExitCode::from(args::OK),
        Err(Failure::Told { code, text }) => {
            output::tell(&text);
            ExitCode::from(code)
        }
    }
}
