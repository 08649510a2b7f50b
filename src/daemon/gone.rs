//! What the loop does about a keeper that has gone: whether it was let go, and whether the plane gets another one.
//!
//! Ends nothing: what a dead keeper left is swept by the next one.

use super::core::Daemon;
use super::input::Met;
use super::successor::Yielding;
use crate::plane::PlaneName;
use crate::wire::PlaneStatus;

impl Daemon {
    /// A keeper is gone. One that was told to go is let go; any other is given back at once, and more slowly if it dies again.
    pub(super) fn gone(&mut self, plane: PlaneName, met: Met) {
        if self.yielding.get(&plane) == Some(&Yielding::Asked) {
            // Its last word comes by another connection, which has ended with it: heard first, it tells a handover from a death.
            self.unsaid.insert(plane, met);
            return;
        }
        self.keeping.remove(&plane);
        self.orders.remove(&plane);
        let before = self.seen.remove(&plane);
        let was_let_go = self.leaving.remove(&plane);
        let by_another = self.departing.remove(&plane);
        let is_in_force = self.planes.get(&plane).is_some();
        let leaves = self.yielding.remove(&plane) == Some(Yielding::Leaves);
        if was_let_go || leaves {
            self.deaths.left(&plane);
        }
        if by_another && self.down.is_none() && is_in_force {
            return self.left_for_another(&plane);
        }
        if was_let_go || self.down.is_some() {
            self.applied.remove(&plane);
            if self.down.is_none() && !is_in_force {
                self.resting.remove(&plane);
                self.forget(&plane);
            }
            self.voice.say(&format!("{plane}: stopped, its keeper has left"));
            return self.freed(plane);
        }
        if leaves {
            self.note(
                Some(&plane),
                "keeper-replaced",
                "a keeper of another release has left an empty plane",
                "start ours",
                "the gateway follows",
            );
            self.keep(&plane);
            return;
        }
        if !is_in_force && !self.applied.contains_key(&plane) {
            return;
        }
        let wait = self.again_later(&plane);
        let saw = match self.unbegun.get(&plane).filter(|_| before.is_none()) {
            Some(why) => format!("its keeper could not begin: {why}"),
            None => ended(before.as_ref(), met),
        };
        self.voice.say(&format!("{plane}: {saw}; another one in {:.1} s", wait.as_secs_f64()));
        self.note(Some(&plane), "keeper-gone", &saw, "start another", "it sweeps before it spawns");
    }

    /// What a keeper of another release says to our wish that it leave. One that is gone has been waited for with that.
    pub(super) fn yields(&mut self, plane: PlaneName, word: Option<Yielding>) {
        match word {
            Some(word) => drop(self.yielding.insert(plane.clone(), word)),
            None => drop(self.yielding.remove(&plane)),
        }
        if let Some(met) = self.unsaid.remove(&plane) {
            self.gone(plane, met);
        }
    }

    /// A supervisor before us, or somebody else, had told it to leave; we were started to keep what the manifest has.
    fn left_for_another(&mut self, plane: &PlaneName) {
        let saw = "its keeper was told to leave by another than this supervisor, and has left in order";
        self.voice.say(&format!("{plane}: {saw}; another one begins"));
        self.note(
            Some(plane),
            "keeper-left",
            saw,
            "start another",
            "what the manifest says and the operator wants holds",
        );
        self.applied.remove(plane);
        self.freed(plane.clone());
        // Where the plan knew that it goes, it waits for its turn, or has just had it.
        if !self.pending.iter().any(|(pending, _)| pending == plane) {
            self.keep(plane);
        }
    }
}

/// How a keeper ended that nobody had told to.
fn ended(before: Option<&PlaneStatus>, met: Met) -> String {
    match (before, met) {
        (Some(PlaneStatus { keeper_pid: Some(pid), pid: Some(_), .. }), _) => {
            format!("its keeper (pid {pid}) died, and its gateway with it")
        }
        (Some(PlaneStatus { keeper_pid: Some(pid), .. }), _) => {
            format!("its keeper (pid {pid}) died, while nothing ran")
        }
        (Some(PlaneStatus { keeper_pid: None, .. }) | None, Met::Begun) => {
            "its keeper did not begin; see its keeper.log".to_owned()
        }
        (Some(PlaneStatus { keeper_pid: None, .. }) | None, Met::Found) => {
            "its keeper had died before this supervisor began; only its socket is left".to_owned()
        }
        (Some(PlaneStatus { keeper_pid: None, .. }) | None, Met::Unheard) => {
            "its keeper had no socket, and ended before it answered".to_owned()
        }
    }
}
