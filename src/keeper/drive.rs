//! The loop: hear one thing, let the machine decide, carry it out, show it.
//!
//! One owner for everything; nothing here waits for anything but the next input or the next deadline.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::time::Duration;

use tokio::sync::mpsc;

use super::asks::{self, Sort, Validate, Verdict, Waiting};
use super::hands::{self, Custody, Handoffs, Hands};
use super::input::{Errand, Helped, Input};
use super::perform::Onward;
use super::tenure::Left;
use crate::life::event::{AskId, Asking, Event, Haste};
use crate::life::phase::{Moment, Phase, Rest};
use crate::life::{Life, Rules};
use crate::os::reap;
use crate::plane::Sealed;
use crate::socket::{Heard, Reply};
use crate::wire::{Answer, PlaneStatus};

/// How often the loop wakes at least while a start or a grace runs out.
const GLANCE: Duration = Duration::from_secs(5);

/// How long after the last input of a new phase the memory that its work took is given back, once: a gateway that is up for weeks is
/// kept by a process that does nothing.
const REST: Duration = Duration::from_secs(3);

/// A keeper at work.
pub struct Keeper {
    pub(super) hands: Hands,
    pub(super) life: Life,
    pub(super) asks: HashMap<AskId, Waiting>,
    pub(super) next_ask: AskId,
    pub(super) followers: Vec<Reply>,
    pub(super) shown: Option<PlaneStatus>,
    pub(super) phase_shown: Option<Phase>,
    pub(super) files: super::files::Files,
    /// Whether more memory may be kept than was needed lately.
    is_restless: bool,
}

impl Keeper {
    /// A keeper with its tools, and a life that has not begun.
    pub fn new(hands: Hands, life: Life) -> Self {
        let files = super::files::Files::new(hands.inputs.clone());
        Self {
            hands,
            life,
            asks: HashMap::new(),
            next_ask: 1,
            followers: Vec::new(),
            shown: None,
            phase_shown: None,
            files,
            is_restless: true,
        }
    }

    /// Works until the plane is down and the keeper is no longer wanted. `first` are the life's first orders.
    pub async fn drive(&mut self, first: Vec<crate::life::order::Order>, mut inputs: mpsc::UnboundedReceiver<Input>) {
        let mut onward = self.carry_out(first);
        while onward == Onward::Stay {
            self.settle();
            let due = self.due();
            self.hands.clock.expect(due);
            let input = tokio::select! {
                biased;
                input = inputs.recv() => match input {
                    Some(input) => input,
                    None => break,
                },
                () = sleep_until(due, &self.hands) => Input::Due,
                () = tokio::time::sleep(REST), if self.is_restless => {
                    crate::os::memory::give_back();
                    self.is_restless = false;
                    continue;
                }
            };
            if let Some(lost) = self.hands.clock.awake() {
                tracing::warn!(
                    seconds = lost.as_secs(),
                    "the keeper itself did not run for so long; nobody's time ran"
                );
            }
            let events = self.hear(input);
            onward = self.tell_all(events);
            if onward == Onward::Stay && self.rests() && self.hands.yields(Left::AtRest) {
                let events = self.told_to_go("the supervisor, which runs another release");
                onward = self.tell_all(events);
            }
        }
    }

    /// Takes along what the next keeper need not know, or leaves it where that one looks.
    pub fn leave(&self) -> io::Result<()> {
        let Hands { tenure, left, clock, known, .. } = &self.hands;
        match left {
            Some(left) => tenure.hand_over(*left, &self.life, clock, known.last_exit.as_ref()),
            None => tenure.end(),
        }
    }

    /// Whether nothing lives and nothing is to be spawned: a moment to leave to a keeper of another release.
    fn rests(&self) -> bool {
        match self.life.phase() {
            Phase::Down { because: Rest::Fresh | Rest::Asked, .. } => true,
            // It waits for files to change, and another keeper would try the same config once more.
            Phase::Down { because: Rest::Parked(_), .. } => false,
            Phase::Sweeping { .. }
            | Phase::Starting { .. }
            | Phase::Up { .. }
            | Phase::Stopping { .. }
            | Phase::Waiting { .. } => false,
        }
    }

