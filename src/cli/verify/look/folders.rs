//! Files and browsers that have to do with a plane's folders. Opens none of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{Browser, World, named, real};
use crate::openclaw::config::declared::{Declared, SurfaceKind};
use crate::os::open_files::OpenFile;
use crate::os::process;
use crate::plane::{Plane, PlaneName, Planes};

/// Browsers that are the plane's own or work in its folders.
pub fn browsers(plane: &Plane, config: Option<&Declared>, world: &World) -> Vec<Browser> {
    let mut folders = vec![real(&plane.state_dir)];
    let surfaces = config.map(|config| config.surfaces.as_slice()).unwrap_or_default();
    let declared = surfaces.iter().filter(|surface| surface.kind == SurfaceKind::BrowserUserData);
    folders.extend(declared.map(|surface| real(&surface.path.value)));
    let browser = |pid: i32| {
        let arguments = process::cmdline(pid).ok()?;
        // Its helpers carry a `--type`, and go with it.
        if arguments.iter().any(|argument| argument.starts_with("--type=")) {
            return None;
        }
        let folder = arguments.iter().find_map(|argument| argument.strip_prefix("--user-data-dir="))?;
        let folder = real(Path::new(folder));
        let in_own_folder = folders.iter().any(|own| folder.starts_with(own));
        let own = world.tree(&plane.name).contains(&pid);
        (own || in_own_folder).then(|| Browser { process: named(pid), own, folder, in_own_folder })
    };
    process::all().unwrap_or_default().into_iter().filter_map(browser).collect()
}

/// Who has which plane's files open.
pub struct Files {
    pub own: Vec<(PathBuf, String)>,
    pub foreign: Vec<(PathBuf, PlaneName, String)>,
    pub invaded: Vec<(PathBuf, PlaneName, String)>,
    pub hidden: usize,
}

impl Files {
    /// Compares what all planes' processes have open.
    pub fn look(plane: &Plane, planes: &Planes, world: &World) -> Self {
        let folders: BTreeMap<&PlaneName, PathBuf> =
            planes.planes.iter().map(|(plane, _)| (&plane.name, real(&plane.state_dir))).collect();
        let holder = |path: &Path| folders.iter().find(|(_, folder)| path.starts_with(folder)).map(|(name, _)| *name);
        let (mut own, mut foreign, mut invaded) = (Vec::new(), Vec::new(), Vec::new());
        let tree = world.tree(&plane.name);
        let open = |tree: &[i32]| -> Vec<(i32, OpenFile)> {
            let seen = tree.iter().filter_map(|pid| Some((*pid, world.files.get(pid)?)));
            seen.flat_map(|(pid, files)| files.iter().map(move |file| (pid, file.clone()))).collect()
        };
        let ours = open(tree);
        for (pid, file) in &ours {
            match holder(&file.path) {
                Some(name) if *name == plane.name => own.push((file.path.clone(), named(*pid))),
                Some(other) => foreign.push((file.path.clone(), other.clone(), named(*pid))),
                None => {}
            }
        }
        let written: BTreeSet<(u64, u64)> =
            ours.iter().filter(|(_, file)| file.writable).map(|(_, file)| file.identity).collect();
        for (other, tree) in world.trees.iter().filter(|(name, _)| **name != plane.name) {
            for (pid, file) in open(tree) {
                let shared = file.writable && written.contains(&file.identity);
                if shared || holder(&file.path) == Some(&plane.name) {
                    invaded.push((file.path, other.clone(), named(pid)));
                }
            }
        }
        let hidden = tree.iter().filter(|pid| !world.files.contains_key(pid)).count();
        Self { own, foreign, invaded, hidden }
    }
}
