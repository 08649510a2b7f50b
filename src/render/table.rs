//! Rows of cells as aligned columns, no rules and no borders; columns that may go are left out when they do not fit.
//!
//! Knows nothing of what the cells say.

use crate::render::text::{Look, Tone, columns, cut};

/// Between two columns.
const GAP: &str = "  ";

/// The narrowest the first column is cut to while others can go.
const NARROWEST: usize = 8;

/// From here on a column goes only after the first one was cut.
pub const LATE: u8 = 100;

/// One column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its heading.
    pub head: &'static str,
    /// To which side its cells stand.
    pub side: Side,
    /// Whether it may be left out, and how early: 1 goes first, [`LATE`] and above on the narrowest terminals only; 0 stays.
    pub expendable: u8,
}

/// To which side cells stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// One cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// What it says; empty is shown as `-`.
    pub text: String,
    /// How it looks.
    pub tone: Tone,
}

impl Cell {
    /// A plain cell.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Tone::Plain }
    }

    /// A cell in `tone`.
    pub fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

/// The table as text; every row has a cell for each column.
pub fn table(columns_: &[Column], rows: &[Vec<Cell>], look: Look) -> String {
    let mut widths: Vec<usize> = columns_.iter().map(|column| columns(column.head)).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(columns(&cell.text).max(1));
        }
    }
    let mut shown: Vec<usize> = (0..columns_.len()).collect();
    if let Some(room) = look.width {
        fit(columns_, &mut widths, &mut shown, room);
    }
    let heads: Vec<Cell> = columns_.iter().map(|column| Cell::toned(column.head, Tone::Faint)).collect();
    let mut out = String::new();
    for row in std::iter::once(&heads).chain(rows) {
        let line: Vec<String> = shown
            .iter()
            .filter_map(|at| row.get(*at).map(|cell| placed(cell, columns_[*at].side, widths[*at], look)))
            .collect();
        out.push_str(line.join(GAP).trim_end());
        out.push('\n');
    }
    out
}

/// Leaves out columns, the most expendable first, and cuts the first one, until a line fits into `room`; in the end every column is
/// cut, so that no terminal breaks a line by itself.
fn fit(columns_: &[Column], widths: &mut [usize], shown: &mut Vec<usize>, room: usize) {
    leave_out(columns_, widths, shown, room, 1..LATE);
    let Some(natural) = widths.first().copied() else { return };
    cut_first(widths, shown, room, NARROWEST.min(natural));
    leave_out(columns_, widths, shown, room, LATE..=u8::MAX);
    // What has gone since may have left more room than was needed.
    widths[0] = natural;
    cut_first(widths, shown, room, NARROWEST.min(natural));
    while taken(shown, widths) > room {
        let Some(widest) = shown.iter().copied().filter(|at| widths[*at] > 1).max_by_key(|at| widths[*at]) else {
            return;
        };
        widths[widest] -= 1;
    }
}

fn taken(shown: &[usize], widths: &[usize]) -> usize {
    shown.iter().map(|at| widths[*at]).sum::<usize>() + GAP.len() * shown.len().saturating_sub(1)
}

fn leave_out(
    columns_: &[Column],
    widths: &[usize],
    shown: &mut Vec<usize>,
    room: usize,
    which: impl std::ops::RangeBounds<u8>,
) {
    while taken(shown, widths) > room {
        let may_go = shown.iter().copied().filter(|at| which.contains(&columns_[*at].expendable));
        let Some(next) = may_go.min_by_key(|at| columns_[*at].expendable) else { return };
        shown.retain(|at| *at != next);
    }
}

fn cut_first(widths: &mut [usize], shown: &[usize], room: usize, least: usize) {
    let excess = taken(shown, widths).saturating_sub(room);
    widths[0] = widths[0].saturating_sub(excess).max(least);
}

fn placed(cell: &Cell, side: Side, width: usize, look: Look) -> String {
    let text = if cell.text.is_empty() { "-".to_owned() } else { cut(&cell.text, width) };
    let blanks = " ".repeat(width.saturating_sub(columns(&text)));
    let painted = look.paint(cell.tone, &text);
    match side {
        Side::Left => painted + &blanks,
        Side::Right => blanks + &painted,
    }
}