    /// After each turn: a changed phase changes what is probed and which files are watched; followers see what changed.
    fn settle(&mut self) {
        let now = self.hands.clock.now();
        if self.phase_shown.as_ref().map(std::mem::discriminant) != Some(std::mem::discriminant(self.life.phase())) {
            let Hands { watcher, sealed, ending, .. } = &mut self.hands;
            watcher.look_at(self.life.phase(), hands::spawned(ending.as_ref(), sealed), now);
            self.files.watch(self.life.phase(), &self.hands.sealed.plane, &self.hands.read);
            if let Phase::Up { .. } = self.life.phase()
                && self.hands.speaks_openclaw()
                && self.hands.handoffs == Handoffs::Unasked
            {
                let _ = self.hands.ask_capabilities();
            }
            if let Phase::Down { .. } = self.life.phase() {
                self.hands.confinement.remove();
            }
            self.phase_shown = Some(self.life.phase().clone());
            self.is_restless = true;
        }
        if let Some(pid) = self.hands.running.as_ref().map(|running| running.pid) {
            let Hands { watcher, sealed, ending, inputs, .. } = &mut self.hands;
            watcher.look(self.life.phase(), hands::spawned(ending.as_ref(), sealed), pid, inputs, now);
        }
        let Hands { tenure, clock, known, .. } = &mut self.hands;
        if let Err(error) = tenure.keep(&self.life, clock, known.last_exit.as_ref()) {
            tracing::warn!(%error, "if this keeper dies, the next one will not know");
        }
        self.show_followers(now);
    }

    fn due(&self) -> Option<Moment> {
        let probe = self.hands.running.as_ref().and_then(|_| self.hands.watcher.due());
        let deadline = self.life.deadline().map(|deadline| deadline.at);
        // While a start or a grace runs out, a stretch in which this process did not run must not count against the gateway.
        let glance = deadline.filter(|_| self.life.living().is_some()).map(|_| self.hands.clock.now() + GLANCE);
        [deadline, probe, glance, self.hands.broom.due()].into_iter().flatten().min()
    }

    fn hear(&mut self, input: Input) -> Vec<Event> {
        let now = self.hands.clock.now();
        match input {
            Input::Heard(heard) => self.heard(heard),
            Input::Ended { incarnation } => self.ended(incarnation),
            Input::ChildrenChanged => self.children_changed(),
            Input::Seen(seen) => self.seen(&seen, now),
            Input::HelperDone(helped) => self.helper_done(helped),
            Input::FilesChanged => vec![Event::FilesChanged],
            Input::Touched => {
                let before = self.hands.custody;
                self.hands.put_back(self.life.incarnation());
                match (before, self.hands.custody) {
                    // Its gateway and ours cannot both have the plane.
                    (Custody::Ours, Custody::Anothers) => {
                        self.told_to_go("another keeper, which has taken the plane's lock")
                    }
                    (Custody::Ours | Custody::Anothers, _) => Vec::new(),
                }
            }
            Input::ToldToGo(signal) => self.told_to_go(&format!("{signal} to the keeper")),
            Input::Due => {
                let mut events: Vec<Event> = self.look_again(now).into_iter().collect();
                events.push(Event::DeadlinePassed);
                events
            }
        }
    }

    fn look_again(&mut self, now: Moment) -> Option<Event> {
        self.hands.broom.due()?;
        self.hands.sweep(now)
    }

    fn tell_all(&mut self, events: Vec<Event>) -> Onward {
        let mut onward = Onward::Stay;
        for event in events {
            let now = self.hands.clock.now();
            let orders = self.life.handle(event, now);
            if self.carry_out(orders) == Onward::Leave {
                onward = Onward::Leave;
            }
        }
        onward
    }

