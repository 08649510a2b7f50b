//! The files that a plane's config includes, for the watch of a parked plane.
//!
//! Judges nothing: what cannot be read includes nothing.

use std::path::PathBuf;

use crate::plane::Plane;

/// Every file that the config names in an `$include`, found by text alone: a config that is refused may not parse.
pub fn of(plane: &Plane) -> Vec<PathBuf> {
    let Some(folder) = plane.config.parent() else { return Vec::new() };
    let mut found: Vec<PathBuf> = Vec::new();
    let mut unread = vec![plane.config.clone()];
    while let Some(file) = unread.pop().filter(|_| found.len() < MOST) {
        let Some(text) = text(&file) else { continue };
        for name in names(&text) {
            let path = crate::plane::spelled_out(&file.parent().unwrap_or(folder).join(name));
            if !found.contains(&path) {
                found.push(path.clone());
                unread.push(path);
            }
        }
    }
    found
}

/// More included files than this are not watched.
const MOST: usize = 64;

/// OpenClaw's own limit for one file (contract: 2 MB).
const CAP: u64 = 2 << 20;

fn text(file: &std::path::Path) -> Option<String> {
    let meta = std::fs::metadata(file).ok()?;
    if !meta.is_file() || meta.len() > CAP {
        return None;
    }
    std::fs::read_to_string(file).ok()
}

/// The quoted words of each `$include`'s value: one string, or an array of them.
fn names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for value in text.split("$include").skip(1) {
        let value = value.trim_start_matches(['"', '\'']).trim_start().trim_start_matches(':').trim_start();
        let value = match value.strip_prefix('[') {
            Some(list) => list.split(']').next().unwrap_or_default(),
            None => value.split([',', '}', '\n']).next().unwrap_or_default(),
        };
        names.extend(value.split(['"', '\'']).skip(1).step_by(2).map(str::to_owned));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_arrays_are_named() {
        let text = r#"{ $include: "./a.json5", x: { "$include": ['b.json', "c/d.json5"] } }"#;
        assert_eq!(names(text), ["./a.json5", "b.json", "c/d.json5"]);
        assert!(names("{ gateway: {} }").is_empty());
    }
}
