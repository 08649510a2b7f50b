//! Every table of the manifest, declared: keys, types, defaults, meanings. The one place where a key is added.
//!
//! Declarations only; how each type is read is in `values`, what follows from them in `resolve`.

use crate::manifest::keys::{Key, Kind, Sub, Table, table};
use crate::manifest::values::{
    Arguments, Command, Count, Env, EnvNames, FilePath, Flag, HttpUrl, Line, Lines, Mask, PlaneNames, Port, Profile,
    RuntimeName, Size, Time, Version,
};
use crate::manifest::words::Word;
use crate::plane::{Contract, Policy, Role};

table! {
    /// `[supervisor]`.
    SupervisorTable, "the supervisor";
    run_dir: FilePath, Shared, Prose("`$XDG_RUNTIME_DIR/gateward`; as root `/run/gateward`; else `<state_dir>/run`"),
        "Folder of sockets and of what the operator wants; it may be a tmpfs.";
    state_dir: FilePath, Shared, Prose("`$XDG_STATE_HOME/gateward` (`~/.local/state/gateward`); as root `/var/lib/gateward`"),
        "Folder of locks, logs, journals and incidents; it must survive a logout.";
    watch: Flag, Shared, Value("true"),
        "Prove again after an edit, and start planes that are new. Stopping or replacing a living plane always waits for `gateward reload`.";
    stagger: Time<0>, Shared, Value("\"0s\""),
        "Pause between two starts.";
    socket_group: Line, Shared, Prose("none: only the same user and root may steer"),
        "Group whose members may steer too, and read logs and journals: sockets become 0660, logs 0640, the folders that lead there 0750.";
}

table! {
    /// `[planes.NAME]`, and `[defaults]` without the identity keys.
    PlaneTable, "a plane";
    isolates: Line, Identity, Prose("none; required once there are two planes"),
        "What this plane keeps apart, in a sentence. If none comes to mind, the plane is not needed.";
    role: Word<Role>, Shared, Value("\"other\""),
        "What the plane is for. It informs words and warnings, never rights.";
    contract: Word<Contract>, Shared, Value("\"openclaw\""),
        "What is expected of the process. `openclaw`: `--port`, three probes, exit 78, restart handoff. `plain`: any process; nothing is added to its arguments, and it is probed only at `health.url`.";
    runtime: RuntimeName, Shared, Value("\"path\""),
        "Where `openclaw` comes from: a name of `[runtimes]`; `path`, found on the supervisor's PATH; or `practice`, the built-in stand-in.";
    command: Command, Shared, Prose("what `runtime` says; required with contract `plain`"),
        "Instead of `runtime`: the program and its first arguments. A program with a `/` in it is a path as in any other key; one without is looked up on PATH.";
    args: Arguments, Shared, Value("[]"),
        "Appended to what the contract passes. Never `--port`, `--profile`, `--force` or `--dev` with contract `openclaw`.";
    profile: Profile, Identity, Prose("the plane's name"),
        "The OpenClaw profile. `default` is OpenClaw's own unnamed one. Refused with contract `plain`.";
    config: FilePath, Identity, Prose("`.openclaw-<profile>/openclaw.json` in the plane's HOME, `.openclaw/openclaw.json` for profile `default`; `<state_dir>/config` with contract `plain`"),
        "The gateway's own config, as `OPENCLAW_CONFIG_PATH`. With contract `plain` it is claimed, so that no other plane has it, and given to nobody.";
    state_dir: FilePath, Identity, Prose("`.openclaw-<profile>` in the plane's HOME, `.openclaw` for profile `default`; `plain/<name>` in the supervisor's `state_dir` with contract `plain`"),
        "The gateway's state, as `OPENCLAW_STATE_DIR`. With contract `plain` the folder that the plane owns, and where it works.";
    workspace: FilePath, Identity, Prose("what the plane's own config says, else `<state_dir>/workspace`"),
        "The default agent workspace, as `OPENCLAW_WORKSPACE_DIR`. With contract `plain` it is claimed and given to nobody.";
    port: Port, Identity, Prose("none; required with contract `openclaw`"),
        "Base port B, always passed as `--port`. The family B … B+110 belongs to the plane.";
    browser_profiles: Lines, Shared, Prose("nothing is expected"),
        "Browser profiles that the plane is expected to have, for `card` and `check`. Refused with contract `plain`.";
    production_channels: Flag, Shared, Value("false"),
        "Whether the plane may touch production channels.";
    home: FilePath, Shared, Prose("the home of the plane's user"),
        "HOME of the process.";
    user: Line, Shared, Prose("the user that gateward runs as"),
        "Run as this user (its name, or its number in quotes), with its groups, and with HOME, USER, LOGNAME and SHELL from passwd. Only as root.";
    cwd: FilePath, Shared, Prose("the plane's `state_dir`"),
        "Working folder of the process.";
    umask: Mask, Shared, Prose("the supervisor's own"),
        "File mode mask, in octal, as a string: `\"0077\"`.";
    env: Env, Shared, Value("{}"),
        "Environment variables, literal. Wins over `pass_env`, which wins over `env_file`. Those of `[defaults]` are added.";
    env_file: FilePath, Shared, Prose("none"),
        "A file of `KEY=VALUE` lines, read when the manifest is. Refused when anybody but its owner can read or write it.";
    pass_env: EnvNames, Shared, Value("[]"),
        "Names that are taken from the supervisor's own environment.";
    autostart: Flag, Shared, Value("true"),
        "Start with the supervisor, unless an operator stopped the plane since boot.";
    after: PlaneNames, Shared, Value("[]"),
        "Planes that should be ready before this one is started.";
    stop_grace: Time<0>, Shared, Value("\"330s\""),
        "From SIGTERM to SIGKILL. OpenClaw drains for up to 325 s.";
    restart: Sub<RestartTable>, Shared, Value("{}"), "When it is started again, and how soon.";
    health: Sub<HealthTable>, Shared, Value("{}"), "How liveness is asked and judged.";
    log: Sub<LogTable>, Shared, Value("{}"), "How captured output is kept.";
    limits: Sub<LimitsTable>, Shared, Value("{}"),
        "What it may use of the host: cgroup v2 where one is delegated, rlimits otherwise. What cannot be had is said, never dropped in silence.";
}

