//! From what was seen of a plane to claims with verdicts and evidence. Pure; never tells the value of a variable.

use std::collections::BTreeMap;

use super::look::{Browser, Heard, Owner, Release, Seen};
use crate::cli::in_force::Word;
use crate::keeper::probe::Answered;
use crate::openclaw::environment::{COOKIE, is_taken_over};
use crate::plane::Contract;
use crate::render::verify::{Claim, Subject};
use crate::wire::PlaneStatus;

/// What a shell adds when it stands between us and the program.
const OF_SHELLS: [&str; 4] = ["PWD", "OLDPWD", "SHLVL", "_"];

/// What settles a definition that is not in force.
const RELOAD: &str = "`gateward reload --dry-run` shows what would change, `gateward reload` applies it";

/// Every claim about a plane that is up.
pub fn claims(status: &PlaneStatus, seen: &Seen) -> Vec<Claim> {
    let mut claims = vec![custody(seen), definition(status, seen), program(status, seen)];
    claims.extend(listeners(seen));
    claims.extend(browsers(seen));
    claims.push(files(seen));
    claims.push(log(seen));
    claims.extend(seen.probes.iter().map(|(url, answered)| probe(url, answered)));
    claims.push(environment(seen, status.incarnation));
    claims
}

/// The one claim about a plane that runs and is no longer in the manifest.
pub fn forgotten() -> Claim {
    let evidence = "it runs, and the manifest no longer names it";
    Claim::failed(Subject::Definition, evidence, "`gateward reload` stops it; or write it into the manifest again")
}

fn custody(seen: &Seen) -> Claim {
    let (pid, keeper, lock) = (seen.pid, seen.keeper, seen.lock.display());
    let hint = "`gateward status` and `gateward events` tell of keepers; a moment later it may be well";
    if seen.parent != Some(keeper) {
        let parent = seen.parent.map_or("gone".to_owned(), |parent| format!("the child of process {parent}"));
        return Claim::failed(
            Subject::Custody,
            format!("its gateway (pid {pid}) is {parent}, not of its keeper"),
            hint,
        );
    }
    let child = format!("its gateway (pid {pid}) is the child of its keeper (pid {keeper})");
    match seen.lock_holder {
        Some(holder) if holder == keeper => Claim::proved(Subject::Custody, format!("{child}, which holds {lock}")),
        Some(holder) => {
            Claim::failed(Subject::Custody, format!("{child}, but {lock} is held by process {holder}"), hint)
        }
        None if seen.lock_is_closed => {
            Claim::unseen(Subject::Custody, format!("{child}, but who holds {lock} may not be seen by this user"))
        }
        None => Claim::failed(Subject::Custody, format!("{child}, but nobody holds {lock}"), hint),
    }
}

fn definition(status: &PlaneStatus, seen: &Seen) -> Claim {
    let short = |hash: &str| hash.chars().take(12).collect::<String>();
    if seen.by == Word::Sealed {
        let runs = short(&status.definition);
        let evidence = format!("it runs as its keeper was given it (definition {runs}); the manifest cannot be used");
        return Claim::unseen(Subject::Definition, evidence);
    }
    // The supervisor knows its own environment, which a shell does not: what it has still to do is no proof that all is done.
    if let Some(pending) = &seen.pending {
        let evidence =
            format!("it runs definition {}, and the supervisor has another: {pending}", short(&status.definition));
        return Claim::failed(Subject::Definition, evidence, RELOAD);
    }
    if status.definition == seen.definition {
        let evidence = format!("it runs as the manifest says now (definition {})", short(&seen.definition));
        return Claim::proved(Subject::Definition, evidence);
    }
    if !seen.plane.passed.is_empty() && seen.given.is_none() {
        let names: Vec<&str> = seen.plane.passed.iter().map(String::as_str).collect();
        let evidence = format!(
            "it cannot be compared from here, as `pass_env` takes {} from the supervisor's own environment",
            names.join(", ")
        );
        return Claim::unseen(Subject::Definition, evidence);
    }
    let (runs, says) = (short(&status.definition), short(&seen.definition));
    let evidence = format!("it runs another definition ({runs}) than the manifest has now ({says})");
    Claim::failed(Subject::Definition, evidence, RELOAD)
}

