//! Lines of logs on stdout: raw on a pipe, harmless and coloured on a terminal, or as JSON.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use anstyle::AnsiColor;
use serde::Serialize;

use super::source::{End, Line};
use super::times::When;
use crate::cli::outcome::Failure;
use crate::cli::terminal::{stdout_look, will_print};
use crate::render::sources::{is_wild, tamed};

/// What a line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// As it was captured; with its plane before it when there are several.
    Text,
    /// One JSON object.
    Json,
    /// As it was written, without a plane before it, where it is one JSON object.
    Bare,
}

/// Given out to planes in turn.
const COLOURS: [AnsiColor; 6] =
    [AnsiColor::Cyan, AnsiColor::Yellow, AnsiColor::Green, AnsiColor::Magenta, AnsiColor::Blue, AnsiColor::BrightRed];

/// Writes lines.
pub struct Printer {
    out: BufWriter<StdoutLock<'static>>,
    names: Vec<String>,
    prefixes: Vec<String>,
    shape: Shape,
    /// A terminal must not be steered by what a gateway printed; a pipe gets every byte.
    tames: bool,
    /// The source whose long line has begun and not ended.
    inside: Option<usize>,
    /// Lines of each source that are not what they should be, and were left out.
    foreign: Vec<u64>,
}

#[derive(Serialize)]
struct Object<'a> {
    at: Option<String>,
    plane: &'a str,
    line: &'a str,
    /// Written where it is so: another object goes on with the line, or it has no end yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unfinished: bool,
}

impl Printer {
    /// For the lines of these planes.
    pub fn new(names: Vec<String>, shape: Shape) -> Self {
        let prefixes = prefixes(&names, shape, stdout_look().colour);
        let stdout = io::stdout().lock();
        let tames = stdout.is_terminal();
        let foreign = vec![0; names.len()];
        Self { out: BufWriter::with_capacity(64 * 1024, stdout), names, prefixes, shape, tames, inside: None, foreign }
    }

    /// One line, or part of one.
    pub fn line(&mut self, source: usize, line: &Line) -> Result<(), Failure> {
        if self.shape == Shape::Bare && !is_object(&line.bytes) {
            self.foreign[source] += 1;
            return Ok(());
        }
        will_print();
        self.write(source, line).map_err(Failure::Output)
    }

    /// Of which sources how many lines were left out: what somebody else wrote between events must not reach who reads them.
    pub fn left_out(&self) -> impl Iterator<Item = (&str, u64)> {
        self.names.iter().map(String::as_str).zip(self.foreign.iter().copied()).filter(|(_, count)| *count > 0)
    }

    /// Whether the beginning of a line is worth showing: one of JSON means nothing without its end.
    pub fn shows_parts(&self) -> bool {
        match self.shape {
            Shape::Text | Shape::Json => true,
            Shape::Bare => false,
        }
    }

    /// Ends a line that was begun, as nothing more is to come.
    pub fn end(&mut self) -> Result<(), Failure> {
        if self.inside.take().is_some() {
            self.out.write_all(b"\n").map_err(Failure::Output)?;
        }
        self.flush()
    }

    /// Lets out what was written.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(Failure::Output)
    }

    fn write(&mut self, source: usize, line: &Line) -> io::Result<()> {
        if self.shape == Shape::Json {
            let text = String::from_utf8_lossy(&line.bytes);
            let unfinished = line.end != End::Line;
            let at = match line.when {
                When::At(at) => Some(format!("{at:.3}")),
                When::By(_) => None,
            };
            let object = Object { at, plane: &self.names[source], line: &text, unfinished };
            object.serialize(&mut serde_json::Serializer::with_formatter(&mut self.out, Escaping))?;
            return self.out.write_all(b"\n");
        }
        if self.inside.is_some_and(|inside| inside != source) {
            self.out.write_all(b"\n")?;
            self.inside = None;
        }
        if self.inside.is_none() {
            self.out.write_all(self.prefixes[source].as_bytes())?;
        }
        if self.tames {
            let text = String::from_utf8_lossy(&line.bytes);
            for (number, part) in text.split('\t').enumerate() {
                self.out.write_all(if number == 0 { b"" } else { b"\t" })?;
                self.out.write_all(tamed(part).as_bytes())?;
            }
        } else {
            self.out.write_all(&line.bytes)?;
        }
        self.inside = (line.end == End::Part).then_some(source);
        if self.inside.is_some() { Ok(()) } else { self.out.write_all(b"\n") }
    }
}

/// JSON that steers no terminal: what JSON lets pass and a terminal obeys is escaped, which means the same to who reads it.
struct Escaping;

impl serde_json::ser::Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, odd)) = rest.char_indices().find(|(_, c)| is_wild(*c)) {
            writer.write_all(&rest.as_bytes()[..at])?;
            for unit in odd.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + odd.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

fn is_object(line: &[u8]) -> bool {
    line.first() == Some(&b'{') && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
}

fn prefixes(names: &[String], shape: Shape, colour: bool) -> Vec<String> {
    let width = names.iter().map(|name| name.len()).max().unwrap_or(0);
    let prefix = |(number, name): (usize, &String)| match shape {
        Shape::Text if names.len() > 1 && colour => {
            let style = COLOURS[number % COLOURS.len()].on_default();
            format!("{style}{name:<width$} |{style:#} ")
        }
        Shape::Text if names.len() > 1 => format!("{name:<width$} | "),
        Shape::Text | Shape::Json | Shape::Bare => String::new(),
    };
    names.iter().enumerate().map(prefix).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_holds_nothing_that_a_terminal_obeys_and_means_the_same() {
        let line = "a\u{9b}31m\u{202e}\u{7f}\u{e0041}\u{1b}\"ä";
        let mut out = Vec::new();
        line.serialize(&mut serde_json::Serializer::with_formatter(&mut out, Escaping)).expect("a string");
        let text = String::from_utf8(out).expect("text");
        assert_eq!(text, r#""a\u009b31m\u202e\u007f\udb40\udc41\u001b\"ä""#);
        assert_eq!(serde_json::from_str::<String>(&text).expect("JSON"), line);
    }

    #[test]
    fn several_planes_are_told_apart() {
        let names = ["main", "rescue"].map(str::to_owned).to_vec();
        assert_eq!(prefixes(&names, Shape::Text, false), ["main   | ", "rescue | "]);
        assert_eq!(prefixes(&names, Shape::Text, true)[0], "\u{1b}[36mmain   |\u{1b}[0m ");
        assert_eq!(prefixes(&names[..1], Shape::Text, true), [""]);
        assert_eq!(prefixes(&names, Shape::Bare, true), ["", ""]);
    }
}
