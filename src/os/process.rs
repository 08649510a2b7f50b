//! Facts about one process, or about all of them, as /proc tells.
//!
//! It reads and never signals. A pid alone names nobody: pair it with [`Stat::start`], and signal through
//! [`pidfd`](super::pidfd) alone.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

/// Larger than nearly every environment, so that one read takes it whole.
const ENVIRON_AT_ONCE: usize = 64 << 10;

/// The line of /proc/PID/stat, as far as we need it; readable for every process of every account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Process id.
    pub pid: i32,
    /// The kernel's name for it: at most 15 bytes, the process's own choice.
    pub comm: String,
    /// State letter: `R`, `S`, `D`, `T` (stopped), `t` (traced), `Z` (ended, not reaped) …
    pub state: u8,
    /// Parent.
    pub ppid: i32,
    /// Process group.
    pub group: i32,
    /// Session.
    pub session: i32,
    /// The kernel's own notes about it (`PF_…`).
    pub flags: u64,
    /// How many threads it has.
    pub threads: u64,
    /// Clock ticks used by all of its threads, in user and kernel.
    pub cpu_ticks: u64,
    /// Clock ticks from boot to its start. With `pid` it names one process of this boot.
    pub start: u64,
    /// Resident bytes; an approximation of the kernel's.
    pub rss: u64,
    /// The length of its environment. `None` where we may not look, for kernel threads, and between two programs, when the
    /// old one's is gone and the new one's is not there yet.
    pub environ_length: Option<u64>,
}

impl Stat {
    /// Whether it has ended and only waits to be reaped. A process whose first thread alone has ended lives.
    pub fn ended(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x') && self.threads <= 1
    }

    /// Whether it is a thread of the kernel, which nobody can end.
    pub fn is_kernels(&self) -> bool {
        self.flags & 0x0020_0000 != 0
    }

    /// Whether it is on its way out, and runs nothing of its own any more.
    pub fn is_leaving(&self) -> bool {
        self.flags & 0x4 != 0
    }

    /// Processor time used.
    pub fn cpu_time(&self) -> Duration {
        let hertz = rustix::param::clock_ticks_per_second().max(1);
        Duration::from_secs_f64(self.cpu_ticks as f64 / hertz as f64)
    }
}

/// The facts of `pid`; the error kind is `NotFound` when there is no such process.
pub fn stat(pid: i32) -> io::Result<Stat> {
    let line = read(pid, "stat")?;
    parse_stat(&line)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/stat is unreadable")))
}

/// `pid (comm) state ppid group session …`, where comm may hold anything, blanks and parentheses too.
fn parse_stat(line: &[u8]) -> Option<Stat> {
    let open = line.iter().position(|&byte| byte == b'(')?;
    let close = line.iter().rposition(|&byte| byte == b')')?;
    let pid = std::str::from_utf8(&line[..open]).ok()?.trim().parse().ok()?;
    let comm = String::from_utf8_lossy(line.get(open + 1..close)?).into_owned();
    let rest: Vec<&str> = std::str::from_utf8(&line[close + 1..]).ok()?.split_ascii_whitespace().collect();
    // proc(5) counts from 1 and `rest` begins with its third field.
    let field = |number: usize| rest.get(number - 3).copied();
    let number = |at: usize| field(at)?.parse::<u64>().ok();
    Some(Stat {
        pid,
        comm,
        state: *field(3)?.as_bytes().first()?,
        ppid: field(4)?.parse().ok()?,
        group: field(5)?.parse().ok()?,
        session: field(6)?.parse().ok()?,
        flags: number(9)?,
        threads: number(20)?,
        cpu_ticks: number(14)?.saturating_add(number(15)?),
        start: number(22)?,
        rss: number(24)?.saturating_mul(rustix::param::page_size() as u64),
        environ_length: match (number(50), number(51)) {
            (Some(begin @ 1..), Some(end)) => end.checked_sub(begin),
            (Some(0) | None, _) | (_, None) => None,
        },
    })
}

/// Clock ticks from boot to the start of `pid`.
pub fn start_time(pid: i32) -> io::Result<u64> {
    stat(pid).map(|stat| stat.start)
}