fn program(status: &PlaneStatus, seen: &Seen) -> Claim {
    if let Some(exchanged) = &status.exchanged {
        let (evidence, hint) = exchanged.split_once("; ").unwrap_or((exchanged, ""));
        return Claim::failed(Subject::Program, evidence, hint);
    }
    let Some(exe) = &seen.exe else {
        return Claim::unseen(Subject::Program, "its program may not be seen by this user");
    };
    match &seen.release {
        Release::In(release) if exe.starts_with(release) => Claim::proved(
            Subject::Program,
            format!("it executes {}, of the release in {}", exe.display(), release.display()),
        ),
        Release::In(release) => Claim::failed(
            Subject::Program,
            format!("it executes {}, which is not in {}", exe.display(), release.display()),
            format!("`gateward restart {}` starts it from there", seen.plane.name),
        ),
        Release::NotHere(version) => Claim::unseen(
            Subject::Program,
            format!(
                "it executes {}; whether that is of OpenClaw {version} is not to be seen here, where that release is not",
                exe.display()
            ),
        ),
        Release::Any => Claim::proved(Subject::Program, format!("it executes {}", exe.display())),
    }
}

fn listeners(seen: &Seen) -> Vec<Claim> {
    let mut claims: Vec<Claim> = seen.listeners.iter().map(listener).collect();
    let base = seen.plane.port.filter(|_| seen.plane.contract == Contract::Openclaw);
    if let Some(base) = base.filter(|base| seen.listeners.iter().all(|heard| heard.address.port() != *base)) {
        let hint = format!("`gateward why {}` tells what it does", seen.plane.name);
        claims.insert(0, Claim::failed(Subject::Listener, format!("nobody listens on its base port {base}"), hint));
    }
    claims
}

fn listener(heard: &Heard) -> Claim {
    let at = format!("{} ({})", heard.address, heard.part);
    match &heard.owner {
        Owner::Own(process) => Claim::proved(Subject::Listener, format!("{at} is held by {process}, one of its own")),
        Owner::Plane(plane, process) => Claim::failed(
            Subject::Listener,
            format!("{at} is held by {process}, which belongs to {plane}"),
            format!("whoever connects there meets {plane}: move its port, then `gateward restart {plane}`"),
        ),
        Owner::Unseen(process) => Claim::unseen(
            Subject::Listener,
            format!("{at} is held by {process}; whether it is one of its own may not be seen by this user"),
        ),
        Owner::Stranger(process) => Claim::failed(
            Subject::Listener,
            format!("{at} is held by {process}, which belongs to no plane"),
            "end the process that should not be there; OpenClaw takes any browser on such a port for its own",
        ),
    }
}

fn browsers(seen: &Seen) -> Vec<Claim> {
    if seen.plane.contract == Contract::Plain {
        return Vec::new();
    }
    let mut claims: Vec<Claim> = seen.browsers.iter().map(browser).collect();
    let reaching = seen.reaching.iter().map(|one| {
        Claim::failed(Subject::Browser, one.clone(), "see `cdpUrl` and `cdpPort` in its config, and `gateward check`")
    });
    claims.extend(reaching);
    claims.extend(seen.attached.iter().map(attached));
    let remote = seen.remote_browsers.iter().map(|one| {
        Claim::unseen(
            Subject::Browser,
            format!("profile {one} is on another host, where nobody's processes can be seen"),
        )
    });
    claims.extend(remote);
    if claims.is_empty() {
        claims.push(Claim::proved(Subject::Browser, "no browser runs in its folders, and none of its own elsewhere"));
    }
    claims
}

