//! What to do about claims that meet: who moves, and where to, one step for each claim.
//!
//! The steps of all hints of one proof go together: followed at once they leave no collision that they were given for.

use super::claim::{Claim, Claims, Homely, PathRole, Pin, Repeat, Repeater, Source, Surface};
use super::group::distinct;
use super::suggest::{Suggest, near};
use super::wording::{NAMED, shown};
use crate::plane::shell::steers;
use crate::plane::{Role, spelled_out};

/// How many steps a hint has; whoever has more to mend sees how, and asks again.
const MOST_STEPS: usize = 12;

/// The claims of each owner but one. Who keeps the surface is the plane that it belongs to by its place, else one of role
/// main, else the first by name.
pub(super) fn movers<'a>(all: &Claims, of: &[&'a Claim]) -> Vec<&'a Claim> {
    let rank = |claim: &&&Claim| (!is_at_home(all, claim), all.claimant(claim).role != Role::Main, claim.by);
    let Some(keeper) = of.iter().min_by_key(rank).map(|claim| claim.by) else { return Vec::new() };
    let mut movers: Vec<&Claim> = of.iter().copied().filter(|claim| claim.by != keeper).collect();
    movers.sort_by_key(|claim| (claim.by, claim.source));
    movers
}

/// Whether a plane has this where it would have it by itself: in its own state dir, in its own port family, by default.
pub(super) fn is_at_home(all: &Claims, claim: &Claim) -> bool {
    let claimant = all.claimant(claim);
    match &claim.surface {
        Surface::Path(role, path) => {
            let is_inside =
                *role != PathRole::StateDir && spelled_out(path).starts_with(spelled_out(&claimant.state_dir));
            is_inside || matches!(claim.source, Source::Defaulted | Source::Openclaw)
        }
        Surface::Pin(_, port) => {
            let span = crate::openclaw::ports::SPAN;
            claimant.base.is_some_and(|base| (base..=base.saturating_add(span)).contains(port))
        }
        Surface::Family(_)
        | Surface::Browser(_)
        | Surface::Credential(..)
        | Surface::Profile(_)
        | Surface::Runtime(_)
        | Surface::Container(_) => false,
    }
}

/// The steps of `movers`, planes capped and counted.
pub(super) fn steps(all: &Claims, movers: &[&Claim], suggest: &mut Suggest) -> String {
    let owners = distinct(movers.iter().map(|claim| claim.by));
    let (told, more) = owners.split_at(owners.len().min(NAMED - 1));
    let mut steps: Vec<String> = Vec::new();
    let mut claims = movers.iter().filter(|claim| told.contains(&claim.by));
    for claim in claims.by_ref() {
        let step = step(all, claim, suggest);
        if !steps.contains(&step) {
            steps.push(step);
        }
        if steps.len() == MOST_STEPS {
            break;
        }
    }
    let further = match claims.count() {
        0 => String::new(),
        further => format!(" (and so on for {further} more keys)"),
    };
    let rest = if more.is_empty() { String::new() } else { format!(" (and so on for {} more)", more.len()) };
    format!("{}{further}{rest}", steps.join("; "))
}

