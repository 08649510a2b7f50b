//! Carries out the machine's orders: the only match on [`Order`].
//!
//! Decides nothing; what happened comes back as events.

use std::collections::HashMap;
use std::os::fd::AsFd;

use super::asks::Waiting;
use super::files::Stamps;
use super::hands::{self, Handoffs, Hands, Running};
use super::input::{Errand, Input, Readiness};
use super::modules::Modules;
use super::origin::Origin;
use super::tenure::Left;
use crate::life::event::{AskId, Event};
use crate::life::order::{Order, Reply};
use crate::openclaw::environment;
use crate::os::launch::Stdio;
use crate::os::{pidfd, signals};
use crate::wire::{Answer, Refusal, RefusalKind, SafeRestart, SafeState};

/// Whether the keeper goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onward {
    /// It does.
    Stay,
    /// The plane is down and nobody wants the keeper.
    Leave,
}

impl Hands {
    /// Carries out one order; gives the fact that it made at once, if any.
    pub fn perform(&mut self, order: Order, asks: &mut HashMap<AskId, Waiting>) -> (Option<Event>, Onward) {
        let mut onward = Onward::Stay;
        let event = match order {
            Order::Answer { id, reply } => {
                if let Some(waiting) = asks.remove(&id) {
                    waiting.reply.answer(answer(reply));
                }
                None
            }
            Order::Sweep => {
                let now = self.clock.now();
                self.broom.begin(now);
                self.sweep(now)
            }
            // The plane is proved empty: the one moment at which another keeper can take over without any loss.
            Order::Spawn { .. } if self.yields(Left::BeforeSpawn) => {
                onward = Onward::Leave;
                None
            }
            Order::Spawn { incarnation } => Some(self.spawn(incarnation)),
            Order::Terminate { incarnation } => {
                self.signal(incarnation, Force::Term);
                None
            }
            Order::Kill { incarnation } => {
                self.signal(incarnation, Force::Kill);
                None
            }
            Order::ConsumeHandoff { incarnation } => self.consume(incarnation),
            Order::RestartSafely { incarnation } => self.restart_safely(incarnation),
            Order::Remember(want) => {
                let kept = self.memory.remember(want);
                self.known.unkept = self.said_of(kept);
                None
            }
            Order::Record(record) => {
                self.record(record);
                None
            }
            Order::Leave => {
                onward = Onward::Leave;
                None
            }
        };
        (event, onward)
    }

    /// Whether a keeper of another release waits to follow us; it is told that it may. One that has hung up cannot be relied on.
    pub fn yields(&mut self, left: Left) -> bool {
        let Some(heir) = self.heir.take().filter(|heir| !heir.has_hung_up()) else { return false };
        let note = "the plane is empty; its keeper leaves".to_owned();
        let is_told = heir.push(Answer::Accepted { replaces: None, note }).is_ok();
        self.left = is_told.then_some(left);
        is_told
    }

    fn spawn(&mut self, incarnation: u64) -> Event {
        match self.try_spawn(incarnation) {
            Ok(()) => Event::Spawned { incarnation },
            Err(error) => Event::SpawnFailed { incarnation, error },
        }
    }