/// A browser that it attaches to: its config says so, but not whose logins are in there.
fn attached(heard: &Heard) -> Claim {
    let at = format!("{} attaches to {}", heard.part, heard.address);
    match &heard.owner {
        Owner::Own(process) => Claim::proved(Subject::Browser, format!("{at}, held by {process}, one of its own")),
        Owner::Plane(plane, process) => Claim::failed(
            Subject::Browser,
            format!("{at}, held by {process}, which belongs to {plane}"),
            format!("it has the logged-in sessions of {plane}: give it a browser of its own"),
        ),
        Owner::Unseen(process) => Claim::unseen(
            Subject::Browser,
            format!("{at}, held by {process}; whether it is one of its own may not be seen by this user"),
        ),
        Owner::Stranger(process) => Claim::unseen(
            Subject::Browser,
            format!("{at}, held by {process}, which belongs to no plane; whose logins are in it cannot be told"),
        ),
    }
}

fn browser(browser: &Browser) -> Claim {
    let (process, folder) = (&browser.process, browser.folder.display());
    match (browser.own, browser.in_own_folder) {
        (true, true) => Claim::proved(Subject::Browser, format!("{process} is its own, with its profile in {folder}")),
        (true, false) => Claim::failed(
            Subject::Browser,
            format!("{process} is its own, but works in {folder}, which is not in its state dir"),
            "another plane, or you, may be logged in there: give the profile a folder of this plane's own",
        ),
        (false, _) => Claim::failed(
            Subject::Browser,
            format!("{process} works in {folder}, and is none of its processes"),
            "end that browser: it was left behind, or started by hand",
        ),
    }
}

fn files(seen: &Seen) -> Claim {
    let told = |(path, plane, process): &(std::path::PathBuf, crate::plane::PlaneName, String)| {
        (path.display().to_string(), plane.clone(), process.clone())
    };
    if let Some((path, plane, process)) = seen.foreign_files.first().map(told) {
        let evidence = format!("{process} has {path} open, which belongs to {plane}{}", more(seen.foreign_files.len()));
        return Claim::failed(Subject::Files, evidence, "see `gateward check`: two planes must not share a state dir");
    }
    if let Some((path, plane, process)) = seen.invaded.first().map(told) {
        let evidence = format!("{path} is open in {process}, which belongs to {plane}{}", more(seen.invaded.len()));
        return Claim::failed(
            Subject::Files,
            evidence,
            "see `gateward check`: two planes must not write the same file",
        );
    }
    let state_dir = seen.plane.state_dir.display();
    let hidden = match seen.hidden {
        0 => String::new(),
        count => format!(" ({count} of its processes may not be looked at by this user)"),
    };
    match seen.own_files.first() {
        Some((_, process)) => Claim::proved(
            Subject::Files,
            format!(
                "{} open in {state_dir}, such as by {process}, and none of another plane's{hidden}",
                counted(seen.own_files.len(), "file", "files")
            ),
        ),
        None if seen.hidden > 0 && seen.hidden == seen.tree.len() => {
            Claim::unseen(Subject::Files, "what its processes have open may not be seen by this user")
        }
        None => Claim::proved(
            Subject::Files,
            format!(
                "{} nothing of another plane's open, and nothing of {state_dir} at this moment{hidden}",
                counted(seen.tree.len(), "process has", "processes have")
            ),
        ),
    }
}

