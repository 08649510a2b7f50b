//! Hints that are followed: whoever does at once what all hints of one check say has none of the findings left that they
//! were given for, and no new one; and who follows a single one has at least not that finding.
//!
//! Generated planes share folders, ports and browsers, by the manifest and by their own configs. Where a hint names no value
//! there is nothing to follow, and its finding may stand.

mod generated;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use serde_json::{Value, json};

use self::generated::{Generated, plane};
use crate::support::Scratch;

/// Everything on the disk.
#[derive(Clone, Debug)]
struct World {
    planes: BTreeMap<String, toml::Table>,
    configs: BTreeMap<PathBuf, Value>,
    environments: BTreeMap<PathBuf, String>,
    home: PathBuf,
}

impl World {
    fn new(generated: Vec<(&'static str, Generated)>, root: &Path) -> Self {
        let (home, planes) = (root.join("home"), BTreeMap::new());
        let mut world = Self { planes, configs: BTreeMap::new(), environments: BTreeMap::new(), home };
        for (name, (table, said, env)) in generated {
            world.planes.insert(name.to_owned(), table);
            let mut config = json!({ "gateway": { "mode": "local", "bind": "loopback" } });
            for (key, value) in said {
                let text =
                    value.as_str().map(|text| json!(text.replacen("HOME", &world.home.display().to_string(), 1)));
                set(&mut config, key, text.unwrap_or(value));
            }
            let is_openclaw = !world.planes[name].contains_key("contract");
            if let Some(path) = world.config(name).filter(|_| is_openclaw) {
                world.configs.entry(path).or_insert(config);
            }
            if let Some(port) = env {
                let path = world.state_dir(name).join(".env");
                world.environments.entry(path).or_insert(format!("OPENCLAW_GATEWAY_PORT={port}\n"));
            }
        }
        world
    }

    /// All of it in a few lines.
    fn told(&self) -> String {
        let configs = self.configs.iter().map(|(path, config)| format!("{}: {config}", path.display()));
        let planes = self.planes.iter().map(|(name, table)| format!("{name}: {}", json!(table)));
        planes.chain(configs).chain(std::iter::once(format!("{:?}", self.environments))).collect::<Vec<_>>().join("\n")
    }

    fn path(&self, plane: &str, key: &str) -> Option<PathBuf> {
        let written = self.planes[plane].get(key)?.as_str()?;
        Some(PathBuf::from(written.replacen('~', &self.home.display().to_string(), 1)))
    }

    /// The folder that follows HOME and profile.
    fn own(&self, plane: &str) -> PathBuf {
        let home = self.path(plane, "home").unwrap_or_else(|| self.home.clone());
        let profile = self.planes[plane].get("profile").and_then(toml::Value::as_str).unwrap_or(plane);
        home.join(format!(".openclaw-{profile}"))
    }

    fn config(&self, plane: &str) -> Option<PathBuf> {
        let is_plain = self.planes[plane].contains_key("contract");
        (!is_plain).then(|| self.path(plane, "config").unwrap_or_else(|| self.own(plane).join("openclaw.json")))
    }

    fn state_dir(&self, plane: &str) -> PathBuf {
        self.path(plane, "state_dir").unwrap_or_else(|| self.own(plane))
    }

    /// How many planes read that file.
    fn readers(&self, path: &Path) -> usize {
        let reads = |name: &&String| {
            self.config(name).as_deref() == Some(path)
                || path.ends_with(".env") && self.state_dir(name).join(".env") == path
        };
        self.planes.keys().filter(reads).count()
    }

    /// What `check` finds in it.
    fn checked(&self, root: &Path) -> Vec<Value> {
        let _ = fs::remove_dir_all(&self.home);
        let put = |path: &Path, text: &str| {
            let folder = path.parent().expect("a folder");
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).expect("a folder");
            fs::write(path, text).expect("a file");
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("a mode");
        };
        for (path, config) in &self.configs {
            put(path, &config.to_string());
        }
        for (path, text) in &self.environments {
            put(path, text);
        }
        let mut manifest = toml::Table::new();
        let own = root.join("gateward").display().to_string();
        manifest.insert("supervisor".into(), toml::Table::from_iter([("state_dir".to_owned(), own.into())]).into());
        let planes = self.planes.iter().map(|(name, table)| (name.clone(), toml::Value::from(table.clone())));
        manifest.insert("planes".into(), toml::Table::from_iter(planes).into());
        let path = root.join("etc/supervisor.toml");
        put(&path, &manifest.to_string());
        let output = Command::new(env!("CARGO_BIN_EXE_gateward"))
            .args(["check", "--no-live", "--json", "-m"])
            .arg(&path)
            .env_clear()
            .env("HOME", &self.home)
            .env("PATH", "/usr/bin:/bin")
            .output()
            .expect("gateward runs");
        let proof: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{manifest}: {}", String::from_utf8_lossy(&output.stderr)));
        assert!(output.status.code() != Some(6), "a manifest that holds: {proof:#}\n{manifest}");
        proof["findings"].as_array().expect("a list").clone()
    }

