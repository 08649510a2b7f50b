//! What the loop does about keepers that may hang, and about its own socket; how they are looked at is `vigil`.
//!
//! Ends nothing by itself, and leaves keepers that answer alone.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::Duration;

use super::core::{Daemon, refused};
use super::follow::Meeting;
use super::input::{Input, Purpose};
use super::keepers;
use super::vigil::{self, Found};
use crate::os::lock::Lock;
use crate::plane::PlaneName;
use crate::rundir::{self, PlaneDir};
use crate::socket::{Reply, Touched};
use crate::wire::{Answer, RefusalKind};

impl Daemon {
    /// Follows every keeper that is at work already: those with a socket, and those that have their lock alone. Whoever was told
    /// to go down before the first proof would leave the latter behind.
    pub(super) fn greet(&mut self) {
        for name in keepers::named(&self.planes.supervisor.run_dir) {
            self.listen(name, Meeting::Found);
        }
        for name in keepers::locked(&self.planes.supervisor.state_dir) {
            if !self.keeping.contains(&name) {
                self.listen(name, Meeting::Unheard);
            }
        }
    }

    /// Has a plane be given a keeper after a wait, which is none at the first time in a row.
    pub(super) fn again_later(&mut self, plane: &PlaneName) -> Duration {
        let wait = self.deaths.pause(plane, tokio::time::Instant::now());
        let (inputs, plane) = (self.inputs.clone(), plane.clone());
        tokio::task::spawn_local(async move {
            tokio::time::sleep(wait).await;
            let _ = inputs.send(Input::Again { plane });
        });
        wait
    }

    /// Somebody who cannot reach a plane's keeper wants it looked after, or made; one who wants it for a stop wants no gateway.
    pub(super) fn keep_asked(&mut self, plane: PlaneName, allow: Vec<String>, rests: bool, reply: Reply) {
        if !rests {
            self.resting.remove(&plane);
        }
        if self.seen.contains_key(&plane) {
            if rests {
                // Should it be ended, or have gone, the next one starts no gateway. Taken back where it is well, or stays.
                self.resting.insert(plane.clone());
            }
            self.doubt(plane, Some(reply));
        } else {
            self.prove(Purpose::Keep { plane, allow, rests, reply });
        }
    }

    /// Has the plane's keeper looked after; whoever asked for it is answered when that is done.
    pub(super) fn doubt(&mut self, plane: PlaneName, reply: Option<Reply>) {
        // One look serves all who only wonder; whoever waits for an answer gets a look of its own.
        if !self.doubted.insert(plane.clone()) && reply.is_none() {
            return;
        }
        let run_dir = self.planes.supervisor.run_dir.clone();
        let folder = PlaneDir::new(&self.planes.supervisor, &plane);
        let inputs = self.inputs.clone();
        tokio::task::spawn_local(async move {
            let found = vigil::look(run_dir, folder, plane.clone()).await;
            let _ = inputs.send(Input::Looked { plane, found, reply });
        });
    }

    pub(super) fn looked(&mut self, plane: &PlaneName, found: Found, reply: Option<Reply>) {
        self.doubted.remove(plane);
        if matches!(found, Found::Well { .. } | Found::Waiting { .. } | Found::Unreachable { .. }) {
            self.resting.remove(plane);
        }
        let waits = matches!(found, Found::Waiting { .. });
        let is_told = waits && !self.waits.insert(plane.clone());
        if !waits {
            self.waits.remove(plane);
        }
        let answer = match found {
            Found::Well { definition } => {
                self.order_again(plane, &definition);
                Answer::Accepted { replaces: None, note: "its keeper answers".into() }
            }
            Found::Nobody => Answer::Accepted { replaces: None, note: "another keeper begins".into() },
            Found::Ended { saw } => {
                self.voice.say(&format!("{plane}: {saw}; it was ended"));
                self.note(Some(plane), "keeper-hung", &saw, "ended it, and its gateway with it", "another one begins");
                self.ended.insert(plane.clone(), saw);
                Answer::Accepted { replaces: None, note: "its keeper hung and is replaced".into() }
            }
            Found::Waiting { why } => {
                if !is_told {
                    self.voice.say(&format!("{plane}: {why}; it is left"));
                    self.note(Some(plane), "keeper-waits", &why, "left", "looked at again until it answers");
                }
                self.doubt_later(plane.clone(), &why);
                refused(
                    RefusalKind::Failed,
                    format!("{plane}: {why}"),
                    "nothing was ended; ask again once its disk answers",
                )
            }
            Found::Unreachable { why } => {
                self.voice.say(&format!("{plane}: {why}"));
                self.note(Some(plane), "keeper-hung", &why, "left", "the host has to end it");
                refused(
                    RefusalKind::Failed,
                    format!("{plane}: {why}"),
                    "end that process as root; the plane then gets another keeper",
                )
            }
        };
        if let Some(reply) = reply {
            reply.answer(answer);
        }
    }

