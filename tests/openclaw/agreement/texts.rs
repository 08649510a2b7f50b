//! Random texts, read by us and by the very packages that OpenClaw reads its files with: `json5` and `dotenv`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use gateward::openclaw::config::json5::{self, Value};
use gateward::openclaw::dotenv;

use crate::support::openclaw;

const TEXTS: usize = 20_000;

const JSON5_PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "'",
    "\"",
    "/*",
    "*/",
    "//",
    "\n",
    "\r",
    "\\",
    "a",
    "$",
    "1",
    "0",
    "x",
    "e",
    "-",
    "+",
    ".",
    "null",
    "true",
    "Infinity",
    "NaN",
    " ",
    "\u{2028}",
    "\u{feff}",
    "é",
    "u0041",
    "\\u0041",
    "\\x4",
    "0x1F",
    "{a:",
    "[1,",
    "'s'",
    "1e5",
    "\u{a0}",
    "\\ud83d\\ude00",
];

const DOTENV_PIECES: &[&str] = &[
    "A", "B", "=", "=", ":", "'", "\"", "`", "#", "\\", "\n", "\n", " ", "\r", "\r\n", "\t", "export", "export ", "x",
    "-", ".", "1", "é", "\u{feff}", "\\n",
];

/// Reads each text of its input; a JSON5 value is given with its type, as JSON has no NaN and no Infinity.
const SCRIPT: &str = r#"
const { createRequire } = require("node:module");
const load = createRequire(process.argv[1] + "/");
const JSON5 = load("json5"), dotenv = load("dotenv");
console.warn = () => {};
const typed = (value) =>
  value === null ? null
  : Array.isArray(value) ? value.map(typed)
  : typeof value === "object" ? { members: Object.fromEntries(Object.entries(value).map(([k, v]) => [k, typed(v)])) }
  : typeof value === "number" ? { number: String(value) }
  : value;
const { json5, env } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const read = (text) => { try { return { value: typed(JSON5.parse(text)) }; } catch { return null; } };
process.stdout.write(JSON.stringify({ json5: json5.map(read), env: env.map((text) => dotenv.parse(text)) }));
"#;

#[derive(serde::Deserialize)]
struct Answers {
    json5: Vec<Option<Answer>>,
    env: Vec<BTreeMap<String, String>>,
}

#[derive(serde::Deserialize)]
struct Answer {
    value: serde_json::Value,
}

#[test]
fn json5_and_dotenv_texts_are_read_as_openclaws_own_packages_read_them() {
    let Some(bin) = openclaw() else { return };
    let mut random = fastrand::Rng::with_seed(2026);
    let mut texts = |pieces: &[&str], most: usize| -> Vec<String> {
        let mut text = || (0..random.usize(1..most)).map(|_| *random.choice(pieces).expect("pieces")).collect();
        (0..TEXTS).map(|_| text()).collect()
    };
    let (json5, env) = (texts(JSON5_PIECES, 10), texts(DOTENV_PIECES, 15));
    let answers = ask(bin, &serde_json::json!({ "json5": json5, "env": env }));
    let mut taken = 0;
    for (text, theirs) in json5.iter().zip(&answers.json5) {
        let ours = json5::read(text, 0);
        match (&ours, theirs) {
            (Ok(node), Some(answer)) if same(&node.value, &answer.value) => taken += 1,
            (Err(_), None) => {}
            _ => panic!("{text:?}\n  ours   {ours:?}\n  theirs {:?}", theirs.as_ref().map(|answer| &answer.value)),
        }
    }
    assert!(taken > TEXTS / 100, "only {taken} texts were JSON5 at all");
    for (text, theirs) in env.iter().zip(&answers.env) {
        let ours: BTreeMap<_, _> = dotenv::read(text, 0).into_iter().map(|read| (read.name, read.value)).collect();
        let theirs: BTreeMap<_, _> = theirs.clone().into_iter().filter(|(name, _)| dotenv::is_portable(name)).collect();
        assert_eq!(ours, theirs, "{text:?}");
    }
}

fn ask(bin: &Path, texts: &serde_json::Value) -> Answers {
    let modules = bin.parent().expect("node_modules");
    let mut node = Command::new(bin.join("node"))
        .args(["-e", SCRIPT])
        .arg(modules)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node runs");
    let text = texts.to_string();
    node.stdin.take().expect("its input").write_all(text.as_bytes()).expect("node reads");
    let output = node.wait_with_output().expect("node ends");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("the answers")
}

fn same(ours: &Value, theirs: &serde_json::Value) -> bool {
    match (ours, theirs) {
        (Value::Null, serde_json::Value::Null) => true,
        (Value::Bool(ours), serde_json::Value::Bool(theirs)) => ours == theirs,
        (Value::Text(ours), serde_json::Value::String(theirs)) => ours == theirs,
        (Value::Array(ours), serde_json::Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(&ours.value, theirs))
        }
        (Value::Number(ours), theirs) => theirs["number"].as_str().is_some_and(|theirs| is_number(*ours, theirs)),
        (Value::Object(ours), theirs) => theirs["members"].as_object().is_some_and(|theirs| {
            let found =
                |(key, node): (&String, &json5::Node)| theirs.get(key).is_some_and(|theirs| same(&node.value, theirs));
            ours.len() == theirs.len() && ours.iter().all(found)
        }),
        _ => false,
    }
}

fn is_number(ours: f64, theirs: &str) -> bool {
    match theirs {
        "NaN" => ours.is_nan(),
        "Infinity" => ours == f64::INFINITY,
        "-Infinity" => ours == f64::NEG_INFINITY,
        digits => digits.parse() == Ok(ours),
    }
}
