//! Findings as code hosts read them: SARIF 2.1.0, and GitHub's workflow commands.

use std::path::Path;

use serde_json::{Value, json};

use crate::collision::codes::Code;
use crate::collision::finding::{Finding, Severity};
use crate::manifest::error::Code as Mistaken;
use crate::plane::Place;
use crate::render::sources::tamed;

/// A SARIF log of one run.
pub fn sarif(findings: &[Finding]) -> Value {
    let is_found = |word: &str| findings.iter().any(|finding| finding.code == word);
    let of_planes = Code::all().filter(|row| is_found(row.word)).map(|row| {
        json!({
            "id": row.word,
            "shortDescription": { "text": row.means },
            "fullDescription": { "text": row.because },
            "defaultConfiguration": { "level": row.severity.as_str() },
        })
    });
    let of_manifest = Mistaken::ALL.iter().filter(|code| is_found(code.as_str())).map(|code| {
        let severity = if code.is_warning() { Severity::Warning } else { Severity::Error };
        json!({
            "id": code.as_str(),
            "shortDescription": { "text": code.explain() },
            "defaultConfiguration": { "level": severity.as_str() },
        })
    });
    // Few codes are both; a rule is there once.
    let mut rules: Vec<Value> = of_planes.collect();
    let more: Vec<Value> = of_manifest.filter(|rule| rules.iter().all(|one| one["id"] != rule["id"])).collect();
    rules.extend(more);
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "gateward", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": findings.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

fn result(finding: &Finding) -> Value {
    let mut places = finding.at.iter().map(location);
    let first: Vec<Value> = places.next().into_iter().collect();
    json!({
        "ruleId": finding.code,
        "level": finding.severity.as_str(),
        "message": { "text": format!("{}. Hint: {}", finding.message, finding.hint) },
        "locations": first,
        "relatedLocations": places.collect::<Vec<_>>(),
    })
}

fn location(place: &Place) -> Value {
    json!({
        "physicalLocation": {
            "artifactLocation": { "uri": file_uri(&place.file) },
            "region": { "startLine": place.line, "startColumn": place.column },
        },
    })
}

fn file_uri(path: &Path) -> String {
    let mut uri = "file://".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' => uri.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(*byte)),
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

/// One workflow command a finding; GitHub shows each at its line.
pub fn github(findings: &[Finding]) -> String {
    findings.iter().map(command).collect()
}

fn command(finding: &Finding) -> String {
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut properties = vec![format!("title={}", property(&finding.code))];
    if let Some(place) = finding.at.first() {
        let file = property(&place.file.display().to_string());
        properties.push(format!("file={file},line={},col={}", place.line, place.column));
    }
    let text = data(&format!("{}\nhint: {}", finding.message, finding.hint));
    format!("::{level} {}::{text}\n", properties.join(","))
}

fn data(text: &str) -> String {
    let text: Vec<_> = text.split('\n').map(tamed).collect();
    text.join("\n").replace('%', "%25").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::{github, sarif};
    use crate::render::findings::tests::overlap;

    #[test]
    fn github_reads_one_line_a_finding() {
        assert_eq!(
            github(&[overlap()]),
            "::error title=port-family-overlap,file=/etc/supervisor.toml,line=2,col=8::the port families of `main` and \
             `rescue` overlap in 18809–18899%0Ahint: under [planes.rescue] say `port = 18929`\n"
        );
    }

    #[test]
    fn nothing_in_it_steers_whoever_reads_a_log() {
        let mut finding = overlap().saying("a\u{1b}[31m\u{202e}\rb");
        finding.at[0].file = "/a\u{1b}]0;x\n::error::/m.toml".into();
        let told = github(&[finding]);
        assert!(!told.trim_end().chars().any(crate::plane::shell::steers), "{told:?}");
        assert!(told.contains("::a␛[31m�␍b%0A") && told.contains("file=/a␛]0;x%0A%3A%3Aerror"), "{told}");
    }

    #[test]
    fn sarif_names_rule_and_places() {
        let mut finding = overlap();
        finding.at[0].file = "/a b/ü.toml".into();
        let log = sarif(&[finding]);
        let result = &log["runs"][0]["results"][0];
        assert_eq!(result["ruleId"], "port-family-overlap");
        let at = &result["locations"][0]["physicalLocation"];
        assert_eq!(at["artifactLocation"]["uri"], "file:///a%20b/%C3%BC.toml");
        assert_eq!(at["region"]["startLine"], 2);
        assert_eq!(result["relatedLocations"].as_array().map(Vec::len), Some(1));
        let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
        assert!(rules.iter().any(|rule| rule["id"] == result["ruleId"]));
    }

    #[test]
    fn every_result_has_its_rule() {
        let mut of_manifest = overlap();
        of_manifest.code = "env-file-unreadable".to_owned();
        let log = sarif(&[overlap(), of_manifest]);
        let run = &log["runs"][0];
        let rules: Vec<_> = run["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|rule| &rule["id"]).collect();
        let results: Vec<_> = run["results"].as_array().unwrap().iter().map(|result| &result["ruleId"]).collect();
        assert_eq!(rules, results);
    }
}
