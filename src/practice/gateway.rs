//! One life of the stand-in: boot, serve, drain, exit.
//!
//! Something happens, one function says what follows; the only exits are the numbers it gives.

use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::faults::Straggler;
use super::ownership::Ownership;
use super::probes::Stage;
use super::server::{Face, bound};
use super::voice::{self, Voice};
use super::world::{World, refusals};
use super::{VERSION, asides, handoff, straggler};
use crate::os::quiet;

/// "Do not start me again as I am": a config that it refuses, or a state dir that is owned.
const CONFIG_EXIT: u8 = 78;

/// `gateway run`
pub(super) fn run(world: World, port: Option<u16>) -> ExitCode {
    let born = Instant::now();
    if let (Some(code), true) = (world.faults.exit_code, world.faults.exit_after.is_zero()) {
        return ExitCode::from(code);
    }
    let declared = world.declared();
    let mut refused = false;
    for problem in refusals(&declared) {
        eprintln!("Gateway start blocked: {problem}");
        refused = true;
    }
    let mode = declared.gateway.mode.as_ref().map(|mode| mode.value.as_str());
    if !refused && mode != Some("local") {
        eprintln!("Gateway start blocked: set gateway.mode=local in {}", world.config.display());
        refused = true;
    }
    if refused {
        return ExitCode::from(CONFIG_EXIT);
    }
    let port = world.port(port, &declared);
    // Held to the end of the process.
    let _ours = match Ownership::take(&world.state_dir) {
        Ok(ours) => ours,
        Err(complaint) => {
            eprintln!("{complaint}");
            return ExitCode::from(CONFIG_EXIT);
        }
    };
    let token = match random() {
        Ok(token) => token,
        Err(cause) => return super::failed(&format!("/dev/urandom: {cause}")),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(cause) => return super::failed(&format!("no event loop: {cause}")),
    };
    let local = tokio::task::LocalSet::new();
    let code = local.block_on(&runtime, async {
        match Life::new(world, port, born, token) {
            Ok(life) => life.live().await,
            Err(cause) => {
                eprintln!("error: no signal handlers: {cause}");
                1
            }
        }
    });
    ExitCode::from(code)
}

fn random() -> io::Result<String> {
    let mut bytes = [0; 16];
    io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// Something that happened.
enum Event {
    TimeToListen,
    TimeToStart,
    TimeToExit(u8),
    TimeToHang,
    TimeToChat,
    TimeToWork,
    Asked(Why),
    Inspector,
    Drained,
    NobodyListens,
}

/// Why it shall go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Terminated,
    Interrupted,
    Signalled,
    Requested,
}

impl Why {
    /// What is told of it; and for a restart, the source that the handoff names.
    fn words(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Terminated => ("received SIGTERM; shutting down", None),
            Self::Interrupted => ("received SIGINT; shutting down", None),
            Self::Signalled => ("received SIGUSR2; restarting", Some("sigusr2")),
            Self::Requested => ("restart requested; restarting", Some("gateway-restart")),
        }
    }
}

/// How far it is.
enum Phase {
    Booting,
    Starting,
    Started { since: Instant },
    Draining { why: Why, since: Instant },
}

struct Signals {
    term: Signal,
    int: Signal,
    usr1: Signal,
    usr2: Signal,
}

struct Life {
    world: World,
    port: u16,
    /// When the process began.
    born: Instant,
    /// When its present generation did.
    renewed: Instant,
    face: Rc<Face>,
    voice: Voice,
    phase: Phase,
    signals: Signals,
    chat: Option<Instant>,
    extra: Option<TcpListener>,
}

impl Life {
    fn new(world: World, port: u16, born: Instant, token: String) -> io::Result<Self> {
        // SIGHUP has no handler on purpose: the real one dies of it too.
        let signals = Signals {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            usr1: signal(SignalKind::user_defined1())?,
            usr2: signal(SignalKind::user_defined2())?,
        };
        let face = Face::new(born, world.faults.ready_failing.clone(), token);
        let chat = world.faults.chatter.map(|every| born + every);
        let (voice, phase) = (Voice::default(), Phase::Booting);
        Ok(Self { world, port, born, renewed: born, face, voice, phase, signals, chat, extra: None })
    }

