//! `gateward check` on a living host: ports that somebody has, state dirs that somebody owns, native services, strays, and what
//! OpenClaw says of a config. Files alone are the corpus's.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::{BOOT, Gateward, Said, TestPlane, eventually, processes};

/// A command of our own that ends with the test.
struct Bystander(Child);

impl Bystander {
    fn pid(&self) -> i32 {
        self.0.id().cast_signed()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn two(test: &str) -> Gateward {
    Gateward::new(test, vec![TestPlane::practice("main"), TestPlane::practice("rescue")])
}

/// The findings of a live check as `code plane…`, sorted, and all that was said.
fn found(world: &Gateward) -> (Vec<String>, Said) {
    let said = world.run(&["check", "--json"]);
    let json = said.json();
    let line = |finding: &serde_json::Value| {
        let planes = finding["planes"].as_array().expect("a list").iter().filter_map(|plane| plane.as_str());
        std::iter::once(finding["code"].as_str().expect("a code")).chain(planes).collect::<Vec<_>>().join(" ")
    };
    let mut lines: Vec<String> = json["findings"].as_array().expect("a list").iter().map(line).collect();
    lines.sort();
    (lines, said)
}

/// One finding's message and hint.
#[track_caller]
fn told(said: &Said, code: &str) -> String {
    let json = said.json();
    let of = json["findings"].as_array().expect("a list").iter().find(|finding| finding["code"] == code);
    let finding = of.unwrap_or_else(|| panic!("no {code} in {said:#?}"));
    format!("{} | {}", finding["message"].as_str().expect("a message"), finding["hint"].as_str().expect("a hint"))
}

#[test]
fn quiet_planes_on_a_quiet_host_have_no_finding() {
    let world = two("check-quiet");
    let (lines, said) = found(&world);
    assert_eq!(lines, Vec::<String>::new(), "{said:#?}");
    said.code(0);
}

#[test]
fn strangers_on_ports_of_the_families_are_named() {
    let world = two("check-strangers");
    let (main, rescue) = (world.written("main").base(), world.written("rescue").base());
    let listen = |port: u16| TcpListener::bind(("127.0.0.1", port)).expect("a listener");
    let _held = [listen(main), listen(rescue + 11), listen(rescue + 60)];
    let (lines, said) = found(&world);
    assert_eq!(lines, ["base-port-held main", "family-port-held rescue", "family-port-taken rescue"], "{said:#?}");
    let me = format!("(pid {}", std::process::id());
    for code in ["base-port-held", "family-port-held", "family-port-taken"] {
        assert!(told(&said, code).contains(&me), "{}", told(&said, code));
    }
    assert!(told(&said, "base-port-held").contains("port = "), "a free port is offered");
    said.code(7);
    let quiet = world.run(&["check", "--no-live", "--json"]).code(0);
    assert_eq!(quiet.json()["findings"].as_array().map(Vec::len), Some(0), "{quiet:#?}");
}

#[test]
fn a_stranger_on_a_port_that_a_config_pins_is_named() {
    let world = two("check-pinned");
    let held = TcpListener::bind(("127.0.0.1", 0)).expect("a listener");
    let port = held.local_addr().expect("an address").port();
    let text = format!(
        "{{ gateway: {{ mode: \"local\", bind: \"loopback\" }}, browser: {{ profiles: {{ work: {{ cdpPort: {port} }} }} }} }}"
    );
    world.scratch().write("rescue/openclaw.json", &text);
    let (_, said) = found(&world);
    let message = told(&said, "pinned-port-held");
    assert!(message.contains(&format!("(pid {}", std::process::id())), "{message}");
    assert!(message.contains("browser.profiles.work.cdpPort"), "{message}");
}

#[test]
fn a_listener_elsewhere_is_in_nobodys_way() {
    let world = two("check-elsewhere");
    // The whole of 127/8 is loopback, but a gateway binds 127.0.0.1 alone.
    let _held = TcpListener::bind(("127.0.0.2", world.written("main").base())).expect("a listener");
    let (lines, said) = found(&world);
    assert_eq!(lines, Vec::<String>::new(), "{said:#?}");
}

#[test]
fn a_base_port_is_tried_where_the_arguments_would_have_it_bound() {
    let world = |test: &str, argument: &str, config: &str| {
        let text =
            format!("{{ gateway: {{ mode: \"local\", bind: \"{config}\", auth: {{ token: \"of-this-test\" }} }} }}");
        let plane = TestPlane::practice("main").key("args", &format!("[\"--bind\", \"{argument}\"]")).config(&text);
        Gateward::new(test, vec![plane])
    };
    let wide = world("check-bound-wide", "lan", "loopback");
    let _held = TcpListener::bind(("127.0.0.2", wide.written("main").base())).expect("a listener");
    let (lines, said) = found(&wide);
    assert_eq!(lines, ["base-port-held main"], "every address: {said:#?}");
    assert!(told(&said, "base-port-held").contains("0.0.0.0"), "{said:#?}");
    // And the reverse: the words go before the config, which has every address.
    let narrow = world("check-bound-narrow", "loopback", "lan");
    let _held = TcpListener::bind(("127.0.0.2", narrow.written("main").base())).expect("a listener");
    let (lines, said) = found(&narrow);
    assert_eq!(lines, Vec::<String>::new(), "{said:#?}");
}

#[test]
fn a_passing_connection_is_a_warning() {
    let world = two("check-passing");
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a listener");
    let from = (std::net::Ipv4Addr::LOCALHOST, world.written("main").base() + 5).into();
    let _connection = connected(from, listener.local_addr().expect("an address"));
    let (lines, said) = found(&world);
    assert_eq!(lines, ["family-port-busy main"], "{said:#?}");
    said.code(0);
}

#[test]
fn what_keeps_a_base_port_without_listening_is_told_as_what_it_is() {
    let world = two("check-base-kept");
    let [main, rescue] = ["main", "rescue"].map(|name| world.written(name).base());
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a listener");
    let to = listener.local_addr().expect("an address");
    let connection = connected((std::net::Ipv4Addr::LOCALHOST, main).into(), to);
    // On another address of loopback it is in nobody's way.
    let _elsewhere = connected((std::net::Ipv4Addr::new(127, 0, 0, 2), rescue).into(), to);
    let (lines, said) = found(&world);
    assert_eq!(lines, ["base-port-held main"], "{said:#?}");
    let words = told(&said, "base-port-held");
    assert!(words.contains("goes out from") && words.contains(&format!("(pid {}", std::process::id())), "{words}");
    said.code(7);
    // Our end closes first, so that its port waits. A busy kernel may hand out the second connection first.
    let own = connection.local_addr().expect("an address");
    let servers = [0, 1].map(|_| listener.accept().expect("accepted"));
    drop(connection);
    let (closed, _kept): (Vec<_>, Vec<_>) = servers.into_iter().partition(|(_, peer)| *peer == own);
    for (mut server, _) in closed {
        // Between its fork and its exec, a child of another test has our end too: it is closed when the other end hears so.
        assert_eq!(server.read(&mut [0]).expect("an end"), 0);
    }
    eventually(BOOT, "the end of the connection", || {
        // While it is being closed there may be a moment in which nothing is in the way.
        let words = found(&world).1.out;
        if words.contains("for up to a minute") { Ok(()) } else { Err(words) }
    });
    let bound = of_this_process();
    let at = std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, rescue);
    eventually(LAST_OF_OTHERS, "the port is free", || rustix::net::bind(&bound, &at));
    let (lines, said) = found(&world);
    assert_eq!(lines, ["base-port-held main", "base-port-held rescue"], "{said:#?}");
    let words = said.out.clone();
    assert!(words.contains("not listen") && !words.contains("another account"), "{words}");
}

/// The kernel keeps the port of a connection that was closed here for 60 s.
const LAST_OF_OTHERS: std::time::Duration = std::time::Duration::from_secs(90);

/// A connection whose own end is at `from`.
fn connected(from: std::net::SocketAddr, to: std::net::SocketAddr) -> TcpStream {
    let socket = of_this_process();
    // Connections of whoever had the port before may still wait for a minute.
    eventually(LAST_OF_OTHERS, "the port is free", || rustix::net::bind(&socket, &from));
    rustix::net::connect(&socket, &to).expect("somebody listens");
    TcpStream::from(socket)
}

/// A socket that no child inherits: what another test starts would keep its port.
fn of_this_process() -> std::os::fd::OwnedFd {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
    socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).expect("a socket")
}

