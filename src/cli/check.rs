//! `check`: proves the manifest free of collisions and shows what stands against it.
//!
//! Changes nothing and starts no gateway; with `--no-live` it reads files only.

use std::collections::BTreeSet;
use std::time::Instant;

use super::guest::{self, Hearsay};
use super::outcome::{Code, Failure, Outcome, Told};
use super::quotes::Quotes;
use super::supervised;
use super::target::Scope;
use super::terminal::{print, print_json, say, stdout_look};
use super::trouble;
use crate::collision::codes;
use crate::collision::finding::Finding;
use crate::daemon::load::{self, LoadError};
use crate::daemon::survey::{self, Depth, held};
use crate::manifest::error::Code as Mistaken;
use crate::plane::PlaneName;
use crate::render::findings::{Proof, explanation, github, has_error, sarif, summary};
use crate::render::sources::tamed;
use crate::render::text::Look;

/// The words of `check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward check                          the manifest, every plane's own config, and the host as it is now
  gateward check --no-live                files only: runs no program and tries no port
  gateward check --explain path-nested    what a code means, why it matters, what mends it
  gateward check --json | jq -r '.findings[] | [.code, .planes[]] | @tsv'

Exit codes: 0 no error, warnings perhaps; 6 the manifest cannot be read or is invalid; 7 errors found.")]
pub struct Args {
    /// Also look at ports, processes and services, and ask OpenClaw about each config (default)
    #[arg(long, conflicts_with = "no_live")]
    live: bool,
    /// Read files only
    #[arg(long)]
    no_live: bool,
    /// Explain a code and do nothing else
    #[arg(long, value_name = "CODE", exclusive = true, add = super::completions::codes())]
    explain: Option<String>,
    /// Print JSON
    #[arg(long, conflicts_with = "format")]
    pub(super) json: bool,
    /// How to print what is found
    #[arg(long, value_enum, value_name = "FORM")]
    format: Option<Form>,
}

/// The forms that findings can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// For people, with the lines that it is about
    Text,
    /// As in the interface
    Json,
    /// SARIF 2.1.0, for code scanners
    Sarif,
    /// Workflow commands, which GitHub shows at their lines
    Github,
}

/// Runs `check`.
pub fn run(args: &Args, scope: &Scope) -> Outcome {
    if let Some(word) = &args.explain {
        return explain(word);
    }
    let form = if args.json { Form::Json } else { args.format.unwrap_or(Form::Text) };
    let depth = if args.no_live && !args.live { Depth::Files } else { Depth::Live };
    let begun = Instant::now();
    let loaded = match scope.find().and_then(|path| load::read(&path)) {
        Ok(loaded) => loaded,
        Err(error) => return invalid(&error, form),
    };
    if let Some(Hearsay { findings: mut found, note }) = guest::findings(&loaded)? {
        found.sort();
        say(&note);
        show(&found, form, &|look| Quotes::of(&loaded, &[]).shown(&found, look))?;
        say(&summary(loaded.planes.planes.len(), &found, begun.elapsed()));
        return Ok(if has_error(&found) { Code::Collision } else { Code::Done });
    }
    let loaded = supervised::read(&loaded, &loaded.planes.supervisor.run_dir);
    let all: BTreeSet<PlaneName> = loaded.planes.planes.iter().map(|(plane, _)| plane.name.clone()).collect();
    let held = if depth == Depth::Live { held::held(&loaded.planes.supervisor.run_dir) } else { Vec::new() };
    let proof = survey::prove_change(&loaded.planes, &held, depth, &all);
    let mut found: Vec<Finding> = proof.manifest;
    found.extend(loaded.warnings.iter().map(load::finding));
    found.sort();
    let took = begun.elapsed();
    show(&found, form, &|look| Quotes::of(&loaded, &proof.secrets).shown(&found, look))?;
    say(&summary(loaded.planes.planes.len(), &found, took));
    say(&waiting(&proof.living));
    Ok(if has_error(&found) { Code::Collision } else { Code::Done })
}

/// What is no mistake in the manifest, and keeps planes from starting all the same, until a reload.
fn waiting(living: &[Finding]) -> String {
    let newcomers = |finding: &Finding| {
        let of: Vec<PlaneName> = finding.planes.iter().filter(|plane| finding.blocks(plane)).cloned().collect();
        of
    };
    let waiting: BTreeSet<PlaneName> = living.iter().flat_map(newcomers).collect();
    let Some(first) = living.first() else { return String::new() };
    let names = waiting.iter().map(PlaneName::as_str).collect::<Vec<_>>().join(", ");
    format!("note: {names} cannot start yet: {}\n hint: {}\n", tamed(&first.message), tamed(&first.hint))
}

/// Prints findings to stdout in their form; `text` makes the one for people.
fn show(found: &[Finding], form: Form, text: &dyn Fn(Look) -> String) -> Result<(), Failure> {
    match form {
        Form::Text if found.is_empty() => Ok(()),
        Form::Text => print(&(text(stdout_look()) + "\n")),
        Form::Json => print_json(&Proof::of(found)),
        Form::Sarif => print_json(&sarif(found)),
        Form::Github => print(&github(found)),
    }
}

/// A manifest that does not hold: its mistakes in the form asked for, and exit 6.
fn invalid(error: &LoadError, form: Form) -> Outcome {
    if form == Form::Text {
        return Err(trouble::manifest(error));
    }
    show(&error.findings(), form, &|_| String::new())?;
    Ok(Code::Manifest)
}

fn explain(word: &str) -> Outcome {
    // One word may name a mistake of the manifest and, where that is none, what is found of the same kind elsewhere.
    let finding = codes::Code::of(word);
    let mistake = Mistaken::ALL.iter().find(|code| code.as_str() == word);
    if let Some(code) = finding {
        print(&explanation(code))?;
    }
    if let Some(code) = mistake {
        let of = if finding.is_some() { "in a manifest, " } else { "" };
        print(&format!("{of}{word}: {}\n", code.explain()))?;
    }
    if finding.is_some() || mistake.is_some() {
        return Ok(Code::Done);
    }
    let hint = match codes::Code::nearest(&word.to_lowercase()) {
        Some(near) => format!(
            "did you mean `{near}`? Findings are listed in docs/checks.md, mistakes of a manifest in docs/manifest.md"
        ),
        None => "findings are listed in docs/checks.md, mistakes of a manifest in docs/manifest.md".to_owned(),
    };
    Err(Failure::Usage(Told::new(format!("there is no code `{}`", word.escape_debug()), hint)))
}
