//! What holds when little is written, and what holds when everything is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gateward::manifest::given::Rank;
use gateward::manifest::keys::{Key, Kind, Standard, Table};
use gateward::manifest::tables::PlaneTable;
use gateward::plane::{Contract, Launch, Plane, PlaneName, Policy, Role};

use super::world::{FILE, holds};

fn only(text: &str) -> Plane {
    holds(text, Rank::User).planes.remove(0).0
}

#[test]
fn a_plane_of_two_lines_is_whole() {
    let planes = holds("[planes.main]\nport = 18789\n", Rank::User);
    let supervisor = &planes.supervisor;
    assert_eq!(supervisor.manifest, Path::new(FILE));
    assert_eq!(supervisor.state_dir, Path::new("/home/operator/.local/state/gateward"));
    assert_eq!(supervisor.run_dir, Path::new("/home/operator/.local/state/gateward/run"));
    assert!(supervisor.watch && supervisor.stagger.is_zero() && supervisor.socket_group.is_none());
    let (main, places) = &planes.planes[0];
    assert_eq!((main.role, main.contract, &main.launch), (Role::Other, Contract::Openclaw, &Launch::OnPath));
    assert_eq!((main.profile.as_str(), main.port), ("main", Some(18789)));
    assert_eq!(main.home, Path::new("/home/operator"));
    assert_eq!(main.state_dir, Path::new("/home/operator/.openclaw-main"));
    assert_eq!(main.config, Path::new("/home/operator/.openclaw-main/openclaw.json"));
    assert_eq!((&main.cwd, &main.workspace), (&main.state_dir, &None));
    assert!(main.autostart && main.environment.is_empty() && !main.production_channels);
    assert_eq!(main.stop_grace, Duration::from_secs(330));
    let at = |key: &str| places.of(key).map(|place| (place.line, place.column, place.width));
    assert_eq!(at("port"), Some((2, 8, 5)));
    assert_eq!(at("state_dir"), Some((1, 9, 4)));
}

#[test]
fn root_has_the_folders_of_the_system() {
    let supervisor = holds("[planes.main]\nport = 1\n", Rank::Root).supervisor;
    assert_eq!(supervisor.state_dir, Path::new("/var/lib/gateward"));
    assert_eq!(supervisor.run_dir, Path::new("/run/gateward"));
}

#[test]
fn profiles_and_homes_place_what_is_not_written() {
    let unnamed = only("[planes.main]\nport = 1\nprofile = \"Default\"\n");
    assert_eq!((unnamed.profile.as_str(), unnamed.state_dir), ("default", PathBuf::from("/home/operator/.openclaw")));
    assert_eq!(unnamed.config, Path::new("/home/operator/.openclaw/openclaw.json"));
    let moved = only("[planes.main]\nport = 1\nhome = \"homes/m\"\nworkspace = \"~/w/\"\nprofile = \"p\"\n");
    assert_eq!(moved.home, Path::new("/etc/gateward/homes/m"));
    assert_eq!(moved.state_dir, Path::new("/etc/gateward/homes/m/.openclaw-p"));
    assert_eq!(moved.workspace.as_deref(), Some(Path::new("/home/operator/w")));
    let apart = only("[planes.main]\nport = 1\nstate_dir = \"/s\"\nconfig = \"c.json\"\ncwd = \"../x\"\n");
    assert_eq!((apart.state_dir, apart.config), (PathBuf::from("/s"), PathBuf::from("/etc/gateward/c.json")));
    assert_eq!(apart.cwd, Path::new("/etc/gateward/../x"));
}

#[test]
fn another_user_has_that_users_home() {
    let text = "[planes.main]\nport = 1\nuser = \"claw\"\nworkspace = \"~/w\"\n";
    let plane = holds(text, Rank::Root).planes.remove(0).0;
    assert_eq!(plane.account.as_ref().map(|account| (account.uid, account.gid)), Some((1001, 1001)));
    assert_eq!(
        (plane.home, plane.state_dir),
        (PathBuf::from("/home/claw"), PathBuf::from("/home/claw/.openclaw-main"))
    );
    assert_eq!(plane.workspace.as_deref(), Some(Path::new("/home/claw/w")));
}

#[test]
fn a_plain_plane_needs_a_command_and_nothing_else() {
    let plane =
        only("[planes.web]\ncontract = \"plain\"\ncommand = [\"./serve\", \"--port\", \"80\"]\nargs = [\"--dev\"]\n");
    assert_eq!(plane.launch, Launch::Command(["/etc/gateward/serve", "--port", "80"].map(str::to_owned).to_vec()));
    assert_eq!(plane.state_dir, Path::new("/home/operator/.local/state/gateward/plain/web"));
    assert_eq!((plane.port, plane.health.url), (None, None));
}

