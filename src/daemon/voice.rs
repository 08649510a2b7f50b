//! What the supervisor in the foreground tells its terminal, or the journal of the service manager: one line a change.
//!
//! Talk only; data is asked for with `status`.

use std::collections::BTreeMap;

use crate::plane::PlaneName;
use crate::wire::{PlaneStatus, State};

/// Remembers what was said, so that nothing is said twice.
#[derive(Debug, Default)]
pub struct Voice {
    said: BTreeMap<PlaneName, (State, bool, Option<i32>)>,
}

impl Voice {
    /// Says a plane's state if it changed.
    pub fn plane(&mut self, status: &PlaneStatus) {
        let now = (status.state, status.ready, status.pid);
        if self.said.insert(status.name.clone(), now) == Some(now) {
            return;
        }
        let mut line = format!("{}: {}", status.name, status.state.as_str());
        if status.ready {
            line.push_str(", ready");
        }
        if let Some(pid) = status.pid {
            line.push_str(&format!(", pid {pid}"));
        }
        if let (Some(port), State::Up) = (status.port, status.state) {
            line.push_str(&format!(", port {port}"));
        }
        if !status.why.is_empty() {
            line.push_str(&format!(" ({})", status.why));
        }
        self.say(&line);
    }

    /// Says a line.
    pub fn say(&self, line: &str) {
        tracing::info!("{line}");
        anstream::eprintln!("{line}");
    }
}
