//! Keep-alives for the service manager, if it asked for them: each goes through the loop, so that none is sent by a loop that
//! hangs.
//!
//! The only thing here that wakes an idle daemon, and only under a service manager.

use std::time::Duration;

use tokio::sync::mpsc;

use super::input::Input;

/// How often the service manager is asked for patience while planes drain.
pub const DRAIN_PACE: Duration = Duration::from_secs(20);

/// How much patience each time.
pub const DRAIN_PATIENCE: Duration = Duration::from_secs(90);

/// How often the service manager wants to hear of us; none when it does not watch us. A third of its patience: two
/// keep-alives may be late.
pub fn pace() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|patience| patience / 3)
}

/// Sends the loop around, now and then again and again, until it is gone.
pub async fn turn(pace: Duration, inputs: mpsc::UnboundedSender<Input>) {
    while inputs.send(Input::Alive).is_ok() {
        tokio::time::sleep(pace).await;
    }
}