/// The ids of all processes that this /proc shows.
pub fn all() -> io::Result<Vec<i32>> {
    let mut pids = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        pids.extend(entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    Ok(pids)
}

/// All children of `pid`, of every thread, with those that have ended but were not reaped, in order.
///
/// A child that is born or adopted during the reading may be missing. [`io::ErrorKind::Unsupported`] where the kernel keeps no
/// such lists (`CONFIG_PROC_CHILDREN`).
pub fn children(pid: i32) -> io::Result<Vec<i32>> {
    'again: loop {
        let mut all = Vec::new();
        for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            let task = task?.path();
            match std::fs::read_to_string(task.join("children")) {
                Ok(list) => all.extend(list.split_ascii_whitespace().filter_map(|pid| pid.parse::<i32>().ok())),
                Err(_) if task.exists() => return Err(io::ErrorKind::Unsupported.into()),
                // A thread that has ended gave its children to another, which may have been read before.
                Err(_) => continue 'again,
            }
        }
        all.sort_unstable();
        all.dedup();
        return Ok(all);
    }
}

/// The program that it executes. Of a file removed since then the name ends in ` (deleted)`.
pub fn exe(pid: i32) -> io::Result<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/exe"))
}

/// Its working folder.
pub fn cwd(pid: i32) -> io::Result<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/cwd"))
}

/// Its arguments as they are now; a process may have overwritten them.
pub fn cmdline(pid: i32) -> io::Result<Vec<String>> {
    let bytes = read(pid, "cmdline")?;
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    Ok(bytes.split(|&byte| byte == 0).map(|arg| String::from_utf8_lossy(arg).into_owned()).collect())
}

/// The environment that it was started with, as NUL-ended `NAME=value` entries; a process may have overwritten it. Holds
/// secrets. Refused for processes of other accounts, and for those that are not dumpable.
///
/// **Hazard: a process that executes another program meanwhile** has nothing to read any more, which looks like the end of
/// the file. One large read sees all or nothing; compare with [`Stat::environ_length`] where a cut would matter.
pub fn environ_bytes(pid: i32) -> io::Result<Vec<u8>> {
    read_whole(std::fs::File::open(format!("/proc/{pid}/environ")).map_err(gone)?, ENVIRON_AT_ONCE)
}

/// As [`environ_bytes`], taken apart; what is no `NAME=value` is left out.
pub fn environ(pid: i32) -> io::Result<Vec<(OsString, OsString)>> {
    let bytes = environ_bytes(pid)?;
    let entries = bytes.split(|&byte| byte == 0).filter_map(|entry| {
        let at = entry.iter().position(|&byte| byte == b'=')?;
        Some((OsString::from_vec(entry[..at].to_vec()), OsString::from_vec(entry[at + 1..].to_vec())))
    });
    Ok(entries.collect())
}

/// The user who owns it: its effective user id.
pub fn uid(pid: i32) -> io::Result<u32> {
    let status = read(pid, "status")?;
    let line = status.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"Uid:"));
    let effective = line.and_then(|ids| std::str::from_utf8(ids).ok()?.split_ascii_whitespace().nth(1)?.parse().ok());
    effective.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/status names no user")))
}

/// The systemd unit whose cgroup it is in, the innermost one: `openclaw.service`, `session-2.scope`.
pub fn unit(pid: i32) -> Option<String> {
    unit_of(&String::from_utf8_lossy(&read(pid, "cgroup").ok()?))
}

/// Lines read `0::/system.slice/x.service` (cgroup 2) or `1:name=systemd:/system.slice/x.service`.
fn unit_of(cgroups: &str) -> Option<String> {
    let paths = cgroups.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        (controllers.is_empty() || controllers == "name=systemd").then_some(path)
    });
    let named = |part: &&str| part.ends_with(".service") || part.ends_with(".scope");
    paths.filter_map(|path| path.split('/').rfind(named)).next().map(str::to_owned)
}

/// Where the kernel counts the processes that it killed for want of memory in the cgroup of `pid`: v2 `memory.events`, v1
/// `memory.oom_control`. Look while it lives: v1 takes a process out of its cgroup when it ends.
pub fn memory_counter(pid: i32) -> Option<PathBuf> {
    let groups = read(pid, "cgroup").map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default();
    memory_events(&groups).into_iter().map(PathBuf::from).find(|file| memory_kills(file).is_some())
}

