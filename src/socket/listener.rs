//! The answering side: binds, accepts whom the kernel vouches for, reads requests and writes answers.
//!
//! Decides nothing about what is asked. Binding takes the place of whatever socket lies there, so only the holder of the
//! lock that the socket stands for (`keeper.lock`, `gateward.lock`) may bind.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::Mode;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::frame::{FrameError, Frames, read_request, write_answer};
use super::lost::Watched;
use super::place::{Access, Address, about, make_folder};
use crate::wire::{Answer, Refusal, RefusalKind, Request};

/// How long one answer may wait for a peer that does not read.
const WRITE_BOUND: Duration = Duration::from_secs(5);

/// Connections that the kernel holds for us until they are accepted.
const BACKLOG: i32 = 128;

/// A bound socket.
#[derive(Debug)]
pub struct Listener {
    inner: UnixListener,
    access: Access,
    path: PathBuf,
    inode: u64,
    /// Missing where the host has no watch left; then only [`Listener::nudge`] finds a lost socket.
    watched: Option<Watched>,
    others: Vec<PathBuf>,
    nudge: Arc<Notify>,
}

/// What was seen to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touched {
    /// The path no longer leads to the socket.
    Socket,
    /// Something else that is watched; its owner must look.
    Other,
}

impl Listener {
    /// Binds `path`, making its folder. The caller holds the lock that this socket stands for.
    ///
    /// The socket is made ready under another name and moved into place, so that nobody ever finds one that does not
    /// listen, or one with wider rights than `access`. `others` are files whose loss shall be told as well: the lock.
    pub fn bind(path: &Path, access: Access, others: &[PathBuf]) -> io::Result<Self> {
        let (inner, inode) = in_place(path, access)?;
        let watched = watched(path, others);
        let (path, others) = (path.to_owned(), others.to_vec());
        Ok(Self { inner, access, path, inode, watched, others, nudge: Arc::default() })
    }

    /// Binds its path anew, with what is missing of its folders; conversations that go on are not touched.
    pub fn rebind(&mut self) -> io::Result<()> {
        // The folder above may be gone with this one, and shall have the same rights.
        if let Some(above) = self.path.parent().and_then(Path::parent).filter(|above| !above.exists()) {
            make_folder(above, self.access)?;
        }
        (self.inner, self.inode) = in_place(&self.path, self.access)?;
        self.watched = watched(&self.path, &self.others);
        Ok(())
    }

    /// Returns once the path no longer leads here, or something else that is watched was touched: noticed by itself where the
    /// host has a watch left, else at a nudge.
    pub async fn touched(&self) -> Touched {
        while self.is_reachable() {
            match &self.watched {
                Some(watched) => tokio::select! {
                    () = watched.changed() => if self.is_reachable() { return Touched::Other },
                    () = self.nudge.notified() => watched.renew(),
                },
                None => self.nudge.notified().await,
            }
        }
        Touched::Socket
    }

    /// A word on this has a listener that is being served look whether its path still leads to it, and watch what was put back.
    pub fn nudge(&self) -> Arc<Notify> {
        Arc::clone(&self.nudge)
    }

    /// The path it was bound to.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether that path still leads here; no longer when the run dir was wiped, or another took the place.
    pub fn is_reachable(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode)
    }

    /// Takes the socket away, unless another has taken its place.
    pub fn remove(&self) -> io::Result<()> {
        if self.is_reachable() { fs::remove_file(&self.path) } else { Ok(()) }
    }

    /// The next connection; one whose peer may not ask is told so and is not given out.
    pub async fn accept(&self) -> io::Result<Connection> {
        loop {
            let (stream, _) = self.inner.accept().await?;
            let peer = Peer::of(&stream)?;
            let allowed = peer.is_allowed(&stream, self.access);
            let connection = Connection { stream, frames: Frames::default(), peer, at_end: false };
            if allowed {
                return Ok(connection);
            }
            connection.turn_away(
                RefusalKind::Failed,
                &peer.stranger(),
                "ask as the supervisor's user, or as root, or as a member of `socket_group`",
            );
        }
    }
}

fn in_place(path: &Path, access: Access) -> io::Result<(UnixListener, u64)> {
    if let Some(folder) = path.parent() {
        make_folder(folder, access)?;
    }
    let fresh = beside(path);
    match fs::remove_file(&fresh) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(about(&fresh, &error)),
    }
    let inner = listen(&fresh, access).map_err(|error| about(&fresh, &error))?;
    let inode = fs::symlink_metadata(&fresh)?.ino();
    fs::rename(&fresh, path).map_err(|error| about(path, &error))?;
    Ok((UnixListener::from_std(inner)?, inode))
}

