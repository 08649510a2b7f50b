//! Work beside the loop, in lanes: what takes long in one does not hold up another.
//!
//! A program of a plane that hangs when it is asked holds up a reload, which asks, and never the start of another plane.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::plane::PlaneName;

/// How many lanes there are, and so how many threads at most; an idle lane has none.
pub const LANES: usize = 4;

/// Where a piece of work goes, and how far that is. Within a lane it is done in the order it came.
#[derive(Debug, Default)]
pub struct Lanes {
    /// Proofs that look at files and at the host: seconds at most.
    pub looks: Lane,
    /// Proofs that ask OpenClaw as well, as a reload's does.
    pub asks: Lane,
    /// Questions to OpenClaw about what was edited.
    pub judges: Lane,
    /// Trials of the program that is to follow us.
    pub tries: Lane,
    /// How many proofs were begun.
    pub proofs: Cell<u64>,
    /// The newest of them that was taken.
    pub newest: u64,
    /// Planes about whose edited files OpenClaw is still to be asked.
    pub to_judge: BTreeSet<PlaneName>,
    /// Whether it is being asked.
    pub is_judging: bool,
}

/// One lane.
#[derive(Debug, Default)]
pub struct Lane(Arc<Mutex<()>>);

impl Lane {
    /// Has `work` done on a thread, behind what is in this lane already. Nobody waits for it when the supervisor leaves.
    pub fn take(&self, work: impl FnOnce() + Send + 'static) {
        // Whoever asks for a mutex of tokio's gets it in the order of asking, and this task asks in the order of its birth.
        let turn = Arc::clone(&self.0).lock_owned();
        tokio::task::spawn_local(async move {
            let _turn = turn.await;
            // A panic was told by its hook, and ends no lane.
            let _ = tokio::task::spawn_blocking(work).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio::task::LocalSet;

    use super::{LANES, Lanes};

    #[test]
    fn a_lane_keeps_its_order_and_holds_up_no_other() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(LANES)
            .build()
            .expect("a runtime");
        let (release, held) = mpsc::channel::<()>();
        LocalSet::new().block_on(&runtime, async {
            let lanes = Lanes::default();
            let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
            lanes.asks.take(move || held.recv().expect("released"));
            for (lane, base) in [(&lanes.asks, 100), (&lanes.looks, 0)] {
                for number in 0..20 {
                    let tell = tell.clone();
                    lane.take(move || tell.send(base + number).expect("somebody hears"));
                }
            }
            let mut next = async || {
                let next = tokio::time::timeout(Duration::from_secs(60), told.recv()).await;
                next.expect("it goes on").expect("somebody tells")
            };
            for number in 0..20 {
                assert_eq!(next().await, number, "the other lane moves, in order");
            }
            release.send(()).expect("it waits");
            for number in 100..120 {
                assert_eq!(next().await, number);
            }
        });
    }
}
