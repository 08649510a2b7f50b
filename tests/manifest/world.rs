//! A made-up host, always the same, and how a manifest fares on it. Reads nothing of the real one.

use std::path::{Path, PathBuf};

use gateward::manifest::error::Mistake;
use gateward::manifest::given::{EnvFile, Given, NoText, Rank, Whose};
use gateward::manifest::{Written, parse, resolve};
use gateward::plane::{Account, Planes};
use gateward::render::diagnostic::{Report, render_all};
use gateward::render::sources::Sources;

/// Where the manifest is said to be.
pub const FILE: &str = "/etc/gateward/supervisor.toml";

/// The host: a user `operator` without root, or root; the accounts and files that corpus manifests may name.
pub fn given(rank: Rank) -> Given {
    let uid = match rank {
        Rank::Root => 0,
        Rank::User => 1000,
    };
    let account =
        Account { name: "claw".into(), uid: 1001, gid: 1001, home: "/home/claw".into(), shell: "/bin/sh".into() };
    let file = |text: &str, mode: u32, uid: u32| EnvFile { text: Ok(text.to_owned()), mode, uid };
    let missing = EnvFile {
        text: Err(NoText { what: "does not exist".into(), hint: "make it, or name a file that is there".into() }),
        mode: 0,
        uid: 0,
    };
    Given {
        rank,
        uid,
        home: Some("/home/operator".into()),
        environ: [("ANTHROPIC_API_KEY".to_owned(), "SECRET".to_owned())].into(),
        accounts: [("claw".to_owned(), account)].into(),
        whose: Whose::Asker,
        groups: ["operators".to_owned()].into(),
        env_files: [
            (PathBuf::from("/etc/gateward/good.env"), file("A=SECRET\nTZ=UTC\n", 0o100600, uid)),
            (PathBuf::from("/etc/gateward/open.env"), file("A=SECRET\n", 0o100644, uid)),
            (PathBuf::from("/etc/gateward/foreign.env"), file("A=SECRET\n", 0o100600, 4242)),
            (
                PathBuf::from("/etc/gateward/broken.env"),
                file("A=1\nSECRET\nA=SECRET\nOPENCLAW_PROFILE=SECRET\n", 0o600, uid),
            ),
            (PathBuf::from("/etc/gateward/identity.env"), file("OPENCLAW_STATE_DIR=SECRET\n", 0o600, uid)),
            (PathBuf::from("/etc/gateward/missing.env"), missing),
        ]
        .into(),
    }
}

/// The manifest as written and, where it holds, resolved.
pub fn judge(text: &str, rank: Rank) -> (Written, Result<Planes, Vec<Mistake>>) {
    let written = parse(Path::new(FILE), text);
    let outcome = resolve(&written, &given(rank));
    (written, outcome)
}

/// What an operator is shown.
pub fn shown(written: &Written, mistakes: &[Mistake]) -> String {
    let sources = Sources::one(Path::new(FILE), &written.quotable).shown_from(Path::new("/etc/gateward"));
    let reports: Vec<Report> = mistakes.iter().map(Report::of_mistake).collect();
    render_all(&reports, &sources, false, 100)
}

/// The planes of a manifest that is said to hold.
#[track_caller]
pub fn holds(text: &str, rank: Rank) -> Planes {
    let (written, outcome) = judge(text, rank);
    outcome.unwrap_or_else(|mistakes| panic!("does not hold:\n{}", shown(&written, &mistakes)))
}
