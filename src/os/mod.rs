//! The only unsafe and the only raw system calls. Knows nothing of planes.

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!("gateward rests on pidfds, subreapers and /proc as 64-bit Linux has them");

pub mod launch;
pub mod lock;
pub mod peer;
pub mod reap;

#[cfg(test)]
mod testing;

#[cfg(test)]
fn launch_pidfd(pid: i32) -> std::os::fd::OwnedFd {
    let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).expect("a pidfd")
}
