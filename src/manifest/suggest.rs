//! "Did you mean": the nearest of the words that would have been right.

/// Words that operators bring along from other supervisors, and the key that does that here.
const KNOWN_ELSEWHERE: &[(&str, &str)] = &[
    ("autorestart", "restart.policy"),
    ("base_port", "port"),
    ("cmd", "command"),
    ("config_path", "config"),
    ("depends_on", "after"),
    ("directory", "cwd"),
    ("environment", "env"),
    ("environment_file", "env_file"),
    ("exec", "command"),
    ("grace", "stop_grace"),
    ("kill_timeout", "stop_grace"),
    ("logging", "log"),
    ("program", "command"),
    ("purpose", "isolates"),
    ("reason", "isolates"),
    ("restart_policy", "restart.policy"),
    ("startsecs", "restart.stable"),
    ("state", "state_dir"),
    ("stop_timeout", "stop_grace"),
    ("stopwaitsecs", "stop_grace"),
    ("timeout_stop_sec", "stop_grace"),
    ("work_dir", "cwd"),
    ("working_dir", "cwd"),
    ("working_directory", "cwd"),
    ("workspace_dir", "workspace"),
];

/// The candidate most like `word`, when one is like enough to be a slip of it.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Long words are cut: the distance is quadratic, and no key is that long.
    let word: String = word.chars().take(64).collect::<String>().to_lowercase().replace('-', "_");
    let reach = (word.chars().count() / 3).clamp(1, 3);
    let near = candidates.into_iter().filter_map(|candidate| {
        let distance = strsim::damerau_levenshtein(&word, &candidate.to_lowercase().replace('-', "_"));
        (distance <= reach && distance < word.chars().count()).then_some((distance, candidate))
    });
    near.min_by_key(|(distance, candidate)| (*distance, *candidate)).map(|(_, candidate)| candidate)
}

/// The dotted key that another supervisor's word stands for.
pub fn known_elsewhere(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase().replace('-', "_");
    KNOWN_ELSEWHERE.iter().find(|(theirs, _)| *theirs == word).map(|(_, ours)| *ours)
}

#[cfg(test)]
mod tests {
    use super::{KNOWN_ELSEWHERE, nearest};

    #[test]
    fn slips_are_near_and_other_words_are_not() {
        let keys = ["port", "profile", "state_dir", "stop_grace", "env", "after"];
        for (slip, meant) in
            [("prot", "port"), ("Port", "port"), ("state-dir", "state_dir"), ("statedir", "state_dir"), ("evn", "env")]
        {
            assert_eq!(nearest(slip, keys), Some(meant), "{slip}");
        }
        for other in ["x", "", "colour", "p", "zzzz", "äöü"] {
            assert_eq!(nearest(other, keys), None, "{other}");
        }
    }

    #[test]
    fn every_word_from_elsewhere_names_a_key() {
        for (_, ours) in KNOWN_ELSEWHERE {
            assert!(crate::manifest::tables::plane_key(ours).is_some(), "{ours}");
        }
    }
}
