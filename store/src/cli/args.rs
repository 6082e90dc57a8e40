//! The commands as data: what each takes, how it is asked for, and the page that says so.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

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

/// A command: one row of the list, one page of help, one function.
#[derive(Debug)]
pub(crate) struct Command {
    /// One word, or two: `force open`.
    pub(crate) name: &'static str,
    /// What stands behind it; a word in brackets may be left out.
    pub(crate) words: &'static [&'static str],
    /// Options that it needs.
    pub(crate) must: &'static [&'static Flag],
    /// Options that it takes.
    pub(crate) may: &'static [&'static Flag],
    /// What it does, for the list of all.
    pub(crate) line: &'static str,
    /// What it does, for its own page.
    pub(crate) text: &'static str,
    /// Does it, and says with which exit code.
    pub(crate) run: fn(&Args) -> Result<u8, Failure>,
}

/// An option.
#[derive(Debug)]
pub(crate) struct Flag {
    /// With its two dashes.
    pub(crate) name: &'static str,
    /// What its value is called, where it takes one.
    pub(crate) value: Option<&'static str>,
    /// What it does; lines after the first are set below it.
    pub(crate) says: &'static str,
}

pub(crate) const JSON: Flag = Flag { name: "--json", value: None, says: "prints JSON for programs" };
pub(crate) const POLICY: Flag =
    Flag { name: "--policy", value: Some("POLICY.json"), says: "the policy that uses the key" };
pub(crate) const OUTPUT: Flag = Flag { name: "--output", value: Some("NEW"), says: "where the new file goes" };
pub(crate) const ANY_OWNER: Flag =
    Flag { name: "--any-owner", value: None, says: "accepts a file that belongs to another user" };

/// What was given to a command.
#[derive(Debug)]
pub(crate) struct Args {
    command: &'static Command,
    words: Vec<OsString>,
    options: Vec<(&'static str, OsString)>,
}

impl Args {
    /// Does what was asked for.
    pub(crate) fn run(&self) -> Result<u8, Failure> {
        (self.command.run)(self)
    }

    /// The word at that place, where it was given.
    pub(crate) fn word(&self, at: usize) -> Option<&OsStr> {
        self.words.get(at).map(OsString::as_os_str)
    }

    /// The word at that place as a path. `parse` saw to it that there is one.
    pub(crate) fn path(&self, at: usize) -> &Path {
        Path::new(self.word(at).unwrap_or_default())
    }

    /// The word at that place as text.
    pub(crate) fn text(&self, at: usize) -> Result<&str, Failure> {
        let word = self.word(at).unwrap_or_default();
        word.to_str().ok_or_else(|| self.usage(&format!("{} is not UTF-8", self.command.words[at])))
    }

    /// Whether the option was given.
    pub(crate) fn has(&self, flag: &Flag) -> bool {
        self.value(flag).is_some()
    }

    /// The value of an option, where it was given.
    pub(crate) fn value(&self, flag: &Flag) -> Option<&OsStr> {
        self.options.iter().find(|(name, _)| *name == flag.name).map(|(_, value)| value.as_os_str())
    }

    /// The value of an option as a path.
    pub(crate) fn path_of(&self, flag: &Flag) -> Option<PathBuf> {
        self.value(flag).map(PathBuf::from)
    }

    /// The value of an option as text.
    pub(crate) fn text_of(&self, flag: &Flag) -> Result<Option<&str>, Failure> {
        let text = self
            .value(flag)
            .map(|value| value.to_str().ok_or_else(|| self.usage(&format!("{} is not UTF-8", flag.name))));
        text.transpose()
    }

