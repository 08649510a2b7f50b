//! Asks OpenClaw whether an ended gateway had wanted a successor.
//!
//! Never beside a booting gateway: the machine orders the question when nothing boots, and a spawn ends one that is still
//! under way. What the answer means for the plane is the machine's.

use super::drive::Keeper;
use super::hands::{self, CleanExit, Handoffs, Hands};
use super::input::{Errand, Helped};
use crate::life::event::{Event, Told};
use crate::life::phase::Phase;
use crate::openclaw::exits::Meaning;
use crate::openclaw::handoff::{self, Handoff};
use crate::plane::Contract;

/// How often a store that could not be opened is asked once more.
const ASKED_AGAIN: u32 = 4;

impl Hands {
    /// Asks about the clean exit of `incarnation`.
    pub fn consume(&mut self, incarnation: u64) -> Option<Event> {
        let unknown = |why: String| Some(Event::HandoffTold { incarnation, told: Told::Unknown(why) });
        let Some(ended) = self.clean.filter(|ended| ended.incarnation == incarnation) else {
            return unknown("its end was not seen".into());
        };
        if self.clock.now().saturating_sub(ended.at) >= handoff::WORTH_ASKING {
            return unknown(format!("{} s have passed since", handoff::WORTH_ASKING.as_secs()));
        }
        match self.handoffs {
            Handoffs::Spoken => self.start_consume(ended),
            Handoffs::Unspoken => {
                let told = Told::Nothing("this runtime speaks no restart handoff".into());
                Some(Event::HandoffTold { incarnation, told })
            }
            Handoffs::Unasked | Handoffs::Asking(_) => {
                let asked = matches!(self.handoffs, Handoffs::Asking(_));
                self.handoffs = Handoffs::Asking(Some(ended));
                if asked { None } else { self.ask_capabilities() }
            }
        }
    }

    /// Asks, once for this runtime, whether it speaks handoff.
    pub fn ask_capabilities(&mut self) -> Option<Event> {
        let pending = match self.handoffs {
            Handoffs::Asking(pending) => pending,
            Handoffs::Unasked | Handoffs::Spoken | Handoffs::Unspoken => None,
        };
        self.handoffs = Handoffs::Asking(pending);
        let launch = hands::helper(&self.sealed, &handoff::CAPABILITIES);
        match self.helpers.start(Errand::Capabilities, launch, &self.null, &self.inputs) {
            Ok(()) => None,
            Err(error) => {
                self.handoffs = Handoffs::Unasked;
                let told = Told::Unknown(error.to_string());
                pending.map(|ended| Event::HandoffTold { incarnation: ended.incarnation, told })
            }
        }
    }

    fn start_consume(&mut self, ended: CleanExit) -> Option<Event> {
        let CleanExit { incarnation, pid, .. } = ended;
        let args = handoff::consume(pid);
        let launch = hands::helper(&self.sealed, &args.each_ref().map(String::as_str));
        match self.helpers.start(Errand::Consume { incarnation }, launch, &self.null, &self.inputs) {
            Ok(()) => None,
            Err(error) => Some(Event::HandoffTold { incarnation, told: Told::Unknown(error.to_string()) }),
        }
    }

    /// Whether the plane's contract knows handoffs and validation.
    pub fn speaks_openclaw(&self) -> bool {
        self.sealed.plane.contract == Contract::Openclaw
    }
}

impl Keeper {
    /// The answer. A store that could not be opened is asked again while there may still be one, and nothing boots.
    pub(super) fn consumed(&mut self, incarnation: u64, helped: &Helped) -> Vec<Event> {
        let clean = self.hands.clean.filter(|ended| ended.incarnation == incarnation);
        let pid = clean.map_or(0, |ended| ended.pid);
        let handoff = match &helped.exit {
            Ok(exit) => handoff::consumed(pid, exit.code, &helped.stdout, &helped.stderr),
            Err(error) => Handoff::Unknown(error.clone()),
        };
        let now = self.hands.clock.now();
        let boots = matches!(self.life.phase(), Phase::Starting { .. });
        let clean = self.hands.clean.as_mut().filter(|ended| ended.incarnation == incarnation);
        match (&handoff, clean) {
            (Handoff::Unknown(why), Some(ended))
                if !boots
                    && now.saturating_sub(ended.at) < handoff::WORTH_ASKING
                    && ended.asked_again < ASKED_AGAIN =>
            {
                ended.asked_again += 1;
                tracing::info!(incarnation, why, "the handoff is asked for again");
                self.hands.consume(incarnation).into_iter().collect()
            }
            (Handoff::Unknown(_) | Handoff::Accepted(_) | Handoff::Nothing(_), _) => {
                if let Handoff::Accepted(reason) = &handoff {
                    self.it_was_wanted(incarnation, reason);
                }
                vec![Event::HandoffTold { incarnation, told: hands::told(handoff) }]
            }
        }
    }

    /// What `status` calls the last end is told anew, unless another has come since.
    fn it_was_wanted(&mut self, incarnation: u64, reason: &str) {
        let successor = self.life.living().filter(|living| *living == incarnation + 1);
        let last = self.life.incarnation() == incarnation || successor == Some(self.life.incarnation());
        if let Some(exit) = self.hands.known.last_exit.as_mut()
            && last
            && exit.meaning == Meaning::Clean.sentence()
        {
            exit.meaning = format!("restarted itself ({reason})");
        }
    }

    /// Whether this runtime speaks handoff is known now; what waited for that goes on.
    pub(super) fn capabilities(&mut self, helped: &Helped) -> Vec<Event> {
        let Handoffs::Asking(pending) = self.hands.handoffs else { return Vec::new() };
        self.hands.handoffs = match &helped.exit {
            Ok(_) if handoff::spoken(&helped.stdout) => Handoffs::Spoken,
            Ok(_) => Handoffs::Unspoken,
            // Not heard is not unspoken: asked again when it matters.
            Err(_) => Handoffs::Unasked,
        };
        let Some(CleanExit { incarnation, .. }) = pending else { return Vec::new() };
        match self.hands.handoffs {
            Handoffs::Spoken => self.hands.consume(incarnation).into_iter().collect(),
            Handoffs::Unspoken | Handoffs::Unasked | Handoffs::Asking(_) => {
                let told = Told::Unknown("the runtime did not say that it speaks restart handoff".into());
                vec![Event::HandoffTold { incarnation, told }]
            }
        }
    }
}
