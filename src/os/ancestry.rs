//! The line of parents above this process, as /proc tells.
//!
//! Of the past when it arrives, as every look at processes is: it serves people and finds folders, and signals nobody.

use super::process::{self, Stat};

/// More parents than any host has; a line that is read while it changes could else turn in a circle.
const MOST: usize = 512;

/// The parents of `pid`, the nearest first, as far as this /proc shows them.
pub fn above(pid: i32) -> Vec<Stat> {
    let parent = |of: &Stat| process::stat(of.ppid).ok().filter(|stat| stat.pid > 0);
    std::iter::successors(process::stat(pid).ok(), parent).skip(1).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_child_of_a_child_has_both_above_it_in_order() {
        let mut shell = Command::new("/bin/sh");
        let shell = shell.args(["-c", "sh -c 'echo $$; read _; :'; :"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = shell.spawn().expect("a shell");
        let mut line = String::new();
        let mut said = std::io::BufReader::new(shell.stdout.take().expect("a pipe"));
        std::io::BufRead::read_line(&mut said, &mut line).expect("its word");
        let line = above(line.trim().parse().expect("a pid"));
        let pids: Vec<i32> = line.iter().map(|stat| stat.pid).take(2).collect();
        assert_eq!(pids, [shell.id().cast_signed(), std::process::id().cast_signed()]);
        assert_eq!(above(-1), []);
        drop(shell.stdin.take());
        shell.wait().expect("reaped");
    }
}
