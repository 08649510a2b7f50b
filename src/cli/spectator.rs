//! Shows on stderr how planes get on while a verb waits: redrawn in place on a terminal, a line for each change elsewhere.
//!
//! Never touches stdout.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use jiff::Timestamp;

use super::terminal::{say, size_of, stderr_look};
use crate::plane::PlaneName;
use crate::render::progress::{live, plain};
use crate::wire::PlaneStatus;

/// How often a countdown on a terminal is redrawn.
const COUNTDOWN: Duration = Duration::from_secs(1);

/// One who looks on.
#[derive(Debug)]
pub enum Spectator {
    /// At a terminal: the lines drawn last, to be drawn over.
    Terminal {
        /// How many lines stand there.
        drawn: usize,
    },
    /// Behind a pipe: what was said of each plane last.
    Pipe {
        /// By plane.
        said: BTreeMap<PlaneName, String>,
    },
    /// Wants to see nothing.
    None,
}

impl Spectator {
    /// Whoever reads stderr.
    pub fn of_stderr() -> Self {
        if size_of(&io::stderr()).is_some() {
            Self::Terminal { drawn: 0 }
        } else {
            Self::Pipe { said: BTreeMap::new() }
        }
    }

    /// How soon what is shown changes by the clock alone, if it does.
    pub fn tick(&self) -> Option<Duration> {
        match self {
            Self::Terminal { .. } => Some(COUNTDOWN),
            Self::Pipe { .. } | Self::None => None,
        }
    }

    /// Shows how the planes are.
    pub fn show<'a>(&mut self, planes: impl Iterator<Item = &'a PlaneStatus>, now: Timestamp) {
        match self {
            Self::Terminal { drawn } => {
                let planes: Vec<_> = planes.collect();
                let rows = size_of(&io::stderr()).map_or(24, |(_, rows)| rows.saturating_sub(1).max(1));
                let margin = planes.iter().map(|plane| plane.name.as_str().len()).max().unwrap_or(0);
                let look = stderr_look();
                let lines: Vec<String> = planes.iter().take(rows).map(|plane| live(plane, margin, now, look)).collect();
                let body: String = lines.iter().map(|line| format!("{line}\x1b[K\n")).collect();
                draw(&format!("{}{body}\x1b[J", up(*drawn)));
                *drawn = lines.len();
            }
            Self::Pipe { said } => {
                for plane in planes {
                    // The end of a grace is reckoned anew each time, and may differ by a second: that is no news.
                    let news = format!("{:?}: {}", plane.state, plane.why);
                    if said.get(&plane.name) != Some(&news) {
                        say(&format!("{}\n", plain(plane)));
                        said.insert(plane.name.clone(), news);
                    }
                }
            }
            Self::None => {}
        }
    }

    /// Takes away what stands on a terminal.
    pub fn clear(&mut self) {
        if let Self::Terminal { drawn } = self {
            draw(&format!("{}\x1b[J", up(*drawn)));
            *drawn = 0;
        }
    }
}

fn up(lines: usize) -> String {
    if lines == 0 { String::new() } else { format!("\x1b[{lines}A") }
}

/// Written past the stripping of styles: moving the cursor is no colour, and there is a terminal.
fn draw(text: &str) {
    use std::io::Write;
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