#[test]
fn planes_under_their_own_keepers_are_no_strangers() {
    let mut world = two("check-own");
    world.up();
    for plane in ["main", "rescue"] {
        world.until(plane, BOOT, "ready", |plane| plane.ready);
    }
    let (lines, said) = found(&world);
    assert_eq!(lines, Vec::<String>::new(), "{said:#?}");
}

#[test]
fn another_supervisors_plane_is_named_with_its_manifest() {
    let mut other = Gateward::new("check-theirs", vec![TestPlane::practice("main")]);
    other.up();
    other.until_ready("main");
    let port = other.written("main").base();
    let ours = Gateward::new("check-ours", vec![TestPlane::practice("main").port(port)]);
    let (lines, said) = found(&ours);
    assert!(lines.contains(&"base-port-held main".to_owned()), "{said:#?}");
    let told = told(&said, "base-port-held");
    assert!(told.contains("of plane `main` of another supervisor"), "{told}");
    assert!(told.contains(&format!("gateward -m {} stop main", other.manifest().display())), "{told}");
}

#[test]
fn a_living_owner_of_a_state_dir_is_found_and_a_dead_one_is_not() {
    let world = two("check-owner");
    let start = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("facts");
        let after = stat.rsplit(')').next().expect("fields").split_ascii_whitespace().nth(19).expect("a start");
        after.parse::<u64>().expect("a number")
    };
    let me = std::process::id();
    let lock = |start: u64| {
        let text = format!("{{\"pid\":{me},\"createdAt\":\"x\",\"configPath\":\"/x\",\"startTime\":{start}}}");
        world.scratch().write("main/state/tmp/openclaw-0/gateway.state.lock", &text);
    };
    lock(start(me));
    let (lines, said) = found(&world);
    assert_eq!(lines, ["state-dir-owned main"], "{said:#?}");
    assert!(told(&said, "state-dir-owned").contains(&format!("(pid {me}")), "{said:#?}");
    lock(start(me) + 1);
    assert_eq!(found(&world).0, Vec::<String>::new());
}

