//! What reading gathers besides the tree: names of files, problems, and the budget of values.
//!
//! Knows how a file becomes a tree, not what a tree means.

use std::collections::HashSet;
use std::path::Path;

use super::declared::{FileRole, SourceFile};
use super::files::{Names, Read, not_utf8, top};
use super::json5::{self, Fault, Node};
use super::origin::Said;
use super::problem::{Problem, ProblemCode};

/// What is to be said of a limit that is not OpenClaw's.
pub(super) const OURS: &str =
    "OpenClaw has no such limit and may start, but what is beyond is not proved to be apart from other planes";

/// What a hostile file can be wrong about has no end; a person reads the first ones.
const MOST_PROBLEMS: usize = 200;

/// What reading and including gathers besides the tree.
pub(super) struct Reading<'f> {
    pub(super) files: &'f mut dyn FnMut(&Path, u64) -> Read,
    pub(super) names: Names,
    pub(super) sources: Vec<SourceFile>,
    /// The same for a look: a config may name a file for each of its accounts.
    seen: HashSet<SourceFile>,
    pub(super) problems: Vec<Problem>,
    pub(super) values_left: usize,
    /// Paths that were written with `~`, in whole.
    pub(super) homely: Vec<Said<String>>,
    /// Their keys.
    pub(super) homely_keys: HashSet<String>,
}

impl<'f> Reading<'f> {
    pub(super) fn new(files: &'f mut dyn FnMut(&Path, u64) -> Read) -> Self {
        Self {
            files,
            names: Names::default(),
            sources: Vec::new(),
            seen: HashSet::new(),
            problems: Vec::new(),
            values_left: json5::MOST_VALUES,
            homely: Vec::new(),
            homely_keys: HashSet::new(),
        }
    }

    /// Whether further problems would not be kept.
    pub(super) fn has_enough(&self) -> bool {
        self.problems.len() >= MOST_PROBLEMS
    }

    pub(super) fn problem(&mut self, problem: Problem) {
        // A key that several readers look at is one mistake.
        if !self.has_enough() && !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    pub(super) fn saw(&mut self, path: &Path, role: FileRole, read: bool) {
        let file = SourceFile { path: path.to_path_buf(), role, read };
        if self.seen.insert(file.clone()) {
            self.sources.push(file);
        }
    }

    pub(super) fn malformed(&mut self, malformed: json5::Malformed) {
        let code = match malformed.fault {
            Fault::Nesting => ProblemCode::ConfigTooDeep,
            Fault::Values => ProblemCode::ConfigTooLarge,
            Fault::End | Fault::Character | Fault::LineEnd => ProblemCode::ConfigSyntax,
        };
        let at = self.names.place(malformed.at);
        // Told in `status` too, where no line is shown beside it.
        let what = format!("mend {}, line {}, column {}", at.file.display(), at.line, at.column);
        let hint = match malformed.fault {
            Fault::Nesting | Fault::Values => format!("{what}: {OURS}"),
            Fault::End | Fault::Character | Fault::LineEnd => what,
        };
        self.problem(Problem {
            code,
            message: match malformed.fault {
                Fault::Nesting | Fault::Values => malformed.fault.to_string(),
                Fault::End | Fault::Character | Fault::LineEnd => format!("not JSON5: {}", malformed.fault),
            },
            hint,
            at,
        });
    }

    /// The tree of the config itself; nothing when it could not be read.
    pub(super) fn config(&mut self, path: &Path, limit: u64) -> Option<Node> {
        let answer = (self.files)(path, limit);
        self.saw(path, FileRole::Config, matches!(answer, Read::Text { .. }));
        let text = match answer {
            Read::Text { text, .. } => text,
            Read::Missing => {
                self.problem(Problem {
                    code: ProblemCode::ConfigMissing,
                    message: format!("there is no config at {}: the gateway would not start", path.display()),
                    hint: "write one, or name the right file as the plane's `config`".to_owned(),
                    at: top(path),
                });
                return None;
            }
            Read::Lossy { good, .. } => {
                self.problem(not_utf8(path, good, top(path)));
                return None;
            }
            Read::Refused { why, .. } => {
                self.problem(why.problem(path, limit, top(path)));
                return None;
            }
        };
        let file = self.names.add(path);
        json5::read_within(&text, file, &mut self.values_left).map_err(|malformed| self.malformed(malformed)).ok()
    }
}
