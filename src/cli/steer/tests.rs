//! Wishes against keepers and a daemon that answer over real sockets, by script.

use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;

use super::*;
use crate::cli::outcome::Code;
use crate::render::status::unknown;
use crate::rundir::{Applied, AppliedPlane};
use crate::socket::{Access, Heard as Asked, Listener, serve};
use crate::wire::{Answer, Refusal, RefusalKind, Restart, State, Stop};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn name(text: &str) -> PlaneName {
    PlaneName::new(text).expect("a name")
}

fn target(run_dir: &Path, planes: &[&str]) -> Target {
    let planes = planes.iter().map(|plane| AppliedPlane { name: name(plane), role: "other".into(), port: None });
    let (manifest, state_dir) = (run_dir.join("supervisor.toml"), run_dir.join("state"));
    Target {
        applied: Applied {
            manifest,
            run_dir: run_dir.to_owned(),
            state_dir,
            socket_group: None,
            planes: planes.collect(),
        },
        loaded: Err(no_manifest()),
    }
}

fn no_manifest() -> Box<crate::daemon::load::LoadError> {
    Box::new(crate::daemon::load::LoadError {
        manifest: None,
        source: None,
        mistakes: Vec::new(),
        env_files: Vec::new(),
    })
}

fn status(plane: &str, state: State, incarnation: u64) -> Answer {
    let mut status = unknown(name(plane), "other", None, String::new());
    (status.state, status.incarnation, status.wanted) = (state, incarnation, true);
    Answer::Plane(Box::new(status))
}

fn accepted(replaces: Option<u64>) -> Answer {
    Answer::Accepted { replaces, note: String::new() }
}

/// Serves one socket by a script, then leaves; what was asked is told.
struct Scripted {
    thread: JoinHandle<std::io::Result<()>>,
    asked: mpsc::Receiver<Ask>,
}

/// Answers each ask with a list of answers.
fn scripted(socket: &Path, script: Vec<Vec<Answer>>) -> Scripted {
    let socket = socket.to_owned();
    let (tell, asked) = mpsc::channel();
    let (bound, is_bound) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async move {
            let listener = Listener::bind(&socket, Access::Owner, &[])?;
            let _ = bound.send(());
            let (sender, mut hear) = tokio::sync::mpsc::channel::<Asked>(8);
            let serving = tokio::spawn(serve(listener, sender, || true, |_| {}));
            for answers in script {
                let Some(asked) = hear.recv().await else { break };
                let _ = tell.send(asked.request.ask.clone());
                for answer in answers {
                    let _ = asked.reply.push(answer);
                }
            }
            drop(hear);
            serving.await.map_err(std::io::Error::other)?.remove()
        })
    });
    // Without this the first call could come before there is a socket.
    let _ = is_bound.recv();
    Scripted { thread, asked }
}

impl Scripted {
    fn asked(self) -> Result<Vec<Ask>, Box<dyn std::error::Error>> {
        self.thread.join().map_err(|_| "the script panicked")??;
        Ok(self.asked.try_iter().collect())
    }
}

fn restart(plane: &str) -> Wish {
    Wish {
        plane: name(plane),
        ask: Ask::Restart(Restart::default()),
        goal: Goal::Anew { replaces: None },
        begin: Begin::Asking,
        allow: Vec::new(),
    }
}

fn fates(ended: Ended) -> Vec<Fate> {
    match ended {
        Ended::All(fates) => fates,
        Ended::Interrupted { .. } => Vec::new(),
    }
}

#[test]
fn a_restart_is_over_when_another_incarnation_is_up() -> Outcome {
    let folder = tempfile::tempdir()?;
    let target = target(folder.path(), &["main"]);
    let news = vec![
        status("main", State::Up, 6),
        status("main", State::Stopping, 6),
        status("main", State::Starting, 7),
        status("main", State::Up, 7),
    ];
    let keeper = scripted(&target.keeper(&name("main")), vec![vec![accepted(Some(6))], news]);
    let ended = steer(&target, vec![restart("main")], Patience::Wait, &mut Spectator::None)?;
    let fate = fates(ended).pop().ok_or("no fate")?;
    let granted = fate.end?;
    assert_eq!((granted.result, granted.replaces), (Reached::Done, Some(6)));
    assert_eq!(granted.status.map(|status| status.incarnation), Some(7));
    assert!(matches!(keeper.asked()?.as_slice(), [Ask::Restart(_), Ask::Follow]));
    Ok(())
}

#[test]
fn the_impatient_are_content_with_an_acceptance() -> Outcome {
    let folder = tempfile::tempdir()?;
    let target = target(folder.path(), &["main"]);
    let keeper = scripted(&target.keeper(&name("main")), vec![vec![accepted(Some(6))]]);
    let ended = steer(&target, vec![restart("main")], Patience::Leave, &mut Spectator::None)?;
    assert_eq!(fates(ended).pop().ok_or("no fate")?.end?.result, Reached::Accepted);
    assert!(matches!(keeper.asked()?.as_slice(), [Ask::Restart(_)]));
    Ok(())
}

