//! What is fuzzed: the readers of text that others write. Shared by the fuzz targets and by a property test, so that every
//! `cargo test` runs a little of it. Touches no disk.

use std::collections::BTreeMap;
use std::path::Path;

use gateward::manifest::{self, Given};
use gateward::openclaw::config::files::{Read, Refusal};
use gateward::openclaw::config::{self, Subject};
use gateward::socket::Frames;
use gateward::wire::{FRAME_CAP, Request, Response};

/// Any bytes as a gateway's config, an include and a `.env`, parted by zero bytes.
pub fn config(bytes: &[u8]) {
    let mut parts = bytes.splitn(3, |byte| *byte == 0);
    let [config, include, environment] = [(); 3].map(|()| parts.next().unwrap_or_default());
    let environ = BTreeMap::from([("HOME".to_owned(), "/h".to_owned()), ("A".to_owned(), "a".to_owned())]);
    let subject = Subject {
        config: Path::new("/c/openclaw.json"),
        state_dir: Path::new("/s"),
        cwd: Path::new("/s"),
        profile: "default",
        environ: &environ,
    };
    let declared = config::declared(&subject, &mut |path, limit| {
        let bytes = match path.to_str() {
            Some("/c/openclaw.json") => config,
            Some("/s/.env") => environment,
            Some("/c") => return Read::Refused { why: Refusal::Directory, real: Some(path.to_path_buf()) },
            _ => include,
        };
        match std::str::from_utf8(bytes) {
            _ if bytes.len() as u64 > limit => Read::Refused { why: Refusal::TooLarge, real: None },
            Ok(text) => Read::Text { text: text.to_owned(), real: path.to_path_buf(), links: 1 },
            Err(error) => Read::Lossy {
                text: String::from_utf8_lossy(bytes).into_owned(),
                good: error.valid_up_to(),
                real: path.to_path_buf(),
            },
        }
    });
    assert!(!declared.agents.is_empty() && declared.problems.len() <= 200);
}

/// Any bytes as a manifest.
pub fn manifest(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let written = manifest::parse(Path::new("/m/supervisor.toml"), &text);
    let given = Given { home: Some("/h".into()), ..Given::default() };
    if let Err(mistakes) = manifest::resolve(&written, &given) {
        assert!(!mistakes.is_empty());
    }
}

/// Any bytes as what a peer sends, in pieces whose sizes the first byte decides.
pub fn wire(bytes: &[u8]) {
    let Some((&pace, mut rest)) = bytes.split_first() else { return };
    let mut frames = Frames::default();
    let mut taken = Vec::new();
    while !rest.is_empty() {
        let room = frames.room();
        assert!(!room.is_empty(), "a buffer below its cap has room");
        let count = rest.len().min(room.len()).min(usize::from(pace) + 1);
        room[..count].copy_from_slice(&rest[..count]);
        frames.filled(count);
        rest = &rest[count..];
        while let Ok(Some(frame)) = frames.take() {
            assert!(frame.len() < FRAME_CAP && !frame.contains(&b'\n'));
            taken.extend_from_slice(frame);
            taken.push(b'\n');
            message(frame);
        }
    }
    let whole = bytes[1..].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    assert_eq!(taken, bytes[1..=whole], "frames are the lines that were sent");
    assert_eq!(frames.is_half(), whole + 1 < bytes.len());
}

/// What can be read at all means the same once it was written and read again.
fn message(frame: &[u8]) {
    if let Ok(request) = serde_json::from_slice::<Request>(frame) {
        let again = serde_json::to_vec(&request).expect("it can be written");
        let read: Request = serde_json::from_slice(&again).expect("it can be read again");
        assert_eq!(serde_json::to_vec(&read).ok(), Some(again));
    }
    if let Ok(response) = serde_json::from_slice::<Response>(frame) {
        let again = serde_json::to_vec(&response).expect("it can be written");
        let read: Response = serde_json::from_slice(&again).expect("it can be read again");
        assert_eq!(serde_json::to_vec(&read).ok(), Some(again));
    }
}
