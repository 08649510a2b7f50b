//! What diagnostics may quote of a manifest: all of it but the values of environment variables, what `strings` hides, comments, where an
//! old token may have been kept, and whatever was never closed after one of these.
//!
//! Goes by the lines as well as by what was read as `env`: a line that is broken was not read, and is the one most likely
//! to be quoted. Better a star too many than a token in somebody's terminal log.

use std::ops::Range;

use crate::manifest::lines::Lines;
use crate::manifest::strings;
use crate::manifest::syntax::is_header;
use crate::manifest::wording::header;
use crate::plane::hidden::marked;

/// The text with secrets marked as hidden; the same characters otherwise, line by line.
pub fn masked(lines: &Lines<'_>, secrets: &[Range<usize>], damage: &[Range<usize>]) -> String {
    let text = lines.text();
    let mut hidden: Vec<Range<usize>> = secrets.to_vec();
    let contexts = contexts(lines);
    hidden.extend(strings::hidden(lines));
    for (number, context) in contexts.iter().enumerate() {
        let range = lines.range(number);
        let hit = damage.iter().any(|bad| bad.start <= range.end && range.start <= bad.end);
        let line = text.get(range.clone()).unwrap_or("");
        hidden.extend(comment(line, range.start));
        match context {
            Context::InEnv => hidden.extend(value(line, range.start)),
            Context::IsEnv if hit => hidden.extend(value(line, range.start)),
            // A second `env` in one table is dropped unread, and quoted as the duplicate that it is.
            Context::IsEnv => hidden.extend(quoted(line, range.start)),
            Context::Elsewhere => {}
        }
    }
    for bad in damage {
        let first = lines.number(bad.start);
        let spans_lines = lines.number(bad.end) > first || text.get(bad.clone()).is_some_and(never_closes);
        if spans_lines && contexts.get(first).is_some_and(|context| *context != Context::Elsewhere) {
            // Whatever was never closed may go on to the next header.
            let end = (first + 1..lines.count())
                .find(|number| is_header(text.get(lines.range(*number)).unwrap_or("").trim_start()));
            hidden.push(bad.start..end.map_or(text.len(), |number| lines.range(number).start));
        }
    }
    marked(text, around_quotes(text, hidden))
}

/// What a line has to do with `env`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Context {
    /// Below a header that ends in `env`.
    InEnv,
    /// Its key is `env`, or below it.
    IsEnv,
    Elsewhere,
}

fn contexts(lines: &Lines<'_>) -> Vec<Context> {
    let (mut below_env, mut open_braces) = (false, 0usize);
    let context = |number| {
        let line = lines.text().get(lines.range(number)).unwrap_or("");
        let header_here = is_header(line.trim_start());
        let key = line.split('=').next().unwrap_or("");
        let goes_on = open_braces > 0 && !header_here;
        let is_env = goes_on || segments(key).any(|segment| segment == "env");
        open_braces = if is_env { open_braces + line.matches('{').count() } else { 0 };
        open_braces = open_braces.saturating_sub(line.matches('}').count());
        let context = match (below_env, is_env) {
            (true, _) => Context::InEnv,
            (false, true) => Context::IsEnv,
            (false, false) => Context::Elsewhere,
        };
        if header_here {
            below_env = segments(header(line)).last().is_some_and(|segment| segment == "env");
        }
        context
    };
    (0..lines.count()).map(context).collect()
}

pub(super) fn segments(key: &str) -> impl Iterator<Item = &str> {
    key.split('.')
        .map(|segment| segment.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '[' | ']')))
}

/// What follows the first `=` or `:` of a line; all of a line that has neither and is no header.
fn value(line: &str, start: usize) -> Option<Range<usize>> {
    let end = start + line.len();
    match line.find(['=', ':']) {
        Some(at) => Some(start + at + 1..end),
        None if is_header(line.trim_start()) || line.trim_start().starts_with('#') => None,
        None => Some(start..end),
    }
}

/// What follows a `#` outside of quotes. In the midst of a text of several lines it may be no comment, and is hidden all the same.
fn comment(line: &str, start: usize) -> Option<Range<usize>> {
    let (mut opened, mut escaped) = (None, false);
    for (at, c) in line.char_indices() {
        match opened {
            None if c == '#' => return Some(start + at + 1..start + line.len()),
            None if matches!(c, '"' | '\'') => opened = Some(c),
            Some('"') if c == '\\' && !escaped => {
                escaped = true;
                continue;
            }
            Some(quote) if c == quote && !escaped => opened = None,
            None | Some(_) => {}
        }
        escaped = false;
    }
    None
}

