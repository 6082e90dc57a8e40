//! The arguments, their help and the exit codes.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::{Long, Short, Value};

use crate::output::Failure;

/// It went well.
pub(crate) const OK: u8 = 0;
/// Something was found that is wrong: an invalid policy, damage in a file, a key that is not there.
pub(crate) const FOUND_WRONG: u8 = 1;
/// The command was not understood.
pub(crate) const USAGE: u8 = 2;
/// A file could not be read or written.
pub(crate) const CANNOT_READ: u8 = 3;

/// What was asked for.
#[derive(Debug)]
pub(crate) enum Request {
    Help(&'static str),
    Check(Check),
    List(List),
    Show(Show),
    Repair(Repair),
}

#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) policy: PathBuf,
    pub(crate) is_json: bool,
}

#[derive(Debug)]
pub(crate) struct List {
    pub(crate) file: PathBuf,
    pub(crate) is_json: bool,
}

#[derive(Debug)]
pub(crate) struct Show {
    pub(crate) file: PathBuf,
    pub(crate) key: String,
    pub(crate) policy: Option<PathBuf>,
    pub(crate) is_json: bool,
}

#[derive(Debug)]
pub(crate) struct Repair {
    pub(crate) file: PathBuf,
    pub(crate) output: Option<PathBuf>,
    pub(crate) any_owner: bool,
    pub(crate) is_json: bool,
}

const HELP: &str = "\
stanchion looks at policies and at the state files that processes share

usage: stanchion <command> [options]

commands:
  check POLICY.json              is it a policy? says which field is wrong, or what it does
  list FILE                      the keys of a state file
  show FILE KEY [--policy P]     one key: what each gate says and why, or the bare state
  repair FILE [--output NEW]     saves what is whole into a new file, says what was lost

options:
  --json       prints JSON for programs
  -h, --help   prints this, or with a command what that one does
  --version    prints the version

exit codes:
  0  it went well
  1  something was found wrong: an invalid policy, damage in a file, a key that is not there
  2  the command was not understood
  3  a file could not be read or written

examples:
  stanchion check billing-api.json
  stanchion list /var/lib/app/state
  stanchion show /var/lib/app/state billing-api --policy billing-api.json
";

const CHECK: &str = "\
usage: stanchion check POLICY.json [--json]

Builds the policy as a program would and prints its gates with all defaults filled in. An
invalid one is told by field, value and what is allowed there (exit code 1). A file named - is
read from standard input.

examples:
  stanchion check billing-api.json
  stanchion check --json - < billing-api.json
";

const LIST: &str = "\
usage: stanchion list FILE [--json]

Prints the keys of a state file with the number of their writes, their size, and from when on
they may be forgotten. Takes no lock: it works while other processes use the file, also when one
of them hangs.

example:
  stanchion list /var/lib/app/state
";

const SHOW: &str = "\
usage: stanchion show FILE KEY [--policy POLICY.json] [--json]

With the policy that uses the key, prints what each gate says now, its numbers, since when,
until when and why. Without, prints the state as it is stored. Takes no lock.

examples:
  stanchion show /var/lib/app/state billing-api --policy billing-api.json
  stanchion show /var/lib/app/state billing-api --json
";

const REPAIR: &str = "\
usage: stanchion repair FILE [--output NEW] [--any-owner] [--json]

Reads everything that is whole in FILE and writes it to NEW (FILE.repaired where not said),
which must not exist. FILE stays as it is. Says which keys were saved, which of them may be one
write older, and what was lost (exit code 1).

To go on with the new file, stop the processes that use the old one, and rename both:
  stanchion repair state && mv state state.broken && mv state.repaired state

options:
  --any-owner   accepts a file that belongs to another user
";

/// Understands the arguments.
pub(crate) fn parse(args: impl Iterator<Item = OsString>) -> Result<Request, Failure> {
    let mut parser = lexopt::Parser::from_args(args);
    let mut words: Vec<OsString> = Vec::new();
    let mut options = Options::default();
    loop {
        match parser.next().map_err(usage)? {
            Some(Value(word)) => words.push(word),
            Some(Short('h') | Long("help")) => options.wants_help = true,
            Some(Long("version")) => return Ok(Request::Help(concat!("stanchion ", env!("CARGO_PKG_VERSION"), "\n"))),
            Some(Long("json")) => options.is_json = true,
            Some(Long("any-owner")) => options.any_owner = true,
            Some(Long("policy")) => options.policy = Some(parser.value().map_err(usage)?.into()),
            Some(Long("output")) => options.output = Some(parser.value().map_err(usage)?.into()),
            Some(other) => return Err(usage(other.unexpected())),
            None => break,
        }
    }
    request(words, options)
}

#[derive(Debug, Default)]
struct Options {
    wants_help: bool,
    is_json: bool,
    any_owner: bool,
    policy: Option<PathBuf>,
    output: Option<PathBuf>,
}

fn request(words: Vec<OsString>, options: Options) -> Result<Request, Failure> {
    let Options { wants_help, is_json, any_owner, policy, output } = options;
    let mut words = words.into_iter();
    let Some(command) = words.next() else {
        return if wants_help { Ok(Request::Help(HELP)) } else { Err(usage("a command is missing")) };
    };
    let help = match command.to_str() {
        Some("check") => CHECK,
        Some("list") => LIST,
        Some("show") => SHOW,
        Some("repair") => REPAIR,
        Some("help") => HELP,
        _ => return Err(usage(format!("no command `{}`", command.display()))),
    };
    if wants_help || help == HELP {
        return Ok(Request::Help(help));
    }
    let mut next = |what: &str| words.next().ok_or_else(|| usage(format!("{what} is missing")));
    let request = match command.to_str() {
        Some("check") => Request::Check(Check { policy: next("POLICY.json")?.into(), is_json }),
        Some("list") => Request::List(List { file: next("FILE")?.into(), is_json }),
        Some("show") => {
            let file = next("FILE")?.into();
            let key = next("KEY")?.into_string().map_err(|_| usage("KEY is not UTF-8"))?;
            Request::Show(Show { file, key, policy: policy.clone(), is_json })
        }
        _ => Request::Repair(Repair { file: next("FILE")?.into(), output: output.clone(), any_owner, is_json }),
    };
    let foreign = match &request {
        Request::Show(_) => output.map(|_| "--output").or(any_owner.then_some("--any-owner")),
        Request::Repair(_) => policy.map(|_| "--policy"),
        _ => policy.map(|_| "--policy").or(output.map(|_| "--output")).or(any_owner.then_some("--any-owner")),
    };
    match (words.next(), foreign) {
        (Some(word), _) => Err(usage(format!("`{}` is one argument too many", word.display()))),
        (None, Some(option)) => Err(usage(format!("this command takes no {option}"))),
        (None, None) => Ok(request),
    }
}

fn usage(what: impl std::fmt::Display) -> Failure {
    Failure::Told { code: USAGE, text: format!("{what}; see stanchion --help") }
}
