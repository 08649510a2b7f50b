//! What became of a `restart --safe`, which the gateway carries out itself, in its own time or not at all.
//!
//! A restart as another process needs no word of this: the incarnation that it was asked of is gone.

use serde::{Deserialize, Serialize};

/// The last safe restart that the living incarnation was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafeRestart {
    /// How far it is.
    pub state: SafeState,
    /// What the gateway said, where it refused; else nothing.
    #[serde(default)]
    pub why: String,
}

/// How far a safe restart is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SafeState {
    /// Passed on to the gateway, which waits for its work to end, for five minutes at most.
    Asked,
    /// The gateway would not, or could not be asked.
    Refused,
    /// It has restarted within its process: the incarnation is the same.
    Within,
    /// What a later release may say.
    #[serde(other)]
    Unknown,
}

impl SafeRestart {
    /// Asked of the gateway.
    pub fn asked() -> Self {
        Self { state: SafeState::Asked, why: String::new() }
    }

    /// Not to be: why.
    pub fn refused(why: &str) -> Self {
        Self { state: SafeState::Refused, why: why.to_owned() }
    }
}