/// The host's counters of memory, `oom_kill` among them.
const OF_HOST: &str = "/proc/vmstat";

/// Where it counts those of the whole host; `None` where the kernel does not tell.
pub fn host_memory_counter() -> Option<PathBuf> {
    Some(PathBuf::from(OF_HOST)).filter(|file| memory_kills(file).is_some())
}

/// How many there are by now on the whole host; `None` where the kernel does not tell.
pub fn host_memory_kills() -> Option<u64> {
    memory_kills(std::path::Path::new(OF_HOST))
}

/// How many there are by now; `None` where that is not told.
pub fn memory_kills(counter: &std::path::Path) -> Option<u64> {
    // Between a death and the successor: one read, since the host's file is some kilobytes.
    killed(&String::from_utf8_lossy(&read_whole(std::fs::File::open(counter).ok()?, 16 << 10).ok()?))
}

/// The files in which the cgroups of a process, as /proc/PID/cgroup names them, may count such kills.
fn memory_events(groups: &str) -> Vec<String> {
    let file = |line: &str| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let path = path.trim_end_matches(" (deleted)");
        match controllers {
            "" => Some(format!("/sys/fs/cgroup{path}/memory.events")),
            some if some.split(',').any(|one| one == "memory") => {
                Some(format!("/sys/fs/cgroup/memory{path}/memory.oom_control"))
            }
            _ => None,
        }
    };
    groups.lines().filter_map(file).collect()
}

/// The count in any of these files, which name it alike.
fn killed(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")).and_then(|count| count.trim().parse().ok())
}

/// Our own file mode mask, read without changing it. Linux tells it since 4.7.
pub fn own_umask() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
    u32::from_str_radix(mask.trim(), 8).ok()
}

/// The id of this boot: tells a pid, a start time or a wish of this boot from one of another.
pub fn boot_id() -> io::Result<String> {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim_end().to_owned())
}

/// Time since boot, suspension included: the same moment to every process.
pub fn since_boot() -> Duration {
    let at = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(at).unwrap_or_default()
}

/// One read for nearly every file: to look at every process of a host is thousands of calls else.
fn read(pid: i32, file: &str) -> io::Result<Vec<u8>> {
    let file = std::fs::File::open(format!("/proc/{pid}/{file}")).map_err(gone)?;
    read_whole(file, 4 << 10)
}

