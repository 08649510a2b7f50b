//! The small change of all views: widths, wrapping, tones, and how durations and sizes are said.
//!
//! Knows no view and measures no terminal: a [`Look`] is given.

use anstyle::{AnsiColor, Style};

use crate::render::sources::tamed;

/// How a view may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Columns to fit into; `None` (a pipe) neither wraps nor leaves anything out.
    pub width: Option<usize>,
    /// Whether ANSI styles may be used.
    pub colour: bool,
}

impl Look {
    /// For programs and files.
    pub const PLAIN: Self = Self { width: None, colour: false };

    /// `text` in `tone`.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let style = tone.style();
        if self.colour && style != Style::new() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// What a word is to the eye.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    #[default]
    Plain,
    /// Well.
    Good,
    /// On its way.
    Moving,
    /// Needs a look.
    Doubt,
    /// Needs a hand.
    Bad,
    /// Less important.
    Faint,
    /// A heading or a name.
    Strong,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Moving => AnsiColor::Cyan.on_default(),
            Self::Doubt => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Faint => Style::new().dimmed(),
            Self::Strong => Style::new().bold(),
        }
    }
}

/// Columns that `text` takes; counts characters, which holds for all that we print but far scripts.
pub fn columns(text: &str) -> usize {
    text.chars().count()
}

/// What becomes of a word that is longer than a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Long {
    /// It stands alone on its line, whole, so that it can be copied.
    Whole,
    /// It is broken, behind a `:`, `,` or `/` where it has one: what is drawn over line by line must know its lines.
    Broken,
}

/// `text`, made harmless, in lines of at most `width` columns, but for words that are longer and stay whole.
pub fn wrapped(text: &str, width: Option<usize>, long: Long) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let line = tamed(line);
        let Some(width) = width else {
            lines.push(line.into_owned());
            continue;
        };
        let mut current = String::new();
        for word in line.split_whitespace() {
            if !current.is_empty() && columns(&current) + 1 + columns(word) > width {
                lines.push(std::mem::take(&mut current));
            }
            if !current.is_empty() {
                current.push(' ');
            }
            current.push_str(word);
            while long == Long::Broken && columns(&current) > width.max(1) {
                let rest = current.split_off(breaking_point(&current, width.max(1)));
                lines.push(std::mem::replace(&mut current, rest));
            }
        }
        lines.push(current);
    }
    lines
}

/// Where a word that is longer than `width` is broken: in the later half of the line behind a separator, else at its end.
fn breaking_point(word: &str, width: usize) -> usize {
    let ends = word.char_indices().map(|(at, c)| (at + c.len_utf8(), c)).take(width).skip(width / 2);
    let behind = |separators: &[char]| ends.clone().filter(|(_, c)| separators.contains(c)).map(|(end, _)| end).last();
    behind(&[':', ',']).or_else(|| behind(&['/'])).unwrap_or_else(|| word.chars().take(width).map(char::len_utf8).sum())
}

/// The least room beside a label; with less, the label has a line of its own.
const BESIDE: usize = 20;

/// `label`, padded to `margin` columns, then `text` wrapped and indented beneath itself. Ends in a line feed.
pub fn labelled(label: &str, tone: Tone, text: &str, margin: usize, look: Look) -> String {
    beside(label, tone, text, margin, look, Long::Whole)
}

/// The same for what is drawn over line by line: no line is wider than the terminal.
pub fn fitted(label: &str, tone: Tone, text: &str, margin: usize, look: Look) -> String {
    beside(label, tone, text, margin, look, Long::Broken)
}

fn beside(label: &str, tone: Tone, text: &str, margin: usize, look: Look, long: Long) -> String {
    let stands_above = look.width.is_some_and(|width| width < margin + BESIDE);
    let margin = if stands_above { margin.min(2) } else { margin };
    let room = look.width.map(|width| width.saturating_sub(margin).max(1));
    let mut out = String::new();
    for (number, line) in wrapped(text, room, long).iter().enumerate() {
        let shown = look.width.map_or_else(|| label.to_owned(), |width| cut(label, width));
        if number == 0 && stands_above && !label.trim().is_empty() {
            out.push_str(&format!("{}\n{}", look.paint(tone, &shown), " ".repeat(margin)));
        } else if number == 0 && !stands_above {
            out.push_str(&look.paint(tone, label));
            out.push_str(&" ".repeat(margin.saturating_sub(columns(label))));
        } else {
            out.push_str(&" ".repeat(margin));
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// At most `width` columns of `text`, with `…` where it was cut.
pub fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain((width > 0).then_some('…')).collect()
}

/// Seconds as the two largest units that matter: `45s`, `12m`, `3h12m`, `5d04h`.
pub fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..600 => format!("{minutes}m{:02}s", seconds % 60),
        600..3600 => format!("{minutes}m"),
        3600..86_400 => format!("{hours}h{:02}m", minutes % 60),
        86_400..8_640_000 => format!("{days}d{:02}h", hours % 24),
        _ => format!("{days}d"),
    }
}

/// Bytes with three figures or fewer: `812M`, `1.2G`.
pub fn size(bytes: u64) -> String {
    const UNITS: [char; 5] = ['K', 'M', 'G', 'T', 'P'];
    let mut value = bytes as f64;
    let mut unit = 'B';
    for next in UNITS {
        if value < 999.5 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if value < 9.95 && unit != 'B' { format!("{value:.1}{unit}") } else { format!("{value:.0}{unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_six_columns_at_most() {
        let said: Vec<String> =
            [0, 59, 61, 599, 600, 3599, 3600, 86_399, 86_400, 8_639_999, 8_640_000].map(duration).into();
        assert_eq!(said, ["0s", "59s", "1m01s", "9m59s", "10m", "59m", "1h00m", "23h59m", "1d00h", "99d23h", "100d"]);
    }

    #[test]
    fn sizes_take_four_columns_at_most() {
        let said: Vec<String> =
            [0, 999, 1000, 10_240, 999 << 10, 1 << 20, 812 << 20, 1 << 30, 1 << 40].map(size).into();
        assert_eq!(said, ["0B", "999B", "1.0K", "10K", "999K", "1.0M", "812M", "1.0G", "1.0T"]);
    }

    #[test]
    fn wrapping_breaks_between_words_and_words_that_are_too_long() {
        let broken = |text: &str, width| wrapped(text, Some(width), Long::Broken);
        assert_eq!(wrapped("a bb ccc\ndddddddd e", Some(4), Long::Whole), ["a bb", "ccc", "dddddddd", "e"]);
        assert_eq!(broken("a bb ccc\ndddddddd e", 4), ["a bb", "ccc", "dddd", "dddd", "e"]);
        assert_eq!(broken("/usr/bin:/bin x", 10), ["/usr/bin:", "/bin x"]);
        assert_eq!(broken("/usr/share/doc", 10), ["/usr/share", "/doc"]);
        assert_eq!(broken("ääääää", 4), ["ääää", "ää"]);
        assert_eq!(wrapped("a\u{1b}[31m bb", None, Long::Whole), ["a␛[31m bb"]);
    }

    #[test]
    fn nothing_is_painted_without_colour() {
        assert_eq!(Look::PLAIN.paint(Tone::Bad, "x"), "x");
        let colour = Look { colour: true, ..Look::PLAIN };
        assert_eq!(colour.paint(Tone::Bad, "x"), "\u{1b}[1m\u{1b}[31mx\u{1b}[0m");
        assert_eq!(colour.paint(Tone::Plain, "x"), "x");
    }
}
