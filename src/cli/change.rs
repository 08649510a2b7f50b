//! What `start`, `stop` and `restart` have in common: whom they mean, whether they wait, and what they say in the end.
//!
//! Decides nothing about a plane; the keepers do.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::ask;
use super::edited;
use super::goal::Goal;
use super::guest;
use super::outcome::{Code, Failure, Outcome, Told};
use super::spectator::Spectator;
use super::steer::{Begin, Ended, Fate, Granted, Patience, Reached, Wish, steer};
use super::supervised;
use super::target::Target;
use super::terminal::{print, print_json, say, stdout_look};
use super::trouble;
use crate::collision::codes;
use crate::collision::finding::Finding;
use crate::daemon::load::Loaded;
use crate::daemon::survey::{self, Depth, held};
use crate::plane::PlaneName;
use crate::render::text::Tone;
use crate::wire::{Answer, Ask, RefusedBefore, Restart, Start, State};

/// The longest look at the host before a start; a keeper looks once more before it spawns.
const LOOK: Duration = Duration::from_secs(10);

/// How long keepers may take to put a refusal into their journals: one that is stopped must not hold it up.
const NOTING: Duration = Duration::from_secs(1);

/// Waiting and showing, for every verb that changes planes.
#[derive(Debug, clap::Args)]
pub struct Manner {
    /// Wait until it is done, and show how it goes (the default)
    #[arg(long, conflicts_with = "no_wait")]
    wait: bool,
    /// Return once the ask is accepted; it is carried out all the same
    #[arg(long)]
    no_wait: bool,
    /// Print JSON at the end
    #[arg(long)]
    pub(super) json: bool,
}

/// One verb applied to planes.
pub struct Change<'a> {
    /// What each keeper is asked.
    pub ask: Ask,
    /// Where that is to lead.
    pub goal: Goal,
    /// The verb, for sentences.
    pub verb: &'static str,
    /// Codes of findings to go ahead in spite of.
    pub allow: &'a [String],
    /// How.
    pub manner: &'a Manner,
}

