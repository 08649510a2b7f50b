//! How the stand-in shall behave and break, as `PRACTICE_*` variables say.
//!
//! Reads values only. A name or number that it does not know is an error: a drill with a typo would prove nothing.

use std::collections::BTreeMap;
use std::time::Duration;

/// Everything that can be asked for. The default is a gateway that is well and quick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Faults {
    /// From start to "started"; it listens after three quarters of that.
    pub(super) boot: Duration,
    /// Boots with the processor at work, as the real one does.
    pub(super) busy: bool,
    /// From SIGTERM, SIGINT or SIGUSR2 to the end.
    pub(super) drain: Duration,
    /// The exit code after a drain for SIGTERM or SIGINT.
    pub(super) drain_exit_code: u8,
    /// Exit with this code…
    pub(super) exit_code: Option<u8>,
    /// … so long after the process began.
    pub(super) exit_after: Duration,
    /// Never gets from listening to started.
    pub(super) stall: bool,
    /// So long after it has started, answer nothing and nobody any more, no signal either.
    pub(super) hang_after: Option<Duration>,
    /// Take no notice of SIGTERM and SIGINT.
    pub(super) ignore_term: bool,
    /// Lines written at once when started.
    pub(super) flood_lines: u64,
    /// The length of each, with its end.
    pub(super) flood_bytes: usize,
    /// A log line each so often.
    pub(super) chatter: Option<Duration>,
    /// A child that outlives everything.
    pub(super) straggler: Straggler,
    /// How long it lives at most.
    pub(super) straggler_life: Duration,
    /// Closes stdout and stderr when started, and lives on.
    pub(super) close_stdout: bool,
    /// What `/readyz` names as failing.
    pub(super) ready_failing: Vec<String>,
}

/// The child that is left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Straggler {
    /// None.
    None,
    /// One with a session of its own and an empty environment.
    Plain,
    /// The same, and it listens on base + 11 as a browser would.
    Browser,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            boot: Duration::from_millis(80),
            drain: Duration::ZERO,
            drain_exit_code: 0,
            exit_code: None,
            exit_after: Duration::ZERO,
            stall: false,
            hang_after: None,
            ignore_term: false,
            busy: false,
            flood_lines: 0,
            flood_bytes: 80,
            chatter: None,
            straggler: Straggler::None,
            straggler_life: Duration::from_secs(60),
            close_stdout: false,
            ready_failing: Vec::new(),
        }
    }
}

const PREFIX: &str = "PRACTICE_";

const UNKNOWN: &str = "the stand-in has no such fault; docs/practice.md lists them";

impl Faults {
    /// What `environ` asks for, overruled line by line by `file`: the text of `practice.env` in the state dir, read at each
    /// boot, so that a drill can change between two incarnations.
    pub(super) fn read(environ: &BTreeMap<String, String>, file: &str) -> Result<Self, String> {
        let mut faults = Self::default();
        let written = file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let written = written.map(|line| line.split_once('=').unwrap_or((line, "")));
        let given = environ.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in given.filter(|(name, _)| name.starts_with(PREFIX)).chain(written) {
            faults.set(name, value).map_err(|what| match what {
                // What nobody knows may be anything, a secret too.
                UNKNOWN if name.starts_with(PREFIX) => format!("{name}: {what}"),
                UNKNOWN => format!("a line of practice.env: {what}"),
                _ => format!("{name}={value}: {what}"),
            })?;
        }
        Ok(faults)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        let millis = || value.parse().map(Duration::from_millis).map_err(|_| "not a number of milliseconds");
        let code = || value.parse::<u8>().map_err(|_| "not an exit code");
        let number = || value.parse::<u64>().map_err(|_| "not a number");
        let switch = || match value {
            "1" => Ok(true),
            "0" => Ok(false),
            _ => Err("neither 0 nor 1"),
        };
        match name.strip_prefix(PREFIX).unwrap_or_default() {
            "BOOT_MS" => self.boot = millis()?,
            "BUSY" => self.busy = switch()?,
            "DRAIN_MS" => self.drain = millis()?,
            "DRAIN_EXIT_CODE" => self.drain_exit_code = code()?,
            // Empty takes it back, which only `practice.env` needs.
            "EXIT_CODE" if value.is_empty() => self.exit_code = None,
            "EXIT_CODE" => self.exit_code = Some(code()?),
            "EXIT_AFTER_MS" => self.exit_after = millis()?,
            "STALL" => self.stall = switch()?,
            "HANG_AFTER_MS" if value.is_empty() => self.hang_after = None,
            "HANG_AFTER_MS" => self.hang_after = Some(millis()?),
            "IGNORE_TERM" => self.ignore_term = switch()?,
            "FLOOD_LINES" => self.flood_lines = number()?,
            "FLOOD_BYTES" => self.flood_bytes = number()?.clamp(1, 1 << 20) as usize,
            "CHATTER_MS" => self.chatter = Some(millis()?).filter(|every| !every.is_zero()),
            "STRAGGLER" => {
                self.straggler = match value {
                    "0" => Straggler::None,
                    "1" => Straggler::Plain,
                    "browser" => Straggler::Browser,
                    _ => return Err("neither 0, 1 nor browser"),
                }
            }
            "STRAGGLER_MS" => self.straggler_life = millis()?,
            "CLOSE_STDOUT" => self.close_stdout = switch()?,
            "READY_FAILING" => {
                let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
                self.ready_failing = names.map(str::to_owned).collect();
            }
            _ => return Err(UNKNOWN),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(environ: &[(&str, &str)], file: &str) -> Result<Faults, String> {
        Faults::read(&environ.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(), file)
    }

    #[test]
    fn variables_are_read_and_the_file_overrules_them() {
        let faults = read(
            &[("PRACTICE_EXIT_CODE", "3"), ("PRACTICE_DRAIN_MS", "250"), ("HOME", "/")],
            "# a drill\nPRACTICE_EXIT_CODE=\n PRACTICE_READY_FAILING=telegram, discord\n\nPRACTICE_STRAGGLER=browser",
        )
        .expect("faults");
        let expected = Faults {
            drain: Duration::from_millis(250),
            ready_failing: vec!["telegram".into(), "discord".into()],
            straggler: Straggler::Browser,
            ..Faults::default()
        };
        assert_eq!(faults, expected);
        assert_eq!(read(&[], "").expect("faults"), Faults::default());
    }

    #[test]
    fn typos_are_errors() {
        for (name, value) in [
            ("PRACTICE_EXITCODE", "1"),
            ("PRACTICE_EXIT_CODE", "256"),
            ("PRACTICE_BOOT_MS", "1s"),
            ("PRACTICE_IGNORE_TERM", "yes"),
            ("PRACTICE_STRAGGLER", "2"),
        ] {
            assert!(read(&[(name, value)], "").is_err(), "{name}={value}");
            assert!(read(&[], &format!("{name}={value}")).is_err(), "{name}={value}");
        }
        assert!(read(&[], "BOOT_MS=1").is_err());
        for told in [read(&[("PRACTICE_KEY", "a-secret")], ""), read(&[], "a-secret"), read(&[], "KEY=a-secret")] {
            assert!(told.is_err_and(|told| !told.contains("a-secret")));
        }
    }
}
