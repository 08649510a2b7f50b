//! How long the configurations of 500 planes take to read, from files on disk to what they declare. Judges nothing.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use gateward::daemon::survey::configs;
use gateward::openclaw::config::{self, Subject};

const PLANES: usize = 500;
const ROUNDS: usize = 21;

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let planes: Vec<_> = (0..PLANES).map(|number| folder.path().join(format!("p{number}"))).collect();
    let bytes: usize = planes.iter().map(|plane| write(plane)).sum();
    let mut rounds: Vec<Duration> = (0..ROUNDS).map(|_| round(&planes)).collect();
    rounds.sort_unstable();
    println!(
        "{PLANES} configs, {} KiB with includes and .env: median {:?}, best {:?}, worst {:?} of {ROUNDS}",
        bytes >> 10,
        rounds[ROUNDS / 2],
        rounds[0],
        rounds[ROUNDS - 1]
    );
}

fn round(planes: &[std::path::PathBuf]) -> Duration {
    let begun = Instant::now();
    for plane in planes {
        let environ = BTreeMap::from([("HOME".to_owned(), "/home/somebody".to_owned())]);
        let config = plane.join("openclaw.json");
        let subject = Subject { config: &config, state_dir: plane, cwd: plane, profile: "default", environ: &environ };
        let declared = config::declared(&subject, &mut configs::read);
        assert!(declared.problems.is_empty() && declared.channels.len() == 2, "{declared:?}");
        black_box(declared);
    }
    begun.elapsed()
}

/// A plane with a config of about 5 KiB, two includes and a `.env`; gives their bytes.
fn write(plane: &Path) -> usize {
    fs::create_dir_all(plane).expect("a folder");
    let name = plane.file_name().expect("a name").to_string_lossy().into_owned();
    let config = format!(
        "// {name}\n{{ gateway: {{ mode: 'local', bind: 'loopback', auth: {{ mode: 'token', token: '${{TOKEN}}' }} }},\n\
         $include: ['agents.json5', 'channels.json5'], browser: {{ profiles: {{ work: {{ cdpPort: 18811 }} }} }} }}"
    );
    let mut agents = "{ agents: { ownership: 'explicit', defaults: { workspace: '~/ws' }, entries: {\n".to_owned();
    for number in 0..12 {
        let prompt = "Say what you know, and say so when you do not know it. ".repeat(5);
        let _ = writeln!(agents, "a{number}: {{ name: 'Agent {number}', identity: {{ theme: \"{prompt}\" }} }},");
    }
    agents.push_str("} } }");
    let channels = format!(
        "{{ channels: {{ telegram: {{ botToken: '1:{name}' }}, discord: {{ token: {{ source: 'env', provider: 'default', id: 'BOT' }} }} }} }}"
    );
    let environment = format!("TOKEN='{name}'\nBOT={name}\n");
    let files =
        [("openclaw.json", config), ("agents.json5", agents), ("channels.json5", channels), (".env", environment)];
    files.iter().for_each(|(name, text)| fs::write(plane.join(name), text).expect("a file"));
    files.iter().map(|(_, text)| text.len()).sum()
}
