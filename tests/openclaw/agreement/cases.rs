//! Validity and effective workspaces, case by case: ours beside those of `openclaw agents list --json`.

use std::os::unix::fs::symlink;

use gateward::openclaw::config::declared::Agent;

use super::Gateway;
use crate::support::openclaw;

/// What every gateway needs, open at the end.
const HEAD: &str = "{ gateway: { mode: 'local', port: 21000, bind: 'loopback' },";

/// Agent and workspace. OpenClaw's own `isDefault` is another thing than who inherits the default workspace.
type Row = (String, String);

/// What a program makes of a configuration; `None` when it refuses it.
type Verdict = Option<Vec<Row>>;

struct Case {
    name: &'static str,
    prepare: fn(&mut Gateway<'_>),
}

#[test]
fn validity_and_workspaces_are_those_that_openclaw_reports() {
    let Some(bin) = openclaw() else { return };
    let mut differences = Vec::new();
    let mut refused = Vec::new();
    for case in CASES {
        let mut gateway = Gateway::new(bin, case.name);
        (case.prepare)(&mut gateway);
        let (ours, theirs) = (ours(&gateway), theirs(&gateway));
        if ours != theirs {
            let problems = gateway.declared().problems;
            differences.push(format!("{}\n  ours   {ours:?}\n  theirs {theirs:?}\n  {problems:?}", case.name));
        }
        if theirs.is_none() {
            refused.push(case.name);
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    // Else all could agree because nothing was read at all.
    let expected: Vec<_> = CASES.iter().map(|case| case.name).filter(|name| name.starts_with("refused")).collect();
    assert_eq!(refused, expected);
}

fn ours(gateway: &Gateway<'_>) -> Verdict {
    let declared = gateway.declared();
    if declared.problems.iter().any(|problem| problem.code.is_error()) {
        return None;
    }
    let row = |agent: &Agent| (agent.id.clone(), agent.workspace.value.display().to_string());
    Some(sorted(declared.agents.iter().map(row).collect()))
}

fn theirs(gateway: &Gateway<'_>) -> Verdict {
    let output = gateway.openclaw(&["agents", "list", "--json"]).output().expect("openclaw runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let json: serde_json::Value = serde_json::from_str(&said).unwrap_or_else(|error| {
        panic!("no JSON ({error}): {said}\n{}", String::from_utf8_lossy(&output.stderr));
    });
    let Some(agents) = json.as_array() else {
        assert_eq!(json["ok"], false, "{json}");
        return None;
    };
    let text = |agent: &serde_json::Value, key: &str| agent[key].as_str().expect("a text").to_owned();
    let row = |agent: &serde_json::Value| (text(agent, "id"), text(agent, "workspace"));
    Some(sorted(agents.iter().map(row).collect()))
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort();
    rows
}

fn config(gateway: &Gateway<'_>, rest: &str) {
    gateway.file("c/openclaw.json", &format!("{HEAD} {rest} }}"));
}

/// One agent for each workspace that is to be looked at.
fn probes(workspaces: &[&str]) -> String {
    let entries: Vec<_> =
        workspaces.iter().enumerate().map(|(n, path)| format!("p{n}: {{ workspace: {path} }}")).collect();
    format!("agents: {{ ownership: 'explicit', entries: {{ {} }} }}", entries.join(", "))
}

const CASES: &[Case] = &[
    Case { name: "no agents", prepare: |gateway| config(gateway, "") },
    Case {
        name: "an explicit fleet",
        prepare: |gateway| {
            config(
                gateway,
                "agents: { ownership: 'explicit', defaults: { workspace: '@/ws' },
                 entries: { main: {}, Side: {}, 'with-dash_': { workspace: ' ~/x/../y ' }, r: { workspace: 'rel' } } }",
            );
        },
    },
    Case {
        name: "a marked default",
        prepare: |gateway| config(gateway, "agents: { entries: { b: {}, a: { default: true } } }"),
    },
    Case {
        name: "a sole agent of another name",
        prepare: |gateway| config(gateway, "agents: { defaults: { workspace: '~' }, entries: { Only: {} } }"),
    },
    Case {
        name: "workspace by .env",
        prepare: |gateway| {
            config(gateway, "env: { vars: { OPENCLAW_WORKSPACE_DIR: '@/vars' } }");
            gateway.file("s/.env", "OPENCLAW_WORKSPACE_DIR=\"~/w\" # not expanded\n");
        },
    },
    Case {
        name: "a .env that is not UTF-8",
        prepare: |gateway| {
            config(gateway, &probes(&["'/${A}/${B}'"]));
            let text = b"A=a\xff\xc3(\xe2\x82z\nB=b\nOPENCLAW_WORKSPACE_DIR=/w\xf0\x9f\n";
            std::fs::write(gateway.scratch.join("s/.env"), text).expect("written");
        },
    },
    Case {
        name: "a .env of 1 MiB and one byte",
        prepare: |gateway| {
            config(gateway, "");
            let head = "OPENCLAW_WORKSPACE_DIR=/never\n";
            gateway.file("s/.env", &format!("{head}{}", "#".repeat((1 << 20) + 1 - head.len())));
        },
    },
    Case {
        name: "a .env of 1 MiB",
        prepare: |gateway| {
            config(gateway, "");
            let head = "OPENCLAW_WORKSPACE_DIR=/taken\n";
            gateway.file("s/.env", &format!("{head}{}", "#".repeat((1 << 20) - head.len())));
        },
    },
    Case {
        name: "another profile",
        prepare: |gateway| {
            gateway.profile = "side";
            config(
                gateway,
                "agents: { entries: { a: { default: true }, b: {}, c: { workspace: '/${OPENCLAW_PROFILE}' } } }",
            );
        },
    },
    Case {
        name: "workspace by env.vars",
        prepare: |gateway| config(gateway, "env: { vars: { OPENCLAW_WORKSPACE_DIR: '@/vars' } }"),
    },
    Case {
        name: "home by .env",
        prepare: |gateway| {
            config(gateway, &probes(&["'~/a'", "'~b'"]));
            gateway.file("s/.env", "OPENCLAW_HOME=@/other\n");
        },
    },
    Case {
        name: "home by env.vars",
        prepare: |gateway| {
            config(gateway, &format!("env: {{ vars: {{ OPENCLAW_HOME: '@/other' }} }}, {}", probes(&["'~/a'"])))
        },
    },
    Case {
        name: "variables",
        prepare: |gateway| {
            let values = [
                "'/a/${A}'",
                "'/${B}${C}/$${A}/$A/$$${A}'",
                "'/${NONE}/${EMPTY}/${a}/${1}'",
                "'/${X}${Y}'",
                "'/${REF}'",
            ];
            let env = "env: { vars: { A: 'vars', B: 'vars', X: 'vars', REF: '${A}', XDG_DATA_HOME: '/steer' } }";
            config(gateway, &format!("{env}, {}", probes(&[&values[..], &["'/${XDG_DATA_HOME}'"]].concat())));
            gateway.file("s/.env", "export B='dotenv'\nC=\"two\\nlines\"\nY: colon\nEMPTY=\nA=dotenv\n");
            gateway.set("A", "process");
            gateway.set("B", " ");
        },
    },
    Case {
        name: ".env of another working folder",
        prepare: |gateway| {
            gateway.cwd = "h";
            config(gateway, &probes(&["'/${FREE}/${BOTH}'", "'rel'"]));
            gateway.file("h/.env", "FREE=folder\nBOTH=folder\nOPENCLAW_HOME=@/never\nOPENCLAW_WORKSPACE_DIR=@/never\n");
            gateway.file("s/.env", "BOTH=state\n");
        },
    },
    Case {
        name: "the installers own file",
        prepare: |gateway| {
            gateway.set("OPENCLAW_STATE_DIR", "@/h/.openclaw");
            config(gateway, &probes(&["'/${GATE}/${BOTH}'"]));
            gateway.file("h/.openclaw/.env", "BOTH=state\n");
            gateway.file("h/.config/openclaw/gateway.env", "BOTH=gate\nGATE=gate\n");
        },
    },
    Case {
        name: "includes",
        prepare: |gateway| {
            config(
                gateway,
                "$include: ['a.json5', 'sub/b.json5'], agents: { $include: 'agents.json5', entries: { own: { workspace: '/own' } } }",
            );
            gateway.file("c/a.json5", "{ agents: { entries: { x: { workspace: '/a' }, y: { workspace: '/a' } } } }");
            gateway.file(
                "c/sub/b.json5",
                "{ agents: { entries: { y: { workspace: '/b' }, z: { $include: 'z.json5' } } } }",
            );
            gateway.file("c/sub/z.json5", "{ workspace: '/z' }");
            gateway.file("c/real.json5", "{ ownership: 'explicit', entries: { own: { workspace: '/included' } } }");
            symlink("real.json5", gateway.scratch.join("c/agents.json5")).expect("a link");
        },
    },
    Case {
        name: "json5",
        prepare: |gateway| {
            let text = "\u{feff}/* head */ { 'gateway': { mode: \"local\", port: 0x5208, bind: 'loop\\\nback', },\n\
                        // one\n agents: { ownership: 'explicit', \"entries\": { \\u0061: { workspace: '/\\x41\\u00e4\\'' }, ref_1: { workspace: '/r' }, }, }, }";
            gateway.file("c/openclaw.json", text);
        },
    },
    Case {
        name: "ten includes deep",
        prepare: |gateway| {
            config(gateway, "$include: '0'");
            for depth in 0..9 {
                gateway.file(&format!("c/{depth}"), &format!("{{ $include: '{}' }}", depth + 1));
            }
            gateway.file("c/9", "{ agents: { defaults: { workspace: '/nine' } } }");
        },
    },
    Case {
        name: "roots by .env",
        prepare: |gateway| {
            config(gateway, "$include: ['@/x/a', '@/h/b']");
            gateway.file("s/.env", "OPENCLAW_INCLUDE_ROOTS= ~ :@/x/\n");
            gateway.file("x/a", "{ agents: { defaults: { workspace: '/x' } } }");
            gateway.file("h/b", "{}");
        },
    },
    Case {
        name: "refused: outside",
        prepare: |gateway| {
            config(gateway, "$include: '../x'");
            gateway.file("x", "{}");
        },
    },
    Case {
        name: "refused: outside by a link",
        prepare: |gateway| {
            config(gateway, "$include: 'x'");
            gateway.file("x", "{}");
            symlink("../x", gateway.scratch.join("c/x")).expect("a link");
        },
    },
    Case {
        name: "refused: a hard link",
        prepare: |gateway| {
            config(gateway, "$include: 'x'");
            gateway.file("c/x", "{}");
            std::fs::hard_link(gateway.scratch.join("c/x"), gateway.scratch.join("c/y")).expect("a hard link");
        },
    },
    Case {
        name: "refused: a loop",
        prepare: |gateway| {
            config(gateway, "$include: 'x'");
            gateway.file("c/x", "{ agents: { $include: './x' } }");
        },
    },
    Case {
        name: "refused: eleven includes deep",
        prepare: |gateway| {
            config(gateway, "$include: '0'");
            for depth in 0..10 {
                gateway.file(&format!("c/{depth}"), &format!("{{ $include: '{}' }}", depth + 1));
            }
            gateway.file("c/10", "{}");
        },
    },
    Case {
        name: "refused: more than 2 MiB",
        prepare: |gateway| {
            config(gateway, "$include: 'x'");
            gateway.file("c/x", &format!("{{}}{}", " ".repeat(2 << 20)));
        },
    },
    Case {
        name: "refused: a list with siblings",
        prepare: |gateway| {
            config(gateway, "$include: 'x'");
            gateway.file("c/x", "[]");
        },
    },
    Case { name: "refused: a missing include", prepare: |gateway| config(gateway, "$include: ['x']") },
    Case { name: "refused: a number as include", prepare: |gateway| config(gateway, "$include: 5") },
    Case { name: "refused: no JSON5", prepare: |gateway| config(gateway, "a: 01") },
    Case {
        name: "refused: a port of text",
        prepare: |gateway| gateway.file("c/openclaw.json", "{ gateway: { port: '1' } }"),
    },
];
