//! What runs on the host, and how it stands to what the planes claim.
//!
//! The facts are gathered by `daemon::survey`; here they are only judged.

use std::collections::BTreeMap;

use super::claim::Claims;
use super::finding::Finding;
use super::suggest::Suggest;
use super::surroundings::Surroundings;
use crate::plane::PlaneName;

/// What runs and listens.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// Everything that listens on this host, at least within the planes' families and pins.
    pub listeners: Vec<Listening>,
    /// What OpenClaw itself says of each plane's config.
    pub validity: BTreeMap<PlaneName, Validity>,
}

/// What OpenClaw says of a config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validity {
    /// It would start with it.
    Valid,
    /// It would not.
    Invalid(Vec<Issue>),
    /// It could not be asked, and why.
    Unknown(String),
}

/// One thing that OpenClaw holds against a config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// The dotted key.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

/// One listening socket.
#[derive(Clone, Debug)]
pub struct Listening {
    /// The port.
    pub port: u16,
    /// Who listens, where that could be seen.
    pub holder: Option<Process>,
}

/// A process, as far as it can be named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Its program.
    pub program: String,
    /// The systemd unit it belongs to.
    pub unit: Option<String>,
    /// Whose it is.
    pub belongs: Belongs,
}

/// Whose a process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Belongs {
    /// A plane's, under a keeper of this supervisor.
    Ours(PlaneName),
    /// A plane's of another supervisor.
    Foreign(String),
    /// No supervisor's.
    Nobody,
}

pub(super) fn findings(_claims: &Claims, _around: &Surroundings, _suggest: &mut Suggest) -> Vec<Finding> {
    Vec::new()
}
