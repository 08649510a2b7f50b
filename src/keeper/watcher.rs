//! When to probe what: one round at a time for the living incarnation, its results as [`Seen`].
//!
//! Rounds never pile up, and a round never trusts a port: it first proves that the listener is the plane's own process.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::mpsc;

use super::input::{Input, Listener, Readiness, Seen, Startup};
use super::probe::{self, Target};
use super::proof;
use crate::life::phase::{Moment, Phase};
use crate::plane::{Contract, Plane};

/// Between two looks at a starting gateway: short at first, for quick processes, then as for one that takes seconds.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LATER_LOOK: Duration = Duration::from_millis(500);

/// Between two looks at one that drains, or that is up but not ready yet.
const CLOSE_LOOK: Duration = Duration::from_secs(1);

/// How long after its start an unready gateway is looked at closely.
const CLOSE_FOR: Duration = Duration::from_secs(120);

/// The event loop can block for a second while booting: no probe of a start may be shorter (contract).
const BOOT_BUDGET: Duration = Duration::from_secs(3);

/// What a round asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    Boot,
    Health,
    Drain,
}

/// Plans the rounds.
#[derive(Debug)]
pub struct Watcher {
    due: Option<Moment>,
    looked: u32,
    busy: bool,
    /// The listening socket last proved to be the plane's own.
    own: Option<proof::Proved>,
    /// The process that had it last: the one that works while it restarts within itself.
    served: Option<i32>,
}

impl Watcher {
    /// Nothing to watch yet.
    pub fn new() -> Self {
        Self { due: None, looked: 0, busy: false, own: None, served: None }
    }

    /// A new incarnation, or a new phase of it: look soon.
    pub fn look_at(&mut self, phase: &Phase, plane: &Plane, now: Moment) {
        self.looked = 0;
        self.due = round(phase, plane).map(|_| now);
        if let Phase::Starting { .. } = phase {
            (self.own, self.served) = (None, None);
        }
    }

    /// When the next round is due; none while one is under way.
    pub fn due(&self) -> Option<Moment> {
        self.due.filter(|_| !self.busy)
    }

    /// Starts a round if one is due.
    pub fn look(&mut self, phase: &Phase, plane: &Plane, pid: i32, inputs: &mpsc::UnboundedSender<Input>, now: Moment) {
        if self.busy || self.due.is_none_or(|due| now < due) {
            return;
        }
        let (Some(round), Some(incarnation)) = (round(phase, plane), incarnation(phase)) else {
            self.due = None;
            return;
        };
        self.busy = true;
        self.looked += 1;
        let listener = self.listener(plane, pid);
        let mut seen = Seen {
            incarnation,
            listener,
            cpu: match round {
                Round::Boot => proof::cpu_time(pid),
                // Its tools and browsers may be at work whatever has become of it.
                Round::Health => proof::own_cpu_time(self.served.unwrap_or(pid)),
                Round::Drain => Duration::ZERO,
            },
            startup: None,
            live: None,
            ready: None,
        };
        let (plane, inputs) = (plane.clone(), inputs.clone());
        tokio::task::spawn_local(async move {
            ask(round, &plane, &mut seen).await;
            // The loop is gone only when the keeper leaves.
            let _ = inputs.send(Input::Seen(Box::new(seen)));
        });
    }

    /// A round is over: sets the next one. `coming` is a gateway that answers and is not ready yet; the looks of one that does
    /// not answer are counted, and keep their interval.
    pub fn seen(&mut self, phase: &Phase, plane: &Plane, coming: bool, now: Moment) {
        self.busy = false;
        let Some(round) = round(phase, plane) else {
            self.due = None;
            return;
        };
        let wait = match round {
            Round::Boot => FIRST_LOOK.saturating_mul(1 << self.looked.min(8)).min(LATER_LOOK),
            Round::Drain => CLOSE_LOOK,
            Round::Health if coming && up_for(phase, now) < CLOSE_FOR => CLOSE_LOOK.min(plane.health.interval),
            Round::Health => plane.health.interval,
        };
        self.due = Some(now + wait);
    }

