//! Who owns a state dir: the lock file that a gateway keeps inside it, as text.
//!
//! Reads nothing and knows no living process. Source: `gateway/gateway-lock.md` of OpenClaw 2026.9.6, and the files that its
//! gateway was seen to write.

use serde::Deserialize;

/// Inside a state dir: `tmp/openclaw-<uid>/gateway.state.lock`, for every account that ever ran a gateway there.
pub const FOLDER: &str = "tmp";

/// The beginning of the folder's name in [`FOLDER`].
pub const FOLDER_PREFIX: &str = "openclaw";

/// The lock file's name.
pub const FILE: &str = "gateway.state.lock";

/// A lock file is a line of JSON; a longer file is none.
pub const MOST_BYTES: u64 = 64 << 10;

/// Who wrote a lock. Whether it still lives, and still is the same process, has to be looked up: a lock outlives a gateway
/// that was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Process id.
    pub pid: i32,
    /// Clock ticks from boot to its start.
    pub start: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    pid: i32,
    start_time: Option<u64>,
    /// `gateway` when nothing is said; the others are short errands of OpenClaw's own.
    role: Option<String>,
}

/// The gateway that a lock file's text names, if it names one.
pub fn owner(text: &str) -> Option<Owner> {
    let payload: Payload = serde_json::from_str(text.trim()).ok()?;
    let gateway = payload.role.is_none_or(|role| role == "gateway");
    gateway.then_some(Owner { pid: payload.pid, start: payload.start_time })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateways_lock_names_it_and_an_errands_does_not() {
        let lock = r#"{"pid":7,"startTime":12,"createdAt":"2026-11-01T00:00:00Z","configPath":"/x"}"#;
        assert_eq!(owner(lock), Some(Owner { pid: 7, start: Some(12) }));
        assert_eq!(owner(r#"{"pid":7,"role":"doctor"}"#), None);
        assert_eq!(owner("not JSON"), None);
    }
}
