//! Every command in the documentation is run, in a sandbox with stand-in planes, or at least understood by the program.
//!
//! A block that cannot run here begins with a comment that says so to the reader too: `# not run by the tests: WHY`.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Gateward, TestPlane, said};

/// The mark of a block that is only read.
const MARK: &str = "# not run by the tests: ";

/// How long a command may take that would go on for ever.
const LOOK: &str = "5";

/// One fenced block of shell.
struct Block {
    line: usize,
    text: String,
}

impl Block {
    fn is_marked(&self) -> bool {
        self.text.starts_with(MARK)
    }

    /// Its commands, without comments.
    fn commands(&self) -> impl Iterator<Item = &str> {
        let words = |line: &'_ str| -> bool { !line.is_empty() && !line.starts_with('#') };
        self.text.lines().map(|line| line.split("  #").next().unwrap_or(line).trim()).filter(move |line| words(line))
    }
}

/// The pages, relative to the top of the tree.
fn pages() -> Vec<PathBuf> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(top.join("docs")).expect("docs").flatten().map(|entry| entry.path());
    let mut pages: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|ending| ending == "md")).collect();
    pages.extend([top.join("README.md"), top.join("packaging/README.md")]);
    pages.sort();
    pages
}

fn blocks(text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some("sh" | "console" | "bash")) => open = Some(Block { line: number + 2, text: String::new() }),
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(block), None) => block.text.push_str(&format!("{line}\n")),
            (None, _) => {}
        }
    }
    found
}

