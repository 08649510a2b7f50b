//! Code, docs, schema and example say the same.
//!
//! `GATEWARD_BLESS=1 cargo test --test manifest` writes the generated parts of `docs/manifest.md` anew.

use std::fs;
use std::path::Path;

use gateward::manifest::error::Code;
use gateward::manifest::given::Rank;
use gateward::manifest::keys::{Key, Kind, Standard, Table};
use gateward::manifest::quantity::{spoken, spoken_size};
use gateward::manifest::schema::schema;
use gateward::manifest::tables::{PlaneTable, RuntimeTable, SupervisorTable};
use serde_json::Value;

use super::world::holds;

const DOCS: &str = "docs/manifest.md";
const EXAMPLE: &str = include_str!("../../supervisor.example.toml");

#[test]
fn the_docs_list_every_key_and_every_mistake() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCS);
    let old = fs::read_to_string(&path).expect("the docs");
    let new = replaced(&replaced(&old, "keys", &keys()), "mistakes", &mistakes());
    if std::env::var_os("GATEWARD_BLESS").is_some() {
        // Whole at every moment: another test reads them meanwhile.
        let beside = path.with_extension("md.new");
        fs::write(&beside, &new).and_then(|()| fs::rename(&beside, &path)).expect("the docs written");
    } else {
        assert!(old == new, "{DOCS} is behind the code; GATEWARD_BLESS=1 writes it anew");
    }
}

/// The text with what stands between two comments of this name put in anew.
fn replaced(text: &str, name: &str, body: &str) -> String {
    let (begin, end) = (format!("<!-- {name}: generated -->\n"), format!("<!-- {name}: end -->"));
    let (before, rest) = text.split_once(&begin).expect("where it begins");
    let (_, after) = rest.split_once(&end).expect("where it ends");
    format!("{before}{begin}{body}{end}{after}")
}

fn keys() -> String {
    let mut out = String::new();
    section(&mut out, "[supervisor]", SupervisorTable::KEYS);
    section(&mut out, "[runtimes.NAME]", RuntimeTable::KEYS);
    section(&mut out, "[planes.NAME]", PlaneTable::KEYS);
    for key in PlaneTable::KEYS {
        if let Kind::Table(inner) = key.kind {
            section(&mut out, &format!("[planes.NAME.{}]", key.name), inner);
        }
    }
    out.push('\n');
    out
}

fn section(out: &mut String, header: &str, keys: &[Key]) {
    out.push_str(&format!("\n### `{header}`\n\n| key | takes | default | does |\n|---|---|---|---|\n"));
    for key in keys {
        let default = match (key.default, key.kind) {
            (_, Kind::Table(_)) => "see below".to_owned(),
            (Standard::Value(value), _) => format!("`{value}`"),
            (Standard::Prose(prose), _) => prose.to_owned(),
        };
        let row = format!("| `{}` | {} | {default} | {} |\n", key.name, takes(key.kind), key.help);
        out.push_str(&row);
    }
}

fn takes(kind: Kind) -> String {
    match kind {
        Kind::Path => "path".to_owned(),
        Kind::Word(words) => words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", "),
        Kind::Port => "port, 1 to 65535".to_owned(),
        Kind::Count { min, max } => format!("integer, {min} to {max}"),
        Kind::Duration { min: 0 } => "duration".to_owned(),
        Kind::Duration { min } => format!("duration, at least `{}`", spoken(std::time::Duration::from_millis(min))),
        Kind::Size { min } => format!("size, at least `{}`", spoken_size(min)),
        Kind::Umask => "octal string".to_owned(),
        Kind::Url => "`http://` address".to_owned(),
        Kind::Table(_) => "table".to_owned(),
        other => other.called().trim_start_matches("a ").to_owned(),
    }
}

fn mistakes() -> String {
    let rows: String = Code::ALL.iter().map(|code| format!("| `{code}` | {} |\n", code.explain())).collect();
    format!("\n| code | means |\n|---|---|\n{rows}\n")
}

#[test]
fn the_example_holds_and_fits_the_schema() {
    let planes = holds(EXAMPLE, Rank::User);
    let names: Vec<&str> = planes.planes.iter().map(|(plane, _)| plane.name.as_str()).collect();
    assert_eq!(names, ["main", "rescue", "staging"]);
    let value: toml::Table = toml::from_str(EXAMPLE).expect("TOML");
    let value = serde_json::to_value(value).expect("JSON");
    let mut strays = Vec::new();
    fits(&schema(), &value, "", &mut strays);
    assert!(strays.is_empty(), "{strays:?}");
    let mut strays = Vec::new();
    let wrong =
        serde_json::json!({"planes": {"Main": {}, "main": {"port": 70000, "prot": 1, "role": "x", "args": [1]}}});
    fits(&schema(), &wrong, "", &mut strays);
    assert_eq!(strays.len(), 5, "{strays:?}");
}

/// What of `value` the schema does not allow; knows the words that our schema uses, but for patterns of values.
fn fits(schema: &Value, value: &Value, at: &str, strays: &mut Vec<String>) {
    let word = |name: &str| schema[name].as_str();
    let right_type = match word("type") {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("boolean") => value.is_boolean(),
        Some(_) => false,
        None => schema["enum"].as_array().is_some_and(|words| words.contains(value)),
    };
    let bound = |name: &str| schema[name].as_i64();
    let number = value.as_i64().unwrap_or(0);
    let in_range = bound("minimum").is_none_or(|min| number >= min) && bound("maximum").is_none_or(|max| number <= max);
    if !right_type || !in_range {
        strays.push(format!("{at}: {value}"));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        fits(&schema["items"], item, &format!("{at}[{index}]"), strays);
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        let named = schema["patternProperties"].as_object().and_then(|patterns| {
            // The patterns name planes, runtimes and variables; all of them are told apart well enough by their case.
            let upper = patterns.keys().any(|pattern| pattern.contains("A-Z"));
            patterns.values().next().filter(|_| upper || key.chars().all(|c| !c.is_ascii_uppercase()))
        });
        match schema["properties"].get(key).or(named) {
            Some(below) => fits(below, inner, &format!("{at}.{key}"), strays),
            None => strays.push(format!("{at}: unknown {key}")),
        }
    }
}

/// What the docs show as a manifest is one.
#[test]
fn manifests_in_the_docs_hold() {
    let docs = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCS)).expect("the docs");
    let blocks: Vec<&str> = docs.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 3);
    for block in blocks {
        holds(block, Rank::Root);
    }
}