fn watched(path: &Path, others: &[PathBuf]) -> Option<Watched> {
    match Watched::new(path, others) {
        Ok(watched) => Some(watched),
        Err(error) => {
            tracing::warn!(%error, socket = %path.display(), "if this socket is removed, only SIGHUP has it made again");
            None
        }
    }
}

/// Where a socket is made before it is moved to `path`.
fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    path.with_file_name(name)
}

fn listen(path: &Path, access: Access) -> io::Result<StdListener> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    // Linux gives the file the mode of the socket, so it is never wider than this, whatever the umask.
    rustix::fs::fchmod(&socket, Mode::from_raw_mode(0o600))?;
    rustix::net::bind(&socket, &Address::of(path)?.unix)?;
    if let Some(gid) = access.group() {
        chown(path, None, Some(gid))?;
        rustix::fs::chmod(path, Mode::from_raw_mode(access.socket_mode()))?;
    }
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(StdListener::from(socket))
}

/// Who is at the other end, as the kernel knew it when it connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its user.
    pub uid: u32,
    /// Its primary group.
    pub gid: u32,
    /// Its process; 0 when that is not visible from here.
    pub pid: i32,
}

impl Peer {
    fn of(stream: &UnixStream) -> io::Result<Self> {
        let found = stream.peer_cred()?;
        Ok(Self { uid: found.uid(), gid: found.gid(), pid: found.pid().unwrap_or(0) })
    }

    fn is_allowed(self, stream: &UnixStream, access: Access) -> bool {
        let ours = rustix::process::geteuid().as_raw();
        if self.uid == 0 || self.uid == ours {
            return true;
        }
        match access {
            Access::Owner => false,
            Access::Group(gid) => {
                self.gid == gid || crate::os::peer::groups(stream.as_fd()).is_ok_and(|groups| groups.contains(&gid))
            }
        }
    }

    /// Whether it may be told what only the account of this process could read: its own user, and root.
    pub fn may_know(self) -> bool {
        self.uid == 0 || self.uid == rustix::process::geteuid().as_raw()
    }

    fn stranger(self) -> String {
        format!("user {} may not steer this supervisor", self.uid)
    }
}

/// One conversation with one peer.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    frames: Frames,
    peer: Peer,
    /// The peer sends no more; it may still read.
    at_end: bool,
}

impl Connection {
    /// Who asks.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// The next request; `None` when the peer has hung up between two. May be dropped and called again.
    pub async fn next(&mut self) -> Result<Option<Request>, FrameError> {
        loop {
            if let Some(frame) = self.frames.take()? {
                return read_request(frame).map(Some);
            }
            if self.at_end {
                return if self.frames.is_half() { Err(FrameError::Cut) } else { Ok(None) };
            }
            self.receive().await.map_err(FrameError::Io)?;
        }
    }

    /// Returns once the peer sends no more; meanwhile keeps what it sends, within the cap.
    pub async fn sent_all(&mut self) {
        while !self.at_end {
            if self.frames.room().is_empty() {
                return std::future::pending().await;
            }
            if self.receive().await.is_err() {
                self.at_end = true;
            }
        }
    }

    /// Writes one answer, or gives up on a peer that does not read.
    pub async fn answer(&mut self, answer: &Answer) -> io::Result<()> {
        let frame = write_answer(answer);
        timeout(WRITE_BOUND, self.stream.write_all(&frame))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// Whether the peer has hung up for good, and can no longer be told anything. One that only sends no more has not.
    pub fn is_abandoned(&self) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut look = [PollFd::new(&self.stream, PollFlags::empty())];
        rustix::event::poll(&mut look, Some(&now)).is_ok() && look[0].revents().contains(PollFlags::HUP)
    }

    /// Whether the peer has begun a frame and not ended it.
    pub fn is_half(&self) -> bool {
        self.frames.is_half()
    }

    /// Hangs up with a word of why, if the peer takes that word at once.
    pub fn turn_away(self, kind: RefusalKind, message: &str, hint: &str) {
        let refusal = Refusal::new(kind, message, hint);
        // A fresh connection has room for this; to one that has none, hanging up says enough.
        let _ = self.stream.try_write(&write_answer(&Answer::Refused(refusal)));
    }

    async fn receive(&mut self) -> io::Result<()> {
        let count = self.stream.read(self.frames.room()).await?;
        self.frames.filled(count);
        self.at_end = count == 0;
        Ok(())
    }
}
