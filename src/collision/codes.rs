//! Every code that a finding can have: its severity, what it means, why it matters, what mends it.
//!
//! The one table of codes; `docs/checks.md` repeats it, held by a test. A code is never renamed, and never used for
//! something else.

use super::finding::Severity;

mod table;

pub use table::Code;

/// What is said about one code.
#[derive(Clone, Copy, Debug)]
pub struct Explained {
    /// The code.
    pub code: Code,
    /// The code as written in findings.
    pub word: &'static str,
    /// How bad.
    pub severity: Severity,
    /// What it means, one sentence.
    pub means: &'static str,
    /// What would happen, and what mends it.
    pub because: &'static str,
}

impl Code {
    /// Everything said about it.
    pub fn explained(self) -> &'static Explained {
        &table::TABLE[self as usize]
    }

    /// The code as written.
    pub fn as_str(self) -> &'static str {
        self.explained().word
    }

    /// How bad.
    pub fn severity(self) -> Severity {
        self.explained().severity
    }

    /// Whether it speaks of what runs on the host at the moment, rather than of what is written.
    pub fn is_of_the_host(self) -> bool {
        matches!(
            self,
            Self::BasePortHeld
                | Self::BasePortRefused
                | Self::FamilyPortHeld
                | Self::FamilyPortTaken
                | Self::PinnedPortHeld
                | Self::FamilyPortBusy
                | Self::StateDirOwned
                | Self::NativeService
                | Self::NativeServiceIdle
                | Self::StrayProcess
                | Self::ConfigInvalid
                | Self::ConfigUnproved
        )
    }

    /// Whether a keeper looks for it before each spawn, names who it is, and waits for their end by itself.
    pub fn is_waited_for(self) -> bool {
        matches!(self, Self::BasePortHeld | Self::FamilyPortHeld | Self::StateDirOwned)
    }

    /// Whether it says that OpenClaw would refuse the plane's own config: `--force` goes ahead in spite of it.
    pub fn is_of_validity(self) -> bool {
        matches!(
            self,
            Self::ConfigUnreadable
                | Self::ConfigTooLarge
                | Self::ConfigEncoding
                | Self::ConfigSyntax
                | Self::ConfigTooDeep
                | Self::ConfigType
                | Self::ConfigInclude
                | Self::ConfigInvalid
        )
    }

    /// Whether a start that goes ahead in spite of it cannot come to anything: `--allow` is not offered for it.
    pub fn is_in_vain(self) -> bool {
        matches!(self, Self::ProgramMissing | Self::ProgramForbidden | Self::EnvironmentTooLarge)
    }

    /// The code of that word.
    pub fn of(word: &str) -> Option<Self> {
        table::TABLE.iter().find(|row| row.word == word).map(|row| row.code)
    }

    /// Every code, in the order of the table.
    pub fn all() -> impl Iterator<Item = &'static Explained> {
        table::TABLE.iter()
    }

    /// The code nearest in spelling to `word`, when one is near enough to be meant.
    pub fn nearest(word: &str) -> Option<&'static str> {
        let scored = table::TABLE.iter().map(|row| (strsim::damerau_levenshtein(word, row.word), row.word));
        scored.filter(|(distance, near)| *distance * 3 <= near.len()).min().map(|(_, near)| near)
    }
}

/// The table as the body of `docs/checks.md`.
pub fn as_markdown() -> String {
    let section = |row: &Explained| {
        let Explained { word, severity, means, because, .. } = row;
        format!("### `{word}`\n\n*{}.* {means}\n\n{because}\n", severity.as_str())
    };
    Code::all().map(section).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_row_stands_at_its_code() {
        for (index, row) in Code::all().enumerate() {
            assert_eq!(row.code as usize, index, "{}", row.word);
            assert_eq!(Code::of(row.word), Some(row.code));
            assert!(row.word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", row.word);
            assert!(row.means.ends_with('.') && row.because.ends_with('.'), "{}", row.word);
        }
        let words: BTreeSet<_> = Code::all().map(|row| row.word).collect();
        assert_eq!(words.len(), Code::all().count());
    }

    #[test]
    fn the_document_says_what_the_table_says() {
        let document = include_str!("../../docs/checks.md");
        let table = as_markdown();
        assert!(document.ends_with(&table), "docs/checks.md should end with:\n\n{table}");
    }

    #[test]
    fn what_is_gone_ahead_with_in_vain_is_an_error_and_not_of_a_config() {
        let vain = || Code::all().filter(|row| row.code.is_in_vain());
        assert_eq!(vain().count(), 3);
        assert!(vain().all(|row| row.severity == Severity::Error && !row.code.is_of_validity()));
    }

    #[test]
    fn a_mistyped_code_is_recognised() {
        assert_eq!(Code::nearest("port-famly-overlap"), Some("port-family-overlap"));
        assert_eq!(Code::nearest("zzz"), None);
    }
}
