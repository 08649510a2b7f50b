//! What a plane's own keys set, and nothing else may set a second time: variables and arguments.
//!
//! Names only: no value of a variable is looked at, and none is ever told.

use crate::manifest::keys::At;
use crate::plane::Contract;

/// Variables that gateward sets for contract "openclaw", with the key that sets each.
const VARIABLES: &[(&str, &str)] = &[
    ("OPENCLAW_CONFIG_PATH", "config"),
    ("OPENCLAW_STATE_DIR", "state_dir"),
    ("OPENCLAW_PROFILE", "profile"),
    ("OPENCLAW_GATEWAY_PORT", "port"),
    ("OPENCLAW_WORKSPACE_DIR", "workspace"),
];

/// Variables that say who supervises; no key sets them.
const SUPERVISION: &[&str] = &["OPENCLAW_SUPERVISOR_MODE", "OPENCLAW_SERVICE_REPAIR_POLICY", "OPENCLAW_NO_AUTO_UPDATE"];

/// Of `--container` and of its variable.
const ELSEWHERE: &str = "it runs the command in another place than the plane";

/// Options that gateward passes or must never pass, with the reason.
const OPTIONS: &[(&str, Instead)] = &[
    ("--port", Instead::Key("port")),
    ("--profile", Instead::Key("profile")),
    ("--force", Instead::Never("it ends whatever listens on the port, whosever that is")),
    ("--dev", Instead::Never("it brings a config and a workspace of its own")),
    ("--container", Instead::Never(ELSEWHERE)),
];

/// Why a name is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// This key of the plane sets it.
    Key(&'static str),
    /// gateward alone sets it.
    Ours,
    /// Nobody sets it, for this reason.
    Never(&'static str),
}

impl Instead {
    /// What to do instead, a fragment.
    pub fn hint(self, name: &str) -> String {
        match self {
            Self::Key(key) => format!("write it as `{key} = …` of the plane, and take `{name}` out here"),
            Self::Ours => format!("take `{name}` out: gateward sets it itself"),
            Self::Never(why) => format!("take `{name}` out: {why}"),
        }
    }
}

/// Whether the plane writes a workspace, which is then passed on by gateward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workspace {
    /// It does.
    Written,
    /// Its own config says.
    Unsaid,
}

/// Why a variable of this name may not be declared, if so.
pub fn variable(name: &str, contract: Contract, workspace: Workspace) -> Option<Instead> {
    if name == "HOME" {
        return Some(Instead::Key("home"));
    }
    if name.starts_with("GATEWARD_") {
        return Some(Instead::Ours);
    }
    match contract {
        Contract::Plain => None,
        Contract::Openclaw if SUPERVISION.contains(&name) => Some(Instead::Ours),
        Contract::Openclaw if name == "OPENCLAW_CONTAINER" => Some(Instead::Never(ELSEWHERE)),
        Contract::Openclaw => {
            let key = VARIABLES.iter().find(|(variable, _)| *variable == name)?.1;
            (key != "workspace" || workspace == Workspace::Written).then_some(Instead::Key(key))
        }
    }
}

/// The arguments of contract "openclaw" that may not be there: each with its option and the reason. What follows a bare
/// `--` is no option.
pub fn options(args: &[At<String>]) -> impl Iterator<Item = (&At<String>, &'static str, Instead)> {
    let options = args.iter().take_while(|arg| arg.value != "--");
    options.filter_map(|arg| {
        let option = arg.value.split('=').next().unwrap_or("");
        OPTIONS.iter().find(|(known, _)| *known == option).map(|(known, instead)| (arg, *known, *instead))
    })
}

#[cfg(test)]
mod tests {
    use super::{Instead, VARIABLES, Workspace, options, variable};
    use crate::manifest::keys::At;
    use crate::plane::{Contract, Place};

    #[test]
    fn every_identity_variable_is_taken() {
        let taken = |name| variable(name, Contract::Openclaw, Workspace::Unsaid);
        for (name, key) in VARIABLES.iter().filter(|(_, key)| *key != "workspace") {
            assert_eq!(taken(name), Some(Instead::Key(key)), "{name}");
        }
        assert_eq!(taken("OPENCLAW_SUPERVISOR_MODE"), Some(Instead::Ours));
        assert_eq!(taken("OPENCLAW_CONTAINER"), Some(Instead::Never(super::ELSEWHERE)));
        assert_eq!(taken("GATEWARD_PLANE"), Some(Instead::Ours));
        assert_eq!(taken("OPENCLAW_WORKSPACE_DIR"), None);
        let written = variable("OPENCLAW_WORKSPACE_DIR", Contract::Openclaw, Workspace::Written);
        assert_eq!(written, Some(Instead::Key("workspace")));
        assert_eq!(taken("ANTHROPIC_API_KEY"), None);
        assert_eq!(variable("OPENCLAW_STATE_DIR", Contract::Plain, Workspace::Written), None);
        assert_eq!(variable("HOME", Contract::Plain, Workspace::Unsaid), Some(Instead::Key("home")));
    }

    #[test]
    fn options_in_both_spellings() {
        let place = Place { file: "/m".into(), line: 1, column: 1, width: 1 };
        let args: Vec<At<String>> = ["--port=1", "--port", "--portal", "--verbose", "-p", "--dev", "--", "--force"]
            .map(|arg| At { value: arg.to_owned(), place: place.clone() })
            .into();
        let found: Vec<_> = options(&args).map(|(arg, option, _)| (arg.value.as_str(), option)).collect();
        assert_eq!(found, [("--port=1", "--port"), ("--port", "--port"), ("--dev", "--dev")]);
    }
}
