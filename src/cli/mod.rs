//! The verbs: arguments in, one outcome out. Nobody imports this module but `main`.

#![allow(clippy::disallowed_methods, reason = "clock, environment and terminal come in here, and go on as arguments")]

mod absent;
mod args;
mod ask;
mod card;
mod change;
mod check;
mod completions;
mod demo;
mod down;
mod edited;
mod elsewhere;
mod events;
mod exec;
mod goal;
mod guest;
mod in_force;
mod init;
mod inside;
mod interrupt;
mod logs;
mod man;
mod outcome;
mod reload;
mod quotes;
mod restart;
mod run;
mod runtime;
mod schema;
mod service;
mod since;
mod spectator;
mod start;
mod status;
mod steer;
mod stop;
mod supervised;
mod target;
mod terminal;
mod trouble;
mod verify;
mod why;

use std::process::ExitCode;

use clap::Parser;
use clap::error::{ContextKind, ContextValue};

use args::{Verb, Words};
use outcome::Outcome;
use target::Scope;

/// The words of the command line, for packages and for whoever wants to know whether a line would be understood.
pub fn words() -> clap::Command {
    <Words as clap::CommandFactory>::command()
}

/// Runs the program with the process's own arguments; gives the exit code: one of `outcome::Code`, or that of the command which `exec` ran.
pub fn run() -> ExitCode {
    // Entries of our own processes, which are no words for people.
    if let Some(code) = hidden() {
        return code;
    }
    completions::answer_shell();
    let words = match Words::try_parse() {
        Ok(words) => words,
        Err(error) => {
            let error = elsewhere::pointed(without_far_fetched(error));
            // Help is data and goes to stdout; everything else to stderr; nobody is left to tell when that fails.
            let _ = error.print();
            let code = if error.use_stderr() { outcome::Code::Usage } else { outcome::Code::Done };
            return code.into();
        }
    };
    match dispatch(&words.verb, &Scope { manifest: words.manifest }) {
        Ok(code) => code.into(),
        Err(failure) => {
            if words.verb.json() && !terminal::has_printed() {
                // Nobody is left to tell when that fails.
                let _ = terminal::print_json(&failure.document());
            }
            terminal::say(&failure.text());
            failure.code().into()
        }
    }
}

/// A flag that only begins like what was typed would be one more riddle.
fn without_far_fetched(mut error: clap::Error) -> clap::Error {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(_) | None => None,
    };
    let (typed, offered) = (text(ContextKind::InvalidArg), text(ContextKind::SuggestedArg));
    if let (Some(typed), Some(offered)) = (typed, offered)
        && strsim::damerau_levenshtein(&typed, &offered) * 3 > offered.len()
    {
        error.remove(ContextKind::SuggestedArg);
        // It names what was offered.
        error.remove(ContextKind::Usage);
    }
    error
}

fn hidden() -> Option<ExitCode> {
    match std::env::args_os().nth(1)?.to_str()? {
        "keeper" => Some(crate::keeper::main()),
        "practice" => {
            let args = std::env::args_os().skip(2).map(|arg| arg.to_string_lossy().into_owned());
            Some(crate::practice::main(args.collect()))
        }
        _ => None,
    }
}

fn dispatch(verb: &Verb, scope: &Scope) -> Outcome {
    match verb {
        Verb::Check(args) => check::run(args, scope),
        Verb::Init(args) => init::run(args, scope),
        Verb::Status(args) => status::run(args, scope),
        Verb::Start(args) => start::run(args, scope),
        Verb::Stop(args) => stop::run(args, scope),
        Verb::Restart(args) => restart::run(args, scope),
        Verb::Run(args) => run::run(args, scope),
        Verb::Reload(args) => reload::run(args, scope),
        Verb::Down(args) => down::run(args, scope),
        Verb::Card(args) => card::run(args, scope),
        Verb::Exec(args) => exec::run(args, scope),
        Verb::Logs(args) => logs::run(args, scope),
        Verb::Demo(args) => demo::run(args, scope),
        Verb::Runtime(args) => runtime::run(args, scope),
        Verb::Verify(args) => verify::run(args, scope),
        Verb::Why(args) => why::run(args, scope),
        Verb::Events(args) => events::run(args, scope),
        Verb::Service(args) => service::run(args, scope),
        Verb::Schema(args) => schema::run(args),
        Verb::Completions(args) => completions::run(args),
        Verb::Man(args) => man::run(args),
    }
}