    fn carry_out(&mut self, orders: Vec<crate::life::order::Order>) -> Onward {
        let mut onward = Onward::Stay;
        let mut queue = VecDeque::from(orders);
        while let Some(order) = queue.pop_front() {
            let (event, then) = self.hands.perform(order, &mut self.asks);
            if then == Onward::Leave {
                onward = Onward::Leave;
            }
            if let Some(event) = event {
                let now = self.hands.clock.now();
                queue.extend(self.life.handle(event, now));
            }
        }
        onward
    }

    fn heard(&mut self, heard: Heard) -> Vec<Event> {
        let by = format!(
            "{} (uid {})",
            if heard.request.by.is_empty() { "somebody" } else { &heard.request.by },
            heard.peer.uid
        );
        if let Some(refusal) = asks::withheld(heard.peer, &heard.request.ask) {
            tracing::warn!(by, "asked for what is the supervisor's own user's alone");
            heard.reply.answer(refusal);
            return Vec::new();
        }
        let allow = asks::allowed(&heard.request.ask);
        match asks::sort(heard.request.ask) {
            Sort::Show(often) => {
                self.show(heard.reply, often);
                Vec::new()
            }
            Sort::Steer(asking, validate) => self.steer(Waiting { reply: heard.reply, asking, by, allow }, validate),
            Sort::Redefine { sealed, at_next_start } => self.redefine(*sealed, at_next_start, heard.reply, by),
            Sort::Tell => {
                heard.reply.answer(asks::told(&self.hands.sealed));
                Vec::new()
            }
            Sort::Reveal => {
                let ending = self.hands.ending.as_ref().filter(|_| asks::lives(&self.life));
                heard.reply.answer(asks::revealed(&self.hands.sealed, ending));
                Vec::new()
            }
            Sort::Yield => {
                self.hands.heir = Some(heard.reply);
                Vec::new()
            }
            Sort::Note(before) if before.plane != self.hands.sealed.plane.name => {
                heard.reply.answer(asks::not_here());
                Vec::new()
            }
            Sort::Note(before) => {
                self.hands.note_refused(&before, &by, &self.life);
                heard.reply.answer(Answer::Accepted { replaces: None, note: "kept".into() });
                Vec::new()
            }
            Sort::NotHere => {
                heard.reply.answer(asks::not_here());
                Vec::new()
            }
        }
    }

    fn steer(&mut self, ask: Waiting, validate: Validate) -> Vec<Event> {
        let asking = ask.asking;
        if let Some(refusal) = asks::unstartable(&self.life, asking, &self.hands.sealed) {
            self.hands.record(self.life.turned_away(asking, &ask.by, &refusal.message));
            ask.reply.answer(Answer::Refused(refusal));
            return Vec::new();
        }
        let id = self.next_ask;
        self.next_ask += 1;
        let judged = self.hands.speaks_openclaw() && asks::would_spawn(&self.life, asking);
        let first = judged && validate == Validate::First;
        if judged && validate == Validate::Forced {
            self.hands.note_forced(asking, &ask.by, self.life.incarnation());
        }
        self.asks.insert(id, ask);
        if first && self.hands.validate(id) {
            return Vec::new();
        }
        self.taken(id, Verdict::None)
    }

    /// The ask goes to the machine; what it overrides is kept in the journal, and nothing that was only named.
    fn taken(&mut self, id: AskId, verdict: Verdict) -> Vec<Event> {
        let Some(Waiting { asking, by, allow, .. }) = self.asks.get(&id) else { return Vec::new() };
        let overridden = |code: &&String| *code != asks::CONFIG_INVALID || verdict == Verdict::Invalid;
        let overridden: Vec<String> = allow.iter().filter(overridden).cloned().collect();
        let event = Event::Asked { id, asking: *asking, by: by.clone() };
        let by = by.clone();
        self.hands.note_allowed(&overridden, &by, self.life.incarnation());
        vec![event]
    }