#[test]
fn an_absent_keeper_is_asked_of_the_daemon() -> Outcome {
    let folder = tempfile::tempdir()?;
    let target = target(folder.path(), &["main"]);
    let daemon = scripted(&target.daemon(), vec![vec![accepted(None)]]);
    let socket = target.keeper(&name("main"));
    let keeper = std::thread::spawn(move || {
        let asked = daemon.asked().map_err(|error| error.to_string())?;
        let keeper = scripted(&socket, vec![vec![accepted(None)], vec![status("main", State::Up, 1)]]);
        Ok::<_, String>((asked, keeper.asked().map_err(|error| error.to_string())?))
    });
    let ended = steer(&target, vec![restart("main")], Patience::Wait, &mut Spectator::None)?;
    assert_eq!(fates(ended).pop().ok_or("no fate")?.end?.result, Reached::Done);
    let (asked, kept) = keeper.join().map_err(|_| "the script panicked")??;
    assert!(matches!(asked.as_slice(), [Ask::Keep { plane, .. }] if plane.as_str() == "main"));
    assert!(matches!(kept.as_slice(), [Ask::Restart(_), Ask::Follow]));
    Ok(())
}

#[test]
fn a_keeper_that_is_replaced_meanwhile_is_called_again() -> Outcome {
    let folder = tempfile::tempdir()?;
    let target = target(folder.path(), &["main"]);
    let socket = target.keeper(&name("main"));
    let first = scripted(&socket, vec![vec![accepted(Some(6))]]);
    let keepers = std::thread::spawn(move || {
        // Its script ends with the ask, so the follower is hung up on.
        let first = first.asked().map_err(|error| error.to_string())?;
        let second = scripted(&socket, vec![vec![status("main", State::Up, 7)]]);
        Ok::<_, String>((first, second.asked().map_err(|error| error.to_string())?))
    });
    let ended = steer(&target, vec![restart("main")], Patience::Wait, &mut Spectator::None)?;
    assert_eq!(fates(ended).pop().ok_or("no fate")?.end?.result, Reached::Done);
    let (first, second) = keepers.join().map_err(|_| "the script panicked")??;
    assert!(matches!((first.as_slice(), second.as_slice()), ([Ask::Restart(_)], [Ask::Follow])));
    Ok(())
}

#[test]
fn each_plane_has_its_own_fate() -> Outcome {
    let folder = tempfile::tempdir()?;
    let target = target(folder.path(), &["main", "rescue", "lab"]);
    let refusal = Refusal::new(RefusalKind::Collision, "no", "");
    let main = scripted(&target.keeper(&name("main")), vec![vec![Answer::Refused(refusal)]]);
    let news = vec![status("rescue", State::Starting, 2), status("rescue", State::Parked, 2)];
    let rescue = scripted(&target.keeper(&name("rescue")), vec![vec![accepted(None)], news]);
    let wishes = ["main", "rescue", "lab"].map(restart).to_vec();
    let ended = steer(&target, wishes, Patience::Wait, &mut Spectator::None)?;
    let codes: Vec<(String, Option<Code>)> =
        fates(ended).into_iter().map(|fate| (fate.plane.to_string(), fate.end.err().map(|end| end.code()))).collect();
    let told = [("main", Code::Collision), ("rescue", Code::Failed), ("lab", Code::NobodyAnswers)];
    assert_eq!(codes, told.map(|(plane, code)| (plane.to_owned(), Some(code))));
    main.asked()?;
    rescue.asked()?;
    Ok(())
}

#[test]
fn a_retired_keeper_is_gone_when_it_hangs_up() -> Outcome {
    let folder = tempfile::tempdir()?;
    let target = target(folder.path(), &["main", "old"]);
    let news = vec![status("main", State::Stopping, 6)];
    let keeper = scripted(&target.keeper(&name("main")), vec![vec![accepted(Some(6))], news]);
    let wish = |plane: &str| Wish {
        ask: Ask::Retire(Stop { now: false }),
        goal: Goal::Gone,
        begin: Begin::Asking,
        ..restart(plane)
    };
    let ended = steer(&target, vec![wish("main"), wish("old")], Patience::Wait, &mut Spectator::None)?;
    let ends: Vec<Reached> = fates(ended).into_iter().filter_map(|fate| Some(fate.end.ok()?.result)).collect();
    assert_eq!(ends, [Reached::Done, Reached::Done]);
    assert!(matches!(keeper.asked()?.as_slice(), [Ask::Retire(_), Ask::Follow]));
    Ok(())
}

#[test]
fn what_the_supervisor_was_to_end_and_has_not_is_asked_of_its_keeper() -> Outcome {
    let folder = tempfile::tempdir()?;
    let target = target(folder.path(), &["main"]);
    let script = vec![
        vec![status("main", State::Up, 6)],
        vec![status("main", State::Up, 6)],
        vec![accepted(Some(6))],
        vec![status("main", State::Stopping, 6)],
    ];
    let keeper = scripted(&target.keeper(&name("main")), script);
    let wish =
        Wish { ask: Ask::Retire(Stop { now: true }), goal: Goal::Gone, begin: Begin::Watching, ..restart("main") };
    let ended = steer(&target, vec![wish], Patience::Wait, &mut Spectator::None)?;
    assert!(matches!(fates(ended).as_slice(), [Fate { end: Ok(_), .. }]));
    assert!(matches!(keeper.asked()?.as_slice(), [Ask::Follow, Ask::Status, Ask::Retire(_), Ask::Follow]));
    Ok(())
}
