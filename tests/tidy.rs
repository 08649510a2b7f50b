//! Holds the tree to the rules of `STYLE.md` and `ARCHITECTURE.md` that no compiler and no lint knows. Runs nothing of ours.
//!
//! Every rule prints `file:line`, what stands there, and the reason for the rule.

#[path = "tidy/source.rs"]
mod source;

use source::{Source, files, sources};

/// Which of our modules a module may use; `a::b` allows that part of `a` only. `cli`, `lib` and `main` see all doors.
const STAIRS: &[(&str, &[&str])] = &[
    ("plane", &[]),
    ("openclaw", &["plane"]),
    ("manifest", &["plane", "openclaw", "rundir"]),
    ("collision", &["plane", "openclaw"]),
    ("plan", &["plane", "collision"]),
    ("life", &["plane", "openclaw::exits"]),
    ("wire", &["plane"]),
    ("render", &["plane", "openclaw::ports", "manifest::error", "collision", "wire"]),
    ("rundir", &["plane"]),
    ("wants", &["rundir", "plane", "os"]),
    ("os", &[]),
    ("socket", &["wire", "plane", "rundir", "os"]),
    ("journal", &["plane", "os"]),
    ("own_log", &["os"]),
    ("keeper", &["life", "plane", "openclaw", "wire", "rundir", "wants", "socket", "journal", "own_log", "os"]),
    (
        "daemon",
        &[
            "manifest",
            "collision",
            "plan",
            "plane",
            "openclaw",
            "wire",
            "rundir",
            "wants",
            "socket",
            "journal",
            "own_log",
            "os",
            "runtime",
        ],
    ),
    ("runtime", &["os"]),
    ("practice", &["plane", "openclaw", "os"]),
];

/// The floor that decides.
const UPPER: &[&str] = &["plane", "manifest", "openclaw", "collision", "plan", "life", "wire", "render", "rundir"];

/// What the upper floor must not reach.
const EFFECTS: &[&str] = &[
    "tokio",
    "nix",
    "rustix",
    "libc",
    "notify",
    "sysinfo",
    "portpicker",
    "indicatif",
    "tracing",
    "fastrand::u64",
    "fastrand::Rng::new",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::time::Instant",
    "std::time::SystemTime",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
];

/// The longest file.
const LINES: usize = 400;

#[test]
fn the_stairs_go_one_way() {
    let mut broken = Vec::new();
    for source in sources("src") {
        let module = source.module();
        if matches!(module.as_str(), "cli" | "lib" | "main") {
            continue;
        }
        let Some((_, allowed)) = STAIRS.iter().find(|(name, _)| *name == module) else {
            broken.push(format!("{}: `{module}` has no row in the table of stairs", source.path));
            continue;
        };
        for (line, path) in source.paths() {
            let Some(used) = path.strip_prefix("crate::") else { continue };
            let first = used.split("::").next().unwrap_or(used);
            let is_module = STAIRS.iter().any(|(name, _)| *name == first) || first == "cli";
            let fits = first == module || allowed.iter().any(|allowed| begins(used, allowed));
            if is_module && !fits {
                broken.push(format!("{}:{line}: `{module}` uses `{path}`; it may use {allowed:?}", source.path));
            }
        }
    }
    report("the upper floor decides, the ground floor acts, and the stairs go one way", broken);
}

#[test]
fn the_upper_floor_has_no_effects() {
    let mut broken = Vec::new();
    for source in sources("src").iter().filter(|source| UPPER.contains(&source.module().as_str())) {
        for (line, path) in source.paths() {
            if let Some(effect) = EFFECTS.iter().find(|effect| begins(&path, effect)) {
                broken.push(format!("{}:{line}: `{path}` reaches `{effect}`", source.path));
            }
        }
    }
    report("decisions are functions of values: what they need of the world is an argument", broken);
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let all = sources("src").into_iter().chain(sources("tests")).chain(sources("benches"));
    let broken = all
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| format!("{}:1: does not open with `//! `", source.path))
        .collect();
    report("one sentence of purpose, then what the file must not do, spares the reader the rest", broken);
}

#[test]
fn no_file_is_longer_than_a_reader_keeps_in_mind() {
    let all = sources("src").into_iter().chain(sources("tests")).chain(sources("benches"));
    let broken = all
        .map(|source| (source.text.lines().count(), source.path))
        .filter(|(lines, _)| *lines > LINES)
        .map(|(lines, path)| format!("{path}:{lines}: longer than {LINES} lines"))
        .collect();
    report("one idea a file; split it where a second one begins", broken);
}

#[test]
fn unsafe_lives_in_os_alone() {
    let mut broken = Vec::new();
    for source in sources("src").iter().filter(|source| source.module() != "os") {
        for (line, path) in source.all_paths() {
            if path == "unsafe" {
                broken.push(format!("{}:{line}: `unsafe`", source.path));
            }
        }
    }
    report("what must be believed is kept where it can be read at one sitting", broken);
}

#[test]
fn the_machine_answers_every_event_in_so_many_words() {
    let mut broken = Vec::new();
    for source in sources("src").iter().filter(|source| source.module() == "life") {
        for (line, code) in source.production().lines().enumerate() {
            if code.trim_start().starts_with("_ =>") {
                broken.push(format!("{}:{}: a `_` arm", source.path, line + 1));
            }
        }
    }
    report("a new phase or event must be answered by somebody, not fall into an old arm", broken);
}

#[test]
fn tests_wait_for_facts_and_all_of_them_run() {
    let mut broken = Vec::new();
    let ours = |source: &Source| source.path.starts_with("tests/support/wait") || source.path.starts_with("tests/tidy");
    let tests = sources("src").into_iter().chain(sources("tests"));
    for source in tests.filter(|source| !ours(source)) {
        let is_test_code = source.path.starts_with("tests/") || source.is_test_file();
        let production = source.production();
        for (line, code) in source.code.lines().enumerate() {
            if !is_test_code && production.lines().nth(line) == Some(code) {
                continue;
            }
            for word in ["thread::sleep", "time::sleep", "#[ignore", "should_panic", "start_paused"] {
                if code.contains(word) {
                    broken.push(format!("{}:{}: `{word}`", source.path, line + 1));
                }
            }
        }
    }
    report("a sleep is too short or too long; `support::eventually` waits for the fact itself", broken);
}

#[test]
fn nothing_in_the_tree_knows_the_machine_it_was_written_on() {
    // In two pieces each, or this file would break its own rule.
    let marks = [
        concat!("/wo", "rk/"),
        concat!("/tmp/", "oc/"),
        concat!("/ro", "ot/"),
        concat!("/home/", "user/"),
        concat!("registry.npm", "js"),
    ];
    let mut broken = Vec::new();
    for (path, text) in files() {
        for (line, words) in text.lines().enumerate() {
            if let Some(mark) = marks.iter().find(|mark| stands_in(words, mark)) {
                broken.push(format!("{path}:{}: `{mark}`", line + 1));
            }
        }
    }
    report("the tree is the same for everybody who clones it", broken);
}

/// Whether `mark` stands in `text`, and not as the end of a longer path such as `../a/b`.
fn stands_in(text: &str, mark: &str) -> bool {
    let continues = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '~' | '}');
    text.match_indices(mark).any(|(at, _)| !mark.starts_with('/') || !text[..at].ends_with(continues))
}

/// Whether `path` is `prefix` or goes on below it.
fn begins(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[track_caller]
fn report(reason: &str, broken: Vec<String>) {
    assert!(broken.is_empty(), "{} places break a rule ({reason}):\n{}\n", broken.len(), broken.join("\n"));
}
