//! How many descriptors this process may have open, and more of them where it may.
//!
//! Raises the soft limit at most to what is asked for: what is started inherits it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Sees to room for `least` descriptors; gives how many there may be where there is no such room.
pub fn for_descriptors(least: u64) -> Result<(), u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= least);
    if enough(current) {
        return Ok(());
    }
    let most = maximum.map_or(least, |maximum| maximum.min(least));
    match setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum }) {
        Ok(()) if most >= least => Ok(()),
        Ok(()) => Err(most),
        Err(_) => Err(current.unwrap_or(most)),
    }
}