    fn redefine(&mut self, sealed: Sealed, at_next_start: bool, reply: Reply, by: String) -> Vec<Event> {
        let prepared = match hands::prepare(&sealed) {
            Ok(prepared) if sealed.plane.name == self.hands.sealed.plane.name => prepared,
            Ok(_) => return self.refuse_definition(reply, &by, "this keeper keeps another plane"),
            Err(error) => return self.refuse_definition(reply, &by, &error.to_string()),
        };
        self.life.adopt(Rules::from(&sealed.plane));
        self.hands.logbook.adopt(sealed.plane.log.clone());
        self.hands.known.definition.clone_from(&sealed.definition);
        self.hands.handoffs = Handoffs::Unasked;
        self.hands.prepared = prepared;
        let before = std::mem::replace(&mut self.hands.sealed, sealed);
        if asks::lives(&self.life) {
            // Of several definitions in a row the living gateway has the first.
            self.hands.ending.get_or_insert(before);
        }
        if at_next_start {
            self.hands.record(self.life.taken_for_later(&by));
            reply.answer(Answer::Accepted { replaces: None, note: "taken for the next start".into() });
            return Vec::new();
        }
        self.steer(Waiting { reply, asking: Asking::Replace, by, allow: Vec::new() }, Validate::Skip)
    }

    fn refuse_definition(&mut self, reply: Reply, by: &str, message: &str) -> Vec<Event> {
        self.hands.record(self.life.turned_away(Asking::Replace, by, message));
        asks::refuse(reply, message)
    }

    fn children_changed(&mut self) -> Vec<Event> {
        let living = self.hands.running.as_ref().map(|running| (running.incarnation, running.pid));
        match reap::reap_all_but(living.map(|(_, pid)| pid)) {
            Ok(ended) => ended.into_iter().for_each(|(pid, exit)| self.hands.helpers.ended(pid, exit)),
            Err(error) => tracing::error!(%error, "children could not be reaped"),
        }
        let mut events = living.map(|(incarnation, _)| self.ended(incarnation)).unwrap_or_default();
        events.extend(self.look_again(self.hands.clock.now()));
        events
    }

    fn helper_done(&mut self, helped: Helped) -> Vec<Event> {
        match helped.errand {
            Errand::Validate { ask } => self.validated(ask, &helped),
            Errand::Capabilities => self.capabilities(&helped),
            Errand::Consume { incarnation } => self.consumed(incarnation, &helped),
            Errand::SafeRestart { incarnation } => match &helped.exit {
                Ok(exit) if exit.code == Some(0) => Vec::new(),
                Ok(_) | Err(_) => {
                    let why = helped.stderr.lines().chain(helped.stdout.lines()).rfind(|line| !line.trim().is_empty());
                    let why = why.unwrap_or("no reason given").to_owned();
                    vec![self.hands.safe_restart_refused(incarnation, why)]
                }
            },
        }
    }

    fn validated(&mut self, ask: AskId, helped: &Helped) -> Vec<Event> {
        let allows = |waiting: &Waiting| waiting.allow.iter().any(|code| code == asks::CONFIG_INVALID);
        match asks::judged(helped) {
            Ok(()) => self.taken(ask, Verdict::None),
            Err(_) if self.asks.get(&ask).is_some_and(allows) => self.taken(ask, Verdict::Invalid),
            Err(issues) => {
                if let Some(waiting) = self.asks.remove(&ask) {
                    let refusal = asks::invalid(&issues, &self.hands.sealed, &self.life);
                    self.hands.record(self.life.turned_away(waiting.asking, &waiting.by, &refusal.message));
                    waiting.reply.answer(Answer::Refused(refusal));
                }
                Vec::new()
            }
        }
    }

    fn told_to_go(&mut self, by: &str) -> Vec<Event> {
        let id = self.next_ask;
        self.next_ask += 1;
        vec![Event::Asked { id, asking: Asking::Retire(Haste::Graceful), by: by.into() }]
    }
}

async fn sleep_until(due: Option<Moment>, hands: &Hands) {
    match due {
        Some(at) => tokio::time::sleep_until(hands.clock.instant(at)).await,
        None => std::future::pending().await,
    }
}