/// How one claim gets out of the way, with a value where a free one is known.
pub(super) fn step(all: &Claims, claim: &Claim, suggest: &mut Suggest) -> String {
    let by = claim.by;
    match &claim.surface {
        Surface::Path(PathRole::Home, _) => home(all, claim, suggest),
        Surface::Path(..) => {
            let free = suggest.path(all, claim).map(|path| quoted(&path));
            change(all, claim, free.as_deref(), suggest)
        }
        Surface::Family(base) => moved(all, claim, suggest.base(all, by, near(*base)), suggest),
        Surface::Pin(pin, _) => {
            // Of several words of a command line one cannot be said by itself.
            let is_settable = !claim.key.ends_with("mcpArgs");
            let free = if is_settable { suggest.pin(all, claim) } else { None };
            let value = free.map(|port| match pin {
                Pin::Attaches => format!("\"http://127.0.0.1:{port}\""),
                Pin::Listens | Pin::Browser | Pin::Relay => port.to_string(),
            });
            change(all, claim, value.as_deref(), suggest)
        }
        Surface::Profile(_) => {
            let name = format!("\"{}\"", all.claimant(claim).name);
            change(all, claim, Some(&name), suggest)
        }
        Surface::Container(_) => {
            let apart = if claim.key.ends_with("perSession") { "true" } else { "\"agent\"" };
            change(all, claim, Some(apart), suggest)
        }
        Surface::Browser(_) | Surface::Credential(..) | Surface::Runtime(_) => change(all, claim, None, suggest),
    }
}

/// The steps of a warning about base ports: of `movers` each is offered one, and nothing else counts on its being followed.
pub(super) fn advice(all: &Claims, movers: &[&Claim], suggest: &mut Suggest) -> String {
    let mut steps: Vec<String> = Vec::new();
    for claim in movers {
        let Surface::Family(base) = claim.surface else { continue };
        let free = suggest.advised_base(all, claim.by, near(base));
        steps.push(moved(all, claim, free, suggest));
    }
    let more = steps.len().saturating_sub(NAMED - 1);
    steps.truncate(NAMED - 1);
    let rest = if more == 0 { String::new() } else { format!(" (and so on for {more} more)") };
    format!("{}{rest}", steps.join("; "))
}

/// Another base port, wherever it is said.
fn moved(all: &Claims, claim: &Claim, free: Option<u16>, suggest: &Suggest) -> String {
    let Some(free) = free else { return change(all, claim, None, suggest) };
    let mut step = change(all, claim, Some(&free.to_string()), suggest);
    let said: Vec<Again> =
        all.claimant(claim).repeats.iter().map(|repeat| repeated(all, claim.by, repeat, free, suggest)).collect();
    let mut moves: Vec<&String> = said.iter().filter_map(|again| again.first.as_ref()).collect();
    moves.dedup();
    moves.into_iter().for_each(|key| step.push_str(&format!(" and {key}")));
    said.iter().for_each(|again| step.push_str(&format!(" and {}", again.then)));
    step
}

/// Another HOME. What follows HOME by default is held where it is.
fn home(all: &Claims, claim: &Claim, suggest: &mut Suggest) -> String {
    let Some(free) = suggest.path(all, claim) else { return change(all, claim, None, suggest) };
    let claimant = all.claimant(claim);
    let mut step = change(all, claim, Some(&quoted(&free)), suggest);
    for key in &claimant.defaulted {
        let offered = suggest.offered(claim.by);
        let (now, then) = match *key {
            "config" => (&claimant.config, offered.config),
            _ => (&claimant.state_dir, offered.state_dir),
        };
        step.push_str(&format!(" and `{key} = {}`", quoted(&then.unwrap_or_else(|| now.clone()))));
    }
    let stays = stays(all, claim.by, suggest);
    let moves = stays.first().and_then(|homely| suggest.moving(all, claim.by, &homely.file));
    step.extend(moves.filter(|_| !claimant.defaulted.contains(&"config")).map(|key| format!(" and {key}")));
    for homely in stays.iter().take(NAMED) {
        step.push_str(&format!(" and in {} say `{}: {}`", shown(&homely.file), homely.key, quoted(&homely.path)));
    }
    if stays.len() > NAMED {
        step.push_str(&format!(" and so for {} more that begin with `~`", stays.len() - NAMED));
    }
    step
}

