//! Feeds one owner's event loop from many connections: requests in through a channel, answers out through [`Reply`].
//!
//! Never blocks that loop and never grows: connections, queues and waits are bounded, and a newcomer takes the place of
//! the connection that has been idle for longest.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, timeout};

use super::frame::FrameError;
use super::listener::{Connection, Listener, Peer, Touched};
use super::{MOST_CONNECTIONS, MOST_GUESTS};
use crate::wire::{Answer, Ask, Refusal, RefusalKind, Request, SUPERVISOR};

/// How long a connection may stay open without a whole request.
const IDLE: Duration = Duration::from_secs(10);

/// Answers that may wait for one peer; a follower that is this far behind is dropped.
const ANSWERS_WAITING: usize = 32;

/// How long answers already given may take to be read when the owner leaves.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A pause after the system had no descriptor or memory for a connection: accepting fails at once until it has, and
/// nothing tells when.
const EXHAUSTED: Duration = Duration::from_millis(200);

/// A request with the way back to its asker.
#[derive(Debug)]
pub struct Heard {
    /// What is asked.
    pub request: Request,
    /// By whom.
    pub peer: Peer,
    /// The way back.
    pub reply: Reply,
}

/// The way back to one asker. Dropped without a word, it tells the asker that there was none.
#[derive(Debug)]
pub struct Reply(mpsc::Sender<Answer>);

/// The asker has hung up, or reads too slowly to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HungUp;

impl Reply {
    /// Gives the one answer to an ask.
    pub fn answer(self, answer: Answer) {
        // An accepted ask outlives whoever asked: that nobody listens any more changes nothing.
        let _ = self.0.try_send(answer);
    }

    /// Gives one of several answers; to be dropped after [`HungUp`].
    pub fn push(&self, answer: Answer) -> Result<(), HungUp> {
        self.0.try_send(answer).map_err(|_| HungUp)
    }

    /// Whether the asker is gone. An owner that keeps followers asks this of all of them before it takes another one:
    /// who hangs up between two answers is not noticed otherwise.
    pub fn has_hung_up(&self) -> bool {
        self.0.is_closed()
    }

    /// Returns when the asker is gone.
    pub async fn hung_up(&self) {
        self.0.closed().await;
    }
}

/// The first wait before a lost socket is bound once more, when that has failed; doubled up to [`REBIND_AT_MOST`].
const REBIND: Duration = Duration::from_millis(100);

/// The longest such wait.
const REBIND_AT_MOST: Duration = Duration::from_secs(30);

/// Accepts and converses until the receiver of `hear` is dropped, then lets given answers be read, and gives back the listener.
/// A socket that is removed from under it is bound again where it `may` be: not while another has the lock that the socket stands
/// for, or two would take its place from one another for ever. That, and what else was seen to change, is `told`.
pub async fn serve(
    mut listener: Listener,
    hear: mpsc::Sender<Heard>,
    may: impl Fn() -> bool,
    told: impl Fn(Touched),
) -> Listener {
    let mut open = Open::default();
    let mut again = Again::default();
    loop {
        tokio::select! {
            biased;
            () = hear.closed() => break,
            touched = again.due(&listener) => match touched {
                Touched::Other => told(touched),
                Touched::Socket if !may() => {
                    again.later(&listener, &io::Error::other("another process has the lock that it stands for"));
                    told(Touched::Other);
                }
                Touched::Socket => match listener.rebind() {
                    Ok(()) => {
                        tracing::warn!(socket = %listener.path().display(), "the socket was gone and is bound again");
                        again = Again::default();
                        told(touched);
                    }
                    Err(error) => again.later(&listener, &error),
                },
            },
            accepted = listener.accept() => match accepted {
                Ok(connection) => {
                    open.admit(connection, &hear);
                    // In a burst the next one is there already: those that were dropped let go of their descriptors first.
                    tokio::task::yield_now().await;
                }
                Err(error) if is_exhausted(&error) => {
                    tracing::warn!(%error, socket = %listener.path().display(), "no room for another connection");
                    open.drop_longest_idle();
                    tokio::time::sleep(EXHAUSTED).await;
                }
                // The peer was gone before it was accepted.
                Err(error) => tracing::debug!(%error, "a connection failed before it was accepted"),
            },
            Some(_) = open.tasks.join_next() => {}
        }
    }
    open.leave().await;
    listener
}

/// When a lost socket is bound once more.
#[derive(Default)]
struct Again {
    failed: Option<(Instant, Duration)>,
}

impl Again {
    async fn due(&self, listener: &Listener) -> Touched {
        let touched = listener.touched().await;
        if let (Touched::Socket, Some((at, _))) = (touched, self.failed) {
            tokio::time::sleep_until(at).await;
        }
        touched
    }

    fn later(&mut self, listener: &Listener, error: &io::Error) {
        let wait = self.failed.map_or(REBIND, |(_, wait)| (wait * 2).min(REBIND_AT_MOST));
        tracing::error!(%error, socket = %listener.path().display(), ?wait, "the socket is gone and cannot be bound again yet");
        self.failed = Some((Instant::now() + wait, wait));
    }
}

/// Passes what is heard on to an owner's own queue as its kind of input, until the owner has dropped either end.
pub async fn forward<T>(mut heard: mpsc::Receiver<Heard>, inputs: mpsc::UnboundedSender<T>, input: fn(Heard) -> T) {
    loop {
        let heard = tokio::select! {
            heard = heard.recv() => heard,
            // The owner's loop has ended: letting go of the queue tells the listener.
            () = inputs.closed() => return,
        };
        let Some(heard) = heard else { return };
        if inputs.send(input(heard)).is_err() {
            return;
        }
    }
}

fn is_exhausted(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}