    fn listener(&mut self, plane: &Plane, pid: i32) -> Listener {
        let (listener, proved) = match (plane.contract, plane.port) {
            (Contract::Openclaw, Some(port)) => proof::listener(port, pid, plane, self.own),
            (Contract::Plain, _) => match plane.health.url.as_deref().map(probe::target) {
                Some(Ok(target)) => proof::answerer(target.address, plane, self.own),
                Some(Err(_)) | None => return Listener::NotExpected,
            },
            (Contract::Openclaw, None) => return Listener::NotExpected,
        };
        self.own = proved;
        if let Listener::Own { pid } = listener {
            self.served = Some(pid);
        }
        listener
    }
}

impl Default for Watcher {
    fn default() -> Self {
        Self::new()
    }
}

fn incarnation(phase: &Phase) -> Option<u64> {
    match phase {
        Phase::Starting { incarnation, .. } | Phase::Up { incarnation, .. } | Phase::Stopping { incarnation, .. } => {
            Some(*incarnation)
        }
        Phase::Down { .. } | Phase::Sweeping { .. } | Phase::Waiting { .. } => None,
    }
}

fn up_for(phase: &Phase, now: Moment) -> Duration {
    match phase {
        Phase::Up { since, .. } => now.saturating_sub(*since),
        Phase::Down { .. }
        | Phase::Sweeping { .. }
        | Phase::Starting { .. }
        | Phase::Stopping { .. }
        | Phase::Waiting { .. } => Duration::MAX,
    }
}

/// A plain plane without a URL is never probed.
fn round(phase: &Phase, plane: &Plane) -> Option<Round> {
    if plane.contract == Contract::Plain && plane.health.url.is_none() {
        return None;
    }
    match phase {
        Phase::Starting { .. } => Some(Round::Boot),
        Phase::Up { .. } => Some(Round::Health),
        Phase::Stopping { .. } => (plane.contract == Contract::Openclaw).then_some(Round::Drain),
        Phase::Down { .. } | Phase::Sweeping { .. } | Phase::Waiting { .. } => None,
    }
}

async fn ask(round: Round, plane: &Plane, seen: &mut Seen) {
    let budget = match round {
        Round::Boot | Round::Drain => plane.health.timeout.max(BOOT_BUDGET),
        Round::Health => plane.health.timeout,
    };
    match plane.contract {
        Contract::Plain => {
            if let Listener::Foreign(holder) = &seen.listener {
                seen.live = Some(Err(format!("its health.url is answered by {holder}, not by this plane")));
                return;
            }
            let answer = match plane.health.url.as_deref().map(probe::target) {
                Some(Ok(target)) => probe::get(&target, budget).await,
                Some(Err(error)) => Err(error),
                None => return,
            };
            seen.startup = match &answer {
                Ok(answered) => Some(plain_startup(answered)),
                Err(error) if is_reached(&seen.listener, error) => Some(Err(format!("health.url {error}"))),
                Err(_) => None,
            };
            let answer = alive(answer);
            seen.ready = Some(Ok(Readiness { ready: answer.is_ok(), ..Readiness::default() }));
            seen.live = Some(answer);
        }
        Contract::Openclaw => ask_gateway(round, plane, seen, budget).await,
    }
}

async fn ask_gateway(round: Round, plane: &Plane, seen: &mut Seen, budget: Duration) {
    match &seen.listener {
        Listener::Own { .. } => {}
        Listener::Nobody | Listener::NotExpected => {
            seen.live = Some(Err("nothing listens on its port".into()));
            return;
        }
        Listener::Foreign(holder) => {
            seen.live = Some(Err(format!("its port is answered by {holder}, not by this plane")));
            return;
        }
    }
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, plane.port.unwrap_or_default()));
    let get = |path: &str| {
        let target = Target { address, path: path.to_owned() };
        async move { probe::get(&target, budget).await }
    };
    match round {
        Round::Boot => {
            seen.startup = Some(get("/startupz").await.and_then(startup));
            if let Some(Ok(Startup::Started)) = seen.startup {
                seen.live = Some(alive(get("/healthz").await));
                seen.ready = Some(get("/readyz").await.and_then(readiness));
            }
        }
        Round::Drain => seen.startup = Some(get("/startupz").await.and_then(startup)),
        Round::Health => {
            let (live, ready) = tokio::join!(get("/healthz"), get("/readyz"));
            seen.live = Some(alive(live));
            seen.ready = Some(ready.and_then(readiness));
        }
    }
}

