//! What a plane's names say: paths that should tell their plane, browser profiles that the card promises.

use std::path::Path;

use super::Subject;
use crate::collision::codes::Code;
use crate::collision::finding::Finding;
use crate::collision::wording::{listed, shown};
use crate::openclaw::config::declared::{Browser, Declared};
use crate::plane::spelled_out;

/// Paths that do not say which plane they belong to. What lies in the state dir says no more than the state dir.
pub(super) fn unnamed(subject: &Subject, declared: Option<&Declared>) -> Option<Finding> {
    let plane = subject.plane;
    let says = |path: &Path| spelled_out(path).to_string_lossy().to_lowercase().contains(plane.name.as_str());
    let agent = declared.and_then(|declared| declared.default_agent());
    let workspace = plane.workspace.as_deref().or(agent.map(|agent| agent.workspace.value.as_path()));
    let all =
        [("state_dir", Some(plane.state_dir.as_path())), ("config", Some(&plane.config)), ("workspace", workspace)];
    let silent: Vec<(&str, &Path)> = all
        .into_iter()
        .filter_map(|(key, path)| Some((key, path?)))
        .filter(|(key, path)| !says(path) && (*key == "state_dir" || !path.starts_with(&plane.state_dir)))
        .collect();
    let (_, first) = silent.first()?;
    let said: Vec<String> =
        silent.iter().map(|(key, path)| format!("its {}, {}", key.replace('_', " "), shown(path))).collect();
    let silence = if said.len() == 1 { "the path does not say" } else { "the paths do not say" };
    let message = format!("`{}` cannot be read off {}: {silence} whose it is", plane.name, listed(&said));
    let hint = format!("put `{}` into the path, as in ~/.openclaw-{}", plane.name, plane.name);
    let mut one = subject.finding(Code::SurfaceUnnamed, shown(first));
    for (key, path) in &silent {
        one = one.at(subject.places.of(key), shown(path));
    }
    Some(one.saying(message).hinting(hint))
}

/// Browser profiles that the manifest promises and the config does not have, and the reverse.
pub(super) fn browser_profiles(subject: &Subject, browser: &Browser) -> Option<Finding> {
    let expected = subject.plane.browser_profiles.as_ref()?;
    let quoted = |names: Vec<&str>| listed(&names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>());
    let is_known = |name: &&String| browser.enabled && browser.profiles.iter().any(|profile| profile.name == **name);
    let lacking: Vec<&str> = expected.iter().filter(|name| !is_known(name)).map(String::as_str).collect();
    let written = browser.profiles.iter().filter(|profile| profile.written && browser.enabled);
    let unexpected: Vec<&str> = written
        .map(|profile| profile.name.as_str())
        .filter(|name| !expected.iter().any(|other| other == name))
        .collect();
    let message = match (lacking.is_empty(), unexpected.is_empty()) {
        (true, true) => return None,
        (false, true) => format!("the config lacks {}, which the manifest expects", quoted(lacking)),
        (true, false) => format!("the config has {}, which the manifest does not expect", quoted(unexpected)),
        (false, false) => format!(
            "the config lacks {}, which the manifest expects, and has {}, which it does not",
            quoted(lacking),
            quoted(unexpected)
        ),
    };
    let name = &subject.plane.name;
    let switched_off = if browser.enabled { "" } else { " (its browser is switched off)" };
    let message = format!("the browser profiles of `{name}` differ: {message}{switched_off}");
    let hint = format!("let `browser_profiles` under [planes.{name}] and browser.profiles in its config name the same");
    let one = subject.finding(Code::BrowserProfiles, "browser.profiles").at(subject.places.of("browser_profiles"), "");
    Some(one.saying(message).hinting(hint))
}