    async fn live(mut self) -> u8 {
        self.voice.say("gateway", &format!("loading configuration… ({VERSION}, a stand-in, not OpenClaw)"));
        self.voice.say("gateway", "starting...");
        loop {
            let event = self.next().await;
            if let Some(code) = self.handle(event) {
                self.face.close();
                return code;
            }
        }
    }

    async fn next(&mut self) -> Event {
        let faults = &self.world.faults;
        let (mut listen, mut start, mut hang, mut drained) = (None, None, None, None);
        match self.phase {
            Phase::Booting => listen = Some(self.renewed + faults.boot * 3 / 4),
            Phase::Starting => start = (!faults.stall).then(|| self.renewed + faults.boot),
            Phase::Started { since } => hang = faults.hang_after.map(|after| since + after),
            Phase::Draining { since, .. } => drained = Some(since + faults.drain),
        }
        let exit = faults.exit_code.map(|code| (code, self.born + faults.exit_after));
        tokio::select! {
            biased;
            () = at(exit.map(|(_, when)| when)) => Event::TimeToExit(exit.map_or(0, |(code, _)| code)),
            () = at(hang) => Event::TimeToHang,
            _ = self.signals.term.recv() => Event::Asked(Why::Terminated),
            _ = self.signals.int.recv() => Event::Asked(Why::Interrupted),
            _ = self.signals.usr2.recv() => Event::Asked(Why::Signalled),
            _ = self.signals.usr1.recv() => Event::Inspector,
            () = self.face.restart.notified() => Event::Asked(Why::Requested),
            () = self.voice.lost() => Event::NobodyListens,
            () = at(drained) => Event::Drained,
            () = at(listen) => Event::TimeToListen,
            () = at(start) => Event::TimeToStart,
            () = at(self.chat) => Event::TimeToChat,
            () = tokio::task::yield_now(), if faults.busy && matches!(self.phase, Phase::Booting) => Event::TimeToWork,
        }
    }

    /// What follows; a number ends the process with it.
    fn handle(&mut self, event: Event) -> Option<u8> {
        match event {
            Event::TimeToListen => self.listen().err(),
            Event::TimeToStart => {
                self.started();
                None
            }
            Event::TimeToExit(code) => {
                self.voice.say("practice", &format!("exit {code}, as PRACTICE_EXIT_CODE asks"));
                Some(code)
            }
            Event::TimeToHang => hang(&self.voice),
            Event::TimeToChat => {
                self.chat = self.world.faults.chatter.map(|every| Instant::now() + every);
                self.voice.say("practice", "chatter");
                None
            }
            Event::TimeToWork => None,
            Event::Inspector => {
                self.voice.say("gateway", "received SIGUSR1; the stand-in has no inspector");
                None
            }
            Event::Asked(why) => {
                self.drain(why);
                None
            }
            Event::Drained => self.leave(),
            // As the real one: no drain, no handoff.
            Event::NobodyListens => Some(0),
        }
    }

    fn listen(&mut self) -> Result<(), u8> {
        self.voice.say("gateway", "starting HTTP server...");
        if let Err(cause) = self.face.listen(self.port) {
            let port = self.port;
            eprintln!(
                "Gateway failed to start: another gateway instance is already listening on ws://127.0.0.1:{port}"
            );
            eprintln!("bind on port {port}: {cause} (EADDRINUSE when in use)");
            return Err(1);
        }
        if self.world.switched_on("OPENCLAW_EAGER_BROWSER_CONTROL_SERVER") {
            // The browser control server; the real gateway lives on without it too.
            self.extra = self.port.checked_add(2).and_then(|port| bound(IpAddr::V4(Ipv4Addr::LOCALHOST), port).ok());
        }
        let card = json!({"pid": std::process::id(), "port": self.port, "token": self.face.token});
        if let Err(cause) = handoff::write(&asides::card(&self.world.state_dir), &card) {
            self.voice.say("gateway", &format!("`gateway restart` will not work: {cause}"));
        }
        self.voice.say("gateway", &format!("http server listening on 127.0.0.1:{} and ::1", self.port));
        self.phase = Phase::Starting;
        Ok(())
    }