impl Change<'_> {
    /// Applies it to the planes that the words mean.
    pub fn apply(self, target: &Target, words: &[String]) -> Outcome {
        check_codes(self.allow)?;
        let mut planes: Vec<PlaneName> = target.select(words)?.into_iter().map(|plane| plane.name.clone()).collect();
        let found = self.found(target, &planes)?;
        let refused = self.refused(target, &planes, &found);
        planes.retain(|plane| refused.iter().all(|fate| fate.plane != *plane));
        let patience = self.patience(target, &planes);
        let wishes = planes.iter().map(|plane| Wish {
            plane: plane.clone(),
            ask: self.ask_of(plane, &found),
            goal: self.goal,
            begin: Begin::Asking,
            allow: self.allow.to_vec(),
        });
        let mut spectator = if patience == Patience::Wait { Spectator::of_stderr() } else { Spectator::None };
        match steer(target, wishes.collect(), patience, &mut spectator)? {
            Ended::All(fates) => self.tell(fates.into_iter().chain(refused).collect()),
            Ended::Interrupted { standing, failed } => {
                let refused = refused.into_iter().filter_map(|fate| Some((fate.plane, fate.end.err()?)));
                Err(self.interrupted(&standing, &planes, failed.into_iter().chain(refused).collect()))
            }
        }
    }

    /// What stands against a start. Without a manifest that holds there is no proof, and what was last applied may start
    /// again.
    fn found(&self, target: &Target, planes: &[PlaneName]) -> Result<Vec<Finding>, Failure> {
        let (Ok(loaded), Goal::Up | Goal::Anew { .. }) = (&target.loaded, self.goal) else { return Ok(Vec::new()) };
        Ok(match guest::findings(loaded)? {
            Some(hearsay) => hearsay.findings,
            None => {
                let loaded = supervised::read(loaded, &target.applied.run_dir);
                edited::warn(target, &loaded, planes, self.verb);
                proved(target, &loaded)
            }
        })
    }

    /// The planes that must not be started while findings stand against them.
    fn refused(&self, target: &Target, planes: &[PlaneName], found: &[Finding]) -> Vec<Fate> {
        let all = trouble::standing(found, planes, self.allow);
        let up = self.already_up(target, planes, &all);
        // Every finding is shown once, though it may stand against several planes.
        let mut findings = if all.is_empty() { String::new() } else { trouble::shown(&all, target) };
        let fate = |plane: &PlaneName| {
            let standing = trouble::standing(found, std::slice::from_ref(plane), self.allow);
            (!standing.is_empty()).then(|| Fate {
                plane: plane.clone(),
                end: Err(Failure::Collision {
                    findings: std::mem::take(&mut findings),
                    told: trouble::refused(&standing, self.verb, &self.ask),
                    of: standing.into_iter().cloned().collect(),
                }),
            })
        };
        let fates: Vec<Fate> = planes.iter().filter(|plane| !up.contains(plane)).filter_map(fate).collect();
        self.keep_in_the_journal(target, &fates);
        fates
    }

    /// Those of `planes` that a start leaves as they are, so that nothing can stand against it.
    fn already_up(&self, target: &Target, planes: &[PlaneName], standing: &[&Finding]) -> Vec<PlaneName> {
        if standing.is_empty() || !matches!(self.ask, Ask::Start(_)) {
            return Vec::new();
        }
        let questions = planes.iter().map(|plane| (target.keeper(plane), Ask::Status)).collect();
        let answers = ask::all(questions, ask::BUDGET).unwrap_or_default();
        let answered = planes.iter().zip(answers).filter_map(|(plane, answer)| match answer {
            Ok(Answer::Plane(status)) if matches!(status.state, State::Up | State::Starting) => Some(plane.clone()),
            Ok(_) | Err(_) => None,
        });
        answered.collect()
    }

    /// What the keeper of `plane` is asked. Of the codes allowed it is told those that stand against the plane, for the
    /// journal, and the one that it looks for itself.
    fn ask_of(&self, plane: &PlaneName, found: &[Finding]) -> Ask {
        let stands = |code: &String| found.iter().any(|one| one.code == *code && one.blocks(plane));
        let is_the_keepers = |code: &String| code == codes::Code::ConfigInvalid.as_str();
        let overridden = |code: &&String| stands(code) || is_the_keepers(code);
        let allow: Vec<String> = self.allow.iter().filter(overridden).cloned().collect();
        match &self.ask {
            Ask::Start(start) => Ask::Start(Start { allow, ..start.clone() }),
            Ask::Restart(restart) => Ask::Restart(Restart { allow, ..restart.clone() }),
            other @ (Ask::Status
            | Ask::Follow
            | Ask::Stop(_)
            | Ask::Replace { .. }
            | Ask::Retire(_)
            | Ask::Reload(_)
            | Ask::Down(_)
            | Ask::Keep { .. }
            | Ask::Findings
            | Ask::Held
            | Ask::Sealed { .. }
            | Ask::Refused(_)
            | Ask::Environ { .. }
            | Ask::Yield { .. }) => other.clone(),
            #[cfg(feature = "next-wire")]
            Ask::Tomorrow => Ask::Tomorrow,
        }
    }

    /// The verb with what changes its meaning, for a journal.
    fn words(&self) -> String {
        let flags: &[(&str, bool)] = match &self.ask {
            Ask::Start(start) => &[(" --force", start.force)],
            Ask::Restart(restart) => &[(" --safe", restart.safe), (" --now", restart.now), (" --force", restart.force)],
            _ => &[],
        };
        flags.iter().filter(|(_, given)| *given).fold(self.verb.to_owned(), |words, (flag, _)| words + flag)
    }

    /// A refusal is a decision too, and nobody but us knows of this one. Whoever does not answer loses it.
    fn keep_in_the_journal(&self, target: &Target, refused: &[Fate]) {
        let before = |fate: &Fate| {
            let codes: BTreeSet<String> =
                fate.end.as_ref().err()?.findings().iter().map(|one| one.code.clone()).collect();
            let (plane, verb) = (fate.plane.clone(), self.words());
            Some(Ask::Refused(Box::new(RefusedBefore { plane, verb, codes: codes.into_iter().collect() })))
        };
        let told: Vec<(PlaneName, Ask)> =
            refused.iter().filter_map(|fate| Some((fate.plane.clone(), before(fate)?))).collect();
        let to_keepers = told.iter().map(|(plane, ask)| (target.keeper(plane), ask.clone())).collect();
        let Ok(answers) = ask::all(to_keepers, NOTING) else { return };
        let left =
            answers.into_iter().zip(told).filter(|(answer, _)| matches!(answer, Err(error) if error.is_nobody()));
        let to_daemon: Vec<_> = left.map(|(_, (_, ask))| (target.daemon(), ask)).collect();
        // What it says is for nobody: the refusal stands.
        let _ = ask::all(to_daemon, NOTING);
    }

    /// One who asks from inside a plane that is to end dies with it, so it is answered before and waits for nothing.
    fn patience(&self, target: &Target, planes: &[PlaneName]) -> Patience {
        let ends = match self.ask {
            Ask::Stop(_) | Ask::Restart(_) | Ask::Retire(_) => true,
            Ask::Status
            | Ask::Follow
            | Ask::Start(_)
            | Ask::Replace { .. }
            | Ask::Reload(_)
            | Ask::Down(_)
            | Ask::Keep { .. }
            | Ask::Findings
            | Ask::Held
            | Ask::Sealed { .. }
            | Ask::Refused(_)
            | Ask::Environ { .. }
            | Ask::Yield { .. } => false,
            #[cfg(feature = "next-wire")]
            Ask::Tomorrow => false,
        };
        let own = target.own_plane().filter(|own| ends && planes.contains(own));
        if let Some(own) = own
            && !self.manner.no_wait
        {
            say(&format!("asked from inside {own}, which ends with this: not waiting\n"));
            return Patience::Leave;
        }
        if self.manner.no_wait { Patience::Leave } else { Patience::Wait }
    }

    fn tell(&self, fates: Vec<Fate>) -> Outcome {
        if self.manner.json {
            let of = fates.iter().filter_map(|fate| fate.end.as_ref().err()).flat_map(Failure::findings);
            let of: BTreeSet<&Finding> = of.collect();
            let ok = fates.iter().all(|fate| fate.end.is_ok());
            let planes = fates.iter().map(described).collect::<Vec<_>>();
            print_json(&json!({ "ok": ok, "planes": planes, "findings": of }))?;
        }
        let look = stdout_look();
        let mut failures = Vec::new();
        for Fate { plane, end } in fates {
            match end {
                Ok(granted) if !self.manner.json => {
                    let name = look.paint(Tone::Strong, plane.as_str());
                    print(&format!("{name}: {}\n", self.sentence(&granted)))?;
                }
                Ok(_) => {}
                Err(failure) => failures.push((plane, failure)),
            }
        }
        if failures.is_empty() { Ok(Code::Done) } else { Err(Failure::Planes(failures)) }
    }

    fn sentence(&self, granted: &Granted) -> String {
        let mut words = match (granted.result, self.goal) {
            (Reached::Accepted, _) => format!("{} accepted", self.verb),
            (Reached::Done, Goal::Up | Goal::Anew { .. }) => {
                match granted.status.as_ref().and_then(|status| status.pid) {
                    Some(pid) => format!("up, pid {pid}"),
                    None => "up".to_owned(),
                }
            }
            (Reached::Done, Goal::Down | Goal::Gone) => "stopped".to_owned(),
        };
        let now = granted.status.as_ref().map(|status| status.incarnation);
        words.push_str(&match (self.goal, granted.replaces, now) {
            (Goal::Up, _, Some(now)) => format!(" (incarnation {now})"),
            (Goal::Anew { .. }, Some(old), Some(now)) if old == now => {
                format!(" (incarnation {now}, restarted within its process)")
            }
            (Goal::Anew { .. }, Some(old), Some(now)) => format!(" (incarnation {now} replaces {old})"),
            (Goal::Anew { .. }, Some(old), None) => format!(" (replaces incarnation {old})"),
            (Goal::Anew { .. }, None, Some(now)) => format!(" (incarnation {now})"),
            (Goal::Down | Goal::Gone, Some(old), _) => format!(" (incarnation {old})"),
            (Goal::Up | Goal::Anew { .. }, _, None) | (Goal::Down | Goal::Gone, None, _) => String::new(),
        });
        // What would follow is no news once it has.
        if granted.result == Reached::Accepted && !granted.note.is_empty() {
            words.push_str(": ");
            words.push_str(&granted.note);
        }
        words
    }

    /// That nobody waits any longer for those of `asked` that have not failed, beside those that have.
    fn interrupted(
        &self,
        standing: &[PlaneName],
        asked: &[PlaneName],
        mut failed: Vec<(PlaneName, Failure)>,
    ) -> Failure {
        let names: Vec<&str> = standing.iter().map(PlaneName::as_str).collect();
        let open: Vec<&PlaneName> = asked.iter().filter(|plane| failed.iter().all(|(of, _)| of != *plane)).collect();
        let message = match (names.as_slice(), open.as_slice()) {
            ([], _) => format!("interrupted before the {} was answered; it may be carried out all the same", self.verb),
            (names, _) => {
                format!("no longer waiting; the {} of {} was accepted and goes on", self.verb, names.join(", "))
            }
        };
        let hint = match self.goal {
            Goal::Up => "`gateward status --watch` shows how it goes",
            Goal::Anew { .. } | Goal::Down | Goal::Gone => {
                "`gateward status --watch` shows how it goes; `--now` would skip the grace"
            }
        };
        let waiting = Failure::failed(message, hint);
        let Some(first) = open.first() else { return Failure::Planes(failed) };
        if failed.is_empty() {
            return waiting;
        }
        failed.push(((*first).clone(), waiting));
        Failure::Planes(failed)
    }
}

