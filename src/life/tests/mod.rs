//! The machine held against a model, in single scenes, and in whole transcripts.
//!
//! No processes and no clock.

mod doubts;
mod grace;
mod model;
mod scenes;
mod transcripts;
mod waits;

use std::time::Duration;

use super::event::Event;
use super::order::{Order, Want};
use super::phase::{Phase, Rest};
use super::{Life, Rules};
use crate::openclaw::exits::{Exit, Meaning};
use crate::plane::{Contract, Health, Policy, Restart};

const S: fn(u64) -> Duration = Duration::from_secs;

fn rules(contract: Contract, policy: Policy) -> Rules {
    Rules { contract, stop_grace: S(330), restart: Restart { policy, ..Restart::default() }, health: Health::default() }
}

fn life() -> Life {
    Life::new(rules(Contract::Openclaw, Policy::Always), Want::Up, 0, 1)
}

/// From a sweep to up, all at one moment; gives the incarnation.
fn up(life: &mut Life, at: Duration) -> u64 {
    if life.phase() == &(Phase::Down { because: Rest::Fresh }) {
        life.begin(at);
    }
    spawned(life, at);
    let incarnation = life.living().expect("spawned");
    life.handle(Event::Started { incarnation }, at);
    assert!(matches!(life.phase(), Phase::Up { .. }));
    incarnation
}

/// From a sweep to a start; gives the incarnation.
fn spawned(life: &mut Life, at: Duration) -> u64 {
    swept(life, at);
    let incarnation = life.living().expect("spawned");
    life.handle(Event::Spawned { incarnation }, at);
    incarnation
}

fn swept(life: &mut Life, at: Duration) -> Vec<Order> {
    life.handle(Event::Swept { survivors: vec![], conflicts: vec![] }, at)
}

fn died(life: &mut Life, incarnation: u64, exit: Exit, meaning: Meaning, at: Duration) -> Vec<Order> {
    life.handle(Event::Exited { incarnation, exit, meaning }, at)
}
