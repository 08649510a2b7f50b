//! Carries wire messages over unix sockets: frames, callers, listeners. Decides nothing.
//!
//! Whoever answers uses [`Listener`] with [`serve()`]; who asks one, in a tokio program, uses [`Caller`]; who asks many and
//! has no runtime (the command line) uses [`Calls`]. Every buffer, queue and wait is bounded, so that neither a hostile
//! nor a stopped peer costs more than its own connection.

#![allow(
    clippy::disallowed_methods,
    reason = "deadlines of calls: how long a peer may take is no decision about a plane"
)]

mod call_error;
mod caller;
mod calls;
mod frame;
mod listener;
mod lost;
mod place;
mod serve;

pub use call_error::{CallError, CallFailure};
pub use caller::Caller;
pub use calls::{CallId, Calls, Next};
pub use frame::{FrameError, Frames};
pub use listener::{Connection, Listener, Peer, Touched};
pub use place::{Access, give_again, make_folder};
pub use serve::{Heard, HungUp, Reply, forward, serve};

/// Connections that one listener holds at once.
pub const MOST_CONNECTIONS: usize = 64;

/// How many of them may be of others than root and the listener's own user: members of `socket_group`.
pub const MOST_GUESTS: usize = MOST_CONNECTIONS / 2;

#[cfg(test)]
mod tests;
