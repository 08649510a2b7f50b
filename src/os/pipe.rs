//! Pipes through which a child's output is captured.
//!
//! Reads nothing: how captured bytes are read is the caller's.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

/// Both ends of a pipe that captures, closed on exec.
#[derive(Debug)]
pub struct Capture {
    /// Never blocks its reader.
    pub read: OwnedFd,
    /// Blocks its writer when the pipe is full, as programs expect of their stdout.
    pub write: OwnedFd,
}

/// Makes a pipe that holds `room` bytes, or, where the host allows less, half of that, and so on down to what it gives anyway.
///
/// An account other than root shares one budget for the buffers of all its pipes; a failure to get more is no error.
pub fn capture(room: usize) -> io::Result<Capture> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    // The two ends are two open files: this flag does not reach the child's end.
    fcntl_setfl(&read, fcntl_getfl(&read)? | OFlags::NONBLOCK)?;
    let mut room = room;
    while room > 64 << 10 && fcntl_setpipe_size(&read, room).is_err() {
        room /= 2;
    }
    Ok(Capture { read, write })
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};

    use rustix::io::{FdFlags, fcntl_getfd};
    use rustix::pipe::fcntl_getpipe_size;

    use super::*;

    #[test]
    fn the_reader_never_blocks_the_writer_does_and_neither_is_inherited() {
        let ends = capture(1 << 20).expect("a pipe");
        assert!(fcntl_getpipe_size(&ends.read).expect("a size") >= 64 << 10);
        assert!(!fcntl_getfl(&ends.write).expect("flags").contains(OFlags::NONBLOCK));
        for end in [&ends.read, &ends.write] {
            assert!(fcntl_getfd(end).expect("flags").contains(FdFlags::CLOEXEC));
        }
        let (mut read, mut write) = (std::fs::File::from(ends.read), std::fs::File::from(ends.write));
        let mut buffer = [0; 8];
        assert_eq!(read.read(&mut buffer).expect_err("empty").kind(), ErrorKind::WouldBlock);
        write.write_all(b"word").expect("written");
        drop(write);
        assert_eq!(read.read(&mut buffer).expect("read"), 4);
        assert_eq!(read.read(&mut buffer).expect("the end"), 0);
    }
}
