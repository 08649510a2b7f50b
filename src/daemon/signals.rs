//! Signals to the supervisor, as inputs of its loop.
//!
//! Decides nothing, but whether a SIGHUP was sent by somebody or comes of a terminal that was closed.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::input::{Input, Told};
use crate::os::terminal::Terminal;

/// A foreground whose session ends hears of it a moment before the terminal is taken from it.
const HANGING_UP: Duration = Duration::from_millis(50);

/// Hears them from now on, each as an input; those that were held back come first.
pub fn listen(inputs: &mpsc::UnboundedSender<Input>) -> io::Result<()> {
    let wanted: [(SignalKind, fn() -> Input); 4] = [
        (SignalKind::child(), || Input::ChildrenChanged),
        (SignalKind::terminate(), || Input::Signal(Told::Terminate)),
        (SignalKind::interrupt(), || Input::Signal(Told::Interrupt)),
        (SignalKind::user_defined2(), || Input::Signal(Told::Exec)),
    ];
    for (kind, make) in wanted {
        let mut signals = signal(kind)?;
        let inputs = inputs.clone();
        tokio::task::spawn_local(async move {
            while signals.recv().await.is_some() {
                if inputs.send(make()).is_err() {
                    return;
                }
            }
        });
    }
    tokio::task::spawn_local(hear_hangups(signal(SignalKind::hangup())?, inputs.clone()));
    // It means nothing here, and OpenClaw's own restart to many: it must not end the supervisor.
    let mut meaningless = signal(SignalKind::user_defined1())?;
    tokio::task::spawn_local(async move { while meaningless.recv().await.is_some() {} });
    // One that executed us in place held them back until somebody would hear them.
    crate::os::signals::let_through();
    Ok(())
}

/// Tells a SIGHUP that somebody sent from that of a terminal which was closed over us: the latter asks for nothing.
async fn hear_hangups(mut signals: Signal, inputs: mpsc::UnboundedSender<Input>) {
    let mut terminal = Terminal::of_this_process();
    while signals.recv().await.is_some() {
        let mut is_lost = terminal.was_lost();
        if !is_lost && terminal.is_ours() {
            tokio::time::sleep(HANGING_UP).await;
            is_lost = terminal.was_lost();
        }
        let told = if is_lost { Told::HangUp } else { Told::Reload };
        if inputs.send(Input::Signal(told)).is_err() {
            return;
        }
    }
}
