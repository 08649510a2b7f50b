//! A mistake or a finding as text: the title, the offending lines with carets under them, one hint.
//!
//! Knows neither manifest nor check: both put what they have to say into a [`Report`]. A place whose text is not among
//! the [`Sources`] is still named as `--> file:line:column`. Nothing from a file reaches the terminal untamed.

use annotate_snippets::renderer::{DEFAULT_EMPHASIS_STYLE, DEFAULT_LINE_NUM_STYLE, DEFAULT_TERM_WIDTH};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Padding, Renderer, Snippet};

use crate::collision::finding::Severity;
use crate::manifest::error::Mistake;
use crate::plane::Place;
use crate::render::sources::{Sources, tamed};

/// One thing to say about places in files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The first word shown.
    pub severity: Severity,
    /// Stable code, kebab-case; empty shows none.
    pub code: String,
    /// What and why, one sentence; wrapped here.
    pub title: String,
    /// Where, the most telling place first; may be empty.
    pub spots: Vec<Spot>,
    /// What to do, one sentence; wrapped here; empty shows none. A line break starts a new line.
    pub hint: String,
}

/// A place and the few words beside its carets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Where.
    pub place: Place,
    /// Said beside the carets; may be empty.
    pub label: String,
}

impl Spot {
    /// A place with a label; an empty label shows carets alone.
    pub fn new(place: Place, label: impl Into<String>) -> Self {
        Self { place, label: label.into() }
    }
}

impl Report {
    /// What is wrong with a manifest.
    pub fn of_mistake(mistake: &Mistake) -> Self {
        let first = mistake.at.clone().map(|place| Spot::new(place, mistake.label.clone()));
        let others = mistake.also.iter().map(|(place, label)| Spot::new(place.clone(), label.clone()));
        Self {
            severity: if mistake.code.is_warning() { Severity::Warning } else { Severity::Error },
            code: mistake.code.as_str().to_owned(),
            title: mistake.message.clone(),
            spots: first.into_iter().chain(others).collect(),
            hint: mistake.hint.clone(),
        }
    }
}

/// The report as text that ends in one line feed, for a terminal of `width` columns (0 takes a usual one); `colour` adds
/// ANSI styles.
pub fn render(report: &Report, sources: &Sources, colour: bool, width: usize) -> String {
    let width = if width == 0 { DEFAULT_TERM_WIDTH } else { width.max(40) };
    let level = match report.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let word = match report.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let code_width = if report.code.is_empty() { 0 } else { report.code.len() + 2 };
    // A title is one line: a break in it comes from a file, and would pass for a line of ours.
    let title_text = wrapped(&report.title.replace('\n', "␊"), width.saturating_sub(word.len() + code_width + 2));
    let mut title = level.primary_title(title_text);
    if !report.code.is_empty() {
        title = title.id(tamed(&report.code));
    }
    let mut group = Group::with_title(title);
    let files = by_file(&report.spots);
    for (index, spots) in files.iter().enumerate() {
        group = add_file(group, spots, sources, Turn { leads: index == 0, ends: index + 1 == files.len() });
    }
    if !report.hint.is_empty() && !report.spots.is_empty() {
        // `  = hint: ` stands before the first line, and as many blanks before the others.
        let hint = wrapped(&report.hint, width.saturating_sub(margin(&report.spots) + 9));
        group = group.element(Level::HELP.with_name("hint").message(hint));
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut text = renderer.term_width(width).render(&[group]);
    text.push('\n');
    if report.spots.is_empty() && !report.hint.is_empty() {
        text.push_str(&hint_alone(&report.hint, colour, width));
    }
    text
}

/// A hint below a title without any lines between, where the renderer would draw a margin beside nothing.
fn hint_alone(hint: &str, colour: bool, width: usize) -> String {
    let styles = (DEFAULT_LINE_NUM_STYLE, DEFAULT_EMPHASIS_STYLE);
    let (line, word) = if colour { styles } else { Default::default() };
    let hint = wrapped(hint, width.saturating_sub(10)).replace('\n', "\n          ");
    format!("  {line}={line:#} {word}hint{word:#}: {hint}\n")
}

/// All of them, with an empty line between.
pub fn render_all<'a>(
    reports: impl IntoIterator<Item = &'a Report>,
    sources: &Sources,
    colour: bool,
    width: usize,
) -> String {
    let texts: Vec<String> = reports.into_iter().map(|report| render(report, sources, colour, width)).collect();
    texts.join("\n")
}

