//! What the build does that is more than a line of make: `cargo xtask <task>`.
//!
//! A task is a file with `NAME`, `HELP` and `run`, and a line in [`TASKS`].

use std::error::Error;
use std::process::ExitCode;

use lexopt::{Arg, Parser};

mod check_vectors;
mod examples;
mod schema;
#[cfg(feature = "wasm")]
mod wasm;

/// What a task answers; an error is printed, and ends the program with 1.
type Outcome = Result<(), Box<dyn Error>>;

struct Task {
    name: &'static str,
    help: &'static str,
    run: fn(Parser) -> Outcome,
}

const TASKS: &[Task] = &[
    Task { name: check_vectors::NAME, help: check_vectors::HELP, run: check_vectors::run },
    Task { name: examples::NAME, help: examples::HELP, run: examples::run },
    Task { name: schema::NAME, help: schema::HELP, run: schema::run },
    #[cfg(feature = "wasm")]
    Task { name: wasm::NAME, help: wasm::HELP, run: wasm::run },
];

fn main() -> ExitCode {
    match dispatch(Parser::from_env()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(mut args: Parser) -> Outcome {
    let name = match args.next()? {
        Some(Arg::Value(name)) => name.to_string_lossy().into_owned(),
        Some(Arg::Short('h') | Arg::Long("help")) => {
            print!("{}", usage());
            return Ok(());
        }
        Some(other) => return Err(other.unexpected().into()),
        None => return Err(format!("no task given\n{}", usage()).into()),
    };
    match TASKS.iter().find(|task| task.name == name) {
        Some(task) => (task.run)(args),
        None => Err(format!("no task `{name}`\n{}", usage()).into()),
    }
}

fn usage() -> String {
    let tasks = TASKS.iter().map(|task| format!("  {:<14} {}\n", task.name, task.help));
    format!("usage: cargo xtask <task>\n{}", tasks.collect::<String>())
}

/// The values that are left on the command line; options there are an error.
fn values(mut args: Parser) -> Result<Vec<String>, Box<dyn Error>> {
    let mut values = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Value(value) => values.push(value.into_string().map_err(|_| "an argument is not UTF-8")?),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::{TASKS, dispatch, usage};
    use lexopt::Parser;

    fn error_of(args: &[&str]) -> String {
        dispatch(Parser::from_args(args)).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_task_is_told_the_tasks() {
        assert!(error_of(&[]).starts_with("no task given"));
        assert!(error_of(&["dance"]).starts_with("no task `dance`"));
        assert!(error_of(&["--dance"]).contains("--dance"));
        for task in TASKS {
            assert!(usage().contains(task.name) && error_of(&["dance"]).contains(task.help));
        }
    }
}
