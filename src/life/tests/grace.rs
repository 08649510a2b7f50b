//! The end of a grace: OpenClaw's own end comes first, ours at the second that it is due, and which of both counts for the breaker.
//!
//! Scenes of single lives; the same with processes is `it life::stops`, with the real gateway `openclaw active_work`.

use super::{S, life, swept, up};
use crate::life::due::DeadlineReason;
use crate::life::event::{Asking, Event, Haste};
use crate::life::order::Order;
use crate::life::phase::Phase;
use crate::openclaw::exits::{self, Exit, Meaning};

const STOP: Asking = Asking::Stop(Haste::Graceful);

fn asked(asking: Asking) -> Event {
    Event::Asked { id: 1, asking, by: "a test".into() }
}

#[test]
fn by_default_openclaws_own_end_comes_before_ours_and_ours_not_a_moment_late() {
    let mut life = life();
    let one = up(&mut life, S(0));
    life.handle(asked(STOP), S(1000));
    life.handle(Event::Drained { incarnation: one }, S(1001));
    let due = life.deadline().expect("a grace ends");
    assert_eq!((due.at, due.why), (S(1330), DeadlineReason::Grace));
    // Its own deadline, its thread's, and every moment up to ours: nothing is ordered.
    let own = S(1000) + exits::SHUTDOWN_DEADLINE;
    let last = S(1330).saturating_sub(std::time::Duration::from_millis(1));
    for at in [own, own + exits::SHUTDOWN_WATCHDOG, last] {
        assert_eq!(life.handle(Event::DeadlinePassed, at), [], "{at:?}");
    }
    let orders = life.handle(Event::DeadlinePassed, S(1330));
    assert_eq!(orders.last(), Some(&Order::Kill { incarnation: one }), "{orders:?}");
    assert!(life.deadline().is_none(), "it is killed once");
}

#[test]
fn a_drain_that_openclaw_cut_short_itself_does_not_count_for_its_breaker_and_one_that_we_cut_does() {
    let (clean, unfinished) = (Meaning::AskedForced, Meaning::AskedUnfinished);
    // (boot to SIGTERM, SIGTERM to the end, how it ended, what it means, counted)
    let ends = [
        (S(10), S(316), Exit::Code(0), clean, 0),
        (S(10), exits::SHUTDOWN_DEADLINE, Exit::Code(1), unfinished, 0),
        // Its own deadline is shorter in a service whose stop is: within the window of 300 s, and written down all the same.
        (S(10), S(85), Exit::Code(1), unfinished, 0),
        (S(10), S(6), Exit::Signal(9), Meaning::Ended, 1),
        (S(10), S(6), Exit::PerhapsOutOfMemory, Meaning::Ended, 1),
        // An open row counts from its boot, and has left the window by then.
        (S(10), S(330), Exit::Signal(9), Meaning::Ended, 0),
        (S(295), S(6), Exit::Signal(9), Meaning::Ended, 0),
    ];
    for (lived, drained, exit, meaning, counted) in ends {
        let mut life = life();
        let one = up(&mut life, S(0));
        life.handle(asked(STOP), lived);
        life.handle(Event::Drained { incarnation: one }, lived);
        life.handle(Event::Exited { incarnation: one, exit, meaning }, lived + drained);
        swept(&mut life, lived + drained);
        assert_eq!(life.unclean().len(), counted, "{exit} {drained:?} after SIGTERM, {lived:?} after its boot");
        assert!(matches!(life.phase(), Phase::Down { .. }), "{:?}", life.phase());
    }
}
