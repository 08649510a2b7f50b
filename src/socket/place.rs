//! Where sockets lie: their folder, its rights, and addresses for paths of any length.
//!
//! Never takes a folder that somebody else could write into.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::net::SocketAddrUnix;

/// Bytes of a path that fit into a socket address beside its terminating zero.
const ADDRESS_ROOM: usize = 107;

/// Who may connect, beside root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The user we run as.
    Owner,
    /// That user, and the members of this group.
    Group(u32),
}

impl Access {
    /// From `socket_group` of the manifest.
    pub fn of(group: Option<&str>) -> io::Result<Self> {
        let Some(name) = group else { return Ok(Self::Owner) };
        match nix::unistd::Group::from_name(name)? {
            Some(group) => Ok(Self::Group(group.gid.as_raw())),
            None => Err(io::Error::new(io::ErrorKind::NotFound, format!("socket_group: there is no group `{name}`"))),
        }
    }

    fn folder_mode(self) -> u32 {
        match self {
            Self::Owner => 0o700,
            Self::Group(_) => 0o750,
        }
    }

    pub(super) fn socket_mode(self) -> u32 {
        match self {
            Self::Owner => 0o600,
            Self::Group(_) => 0o660,
        }
    }

    /// The group that may.
    pub fn group(self) -> Option<u32> {
        match self {
            Self::Owner => None,
            Self::Group(gid) => Some(gid),
        }
    }
}

/// Makes `path` and what is missing above it, for sockets; an existing one is taken only if no stranger can write into it.
///
/// A folder of ours that is closed to strangers gets the rights of `access`; one that an operator opened to readers is left
/// as it is, for it may be the home of other things.
pub fn make_folder(path: &Path, access: Access) -> io::Result<()> {
    if let Some(parent) = path.parent()
        && !parent.as_os_str().is_empty()
        && !parent.exists()
    {
        DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => return give(path, access),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(about(path, &error)),
    }
    let found = fs::metadata(path).map_err(|error| about(path, &error))?;
    let ours = rustix::process::geteuid().as_raw();
    let refuse =
        |why: String| Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{}: {why}", path.display())));
    if !found.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, format!("{}: is not a folder", path.display())));
    }
    if found.uid() != ours && found.uid() != 0 {
        return refuse(format!("belongs to user {}, who could replace the sockets in it", found.uid()));
    }
    if found.mode() & 0o022 != 0 {
        return refuse(format!("others can write into it (mode {:04o})", found.mode() & 0o7777));
    }
    if found.uid() == ours && found.mode() & 0o007 == 0 { give(path, access) } else { Ok(()) }
}

/// Gives the sockets of living keepers to the group again: systemd takes a `RuntimeDirectory=` back with all that lies in it, at each
/// start of a unit, when its group is not the unit's.
pub fn give_again(folder: &Path, access: Access) {
    let Some(gid) = access.group() else { return };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_socket()) {
            continue;
        }
        let path = entry.path();
        let given = chown(&path, None, Some(gid))
            .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(access.socket_mode())));
        if let Err(error) = given {
            tracing::warn!(%error, socket = %path.display(), "members of socket_group cannot use it");
        }
    }
}

fn give(path: &Path, access: Access) -> io::Result<()> {
    if let Some(gid) = access.group() {
        chown(path, None, Some(gid)).map_err(|error| about(path, &error))?;
    }
    fs::set_permissions(path, Permissions::from_mode(access.folder_mode())).map_err(|error| about(path, &error))
}

/// The error again, saying which path it speaks of.
pub(super) fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// A socket address that reaches a path of any length.
///
/// A long one goes through the opened folder, which must stay open until `bind` or `connect` has returned.
pub(super) struct Address {
    pub(super) unix: SocketAddrUnix,
    _folder: Option<OwnedFd>,
}

impl Address {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        if path.as_os_str().len() <= ADDRESS_ROOM {
            return Ok(Self { unix: SocketAddrUnix::new(path)?, _folder: None });
        }
        let name = path.file_name().unwrap_or(OsStr::from_bytes(b""));
        let parent = path.parent().unwrap_or(Path::new("/"));
        let folder = rustix::fs::open(parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let through: PathBuf = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
        Ok(Self { unix: SocketAddrUnix::new(&through)?, _folder: Some(folder) })
    }
}
