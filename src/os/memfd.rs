//! Bytes handed from process to process without touching a disk, sealed so that neither side can change them afterwards.
//!
//! It never writes a name into any file system.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::{MemfdFlags, SealFlags};

const SEALS: SealFlags = SealFlags::WRITE.union(SealFlags::GROW).union(SealFlags::SHRINK).union(SealFlags::SEAL);

/// A close-on-exec descriptor whose content is `bytes` for ever. `name` is shown in /proc only.
pub fn sealed(name: &str, bytes: &[u8]) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Kernels from 6.3 on may insist on a word about execution; older ones do not know the flag.
    let fd = rustix::fs::memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL)
        .or_else(|_| rustix::fs::memfd_create(name, flags))?;
    let mut file = File::from(fd);
    file.write_all(bytes)?;
    rustix::fs::fcntl_add_seals(&file, SEALS)?;
    Ok(file.into())
}

/// What [`sealed`] was given, from the beginning, whatever was read before. Refuses a descriptor that is not sealed, or
/// whose content is longer than `most` bytes.
pub fn read(fd: impl AsFd, most: usize) -> io::Result<Vec<u8>> {
    let refused = |why: &str| io::Error::new(io::ErrorKind::InvalidInput, why.to_owned());
    let fd = fd.as_fd();
    let seals = rustix::fs::fcntl_get_seals(fd).map_err(|_| refused("the descriptor is not a memfd"))?;
    if !seals.contains(SEALS) {
        return Err(refused("the memfd is not sealed: its sender could still change it"));
    }
    let file = File::from(fd.try_clone_to_owned()?);
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if length > most {
        return Err(refused(&format!("the memfd holds {length} bytes, more than {most}")));
    }
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_as_given_and_cannot_be_changed() {
        let fd = sealed("plane", b"secret").expect("sealed");
        assert_eq!(read(&fd, 6).expect("read"), b"secret");
        assert_eq!(read(&fd, 6).expect("read again"), b"secret");
        let mut file = File::from(fd.try_clone().expect("a copy"));
        assert_eq!(file.write(b"x").expect_err("sealed").kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(file.set_len(3).expect_err("sealed").kind(), io::ErrorKind::PermissionDenied);
        assert!(read(&fd, 5).is_err(), "longer than allowed");
        assert_eq!(read(sealed("none", b"").expect("sealed"), 0).expect("read"), b"");
    }

    #[test]
    fn what_is_not_sealed_is_refused() {
        let open = rustix::fs::memfd_create("open", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).expect("a memfd");
        assert!(read(&open, 9).is_err());
        assert!(read(File::open("/dev/null").expect("a file"), 9).is_err());
    }
}
