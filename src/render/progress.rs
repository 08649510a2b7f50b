//! How a plane gets on while somebody waits for it: a line that is redrawn, or lines one after another.
//!
//! Pure; whether there is a terminal is the caller's to know.

use jiff::Timestamp;

use crate::render::sources::tamed;
use crate::render::status::{left, tone};
use crate::render::text::{Look, Tone, cut, duration};
use crate::wire::{PlaneStatus, State};

/// One line on a terminal: what the plane does, and for how long that may still take.
pub fn live(status: &PlaneStatus, margin: usize, now: Timestamp, look: Look) -> String {
    // Name and state take no more than a line has, as it is drawn over line by line.
    let margin = look.width.map_or(margin, |width| margin.min(width.saturating_sub(12)));
    let name = format!("{:<margin$}", cut(status.name.as_str(), margin));
    let state = format!("{:<8}", status.state.as_str());
    let room = look.width.map_or(usize::MAX, |width| width.saturating_sub(margin + 12));
    let words = cut(&words(status, now), room);
    format!("{}  {}  {words}", look.paint(Tone::Strong, &name), look.paint(tone(status), &state)).trim_end().to_owned()
}

/// One line for a pipe, without what changes from second to second.
pub fn plain(status: &PlaneStatus) -> String {
    let state = status.state.as_str();
    // A gateway's own words are among them.
    let mut line = match &*tamed(&status.why) {
        "" => format!("{}: {state}", status.name),
        why if why.starts_with(state) => format!("{}: {why}", status.name),
        why => format!("{}: {state}: {why}", status.name),
    };
    if status.state == State::Stopping
        && let Some(until) = &status.until
    {
        line.push_str(&format!(" (until {until} at the latest)"));
    }
    line
}

fn words(status: &PlaneStatus, now: Timestamp) -> String {
    let mut words = tamed(&status.why).into_owned();
    if let (State::Stopping | State::Backoff, Some(left)) = (status.state, left(status.until.as_deref(), now)) {
        if !words.is_empty() {
            words.push_str("; ");
        }
        words.push_str(&duration(left));
        words.push_str(if status.state == State::Stopping { " left" } else { " to the next try" });
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::PlaneName;
    use crate::render::status::unknown;

    fn draining() -> PlaneStatus {
        let mut status =
            unknown(PlaneName::new("main").expect("a name"), "main", None, "draining: 2 agent turns".into());
        status.state = State::Stopping;
        status.until = Some("2026-03-01T12:05:12Z".into());
        status
    }

    #[test]
    fn words_of_a_gateway_steer_no_terminal() {
        let mut status = draining();
        status.why = "not ready: \u{1b}]0;x\u{7}".into();
        let look = Look { width: Some(60), colour: false };
        let now = "2026-03-01T12:00:00Z".parse().expect("a time");
        for line in [plain(&status), live(&status, 6, now, look)] {
            assert!(!line.contains(char::is_control) && line.contains("not ready"), "{line:?}");
        }
    }

    #[test]
    fn a_drain_shows_the_time_left() {
        let now = "2026-03-01T12:00:00Z".parse().expect("a time");
        let look = Look { width: Some(60), colour: false };
        assert_eq!(live(&draining(), 6, now, look), "main    stopping  draining: 2 agent turns; 5m12s left");
    }

    #[test]
    fn a_pipe_gets_the_instant_instead() {
        let text = "main: stopping: draining: 2 agent turns (until 2026-03-01T12:05:12Z at the latest)";
        assert_eq!(plain(&draining()), text);
    }
}