table! {
    /// `[planes.NAME.restart]`.
    RestartTable, "restart";
    policy: Word<Policy>, Shared, Value("\"always\""),
        "After which exits that nobody asked for the plane is started again. One that fails its liveness probes, or whose start makes no progress, is ended: with `never` it is then parked with that reason, with the others it is started again.";
    min_delay: Time<10>, Shared, Value("\"1s\""),
        "The first death after `stable` respawns at once; early death *n* waits `min_delay` × 2^(n−1), with jitter, up to `max_delay`.";
    max_delay: Time<10>, Shared, Value("\"5m\""),
        "The longest wait.";
    stable: Time<0>, Shared, Value("\"60s\""),
        "Up for so long, without the time it took to start: the count of early deaths starts afresh, and that of restarts which the gateway asks for itself: sooner, the fourth in a row waits too.";
    max_deaths: Count<0, 1000>, Shared, Value("0"),
        "So many deaths within `window` park the plane. 0 never gives up and stays at `max_delay`.";
    window: Time<100>, Shared, Value("\"10m\""),
        "The window of `max_deaths`.";
}

table! {
    /// `[planes.NAME.health]`.
    HealthTable, "health";
    interval: Time<100>, Shared, Value("\"10s\""),
        "From one liveness probe to the next.";
    timeout: Time<100>, Shared, Value("\"5s\""),
        "The longest wait for an answer. A booting gateway can be silent for seconds.";
    failures: Count<1, 1000>, Shared, Value("3"),
        "So many failures of liveness in a row restart the plane.";
    startup: Time<100>, Shared, Value("\"10m\""),
        "So long without any progress of a start restarts the plane.";
    url: HttpUrl, Shared, Prose("no probe"),
        "Contract `plain` only: an `http://` address that answers 2xx while the process is well. Its host is `localhost` or in numbers: no name is looked up.";
}

table! {
    /// `[planes.NAME.log]`.
    LogTable, "log";
    max_size: Size<4096>, Shared, Value("\"32MiB\""),
        "A file of this size is rotated.";
    keep: Count<0, 1000>, Shared, Value("5"),
        "Rotated files that are kept.";
    stamp: Flag, Shared, Value("true"),
        "A time before each line.";
}

table! {
    /// `[planes.NAME.limits]`.
    LimitsTable, "limits";
    memory_high: Size<1048576>, Shared, Prose("no limit"),
        "The kernel begins to reclaim at this size (`memory.high`).";
    memory_max: Size<1048576>, Shared, Prose("no limit"),
        "The kernel kills at this size (`memory.max`).";
    pids_max: Count<1, 4194304>, Shared, Prose("no limit"),
        "Most tasks at once (`pids.max`).";
    open_files: Count<16, 1073741816>, Shared, Prose("the supervisor's own"),
        "Open files of one process (RLIMIT_NOFILE).";
    nice: Count<-20, 19>, Shared, Prose("the supervisor's own"),
        "Scheduling niceness.";
    oom_score_adj: Count<-1000, 1000>, Shared, Prose("by role, above the keeper's own: rescue 100, main 200, others 300"),
        "The kernel takes higher ones first when memory runs out.";
}

table! {
    /// `[runtimes.NAME]`.
    RuntimeTable, "a runtime";
    version: Version, Shared, Prose("none; required"),
        "The OpenClaw release, as npm knows it: `2026.9.6`. Installed by `gateward runtime install`, with its own Node.";
}

/// The tables that a manifest may have, with what each is called in text.
pub const TOP: &[(&str, &str)] = &[
    ("supervisor", "The parent process itself; every key is optional."),
    ("defaults", "Any key of a plane that is not an identity key; holds for every plane that does not write it."),
    (
        "runtimes",
        "`[runtimes.NAME]`: an OpenClaw release that gateward keeps. Names as for planes, but not `path` or `practice`.",
    ),
    (
        "planes",
        "`[planes.NAME]`: one control plane. Names: a lower-case letter, then up to 31 lower-case letters, digits or `-`; not `all`.",
    ),
];

/// The declared key of a plane by its dotted name, such as `restart.policy`.
pub fn plane_key(dotted: &str) -> Option<&'static Key> {
    let mut keys = PlaneTable::KEYS;
    let mut found = None;
    for part in dotted.split('.') {
        let key = keys.iter().find(|key| key.name == part)?;
        keys = match key.kind {
            Kind::Table(inner) => inner,
            _ => &[],
        };
        found = Some(key);
    }
    found
}

/// Where else in a plane a key of this name stands: `restart.policy` for `policy`.
pub fn dotted_home(name: &str) -> Option<String> {
    PlaneTable::KEYS.iter().find_map(|key| match key.kind {
        Kind::Table(inner) => inner.iter().find(|k| k.name == name).map(|k| format!("{}.{}", key.name, k.name)),
        _ => None,
    })
}
