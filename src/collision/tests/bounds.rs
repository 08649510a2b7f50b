//! What one plane's claims can make of a proof when they are thousands. Judges no single rule.

use super::*;

/// `main`, and `rescue` with thousands of paths inside main's state dir.
fn crowded(role: PathRole, count: usize) -> Claims {
    let planes = manifest(vec![plane("main", 20_000), plane("rescue", 21_000)]);
    let mut all = claims(&planes, &Declarations::new(), &[0; 32]);
    let inside = |n: usize| Surface::Path(role, format!("/home/op/.openclaw-main/w{n}").into());
    let key = |n: usize| format!("agents.entries.a{n}.workspace").into();
    let claim = |n| Claim { by: 1, surface: inside(n), key: key(n), source: Source::Config, place: None };
    all.claims.extend((0..count).map(claim));
    all
}

#[test]
#[expect(clippy::disallowed_methods, reason = "quadratic work is told from linear by the clock")]
fn a_hint_for_thousands_of_claims_is_read_in_one_look() {
    // One step for each would be some million characters, and each compared with all before it minutes.
    let started = std::time::Instant::now();
    let found = check(crowded(PathRole::Workspace, 20_000), &Surroundings::default());
    assert_eq!(codes(&found), ["path-nested"]);
    assert!(found[0].hint.ends_with(" (and so on for 19988 more keys)"), "{:.3000}", found[0].hint);
    assert!(found[0].hint.len() < 4000 && found[0].message.len() < 1000, "{}", found[0].hint.len());
    assert!(started.elapsed() < std::time::Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn findings_of_one_kind_are_capped_and_counted() {
    let found = check(crowded(PathRole::AgentCwd, 200), &Surroundings::default());
    assert_eq!(codes(&found), ["agent-cwd-shared"; 50]);
    let counted: Vec<&Finding> = found.iter().filter(|one| one.message.contains("not shown")).collect();
    assert_eq!(counted, [&found[49]]);
    assert!(found[49].message.ends_with("; 150 more findings like this one are not shown"), "{}", found[49].message);
    assert_eq!(check(crowded(PathRole::AgentCwd, 50), &Surroundings::default()).len(), 50);
}
