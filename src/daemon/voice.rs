//! What the supervisor in the foreground tells its terminal, or the journal of the service manager: one line a change.
//!
//! Talk only; data is asked for with `status`. The service manager's socket stays with us: no plane ever inherits it.

use sd_notify::NotifyState;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use super::watchdog::DRAIN_PATIENCE;
use crate::plane::{PlaneName, Planes};
use crate::wire::{PlaneStatus, State};

/// What the loop is about, for a service manager that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Its usual work.
    Usual,
    /// Waiting for planes to drain.
    Draining,
}

/// Remembers what was said, so that nothing is said twice.
#[derive(Debug, Default)]
pub struct Voice {
    said: BTreeMap<PlaneName, Said>,
    /// The planes of the manifest in force, also those of which nothing was heard yet.
    planes: BTreeSet<PlaneName>,
}

/// What was last said of a plane.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    state: State,
    ready: bool,
    pid: Option<i32>,
    /// While it stops: how its drain goes along, and until when it may take.
    drain: Option<(String, Option<String>)>,
}

impl Voice {
    /// That has said nothing yet, of these planes.
    pub fn of(planes: &Planes) -> Self {
        let mut voice = Self::default();
        voice.counts(planes);
        voice
    }

    /// Counts these planes from now on, and of others those that live.
    pub fn counts(&mut self, planes: &Planes) {
        self.planes = planes.planes.iter().map(|(plane, _)| plane.name.clone()).collect();
    }

    /// Says a plane's state if it changed.
    pub fn plane(&mut self, status: &PlaneStatus) {
        let drain = (status.state == State::Stopping).then(|| (status.why.clone(), status.until.clone()));
        let now = Said { state: status.state, ready: status.ready, pid: status.pid, drain };
        if self.said.get(&status.name) == Some(&now) {
            return;
        }
        self.said.insert(status.name.clone(), now);
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
        if let (Some(until), State::Stopping) = (&status.until, status.state) {
            line.push_str(&format!(", until {until} at the latest"));
        }
        self.say(&line);
        self.notify(&[NotifyState::Status(&self.summary())]);
    }

    /// Tells the service manager, if there is one, that everything that is to start has begun to.
    pub fn ready(&self) {
        self.notify(&[NotifyState::Ready, NotifyState::Status(&self.summary())]);
    }

    /// Tells the service manager, if there is one, that we are on our way out.
    pub fn leaving(&self) {
        self.notify(&[NotifyState::Stopping]);
    }

    /// Tells the service manager that the loop turns; while planes drain, that it must not lose patience.
    pub fn alive(&self, work: Work) {
        self.notify(&[NotifyState::Watchdog]);
        match work {
            Work::Usual => {}
            Work::Draining => {
                let more = u32::try_from(DRAIN_PATIENCE.as_micros()).unwrap_or(u32::MAX);
                self.notify(&[NotifyState::ExtendTimeoutUsec(more), NotifyState::Status(&self.draining())]);
            }
        }
    }

    fn draining(&self) -> String {
        let left = self.said.values().filter(|said| !matches!(said.state, State::Stopped | State::Parked)).count();
        format!("draining: {left} of {} planes not stopped yet", self.said.len())
    }

    /// Tells the service manager, if there is one, that the same process will be ready again as another program.
    pub fn replaced(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.notify(&[NotifyState::Reloading, now]),
            Err(error) => tracing::debug!(%error, "the service manager was not told"),
        }
    }

    fn summary(&self) -> String {
        let up = self.said.values().filter(|said| said.state == State::Up).count();
        let strangers =
            self.said.iter().filter(|(name, said)| !self.planes.contains(*name) && said.state != State::Stopped);
        format!("{up} of {} planes up", self.planes.len() + strangers.count())
    }

    fn notify(&self, states: &[NotifyState<'_>]) {
        if let Err(error) = sd_notify::notify(states) {
            tracing::debug!(%error, "the service manager was not told");
        }
    }

    /// Says a line.
    pub fn say(&self, line: &str) {
        tracing::info!("{line}");
        // Its reader may be gone, or its disk full: what is said is not worth the supervisor's life.
        let _ = writeln!(anstream::stderr(), "{line}");
    }
}