    /// Adopted keepers that were stopped are found by looking: their stops are told to another parent.
    pub(super) fn glance(&mut self) {
        self.glancing = false;
        let adopted: Vec<(PlaneName, i32)> = self
            .seen
            .values()
            .filter_map(|status| Some((status.name.clone(), status.keeper_pid?)))
            .filter(|(_, pid)| !self.keepers.has(*pid))
            .collect();
        if !adopted.is_empty() {
            self.glance_later();
        }
        for (plane, pid) in adopted {
            if vigil::is_stopped(pid) {
                self.doubt(plane, None);
            }
        }
    }

    /// Has a keeper that was left looked at again after a while: nothing tells when the kernel lets go of it.
    fn doubt_later(&self, plane: PlaneName, why: &str) {
        let (inputs, error) = (self.inputs.clone(), why.to_owned());
        tokio::task::spawn_local(async move {
            tokio::time::sleep(vigil::GLANCE).await;
            let _ = inputs.send(Input::Unanswered { plane, order: None, error });
        });
    }

    pub(super) fn glance_later(&mut self) {
        self.glancing = true;
        let inputs = self.inputs.clone();
        tokio::task::spawn_local(async move {
            tokio::time::sleep(vigil::GLANCE).await;
            let _ = inputs.send(Input::Glance);
        });
    }

    /// The run dir or the state dir may have been wiped: what others must find there is put back.
    pub(super) fn touched(&mut self, what: Touched) {
        let supervisor = self.planes.supervisor.clone();
        let state_lost = !self.lock.still_named();
        match what {
            Touched::Socket => {
                self.voice.say("the supervisor's socket was gone and is bound again; planes were not touched");
                let saw = "the supervisor's socket was gone";
                self.note(None, "socket-lost", saw, "bound again", "planes were not touched");
            }
            Touched::Other if !state_lost && self.sockets.still_named() => return,
            Touched::Other => {}
        }
        if state_lost {
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&supervisor.state_dir);
            if let Err(error) = made {
                tracing::error!(%error, "the state dir was wiped and cannot be made again");
            }
            let saw = format!("what gateward keeps in {} was gone", supervisor.state_dir.display());
            self.voice.say(&format!("{saw}; it is written again, and planes were not touched"));
            let follows = "planes were not touched; journals and logs from before are lost";
            self.note(None, "state-lost", &saw, "written again", follows);
            self.lock_again("state-dir-taken", &rundir::daemon_lock(&supervisor.state_dir), |daemon| &mut daemon.lock);
        }
        if !self.sockets.still_named() {
            self.lock_again("run-dir-taken", &rundir::sockets_lock(&supervisor.run_dir), |daemon| &mut daemon.sockets);
        }
        super::identity::restore(&supervisor, &self.id);
        if !self.planes.planes.is_empty() {
            super::applied::write(&self.planes);
        }
        // What was put back is to be watched as what was there before.
        self.nudge.notify_one();
    }

    fn lock_again(&mut self, event: &str, path: &Path, lock: fn(&mut Self) -> &mut Lock) {
        match Lock::take(path) {
            Ok(taken) => *lock(self) = taken,
            Err(error) => {
                let follows = "two supervisors share a folder: give each its own";
                self.note(None, event, &error.to_string(), "left", follows);
            }
        }
    }
}
