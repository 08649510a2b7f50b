//! The sockets against good, bad and stopped peers, over real unix sockets.

mod frames;
mod rights;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::wire::{Answer, Ask, FRAME_CAP, RefusalKind, Request, Response, VERSION};

/// Far above what any of these waits takes on a busy machine.
const BUDGET: Duration = Duration::from_secs(20);

struct Owner {
    path: PathBuf,
    serving: JoinHandle<Listener>,
    hear: mpsc::Receiver<Heard>,
    _folder: tempfile::TempDir,
}

impl Owner {
    fn new() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        Self::at(folder.path().join("run/plane.sock"), folder)
    }

    fn at(path: PathBuf, folder: tempfile::TempDir) -> io::Result<Self> {
        let listener = Listener::bind(&path, Access::Owner, &[])?;
        let (sender, hear) = mpsc::channel(4);
        Ok(Self { path, serving: tokio::spawn(serve(listener, sender, || true, |_| {})), hear, _folder: folder })
    }

    async fn heard(&mut self) -> io::Result<Heard> {
        let heard = timeout(BUDGET, self.hear.recv()).await?;
        heard.ok_or_else(|| io::Error::other("the server has left"))
    }

    /// Answers every ask with its asker, until dropped.
    fn answering(self) -> PathBuf {
        let path = self.path.clone();
        tokio::spawn(async move {
            // The whole of it moves in here: its folder must live as long as it answers.
            let mut owner = self;
            while let Some(heard) = owner.hear.recv().await {
                heard.reply.answer(accepted(&heard.request.by));
            }
        });
        path
    }
}

fn accepted(note: &str) -> Answer {
    Answer::Accepted { replaces: None, note: note.to_owned() }
}

fn request(ask: Ask, by: &str) -> Request {
    Request { v: VERSION, ask, by: by.to_owned() }
}

fn note(answer: &Answer) -> &str {
    match answer {
        Answer::Accepted { note, .. } => note,
        _ => "not accepted",
    }
}

async fn raw(path: &Path, bytes: &[u8]) -> io::Result<(UnixStream, Result<(), io::Error>)> {
    let mut stream = UnixStream::connect(path).await?;
    let sent = stream.write_all(bytes).await;
    Ok((stream, sent))
}

/// What a peer is told before it is hung up on.
async fn last_words(stream: &mut UnixStream) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 512];
    loop {
        match timeout(BUDGET, stream.read(&mut chunk)).await? {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            // The server closed with bytes of ours unread; what it said came before that.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
            Err(error) => return Err(error),
        }
    }
    Ok(serde_json::from_slice::<Response>(&bytes)?.answer)
}

fn refused(answer: &Answer) -> Option<(RefusalKind, &str)> {
    match answer {
        Answer::Refused(refusal) => Some((refusal.kind, &refusal.message)),
        _ => None,
    }
}

