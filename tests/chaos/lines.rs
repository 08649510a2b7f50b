//! Every line that a plane has said is in its log, once, in its order.

use std::collections::BTreeMap;

use crate::support::Gateward;

/// Asserts that each process's numbers count up from 1 without a gap; what a killed keeper still had in its pipe may be missing
/// at the end.
pub fn are_all_there_once<const N: usize>(world: &Gateward, planes: [&str; N]) {
    for plane in planes {
        let folder = world.scratch().join(&format!("state/planes/{plane}/log"));
        let mut last: BTreeMap<u32, u64> = BTreeMap::new();
        let mut lines = 0;
        for file in (0..10_000).map_while(|number| read(&folder, number)).collect::<Vec<_>>().iter().rev() {
            assert!(file.is_empty() || file.ends_with('\n'), "{plane}: a file ends within a line");
            for line in file.lines().filter(|line| !line.starts_with("gateward: ")) {
                let numbers = line.split_once(' ').and_then(|(pid, n)| Some((pid.parse().ok()?, n.parse().ok()?)));
                let (pid, n): (u32, u64) = numbers.unwrap_or_else(|| panic!("{plane}: a line is torn: `{line}`"));
                let before = last.insert(pid, n).unwrap_or(0);
                assert_eq!(n, before + 1, "{plane}: after line {before} of process {pid} came {n}");
                lines += 1;
            }
        }
        assert!(lines > 0, "{plane} said nothing");
        let violations =
            std::fs::read_to_string(world.scratch().join(&format!("{plane}/state/violations"))).unwrap_or_default();
        assert_eq!(violations, "", "{plane} was spawned into a plane that was not empty");
    }
}

fn read(folder: &std::path::Path, number: usize) -> Option<String> {
    let suffix = if number == 0 { String::new() } else { format!(".{number}") };
    std::fs::read_to_string(folder.join(format!("gateway.log{suffix}"))).ok()
}