    fn try_spawn(&mut self, incarnation: u64) -> Result<(), String> {
        if let Err(error) = self.memory.begins(incarnation) {
            tracing::warn!(%error, "the incarnation's number could not be kept");
        }
        super::folders::make(&self.sealed.plane).map_err(|error| error.to_string())?;
        let cookie = environment::cookie(&self.sealed.supervisor_id, self.sealed.plane.name.as_str(), incarnation);
        self.prepared.set_env(environment::COOKIE, &cookie).map_err(|error| error.to_string())?;
        let origin = Origin::of(&self.sealed);
        if std::mem::replace(&mut self.origin, origin.clone()) != origin {
            // Another build may speak otherwise; it is asked once it is up.
            self.handoffs = Handoffs::Unasked;
        }
        let (door, shortfalls) = self.confinement.prepare(&self.sealed.plane.limits);
        self.prepared.enter(door);
        let (stdout, stderr) = self.logbook.attach().map_err(|error| error.to_string())?;
        if let Some(account) = &self.sealed.plane.account {
            // Or the account could not open its own /dev/stdout. A pipe that stays root's is written all the same.
            for pipe in [&stdout, &stderr] {
                let _ = std::os::unix::fs::fchown(pipe, Some(account.uid), Some(account.gid));
            }
        }
        let stdio = Stdio { stdin: self.null.as_fd(), stdout: stdout.as_fd(), stderr: stderr.as_fd() };
        // OpenClaw's answer comes out of the store that a booting gateway opens.
        self.helpers.end(|errand| matches!(errand, Errand::Consume { .. }));
        let keep: Vec<_> = self.broom.lock().map(|lock| (lock.fd(), super::clear::LOCK_FD)).into_iter().collect();
        self.read = Stamps::of(&self.sealed.plane);
        let child = self.prepared.spawn(stdio, &keep).map_err(|error| error.to_string())?;
        // Only now, as it takes a moment and the start does not wait for it.
        self.modules = Modules::of(&self.sealed);
        self.known.notes = shortfalls;
        self.known.notes.extend(child.shortfalls.iter().map(ToString::to_string));
        self.known.pid = Some(child.pid);
        self.known.readiness = Readiness::default();
        self.known.live = false;
        self.known.trouble = None;
        self.known.exchanged = None;
        self.known.generations = 0;
        self.known.began = None;
        self.known.suppressed = None;
        self.known.output_closed = false;
        self.known.left_to_drain = None;
        self.count_memory_kills(child.pid);
        self.await_end(incarnation, &child.pidfd);
        self.running = Some(Running { incarnation, pid: child.pid, pidfd: child.pidfd, spawned: self.clock.elapsed() });
        self.ending = None;
        Ok(())
    }

    fn await_end(&self, incarnation: u64, pidfd: &std::os::fd::OwnedFd) {
        let inputs = self.inputs.clone();
        match pidfd.try_clone().and_then(crate::os::ready::ready) {
            Ok(pidfd) => drop(tokio::task::spawn_local(async move {
                // An error here ends the wait too; the loop then looks for itself.
                let _ = pidfd.readable().await;
                let _ = inputs.send(Input::Ended { incarnation });
            })),
            // SIGCHLD is heard all the same, and the loop looks at the pidfd then.
            Err(error) => tracing::warn!(%error, "the gateway's pidfd cannot be waited for"),
        }
    }

    fn signal(&mut self, incarnation: u64, force: Force) {
        let Some(running) = self.running.as_ref().filter(|running| running.incarnation == incarnation) else { return };
        let done = match force {
            Force::Term => pidfd::send(&running.pidfd, libc::SIGTERM),
            // Unreaped, so its pid still names its own group.
            Force::Kill => {
                pidfd::send(&running.pidfd, libc::SIGKILL).and_then(|_| signals::kill_group(running.pid, libc::SIGKILL))
            }
        };
        if let Err(error) = done {
            tracing::warn!(pid = running.pid, ?force, %error, "the gateway could not be signalled");
        }
    }

    /// Whoever waits for a safe restart waits no longer.
    pub(super) fn safe_restart_refused(&mut self, incarnation: u64, why: String) -> Event {
        let is_its_own = self.running.as_ref().is_some_and(|running| running.incarnation == incarnation);
        if let Some(asked) = self.known.safe_restart.as_mut().filter(|it| is_its_own && it.state == SafeState::Asked) {
            *asked = SafeRestart::refused(&why);
        }
        Event::SafeRestartRefused { incarnation, why }
    }

    fn restart_safely(&mut self, incarnation: u64) -> Option<Event> {
        let launch = hands::helper(&self.sealed, &["gateway", "restart", "--safe"]);
        self.known.safe_restart = Some(SafeRestart::asked());
        match self.helpers.start(Errand::SafeRestart { incarnation }, launch, &self.null, &self.inputs) {
            Ok(()) => None,
            Err(error) => Some(self.safe_restart_refused(incarnation, error.to_string())),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Force {
    Term,
    Kill,
}

fn answer(reply: Reply) -> Answer {
    match reply {
        Reply::Accepted { replaces, note } => Answer::Accepted { replaces, note },
        Reply::Refused { message, hint } => Answer::Refused(Refusal::new(RefusalKind::Failed, message, hint)),
    }
}
