//! Files that are no manifests: each is told what it is, at once, and none makes a verb hang or eat the memory.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use gateward::daemon::load::{self, LoadError};
use gateward::manifest::error::Code;
use tempfile::TempDir;

/// Reads in a thread of its own, so that a read that hangs is a failure and not a test that never ends.
#[track_caller]
fn fails(path: &Path) -> LoadError {
    let (send, receive) = mpsc::channel();
    let path = path.to_owned();
    std::thread::spawn(move || drop(send.send(load::read(&path))));
    *receive.recv_timeout(Duration::from_secs(20)).expect("an answer within the budget").expect_err("no manifest")
}

/// The one mistake of a file that cannot be read, and that it says so in these words.
#[track_caller]
fn says(path: &Path, code: Code, words: &str) {
    let error = fails(path);
    let [mistake] = error.mistakes.as_slice() else { panic!("{:?}", error.mistakes) };
    assert_eq!(mistake.code, code, "{mistake:?}");
    assert!(mistake.message.contains(words), "{}", mistake.message);
    assert!(mistake.message.contains(path.to_str().unwrap()) && !mistake.hint.is_empty(), "{mistake:?}");
    assert_eq!(error.manifest.as_deref(), Some(path));
}

#[test]
fn what_is_no_file() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    says(folder.path(), Code::Unreadable, "is a folder");
    fs::write(at("supervisor.toml"), "").unwrap();
    assert!(fails(folder.path()).mistakes[0].hint.contains("supervisor.toml"));
    nix::unistd::mkfifo(&at("fifo"), nix::sys::stat::Mode::S_IRUSR).unwrap();
    says(&at("fifo"), Code::Unreadable, "is a named pipe");
    let _listener = UnixListener::bind(at("socket")).unwrap();
    says(&at("socket"), Code::Unreadable, "is a socket");
    says(Path::new("/dev/zero"), Code::Unreadable, "is a device");
    says(&at("nowhere"), Code::Unreadable, "does not exist");
    says(&at("supervisor.toml/x"), Code::Unreadable, "no folder");
    says(&at(&"x".repeat(300)), Code::Unreadable, "cannot be read");
}

#[test]
fn links_that_lead_nowhere() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    symlink(at("b"), at("a")).unwrap();
    symlink(at("a"), at("b")).unwrap();
    says(&at("a"), Code::Unreadable, "a loop of symbolic links");
    symlink("gone.toml", at("dangling")).unwrap();
    says(&at("dangling"), Code::Unreadable, "is a symbolic link to `gone.toml`, which does not exist");
}

#[test]
fn what_is_no_text() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("latin1"), b"[planes.main]\nport = 1\nisolates = \"caf\xe9\"\n").unwrap();
    says(&at("latin1"), Code::NotText, "is not UTF-8: byte 38 (0xe9, line 3)");
    let error = fails(&at("latin1"));
    assert_eq!(error.mistakes[0].at.as_ref().map(|place| (place.line, place.column)), Some((3, 16)));
    fs::write(at("elf"), b"\x7fELF\x02\x01\x01\0\0\0\0\xff\xfe").unwrap();
    says(&at("elf"), Code::NotText, "is a binary file");
    fs::write(at("utf16"), b"\xff\xfe[\0p\0").unwrap();
    says(&at("utf16"), Code::NotText, "is UTF-16");
    fs::write(at("bom"), b"\xef\xbb\xbf[planes.main]\nport = 18789\n").unwrap();
    assert!(load::read(&at("bom")).is_ok());
}

#[test]
fn what_is_too_large_is_not_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("large.toml");
    fs::File::create(&path).unwrap().set_len(100 << 20).unwrap();
    says(&path, Code::Unreadable, "is too large: 100 MiB");
    fs::File::create(&path).unwrap().set_len((1 << 20) + 1).unwrap();
    says(&path, Code::Unreadable, "is too large: 1048577 bytes, and at most 1 MiB (1048576 bytes) is read");
}

#[test]
fn what_may_not_be_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("secret.toml");
    fs::write(&path, "[planes.main]\nport = 1\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    // Root may read everything, unless this one thread looks at files as somebody else.
    let as_nobody = move || {
        if nix::unistd::geteuid().is_root() {
            nix::unistd::setfsuid(nix::unistd::Uid::from_raw(65534));
        }
        load::read(&path).expect_err("not readable")
    };
    let error = std::thread::spawn(as_nobody).join().unwrap();
    assert!(error.mistakes[0].message.contains("may not be read by this user"), "{}", error.mistakes[0].message);
}

#[test]
fn what_is_empty_says_what_to_do() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("empty.toml");
    fs::write(&path, "").unwrap();
    let error = fails(&path);
    assert_eq!((error.mistakes[0].code, error.mistakes.len()), (Code::NoPlanes, 1));
    assert!(error.mistakes[0].hint.contains("gateward init"));
}

#[test]
fn the_supervisors_folders_are_found_through_a_broken_manifest() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("broken.toml");
    fs::write(&path, "[supervisor]\nrun_dir = \"r\"\nstate_dir = \"s\"\nwatch = 7\n[planes.Main\nport = = 3\n\"\"\"")
        .unwrap();
    fails(&path);
    let supervisor = load::dirs_only(&path).unwrap();
    assert_eq!(supervisor.run_dir, folder.path().join("r"));
    assert_eq!(supervisor.state_dir, folder.path().join("s"));
    let elsewhere = load::dirs_only(&folder.path().join("nowhere.toml")).unwrap();
    assert!(elsewhere.run_dir.is_absolute() && elsewhere.state_dir.is_absolute());
}

#[test]
fn an_env_file_is_read_and_looked_at() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("m.toml"), "[planes.main]\nport = 18789\nenv_file = \"main.env\"\n").unwrap();
    assert_eq!(fails(&at("m.toml")).mistakes[0].code, Code::EnvFile);
    fs::write(at("main.env"), "TOKEN=SECRET\n").unwrap();
    fs::set_permissions(at("main.env"), fs::Permissions::from_mode(0o640)).unwrap();
    let error = fails(&at("m.toml"));
    assert_eq!(error.mistakes[0].code, Code::EnvFileOpen);
    assert!(error.mistakes[0].message.contains("mode 0640"), "{error}");
    fs::set_permissions(at("main.env"), fs::Permissions::from_mode(0o600)).unwrap();
    let loaded = load::read(&at("m.toml")).unwrap();
    assert_eq!(loaded.planes.planes[0].0.environment["TOKEN"], "SECRET");
    fs::remove_file(at("main.env")).unwrap();
    nix::unistd::mkfifo(&at("main.env"), nix::sys::stat::Mode::S_IRUSR).unwrap();
    assert!(fails(&at("m.toml")).mistakes[0].message.contains("is a named pipe"));
}