    fn started(&mut self) {
        self.phase = Phase::Started { since: Instant::now() };
        self.face.stage.set(Stage::Started);
        self.voice.say("gateway", "ready");
        let faults = &self.world.faults;
        let port = match faults.straggler {
            Straggler::None => None,
            Straggler::Plain => Some(None),
            Straggler::Browser => Some(self.port.checked_add(11)),
        };
        if let Some(port) = port {
            match straggler::start(faults.straggler_life, port) {
                Ok(pid) => self.voice.say("practice", &format!("left a straggler behind, pid {pid}")),
                Err(cause) => self.voice.say("practice", &format!("no straggler: {cause}")),
            }
        }
        let (lines, bytes) = (faults.flood_lines, faults.flood_bytes);
        if lines > 0
            && let Err(cause) = quiet::thread("flood", 64 << 10, move || voice::flood(lines, bytes))
        {
            self.voice.say("practice", &format!("no flood: {cause}"));
        }
        if faults.close_stdout
            && let Err(cause) = voice::close()
        {
            self.voice.say("practice", &format!("stdout stays open: {cause}"));
        }
    }

    fn drain(&mut self, why: Why) {
        let (words, restart) = why.words();
        if let Phase::Draining { .. } = self.phase {
            self.voice.say("gateway", "already shutting down; signal ignored");
        } else if restart.is_none() && self.world.faults.ignore_term {
            self.voice.say("practice", &format!("{words}? PRACTICE_IGNORE_TERM says no"));
        } else {
            self.voice.say("gateway", words);
            // Before it listens there is nothing to drain.
            let idle = matches!(self.phase, Phase::Booting);
            let back = if idle { self.world.faults.drain } else { Duration::ZERO };
            let now = Instant::now();
            self.phase = Phase::Draining { why, since: now.checked_sub(back).unwrap_or(now) };
            self.face.stage.set(Stage::Draining);
        }
    }

    /// The end of a drain: of the process, or, where it may have no successor, of its generation.
    fn leave(&mut self) -> Option<u8> {
        let Phase::Draining { why, since } = self.phase else { return Some(0) };
        self.face.close();
        let Some(source) = why.words().1 else { return Some(self.end(since)) };
        self.voice.say("shutdown", &format!("completed cleanly in {}ms", since.elapsed().as_millis()));
        if self.world.switched_on("OPENCLAW_NO_RESPAWN") {
            self.voice.say("gateway", "restart mode: in-process restart (OPENCLAW_NO_RESPAWN)");
            (self.renewed, self.extra) = (Instant::now(), None);
            self.face.born.set(self.renewed);
            self.face.stage.set(Stage::Starting);
            self.phase = Phase::Booting;
            return None;
        }
        Some(self.hand_over(source))
    }

    fn end(&self, since: Instant) -> u8 {
        let code = self.world.faults.drain_exit_code;
        let words = match code {
            0 => format!("completed cleanly in {}ms", since.elapsed().as_millis()),
            _ => "shutdown deadline reached; abandoning unfinished cleanup and active work before stop".to_owned(),
        };
        self.voice.say("shutdown", &words);
        code
    }

    fn hand_over(&self, source: &str) -> u8 {
        match handoff::leave(&self.world.state_dir, "restart", source) {
            Ok(()) => {
                self.voice.say("gateway", "restart mode: full process restart (supervisor restart)");
                0
            }
            Err(cause) => {
                self.voice.say("gateway", &format!("the handoff could not be written: {cause}"));
                1
            }
        }
    }
}

/// Comes at `when`, or never.
async fn at(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when.into()).await,
        None => pending().await,
    }
}

/// As a frozen event loop: the kernel still takes connections, and signals are caught by handlers that nobody serves.
fn hang(voice: &Voice) -> ! {
    voice.say("practice", "hanging, as PRACTICE_HANG_AFTER_MS asks");
    loop {
        std::thread::park();
    }
}
