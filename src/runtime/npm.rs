//! Runs the ordinary `npm` found on PATH, and understands what it says. Knows nothing of releases.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

use super::progress::News;

/// Lines of npm's output that an error shows.
const TAIL: usize = 12;

/// How often the count of bytes is looked at while npm works; only a person watches it.
const REPAINT: Duration = Duration::from_millis(250);

/// How long npm may take to end after it was told to.
const FAREWELL: Duration = Duration::from_secs(5);

/// The first `npm` on a search path.
pub fn find(search: &OsStr) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    std::env::split_paths(search).filter(|dir| dir.is_absolute()).map(|dir| dir.join("npm")).find(|path| {
        std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    })
}

/// One `npm install` of one package.
pub struct Job<'a> {
    /// The program.
    pub npm: &'a Path,
    /// `name@version`.
    pub package: &'a str,
    /// The folder that gets `node_modules`.
    pub folder: &'a Path,
    /// PATH of npm and of what it starts.
    pub search: OsString,
    /// Its standard input, an empty file.
    pub input: File,
    /// All that it says is added here.
    pub log: &'a Path,
}

/// How npm failed.
#[derive(Debug)]
pub struct NpmFailure {
    /// What was being fetched.
    pub package: String,
    /// The kind, as far as its words tell.
    pub kind: Kind,
    /// How it ended.
    pub status: ExitStatus,
    /// Its last lines.
    pub tail: Vec<String>,
    /// All of its lines.
    pub log: PathBuf,
}

/// Kinds of failure that an operator can do something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The registry does not answer.
    Offline,
    /// The registry does not have it.
    Unknown,
    /// The registry wants to know who asks.
    Denied,
    /// The disk is full.
    NoSpace,
    /// npm may not write where it must.
    Permission,
    /// The registry's certificate is not trusted.
    Certificate,
    /// npm itself, or the Node under it, cannot run.
    Broken,
    /// Anything else.
    Other,
}