    /// That something about the arguments is wrong.
    pub(crate) fn usage(&self, what: &str) -> Failure {
        usage(what, self.command.name)
    }
}

/// What was asked for.
#[derive(Debug)]
pub(crate) enum Request {
    /// A page of help, or the version.
    Say(String),
    /// A command.
    Run(Args),
}

/// Understands the arguments.
pub(crate) fn parse(commands: &[&'static Command], args: impl Iterator<Item = OsString>) -> Result<Request, Failure> {
    let mut parser = lexopt::Parser::from_args(args);
    let (mut words, mut options, mut wants_help) = (Vec::new(), Vec::new(), false);
    while let Some(arg) = parser.next().map_err(misread)? {
        match arg {
            Value(word) => words.push(word),
            Short('h') | Long("help") => wants_help = true,
            Long("version") => {
                return Ok(Request::Say(concat!("stanchion ", env!("CARGO_PKG_VERSION"), "\n").to_owned()));
            }
            Long(name) => {
                let Some(flag) = flag_named(commands, name) else { return Err(misread(arg.unexpected())) };
                let value = if flag.value.is_some() { parser.value().map_err(misread)? } else { OsString::new() };
                options.push((flag.name, value));
            }
            Short(_) => return Err(misread(arg.unexpected())),
        }
    }
    if words.first().is_some_and(|word| word == "help") {
        words.remove(0);
        wants_help = true;
    }
    if words.is_empty() {
        return if wants_help { Ok(Request::Say(overview(commands))) } else { Err(usage("a command is missing", "")) };
    }
    let command = find(commands, &words, wants_help)?;
    match command {
        Found::Group(page) => Ok(Request::Say(page)),
        Found::Command(command) if wants_help => Ok(Request::Say(page(command))),
        Found::Command(command) => {
            words.drain(..command.name.split(' ').count());
            let args = Args { command, words, options };
            check(&args).map(|()| Request::Run(args))
        }
    }
}

fn flag_named(commands: &[&'static Command], name: &str) -> Option<&'static Flag> {
    let mut flags = commands.iter().flat_map(|command| command.must.iter().chain(command.may).copied());
    flags.find(|flag| flag.name.strip_prefix("--") == Some(name))
}

enum Found {
    Command(&'static Command),
    /// The first word of several commands, with their list.
    Group(String),
}

/// The command that the words begin with.
fn find(commands: &[&'static Command], words: &[OsString], wants_help: bool) -> Result<Found, Failure> {
    let begins = |command: &Command| command.name.split(' ').zip(words).all(|(name, word)| word == name);
    let mut all = commands.iter().copied().filter(|command| begins(command));
    let first = words.first().map_or_else(String::new, |word| word.display().to_string());
    match all.next() {
        Some(command) if command.name.split(' ').count() <= words.len() => Ok(Found::Command(command)),
        Some(command) if wants_help => {
            let lines: String = std::iter::once(command).chain(all).map(row).collect();
            Ok(Found::Group(format!("usage: stanchion {first} ...\n\n{lines}")))
        }
        _ => {
            let second = |command: &&Command| command.name.strip_prefix(&format!("{first} ")).map(str::to_owned);
            let allowed: Vec<String> = commands.iter().copied().filter_map(|command| second(&command)).collect();
            Err(match (allowed.is_empty(), words.get(1)) {
                (true, _) => usage(&format!("no command `{first}`"), ""),
                (false, None) => usage(&format!("`{first}` wants one of {}", allowed.join(", ")), ""),
                (false, Some(word)) => {
                    usage(&format!("`{first}` is `{}`: allowed are {}", word.display(), allowed.join(", ")), "")
                }
            })
        }
    }
}

/// Whether the command takes what was given, and was given what it needs.
fn check(args: &Args) -> Result<(), Failure> {
    let command = args.command;
    let missing = command.words.iter().skip(args.words.len()).find(|word| !word.starts_with('['));
    if let Some(word) = missing {
        return Err(args.usage(&format!("{word} is missing")));
    }
    if let Some(word) = args.word(command.words.len()) {
        return Err(args.usage(&format!("`{}` is one argument too many", word.display())));
    }
    for (place, (name, _)) in args.options.iter().enumerate() {
        if !command.must.iter().chain(command.may).any(|flag| flag.name == *name) {
            return Err(args.usage(&format!("`{}` takes no {name}", command.name)));
        }
        if args.options.iter().take(place).any(|(earlier, _)| earlier == name) {
            return Err(args.usage(&format!("{name} is given twice")));
        }
    }
    match command.must.iter().find(|flag| !args.has(flag)) {
        Some(flag) => Err(args.usage(&format!("{} is missing", shown(flag)))),
        None => Ok(()),
    }
}

fn misread(error: impl std::fmt::Display) -> Failure {
    usage(&error.to_string(), "")
}

fn usage(what: &str, command: &str) -> Failure {
    let space = if command.is_empty() { "" } else { " " };
    Failure::Told { code: USAGE, text: format!("{what}; see stanchion {command}{space}--help") }
}

fn shown(flag: &Flag) -> String {
    flag.value.map_or_else(|| flag.name.to_owned(), |value| format!("{} {value}", flag.name))
}

const EXIT_CODES: &str = "\
exit codes:
  0  it went well
  1  something was found wrong: an invalid policy, damage in a file, a key that is not there
  2  the command was not understood
  3  a file could not be read or written
";

const EXAMPLES: &str = "\
examples:
  stanchion check billing-api.json
  stanchion show /var/lib/app/state billing-api --policy billing-api.json
  stanchion block /var/lib/app/state billing-api --policy billing-api.json --for 10m
  stanchion follow /var/lib/app/state
";

/// The page of `stanchion --help`.
fn overview(commands: &[&'static Command]) -> String {
    let rows: String = commands.iter().copied().map(row).collect();
    format!(
        "stanchion looks at policies and at the state files that processes share, and tells them what to do\n\n\
         usage: stanchion <command> [options]\n\ncommands:\n{rows}\n\
         options:\n  -h, --help   prints this, or with a command what that one does\n  \
         --version    prints the version\n\n{EXIT_CODES}\n{EXAMPLES}"
    )
}

/// A command in the list of all.
fn row(command: &Command) -> String {
    format!("  {:<34} {}\n", format!("{} {}", command.name, command.words.join(" ")), command.line)
}

/// The page of one command.
fn page(command: &Command) -> String {
    let mut usage = format!("usage: stanchion {}", command.name);
    for word in command.words {
        let _ = write!(usage, " {word}");
    }
    let must = command.must.iter().map(|flag| shown(flag));
    let mut width = usage.len();
    for flag in must.chain(command.may.iter().map(|flag| format!("[{}]", shown(flag)))) {
        // A terminal's width.
        if width + 1 + flag.len() > 96 {
            usage += "\n      ";
            width = 6;
        }
        usage += " ";
        usage += &flag;
        width += 1 + flag.len();
    }
    let mut options = String::new();
    for flag in command.must.iter().chain(command.may) {
        let says = flag.says.replace('\n', "\n                         ");
        let _ = writeln!(options, "  {:<22} {says}", shown(flag));
    }
    format!("{usage}\n\n{}\noptions:\n{options}", command.text)
}
