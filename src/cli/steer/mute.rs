//! What is done about those who do not speak: asked how they are, taken for hung, or known by their locks alone.
//!
//! Signals nobody: who is stopped or hung is named, with what would end it.

use std::time::Instant;

use super::party::{AWAY, Party};
use super::silence::{self, Behind, Silence};
use super::task::{Keeper, Missing, Stage, Then};
use crate::cli::outcome::{Failure, Told};
use crate::os::lock::{held, holder_of};
use crate::rundir;
use crate::socket::CallError;
use crate::wire::Ask;

impl Party<'_> {
    /// Asks the one who is silent how it is, or takes it for hung.
    pub(super) fn listen(&mut self, at: usize, now: Instant) {
        match self.tasks[at].silence {
            Silence::Since(since) if since + silence::QUIET <= now => {
                let path = match self.tasks[at].stage {
                    Stage::Keeping { .. } => self.target.daemon(),
                    Stage::Fresh
                    | Stage::Asking { .. }
                    | Stage::Following { .. }
                    | Stage::Redialing { .. }
                    | Stage::Over(_) => self.target.keeper(&self.tasks[at].wish.plane),
                };
                let call = self.call(at, &path, Ask::Status);
                self.tasks[at].silence = Silence::Pinged { call, until: now + silence::PING };
            }
            Silence::Pinged { until, .. } if until <= now => self.hung(at),
            Silence::Nobody | Silence::Since(_) | Silence::Pinged { .. } => {}
        }
    }

    /// The keeper hangs: the daemon is asked for another one. The daemon hangs: there is nobody left to ask.
    pub(super) fn hung(&mut self, at: usize) {
        self.hang_up(at);
        let then = match self.tasks[at].stage {
            Stage::Asking { .. } => Then::Ask(Keeper::IsComing),
            Stage::Following { .. } => Then::Follow,
            Stage::Keeping { .. } => {
                let lock = rundir::daemon_lock(&self.target.applied.state_dir);
                return self.end(at, Err(silence::hung("the supervisor", &lock, silence::PLANES_LIVE_ON)));
            }
            Stage::Fresh | Stage::Redialing { .. } | Stage::Over(_) => return,
        };
        self.place_keep(at, then, Missing::Hung);
    }

    /// Makes the ask that another was to make.
    pub(super) fn ask_instead(&mut self, at: usize) {
        self.hang_up(at);
        self.tasks[at].entrusted = None;
        self.place_ask(at, Instant::now() + AWAY, Keeper::MayBeAbsent);
    }

    /// Who is behind the socket of the keeper, which is not there.
    pub(super) fn behind(&self, at: usize) -> Behind {
        silence::behind(&self.target.folder(&self.tasks[at].wish.plane).keeper_lock())
    }

    /// That a keeper was promised and is not there: where the supervisor lives, to start it would be no help.
    pub(super) fn never_came(&self, at: usize, error: CallError) -> Failure {
        if !held(&rundir::daemon_lock(&self.target.applied.state_dir)).unwrap_or(false) {
            return error.into();
        }
        let plane = &self.tasks[at].wish.plane;
        Failure::failed(
            format!("the supervisor runs, and no keeper of {plane} has begun within {} s", AWAY.as_secs()),
            "`gateward status` and `gateward events` say why; it is tried again by itself",
        )
    }

    /// It has its lock, and nobody could ask it: that alone says nothing against it.
    pub(super) fn end_as_unheard(&mut self, at: usize) {
        let plane = &self.tasks[at].wish.plane;
        let by =
            holder_of(&self.target.folder(plane).keeper_lock()).map_or_else(String::new, |pid| format!(" (pid {pid})"));
        let run_dir = self.target.applied.run_dir.display();
        let unheard = Failure::NobodyAnswers(Told::new(
            format!("the keeper of {plane}{by} is there, and has had no socket in {run_dir} for {} s", AWAY.as_secs()),
            "its gateway lives on; it binds a lost socket again by itself: ask again in a moment, and see that \
             the run dir can be written to",
        ));
        self.end(at, Err(unheard));
    }

    pub(super) fn end_as_hung(&mut self, at: usize) {
        let plane = &self.tasks[at].wish.plane;
        let so = "its gateway ends with it, and the plane gets another keeper once the supervisor runs";
        let lock = self.target.folder(plane).keeper_lock();
        let hung = silence::hung(&format!("the keeper of {plane}"), &lock, so);
        self.end(at, Err(hung));
    }
}