impl fmt::Display for NpmFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.kind {
            Kind::Offline => "its registry cannot be reached",
            Kind::Unknown => "its registry has no such release",
            Kind::Denied => "its registry refused us",
            Kind::NoSpace => "the disk is full",
            Kind::Permission => "it may not write where it must",
            Kind::Certificate => "it does not trust the registry's certificate",
            Kind::Broken => "it cannot run here",
            Kind::Other => "see its last lines",
        };
        write!(f, "npm could not install {}: {why} ({})", self.package, self.status)?;
        for line in &self.tail {
            write!(f, "\n  npm| {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for NpmFailure {}

/// How a job went, when npm could be run at all.
pub enum Outcome {
    /// Installed.
    Done,
    /// npm said no.
    Failed(NpmFailure),
    /// We were told to stop, and npm has ended.
    Cancelled,
}

/// Runs the job to its end, or to the end of `cancel`.
pub async fn run<C: Future<Output = ()>>(
    job: Job<'_>,
    mut cancel: Pin<&mut C>,
    tell: &mut dyn FnMut(News),
) -> io::Result<Outcome> {
    let mut log = File::options().create(true).append(true).open(job.log)?;
    let (mut child, output) = spawn(&job)?;
    let mut output = BufReader::new(pipe::Receiver::from_owned_fd(output)?);
    let mut heard = Heard::default();
    let mut line = Vec::new();
    let mut repaint = tokio::time::interval(REPAINT);
    let mut open = true;
    let status = loop {
        tokio::select! {
            read = output.read_until(b'\n', &mut line), if open => {
                open = read? > 0;
                log.write_all(&line)?;
                heard.line(&String::from_utf8_lossy(&line), tell);
                line.clear();
            }
            status = child.wait() => break status?,
            _ = repaint.tick() => tell(News::Grew { packages: heard.packages.len(), bytes: written(&child) }),
            () = cancel.as_mut() => {
                end(&mut child).await?;
                return Ok(Outcome::Cancelled);
            }
        }
    };
    // What npm left in the pipe; something that it started may hold the pipe open, so not for ever.
    let drain = async {
        while open {
            open = output.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0);
            // Also without a line feed at its end, and also when a look before read it already.
            let _ = log.write_all(&line);
            heard.line(&String::from_utf8_lossy(&line), tell);
            line.clear();
        }
    };
    let _ = tokio::time::timeout(FAREWELL, drain).await;
    if status.success() { Ok(Outcome::Done) } else { Ok(Outcome::Failed(heard.failure(&job, status))) }
}

/// npm in a process group of its own, so that it can be ended whole and a terminal's Ctrl-C reaches only us.
fn spawn(job: &Job<'_>) -> io::Result<(Child, OwnedFd)> {
    let (output, input) = std::io::pipe()?;
    let mut command = Command::new(job.npm);
    command
        .arg("install")
        .arg(job.package)
        .arg("--prefix")
        .arg(job.folder)
        .args(FLAGS)
        .env("PATH", &job.search)
        .current_dir(job.folder)
        .stdin(Stdio::from(job.input.try_clone()?))
        .stdout(input.try_clone()?)
        .stderr(input)
        .process_group(0)
        .kill_on_drop(true);
    for (name, _) in std::env::vars_os() {
        if is_foreign(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
    Ok((command.spawn()?, output.into()))
}

/// What must hold whatever the user's own npm settings say. No scripts: nothing of some 330 packages is run as this user;
/// OpenClaw finishes itself at its first start, and the folder is then the same as with scripts.
const FLAGS: [&str; 18] = [
    "--ignore-scripts",
    "--global=false",
    "--location=project",
    "--workspaces=false",
    "--install-strategy=hoisted",
    "--bin-links=true",
    "--include=prod",
    "--include=optional",
    "--omit=dev",
    "--save=true",
    "--package-lock=true",
    "--dry-run=false",
    "--audit=false",
    "--fund=false",
    "--update-notifier=false",
    "--progress=false",
    "--color=false",
    "--loglevel=http",
];

/// npm gets our environment but for what would make it act for somebody else. The rest must stay: a user's `.npmrc` may
/// name any variable, and proxies and certificates are said that way too.
fn is_foreign(name: &str) -> bool {
    matches!(name, "NODE_OPTIONS" | "NODE_PATH" | "NODE_ENV" | "INIT_CWD" | "GATEWARD_COOKIE")
        || ["OPENCLAW_", "npm_package_", "npm_lifecycle_"].iter().any(|prefix| name.starts_with(prefix))
}

/// Ends npm and all of its group. The group is signalled while its leader is unreaped, so its number is still its own.
async fn end(child: &mut Child) -> io::Result<()> {
    signal_group(child, libc::SIGTERM);
    if tokio::time::timeout(FAREWELL, child.wait()).await.is_err() {
        signal_group(child, libc::SIGKILL);
        child.wait().await?;
    }
    Ok(())
}

fn signal_group(child: &Child, signal: i32) {
    if let Some(leader) = child.id() {
        // Gone already is as good as ended.
        let _ = crate::os::signals::kill_group(leader.cast_signed(), signal);
    }
}

/// Bytes that npm has written so far; 0 where the kernel does not say.
fn written(child: &Child) -> u64 {
    let Some(pid) = child.id() else { return 0 };
    let Ok(text) = std::fs::read_to_string(format!("/proc/{pid}/io")) else { return 0 };
    text.lines().find_map(|line| line.strip_prefix("wchar: ")?.trim().parse().ok()).unwrap_or(0)
}

/// What npm has said so far.
#[derive(Default)]
struct Heard {
    packages: BTreeSet<String>,
    tail: VecDeque<String>,
    code: Option<String>,
}

impl Heard {
    fn line(&mut self, line: &str, tell: &mut dyn FnMut(News)) {
        let line = line.trim_end();
        if let Some(fetched) = line.strip_prefix("npm http ") {
            match fetched.split_whitespace().find(|word| word.ends_with(".tgz")) {
                // `name@url` when it comes from the cache, `url` from the registry: the same package either way.
                Some(tarball) => {
                    let url = &tarball[tarball.find("http").unwrap_or(0)..];
                    self.packages.insert(url.to_owned());
                }
                None if fetched.contains(" attempt ") => tell(News::Retrying(fetched.to_owned())),
                None => {}
            }
            return;
        }
        let error = line.strip_prefix("npm error").or_else(|| line.strip_prefix("npm ERR!"));
        let error = error.map(|text| text.strip_prefix(' ').unwrap_or(text));
        if let Some(code) = error.and_then(|text| text.strip_prefix("code ")) {
            self.code.get_or_insert_with(|| code.trim().to_owned());
        }
        let noise = line.is_empty() || line.starts_with("npm warn") || line.starts_with("npm notice");
        if !noise && !error.is_some_and(is_detail) {
            if self.tail.len() == TAIL {
                self.tail.pop_front();
            }
            self.tail.push_back(line.to_owned());
        }
    }

    fn failure(self, job: &Job<'_>, status: ExitStatus) -> NpmFailure {
        let kind = match (self.code.as_deref(), status.code()) {
            (Some(code), _) => kind_of(code),
            (None, Some(126 | 127)) => Kind::Broken,
            (None, _) => Kind::Other,
        };
        NpmFailure { package: job.package.to_owned(), kind, status, tail: self.tail.into(), log: job.log.to_owned() }
    }
}

/// Stack traces, dumped fields and filling of npm's errors, after which nobody has ever known more.
fn is_detail(error: &str) -> bool {
    error.starts_with("  ") || error.starts_with("A complete log") || matches!(error.trim(), "" | "{" | "}")
}

fn kind_of(code: &str) -> Kind {
    match code {
        "ENOTFOUND"
        | "EAI_AGAIN"
        | "ECONNREFUSED"
        | "ECONNRESET"
        | "ETIMEDOUT"
        | "ENETUNREACH"
        | "EHOSTUNREACH"
        | "ENETDOWN"
        | "ERR_SOCKET_TIMEOUT"
        | "FETCH_ERROR"
        | "ENOTCACHED"
        | "UND_ERR_CONNECT_TIMEOUT" => Kind::Offline,
        "ETARGET" | "E404" | "ENOVERSIONS" => Kind::Unknown,
        "E401" | "E403" | "ENEEDAUTH" => Kind::Denied,
        "ENOSPC" | "EDQUOT" => Kind::NoSpace,
        "EACCES" | "EPERM" | "EROFS" => Kind::Permission,
        "SELF_SIGNED_CERT_IN_CHAIN"
        | "DEPTH_ZERO_SELF_SIGNED_CERT"
        | "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"
        | "UNABLE_TO_GET_ISSUER_CERT"
        | "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
        | "CERT_HAS_EXPIRED" => Kind::Certificate,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(text: &str) -> (Heard, Vec<News>) {
        let (mut heard, mut news) = (Heard::default(), Vec::new());
        for line in text.lines() {
            heard.line(line, &mut |one| news.push(one));
        }
        (heard, news)
    }

    #[test]
    fn packages_are_counted_once_and_tries_are_told() {
        let (heard, news) = heard(
            "npm http fetch GET 200 https://registry.example/a 271ms (cache updated)\n\
             npm http cache a@https://registry.example/a/-/a-1.0.0.tgz 0ms (cache hit)\n\
             npm http cache a@https://registry.example/a/-/a-1.0.0.tgz 0ms (cache hit)\n\
             npm http fetch GET 200 https://registry.example/a/-/a-1.0.0.tgz 9ms (cache miss)\n\
             npm http fetch GET 200 https://registry.example/b/-/b-2.0.0.tgz 9ms (cache miss)\n\
             npm http fetch GET https://registry.example/c attempt 1 failed with ENOTFOUND\n",
        );
        assert_eq!(heard.packages.len(), 2, "{:?}", heard.packages);
        assert!(matches!(&news[..], [News::Retrying(why)] if why.contains("ENOTFOUND")), "{news:?}");
        assert!(heard.tail.is_empty(), "progress is no part of an error");
    }

    #[test]
    fn the_first_code_names_the_kind_in_old_and_new_npm() {
        for (text, kind) in [
            ("npm error code ETARGET\nnpm error notarget No matching version found", Kind::Unknown),
            ("npm ERR! code ENOTFOUND\nnpm ERR! code EACCES", Kind::Offline),
            ("npm error code ENOSPC", Kind::NoSpace),
            ("npm error code ESOMETHING\nnpm error\nnpm error   at x.js:1\nnpm error }", Kind::Other),
        ] {
            let (heard, _) = heard(text);
            assert_eq!(heard.code.as_deref().map(kind_of), Some(kind), "{text}");
            assert!(heard.tail.iter().all(|line| !line.contains("at x.js") && line.len() > 12), "{:?}", heard.tail);
        }
    }

    #[test]
    fn the_tail_is_the_end_of_what_was_said() {
        let text: String = (0..40).map(|n| format!("npm error line {n}\nnpm warn noise\n")).collect();
        let (heard, _) = heard(&text);
        assert_eq!(heard.tail.len(), TAIL);
        assert_eq!(heard.tail.back().map(String::as_str), Some("npm error line 39"));
    }
}
