//! The limits of one plane against what the supervisor can hold it to.

use super::Subject;
use crate::collision::codes::Code;
use crate::collision::finding::Finding;
use crate::collision::surroundings::Lack;

/// Each limit that cannot be had, by its key.
pub(super) fn unavailable(subject: &Subject) -> Vec<Finding> {
    let Some(means) = &subject.around.means else { return Vec::new() };
    let limits = &subject.plane.limits;
    let lack = |lack: &Option<Lack>, asked: bool| lack.clone().filter(|_| asked);
    let beyond = |why: String, capability: &str, setting: &str| {
        let hint = format!(
            "give the supervisor {capability} ({setting} in a unit; root has it unless a container or a unit takes it away), or \
             take the key out"
        );
        Some(Lack { why: format!("{why} for a supervisor without {capability}"), hint })
    };
    let open_files = limits.open_files.filter(|asked| *asked > means.open_files_most);
    let nice = limits.nice.filter(|asked| *asked < means.nice_least);
    let oom = limits.oom_score_adj.filter(|asked| *asked < means.oom_score_adj_least);
    let lacks = [
        ("memory_high", lack(&means.no_memory, limits.memory_high.is_some())),
        ("memory_max", lack(&means.no_memory, limits.memory_max.is_some())),
        ("pids_max", lack(&means.no_pids, limits.pids_max.is_some())),
        (
            "open_files",
            open_files.map(|_| Lack {
                why: format!("{} is the most that the supervisor may give", means.open_files_most),
                hint: "raise its own limit (LimitNOFILE= in a unit), or, where it has CAP_SYS_RESOURCE, fs.nr_open; or take the \
                       key out"
                    .to_owned(),
            }),
        ),
        (
            "nice",
            nice.and_then(|_| {
                beyond(format!("{} is the least", means.nice_least), "CAP_SYS_NICE", "or AmbientCapabilities=")
            }),
        ),
        (
            "oom_score_adj",
            oom.and_then(|_| {
                let least = format!("{} is the least", means.oom_score_adj_least);
                beyond(least, "CAP_SYS_RESOURCE", "or OOMScoreAdjust=")
            }),
        ),
    ];
    lacks.into_iter().filter_map(|(key, lack)| Some(said(subject, key, lack?))).collect()
}

fn said(subject: &Subject, key: &str, lack: Lack) -> Finding {
    let key = format!("limits.{key}");
    let message = format!("`{key}` of `{}` cannot be had: {}", subject.plane.name, lack.why);
    let one = subject.finding(Code::LimitUnavailable, key.as_str()).at(subject.places.of(&key), "");
    one.saying(message).hinting(lack.hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collision::surroundings::{Means, Surroundings};
    use crate::plane::{Limits, Places, testing};

    #[test]
    fn what_cannot_be_had_is_said_by_its_key_and_nothing_else_is() {
        let (mut plane, _) = testing::plane("main", 21_000);
        let lack = Lack { why: "no cgroup2 file system is mounted".into(), hint: "x".into() };
        let means = Means {
            no_memory: Some(lack),
            no_pids: None,
            open_files_most: 4096,
            nice_least: 0,
            oom_score_adj_least: 0,
        };
        let around = Surroundings { means: Some(means), ..Surroundings::default() };
        let said = |plane: &crate::plane::Plane| {
            let subject = Subject { plane, places: &Places::default(), around: &around };
            unavailable(&subject).into_iter().map(|finding| finding.surface).collect::<Vec<_>>()
        };
        assert!(said(&plane).is_empty());
        plane.limits = Limits {
            memory_high: None,
            memory_max: Some(1 << 30),
            pids_max: Some(10),
            open_files: Some(4096),
            nice: Some(-1),
            oom_score_adj: Some(0),
        };
        assert_eq!(said(&plane), ["limits.memory_max", "limits.nice"]);
        plane.limits = Limits { open_files: Some(4097), oom_score_adj: Some(-1), ..Limits::default() };
        assert_eq!(said(&plane), ["limits.open_files", "limits.oom_score_adj"]);
    }
}
