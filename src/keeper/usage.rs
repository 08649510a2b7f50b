//! Memory and processor use of a plane's processes, summed when somebody asks.
//!
//! No timer of its own: an idle keeper reads nothing.

use std::time::Duration;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::life::phase::Moment;
use crate::os::sweep;

/// Shorter spans give no meaningful share of a processor; the earlier sum is kept then.
const SPAN: Duration = Duration::from_millis(500);

/// The last sums.
#[derive(Debug)]
pub struct Usage {
    /// None until somebody has asked: to have one costs as much as to ask it.
    system: Option<System>,
    pid: i32,
    base: (Moment, u64),
    last: Option<f64>,
}

/// What was summed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sums {
    /// Resident bytes.
    pub rss_bytes: u64,
    /// Share of one core, in percent, since the last ask (or since the spawn).
    pub cpu_percent: f64,
}

impl Usage {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self { system: None, pid: 0, base: (Duration::ZERO, 0), last: None }
    }

    /// Sums over the gateway `pid`, spawned at `since`, and all of its descendants; none where /proc cannot be read.
    pub fn of(&mut self, pid: i32, since: Moment, now: Moment) -> Option<Sums> {
        if self.system.is_none() {
            self.system = System::new().ok();
        }
        let system = self.system.as_mut()?;
        let tree = sweep::tree(pid).unwrap_or_default();
        let pids: Vec<Pid> =
            tree.into_iter().chain([pid]).filter_map(|pid| u32::try_from(pid).ok()).map(Pid::from_u32).collect();
        let kind = ProcessRefreshKind::nothing().with_cpu().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), true, kind);
        let (mut rss_bytes, mut cpu_ms) = (0_u64, 0_u64);
        for process in pids.iter().filter_map(|pid| system.process(*pid)) {
            rss_bytes += process.memory();
            cpu_ms += process.accumulated_cpu_time();
        }
        if self.pid != pid {
            (self.pid, self.base, self.last) = (pid, (since, 0), None);
        }
        let (then, before) = self.base;
        let span = now.saturating_sub(then);
        let cpu_percent = match self.last {
            Some(last) if span < SPAN => last,
            Some(_) | None => {
                let share = cpu_ms.saturating_sub(before) as f64 / (span.as_millis().max(1) as f64) * 100.0;
                self.base = (now, cpu_ms);
                self.last = Some(share);
                share
            }
        };
        Some(Sums { rss_bytes, cpu_percent: (cpu_percent * 10.0).round() / 10.0 })
    }
}

impl Default for Usage {
    fn default() -> Self {
        Self::new()
    }
}