#[test]
fn every_command_is_understood() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).expect("a page");
        let marked = blocks(&text).into_iter();
        let shell = marked.flat_map(|block| {
            let line = block.line;
            block.commands().map(|command| (line, command.to_owned())).collect::<Vec<_>>()
        });
        // Also those that stand in the prose and in tables, in so far as they are whole.
        let prose = text.split('`').skip(1).step_by(2).filter(|words| words.starts_with("gateward "));
        // How a keeper is begun is nobody's verb.
        let prose = prose.filter(|words| !words.starts_with("gateward keeper "));
        let prose = prose.filter(|words| !words.contains(['…', '|', '[', '\n'])).map(|words| (0, words.to_owned()));
        for (line, command) in shell.chain(prose) {
            for one in command.split(" && ").flat_map(|part| part.split(" || ")) {
                let Some(words) = words(one) else { continue };
                count += 1;
                if let Err(error) = gateward::cli::words().try_get_matches_from(&words)
                    && error.use_stderr()
                    && !(line == 0 && named_alone(&error))
                {
                    wrong.push(format!("{}:{line}: `{one}`: {error}", page.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 80, "only {count} commands were found: is this still looking at the right places?");
}

/// A verb that stands alone in prose (`gateward restart`) names the verb; what it needs besides is not meant.
fn named_alone(error: &clap::Error) -> bool {
    use clap::error::ErrorKind;
    let missing = [ErrorKind::MissingRequiredArgument, ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand];
    error.kind() == ErrorKind::MissingSubcommand || missing.contains(&error.kind())
}

/// The words of a call of gateward, before any redirection or pipe.
fn words(command: &str) -> Option<Vec<String>> {
    let command = command.trim();
    let command = command.split([';', '>', '<', '|', '&']).next()?.trim();
    let mut words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
    if words.first().map(String::as_str) != Some("gateward") || words.len() == 1 {
        return None;
    }
    words.iter_mut().for_each(|word| *word = word.trim_matches(['"', '\'']).to_owned());
    Some(words)
}

#[test]
fn every_block_that_can_run_runs() {
    let mut ran = 0;
    for page in pages() {
        let name = page.file_stem().expect("a name").to_string_lossy().to_lowercase();
        let text = std::fs::read_to_string(&page).expect("a page");
        let to_run: Vec<Block> =
            blocks(&text).into_iter().filter(|block| !block.is_marked() && !is_cargos(block)).collect();
        if to_run.is_empty() {
            continue;
        }
        let mut sandbox = Sandbox::new(&name);
        for block in to_run {
            sandbox.run(&page, &block);
            ran += 1;
        }
    }
    assert!(ran >= 8, "only {ran} blocks were run");
}

/// The two with which a newcomer begins: one is this very run, the other has a test of its own.
fn is_cargos(block: &Block) -> bool {
    matches!(block.text.trim(), "cargo run --release -- demo" | "cargo test")
}

/// A host with main, rescue and staging on the stand-in, and `gateward` and `openclaw` on PATH.
struct Sandbox {
    world: Gateward,
    path: String,
    up: bool,
}

impl Sandbox {
    fn new(page: &str) -> Self {
        let planes = ["main", "rescue", "staging"].map(TestPlane::practice).into();
        let world = Gateward::new(&format!("docs-{page}"), planes);
        let bin = world.scratch().folder("bin");
        let program = env!("CARGO_BIN_EXE_gateward");
        std::os::unix::fs::symlink(program, bin.join("gateward")).expect("a link");
        // A profile that was there before.
        let config = "{ gateway: { mode: \"local\", bind: \"loopback\", port: 18789 } }";
        world.scratch().write("home/.openclaw/openclaw.json", config);
        let openclaw = world.scratch().write("bin/openclaw", &format!("#!/bin/sh\nexec {program} practice \"$@\"\n"));
        std::fs::set_permissions(openclaw, std::fs::Permissions::from_mode(0o755)).expect("executable");
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display());
        // The supervisor has it too: what `exec` runs is looked up on the plane's PATH.
        Self { world: world.dirty(&[("PATH", &path)]), path, up: false }
    }

    /// Runs a block line by line, as a reader would type it.
    fn run(&mut self, page: &Path, block: &Block) {
        let text = &block.text;
        // The supervisor runs in another terminal: either the page says when, or it takes that for granted.
        if !self.up && !text.contains("gateward run") {
            self.begin();
        }
        for command in block.commands() {
            if command == "gateward run" {
                self.begin();
                continue;
            }
            let endless = command.contains(" --watch") || command.ends_with(" -f");
            let line = if endless { format!("timeout --signal=INT {LOOK} {command}") } else { command.to_owned() };
            let mut shell: Command = self.world.command(&[]);
            let environ: Vec<_> =
                shell.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
            shell = Command::new("/bin/bash");
            shell.args(["-eu", "-o", "pipefail", "-c", &line]).env_clear().envs(environ).env("PATH", &self.path);
            let said = said(shell.current_dir(self.world.scratch().path()).output().expect("bash"));
            let well = if endless { matches!(said.code, 0 | 124 | 130) } else { said.code == 0 };
            assert!(well, "{}:{}: `{command}`\n{said:#?}", page.display(), block.line);
            if command.starts_with("gateward down") {
                self.world.ended();
                self.up = false;
            }
        }
    }

    fn begin(&mut self) {
        if self.up {
            return;
        }
        self.world.up();
        for plane in ["main", "rescue", "staging"] {
            self.world.until_ready(plane);
        }
        self.up = true;
    }
}

#[test]
fn the_manifests_of_the_docs_follow_their_own_advice() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    for page in ["README.md", "docs/rescue.md", "supervisor.example.toml"] {
        let text = std::fs::read_to_string(top.join(page)).expect("a page");
        let whole = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
        let world = Gateward::new("docs-advice", vec![TestPlane::practice("main")]);
        let manifest = whole.filter(|_| page.ends_with(".md")).unwrap_or(&text);
        world.scratch().write("supervisor.toml", manifest);
        let checked = world.run(&["check", "--no-live", "--json"]);
        let codes: Vec<String> = checked.json()["findings"].as_array().expect("findings").iter().map(code).collect();
        // What a host has, or has not yet, is not the page's; everything else is.
        let of_hosts = ["config-missing", "runtime-missing", "program-missing", "pass-env-unset", "limit-unavailable"];
        let own: Vec<_> = codes.iter().filter(|code| !of_hosts.contains(&code.as_str())).collect();
        assert!(own.is_empty() && codes.iter().any(|code| code == "config-missing"), "{page}: {codes:?}\n{checked:#?}");
    }
}

fn code(finding: &serde_json::Value) -> String {
    finding["code"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn what_is_marked_says_why_and_nothing_else_is_left_out() {
    let mut marked = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).expect("a page");
        for block in blocks(&text).iter().filter(|block| block.is_marked()) {
            let why = block.text.lines().next().unwrap_or_default().trim_start_matches(MARK);
            assert!(why.len() > 10, "{}:{}: it does not say why", page.display(), block.line);
            marked += 1;
        }
        for block in blocks(&text) {
            let hidden = block.text.lines().skip(1).any(|line| line.starts_with(MARK.trim_end()));
            assert!(!hidden, "{}:{}: the mark stands at the top of a block", page.display(), block.line);
        }
    }
    assert!(marked < 12, "{marked} blocks are not run: too many to believe the rest");
}
