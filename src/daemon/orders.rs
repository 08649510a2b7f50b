//! What keepers were told to change, until they have taken it: one that gave no answer is told again once it is found well.
//!
//! Decides nothing that is told. A keeper that has gone is owed nothing: the next one is given what holds by then.

use std::time::Duration;

use tokio::task::AbortHandle;

use super::core::Daemon;
use super::input::Input;
use super::keepers;
use crate::plane::{PlaneName, Sealed};
use crate::wire::{Answer, Ask, Stop};

/// The pause before a keeper is told once more: one that answers, but never this, would be told without an end.
const AGAIN: Duration = Duration::from_secs(1);

/// What a keeper is told.
#[derive(Clone, Debug)]
pub enum Change {
    /// To keep its plane by this definition.
    Replace(Box<Sealed>),
    /// To stop its plane and to leave.
    Retire(Stop),
}

impl Change {
    fn ask(&self) -> Ask {
        match self {
            Self::Replace(sealed) => Ask::Replace { sealed: sealed.clone(), at_next_start: false },
            Self::Retire(stop) => Ask::Retire(stop.clone()),
        }
    }

    /// Whether a keeper that holds this definition has taken it already, although its answer was lost. To retire twice is to
    /// retire once.
    fn is_taken(&self, definition: &str) -> bool {
        match self {
            Self::Replace(sealed) => sealed.definition == definition,
            Self::Retire(_) => false,
        }
    }
}

/// How far an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// The keeper is being told.
    Sent,
    /// It gave no answer. It may have been stopped, and does not take what its asker has given up.
    Unheard,
}

/// The last that a keeper was told, while it has not answered.
#[derive(Debug)]
pub struct Order {
    /// Which of all orders; answers to earlier ones mean nothing any more.
    id: u64,
    change: Change,
    word: Word,
    telling: AbortHandle,
}

impl Drop for Order {
    fn drop(&mut self) {
        // What is told no longer must not be heard after what is told instead.
        self.telling.abort();
    }
}

impl Daemon {
    /// Tells a keeper to change, instead of whatever it was told before; its answer comes back to the loop.
    pub(super) fn order(&mut self, plane: PlaneName, change: Change) {
        self.told += 1;
        let telling = self.tell(plane.clone(), self.told, change.ask(), Duration::ZERO);
        self.orders.insert(plane, Order { id: self.told, change, word: Word::Sent, telling });
    }

    /// Whether this plane's keeper has been told to take this definition, and has not answered yet.
    pub(super) fn is_ordered(&self, plane: &PlaneName, definition: &str) -> bool {
        self.orders.get(plane).is_some_and(|order| order.change.is_taken(definition))
    }

    fn tell(&self, plane: PlaneName, id: u64, ask: Ask, wait: Duration) -> AbortHandle {
        let run_dir = self.planes.supervisor.run_dir.clone();
        let inputs = self.inputs.clone();
        let telling = tokio::task::spawn_local(async move {
            tokio::time::sleep(wait).await;
            let heard = match keepers::ask(&run_dir, &plane, ask).await {
                Ok(Answer::Refused(refusal)) => Input::Answered {
                    plane,
                    order: id,
                    refusal: Some(format!("{}; {}", refusal.message, refusal.hint)),
                },
                Ok(_) => Input::Answered { plane, order: id, refusal: None },
                Err(error) => Input::Unanswered { plane, order: Some(id), error: error.to_string() },
            };
            let _ = inputs.send(heard);
        });
        telling.abort_handle()
    }

    /// A keeper has answered to an order.
    pub(super) fn answered(&mut self, plane: &PlaneName, id: u64, refusal: Option<String>) {
        if self.orders.get(plane).is_none_or(|order| order.id != id) {
            return;
        }
        let (Some(order), Some(refusal)) = (self.orders.remove(plane), refusal) else { return };
        // What it holds now is asked of it by the next proof.
        self.applied.remove(plane);
        if let Change::Retire(_) = &order.change {
            self.leaving.remove(plane);
        }
        self.voice.say(&format!("{plane}: {refusal}"));
        self.note(Some(plane), "refused", &refusal, "left", "as it is");
    }

    /// A keeper gave no answer, to an order or when it was met: it is looked after, and told again if it is well.
    pub(super) fn unanswered(&mut self, plane: PlaneName, id: Option<u64>, error: &str) {
        tracing::warn!(%plane, %error, "its keeper gave no answer");
        match (id, self.orders.get_mut(&plane)) {
            (None, _) => {}
            (Some(id), Some(order)) if order.id == id => order.word = Word::Unheard,
            // It is gone, or was told something else since.
            (Some(_), _) => return,
        }
        self.doubt(plane, None);
    }

    /// A keeper that owes an answer speaks again, perhaps after it could not even be ended.
    pub(super) fn speaks(&mut self, plane: &PlaneName) {
        if self.orders.get(plane).is_some_and(|order| order.word == Word::Unheard) {
            self.doubt(plane.clone(), None);
        }
    }

    /// A keeper is well, and has this definition: what it did not hear is told once more.
    pub(super) fn order_again(&mut self, plane: &PlaneName, definition: &str) {
        let Some(order) = self.orders.get(plane).filter(|order| order.word == Word::Unheard) else { return };
        if order.change.is_taken(definition) {
            self.orders.remove(plane);
            return;
        }
        tracing::info!(%plane, "its keeper is well again, and is told once more");
        let telling = self.tell(plane.clone(), order.id, order.change.ask(), AGAIN);
        if let Some(order) = self.orders.get_mut(plane) {
            (order.word, order.telling) = (Word::Sent, telling);
        }
    }
}
