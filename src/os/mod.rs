//! The only unsafe and the only raw system calls. Knows nothing of planes.

#![allow(clippy::disallowed_methods, reason = "waits with a deadline read the clock that the kernel wakes them by")]

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!("gateward rests on pidfds, subreapers and /proc as 64-bit Linux has them");

pub mod launch;
pub mod reap;
pub mod lock;
pub mod process;
pub mod ancestry;
pub mod names;
pub mod open_files;
pub mod ordinal;
pub mod pidfd;
pub mod signals;
pub mod sweep;
pub mod sockets;
pub mod oom;
pub mod harden;
pub mod memfd;
pub mod exe;
pub mod pipe;
pub mod quiet;
pub mod room;
pub mod memory;
pub mod small;
pub mod inherited;
pub mod ready;
pub mod peer;
pub mod accounts;
pub mod assume;
pub mod cgroup;
pub mod means;
pub mod guise;
pub mod readers;
pub mod rolled;
pub mod trail;
pub mod terminal;

#[cfg(test)]
pub(crate) mod testing;
