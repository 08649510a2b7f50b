//! What was asked on the command line: the part of `openclaw`'s arguments that a supervisor uses.
//!
//! Reads words only; what they do is elsewhere.

use std::time::Duration;

/// All that was asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// `--profile`.
    pub(super) profile: Option<String>,
    /// The command.
    pub(super) ask: Ask,
}

/// The commands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// `--version`
    Version,
    /// `gateway run [--port B]`
    Run { port: Option<u16> },
    /// `gateway restart`
    Restart,
    /// `gateway health`, `health`
    Health,
    /// `gateway restart-handoff capabilities`
    Capabilities,
    /// `gateway restart-handoff consume --expected-pid PID`, as written
    Consume { pid: String },
    /// `config validate`
    Validate,
    /// `agents list`
    Agents,
    /// `doctor`
    Doctor,
    /// Our own: a process left behind on purpose.
    Straggler { life: Duration, port: Option<u16> },
}

/// Takes the arguments apart. Options that only shape output (`--json`) change nothing here: the stand-in always speaks JSON
/// where `openclaw` can. Options of `gateway run` other than `--port` are taken and mean nothing.
pub(super) fn read(args: Vec<String>) -> Result<Words, String> {
    let mut profile = None;
    let mut options = Vec::new();
    let mut command = Vec::new();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let (name, value) = match arg.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name.to_owned(), Some(value.to_owned())),
            _ => (arg, None),
        };
        match name.as_str() {
            "--profile" | "--port" | "--expected-pid" => {
                let value = value.or_else(|| args.next()).ok_or_else(|| format!("option '{name}' argument missing"))?;
                if name == "--profile" { profile = Some(value) } else { options.push((name, value)) }
            }
            "--version" | "-V" => command.insert(0, "--version".to_owned()),
            _ if name.starts_with('-') => {}
            _ => command.push(name),
        }
    }
    let option = |name: &str| options.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    let ask = match command.as_slice() {
        ["--version", ..] => Ask::Version,
        ["gateway", "run", ..] | ["gateway"] => Ask::Run { port: option("--port").map(port).transpose()? },
        ["gateway", "restart"] => Ask::Restart,
        ["gateway", "health"] | ["health"] => Ask::Health,
        ["gateway", "restart-handoff", "capabilities"] => Ask::Capabilities,
        ["gateway", "restart-handoff", "consume"] => Ask::Consume {
            pid: option("--expected-pid").ok_or("required option '--expected-pid <pid>' not specified")?,
        },
        ["config", "validate"] => Ask::Validate,
        ["agents", "list"] => Ask::Agents,
        ["doctor"] => Ask::Doctor,
        ["straggler", life] => Ask::Straggler { life: millis(life)?, port: option("--port").map(port).transpose()? },
        [] => return Err("no command; the stand-in knows those of docs/practice.md".to_owned()),
        unknown => {
            return Err(format!(
                "unknown command '{}' (the stand-in knows those of docs/practice.md)",
                unknown.join(" ")
            ));
        }
    };
    Ok(Words { profile, ask })
}

fn port(text: String) -> Result<u16, String> {
    match text.parse() {
        Ok(port @ 1..) => Ok(port),
        Ok(0) | Err(_) => Err(format!("Invalid --port '{text}': use a number between 1 and 65535")),
    }
}

fn millis(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_millis).map_err(|_| format!("'{text}' is not a number of milliseconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(line: &str) -> Result<Ask, String> {
        read(line.split_ascii_whitespace().map(str::to_owned).collect()).map(|words| words.ask)
    }

    #[test]
    fn the_supervisors_commands_are_known() {
        assert_eq!(ask("gateway run --port 21000"), Ok(Ask::Run { port: Some(21000) }));
        assert_eq!(ask("gateway run --port=21000 --verbose --bind=lan"), Ok(Ask::Run { port: Some(21000) }));
        assert_eq!(ask("gateway run"), Ok(Ask::Run { port: None }));
        assert_eq!(ask("config validate --json"), Ok(Ask::Validate));
        assert_eq!(ask("agents list --json"), Ok(Ask::Agents));
        assert_eq!(ask("gateway restart-handoff capabilities --json"), Ok(Ask::Capabilities));
        let consume = "gateway restart-handoff consume --expected-pid 7 --json";
        assert_eq!(ask(consume), Ok(Ask::Consume { pid: "7".into() }));
        assert_eq!(ask("--version"), Ok(Ask::Version));
        assert_eq!(ask("straggler 50 --port 7"), Ok(Ask::Straggler { life: Duration::from_millis(50), port: Some(7) }));
        let words = read(["--profile", "main", "health"].map(str::to_owned).to_vec()).expect("words");
        assert_eq!(words, Words { profile: Some("main".into()), ask: Ask::Health });
    }

    #[test]
    fn everything_else_is_refused() {
        for line in
            ["", "gateway stop", "onboard", "gateway run --port", "gateway run --port 0", "gateway run --port 70000"]
        {
            assert!(ask(line).is_err(), "{line}");
        }
        assert!(ask("gateway restart-handoff consume").is_err());
    }
}