    /// The world in which everything was done that the hints say.
    fn heeded(&self, findings: &[Value]) -> Self {
        let mut after = self.clone();
        let steps: Vec<Step> = findings.iter().flat_map(|finding| Step::all(hint(finding))).collect();
        for step in &steps {
            if let Place::Plane(name) = &step.at {
                let value: toml::Table = format!("it = {}", step.value).parse().expect("a value");
                after.planes.get_mut(name).expect("a plane").insert(step.key.clone(), value["it"].clone());
            }
        }
        // Whoever moves a config takes along what is in it.
        for name in self.planes.keys() {
            let (Some(from), Some(to)) = (self.config(name), after.config(name)) else { continue };
            let config = self.configs[&from].clone();
            after.configs.entry(to).or_insert(config);
        }
        let kept: BTreeSet<PathBuf> = after.planes.keys().filter_map(|name| after.config(name)).collect();
        after.configs.retain(|path, _| kept.contains(path));
        for step in &steps {
            let Place::File(path) = &step.at else { continue };
            if path.ends_with(".env") {
                after.environments.insert(path.clone(), format!("{}={}\n", step.key, step.value));
            } else if let Some(config) = after.configs.get_mut(path) {
                set(config, &step.key, serde_json::from_str(&step.value).expect("a value"));
            } else {
                panic!("a step in a file that nobody has: {path:?} of {findings:#?}");
            }
        }
        after
    }
}

#[test]
fn whoever_has_a_workspace_at_home_is_not_told_to_move() {
    let table = |port: i64, home: &str| {
        let mut table = toml::Table::new();
        table.insert("isolates".into(), "a test".into());
        table.insert("runtime".into(), "practice".into());
        table.insert("role".into(), if home == "main" { "main" } else { "rescue" }.into());
        table.insert("home".into(), format!("~/homes/{home}").into());
        table.insert("port".into(), port.into());
        table
    };
    let scratch = Scratch::new("heeded");
    let victim = "HOME/homes/rescue/.openclaw-rescue/workspace";
    let main = (table(18789, "main"), vec![("agents.defaults.workspace", json!(victim))], None);
    let world =
        World::new(vec![("main", main), ("rescue", (table(18909, "rescue"), Vec::new(), None))], scratch.path());
    let found = world.checked(scratch.path());
    let shared = found.iter().find(|finding| finding["code"] == "workspace-shared").expect("it is shared");
    let home = world.home.display();
    let expected = format!(
        "in {home}/homes/main/.openclaw-main/openclaw.json say `agents.defaults.workspace: \
         \"{home}/homes/main/.openclaw-main/workspace\"`"
    );
    assert_eq!(hint(shared), expected);
}

#[test]
fn whoever_is_told_another_home_is_told_to_write_whole_what_begins_with_a_tilde() {
    let table = |name: &str, port: i64| {
        let key = |key: &str, value: &str| (key.to_owned(), toml::Value::from(value));
        let mut table =
            toml::Table::from_iter([key("isolates", "a test"), key("runtime", "practice"), key("role", name)]);
        table.insert("port".into(), port.into());
        table
    };
    let scratch = Scratch::new("heeded");
    let said =
        vec![("agents.defaults.workspace", json!("~/rescue-notes")), ("logging.file", json!("/var/log/rescue.log"))];
    let main = (table("main", 18789), Vec::new(), None);
    let before = World::new(vec![("main", main), ("rescue", (table("rescue", 18909), said, None))], scratch.path());
    let found = before.checked(scratch.path());
    let shared = found.iter().find(|finding| finding["code"] == "home-shared").expect("it is shared");
    let notes = before.home.join("rescue-notes").display().to_string();
    assert!(hint(shared).ends_with(&format!(" say `agents.defaults.workspace: \"{notes}\"`")), "{}", hint(shared));
    let after = before.heeded(std::slice::from_ref(shared));
    assert_ne!(after.path("rescue", "home"), before.path("rescue", "home"));
    let config = &after.configs[&after.config("rescue").expect("a config")];
    assert_eq!(config["agents"]["defaults"]["workspace"], json!(notes), "it stays where it was");
}

fn set(config: &mut Value, key: &str, value: Value) {
    let mut at = config;
    for part in key.split('.') {
        at = &mut at[part];
    }
    *at = value;
}

fn hint(finding: &Value) -> &str {
    finding["hint"].as_str().expect("a hint")
}

/// Where something is to be said.
#[derive(Debug)]
enum Place {
    Plane(String),
    File(PathBuf),
}

