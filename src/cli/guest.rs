//! Somebody who asks and is not the supervisor's user: what stands against planes is then the supervisor's to say.
//!
//! With a guest's rights planes' own files and processes look closed or strange, and nothing of that is a finding.

use super::ask;
use super::outcome::Failure;
use crate::collision::codes::Code;
use crate::collision::finding::Finding;
use crate::daemon::load::Loaded;
use crate::daemon::survey::{self, Depth};
use crate::os::accounts;
use crate::rundir;
use crate::wire::{Answer, Ask};

/// What only shows that a guest may not look.
const OF_RIGHTS: [Code; 7] = [
    Code::ConfigUnreadable,
    Code::EnvUnreadable,
    Code::CwdUnusable,
    Code::ProgramMissing,
    Code::RuntimeMissing,
    Code::LimitUnavailable,
    Code::StateLinkForeign,
];

/// What a guest is told.
#[derive(Debug)]
pub struct Hearsay {
    /// What stands against the planes.
    pub findings: Vec<Finding>,
    /// Whose word that is, as a line for stderr.
    pub note: String,
}

/// What stands against the planes, for one who is a guest; nothing for everybody else, who can prove it.
pub fn findings(loaded: &Loaded) -> Result<Option<Hearsay>, Failure> {
    let Some(uid) = loaded.anothers else { return Ok(None) };
    let user = accounts::by_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |entry| entry.name);
    let socket = rundir::daemon_socket(&loaded.planes.supervisor.run_dir);
    if let Ok(Answer::Findings(found)) = ask::one(socket, Ask::Findings, ask::BUDGET)
        && let Ok(found) = serde_json::from_value::<Vec<Finding>>(found)
    {
        let note =
            format!("as the supervisor of user {user} last proved it; to look anew, ask as that user or as root\n");
        return Ok(Some(Hearsay { findings: found, note }));
    }
    let note = format!(
        "warning: the supervisor of user {user} does not tell what it proved, and planes' own files may be closed to this user: \
         less than everything was looked at\n"
    );
    let mut found = survey::prove(&loaded.planes, Depth::Files);
    found.retain(|one| Code::of(&one.code).is_none_or(|code| !OF_RIGHTS.contains(&code)));
    Ok(Some(Hearsay { findings: found, note }))
}
