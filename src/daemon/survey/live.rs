//! The live half of a survey, put together. Each part looks by itself; nothing here judges.

use super::asking::{self, Question};
use super::paths::Paths;
use super::processes::Processes;
use super::{owners, ports, services, strays};
use crate::collision::gather::Declarations;
use crate::collision::host::Live;
use crate::plane::Planes;

/// Looks at what runs, while OpenClaw is asked the questions.
pub(super) fn look(planes: &Planes, declared: &Declarations, paths: &mut Paths, questions: Vec<Question>) -> Live {
    std::thread::scope(|scope| {
        let answers = scope.spawn(|| asking::ask(questions));
        let processes = Processes::look(planes);
        let ports = ports::look(planes, declared, &processes);
        let mut live = Live {
            listeners: ports.listeners,
            passing: ports.passing,
            bases: ports.bases,
            owners: owners::look(planes, paths, &processes),
            services: services::look(planes, paths),
            strays: strays::look(planes, paths, &processes),
            validity: Default::default(),
        };
        // A panic there would be ours; the findings of the rest are worth more than its trace.
        live.validity = answers.join().unwrap_or_default();
        live
    })
}