async fn still_answers(path: &Path) -> Result<(), CallError> {
    let mut caller = Caller::connect(path, BUDGET).await?;
    let answer = caller.ask(&request(Ask::Status, "after"), BUDGET).await?;
    assert_eq!(note(&answer), "after");
    Ok(())
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[tokio::test]
async fn one_conversation_asks_twice_and_follows() -> Outcome {
    let mut owner = Owner::new()?;
    let path = owner.path.clone();
    let asker = tokio::spawn(async move {
        let mut caller = Caller::connect(&path, BUDGET).await?;
        let first = caller.ask(&request(Ask::Status, "first"), BUDGET).await?;
        let second = caller.ask(&request(Ask::Follow, "second"), BUDGET).await?;
        let third = caller.next().await?;
        Ok::<_, CallError>([first, second, third].map(|answer| note(&answer).to_owned()))
    });
    let first = owner.heard().await?;
    assert_eq!(first.peer.pid, i32::try_from(std::process::id())?);
    assert_eq!(first.peer.uid, rustix::process::getuid().as_raw());
    first.reply.answer(accepted("one"));
    let second = owner.heard().await?;
    assert!(matches!(second.request.ask, Ask::Follow));
    assert_eq!(second.reply.push(accepted("two")), Ok(()));
    assert_eq!(second.reply.push(accepted("three")), Ok(()));
    assert_eq!(timeout(BUDGET, asker).await???, ["one", "two", "three"]);
    timeout(BUDGET, second.reply.hung_up()).await?;
    assert_eq!(second.reply.push(accepted("four")), Err(HungUp));
    Ok(())
}

#[tokio::test]
async fn many_are_called_at_once_without_a_runtime() -> Outcome {
    let paths = (0..10).map(|_| Owner::new().map(Owner::answering)).collect::<Result<Vec<_>, _>>()?;
    let absent = paths[0].with_file_name("nobody.sock");
    let notes = tokio::task::spawn_blocking(move || {
        let mut calls = Calls::new();
        for (id, path) in paths.iter().enumerate() {
            calls.place(path, &request(Ask::Status, &id.to_string()));
        }
        let nobody = calls.place(&absent, &request(Ask::Status, ""));
        let mut notes = vec![String::new(); paths.len()];
        let mut absent = false;
        let until = Some(Instant::now() + BUDGET);
        loop {
            match calls.next(until, None)? {
                Next::Answer(id, Ok(answer)) => {
                    notes[id] = note(&answer).to_owned();
                    calls.hang_up(id);
                }
                Next::Answer(id, Err(error)) => absent = id == nobody && error.is_nobody(),
                Next::Over => return Ok::<_, io::Error>((notes, absent)),
                Next::Woken | Next::Late => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
    });
    let (notes, absent) = notes.await??;
    assert_eq!(notes, (0..10).map(|id| id.to_string()).collect::<Vec<_>>());
    assert!(absent, "the tenth socket does not exist");
    Ok(())
}

#[tokio::test]
async fn garbage_is_refused_and_hung_up_on() -> Outcome {
    let path = Owner::new()?.answering();
    for garbage in [&b"\x00\xff\xfe\n"[..], b"GET / HTTP/1.1\r\n\r\n", b"\n", b"{}\n", b"[[[[\n", b"{\"v\":1}\n"] {
        let (mut stream, _) = raw(&path, garbage).await?;
        let answer = last_words(&mut stream).await?;
        assert!(matches!(refused(&answer), Some((RefusalKind::Unknown, _))), "{garbage:?}: {answer:?}");
    }
    still_answers(&path).await?;
    Ok(())
}

#[tokio::test]
async fn deep_nesting_is_refused() -> Outcome {
    let path = Owner::new()?.answering();
    let deep = format!("{{\"v\":1,\"ask\":{}\n", "[".repeat(500_000));
    let (mut stream, _) = raw(&path, deep.as_bytes()).await?;
    assert!(refused(&last_words(&mut stream).await?).is_some());
    still_answers(&path).await?;
    Ok(())
}

#[tokio::test]
async fn half_a_frame_is_refused() -> Outcome {
    let path = Owner::new()?.answering();
    let (mut stream, _) = raw(&path, b"{\"v\":1,\"ask\":\"sta").await?;
    stream.shutdown().await?;
    let answer = last_words(&mut stream).await?;
    assert_eq!(refused(&answer), Some((RefusalKind::Unknown, "a frame ended before its newline")));
    Ok(())
}

#[tokio::test]
async fn a_giant_frame_is_refused_unread() -> Outcome {
    let path = Owner::new()?.answering();
    let (mut stream, sent) = raw(&path, &vec![b'x'; 64 << 20]).await?;
    let sent = sent.expect_err("64 MiB were read");
    assert!(matches!(sent.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset), "{sent}");
    let answer = last_words(&mut stream).await?;
    assert_eq!(refused(&answer), Some((RefusalKind::Unknown, "a frame is longer than 1048576 bytes")));
    still_answers(&path).await?;
    Ok(())
}

#[tokio::test]
async fn a_caller_too_is_told_why_its_frame_is_not_taken() -> Outcome {
    let path = Owner::new()?.answering();
    let mut caller = Caller::connect(&path, BUDGET).await?;
    let error = caller.ask(&request(Ask::Status, &"x".repeat(FRAME_CAP)), BUDGET).await.expect_err("it does not fit");
    assert!(matches!(error.kind, CallFailure::Garbled(FrameError::TooLong)), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_foreign_version_is_answered_and_the_conversation_goes_on() -> Outcome {
    let path = Owner::new()?.answering();
    let newer = b"{\"v\":7,\"ask\":{\"levitate\":{\"height\":3}},\"by\":\"tomorrow\"}\n\
                  {\"v\":7,\"ask\":\"status\",\"by\":\"tomorrow\",\"mood\":\"bright\"}\n";
    let (mut stream, _) = raw(&path, newer).await?;
    stream.shutdown().await?;
    let mut text = String::new();
    timeout(BUDGET, stream.read_to_string(&mut text)).await??;
    let answers = text.lines().map(serde_json::from_str::<Response>).collect::<Result<Vec<_>, _>>()?;
    let (kind, message) = refused(&answers[0].answer).ok_or("the first ask was taken")?;
    assert_eq!(kind, RefusalKind::Unknown);
    assert!(message.starts_with("the ask `levitate` of wire version 7 is not known to version 1"), "{message}");
    assert_eq!(note(&answers[1].answer), "tomorrow");
    Ok(())
}

#[tokio::test]
async fn a_thousand_idle_connections_keep_nobody_out() -> Outcome {
    let path = Owner::new()?.answering();
    let mut idle = Vec::new();
    for count in 0..1000 {
        idle.push(UnixStream::connect(&path).await?);
        if count % 100 == 0 {
            still_answers(&path).await?;
        }
    }
    still_answers(&path).await?;
    let mut byte = [0];
    assert_eq!(timeout(BUDGET, idle[0].read(&mut byte)).await??, 0, "the oldest idle one made room");
    Ok(())
}

#[tokio::test]
async fn a_full_house_of_askers_turns_the_next_away() -> Outcome {
    let mut owner = Owner::new()?;
    let mut callers = Vec::new();
    let mut replies = Vec::new();
    for _ in 0..MOST_CONNECTIONS {
        let mut caller = Caller::connect(&owner.path, BUDGET).await?;
        caller.tell(&request(Ask::Status, "")).await?;
        replies.push(owner.heard().await?.reply);
        callers.push(caller);
    }
    let mut late = Caller::connect(&owner.path, BUDGET).await?;
    let answer = late.ask(&request(Ask::Status, "late"), BUDGET).await?;
    assert_eq!(refused(&answer), Some((RefusalKind::Failed, "64 connections are being answered already")));
    Ok(())
}

#[tokio::test]
async fn a_full_house_of_followers_locks_out_neither_the_operator_nor_the_supervisor() -> Outcome {
    let mut owner = Owner::new()?;
    let mut followers = Vec::new();
    for n in 0..MOST_CONNECTIONS {
        let mut caller = Caller::connect(&owner.path, BUDGET).await?;
        // The supervisor's own is the oldest.
        caller.tell(&request(Ask::Follow, if n == 0 { crate::wire::SUPERVISOR } else { "cli" })).await?;
        followers.push((caller, owner.heard().await?.reply));
    }
    let mut late = Caller::connect(&owner.path, BUDGET).await?;
    late.tell(&request(Ask::Status, "late")).await?;
    let heard = owner.heard().await?;
    assert_eq!(heard.request.by, "late");
    timeout(BUDGET, followers[1].1.hung_up()).await?;
    assert!(!followers[0].1.has_hung_up() && !followers[2].1.has_hung_up(), "one made way, and not the supervisor");
    Ok(())
}

#[tokio::test]
async fn a_follower_that_never_reads_is_dropped_and_others_are_served() -> Outcome {
    let mut owner = Owner::new()?;
    let mut deaf = Caller::connect(&owner.path, BUDGET).await?;
    deaf.tell(&request(Ask::Follow, "deaf")).await?;
    let reply = owner.heard().await?.reply;
    let long = accepted(&"x".repeat(1 << 18));
    let pushed = async {
        while reply.push(long.clone()).is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(BUDGET, pushed).await?;
    drop(reply);
    still_answers(&owner.answering()).await?;
    Ok(())
}

#[tokio::test]
async fn an_ask_dropped_unanswered_is_told_so() -> Outcome {
    let mut owner = Owner::new()?;
    let mut caller = Caller::connect(&owner.path, BUDGET).await?;
    caller.tell(&request(Ask::Status, "")).await?;
    drop(owner.heard().await?);
    let answer = timeout(BUDGET, caller.next()).await??;
    assert_eq!(refused(&answer), Some((RefusalKind::Leaving, "it is about to leave and took no more asks")));
    Ok(())
}

#[tokio::test]
async fn answers_given_before_leaving_arrive() -> Outcome {
    let mut owner = Owner::new()?;
    let mut caller = Caller::connect(&owner.path, BUDGET).await?;
    caller.tell(&request(Ask::Status, "")).await?;
    owner.heard().await?.reply.answer(accepted("bye"));
    drop(owner.hear);
    let listener = timeout(BUDGET, owner.serving).await??;
    assert!(listener.is_reachable());
    listener.remove()?;
    assert_eq!(note(&timeout(BUDGET, caller.next()).await??), "bye");
    let error = Caller::connect(&owner.path, BUDGET).await.expect_err("the socket was removed");
    assert!(matches!(error.kind, CallFailure::Absent));
    Ok(())
}

#[tokio::test]
async fn a_stopped_server_is_late_and_a_dead_one_deaf() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("stopped.sock");
    let listener = Listener::bind(&path, Access::Owner, &[])?;
    let mut caller = Caller::connect(&path, BUDGET).await?;
    let error = caller.ask(&request(Ask::Status, ""), Duration::from_millis(50)).await.expect_err("nobody answers");
    assert!(matches!(error.kind, CallFailure::Late), "{error}");
    drop(listener);
    let error = Caller::connect(&path, BUDGET).await.expect_err("nobody listens");
    assert!(matches!(error.kind, CallFailure::Deaf), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_full_backlog_is_late_and_not_for_ever() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("stopped.sock");
    let listener = Listener::bind(&path, Access::Owner, &[])?;
    let mut waiting = Vec::new();
    let full = loop {
        match Caller::connect(&path, Duration::from_millis(20)).await {
            Ok(caller) => waiting.push(caller),
            Err(error) => break error,
        }
        assert!(waiting.len() < 10_000, "the backlog has no end");
    };
    assert!(matches!(full.kind, CallFailure::Late), "{full}");
    drop(listener);
    Ok(())
}

#[tokio::test]
async fn paths_of_any_length_are_reached() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("d".repeat(200)).join(format!("{}.sock", "p".repeat(32)));
    let path = Owner::at(path, folder)?.answering();
    assert!(path.as_os_str().len() > 107);
    still_answers(&path).await?;
    Ok(())
}

#[tokio::test]
async fn binding_takes_the_place_of_a_stale_socket() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("plane.sock");
    let first = Listener::bind(&path, Access::Owner, &[])?;
    let second = Listener::bind(&path, Access::Owner, &[])?;
    assert!(!first.is_reachable() && second.is_reachable());
    first.remove()?;
    assert!(second.is_reachable(), "the first removed what was not its own");
    Ok(())
}