#[test]
fn native_services_come_with_the_command_that_resolves_them() {
    let world = two("check-native");
    let unit = "openclaw-gateway-rescue.service";
    let text = format!(
        "[Service]\nExecStart=/usr/bin/openclaw gateway\nEnvironment=OPENCLAW_STATE_DIR={}\n",
        world.scratch().join("rescue/state").display()
    );
    let file = world.scratch().write(&format!("xdg/config/systemd/user/{unit}"), &text);
    let (lines, said) = found(&world);
    assert_eq!(lines, ["native-service-idle rescue"], "{said:#?}");
    said.code(0);
    let wants = world.scratch().folder("xdg/config/systemd/user/default.target.wants");
    symlink(file, wants.join(unit)).expect("a link");
    let (lines, said) = found(&world);
    assert_eq!(lines, ["native-service rescue"], "{said:#?}");
    let told = told(&said, "native-service");
    assert!(told.ends_with(&format!("| systemctl --user disable --now {unit}")), "{told}");
    said.code(7);
}

#[test]
fn strays_in_a_planes_folders_are_named() {
    let world = two("check-strays");
    let named = |name: &str| {
        let program = world.scratch().folder("bin").join(name);
        processes::copy_program(Path::new("/bin/sh"), &program);
        program
    };
    let state_dir = world.scratch().join("main/state");
    let wait = ["-c", "read nothing"];
    let pipe = || Stdio::piped();
    let start = |program: &Path, words: &[&str], told: Option<&Path>| {
        let mut command = Command::new(program);
        command.args(wait).args(words).env_clear().envs(told.map(|dir| ("OPENCLAW_STATE_DIR", dir)));
        let child = command.stdin(pipe()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Bystander(child.expect("a process"))
    };
    let gateway = start(&named("openclaw-gateway"), &[], Some(&state_dir));
    let data = format!("--user-data-dir={}", state_dir.join("browser/openclaw/user-data").display());
    let browser = start(&named("chromium"), &[&data], None);
    let strangers = start(&named("chrome"), &["--user-data-dir=/nowhere"], None);
    for one in [&gateway, &browser, &strangers] {
        let comm = || fs::read_to_string(format!("/proc/{}/comm", one.pid())).unwrap_or_default();
        eventually(std::time::Duration::from_secs(10), "its name", || comm().starts_with(['o', 'c']).then_some(()));
    }
    let (lines, said) = found(&world);
    assert_eq!(lines, ["stray-process main", "stray-process main"], "{said:#?}");
    for one in [&gateway, &browser] {
        assert!(said.out.contains(&format!("(pid {}", one.pid())), "{said:#?}");
        assert!(processes::is_alive(one.pid()), "a check ends nobody");
    }
}

#[test]
fn what_openclaw_says_of_a_config_is_quoted() {
    let world = two("check-invalid");
    // Well-formed, and complete as far as we look; but no gateway starts with a key that it does not know.
    let answer = r#"{"valid":false,"issues":[{"path":"gateway","message":"Unrecognized key: prot"}]}"#;
    let program = world.scratch().write("bin/openclaw", &format!("#!/bin/sh\necho '{answer}'\nexit 1\n"));
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("rights");
    let words = [program.to_str().expect("a path")];
    let mut world = world;
    world.rewrite(vec![TestPlane::command("main", &words), TestPlane::practice("rescue")]);
    let (lines, said) = found(&world);
    assert_eq!(lines, ["config-invalid main"], "{said:#?}");
    assert!(told(&said, "config-invalid").contains("gateway: Unrecognized key: prot"), "{said:#?}");
    said.code(7);
}

#[test]
fn a_program_that_is_not_there_is_said_with_the_path_that_was_looked_for() {
    let world = Gateward::new("check-missing", vec![TestPlane::command("main", &["/nowhere/openclaw"])]);
    let (lines, said) = found(&world);
    assert_eq!(lines, ["program-missing main"], "{said:#?}");
    assert!(
        told(&said, "program-missing").contains("looked for at /nowhere/openclaw, which is not there"),
        "{said:#?}"
    );
    said.code(7);
}

#[test]
fn the_folder_of_another_supervisors_plain_plane_has_an_owner() {
    let mut theirs = Gateward::new("owner-theirs", vec![TestPlane::plain("main", &["/bin/sleep", "1000000"])]);
    theirs.up();
    let pid = theirs.until_ready("main").pid.expect("it runs");
    let folder = format!("\"{}\"", theirs.scratch().join("main/state").display());
    let ours = Gateward::new(
        "owner-ours",
        vec![TestPlane::plain("main", &["/bin/sleep", "1000000"]).key("state_dir", &folder)],
    );
    let (lines, said) = found(&ours);
    assert_eq!(lines, ["state-dir-owned main"], "{said:#?}");
    let told = told(&said, "state-dir-owned");
    assert!(told.contains(&format!("(pid {pid}, of plane `main` of another supervisor")), "{told}");
    assert!(told.contains(&format!("gateward -m {} stop main", theirs.manifest().display())), "{told}");
}

#[test]
fn an_asked_start_is_refused_while_a_stranger_has_the_port_and_a_first_start_waits_for_its_end() {
    let mut world = Gateward::new("start-held", vec![TestPlane::practice("main")]);
    let held = TcpListener::bind(("127.0.0.1", world.written("main").base())).expect("a listener");
    world.up();
    let waiting = world.until("main", BOOT, "waiting for the holder", |plane| plane.why.contains("is held by"));
    assert_eq!(waiting.incarnation, 0, "nothing was spawned into it");
    let said = fs::read_to_string(world.scratch().join("daemon.out")).expect("what it said");
    assert!(said.contains("base-port-held: ") && said.contains(&std::process::id().to_string()), "{said}");
    let events = world.run(&["events"]).code(0).out;
    assert!(events.contains("base-port-held"), "{events}");
    for verb in ["start", "restart"] {
        let refused = world.run(&[verb, "main", "--json"]).code(7);
        assert_eq!(refused.json()["findings"][0]["code"], "base-port-held", "{refused:#?}");
        assert!(refused.err.contains("--allow base-port-held"), "{}", refused.err);
    }
    world.run(&["start", "main", "--no-wait", "--allow", "base-port-held"]).code(0);
    let events = world.run(&["events"]).code(0).out;
    assert!(events.contains("\"allowed\""), "{events}");
    drop(held);
    world.until_ready("main");
    // What is its own is no stranger.
    world.run(&["restart", "main"]).code(0);
}
