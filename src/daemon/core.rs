//! The daemon's loop: hear one thing, plan, apply, remember nothing that cannot be read again.
//!
//! One owner for everything. It is the parent of no gateway, so its own end ends nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::deaths::Deaths;
use super::input::{Input, Met, Purpose, Told};
use super::keepers::Keepers;
use super::lanes::Lanes;
use super::orders::{Change, Order};
use super::proving;
use super::seal;
use super::successor::Yielding;
use super::voice::{Voice, Work};
use super::watch::Watch;
use super::watchdog;
use crate::collision::finding::Finding;
use crate::journal::{Entry, Journal};
use crate::os::lock::Lock;
use crate::plane::{ALREADY_KEPT, PlaneName, Planes, Sealed};
use crate::socket::Heard;
use crate::wire::{Answer, Ask, PlaneStatus, Refusal, RefusalKind, Reload, Stop};

/// So long after the last input the daemon is at rest.
const REST: Duration = Duration::from_secs(3);

/// Who stops us, and what becomes of the planes then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// A service manager keeps us: its SIGTERM is for us alone, since `ExecStop=` has stopped the planes if they were to stop.
    Service,
    /// A person or another program runs us in the foreground: SIGTERM and SIGINT mean `down`.
    Foreground,
}

/// How the loop ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Every plane was stopped first.
    Down,
    /// The planes live on.
    Left,
    /// The planes live on, and this program takes our place.
    Replaced {
        /// It was tried, and answers.
        program: PathBuf,
        /// The descriptors of our locks, which it keeps: nobody else can take them in between.
        passed: Vec<RawFd>,
    },
}

/// The daemon at work.
pub struct Daemon {
    pub(super) planes: Planes,
    pub(super) id: String,
    pub(super) own: BTreeMap<String, String>,
    pub(super) keepers: Keepers,
    /// What each keeper that answers said last.
    pub(super) seen: BTreeMap<PlaneName, PlaneStatus>,
    /// Planes whose keeper is being met or followed.
    pub(super) keeping: BTreeSet<PlaneName>,
    /// Planes whose keeper was told to go.
    pub(super) leaving: BTreeSet<PlaneName>,
    /// Those among them that were told by another than us, whose end is none of our plan.
    pub(super) departing: BTreeSet<PlaneName>,
    /// Definitions that we handed out; a keeper that dies is given back the same.
    pub(super) applied: BTreeMap<PlaneName, Sealed>,
    /// What keepers were told to change and have not answered to.
    pub(super) orders: BTreeMap<PlaneName, Order>,
    /// How many orders there have been.
    pub(super) told: u64,
    pub(super) pending: Vec<(PlaneName, Vec<PlaneName>)>,
    pub(super) staggering: bool,
    /// For planes that others wait for: the end of that wait.
    pub(super) bounds: BTreeMap<PlaneName, JoinHandle<()>>,
    /// For starts that others are in the way of: who must have ended first.
    pub(super) waiting: BTreeMap<PlaneName, BTreeSet<PlaneName>>,
    /// What stands against the manifest, and against changes while planes live by another definition.
    pub(super) findings: Vec<Finding>,
    /// What the last look at the host brought.
    pub(super) host: Vec<Finding>,
    /// Configs that OpenClaw would refuse, as asked after an edit.
    pub(super) refused: Vec<Finding>,
    /// The files of the configurations as they were at the last proof.
    pub(super) stamps: super::judged::Stamps,
    /// Work beside the loop.
    pub(super) lanes: Lanes,
    /// How often in a row the host alone kept a plane from starting.
    pub(super) looks: u32,
    /// The manifest file as it was when it was read last.
    pub(super) read: Option<proving::Stamp>,
    pub(super) trouble: String,
    /// Keys of [supervisor] that were edited, and have their effect only once it is started anew.
    pub(super) later: Vec<&'static str>,
    pub(super) troubles: BTreeMap<PlaneName, String>,
    pub(super) deaths: Deaths,
    /// Why the last keeper of a plane could not begin, until one does.
    pub(super) unbegun: BTreeMap<PlaneName, String>,
    /// Why we ended a keeper, until the next one is told.
    pub(super) ended: BTreeMap<PlaneName, String>,
    /// Planes whose next keeper is made to stop them, and starts no gateway.
    pub(super) resting: BTreeSet<PlaneName>,
    /// Planes whose keeper is being looked after.
    pub(super) doubted: BTreeSet<PlaneName>,
    /// Planes whose keeper waits in the kernel, and of which that was told.
    pub(super) waits: BTreeSet<PlaneName>,
    /// Planes whose keeper, of another release, was asked to leave at its next spawn, and whether it has said that it does.
    pub(super) yielding: BTreeMap<PlaneName, Yielding>,
    /// Keepers among them that have gone and whose word is still to come; with how each had been met.
    pub(super) unsaid: BTreeMap<PlaneName, Met>,
    /// When we began.
    pub(super) begun: String,
    /// Our own program by the path under which a newer one would be found.
    pub(super) program: PathBuf,
    /// Whether a glance at adopted keepers is due.
    pub(super) glancing: bool,
    /// Held for as long as we live; the one supervisor of the state dir.
    pub(super) lock: Lock,
    /// Held for as long as our sockets are in the run dir.
    pub(super) sockets: Lock,
    /// Has our own socket looked after.
    pub(super) nudge: Arc<Notify>,
    pub(super) journal: Journal,
    pub(super) voice: Voice,
    pub(super) manner: Manner,
    pub(super) down: Option<Stop>,
    pub(super) watch: Watch,
    pub(super) inputs: mpsc::UnboundedSender<Input>,
}

