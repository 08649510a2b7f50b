//! gateward beside the general supervisors that are found on PATH, and the floor under all of them: the same child, the same work, in
//! alternating runs on one machine. Prints a table in Markdown; asserts nothing.
//!
//! `cargo bench --bench lifecycle [-- PEER…]`. gateward is measured twice: with contract "plain", which is what the peers do, and with the
//! contract of the gateways on its stand-in, with probes, 222 bind tests and handoff. All of its safety is on in both.

#![allow(clippy::disallowed_methods, reason = "a benchmark starts programs, waits, and reads the clock")]

mod others;
mod ours;
mod world;

use std::time::{Duration, Instant};

use world::{Peer, Running, World, in_ms, median, monotonic};

/// Children of one supervisor.
const MANY: usize = 50;

/// Deaths measured one by one in a round. Some peers hold a second start within one second back, so each child lives longer.
const DEATHS: usize = 12;

/// A life that no peer takes for too short.
const LIFE: Duration = Duration::from_millis(1100);

/// Rounds, alternating between the peers.
const ROUNDS: usize = 3;

/// How long everything is left alone.
const IDLE: Duration = Duration::from_secs(60);

/// What was measured of one peer.
#[derive(Default)]
struct Measured {
    deaths: Vec<f64>,
    at_once: Vec<f64>,
    cold: Vec<f64>,
    status: Vec<f64>,
    stop: Vec<f64>,
    pss: f64,
    threads: usize,
    switches: u64,
    cpu: f64,
}

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if arguments.first().is_some_and(|word| word == "--child") {
        return world::child(&arguments[1]);
    }
    arguments.retain(|word| !word.starts_with('-'));
    let mut peers: Vec<Box<dyn Peer>> = vec![Box::new(ours::Floor)];
    peers.extend(ours::all());
    peers.extend(others::found());
    peers.retain(|peer| {
        arguments.is_empty()
            || peer.name() == "floor"
            || arguments.iter().any(|name| peer.name().contains(name.as_str()))
    });
    let mut measured: Vec<Measured> = peers.iter().map(|_| Measured::default()).collect();
    for round in 0..ROUNDS {
        for (peer, measured) in peers.iter_mut().zip(&mut measured) {
            eprintln!("round {} of {ROUNDS}: {}", round + 1, peer.name());
            once(peer.as_mut(), measured, round);
        }
    }
    print(&peers, &measured);
    for count in [3, 300] {
        let times: Vec<f64> =
            (0..ROUNDS).map(|round| cold(&mut ours::Plain, count, &format!("cold{count}-{round}"))).collect();
        println!("\ngateward, contract plain: cold start of {count} in {:.0} ms.", median(&times));
    }
}

/// Everything once.
fn once(peer: &mut dyn Peer, measured: &mut Measured, round: usize) {
    let world = World::new(&format!("{round}"));
    let begun = monotonic();
    let mut running = peer.start(&world, MANY);
    let mut pids = world.reports(MANY);
    measured.cold.push(in_ms(monotonic() - begun));
    running.settled(MANY);
    if round == 0 {
        idle(running.processes(), measured);
    }
    for _ in 0..5 {
        if let Some(time) = running.status() {
            measured.status.push(time.as_secs_f64() * 1e3);
        }
    }
    if !peer.holds_back() {
        deaths(running.as_mut(), &world, &mut pids, measured);
    }
    std::thread::sleep(LIFE);
    let killed = monotonic();
    for pid in &pids {
        world::kill(*pid);
    }
    running.successors(&world, MANY);
    measured.at_once.push(in_ms(monotonic() - killed));
    std::thread::sleep(LIFE);
    let begun = Instant::now();
    running.stop();
    measured.stop.push(begun.elapsed().as_secs_f64() * 1e3);
    running.end();
    if peer.holds_back() {
        let world = World::new(&format!("apart{round}"));
        let mut running = peer.start(&world, DEATHS);
        let mut pids = world.reports(DEATHS);
        running.settled(DEATHS);
        deaths(running.as_mut(), &world, &mut pids, measured);
        running.stop();
        running.end();
    }
}

/// One after the other dies, each once.
fn deaths(running: &mut dyn Running, world: &World, pids: &mut [i32], measured: &mut Measured) {
    for pid in pids.iter_mut().take(DEATHS) {
        std::thread::sleep(LIFE);
        let killed = world::kill(*pid);
        let (successor, born) = running.successor(world);
        *pid = successor;
        measured.deaths.push(in_ms(born.saturating_sub(killed)));
    }
}

/// Only a start, until every child has reported.
fn cold(peer: &mut dyn Peer, count: usize, name: &str) -> f64 {
    let world = World::new(name);
    let begun = monotonic();
    let mut running = peer.start(&world, count);
    world.reports(count);
    let took = in_ms(monotonic() - begun);
    running.settled(count);
    running.stop();
    running.end();
    took
}

/// What it costs to keep everything alive and do nothing.
fn idle(processes: Vec<i32>, measured: &mut Measured) {
    let sum = |of: fn(i32) -> u64| processes.iter().map(|pid| of(*pid)).sum::<u64>();
    let (switches, cpu) = (sum(world::switches), sum(world::cpu_ticks));
    std::thread::sleep(IDLE);
    measured.switches = sum(world::switches).saturating_sub(switches);
    measured.cpu = (sum(world::cpu_ticks).saturating_sub(cpu)) as f64 / 100.0;
    measured.pss = sum(world::pss) as f64 / 1024.0;
    measured.threads = processes.iter().map(|pid| world::threads(*pid)).sum();
}

fn print(peers: &[Box<dyn Peer>], measured: &[Measured]) {
    let names: Vec<String> = peers.iter().map(|peer| peer.name()).collect();
    println!("| same work | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()));
    let floor = &measured[0];
    let line = |what: &str, of: &dyn Fn(&Measured) -> f64, digits: usize| {
        let floor = of(floor);
        let cells = measured.iter().map(|one| {
            let value = of(one);
            match (value.is_nan(), floor > 0.0) {
                (true, _) => "–".to_owned(),
                (false, true) => format!("{value:.digits$} ({:.1}×)", value / floor),
                (false, false) => format!("{value:.digits$}"),
            }
        });
        println!("| {what} | {} |", cells.collect::<Vec<_>>().join(" | "));
    };
    line("death → successor's first instruction, p50 ms", &|one| median(&one.deaths), 2);
    line("the same, worst ms", &|one| one.deaths.iter().copied().fold(f64::NAN, f64::max), 2);
    line(&format!("{MANY} killed at once → all back, ms"), &|one| median(&one.at_once), 1);
    line(&format!("cold start of {MANY}, ms"), &|one| median(&one.cold), 1);
    line(&format!("status of {MANY}, ms"), &|one| median(&one.status), 1);
    line(&format!("stop all {MANY}, ms"), &|one| median(&one.stop), 1);
    let plainly = |what: &str, of: &dyn Fn(&Measured) -> String| {
        println!("| {what} | {} |", measured.iter().map(of).collect::<Vec<_>>().join(" | "));
    };
    plainly(&format!("idle with {MANY}: PSS MB"), &|one| format!("{:.1}", one.pss));
    plainly("threads", &|one| one.threads.to_string());
    plainly(&format!("context switches in {} s", IDLE.as_secs()), &|one| one.switches.to_string());
    plainly(&format!("CPU s in {} s", IDLE.as_secs()), &|one| format!("{:.2}", one.cpu));
}
