//! Looks at all processes of the world, over and over, while faults strike: at most one gateway a plane, and planes that nobody
//! means stay what they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use gateward::wire::PlaneStatus;

use crate::support::processes::{bearing, environ, is_alive};
use crate::support::{Gateward, say};

/// A pause between two looks, so that the watcher does not starve the watched.
const PAUSE: Duration = Duration::from_millis(30);

/// Descriptors that come and go with conversations.
const PASSING: usize = 6;

/// The watcher.
pub struct Watch {
    thread: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    looks: Arc<AtomicU64>,
    broken: Arc<Mutex<Vec<String>>>,
    untouched: Vec<PlaneStatus>,
    descriptors: BTreeMap<i32, usize>,
}

impl Watch {
    /// Begins to look; `untouched` names the planes that no fault means.
    pub fn begin(world: &Gateward, untouched: &[&str]) -> Self {
        let untouched: Vec<PlaneStatus> = untouched.iter().map(|name| world.plane(name)).collect();
        let keepers = untouched.iter().filter_map(|plane| plane.keeper_pid);
        let descriptors = keepers.map(|pid| (pid, descriptors(pid))).collect();
        let (stop, looks, broken) = (Arc::default(), Arc::default(), Arc::default());
        let mut watch = Self { thread: None, stop, looks, broken, untouched, descriptors };
        let scratch: PathBuf = world.scratch().path().to_owned();
        let pids: Vec<(String, i32)> =
            watch.untouched.iter().filter_map(|plane| Some((plane.name.to_string(), plane.pid?))).collect();
        let (stop, looks, broken) = (Arc::clone(&watch.stop), Arc::clone(&watch.looks), Arc::clone(&watch.broken));
        watch.thread = Some(std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let found = look(&scratch, &pids);
                looks.fetch_add(1, Ordering::Relaxed);
                if !found.is_empty() {
                    broken.lock().expect("a list").extend(found);
                    return;
                }
                std::thread::park_timeout(PAUSE);
            }
        }));
        watch
    }

    /// Fails as soon as an invariant was seen broken; `after` is what was done last.
    pub fn check(&self, after: &str) {
        let broken = self.broken.lock().expect("a list");
        assert!(broken.is_empty(), "after {after}:\n{}", broken.join("\n"));
    }

    /// The last look, at planes that are all up and at rest.
    pub fn end(mut self, planes: &[PlaneStatus]) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the watcher looks to the end");
        }
        self.check("everything");
        for before in &self.untouched {
            let now = planes.iter().find(|plane| plane.name == before.name).expect("it is there");
            assert_eq!(
                (now.pid, now.keeper_pid, now.incarnation),
                (before.pid, before.keeper_pid, before.incarnation),
                "{} was not meant",
                before.name
            );
        }
        for (pid, before) in &self.descriptors {
            let now = descriptors(*pid);
            assert!(now <= before + PASSING, "the keeper {pid} had {before} descriptors open and has {now}");
        }
        say(&format!("chaos: {} looks, nothing broken", self.looks.load(Ordering::Relaxed)));
    }
}

/// What is wrong now.
fn look(scratch: &Path, untouched: &[(String, i32)]) -> Vec<String> {
    let mut gateways: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for pid in bearing(scratch) {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = words.split(|byte| *byte == 0).collect();
        let is_gateway = words.contains(&&b"--port"[..]) || words.contains(&&b"chaos"[..]);
        // A subshell has its parent's words for a moment.
        let leads = session(pid) == Some(pid);
        if is_gateway && leads && is_alive(pid) {
            let plane = environ(pid).get("GATEWARD_PLANE").cloned().unwrap_or_default();
            gateways.entry(plane).or_default().push(pid);
        }
    }
    let two = |(plane, pids): (&String, &Vec<i32>)| {
        // The first may have ended while the second was looked for.
        let living: Vec<&i32> = pids.iter().filter(|pid| is_alive(**pid)).collect();
        (living.len() > 1 && !plane.is_empty()).then(|| format!("{plane} has {} gateways: {living:?}", living.len()))
    };
    let dead =
        |(plane, pid): &(String, i32)| (!is_alive(*pid)).then(|| format!("{plane} was not meant, and {pid} ended"));
    gateways.iter().filter_map(two).chain(untouched.iter().filter_map(dead)).collect()
}

fn session(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(3)?.parse().ok()
}

fn descriptors(pid: i32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}