impl Daemon {
    /// Works until it is told to go.
    pub async fn run(mut self, mut heard: mpsc::UnboundedReceiver<Input>) -> End {
        self.greet();
        // Also a manifest that cannot be read yet is waited for.
        self.watch.renew(&self.planes, self.planes.supervisor.watch);
        self.prove(Purpose::Begin);
        if let (Manner::Service, Some(pace)) = (self.manner, watchdog::pace()) {
            tokio::task::spawn_local(watchdog::turn(pace, self.inputs.clone()));
        }
        while let Some(input) = next(&mut heard).await {
            match self.hear(input) {
                None => {}
                Some(End::Replaced { program, .. }) => {
                    // Nobody here hears them any more; the next program does.
                    crate::os::signals::hold_back();
                    let locks = [self.lock, self.sockets].into_iter();
                    return End::Replaced { program, passed: locks.map(Lock::pass_on).collect() };
                }
                Some(end @ (End::Down | End::Left)) => return end,
            }
        }
        End::Left
    }

    fn hear(&mut self, input: Input) -> Option<End> {
        match input {
            Input::Heard(heard) => self.heard(heard),
            Input::Said(status) => self.said(*status),
            Input::Gone { plane, met } => self.gone(plane, met),
            Input::CannotBegin { plane, why } => drop(self.unbegun.insert(plane, why)),
            Input::Again { plane } => {
                if self.down.is_none() {
                    self.keep(&plane);
                }
            }
            Input::Answered { plane, order, refusal } => self.answered(&plane, order, refusal),
            Input::Unanswered { plane, order, error } => self.unanswered(plane, order, &error),
            Input::ChildrenChanged => {
                for (plane, exit) in self.keepers.reap() {
                    tracing::info!(%plane, %exit, "a keeper has ended");
                    if exit.code == Some(i32::from(ALREADY_KEPT)) {
                        // Another one has the plane, and could not be found by its socket.
                        self.doubt(plane, None);
                    }
                }
                for plane in self.keepers.stopped() {
                    self.doubt(plane, None);
                }
            }
            Input::Glance => self.glance(),
            Input::Looked { plane, found, reply } => self.looked(&plane, found, reply),
            Input::Touched(what) => self.touched(what),
            Input::Edited(paths) => {
                tracing::info!(?paths, "watched files changed");
                self.prove(Purpose::Edit);
            }
            Input::Proved(proved) => self.proved(*proved),
            Input::Judged(judged) => self.judged(judged),
            Input::Staggered => {
                self.staggering = false;
                self.start_due();
            }
            Input::Left { plane } => self.freed(plane),
            Input::LookAgain => self.prove(Purpose::Edit),
            Input::Overdue { plane } => self.overdue(&plane),
            Input::Signal(told) => return self.told(told),
            Input::Alive => self.voice.alive(if self.down.is_some() { Work::Draining } else { Work::Usual }),
            Input::Tried { outcome, reply } => return self.tried(outcome, reply),
            Input::Yields { plane, word } => self.yields(plane, word),
        }
        (self.down.is_some() && self.keeping.is_empty()).then_some(End::Down)
    }

    fn told(&mut self, told: Told) -> Option<End> {
        match (told, self.manner) {
            (Told::Terminate, Manner::Service) if self.down.is_none() => {
                self.voice.say("leaving; the planes live on");
                return Some(End::Left);
            }
            (Told::Terminate | Told::Interrupt, _) if self.down.is_some() => {
                self.voice.say("still draining; `gateward down --now` skips the grace");
            }
            (Told::Terminate | Told::Interrupt, _) => {
                self.voice.say("stopping every plane gracefully");
                self.go_down(Stop::default());
            }
            (Told::Exec, _) => self.try_successor(None),
            (Told::HangUp, _) => {
                let then = "nothing is reloaded; the supervisor and its planes live on";
                self.note(None, "hung-up", "its terminal was closed", then, "`gateward down` stops them");
                self.voice.say("the terminal was closed; nothing is reloaded, and `gateward down` stops the planes");
            }
            (Told::Reload, _) => {
                self.nudge.notify_one();
                self.prove(Purpose::Reload(Reload::default(), None));
            }
        }
        (self.down.is_some() && self.keeping.is_empty()).then_some(End::Down)
    }

