//! `[planes.NAME.restart]`: every policy and every number, on processes that end by themselves.

use jiff::Timestamp;
use rustix::process::Signal;

use gateward::wire::{PlaneStatus, State};

use super::{SOON, up};
use crate::support::{Gateward, TestPlane, eventually, processes};

/// A process that ends with this code after so many seconds.
fn ends(name: &str, code: u8, after: &str, restart: &str) -> TestPlane {
    let script = format!("sleep {after}; exit {code}");
    TestPlane::plain(name, &["/bin/sh", "-c", &script]).table("restart", restart)
}

fn parked(plane: &PlaneStatus) -> bool {
    plane.state == State::Parked
}

/// The moments of one kind of event of a plane.
fn moments(world: &Gateward, plane: &str, event: &str) -> Vec<Timestamp> {
    let text = world.run(&["events", plane, "-n", "1000"]).out;
    let entries = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("one object a line"));
    let of = entries.filter(|entry| entry["event"] == event && entry["plane"] == plane);
    of.map(|entry| entry["at"].as_str().expect("a time").parse().expect("a time")).collect()
}

/// From each end to the spawn that follows it, in milliseconds.
fn waits(world: &Gateward, plane: &str) -> Vec<i64> {
    let (ends, spawns) = (moments(world, plane, "exited"), moments(world, plane, "spawned"));
    ends.iter().zip(spawns.iter().skip(1)).map(|(end, spawn)| spawn.as_millisecond() - end.as_millisecond()).collect()
}

#[test]
fn a_policy_decides_by_how_it_ended() {
    let quick = "min_delay = \"10ms\"\nmax_delay = \"20ms\"\n";
    let with = |policy: &str| format!("policy = \"{policy}\"\n{quick}");
    let planes = vec![
        ends("always-clean", 0, "0.05", &with("always")),
        ends("failure-clean", 0, "0.05", &with("on-failure")),
        ends("failure-crash", 3, "0.05", &with("on-failure")),
        ends("never-clean", 0, "0.05", &with("never")),
        ends("never-crash", 3, "0.05", &with("never")),
        ends("failure-killed", 0, "1000000", &with("on-failure")),
        ends("never-killed", 0, "1000000", &with("never")),
    ];
    let mut world = Gateward::new("policies-all", planes);
    world.up();
    for name in ["failure-killed", "never-killed"] {
        let pid = world.until(name, SOON, "up", up).pid.expect("it runs");
        processes::kill(pid, Signal::TERM);
    }
    for name in ["always-clean", "failure-crash"] {
        world.until(name, SOON, "started again and again", |plane| plane.incarnation >= 3);
    }
    world.until("failure-killed", SOON, "started again", |plane| up(plane) && plane.incarnation == 2);
    for (name, policy, code) in
        [("failure-clean", "on-failure", Some(0)), ("never-clean", "never", Some(0)), ("never-crash", "never", Some(3))]
    {
        let plane = world.until(name, SOON, "parked", parked);
        assert_eq!((plane.incarnation, plane.last_exit.as_ref().and_then(|exit| exit.code)), (1, code), "{plane:#?}");
        assert!(plane.why.contains(policy), "{}", plane.why);
    }
    let killed = world.until("never-killed", SOON, "parked", parked);
    assert_eq!(killed.last_exit.expect("it ended").signal, Some(15));
}

#[test]
fn early_deaths_wait_twice_as_long_each_time_up_to_the_longest_wait_and_never_give_up() {
    let rules = "min_delay = \"200ms\"\nmax_delay = \"800ms\"\nstable = \"60s\"\nmax_deaths = 0";
    let mut world = Gateward::new("backoff", vec![ends("main", 3, "0", rules)]);
    world.up();
    let six = |plane: &PlaneStatus| plane.incarnation >= 6;
    let waiting = world.until("main", SOON, "its sixth incarnation", six);
    assert_ne!(waiting.state, State::Parked);
    let waits = waits(&world, "main");
    // Up to a quarter is taken off at random, and a busy machine only ever adds.
    for (nth, (wait, full)) in waits.iter().zip([200, 400, 800, 800, 800]).enumerate() {
        assert!(*wait >= full * 3 / 4, "wait {} took {wait} ms of {full}: {waits:?}", nth + 1);
    }
    assert!(waits.len() >= 5, "{waits:?}");
    let longest = world.until("main", SOON, "waiting", |plane| plane.state == State::Backoff && plane.until.is_some());
    let until: Timestamp = longest.until.expect("a time").parse().expect("a time");
    let left = until.as_millisecond() - Timestamp::now().as_millisecond();
    // Told in whole seconds.
    assert!(left <= 800 + 1000, "{left} ms are left of 800");
}

#[test]
fn who_was_up_for_long_enough_comes_back_at_once_and_starts_the_count_afresh() {
    let rules = "min_delay = \"20s\"\nmax_delay = \"40s\"\nstable = \"200ms\"";
    let mut world = Gateward::new("stable", vec![ends("main", 3, "0.4", rules)]);
    world.up();
    // With the wait of an early death this would take a minute and more.
    let begun = std::time::Instant::now();
    world.until("main", SOON, "its fourth incarnation", |plane| plane.incarnation >= 4);
    assert!(begun.elapsed().as_secs() < 20, "it waited: {:?}", waits(&world, "main"));
}

#[test]
fn so_many_deaths_within_the_window_park_it_and_a_start_asked_for_counts_afresh() {
    let rules = "min_delay = \"10ms\"\nmax_delay = \"20ms\"\nmax_deaths = 4\nwindow = \"10m\"";
    let mut world = Gateward::new("max-deaths", vec![ends("main", 3, "0.02", rules)]);
    world.up();
    let given_up = world.until("main", SOON, "given up", parked);
    assert_eq!(given_up.incarnation, 4);
    assert!(given_up.why.contains("died 4 times within restart.window"), "{}", given_up.why);
    world.run(&["start", "main", "--no-wait"]).code(0);
    let again = world.until("main", SOON, "given up again", |plane| parked(plane) && plane.incarnation > 4);
    assert_eq!(again.incarnation, 8);
}

#[test]
fn deaths_further_apart_than_the_window_park_nobody() {
    let rules = "min_delay = \"300ms\"\nmax_delay = \"300ms\"\nmax_deaths = 3\nwindow = \"350ms\"";
    let mut world = Gateward::new("window", vec![ends("main", 3, "0", rules)]);
    world.up();
    // Two waits of at least 300 ms lie between three deaths.
    world.until("main", SOON, "its sixth incarnation", |plane| plane.incarnation >= 6);
    assert_ne!(world.plane("main").state, State::Parked);
    let told = || world.run(&["why", "main"]).out;
    eventually(SOON, "the reason", || if told().contains("exit code 3") { Ok(()) } else { Err(told()) });
}
