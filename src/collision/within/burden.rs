//! Arguments and environment of one plane against what can be handed to its program.
//!
//! Names variables and never tells a value.

use super::Subject;
use crate::collision::codes::Code;
use crate::collision::finding::Finding;
use crate::collision::surroundings::Bearer;

/// More than can be handed on.
pub(super) fn too_large(subject: &Subject) -> Option<Finding> {
    let name = &subject.plane.name;
    let burden = subject.around.burdens.get(name)?;
    let (bytes, most) = (burden.bytes, burden.most);
    let message = match burden.bearer {
        Bearer::Kernel => format!(
            "the arguments and the environment of `{name}` take {bytes} bytes, and the kernel hands at most {most} to its program"
        ),
        Bearer::Wire => format!(
            "the definition of `{name}` takes {bytes} bytes with its environment, and gateward hands on at most {most}"
        ),
    };
    let largest: Vec<String> = burden.largest.iter().map(|(what, length)| format!("{what} ({length} bytes)")).collect();
    let hint = format!(
        "put what is large into files of the plane, and their paths in its place; the largest are {}",
        largest.join(", ")
    );
    let keys = ["env_file", "pass_env", "env", "args", "command"];
    let one = subject.finding(Code::EnvironmentTooLarge, "environment");
    let written: Vec<_> = keys.into_iter().filter_map(|key| subject.places.keys.get(key)).collect();
    let one = match written.as_slice() {
        [] => one.at(subject.places.of("env"), ""),
        written => written.iter().fold(one, |one, place| one.at(Some(place), "")),
    };
    Some(one.saying(message).hinting(hint))
}