#[test]
fn environment_by_rising_precedence() {
    let text = r#"
        [defaults]
        env = { B = "default", C = "default" }
        [planes.main]
        port = 1
        env_file = "good.env"
        pass_env = ["ANTHROPIC_API_KEY", "NOT_SET"]
        env = { TZ = "CET", B = "own" }
    "#;
    let plane = only(text);
    let pairs: Vec<_> = plane.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        pairs,
        [("A", "SECRET"), ("ANTHROPIC_API_KEY", "SECRET"), ("B", "own"), ("C", "default"), ("TZ", "CET")]
    );
    assert!(!format!("{plane:?}").contains("SECRET"));
}

#[test]
fn defaults_hold_key_by_key_and_are_pointed_at() {
    let text = r#"
        [defaults]
        stop_grace = "5s"
        runtime = "practice"
        [defaults.restart]
        policy = "never"
        max_deaths = 9
        [planes.a]
        isolates = "x"
        port = 1
        [planes.b]
        isolates = "y"
        port = 2
        command = ["x"]
        restart.max_deaths = 3
    "#;
    let planes = holds(text, Rank::User);
    let [(a, places), (b, _)] = planes.planes.as_slice() else { panic!("two planes") };
    assert_eq!((a.restart.policy, a.restart.max_deaths, a.stop_grace), (Policy::Never, 9, Duration::from_secs(5)));
    assert_eq!((b.restart.policy, b.restart.max_deaths), (Policy::Never, 3));
    assert_eq!((&a.launch, &b.launch), (&Launch::Practice, &Launch::Command(vec!["x".into()])));
    assert_eq!(places.of("restart.policy").unwrap().line, 6);
}

/// Every key that names its default as a value has exactly that default.
#[test]
fn documented_defaults_are_the_real_ones() {
    let base = only("[planes.main]\nport = 1\n");
    let mut tried = 0;
    let mut check = |dotted: String, key: &Key| {
        if let (Standard::Value(value), false) = (key.default, matches!(key.kind, Kind::Table(_))) {
            let written = only(&format!("[planes.main]\nport = 1\n{dotted} = {value}\n"));
            assert!(written == base, "`{dotted} = {value}` is not what holds without it");
            tried += 1;
        }
    };
    for key in PlaneTable::KEYS {
        check(key.name.to_owned(), key);
        if let Kind::Table(inner) = key.kind {
            inner.iter().for_each(|below| check(format!("{}.{}", key.name, below.name), below));
        }
    }
    assert!(tried > 15);
}

#[test]
fn everything_written_at_once_holds() {
    let text = r#"
        [supervisor]
        run_dir = "/run/g"
        state_dir = "~/g"
        watch = false
        stagger = "1m30s"
        socket_group = "operators"
        [runtimes.stable]
        version = "2026.9.6"
        [planes.main]
        isolates = "x"
        role = "main"
        contract = "openclaw"
        runtime = "stable"
        args = ["--verbose", "--", "--port"]
        profile = "p"
        config = "/c"
        state_dir = "/s"
        workspace = "/w"
        port = 18_789
        browser_profiles = ["openclaw"]
        production_channels = true
        home = "/h"
        user = "claw"
        cwd = "/"
        umask = "0027"
        env = { TZ = "UTC" }
        env_file = "good.env"
        pass_env = ["ANTHROPIC_API_KEY"]
        autostart = false
        after = ["rescue"]
        stop_grace = "0s"
        [planes.main.restart]
        policy = "on-failure"
        min_delay = "250ms"
        max_delay = "1h"
        stable = "2m"
        max_deaths = 4
        window = "5m"
        [planes.main.health]
        interval = "1s"
        timeout = "3s"
        failures = 2
        startup = "20m"
        [planes.main.log]
        max_size = "1MiB"
        keep = 0
        stamp = false
        [planes.main.limits]
        memory_high = "1GiB"
        memory_max = "2GiB"
        pids_max = 512
        open_files = 4096
        nice = -5
        oom_score_adj = -500
        [planes.rescue]
        isolates = "y"
        contract = "plain"
        command = ["/bin/true"]
        health.url = "http://[::1]:80/health"
    "#;
    let planes = holds(text, Rank::Root);
    let main = planes.get(&PlaneName::new("main").unwrap()).unwrap();
    let version = "2026.9.6".to_owned();
    assert_eq!(main.launch, Launch::Runtime { name: "stable".into(), version });
    assert_eq!((main.umask, main.limits.nice, main.limits.memory_max), (Some(0o27), Some(-5), Some(2 << 30)));
    assert_eq!((main.log.keep, main.log.max_size, main.log.stamp), (0, 1 << 20, false));
    assert_eq!(planes.supervisor.stagger, Duration::from_secs(90));
    assert_eq!(planes.planes[1].0.health.url.as_deref(), Some("http://[::1]:80/health"));
}
