//! Compares what the runners of the vectors computed: all must know the same vectors and have the same digest for each.
//!
//! A runner's file has a line `<SHA-256 in hex>  <id>` for each vector, sorted by id (see `core/vectors/README.md`). Who
//! they are told apart by is the file's name without its extension.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use lexopt::Parser;

use crate::{Outcome, values};

pub(crate) const NAME: &str = "check-vectors";
pub(crate) const HELP: &str = "<digest files...>: the runners of the vectors must all have computed the same";

/// What one runner computed.
struct Runner {
    name: String,
    /// Digests by id.
    digests: BTreeMap<String, String>,
}

pub(crate) fn run(args: Parser) -> Outcome {
    let runners = values(args)?.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let differences = compare(&runners)?;
    if differences.is_empty() {
        let names: Vec<_> = runners.iter().map(|runner| runner.name.as_str()).collect();
        let vectors = runners.first().map_or(0, |runner| runner.digests.len());
        println!("{vectors} vectors, the same digests from {} runners: {}", runners.len(), names.join(", "));
        return Ok(());
    }
    for difference in &differences {
        println!("{difference}");
    }
    Err(format!("the runners differ in {} vectors", differences.len()).into())
}

fn read(path: &str) -> Result<Runner, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let name = Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    parse(name, &text).map_err(|error| format!("{path}: {error}"))
}

/// Reads a runner's lines: sorted by id, so that no id stands there twice, and at least one.
fn parse(name: String, text: &str) -> Result<Runner, String> {
    let mut digests = BTreeMap::new();
    for (line, number) in text.lines().zip(1..) {
        let (digest, id) = line.split_once("  ").ok_or(format!("line {number} is not `<digest>  <id>`: {line}"))?;
        if digest.len() != 64 || !digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(format!("line {number} has no SHA-256 of 64 lower-case digits: {line}"));
        }
        if id.is_empty() || digests.last_key_value().is_some_and(|(last, _): (&String, _)| last.as_str() >= id) {
            return Err(format!("line {number} does not ascend by id: {line}"));
        }
        digests.insert(id.to_owned(), digest.to_owned());
    }
    if digests.is_empty() { Err("no digests in it".to_owned()) } else { Ok(Runner { name, digests }) }
}

/// A line for each vector that is not the same for all.
fn compare(runners: &[Runner]) -> Result<Vec<String>, String> {
    if runners.len() < 2 {
        return Err(format!("`{NAME}` compares at least two runners, got {}", runners.len()));
    }
    let names: BTreeSet<_> = runners.iter().map(|runner| &runner.name).collect();
    if names.len() < runners.len() {
        return Err("two of the files have one name, so they could not be told apart".to_owned());
    }
    let ids: BTreeSet<_> = runners.iter().flat_map(|runner| runner.digests.keys()).collect();
    Ok(ids.into_iter().filter_map(|id| difference(id, runners)).collect())
}