    fn go_down(&mut self, stop: Stop) {
        self.note(None, "down", "asked", "stop every plane", "then the supervisor leaves");
        self.pending.clear();
        self.waiting.clear();
        self.voice.leaving();
        if self.manner == Manner::Service && self.down.is_none() {
            tokio::task::spawn_local(watchdog::turn(watchdog::DRAIN_PACE, self.inputs.clone()));
        }
        for plane in self.keeping.clone() {
            self.leaving.insert(plane.clone());
            self.order(plane, Change::Retire(stop.clone()));
        }
        self.down = Some(stop);
    }

    fn heard(&mut self, heard: Heard) {
        let (reply, peer) = (heard.reply, heard.peer);
        match heard.request.ask {
            Ask::Status => reply.answer(Answer::Daemon(self.status())),
            Ask::Findings => {
                let all: Vec<&Finding> = self.findings.iter().chain(&self.host).chain(&self.refused).collect();
                reply.answer(Answer::Findings(serde_json::to_value(all).unwrap_or_default()));
            }
            Ask::Reload(reload) if reload.exec => self.try_successor(Some(reply)),
            Ask::Reload(reload) => self.prove(Purpose::Reload(reload, Some(reply))),
            Ask::Down(stop) => {
                let note = match self.keeping.len() {
                    0 => "nothing runs; the supervisor leaves".to_owned(),
                    1 => "1 plane is stopped, then the supervisor leaves".to_owned(),
                    count => format!("{count} planes are stopped, then the supervisor leaves"),
                };
                self.go_down(stop);
                reply.answer(Answer::Accepted { replaces: None, note });
            }
            Ask::Keep { plane, allow, rests } => self.keep_asked(plane, allow, rests, reply),
            Ask::Sealed { .. } | Ask::Environ { .. } if !peer.may_know() => reply.answer(crate::wire::not_yours()),
            Ask::Sealed { plane } => reply.answer(self.sealed(&plane)),
            Ask::Environ { names } => reply.answer(Answer::Environ(seal::given_of(&self.own, &names))),
            Ask::Refused(before)
                if self.planes.get(&before.plane).is_none() && !self.keeping.contains(&before.plane) =>
            {
                let message = format!("there is no plane `{}`", before.plane);
                reply.answer(refused(RefusalKind::NoSuchPlane, message, "`gateward status` lists the planes"));
            }
            Ask::Refused(before) => {
                let saw = format!(
                    "{} by {} (uid {}): {} against it",
                    before.verb,
                    heard.request.by,
                    peer.uid,
                    before.codes.join(", ")
                );
                self.note(Some(&before.plane), "refused", &saw, "refused", "nothing was started");
                reply.answer(Answer::Accepted { replaces: None, note: "kept".into() });
            }
            #[cfg(feature = "next-wire")]
            Ask::Tomorrow => reply.answer(Answer::Daemon(self.status())),
            Ask::Yield { .. }
            | Ask::Follow
            | Ask::Start(_)
            | Ask::Stop(_)
            | Ask::Restart(_)
            | Ask::Replace { .. }
            | Ask::Retire(_)
            | Ask::Held => {
                reply.answer(refused(
                    RefusalKind::Unknown,
                    "the supervisor does not know this ask".into(),
                    "verbs on a plane go to its keeper's socket",
                ));
            }
        }
    }

    fn said(&mut self, status: PlaneStatus) {
        self.voice.plane(&status);
        self.deaths.speaks(&status.name, tokio::time::Instant::now());
        self.unbegun.remove(&status.name);
        self.want_another_release(&status);
        let is_adopted = status.keeper_pid.is_some_and(|pid| !self.keepers.has(pid));
        let name = status.name.clone();
        if status.leaving && self.leaving.insert(name.clone()) {
            self.departing.insert(name.clone());
        }
        let is_first = self.seen.insert(name.clone(), status).is_none();
        if is_first {
            // A stop reaches this one: nothing is left to tell the next.
            self.resting.remove(&name);
        }
        if let (true, Some(stop)) = (is_first, self.down.clone()) {
            // It had only begun when everything was told to go, and nobody heard it then.
            self.leaving.insert(name.clone());
            self.order(name.clone(), Change::Retire(stop));
        }
        self.speaks(&name);
        if is_adopted && !self.glancing {
            self.glance_later();
        }
        self.start_due();
    }

    pub(super) fn note(&mut self, plane: Option<&PlaneName>, event: &str, saw: &str, decided: &str, follows: &str) {
        self.journal.add(Entry {
            at: format!("{:.3}", now()),
            plane: plane.cloned(),
            event: event.into(),
            saw: saw.into(),
            decided: decided.into(),
            follows: follows.into(),
            ..Entry::default()
        });
    }
}

/// The next input. After a while without any, the memory that the work before took is given back, once.
async fn next(heard: &mut mpsc::UnboundedReceiver<Input>) -> Option<Input> {
    if let Ok(input) = tokio::time::timeout(REST, heard.recv()).await {
        return input;
    }
    crate::os::memory::give_back();
    crate::os::memory::give_text_back();
    heard.recv().await
}

#[allow(clippy::disallowed_methods, reason = "the daemon's one look at a clock: a stamp for the journal")]
pub(super) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

pub(super) fn refused(kind: RefusalKind, message: String, hint: &str) -> Answer {
    Answer::Refused(Refusal::new(kind, message, hint))
}