fn more(count: usize) -> String {
    if count > 1 { format!(" ({} more such)", count - 1) } else { String::new() }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn log(seen: &Seen) -> Claim {
    let log = seen.log.display();
    match (&seen.stdout, seen.kept) {
        (Some(pipe), Some(true)) => Claim::proved(
            Subject::Log,
            format!("what it prints ({}) is read by its keeper, into {log}", pipe.display()),
        ),
        (Some(pipe), Some(false)) => Claim::failed(
            Subject::Log,
            format!("what it prints ({}) is not read by its keeper", pipe.display()),
            format!("`gateward restart {}` gives it a pipe of its own", seen.plane.name),
        ),
        (Some(pipe), None) => Claim::unseen(
            Subject::Log,
            format!(
                "what it prints goes to {}; only root may see that its keeper reads it, into {log}",
                pipe.display()
            ),
        ),
        (None, _) => Claim::unseen(Subject::Log, "where it prints to may not be seen, or it has closed its output"),
    }
}

fn probe(url: &str, answered: &Result<Answered, String>) -> Claim {
    match answered {
        Ok(Answered { status: status @ 200..=299, .. }) => {
            Claim::proved(Subject::Probe, format!("{url} answers {status}"))
        }
        // Not ready is an answer of the intended gateway: `status` tells whether it is well.
        Ok(Answered { status, body }) if url.ends_with("/readyz") => {
            let body: String = body.chars().take(200).collect();
            Claim::proved(Subject::Probe, format!("{url} answers {status}: {}", body.trim()))
        }
        Ok(Answered { status, .. }) => Claim::failed(
            Subject::Probe,
            format!("{url} answers {status}"),
            "`gateward why` tells what it is doing; a moment later it may be well",
        ),
        Err(error) => Claim::failed(Subject::Probe, format!("{url}: {error}"), "`gateward why` tells more"),
    }
}

/// Names are told, values never.
fn environment(seen: &Seen, incarnation: u64) -> Claim {
    let (plane, declared) = (&seen.plane, &seen.declared);
    let live = match &seen.live {
        Ok(live) => live,
        Err(why) => return Claim::unseen(Subject::Environment, why.clone()),
    };
    let mut wrong = Vec::new();
    // Without the keeper's word the values of `pass_env` are not known here.
    let comparable = |name: &String| seen.given.is_some() || !plane.passed.contains(name);
    for (name, value) in declared.iter().filter(|(name, _)| comparable(name)) {
        match live.get(name) {
            // The folder of its program stands before what is declared.
            Some(live)
                if name == "PATH" && (live.ends_with(value.as_str()) || !plane.environment.contains_key(name)) => {}
            Some(live) if live == value => {}
            Some(_) => wrong.push(format!("{name} is not what was declared")),
            None => wrong.push(format!("{name} is missing")),
        }
    }
    // What comes from the supervisor's own environment has to be what the keeper was given.
    let taken_over = seen.given.iter().flatten().filter(|(name, _)| is_taken_over(name) && comparable(name));
    let differs = taken_over.filter(|(name, value)| live.get(*name) != Some(value) && !declares(declared, name));
    wrong.extend(differs.map(|(name, _)| format!("{name} is not what its keeper was given")));
    let known = |name: &str| {
        declared.contains_key(name)
            || plane.passed.contains(name)
            || is_taken_over(name)
            || name == COOKIE
            || OF_SHELLS.contains(&name)
    };
    wrong.extend(live.keys().filter(|name| !known(name)).map(|name| format!("{name} was declared by nobody")));
    let expected = seen.cookie.as_ref().map(|prefix| format!("{prefix}{incarnation}"));
    match (live.get(COOKIE), expected) {
        (Some(live), Some(expected)) if *live == expected => {}
        (Some(_), Some(_)) => wrong.push(format!("{COOKIE} is that of another plane or incarnation")),
        (None, _) => wrong.push(format!("{COOKIE} is missing")),
        (Some(_), None) => {}
    }
    if wrong.is_empty() {
        let evidence = format!(
            "{} variables are what was declared, {COOKIE} names {} and incarnation {incarnation}",
            live.len(),
            plane.name
        );
        return Claim::proved(Subject::Environment, evidence);
    }
    let hint = format!(
        "`gateward reload --dry-run` tells whether the manifest has changed since; `gateward restart {}` starts it anew",
        plane.name
    );
    Claim::failed(Subject::Environment, wrong.join("; "), hint)
}

/// Whether the manifest itself says what the variable is; PATH it only may.
fn declares(declared: &BTreeMap<String, String>, name: &str) -> bool {
    name != "PATH" && declared.contains_key(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_2xx_is_an_answer_of_one_that_is_well_and_nothing_else_is() {
        let told = |status| {
            let body = String::new();
            let claim = probe("http://127.0.0.1:8080/health", &Ok(Answered { status, body }));
            claim == Claim::proved(Subject::Probe, format!("http://127.0.0.1:8080/health answers {status}"))
        };
        assert_eq!([199, 200, 204, 299, 300, 404, 503].map(told), [false, true, true, true, false, false, false]);
    }
}
