//! Custody of a real gateway with a real headless Chromium under it: killed, then its keeper killed; each time the plane is
//! proved empty before anything is spawned.
//!
//! This is the experiment on which the house stands: Chromium outlives a killed gateway, overwrites its helpers' environment,
//! and holds the CDP port that the next gateway would adopt without a check.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use gateward::os::process;
use rustix::process::Signal;

use crate::support::processes::{kill, tree};
use crate::support::{BOOT, Boots, Gateward, TestPlane, eventually, openclaw, say};

const WITH_BROWSER: &str = r#"{
  gateway: { mode: "local", port: {port}, bind: "loopback", auth: { mode: "token", token: "for-tests-only-0123456789abcdef" } },
  browser: { enabled: true, headless: true, noSandbox: true, executablePath: "/usr/bin/chromium" },
  agents: { defaults: { workspace: "{workspace}" } },
  logging: { file: "{log}" },
}
"#;

#[test]
fn nothing_is_spawned_into_a_plane_in_which_chromium_still_lives() {
    let Some(_) = openclaw() else { return };
    if !chromium() {
        return;
    }
    let mut world = Gateward::new("custody", vec![TestPlane::real("main").config(WITH_BROWSER)]);
    let _boots = Boots::take(1);
    world.up();
    let first = world.until_ready("main");

    let old = browsing(&world, first.pid.expect("main runs"));
    the_browser_is_proved_to_be_its_own(&world);
    kill(first.pid.expect("main runs"), Signal::KILL);
    let second =
        world.until("main", BOOT, "another incarnation", |plane| plane.incarnation == 2 && plane.pid.is_some());
    assert_eq!(living(&old), BTreeMap::new(), "all of the first incarnation had ended when the second was spawned");
    assert_eq!(second.keeper_pid, first.keeper_pid, "custody by parenthood needs no new keeper");

    world.until_ready("main");
    let old = browsing(&world, second.pid.expect("main runs"));
    let keeper = second.keeper_pid.expect("a keeper");
    kill(keeper, Signal::KILL);
    // Two unclean ends within 300 s, the second told by the new keeper: it waits for the breaker's sake, and a start insists.
    let held = world.until("main", BOOT, "another keeper, holding back", |plane| plane.why.contains("held back"));
    assert_ne!(held.keeper_pid, Some(keeper), "{held:#?}");
    eventually(Duration::from_secs(20), "the end of all that the killed keeper left", || living(&old).is_empty());
    world.run(&["start", "main", "--no-wait"]).code(0);
    let third = world
        .until("main", BOOT, "another keeper and incarnation", |plane| plane.incarnation == 3 && plane.pid.is_some());
    assert_ne!(third.keeper_pid, Some(keeper));
    assert_eq!(living(&old), BTreeMap::new(), "the new keeper swept before it spawned");

    world.run(&["down", "--now"]).code(0);
    eventually(Duration::from_secs(20), "an empty world", || match world.living() {
        living if living.is_empty() => Ok(()),
        living => Err(living),
    });
    assert_eq!(world.written("main").family().busy(), Vec::<u16>::new());
}

/// `verify` of a real gateway with a real browser: every claim holds, and browser and CDP port are named.
fn the_browser_is_proved_to_be_its_own(world: &Gateward) {
    let said = world.run(&["verify", "main", "--json"]).code(0).json();
    let claims = said["planes"][0]["claims"].as_array().expect("claims").clone();
    let failed: Vec<_> = claims.iter().filter(|claim| claim["verdict"] == "failed").collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let evidence = |subject: &str| -> Vec<String> {
        let of = claims.iter().filter(|claim| claim["claim"] == subject && claim["verdict"] == "proved");
        of.map(|claim| claim["evidence"].as_str().expect("words").to_owned()).collect()
    };
    let cdp = format!("127.0.0.1:{} (browser CDP) is held by chrom", world.written("main").base() + 11);
    assert!(evidence("listener").iter().any(|line| line.starts_with(&cdp)), "{claims:#?}");
    let folder = world.scratch().join("main/state").display().to_string();
    assert!(evidence("browser").iter().any(|line| line.contains(&folder)), "{claims:#?}");
    assert!(evidence("files").iter().any(|line| line.contains("none of another plane's")), "{claims:#?}");
    for subject in ["custody", "definition", "program", "environment"] {
        assert_eq!(evidence(subject).len(), 1, "{subject}: {claims:#?}");
    }
    assert_eq!(evidence("probe").len(), 3, "{claims:#?}");
}

/// Starts the gateway's browser; gives every process of the plane, by number and start time, once Chromium is among them.
fn browsing(world: &Gateward, gateway: i32) -> BTreeMap<i32, u64> {
    world.run(&["exec", "main", "--", "openclaw", "browser", "start"]).code(0);
    eventually(Duration::from_secs(60), "Chromium with its helpers under the gateway", || {
        let tree: BTreeMap<i32, u64> = tree(gateway)
            .into_iter()
            .chain([gateway])
            .filter_map(|pid| Some((pid, process::stat(pid).ok()?.start)))
            .collect();
        let chromium =
            tree.keys().filter(|pid| process::stat(**pid).is_ok_and(|stat| stat.comm.starts_with("chrom"))).count();
        if chromium >= 4 { Ok(tree) } else { Err(format!("{chromium} of {tree:?}")) }
    })
}

/// Those of them that live still: the same number with the same start, and not only waiting to be reaped.
fn living(old: &BTreeMap<i32, u64>) -> BTreeMap<i32, String> {
    let lives = |pid: i32, start: u64| process::stat(pid).ok().filter(|stat| stat.start == start && !stat.ended());
    old.iter().filter_map(|(pid, start)| Some((*pid, lives(*pid, *start)?.comm))).collect()
}

/// Whether Debian's Chromium is here; fails where it is not, unless that is said to be known.
fn chromium() -> bool {
    if Path::new("/usr/bin/chromium").exists() {
        return true;
    }
    let skip = std::env::var("GATEWARD_TEST_CHROMIUM").is_ok_and(|word| word == "skip");
    assert!(skip, "/usr/bin/chromium is missing: install Debian's `chromium`, or set GATEWARD_TEST_CHROMIUM=skip");
    say("SKIPPED: custody of a real Chromium (GATEWARD_TEST_CHROMIUM=skip)");
    false
}