/// What a config says with `~`, as it is to be said in whole: where it is, or where another hint has it.
fn stays(all: &Claims, by: usize, suggest: &Suggest) -> Vec<Homely> {
    let claimant = &all.claimants[by];
    let config = suggest.offered(by).config;
    let stay = |homely: &Homely| {
        let path = suggest.told(by, &homely.key).unwrap_or(&homely.path).to_owned();
        let file = config.clone().filter(|_| homely.file == claimant.config).unwrap_or_else(|| homely.file.clone());
        Homely { key: homely.key.clone(), file, path }
    };
    let mut stays: Vec<Homely> = claimant.homely.iter().map(stay).collect();
    stays.sort_by_key(|homely| homely.file != *config.as_ref().unwrap_or(&claimant.config));
    stays
}

/// A setting that is to be said once more, in a file.
pub(super) struct Again {
    /// What must be said under the plane's own table before that file is there: `` `config = "…"` ``.
    pub(super) first: Option<String>,
    /// `in FILE say …`.
    pub(super) then: String,
}

/// How a base port is said once more.
pub(super) fn repeated(all: &Claims, by: usize, repeat: &Repeat, port: u16, suggest: &Suggest) -> Again {
    let (claimant, offered) = (&all.claimants[by], suggest.offered(by));
    let (first, file) = match (&repeat.file, offered.state_dir) {
        // What lies in a state dir that the plane leaves is another's from then on.
        (Some(file), Some(state_dir)) => match file.strip_prefix(&claimant.state_dir) {
            Ok(below) => (Some(format!("`state_dir = {}`", quoted(&state_dir))), state_dir.join(below)),
            Err(_) => (None, file.clone()),
        },
        (Some(file), None) => (None, file.clone()),
        (None, _) => {
            let file = offered.config.unwrap_or_else(|| claimant.config.clone());
            (suggest.moving(all, by, &file), file)
        }
    };
    let sign = match repeat.by {
        Repeater::Key => ": ",
        Repeater::Variable => "=",
    };
    Again { first, then: format!("in {} say `{}{sign}{port}`", shown(&file), repeat.key) }
}

/// A path as TOML and JSON write it.
pub(super) fn quoted(path: &std::path::Path) -> String {
    let escape = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        c if steers(c) && u32::from(c) <= 0xffff => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    };
    format!("\"{}\"", path.display().to_string().chars().map(escape).collect::<String>())
}

/// How to change a claim to `value`: where the key stands and what to write.
pub(super) fn change(all: &Claims, claim: &Claim, value: Option<&str>, suggest: &Suggest) -> String {
    let name = &all.claimant(claim).name;
    let manifest_key = |key: &str| match value {
        Some(value) => format!("under [planes.{name}] say `{key} = {value}`"),
        None => format!("under [planes.{name}] change `{key}`"),
    };
    let config_key = || {
        let file = suggest.file(all, claim);
        // A file that the plane is yet to be given is given by the same hint: each may be followed alone.
        let first = suggest.moving(all, claim.by, &file).map(|key| format!("under [planes.{name}] say {key} and "));
        let first = first.unwrap_or_default();
        match value {
            Some(value) => format!("{first}in {} say `{}: {value}`", shown(&file), claim.key),
            None => format!("{first}in {} change `{}`", shown(&file), claim.key),
        }
    };
    match (claim.source, &claim.surface) {
        (Source::Config, Surface::Path(PathRole::Include, path)) => {
            format!("give `{name}` a copy of {} and name that in its `$include`", shown(path))
        }
        (Source::Manifest | Source::Defaulted, _) => manifest_key(&claim.key),
        // The manifest's is the default agent's alone.
        (Source::Openclaw, Surface::Path(PathRole::Workspace, _)) if !claim.key.starts_with("agents.entries.") => {
            manifest_key("workspace")
        }
        (Source::Config | Source::Openclaw, _) => config_key(),
        (Source::Variable, _) => match value {
            Some(value) => format!("set `{}` of `{name}` to {value}", claim.key),
            None => format!("change `{}` of `{name}`", claim.key),
        },
        (Source::Living, _) => format!("`gateward reload` ends `{name}` as it lives now"),
    }
}