/// Reads a file of /proc that the kernel makes up as it is read: it fills what it is given, so a short read is the end.
fn read_whole(mut file: std::fs::File, at_once: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; at_once];
    let mut length = 0;
    loop {
        match file.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
            Err(cause) => return Err(gone(cause)),
        }
        if length < bytes.len() {
            break;
        }
        bytes.resize(2 * bytes.len(), 0);
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// A process that ends between open and read gives ESRCH where one already gone gives ENOENT: to callers it is the same.
fn gone(cause: io::Error) -> io::Error {
    match cause.raw_os_error() {
        Some(libc::ESRCH) => io::ErrorKind::NotFound.into(),
        _ => cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_told_as_it_is() {
        let me = std::process::id().cast_signed();
        let stat = stat(me).expect("facts");
        assert_eq!((stat.pid, stat.ended(), stat.is_kernels(), stat.is_leaving()), (me, false, false, false));
        // SAFETY: all three take nothing, or 0 for this process.
        let (parent, group, session) = unsafe { (libc::getppid(), libc::getpgrp(), libc::getsid(0)) };
        assert_eq!((stat.ppid, stat.group, stat.session), (parent, group, session));
        assert!(stat.rss > 1 << 20 && stat.start > 0);
        assert_eq!(start_time(me).expect("a start"), stat.start);
        assert_eq!(exe(me).expect("a program"), std::env::current_exe().expect("a program"));
        assert_eq!(cmdline(me).expect("arguments"), std::env::args().collect::<Vec<_>>());
        let (name, value) = std::env::vars_os().next().expect("some environment");
        assert!(environ(me).expect("an environment").contains(&(name, value)));
        assert_eq!(uid(me).expect("a user"), rustix::process::geteuid().as_raw());
        assert!(all().expect("a list").contains(&me));
        assert_eq!(stat.environ_length, Some(environ_bytes(me).expect("an environment").len() as u64));
        assert_eq!(boot_id().expect("an id").len(), 36);
    }

    #[test]
    fn environments_of_every_size_are_read_whole() {
        for length in [0, 1, 100, ENVIRON_AT_ONCE - 3, ENVIRON_AT_ONCE - 2, ENVIRON_AT_ONCE] {
            let mut command = std::process::Command::new("/bin/sleep");
            command.arg("60").env_clear();
            // `A=` and the NUL take three bytes.
            let value = "x".repeat(length.saturating_sub(3));
            if length > 0 {
                command.env("A", &value);
            }
            let mut child = command.spawn().expect("a child");
            let pid = child.id().cast_signed();
            let expected = if length > 0 { format!("A={value}\0").into_bytes() } else { Vec::new() };
            // The spawn returns a moment before the exec is through.
            let whole = || stat(pid).expect("facts").environ_length == Some(expected.len() as u64);
            crate::os::testing::eventually("it has its environment", whole);
            assert_eq!(environ_bytes(pid).expect("an environment"), expected);
            child.kill().expect("ended");
            child.wait().expect("reaped");
        }
    }

    #[test]
    fn nobody_is_not_found() {
        for look in [stat(-1).map(drop), exe(-1).map(drop), environ(-1).map(drop), uid(-1).map(drop)] {
            assert_eq!(look.expect_err("nobody").kind(), io::ErrorKind::NotFound);
        }
    }

    #[test]
    fn a_name_may_hold_parentheses_and_blanks() {
        let line = b"812 (a) R (b) ) S 7 812 800 0 -1 4194560 1 2 3 4 50 60 5 6 20 0 15 0 99331 1000 300 18446744073709551615 1";
        let stat = parse_stat(line).expect("facts");
        assert_eq!((stat.comm.as_str(), stat.state, stat.ppid, stat.session), ("a) R (b) ", b'S', 7, 800));
        assert_eq!((stat.cpu_ticks, stat.start, stat.environ_length), (110, 99331, None));
        assert_eq!((stat.flags, stat.threads), (4194560, 15));
        assert_eq!(stat.rss, 300 * rustix::param::page_size() as u64);
        for broken in [&b""[..], b"1", b"1 (x", b"1 (x)", b"x (y) S 1 1 1", b")1 (", b"1 (a) S 1 1 1 1"] {
            assert_eq!(parse_stat(broken), None);
        }
    }

    #[test]
    fn kills_for_want_of_memory_are_counted_where_they_are_told() {
        let events = "low 0\nhigh 12\nmax 90\noom 3\noom_kill 2\noom_group_kill 0\n";
        assert_eq!(killed(events), Some(2));
        assert_eq!(killed("nr_free_pages 1\noom_kill 7\n"), Some(7));
        assert_eq!(killed("low 0\nhigh 0\n"), None);
        assert_eq!(killed("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"), Some(1));
        assert_eq!(
            memory_events("4:cpu,memory:/a\n1:name=systemd:/b\n0::/c (deleted)\n"),
            ["/sys/fs/cgroup/memory/a/memory.oom_control", "/sys/fs/cgroup/c/memory.events"]
        );
        let counter = host_memory_counter().expect("this kernel tells the host's");
        assert!(memory_kills(&counter).is_some());
    }

    #[test]
    fn the_innermost_unit_is_named() {
        let user = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/openclaw.service\n";
        assert_eq!(unit_of(user).as_deref(), Some("openclaw.service"));
        let below = "4:memory:/x.service\n1:name=systemd:/system.slice/gateward.service/planes/main\n";
        assert_eq!(unit_of(below).as_deref(), Some("gateward.service"));
        assert_eq!(unit_of("0::/user.slice/session-2.scope\n").as_deref(), Some("session-2.scope"));
        assert_eq!(unit_of("0::/\n"), None);
        assert_eq!(unit_of("nonsense"), None);
    }
}
