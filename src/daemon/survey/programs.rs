//! Each plane's program and environment, looked up once for all planes that have the same. Starts nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::collision::surroundings::Missing;
use crate::daemon::seal::{self, SealError};
use crate::openclaw::environment::{self, Host};
use crate::plane::{Launch, Plane, PlaneName, Planes, Supervisor};

/// What planes are started with.
pub(super) struct Programs<'a> {
    supervisor: &'a Supervisor,
    own: BTreeMap<String, String>,
    /// By what they are looked up by: few, whatever the number of planes.
    known: Vec<Known>,
}

struct Known {
    launch: Launch,
    path: Option<String>,
    cwd: PathBuf,
    host: Host,
}

impl<'a> Programs<'a> {
    /// Planes of `supervisor`, started from this process's own environment.
    pub(super) fn new(supervisor: &'a Supervisor) -> Self {
        Self { supervisor, own: seal::own_environ(), known: Vec::new() }
    }

    /// The environment that planes get theirs from.
    pub(super) fn own(&self) -> &BTreeMap<String, String> {
        &self.own
    }

    /// The program of `plane`, with what its environment is made from.
    pub(super) fn host(&mut self, plane: &Plane) -> Result<&Host, SealError> {
        let path = plane.environment.get("PATH");
        let rests_on_cwd = matches!(plane.launch, Launch::Command(_));
        let is_same = |known: &Known| {
            known.launch == plane.launch && known.path.as_ref() == path && (!rests_on_cwd || known.cwd == plane.cwd)
        };
        let at = match self.known.iter().position(is_same) {
            Some(at) => at,
            // An error names its plane, so it is made anew for each.
            None => {
                let (program, bin) = seal::program(plane, &self.own)?;
                let host = Host { environ: self.own.clone(), program, bin };
                let (launch, path, cwd) = (plane.launch.clone(), path.cloned(), plane.cwd.clone());
                self.known.push(Known { launch, path, cwd, host });
                self.known.len() - 1
            }
        };
        Ok(&self.known[at].host)
    }

    /// The planes whose program is not there.
    pub(super) fn missing(&mut self, planes: &Planes) -> BTreeMap<PlaneName, Missing> {
        let mut found = BTreeMap::new();
        for (plane, _) in &planes.planes {
            if let Err(error) = self.host(plane) {
                found.insert(plane.name.clone(), Missing { message: error.message, hint: error.hint });
            }
        }
        found
    }

    /// The environment of `plane`'s gateway. Where its program is not there, what would be declared with it is still
    /// known: only PATH may lack the program's own folder.
    pub(super) fn environ(&mut self, plane: &Plane) -> BTreeMap<String, String> {
        let supervisor = self.supervisor;
        if let Ok(host) = self.host(plane) {
            return environment::environ(plane, supervisor, host);
        }
        let host = Host { environ: self.own.clone(), program: PathBuf::new(), bin: None };
        environment::environ(plane, supervisor, &host)
    }

    /// The same without the port that gateward says: what a config or a `.env` says of another one is to be found, since whoever
    /// runs an `openclaw` by hand goes by that.
    pub(super) fn environ_of_files(&mut self, plane: &Plane) -> BTreeMap<String, String> {
        let mut environ = self.environ(plane);
        environ.remove(environment::PORT);
        environ
    }
}