/// Somebody took the connection, whatever came of it then.
fn is_reached(listener: &Listener, error: &str) -> bool {
    match listener {
        Listener::Own { .. } => true,
        Listener::NotExpected => !error.contains(probe::UNREACHED),
        Listener::Nobody | Listener::Foreign(_) => false,
    }
}

/// Who answers at all listens, so that a start that never comes is not told as one that boots.
fn plain_startup(answer: &probe::Answered) -> Result<Startup, String> {
    match answer.status {
        200..=299 => Ok(Startup::Started),
        status => Err(format!("health.url answers HTTP {status}; only 2xx counts")),
    }
}

fn alive(answer: Result<probe::Answered, String>) -> Result<(), String> {
    match answer?.status {
        200..=299 => Ok(()),
        status => Err(format!("liveness was answered with HTTP {status}")),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartupBody {
    #[serde(default)]
    status: String,
    #[serde(default)]
    pending_reason: Option<String>,
}

fn startup(answer: probe::Answered) -> Result<Startup, String> {
    let body: StartupBody = serde_json::from_str(&answer.body)
        .map_err(|_| format!("/startupz was answered with HTTP {} and no JSON", answer.status))?;
    Ok(match body.status.as_str() {
        "started" if answer.status == 200 => Startup::Started,
        "draining" => Startup::Draining,
        other => Startup::Starting(body.pending_reason.unwrap_or_else(|| other.to_owned())),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadyBody {
    #[serde(default)]
    ready: bool,
    #[serde(default)]
    failing: Vec<serde_json::Value>,
    #[serde(default)]
    event_loop: Option<serde_json::Value>,
    #[serde(default)]
    uptime_ms: Option<u64>,
}

fn readiness(answer: probe::Answered) -> Result<Readiness, String> {
    let body: ReadyBody = serde_json::from_str(&answer.body)
        .map_err(|_| format!("/readyz was answered with HTTP {} and no JSON", answer.status))?;
    let word = |value: serde_json::Value| match value {
        serde_json::Value::String(word) => word,
        other => other.to_string(),
    };
    Ok(Readiness {
        ready: body.ready && answer.status == 200,
        failing: body.failing.into_iter().map(word).collect(),
        event_loop: body.event_loop,
        uptime_ms: body.uptime_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &str) -> probe::Answered {
        probe::Answered { status, body: body.into() }
    }

    #[test]
    fn bodies_of_the_real_gateway() {
        let starting =
            answered(503, r#"{"ok":false,"status":"starting","uptimeMs":703,"pendingReason":"startup-sidecars"}"#);
        assert_eq!(startup(starting), Ok(Startup::Starting("startup-sidecars".into())));
        assert_eq!(startup(answered(200, r#"{"ok":true,"status":"started"}"#)), Ok(Startup::Started));
        assert_eq!(startup(answered(503, r#"{"ok":false,"status":"draining"}"#)), Ok(Startup::Draining));
        let unready =
            readiness(answered(503, r#"{"ready":false,"failing":["telegram"],"eventLoop":{"p99":3}}"#)).expect("JSON");
        assert_eq!((unready.ready, unready.failing), (false, vec!["telegram".to_owned()]));
        assert!(startup(answered(200, "<html>")).is_err());
    }

    #[test]
    fn a_plain_start_is_an_answer_of_2xx_and_any_other_is_told_by_its_code() {
        assert_eq!(plain_startup(&answered(204, "")), Ok(Startup::Started));
        for status in [302, 404, 503] {
            let told = format!("health.url answers HTTP {status}; only 2xx counts");
            assert_eq!(plain_startup(&answered(status, "")), Err(told));
        }
    }

    #[test]
    fn only_who_took_the_connection_is_told_as_listening() {
        let (refused, garbled) = ("/ could not be reached: refused", "/ was not answered in HTTP: invalid version");
        let own = Listener::Own { pid: 7 };
        let cases = [(&own, garbled), (&Listener::NotExpected, garbled), (&Listener::NotExpected, refused)];
        assert_eq!(cases.map(|(listener, error)| is_reached(listener, error)), [true, true, false]);
        assert!(!is_reached(&Listener::Nobody, garbled));
    }

    #[test]
    fn draining_counts_as_alive_and_an_error_page_does_not() {
        assert_eq!(alive(Ok(answered(200, r#"{"ok":true,"status":"live"}"#))), Ok(()));
        assert!(alive(Ok(answered(500, ""))).is_err());
    }
}