/// All that stands against the planes and their change, as files and the host are now.
fn proved(target: &Target, loaded: &Loaded) -> Vec<Finding> {
    let held = held::held(&target.applied.run_dir);
    // Who may not look at the planes' own processes would take them for strangers.
    let depth = if sees_all(&target.applied.run_dir) { Depth::Host } else { Depth::Files };
    // Where its folders were edited, it is by those that it has that the planes are known for its own.
    let mut planes = loaded.planes.clone();
    planes.supervisor.run_dir.clone_from(&target.applied.run_dir);
    planes.supervisor.state_dir.clone_from(&target.applied.state_dir);
    survey::prove_within(LOOK, &planes, &held, depth, &BTreeSet::new()).proof.all()
}

/// Whether we are root, or the user whose supervisor it is.
fn sees_all(run_dir: &Path) -> bool {
    let own = crate::os::accounts::own_uid();
    own == 0 || std::fs::metadata(run_dir).is_ok_and(|meta| meta.uid() == own)
}

/// The codes that an operator goes ahead in spite of: with `--force` all that speak of a config's validity too.
pub fn allowed(named: &[String], force: bool) -> Vec<String> {
    let forced = codes::Code::all().filter(|row| force && row.code.is_of_validity()).map(|row| row.word.to_owned());
    named.iter().cloned().chain(forced).collect()
}

/// A mistyped code would otherwise allow nothing, and the refusal that follows would look as if it did.
pub fn check_codes(allow: &[String]) -> Result<(), Failure> {
    match allow.iter().find(|word| codes::Code::of(word).is_none()) {
        None => Ok(()),
        Some(word) => Err(Failure::Usage(Told::new(
            format!("`{}` is no code of a finding", word.escape_debug()),
            match codes::Code::nearest(word) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`gateward check` shows each finding with its code".to_owned(),
            },
        ))),
    }
}

fn described(fate: &Fate) -> Value {
    match &fate.end {
        Ok(granted) => {
            let mut value = json!({ "name": fate.plane });
            if let (Some(into), Ok(Value::Object(from))) = (value.as_object_mut(), serde_json::to_value(granted)) {
                into.extend(from);
            }
            value
        }
        Err(failure) => {
            let told = failure.told();
            json!({ "name": fate.plane, "result": "failed", "code": failure.code() as u8, "message": told.message, "hint": told.hint })
        }
    }
}