/// Spots in groups of one file each, in order of first mention.
fn by_file(spots: &[Spot]) -> Vec<Vec<&Spot>> {
    let mut files: Vec<Vec<&Spot>> = Vec::new();
    for spot in spots {
        match files.iter_mut().find(|group| group[0].place.file == spot.place.file) {
            Some(group) => group.push(spot),
            None => files.push(vec![spot]),
        }
    }
    files
}

/// Where a file stands among those of one report.
#[derive(Clone, Copy, Debug)]
struct Turn {
    leads: bool,
    ends: bool,
}

/// Adds one file's lines, or its bare name and numbers when there is no text to show.
fn add_file<'a>(group: Group<'a>, spots: &[&'a Spot], sources: &Sources, turn: Turn) -> Group<'a> {
    let name = sources.name(&spots[0].place.file);
    let places: Vec<&Place> = spots.iter().map(|spot| &spot.place).collect();
    let Some(excerpt) = sources.excerpt(&places) else {
        let group = if turn.leads { group } else { group.element(Padding) };
        let named = spots.iter().fold(group, |group, spot| {
            let at = Origin::path(name.clone());
            let group = group.element(at.line(spot.place.line as usize).char_column(spot.place.column as usize));
            if spot.label.is_empty() { group } else { group.element(Level::NOTE.message(tamed(&spot.label))) }
        });
        // A snippet draws its own margin; a bare name needs one before the hint.
        return if turn.ends { named.element(Padding) } else { named };
    };
    let mut snippet = Snippet::source(excerpt.text).line_start(excerpt.first_line).path(name);
    for (index, (spot, span)) in spots.iter().zip(excerpt.spans).enumerate() {
        let kind = if turn.leads && index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let label = (!spot.label.is_empty()).then(|| tamed(&spot.label));
        snippet = snippet.annotation(kind.span(span).label(label));
    }
    group.element(snippet)
}

/// Columns that line numbers take, with the blank beside them.
fn margin(spots: &[Spot]) -> usize {
    let last = spots.iter().map(|spot| spot.place.line).max().unwrap_or(1);
    last.to_string().len() + 1
}

/// `text` broken at blanks so that no line but one with a single long word is over `width`; its own line breaks stay.
fn wrapped(text: &str, width: usize) -> String {
    let width = width.max(20);
    let mut out = String::new();
    for (index, paragraph) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let mut used = 0;
        for word in paragraph.split(' ') {
            let length = word.chars().count();
            if used > 0 && used + 1 + length > width {
                out.push('\n');
                used = 0;
            } else if used > 0 {
                out.push(' ');
                used += 1;
            }
            out.push_str(&tamed(word));
            used += length;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{Report, Spot, render};
    use crate::collision::finding::Severity;
    use crate::plane::Place;
    use crate::render::sources::Sources;

    const MANIFEST: &str = "[planes.main]\nisolates = \"a\"\nport = 18789\n\n\n\n\n\n[planes.rescue]\nport = 18809\n";

    fn at(file: &str, line: u32, column: u32, width: u32) -> Place {
        Place { file: PathBuf::from(file), line, column, width }
    }

    fn overlap() -> Report {
        Report {
            severity: Severity::Error,
            code: "port-family-overlap".into(),
            title: "the port families of `main` and `rescue` overlap in 18809–18899".into(),
            spots: vec![
                Spot::new(at("/etc/gw/supervisor.toml", 3, 8, 5), "`main` has 18789–18899"),
                Spot::new(at("/etc/gw/supervisor.toml", 10, 8, 5), "`rescue` has 18809–18919"),
                Spot::new(at("/home/o/openclaw.json", 4, 2, 3), ""),
            ],
            hint: "give `rescue` a base port that is free of both, say 18909".into(),
        }
    }

    #[test]
    fn two_places_and_an_unread_file() {
        let sources = Sources::one(Path::new("/etc/gw/supervisor.toml"), MANIFEST).shown_from(Path::new("/etc/gw"));
        insta::assert_snapshot!(render(&overlap(), &sources, false, 100), @r"
        error[port-family-overlap]: the port families of `main` and `rescue` overlap in 18809–18899
          --> supervisor.toml:3:8
           |
         3 | port = 18789
           |        ^^^^^ `main` has 18789–18899
        ...
        10 | port = 18809
           |        ----- `rescue` has 18809–18919
           |
          ::: /home/o/openclaw.json:4:2
           |
           = hint: give `rescue` a base port that is free of both, say 18909
        ");
    }

    #[test]
    fn a_line_break_from_a_file_begins_no_line_in_a_title() {
        let report = Report { title: "`main` has the workspace `/w\nerror[fake]: x`".into(), ..overlap() };
        let text = render(&report, &Sources::one(Path::new("/m.toml"), MANIFEST), false, 100);
        assert!(
            text.starts_with("error[port-family-overlap]: `main` has the workspace `/w␊error[fake]: x`\n"),
            "{text}"
        );
    }

    #[test]
    fn long_sentences_are_wrapped_and_long_lines_cut() {
        let line = format!("isolates = \"{}\" # {}", "x".repeat(300), "y".repeat(300));
        let sources = Sources::one(Path::new("/m.toml"), &line);
        let report = Report {
            title: "word ".repeat(40).trim_end().into(),
            hint: "hint ".repeat(40).trim_end().into(),
            spots: vec![Spot::new(at("/m.toml", 1, 12, 302), "here")],
            ..overlap()
        };
        let text = render(&report, &sources, false, 80);
        assert!(text.lines().all(|line| line.chars().count() <= 90), "{text}");
        insta::assert_snapshot!(text, @r#"
        error[port-family-overlap]: word word word word word word word word word word
                                    word word word word word word word word word word
                                    word word word word word word word word word word
                                    word word word word word word word word word word
         --> /m.toml:1:12
          |
        1 | ... = "xxxxxxxxxxxxxxxxxxxxxxxx...xxxxxxxxxxxxxxxxxxxxxxxx" # ...
          |       ^^^^^^^^^^^^^^^^^^^^^^^^^...^^^^^^^^^^^^^^^^^^^^^^^^^ here
          |
          = hint: hint hint hint hint hint hint hint hint hint hint hint hint hint hint
                  hint hint hint hint hint hint hint hint hint hint hint hint hint hint
                  hint hint hint hint hint hint hint hint hint hint hint hint
        "#);
    }

    #[test]
    fn hostile_text_cannot_steer_the_terminal() {
        let evil = "\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\r";
        let sources = Sources::one(Path::new("/m\u{1b}[31m.toml"), &format!("port = \"{evil}\" # {evil}\n"));
        let report = Report {
            title: evil.into(),
            code: evil.into(),
            hint: evil.into(),
            spots: vec![Spot::new(at("/m\u{1b}[31m.toml", 1, 8, 3), evil)],
            ..overlap()
        };
        let text = render(&report, &sources, false, 100);
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        assert!(!text.contains('\u{202e}'));
    }

    #[test]
    fn without_a_place_there_is_no_margin() {
        let report = Report { spots: Vec::new(), ..overlap() };
        insta::assert_snapshot!(render(&report, &Sources::new(), false, 100), @r"
        error[port-family-overlap]: the port families of `main` and `rescue` overlap in 18809–18899
          = hint: give `rescue` a base port that is free of both, say 18909
        ");
    }

    #[test]
    fn colour_is_asked_for() {
        let sources = Sources::one(Path::new("/etc/gw/supervisor.toml"), MANIFEST);
        assert!(render(&overlap(), &sources, true, 100).contains("\u{1b}["));
        assert!(!render(&overlap(), &sources, false, 100).contains('\u{1b}'));
    }
}
