//! At most two real gateways boot at a time on this machine, over all test processes. Starts none.
//!
//! A boot burns up to twelve CPU-seconds: more of them at once would measure the machine and not the supervisor.

use std::fs::{File, OpenOptions};
use std::time::Duration;

use super::{eventually, shared_folder};

/// Gateways that may boot at once.
const SLOTS: usize = 2;

/// The longest wait for the boots of others; a whole run is meant to take less.
const BUDGET: Duration = Duration::from_secs(25 * 60);

/// The right to boot; held until dropped, and given back by the death of the process.
pub struct Boots {
    _held: Vec<File>,
}

impl Boots {
    /// Waits for the right to boot `count` gateways at once: one or two.
    ///
    /// Whoever wants two passes a turnstile first, so that two tests never hold one each and wait for the other.
    #[track_caller]
    pub fn take(count: usize) -> Self {
        assert!((1..=SLOTS).contains(&count), "at most {SLOTS} gateways boot at once, not {count}");
        let turnstile = open("turnstile");
        turnstile.lock().expect("the turnstile of boots");
        let mut held = Vec::new();
        eventually(BUDGET, "the right to boot a real gateway", || {
            for slot in 0..SLOTS {
                let file = open(&format!("slot-{slot}"));
                if held.len() < count && file.try_lock().is_ok() {
                    held.push(file);
                }
            }
            held.len() == count
        });
        Self { _held: held }
    }

    /// Slots that nobody holds in this moment.
    pub fn free_slots() -> usize {
        (0..SLOTS).filter(|slot| open(&format!("slot-{slot}")).try_lock().is_ok()).count()
    }
}

fn open(name: &str) -> File {
    let folder = shared_folder().join("boots");
    std::fs::create_dir_all(&folder).expect("a folder for the right to boot");
    OpenOptions::new().create(true).append(true).open(folder.join(name)).expect("a lock file")
}
