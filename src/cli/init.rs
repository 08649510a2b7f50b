//! `init`: writes a first manifest, for planes asked for or for OpenClaw profiles that are on this host already.
//!
//! Writes one file and moves nothing else. A manifest that is there is never lost: without `--force` it is left, with it the
//! old one is kept beside the new.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::outcome::{Code, Failure, Outcome, Told};
use super::quotes::Quotes;
use super::target::Scope;
use super::terminal::{print, say, stderr_look};
use super::trouble;
use crate::collision::finding::{Finding, Severity};
use crate::daemon::applied::is_same;
use crate::daemon::load;
use crate::daemon::survey::existing;
use crate::daemon::survey::{self, Depth};
use crate::plane::PlaneName;
use crate::plane::shell::word;
use crate::render::findings::has_error;
use crate::render::manifest::{Draft, Found, Sketch};
use crate::render::sources::tamed;

/// The words of `init`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward init                          main and rescue, in ./supervisor.toml
  gateward init --planes main,staging    others
  gateward init --from-profiles          what `~/.openclaw`, `~/.openclaw-*` and native services are here already
  gateward init -o -                     to stdout

Exit codes: 0 written; 1 there is a manifest already, or it cannot be written; 2 a name is no plane's name.")]
pub struct Args {
    /// The planes, by name
    #[arg(long, value_name = "NAMES", value_delimiter = ',', conflicts_with = "from_profiles")]
    planes: Vec<String>,
    /// Take in the OpenClaw profiles that are on this host
    #[arg(long)]
    from_profiles: bool,
    /// Write although there is a manifest; the old one is kept beside it
    #[arg(long)]
    force: bool,
    /// Where to write; `-` is stdout [default: what `-m` says, else ./supervisor.toml]
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,
}

/// Runs `init`.
pub fn run(args: &Args, scope: &Scope) -> Outcome {
    let draft = if args.from_profiles { taken_in()? } else { asked_for(&args.planes)? };
    let text = draft.text();
    let output = args.output.clone().or_else(|| scope.manifest.clone()).unwrap_or_else(|| "supervisor.toml".into());
    if output.as_os_str() == "-" {
        print(&text)?;
        return Ok(Code::Done);
    }
    let kept = write(&output, &text, args.force)?;
    if let Some(kept) = kept {
        say(&format!("kept the manifest that was there as {}\n", kept.display()));
    }
    say(&format!("wrote {} with {}\n", output.display(), draft.names()));
    tell(&output, &draft, &text)
}

/// Planes by name, on ports that nothing has, far enough from one another.
fn asked_for(words: &[String]) -> Result<Draft, Failure> {
    let default = ["main", "rescue"].map(str::to_owned);
    let words = if words.is_empty() { &default[..] } else { words };
    let mut names: Vec<PlaneName> = Vec::new();
    for word in words {
        let name = PlaneName::new(word.trim()).map_err(|error| {
            Failure::Usage(Told::new(error.to_string(), "name planes after their role: main, rescue"))
        })?;
        if name.as_str() == "all" {
            let message = "`all` stands for every plane in commands, and cannot name one";
            return Err(Failure::Usage(Told::new(message, "name planes after their role: main, rescue")));
        }
        if names.contains(&name) {
            return Err(Failure::Usage(Told::new(format!("`{name}` is named twice"), "each plane has one name")));
        }
        names.push(name);
    }
    let ports = survey::free_bases(names.len());
    if ports.len() < names.len() {
        let message = format!("this host has free port families for {} planes, not for {}", ports.len(), names.len());
        return Err(Failure::failed(message, "ask for fewer planes"));
    }
    Ok(Draft::new(names.into_iter().zip(ports).map(|(name, port)| Sketch::asked_for(name, port)).collect()))
}

/// The profiles that are on this host, as they are.
fn taken_in() -> Result<Draft, Failure> {
    let (profiles, left) = existing::look();
    for one in left {
        say(&format!("left out {}: it {}\n", one.path.display(), one.why));
    }
    if profiles.is_empty() {
        let message = "there is no OpenClaw profile here: neither ~/.openclaw nor ~/.openclaw-* has a config";
        return Err(Failure::failed(message, "`gateward init --planes main,rescue` begins afresh"));
    }
    let mut names: Vec<(PlaneName, String)> = Vec::new();
    let mut sketches = Vec::new();
    let has_main = profiles.iter().any(|profile| profile.name == "main");
    for profile in profiles {
        let (name, why) = name_of(&profile.name, has_main, &names);
        names.push((name.clone(), profile.name.clone()));
        let found = Found {
            remarks: profile.remarks().into_iter().chain(why).collect(),
            profile: profile.name,
            state_dir: profile.state_dir,
            config: profile.config,
            port_from: profile.port_from,
            browser_profiles: profile.browser_profiles,
        };
        sketches.push(Sketch::taken_in(name, profile.port, found));
    }
    Ok(Draft::new(sketches))
}

