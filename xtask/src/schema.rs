//! Writes the JSON Schemas of `core/schema`.

use std::fs;
use std::path::Path;

use lexopt::Parser;

use crate::{Outcome, values};

pub(crate) const NAME: &str = "schema";
pub(crate) const HELP: &str = "write the JSON Schemas of core/schema";

/// A committed file and what makes it. That it is fresh is a test of the core.
struct Schema {
    file: &'static str,
    text: fn() -> String,
}

const SCHEMAS: &[Schema] = &[
    Schema { file: "policy.schema.json", text: stanchion::policy_schema },
    Schema { file: "state.schema.json", text: stanchion::state_schema },
];

pub(crate) fn run(args: Parser) -> Outcome {
    if let Some(value) = values(args)?.first() {
        return Err(format!("`{NAME}` takes no argument, got `{value}`").into());
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/schema");
    fs::create_dir_all(&folder)?;
    for Schema { file, text } in SCHEMAS {
        fs::write(folder.join(file), text())?;
        println!("wrote core/schema/{file}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{NAME, run};

    #[test]
    fn an_argument_is_refused_and_nothing_written() {
        let error = run(lexopt::Parser::from_args(["--quiet"])).unwrap_err().to_string();
        assert!(error.contains("--quiet"), "{error}");
        let error = run(lexopt::Parser::from_args(["x"])).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{NAME}`")), "{error}");
    }
}