/// What a connection is good for just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// It has asked nothing, or was answered.
    Idle,
    /// A request of it is being answered.
    Asks,
    /// It hears of changes until it hangs up, and can ask for that again.
    Follows,
    /// The supervisor follows by it, and takes the end of it for the end of a keeper.
    Supervises,
}

#[derive(Debug)]
struct Place {
    task: AbortHandle,
    used: Arc<Mutex<Use>>,
    is_guest: bool,
}

impl Place {
    fn used(&self) -> Use {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The open connections, oldest first.
#[derive(Default)]
struct Open {
    tasks: JoinSet<()>,
    order: VecDeque<Place>,
}

impl Open {
    fn admit(&mut self, connection: Connection, hear: &mpsc::Sender<Heard>) {
        self.order.retain(|place| !place.task.is_finished());
        let is_guest = !connection.peer().may_know();
        if !self.has_room(is_guest) {
            let message = format!("{MOST_CONNECTIONS} connections are being answered already");
            connection.turn_away(RefusalKind::Failed, &message, "end some of those that follow, then ask again");
            return;
        }
        let used = Arc::new(Mutex::new(Use::Idle));
        let task = self.tasks.spawn(converse(connection, hear.clone(), Arc::clone(&used)));
        self.order.push_back(Place { task, used, is_guest });
    }

    /// Sees that there is room. Guests have half of the places, and the supervisor's own user the other half for itself: there the
    /// one that has followed for longest makes way, since nobody may lock the operator out.
    fn has_room(&mut self, is_guest: bool) -> bool {
        let guests = self.order.iter().filter(|place| place.is_guest).count();
        if is_guest && guests >= MOST_GUESTS {
            return self.drop_first(|place| place.is_guest && place.used() == Use::Idle);
        }
        self.order.len() < MOST_CONNECTIONS
            || self.drop_longest_idle()
            || !is_guest && self.drop_first(|place| place.used() == Use::Follows)
    }

    /// Whether there was one that asked nothing.
    fn drop_longest_idle(&mut self) -> bool {
        self.drop_first(|place| place.used() == Use::Idle)
    }

    fn drop_first(&mut self, fits: impl Fn(&Place) -> bool) -> bool {
        let Some(at) = self.order.iter().position(fits) else { return false };
        if let Some(place) = self.order.remove(at) {
            place.task.abort();
        }
        true
    }

    async fn leave(mut self) {
        for place in self.order.iter().filter(|place| place.used() == Use::Idle) {
            place.task.abort();
        }
        // Whoever does not read by then has lost its answer, not its ask.
        let _ = timeout(LAST_WORDS, async { while self.tasks.join_next().await.is_some() {} }).await;
    }
}

/// One connection from its first frame to its end; `used` says what for.
async fn converse(mut connection: Connection, hear: mpsc::Sender<Heard>, used: Arc<Mutex<Use>>) {
    let now = |what: Use| *used.lock().unwrap_or_else(PoisonError::into_inner) = what;
    while !hear.is_closed() {
        now(Use::Idle);
        let error = match timeout(IDLE, connection.next()).await {
            Ok(Ok(None)) => return,
            // Nobody was told that this was taken: it lay here while we were stopped, and its asker has given up since.
            Ok(Ok(Some(request))) if connection.is_abandoned() => {
                tracing::info!(ask = ?std::mem::discriminant(&request.ask), by = request.by, "not taken: its asker had left");
                return;
            }
            Ok(Ok(Some(request))) => {
                now(used_by(&connection, &request));
                match pass_on(&mut connection, &hear, request).await {
                    Ok(()) => continue,
                    Err(HungUp) => return,
                }
            }
            Ok(Err(error)) => error,
            Err(_) if connection.is_half() => FrameError::Cut,
            Err(_) => return,
        };
        if connection.answer(&Answer::Refused(error.refusal())).await.is_err() || error.is_over() {
            return;
        }
    }
}

fn used_by(connection: &Connection, request: &Request) -> Use {
    match request.ask {
        Ask::Follow | Ask::Yield { .. } if request.by == SUPERVISOR && connection.peer().may_know() => Use::Supervises,
        Ask::Follow => Use::Follows,
        _ => Use::Asks,
    }
}

/// Hands one request to the owner and carries its answers back.
async fn pass_on(connection: &mut Connection, hear: &mpsc::Sender<Heard>, request: Request) -> Result<(), HungUp> {
    let follows = matches!(request.ask, Ask::Follow | Ask::Yield { .. });
    let (answers, given) = mpsc::channel(ANSWERS_WAITING);
    let heard = Heard { request, peer: connection.peer(), reply: Reply(answers) };
    if hear.send(heard).await.is_ok() && carry_back(connection, given, follows).await? > 0 {
        return Ok(());
    }
    let message = "it is about to leave and took no more asks";
    let refusal = Refusal::new(RefusalKind::Leaving, message, "ask again in a moment");
    connection.answer(&Answer::Refused(refusal)).await.map_err(|_| HungUp)
}

/// Carries answers until the owner gives no more; gives how many there were.
async fn carry_back(
    connection: &mut Connection,
    mut given: mpsc::Receiver<Answer>,
    follows: bool,
) -> Result<usize, HungUp> {
    let mut carried = 0;
    let mut sends = true;
    loop {
        tokio::select! {
            biased;
            answer = given.recv() => {
                let Some(answer) = answer else { return Ok(carried) };
                connection.answer(&answer).await.map_err(|_| HungUp)?;
                carried += 1;
            }
            // One who asked once may close its sending side and still read (`socat`); a follower that does has left.
            () = connection.sent_all(), if sends => {
                if follows {
                    return Err(HungUp);
                }
                sends = false;
            }
        }
    }
}