/// What stands between quotes.
pub(super) fn quoted(line: &str, start: usize) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut opened: Option<(usize, char)> = None;
    for (at, c) in line.char_indices() {
        match opened {
            None if matches!(c, '"' | '\'') => opened = Some((at + 1, c)),
            Some((from, quote)) if c == quote => {
                spans.push(start + from..start + at);
                opened = None;
            }
            None | Some(_) => {}
        }
    }
    spans.extend(opened.map(|(from, _)| start + from..start + line.len()));
    spans
}

/// Whether a value that was cut off on its own line is one that would have gone on.
fn never_closes(value: &str) -> bool {
    value.starts_with("\"\"\"") || value.starts_with("'''") || value.starts_with(['[', '{'])
}

/// The ranges without the quotes and braces in them, and without the blanks outside of quotes at their ends: these keep a
/// line's shape.
fn around_quotes(text: &str, hidden: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    for range in hidden {
        let Some(inner) = text.get(range.clone()) else { continue };
        let mut from = range.start;
        for (at, _) in inner.match_indices(['"', '\'', '{', '}']) {
            out.push(without_margin(text, from..range.start + at));
            from = range.start + at + 1;
        }
        out.push(without_margin(text, from..range.end));
    }
    out
}

fn without_margin(text: &str, range: Range<usize>) -> Range<usize> {
    let opened = text[..range.start].chars().next_back().filter(|c| matches!(c, '"' | '\''));
    if opened.is_some() && text[range.end..].chars().next() == opened {
        return range;
    }
    let said = &text[range.clone()];
    let start = range.start + said.len() - said.trim_start().len();
    start..start + said.trim().len()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::plane::hidden::starred;

    fn mask(text: &str) -> String {
        starred(&crate::manifest::parse(Path::new("/m.toml"), text).quotable)
    }

    #[test]
    fn values_of_env_are_hidden_and_nothing_else() {
        let text = "[planes.main]\nprofile = \"seen\"\nenv.A = \"xy\"\nenv = { A = \"xy\", B = 'z' } # seen\n";
        assert_eq!(
            mask(text),
            "[planes.main]\nprofile = \"seen\"\nenv.A = \"***\"\nenv = { A = \"***\", B = '***' } # ***\n"
        );
        assert_eq!(
            mask("[defaults.env]\nA = \"xy\" # z\n[planes.b]\nrole = \"x\"\n"),
            "[defaults.env]\nA = \"***\" ***\n[planes.b]\nrole = \"x\"\n"
        );
    }

    #[test]
    fn values_of_arguments_of_credentials_and_of_unknown_keys_are_hidden() {
        let text = "[planes.main]\nargs = [\"--token\", \"xy\",\n \"--profile\", 'z', \"--k=xy\"]\nrole = \"main\"\n";
        let masked =
            "[planes.main]\nargs = [\"--token\", \"***\",\n \"--profile\", '***', \"--k=***\"]\nrole = \"main\"\n";
        assert_eq!(mask(text), masked);
        for (line, masked) in [
            (
                "command = [\"node\", \"serve\", \"--token\", \"xy\"]",
                "command = [\"node\", \"serve\", \"--token\", \"***\"]",
            ),
            ("command = [\"A=xy\", \"node\"", "command = [\"A=***\", \"node\""),
            ("args = [--token, xy]", "args = ***"),
            ("args = [\"-k\", xy]", "args = [\"-k\"***"),
            ("MY_TOKEN = \"xy\"", "MY_TOKEN = \"***\""),
            ("bot = 1:xy", "bot = ***"),
            ("command = \"node xy\"", "command = \"node ***\""),
            ("TOKEN: xy", "***"),
            ("role main", "role main"),
            ("por = 18789", "por = 18789"),
            ("bots = [\"xy\",\n'z',\nzz]", "bots = [\"***\",\n'***',\n***"),
            ("\"b.c\" = { d = \"xy\" }", "\"b.c\" = { d = \"***\" }"),
            ("health = { url = \"xy\" }", "health = { url = \"***\" }"),
            ("isolates = \"a = b\"\nafter = [\n\"b\",\n]", "isolates = \"a = b\"\nafter = [\n\"b\",\n]"),
        ] {
            let header = "[planes.main]\n";
            assert_eq!(mask(&format!("{header}{line}\n")), format!("{header}{masked}\n"), "{line}");
        }
    }

    #[test]
    fn what_never_closes_hides_what_follows() {
        let masked = mask("[planes.main.env]\nA = \"\"\"\nxy==\nzz\n[planes.main.log]\nkeep = 1\n");
        assert_eq!(masked, "[planes.main.env]\nA = \"\"\"\n***\n***\n[planes.main.log]\nkeep = 1\n");
        let masked = mask("[planes.main]\nenv = { A = \"x\"\n, B = \"y\"\n[planes.b]\nrole = \"x\"\n");
        assert!(!masked.contains("\"y\"") && masked.ends_with("[planes.b]\nrole = \"x\"\n"), "{masked}");
    }
}
