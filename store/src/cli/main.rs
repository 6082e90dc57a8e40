//! The command `stanchion`: what an operator asks of a policy file and of a state file.

mod args;
mod commands;
mod output;

use std::process::ExitCode;

use args::Request;
use output::Failure;

fn main() -> ExitCode {
    let outcome = args::parse(std::env::args_os().skip(1)).and_then(|request| match request {
        Request::Help(text) => output::print(text).map(|()| args::OK),
        Request::Check(check) => commands::check(&check),
        Request::List(list) => commands::list(&list),
        Request::Show(show) => commands::show(&show),
        Request::Repair(repair) => commands::repair(&repair),
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
