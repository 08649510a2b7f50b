//! Runs the plane's `openclaw` for short errands (`config validate`, handoffs) with the plane's whole environment.
//!
//! Helpers are children of the keeper but no part of the plane: their cookie is that of no incarnation, they die with the
//! keeper, and are told apart from leftovers by pid. Nothing here waits for them; their end comes as an [`Input`].

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::input::{Errand, Helped, Input};
use crate::os::launch::{Launch, LaunchError, Stdio};
use crate::os::reap::Exit;
use crate::os::signals;

/// Output past this is dropped.
const OUTPUT_CAP: usize = 256 << 10;

/// The longest errand: a `consume` was seen to take 13 s on a slow host, and the contract allows 60.
pub const BUDGET: Duration = Duration::from_secs(60);

/// How long output that was written before a helper's end may take to be read.
const REMAINDER: Duration = Duration::from_millis(200);

/// The helpers that run now.
#[derive(Debug, Default)]
pub struct Helpers {
    running: HashMap<i32, (Errand, oneshot::Sender<Exit>)>,
}

impl Helpers {
    /// The pids of all that run.
    pub fn pids(&self) -> Vec<i32> {
        self.running.keys().copied().collect()
    }

    /// Whether none runs.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Takes over the exit of a reaped child, if it was a helper.
    pub fn ended(&mut self, pid: i32, exit: Exit) {
        if let Some((_, waiting)) = self.running.remove(&pid) {
            // Its budget ran out before: nobody waits.
            let _ = waiting.send(exit);
        }
    }

    /// Ends all that run, with what they have started: the keeper is about to leave.
    pub fn end_all(&mut self) {
        self.end(|_| true);
        self.running.clear();
    }

    /// Ends those on such an errand, with what they have started; their ends are still told.
    pub fn end(&self, such: impl Fn(&Errand) -> bool) {
        for (pid, (errand, _)) in &self.running {
            // Unreaped, so the group is still its own.
            if such(errand)
                && let Err(error) = signals::kill_group(*pid, libc::SIGKILL)
            {
                tracing::warn!(pid, %error, "a helper could not be ended");
            }
        }
    }

    /// Starts one. `launch` is the plane's own, with the helper's arguments; its end is said on `inputs`.
    pub fn start(
        &mut self,
        errand: Errand,
        launch: Launch,
        null: &File,
        inputs: &mpsc::UnboundedSender<Input>,
    ) -> Result<(), LaunchError> {
        let (stdout, stdout_end) = pipe().map_err(LaunchError::Clone)?;
        let (stderr, stderr_end) = pipe().map_err(LaunchError::Clone)?;
        let stdio = Stdio { stdin: null.as_fd(), stdout: stdout_end.as_fd(), stderr: stderr_end.as_fd() };
        let child = launch.prepare()?.spawn(stdio, &[])?;
        drop((stdout_end, stderr_end));
        let (told, ending) = oneshot::channel();
        self.running.insert(child.pid, (errand.clone(), told));
        let inputs = inputs.clone();
        tokio::task::spawn_local(async move {
            let texts = Rc::new(RefCell::new((Vec::new(), Vec::new())));
            let listen = async {
                let out = read_all(stdout, |bytes| texts.borrow_mut().0.extend_from_slice(bytes));
                let err = read_all(stderr, |bytes| texts.borrow_mut().1.extend_from_slice(bytes));
                let both = async { tokio::join!(out, err) };
                tokio::pin!(ending, both);
                tokio::select! {
                    exit = &mut ending => {
                        // What it may have left behind can hold the pipes open for ever; what it wrote is there already.
                        let _ = timeout(REMAINDER, both).await;
                        exit
                    }
                    ((), ()) = &mut both => ending.await,
                }
            };
            let exit = match timeout(BUDGET, listen).await {
                Ok(Ok(exit)) => Ok(exit),
                Ok(Err(_)) => Err("its end was not seen".to_owned()),
                Err(_) => {
                    // It is unreaped, so the group is still its own; where it has just ended there is nothing to kill.
                    let _ = signals::kill_group(child.pid, libc::SIGKILL);
                    Err(format!("it did not end within {} s", BUDGET.as_secs()))
                }
            };
            let (stdout, stderr) = texts.take();
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            // The loop is gone only when the keeper leaves.
            let _ = inputs.send(Input::HelperDone(Helped { errand, exit, stdout: text(stdout), stderr: text(stderr) }));
        });
        Ok(())
    }
}

fn pipe() -> io::Result<(AsyncFd<OwnedFd>, OwnedFd)> {
    use rustix::pipe::{PipeFlags, pipe_with};
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&read, true)?;
    Ok((crate::os::ready::ready(read)?, write))
}

async fn read_all(pipe: AsyncFd<OwnedFd>, mut take: impl FnMut(&[u8])) {
    let mut buffer = [0; 8192];
    let mut taken = 0;
    loop {
        let Ok(mut ready) = pipe.readable().await else { return };
        match ready.try_io(|pipe| Ok(rustix::io::read(pipe, &mut buffer)?)) {
            Ok(Ok(0)) | Ok(Err(_)) => return,
            Ok(Ok(count)) => {
                let room = OUTPUT_CAP.saturating_sub(taken).min(count);
                take(&buffer[..room]);
                taken += room;
            }
            Err(_) => {}
        }
    }
}

/// Opens what a gateway and its helpers get as standard input.
pub fn null() -> io::Result<File> {
    File::options().read(true).write(true).open("/dev/null")
}
