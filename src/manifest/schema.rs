//! The JSON Schema of the manifest, made from the declared tables; for editors, and for programs that write manifests.
//!
//! It says what a key takes, not what keys mean together: a manifest that it accepts can still be wrong for `check`.

use serde_json::{Map, Value, json};

use crate::manifest::keys::{Key, Kind, Scope, Standard, Table};
use crate::manifest::tables::{PlaneTable, RuntimeTable, SupervisorTable, TOP};

const PLANE_NAME: &str = "^(?!all$)[a-z][a-z0-9-]{0,31}$";
const RUNTIME_NAME: &str = "^(?!(path|practice)$)[a-z][a-z0-9-]{0,31}$";
const ENV_NAME: &str = "^[A-Za-z_][A-Za-z0-9_]*$";

/// The schema, draft 2020-12.
pub fn schema() -> Value {
    let shared: Vec<Key> = PlaneTable::KEYS.iter().filter(|key| key.scope == Scope::Shared).copied().collect();
    let mut properties = Map::new();
    for (name, help) in TOP {
        let table = match *name {
            "supervisor" => table(SupervisorTable::KEYS),
            "defaults" => table(&shared),
            "runtimes" => named(RUNTIME_NAME, required(table(RuntimeTable::KEYS), &["version"])),
            _ => named(PLANE_NAME, table(PlaneTable::KEYS)),
        };
        properties.insert((*name).to_owned(), described(table, help));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "supervisor.toml",
        "description": "The manifest of gateward: named control planes and what each one claims.",
        "type": "object",
        "properties": properties,
        "required": ["planes"],
        "additionalProperties": false,
    })
}

fn table(keys: &[Key]) -> Value {
    let property = |key: &Key| {
        let mut value = described(kind(key.kind), key.help);
        if let Some(default) = default_value(key) {
            value["default"] = default;
        }
        (key.name.to_owned(), value)
    };
    let properties: Map<String, Value> = keys.iter().map(property).collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn named(pattern: &str, table: Value) -> Value {
    json!({ "type": "object", "patternProperties": { pattern: table }, "additionalProperties": false })
}

fn required(mut table: Value, keys: &[&str]) -> Value {
    table["required"] = json!(keys);
    table
}

fn described(mut value: Value, help: &str) -> Value {
    value["description"] = json!(help);
    value
}

/// The default of a key as JSON; `None` where it depends, and for tables, whose keys have defaults of their own.
pub fn default_value(key: &Key) -> Option<Value> {
    let text = match (key.default, key.kind) {
        (Standard::Prose(_), _) | (_, Kind::Table(_)) => return None,
        (Standard::Value(text), _) => text,
    };
    let table: toml::Table = toml::from_str(&format!("value = {text}")).ok()?;
    serde_json::to_value(table.get("value")?).ok()
}

fn kind(kind: Kind) -> Value {
    let strings = |items: Value| json!({ "type": "array", "items": items });
    match kind {
        Kind::Line => json!({ "type": "string", "pattern": "\\S" }),
        Kind::Path => json!({ "type": "string", "minLength": 1 }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Port => json!({ "type": "integer", "minimum": 1, "maximum": 65535 }),
        Kind::Count { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Duration { min } => {
            let mut form =
                json!({ "type": "string", "minLength": 2, "pattern": "^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$" });
            if min > 0 {
                // A pattern cannot tell lengths apart, but what may not be nothing has a digit that is not 0.
                form["allOf"] = json!([{ "pattern": "[1-9]" }]);
            }
            form
        }
        Kind::Size { .. } => json!({ "type": "string", "pattern": "^[0-9]+(B|KiB|MiB|GiB|TiB)$" }),
        Kind::Umask => json!({ "type": "string", "pattern": "^0?[0-7]{1,3}$" }),
        Kind::Command => json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 }),
        Kind::Arguments => strings(json!({ "type": "string" })),
        Kind::Lines => strings(json!({ "type": "string", "pattern": "\\S" })),
        Kind::PlaneNames => strings(json!({ "type": "string", "pattern": PLANE_NAME })),
        Kind::EnvNames => strings(json!({ "type": "string", "pattern": ENV_NAME })),
        Kind::Env => json!({
            "type": "object",
            "patternProperties": { ENV_NAME: { "type": "string" } },
            "additionalProperties": false,
        }),
        Kind::Profile => json!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$" }),
        Kind::Runtime => json!({ "type": "string", "minLength": 1 }),
        Kind::Version => json!({ "type": "string", "pattern": "^[0-9]+\\.[0-9]+\\.[0-9]+(-[0-9A-Za-z.-]+)?$" }),
        Kind::Url => json!({ "type": "string", "pattern": "^http://" }),
        Kind::Table(keys) => table(keys),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{PLANE_NAME, schema};
    use crate::manifest::keys::{Kind, Scope, Standard, Table};
    use crate::manifest::tables::PlaneTable;

    #[test]
    fn every_key_is_described_and_every_default_is_readable() {
        let plane = &schema()["properties"]["planes"]["patternProperties"][PLANE_NAME]["properties"];
        for key in PlaneTable::KEYS {
            let property = &plane[key.name];
            assert!(property["description"].as_str().is_some_and(|help| help.len() > 10), "{}", key.name);
            if let (Standard::Value(text), false) = (key.default, matches!(key.kind, Kind::Table(_))) {
                assert!(!property["default"].is_null(), "{} = {text}", key.name);
            }
        }
        let restart = &plane["restart"]["properties"];
        assert_eq!(restart["min_delay"]["allOf"], json!([{ "pattern": "[1-9]" }]));
        assert_eq!(plane["restart"]["properties"]["policy"]["enum"], json!(["always", "on-failure", "never"]));
    }

    #[test]
    fn defaults_hold_no_identity_key() {
        let defaults = &schema()["properties"]["defaults"]["properties"];
        for key in PlaneTable::KEYS {
            assert_eq!(defaults[key.name].is_null(), key.scope == Scope::Identity, "{}", key.name);
        }
    }
}
