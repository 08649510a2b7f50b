//! The characters of JSON5: blanks, comments, words, keys, strings, numbers, and where each of them stands.
//!
//! Moves forward only, so that counting lines and columns costs one pass whatever the text looks like.

use super::{At, Fault, Malformed};

/// A text and how far it has been read.
pub(super) struct Scanner<'t> {
    text: &'t str,
    position: usize,
    file: u32,
    line: u32,
    column: u32,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str, file: u32) -> Self {
        Self { text, position: 0, file, line: 1, column: 1 }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.text[self.position..].chars().next()
    }

    /// Takes the next character, if there is one.
    pub(super) fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.position += next.len_utf8();
        if next == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(next)
    }

    /// Takes the longest run of ASCII that fits; most of any text is such a run.
    fn run(&mut self, fits: impl Fn(u8) -> bool) -> &'t str {
        let text = self.text;
        let rest = &text.as_bytes()[self.position..];
        let length =
            rest.iter().position(|byte| !byte.is_ascii() || *byte == b'\n' || !fits(*byte)).unwrap_or(rest.len());
        let run = &text[self.position..self.position + length];
        self.position += length;
        self.column += length as u32;
        run
    }

    pub(super) fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.bump();
        }
        found
    }

    pub(super) fn expect(&mut self, wanted: char) -> Result<(), Malformed> {
        if self.take(wanted) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// The place of the next character.
    pub(super) fn mark(&self) -> At {
        At { file: self.file, line: self.line, column: self.column, width: 1 }
    }

    /// From `start` to here; to the end of `start`'s line where that is another one.
    pub(super) fn since(&self, start: At) -> At {
        let width = if self.line == start.line { self.column.saturating_sub(start.column).max(1) } else { 1 };
        At { width, ..start }
    }

    pub(super) fn malformed(&self, fault: Fault) -> Malformed {
        Malformed { at: self.mark(), fault }
    }

    fn unexpected(&self) -> Malformed {
        self.malformed(if self.peek().is_some() { Fault::Character } else { Fault::End })
    }

    pub(super) fn skip_blanks(&mut self) -> Result<(), Malformed> {
        loop {
            self.run(|byte| byte == b' ' || byte == b'\t');
            let Some(next) = self.peek() else { break };
            match next {
                '/' => self.comment()?,
                next if is_blank(next) => {
                    self.bump();
                }
                _ => break,
            }
        }
        Ok(())
    }

    fn comment(&mut self) -> Result<(), Malformed> {
        self.bump();
        if self.take('/') {
            self.run(|byte| byte != b'\r');
            while self.peek().is_some_and(|next| !is_line_end(next)) {
                self.bump();
            }
            return Ok(());
        }
        self.expect('*')?;
        while let Some(next) = self.bump() {
            if next == '*' && self.take('/') {
                return Ok(());
            }
        }
        Err(self.malformed(Fault::End))
    }

    pub(super) fn word(&mut self, word: &str) -> Result<(), Malformed> {
        word.chars().try_for_each(|wanted| self.expect(wanted))
    }

    pub(super) fn key(&mut self) -> Result<String, Malformed> {
        if let Some('"' | '\'') = self.peek() {
            return self.string();
        }
        let mut key = String::new();
        loop {
            let word = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'$' | b'_');
            key.push_str(self.run(word));
            let Some(next) = self.peek() else { return Err(self.malformed(Fault::End)) };
            let part = if next == '\\' {
                let start = self.mark();
                self.bump();
                self.expect('u')?;
                let unit = self.hex_digits(4)?;
                char::from_u32(unit)
                    .filter(|part| fits_key(*part, key.is_empty()))
                    .ok_or(Malformed { at: self.since(start), fault: Fault::Character })?
            } else if fits_key(next, key.is_empty()) {
                self.bump();
                next
            } else if key.is_empty() {
                return Err(self.malformed(Fault::Character));
            } else {
                return Ok(key);
            };
            key.push(part);
        }
    }

    pub(super) fn string(&mut self) -> Result<String, Malformed> {
        let quote = self.bump();
        let mut out = String::new();
        loop {
            out.push_str(self.run(|byte| !matches!(byte, b'\\' | b'\r') && Some(char::from(byte)) != quote));
            match self.peek() {
                None => return Err(self.malformed(Fault::End)),
                Some('\n' | '\r') => return Err(self.malformed(Fault::LineEnd)),
                Some('\\') => self.escape(&mut out)?,
                next if next == quote => {
                    self.bump();
                    return Ok(out);
                }
                Some(next) => {
                    self.bump();
                    out.push(next);
                }
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), Malformed> {
        self.bump();
        let Some(next) = self.peek() else { return Err(self.malformed(Fault::End)) };
        if next.is_ascii_digit() && next != '0' {
            return Err(self.malformed(Fault::Character));
        }
        self.bump();
        match next {
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'v' => out.push('\u{b}'),
            '0' if self.peek().is_some_and(|after| after.is_ascii_digit()) => return Err(self.unexpected()),
            '0' => out.push('\0'),
            'x' => out.extend(char::from_u32(self.hex_digits(2)?)),
            'u' => self.unicode_escape(out)?,
            '\r' => {
                self.take('\n');
            }
            '\n' | '\u{2028}' | '\u{2029}' => {}
            other => out.push(other),
        }
        Ok(())
    }

    /// One `\uXXXX`, or two that are the halves of one character. Half a character alone cannot be held in UTF-8: it
    /// becomes U+FFFD, which is what Node makes of it wherever it leaves the process.
    fn unicode_escape(&mut self, out: &mut String) -> Result<(), Malformed> {
        let unit = self.hex_digits(4)?;
        if !(0xD800..0xDC00).contains(&unit) {
            out.push(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
            return Ok(());
        }
        let digits = self.text[self.position..].strip_prefix("\\u").and_then(|rest| rest.get(..4));
        let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let low = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let low = low.filter(|low| (0xDC00..0xE000).contains(low));
        let Some(low) = low else {
            out.push(char::REPLACEMENT_CHARACTER);
            return Ok(());
        };
        for _ in 0.."\\uXXXX".len() {
            self.bump();
        }
        out.extend(char::from_u32(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)));
        Ok(())
    }

    fn hex_digits(&mut self, count: usize) -> Result<u32, Malformed> {
        let mut number = 0;
        for _ in 0..count {
            let digit = self.peek().and_then(|next| next.to_digit(16)).ok_or_else(|| self.unexpected())?;
            self.bump();
            number = number * 16 + digit;
        }
        Ok(number)
    }

    pub(super) fn number(&mut self) -> Result<f64, Malformed> {
        let negative = match self.peek() {
            Some('-') => true,
            Some('+') => false,
            _ => return self.unsigned(),
        };
        self.bump();
        let number = self.unsigned()?;
        Ok(if negative { -number } else { number })
    }

    fn unsigned(&mut self) -> Result<f64, Malformed> {
        match self.peek() {
            Some('I') => self.word("Infinity").map(|()| f64::INFINITY),
            Some('N') => self.word("NaN").map(|()| f64::NAN),
            Some('0') => {
                let start = self.position;
                self.bump();
                match self.peek() {
                    Some('x' | 'X') => self.hexadecimal(),
                    _ => self.decimal(start),
                }
            }
            Some('1'..='9' | '.') => {
                let start = self.position;
                self.digits();
                self.decimal(start)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn hexadecimal(&mut self) -> Result<f64, Malformed> {
        self.bump();
        if !self.peek().is_some_and(|next| next.is_ascii_hexdigit()) {
            return Err(self.unexpected());
        }
        let mut number = 0.0;
        while let Some(digit) = self.peek().and_then(|next| next.to_digit(16)) {
            self.bump();
            number = number * 16.0 + f64::from(digit);
        }
        Ok(number)
    }

    /// Fraction and exponent of a decimal number whose whole part, from `start`, has been read.
    fn decimal(&mut self, start: usize) -> Result<f64, Malformed> {
        let whole = self.position > start;
        if self.take('.') {
            let fraction = self.digits();
            if !whole && !fraction {
                return Err(self.unexpected());
            }
        }
        if let Some('e' | 'E') = self.peek() {
            self.bump();
            if let Some('+' | '-') = self.peek() {
                self.bump();
            }
            if !self.digits() {
                return Err(self.unexpected());
            }
        }
        self.text[start..self.position].parse().map_err(|_| self.malformed(Fault::Character))
    }

    /// Takes digits; tells whether there were any.
    fn digits(&mut self) -> bool {
        let start = self.position;
        while self.peek().is_some_and(|next| next.is_ascii_digit()) {
            self.bump();
        }
        self.position > start
    }
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

/// What ECMAScript takes as a blank: not U+0085, but the byte order mark.
pub(in crate::openclaw) fn is_blank(c: char) -> bool {
    c == '\u{FEFF}' || (c.is_whitespace() && c != '\u{85}')
}

/// Close to ECMAScript's identifiers: Unicode's alphabetic is a little wider than its ID_Start.
fn fits_key(c: char, first: bool) -> bool {
    c == '$'
        || c == '_'
        || c.is_alphabetic()
        || (!first && (c.is_alphanumeric() || matches!(c, '\u{200C}' | '\u{200D}')))
}