/// Who has which digest of this vector, and who none; `None` where all have the same.
fn difference(id: &str, runners: &[Runner]) -> Option<String> {
    let mut found: BTreeMap<Option<&str>, Vec<&str>> = BTreeMap::new();
    for runner in runners {
        found.entry(runner.digests.get(id).map(String::as_str)).or_default().push(&runner.name);
    }
    if found.len() == 1 {
        return None;
    }
    let parts = found.iter().map(|(digest, names)| match digest {
        Some(digest) => format!("{:.12}… from {}", digest, names.join(", ")),
        None => format!("missing from {}", names.join(", ")),
    });
    Some(format!("{id}: {}", parts.collect::<Vec<_>>().join("; ")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Runner, compare, parse, run};

    fn runner(name: &str, vectors: &[(&str, char)]) -> Runner {
        let lines = vectors.iter().map(|(id, digit)| format!("{}  {id}\n", digit.to_string().repeat(64)));
        parse(name.to_owned(), &lines.collect::<String>()).unwrap()
    }

    fn error_of(text: &str) -> String {
        parse("c".to_owned(), text).err().unwrap()
    }

    #[test]
    fn the_same_from_all_is_no_difference() {
        let all = ["rust", "c", "go"].map(|name| runner(name, &[("a/one", '1'), ("b/two words", '2')]));
        assert_eq!(compare(&all), Ok(vec![]));
    }

    #[test]
    fn a_runner_that_lacks_a_vector_is_named() {
        let all = [
            runner("rust", &[("a", '1'), ("b", '2')]),
            runner("c", &[("a", '1')]),
            runner("go", &[("a", '1'), ("b", '2')]),
        ];
        assert_eq!(compare(&all), Ok(vec!["b: missing from c; 222222222222… from rust, go".to_owned()]));
    }

    #[test]
    fn a_runner_with_a_vector_of_its_own_is_a_difference() {
        let all = [runner("rust", &[("a", '1')]), runner("c", &[("a", '1'), ("z", '9')])];
        assert_eq!(compare(&all), Ok(vec!["z: missing from rust; 999999999999… from c".to_owned()]));
    }

    #[test]
    fn another_digest_is_shown_with_who_has_it() {
        let all = [runner("rust", &[("a", '1')]), runner("c", &[("a", '3')]), runner("go", &[("a", '1')])];
        assert_eq!(compare(&all), Ok(vec!["a: 111111111111… from rust, go; 333333333333… from c".to_owned()]));
    }

    #[test]
    fn fewer_than_two_runners_prove_nothing() {
        let one = runner("rust", &[("a", '1')]);
        assert!(compare(&[]).unwrap_err().ends_with("got 0"));
        assert!(compare(&[one]).unwrap_err().ends_with("got 1"));
    }

    #[test]
    fn one_file_twice_proves_nothing() {
        let all = [runner("rust", &[("a", '1')]), runner("rust", &[("a", '1')])];
        assert!(compare(&all).unwrap_err().contains("one name"));
    }

    #[test]
    fn what_is_no_list_of_digests_is_refused() {
        let digest = "a".repeat(64);
        assert_eq!(error_of(""), "no digests in it");
        assert!(error_of("\n").starts_with("line 1 is not"));
        assert!(error_of(&format!("{digest} one-space\n")).starts_with("line 1 is not"));
        assert!(error_of(&format!("{digest}  a\nabc  b\n")).starts_with("line 2 has no SHA-256"));
        assert!(error_of(&format!("{}  a\n", "A".repeat(64))).starts_with("line 1 has no SHA-256"));
        assert!(error_of(&format!("{digest}  \n")).starts_with("line 1 does not ascend"));
        assert!(error_of(&format!("{digest}  b\n{digest}  a\n")).starts_with("line 2 does not ascend"));
        assert!(error_of(&format!("{digest}  a\n{digest}  a\n")).starts_with("line 2 does not ascend"));
    }

    #[test]
    fn files_that_differ_or_are_empty_or_missing_fail_the_task() {
        let folder = std::env::temp_dir().join(format!("stanchion-check-vectors-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).unwrap();
            path.into_os_string()
        };
        let rust = file("rust.txt", &format!("{}  a\n", "1".repeat(64)));
        let same = file("c.txt", &format!("{}  a\n", "1".repeat(64)));
        let other = file("go.txt", &format!("{}  a\n", "2".repeat(64)));
        let empty = file("node.txt", "");
        let missing = folder.join("none.txt").into_os_string();
        let result = |paths: &[&std::ffi::OsString]| {
            run(lexopt::Parser::from_args(paths.iter().copied())).map_err(|error| error.to_string())
        };

        assert_eq!(result(&[&rust, &same]), Ok(()));
        assert_eq!(result(&[&rust, &same, &other]), Err("the runners differ in 1 vectors".to_owned()));
        assert!(result(&[&rust, &empty]).unwrap_err().ends_with("no digests in it"));
        assert!(result(&[&rust, &missing]).unwrap_err().contains("none.txt"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