/// A plane's name for a profile, and what is to be said of it. The unnamed one is `main`, unless a profile is called so.
fn name_of(profile: &str, has_main: bool, taken: &[(PlaneName, String)]) -> (PlaneName, Option<String>) {
    let wanted = match profile {
        "default" if has_main => "default",
        "default" => "main",
        profile => profile,
    };
    let mut plain: String =
        wanted.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(20).collect();
    if !plain.starts_with(|c: char| c.is_ascii_lowercase()) || plain == "all" {
        plain.insert_str(0, "p-");
    }
    let holder = |name: &PlaneName| taken.iter().find(|(other, _)| other == name).map(|(_, profile)| profile);
    // A number tells nobody which profile it is; what it was called still does where one is left.
    let other = (2..).map(|n| if n == 2 { format!("profile-{plain}") } else { format!("profile-{plain}-{n}") });
    let mut candidates = std::iter::once(plain.clone()).chain(other).filter_map(|text| PlaneName::new(&text).ok());
    let name = candidates.find(|name| holder(name).is_none()).expect("there are more numbers than planes");
    let first = PlaneName::new(&plain).ok();
    let before = first.as_ref().and_then(holder).map(|holder| {
        format!(
            "Called `{name}`, as `{plain}` is the profile {holder} above: give each a name that says what it is for."
        )
    });
    let unnamed = (profile == "default" && has_main).then(|| {
        "OpenClaw's unnamed profile; it is not called `main`, as another profile here is. Give the role \"main\" and \
         production_channels to the one that is in production."
            .to_owned()
    });
    (name, before.or(unnamed))
}

/// Writes the manifest whole or not at all; gives where the old one was put.
fn write(path: &Path, text: &str, force: bool) -> Result<Option<PathBuf>, Failure> {
    let failed = |error: io::Error| {
        Failure::failed(format!("{} cannot be written: {error}", path.display()), "choose another place with `-o FILE`")
    };
    let is_there = path.symlink_metadata().is_ok();
    if is_there && !force {
        let message = format!("{} is there already, and is left as it is", path.display());
        return Err(Failure::failed(message, "choose another place with `-o FILE`, or keep it beside with --force"));
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".new-{}", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = write_beside(&beside, text).and_then(|()| put(&beside, path, force));
    written.inspect_err(|_| drop(fs::remove_file(&beside))).map_err(failed)
}

fn write_beside(beside: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(beside)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all())
}

/// Has what is whole at `beside` stand at `path`; gives where what stood there was put.
fn put(beside: &Path, path: &Path, force: bool) -> io::Result<Option<PathBuf>> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, beside, CWD, path, RenameFlags::NOREPLACE) {
        Err(rustix::io::Errno::EXIST) if force => {}
        // A filesystem that cannot tell: it was looked for a moment ago.
        Err(rustix::io::Errno::INVAL) => return fs::rename(beside, path).map(|()| None),
        done => return done.map(|()| None).map_err(io::Error::from),
    }
    let kept = keep(path)?;
    fs::rename(beside, path)?;
    Ok(Some(kept))
}

/// Gives what is at `path` a second name that nothing has.
fn keep(path: &Path) -> io::Result<PathBuf> {
    for number in 1.. {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".old-{number}"));
        let kept = PathBuf::from(name);
        // A link refuses to replace, which a rename does not.
        match fs::hard_link(path, &kept) {
            Ok(()) => return Ok(kept),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// What stands against a manifest, as comments at its end: its lines stay where a finding points.
fn standing(found: &[Finding]) -> String {
    let mut text =
        "\n# It does not hold yet. `gateward check` shows more of what was found when it was written:\n".to_owned();
    for finding in found {
        let planes: Vec<&str> = finding.planes.iter().map(PlaneName::as_str).collect();
        let said = format!("{} ({}): {}\n  {}", finding.code, planes.join(", "), finding.message, finding.hint);
        said.lines().for_each(|line| text.push_str(&format!("# {}\n", tamed(line))));
    }
    text
}

/// Writes what was just written once more, with comments. Without them it says no less on stderr.
fn add(path: &Path, text: &str) {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".new-{}", std::process::id()));
    let beside = PathBuf::from(beside);
    if write_beside(&beside, text).and_then(|()| fs::rename(&beside, path)).is_err() {
        let _ = fs::remove_file(&beside);
    }
}

/// Proves what was written, and says what stands against it and what comes next.
fn tell(path: &Path, draft: &Draft, text: &str) -> Outcome {
    let loaded = match load::read(path) {
        Ok(loaded) => loaded,
        Err(error) => return Err(trouble::manifest(&error)),
    };
    // Where it is not what every verb finds from here, it has to be named.
    let gateward = match load::find(None) {
        Ok(found) if is_same(&found, path) => "gateward".to_owned(),
        Ok(_) | Err(_) => format!("gateward -m {}", word(path)),
    };
    let depth = if draft.is_taken_in() { Depth::Live } else { Depth::Files };
    let mut found: Vec<Finding> = survey::prove(&loaded.planes, depth);
    let warnings = found.len();
    found.retain(|finding| finding.severity == Severity::Error);
    let warnings = warnings - found.len();
    if has_error(&found) {
        let secrets = survey::secrets(&loaded.planes);
        add(path, &(text.to_owned() + &standing(&found)));
        say(&format!("\n{}\n", Quotes::of(&loaded, &secrets).shown(&found, stderr_look())));
        say(&format!("nothing on this host was changed; mend what stands against it, then `{gateward} check` again\n"));
        return Ok(Code::Done);
    }
    let said = if warnings == 0 { "it holds" } else { "it holds, with warnings that `gateward check` shows" };
    say(&format!("{said}; next: {}\n", draft.next(&gateward)));
    Ok(Code::Done)
}
