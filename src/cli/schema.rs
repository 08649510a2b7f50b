//! `schema`: the JSON Schema of the manifest, for editors and for programs that write one.

use super::outcome::{Code, Failure, Outcome};
use super::terminal::print;
use crate::manifest::schema::schema;

/// The words of `schema`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward schema > supervisor.schema.json
  # then, as the first line of supervisor.toml, for editors that know taplo:
  #:schema ./supervisor.schema.json

Exit codes: 0 printed.")]
pub struct Args {}

/// Runs `schema`.
pub fn run(_: &Args) -> Outcome {
    let text = serde_json::to_string_pretty(&schema()).map_err(|error| {
        Failure::failed(format!("the schema could not be written: {error}"), "report this as a bug")
    })?;
    print(&format!("{text}\n"))?;
    Ok(Code::Done)
}