/// One thing to say.
#[derive(Debug)]
struct Step {
    at: Place,
    key: String,
    value: String,
}

impl Step {
    /// The steps of a hint: ``under [planes.main] say `key = value` and `key = value` `` and ``in FILE say `key: value` ``.
    fn all(hint: &str) -> Vec<Self> {
        let mut steps = Vec::new();
        let mut rest = hint;
        while let Some((before, after)) = rest.split_once(" say `") {
            let at = match before.rsplit_once("under [planes.") {
                Some((_, name)) if name.ends_with(']') => Place::Plane(name.trim_end_matches(']').to_owned()),
                _ => Place::File(PathBuf::from(
                    before.rsplit_once("in /").map(|(_, path)| format!("/{path}")).expect("a file"),
                )),
            };
            let is_file = matches!(at, Place::File(_));
            let mut more = Some(after);
            while let Some(text) = more.take() {
                let (said, behind) = text.split_once('`').expect("a closed quote");
                let (key, value) = match is_file {
                    true => said.split_once(": ").or_else(|| said.split_once('=')),
                    false => said.split_once(" = "),
                }
                .expect("a key with a value");
                let at = match &at {
                    Place::Plane(name) => Place::Plane(name.clone()),
                    Place::File(path) => Place::File(path.clone()),
                };
                steps.push(Self { at, key: key.to_owned(), value: value.to_owned() });
                rest = behind;
                more = behind.strip_prefix(" and `");
            }
        }
        steps
    }
}

fn head(finding: &Value) -> String {
    format!("{} {}", finding["code"].as_str().expect("a code"), finding["planes"])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn all_hints_of_a_check_together_leave_none_of_its_findings(
        generated in (plane("main"), plane("rescue"), plane("staging"), plane("lab")),
        count in 2_usize..5,
    ) {
        let (a, b, c, d) = generated;
        let scratch = Scratch::new("heeded");
        let before = World::new(vec![a, b, c, d].into_iter().take(count).collect(), scratch.path());
        let found = before.checked(scratch.path());
        let after = before.heeded(&found);
        let left = after.checked(scratch.path());
        let unanswered: BTreeSet<String> =
            found.iter().filter(|finding| Step::all(hint(finding)).is_empty()).map(head).collect();
        let standing: Vec<&Value> = left.iter().filter(|finding| !unanswered.contains(&head(finding))).collect();
        let told = |finding: &Value| format!("{}: {} | {}", head(finding), finding["message"], hint(finding));
        let told = |of: &[&Value]| of.iter().map(|one| told(one)).collect::<Vec<_>>().join("\n");
        prop_assert!(
            standing.is_empty(),
            "STANDING\n{}\nFOUND\n{}\nBEFORE\n{}\nAFTER\n{}\nEND",
            told(&standing), told(&found.iter().collect::<Vec<_>>()), before.told(), after.told()
        );
    }

    #[test]
    fn each_hint_alone_is_enough_for_its_finding_and_makes_no_other(
        generated in (plane("main"), plane("rescue"), plane("staging")),
    ) {
        let (a, b, c) = generated;
        let scratch = Scratch::new("heeded");
        let before = World::new(vec![a, b, c], scratch.path());
        let found = before.checked(scratch.path());
        let told = |finding: &Value| format!("{}: {} | {}", head(finding), finding["message"], hint(finding));
        for finding in &found {
            let steps = Step::all(hint(finding));
            if steps.is_empty() {
                continue;
            }
            let after = before.heeded(std::slice::from_ref(finding));
            // What two planes read cannot say two things.
            let is_shared = |step: &Step| match &step.at {
                Place::Plane(_) => false,
                Place::File(path) => after.readers(path) > 1,
            };
            if steps.iter().any(is_shared) {
                continue;
            }
            let left = after.checked(scratch.path());
            // Other numbers in it do not make it another, and one key's are not another key's.
            let said = |one: &Value| one["message"].as_str().expect("a message").split(" says ").next().map(str::to_owned);
            let same = |other: &&Value| {
                head(other) == head(finding) && other["surface"] == finding["surface"] && said(other) == said(finding)
            };
            let standing = left.iter().find(same);
            prop_assert!(standing.is_none(), "STANDS {}\n{}", told(finding), before.told());
            // Of three that meet, two may be left.
            let planes = |one: &Value| one["planes"].as_array().expect("a list").clone();
            let is_known = |one: &&Value| {
                found.iter().any(|other| planes(one).iter().all(|plane| planes(other).contains(plane)))
            };
            let new = left.iter().filter(|one| one["severity"] == "error").find(|one| !is_known(one));
            prop_assert!(new.is_none(), "NEW {}\nBY {}\n{}", new.map(told).unwrap_or_default(), told(finding), before.told());
        }
    }
}
