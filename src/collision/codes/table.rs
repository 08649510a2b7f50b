//! The rows of the table of codes. Nothing but words.

use super::Explained;
use crate::collision::finding::Severity::{self, Error, Warning};

macro_rules! codes {
    ($($name:ident $word:literal $severity:ident: $means:literal; $because:literal)*) => {
        /// A kind of finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $means] $name,)*
        }

        pub(super) const TABLE: &[Explained] = &[
            $(row(Code::$name, $word, $severity, $means, $because),)*
        ];
    };
}

const fn row(
    code: Code,
    word: &'static str,
    severity: Severity,
    means: &'static str,
    because: &'static str,
) -> Explained {
    Explained { code, word, severity, means, because }
}

codes! {
    // Paths.
    StateDirShared "state-dir-shared" Error:
        "Two planes have one state dir.";
        "Sessions, credentials and databases of both would be one. OpenClaw refuses the second gateway with exit 78, so one of the two never starts, and every command run for one acts on the other. Give each plane a `state_dir` of its own."
    ConfigShared "config-shared" Error:
        "Two planes read one config file, or one file that their configs include.";
        "Two gateways that write one file race, and a mistake made for one is made for both: a rescue that shares main's config shares main's accident. OpenClaw does not notice. Give each plane a config of its own, and copy what both should say."
    WorkspaceShared "workspace-shared" Error:
        "Agents of two planes work in one workspace.";
        "Two gateways edit one memory and one set of files, and both go ready without a word. Name a workspace for each."
    OauthDirShared "oauth-dir-shared" Error:
        "Two planes keep OAuth credentials in one folder.";
        "One plane's refresh invalidates the other's login. Point `OPENCLAW_OAUTH_DIR` of each at a folder of its own, or leave it out."
    AgentDirShared "agent-dir-shared" Error:
        "Agents of two planes have one private folder.";
        "The folder holds the agent's database and its model credentials. Give each agent an `agentDir` of its own, or leave it out."
    LogFileShared "log-file-shared" Error:
        "Two planes write one log file.";
        "Lines of both mix, rotation by one loses lines of the other, and nobody can tell afterwards who did what. Set `logging.file` in each config."
    SessionStoreShared "session-store-shared" Error:
        "Two planes keep their sessions in one store.";
        "Conversations of one show up in the other. Give each plane a session store of its own, or leave `session.store` out."
    BrowserDataShared "browser-data-shared" Error:
        "Two planes start browsers on one user-data folder.";
        "Whoever comes second attaches to the first one's browser, with all of its logged-in sessions. Give each browser profile a `userDataDir` of its own."
    ChannelLoginShared "channel-login-shared" Error:
        "Two planes keep the login of a channel account in one folder.";
        "Both are the same account, and each logs the other out. Give each a folder, and an account, of its own."
    SandboxRootShared "sandbox-root-shared" Error:
        "Sandboxed agents of two planes work below one root.";
        "With `scope: \"shared\"` every sandbox works in the root itself, so those of two planes meet. With another scope a folder's name holds a hash of the workspace's path, which tells whoever cleans up nothing of whose it is. Give each config an `agents.defaults.sandbox.workspaceRoot` of its own, or leave it out."
    SandboxContainerShared "sandbox-container-shared" Error:
        "The sandboxes of two planes are one container.";
        "With `scope: \"shared\"` a container's name holds nothing of the plane: whoever comes second finds the other's container, with other mounts, and replaces it or refuses to work. Take the scope `agent`, or give each config an `agents.defaults.sandbox.docker.containerPrefix` of its own."
    WorktreeRootShared "worktree-root-shared" Error:
        "Two planes make their checkouts below one root.";
        "Each gateway counts and cleans up its own checkouts only, and names them by repository: two of them meet in one folder, and one takes away what the other works in. Give each config a `worktreeRoot` of its own, or leave it out."
    PluginDataShared "plugin-data-shared" Error:
        "A plugin of two planes keeps its data in one folder.";
        "Two gateways write the same files there. Point the plugin of each plane at a folder of its own."
    PathLinkLoop "path-link-loop" Error:
        "The links of a path of a plane lead in a circle.";
        "Nothing can be kept there: the gateway fails when it comes to use it. Replace the link by a folder, or name another path."
    PathShared "path-shared" Error:
        "One path serves two planes for different things.";
        "What is a workspace to one plane is a state dir, say, to the other. Give each its own."
    PathNested "path-nested" Error:
        "A file or folder of one plane lies inside a folder of another.";
        "Whatever the outer plane does to its folder (clean, reset, back up, let an agent edit it) it does to the inner plane too. Folders of planes must lie beside one another."
    StateLinkForeign "state-link-foreign" Error:
        "A link inside a plane's state dir leads to what belongs to another plane.";
        "The state dirs look apart and are not: through the link both planes write one folder. Replace the link by a folder of its own."
    StateLinkShared "state-link-shared" Warning:
        "Links inside the state dirs of two planes lead to one place, or their workspaces have files in common by hard links.";
        "What both only read, such as skills, may well be shared so; what a gateway writes may not."
    StatePartShared "state-part-shared" Error:
        "Links, mounts or hard links make one of the private parts of two planes' states.";
        "Databases, credentials, what agents keep and `.env` belong to one gateway each; two that write one of them lose what the other wrote, or log in as it. Give each plane a file or folder of its own. A folder copied with `cp -al` has hard links throughout: copy it with `cp -a`."
    SupervisorPathShared "supervisor-path-shared" Error:
        "Folders that gateward keeps for itself and a plane's folders lie in one another.";
        "Locks and logs that live inside a plane die with a reset of that plane, and then nothing proves any more that at most one gateway owns it. Keep `supervisor.state_dir` and `supervisor.run_dir` apart from every plane."
    ManifestInPlane "manifest-in-plane" Warning:
        "The manifest lies inside a plane's own folder.";
        "An agent that tidies its workspace, or a reset of the plane, takes the manifest along. Keep it outside of every plane."
    AgentCwdShared "agent-cwd-shared" Warning:
        "An agent's working folder is also a working folder of, or lies inside, another plane.";
        "Both can edit the same files there. That may be meant, as when a rescue mends main; then leave it."
    HomeShared "home-shared" Warning:
        "Planes have one HOME.";
        "What OpenClaw and the tools its agents call keep in HOME is shared although the state dirs are apart: `~/.cache/openclaw*`, `~/.npm`, `~/.agents/skills`, and the logins of other command line tools. A `home` for each plane keeps them apart."
    HomeInPlane "home-in-plane" Warning:
        "The HOME of a plane lies inside a folder of another.";
        "A reset of the outer plane takes the inner one's caches, keys and logins along, and the outer one's agents can read them. Give it a `home` beside the other's folders."
    CwdInPlane "cwd-in-plane" Warning:
        "A plane's process works inside a folder of another.";
        "OpenClaw reads a `.env` in its working folder, and takes relative paths from there. That may be meant, as when a rescue mends main; then leave it."
    SurfaceUnnamed "surface-unnamed" Warning:
        "A state dir, config or workspace does not say in its path which plane it belongs to.";
        "Whoever mends things at night should not have to decode which gateway owns `…-2`. Put the plane's name into the path."
    // Ports.
    PortFamilyOverlap "port-family-overlap" Error:
        "The port families of two planes overlap.";
        "A gateway with base port B uses B to B+110: browser control at B+2, relays, and the browsers' own ports from B+11. Where families overlap, one plane takes the other's logged-in browser for its own, without any check. Base ports should be 120 apart."
    PortFamilyTooHigh "port-family-too-high" Error:
        "A base port lies above 65425.";
        "There is no room for the 110 derived ports, and OpenClaw silently moves the browsers to 18800–18899, for every such gateway alike. Take a lower base port."
    PortFamilyClose "port-family-close" Warning:
        "Two base ports are less than 120 apart, though their families do not overlap.";
        "OpenClaw advises 120 so that a later release can grow the family. Move one when convenient."
    PortFamilyEphemeral "port-family-ephemeral" Warning:
        "A port family lies in the range from which the kernel takes ports for outgoing connections.";
        "Any program's outgoing connection may sit on one of these ports just when the gateway wants it. Take a base port below the range, or reserve the family through `net.ipv4.ip_local_reserved_ports`."
    PortPinnedTwice "port-pinned-twice" Error:
        "One port is pinned by two planes, or twice in one plane.";
        "Only one of them can listen; with browsers the second one attaches to the first. Give each key a port of its own."
    PortPinForeign "port-pin-in-foreign-family" Error:
        "A port pinned by one plane lies in the port family of another.";
        "The two would meet on that port; if it is a browser's, one plane drives the other's logged-in browser. Pin a port of the plane's own family, or one outside every family."
    PortPinOwn "port-pin-on-own-family" Error:
        "A plane pins a port that its own gateway uses for something else.";
        "One of the two cannot listen. Within a family the base port and the ten above it are taken."
    BrowserShared "browser-shared" Error:
        "Two planes attach to one remote browser.";
        "They share tabs, cookies and logged-in sessions: a rescue attached to production's browser acts as production. Give each plane a `cdpUrl` of its own."
    // Identities.
    ProfileShared "profile-shared" Error:
        "Two planes have one OpenClaw profile name.";
        "The profile names the native service, the default log file and the default port, and it is what an operator types to reach one of them. Leave `profile` out: it is then the plane's name."
    ChannelCredentialShared "channel-credential-shared" Error:
        "Two planes log in to a channel with the same credential.";
        "The same bot is polled twice: messages go to one or the other at random, or to both. Make a bot, or an account, for each plane."
    ProductionCredential "production-credential-held" Error:
        "A plane without `production_channels` holds a channel credential of one that has it.";
        "A test run would speak to real people in production's name. Take the credential out of the plane, or say `production_channels = true` if it is meant."
    RuntimeShared "runtime-shared" Warning:
        "A rescue plane runs from the same OpenClaw installation as a plane it should outlive, or planes share the one that PATH finds.";
        "An upgrade, or a broken installation, takes both down together; the one on PATH is replaced by anybody's `npm install -g`, underneath what runs. Give the rescue a `[runtimes]` entry, and so a release, of its own."
    // Within one plane.
    ConfigMissing "config-missing" Warning:
        "A plane's config does not exist yet.";
        "OpenClaw refuses to start without one (exit 78). Make it with `gateward exec PLANE -- openclaw setup`. The stand-in refuses as OpenClaw does."
    ConfigUnreadable "config-unreadable" Error:
        "A config, or a file it includes, cannot be read.";
        "What the plane claims cannot be known, so nothing can be proved about it. Mend rights, owner or kind of the file."
    ConfigTooLarge "config-too-large" Error:
        "A config, or a file it includes, is larger than OpenClaw takes, or than gateward reads.";
        "OpenClaw refuses an included file of more than 2 MiB. The other limits are gateward's own (8 MiB and 500,000 values of a config, 1,000 includes of 8 MiB together, 16 MiB of text as often as it is taken for accounts and agents): what is beyond is not proved, and the message says whose limit it is. Split it, or take out what is not configuration."
    ConfigEncoding "config-encoding" Error:
        "A config, or a file it includes, is not UTF-8.";
        "OpenClaw would read something else than was written. Save it as UTF-8."
    ConfigSyntax "config-syntax" Error:
        "A config, or a file it includes, is not JSON5.";
        "OpenClaw refuses to start with it (exit 78). Mend the place shown; `openclaw doctor` in the plane's environment helps."
    ConfigTooDeep "config-too-deep" Error:
        "A config nests deeper than any configuration does.";
        "OpenClaw has no such limit; gateward reads 100 levels, and proves nothing of what is deeper."
    ConfigType "config-type" Error:
        "A value in a config has a type that its key does not take.";
        "OpenClaw refuses the config (exit 78). Write the value as its key wants it."
    ConfigInclude "config-include" Error:
        "An `$include` is one that OpenClaw refuses.";
        "It leads outside the permitted folders, in a circle, too deep, or is no file name. OpenClaw would not start."
    ConfigVariable "config-variable" Warning:
        "A config names a variable that nothing sets.";
        "The text `${NAME}` stays in the value as written. Declare the variable through `env`, `env_file` or `pass_env`."
    EnvUnreadable "env-unreadable" Warning:
        "A `.env` file is there but cannot be read.";
        "OpenClaw skips it in silence, and with it whatever it was to set."
    EnvEncoding "env-encoding" Warning:
        "A `.env` file is not UTF-8.";
        "OpenClaw puts a replacement character where the bytes make no sense, so that a value with such bytes, a token say, is another than was meant. Such a value is compared with nobody's."
    ConfigInvalid "config-invalid" Error:
        "OpenClaw itself does not accept a plane's config.";
        "`openclaw config validate` is the authority on validity; the gateway would exit with 78. Each issue is quoted; `gateward exec PLANE -- openclaw doctor` explains more."
    ConfigUnproved "config-unproved" Warning:
        "OpenClaw could not be asked whether a plane's config is valid.";
        "The program was not found, failed or took too long. The other checks stand; start the plane to see."
    ConfigPort "config-port-differs" Error:
        "A plane's own config, or its environment file, names another port than the manifest.";
        "The gateway listens where the manifest says, but every command that reads the config looks elsewhere, and may reach the wrong gateway. Let both say the same, or take the port out of the config."
    ConfigWorkspace "config-workspace-differs" Error:
        "A plane's own config names another workspace than the manifest.";
        "The config wins, and the manifest tells everybody something untrue. Let both say the same, or take `workspace` out of the manifest."
    BindWithoutAuth "bind-without-auth" Error:
        "A gateway would listen beyond loopback without token or password.";
        "OpenClaw refuses that (exit 78), and if it did not, whoever reaches the port would own the gateway. Set `gateway.auth`, or bind to loopback and use a tunnel."
    BindImplicit "bind-not-explicit" Warning:
        "A config does not say `gateway.bind`.";
        "Unset means loopback on a host, but 0.0.0.0 where OpenClaw detects a container. Write `bind: \"loopback\"`."
    GatewayMode "gateway-mode" Error:
        "A config's `gateway.mode` is missing or is not `local`.";
        "OpenClaw starts a gateway only with `mode: \"local\"`, and exits with 78 otherwise."
    GatewayRemote "gateway-remote-left-on" Warning:
        "A config has a `gateway.remote` section beside a local gateway.";
        "Commands run for this plane may talk to that other gateway. Take it out once it is no longer needed; a `--url` takes no fallback credentials."
    InsecureWebsocket "insecure-websocket" Warning:
        "A plane permits unencrypted WebSocket to private addresses.";
        "That is a break-glass setting: tokens cross the network in clear. Take it out when the glass is mended, and use a tunnel."
    BrowserProfiles "browser-profiles-differ" Warning:
        "The browser profiles that the manifest expects are not those of the plane's config.";
        "The control-plane card would tell a reader something untrue. Let `browser_profiles` and `browser.profiles` name the same."
    StateDirOpen "state-dir-open" Warning:
        "Others than the plane's user can enter or read its state dir.";
        "It holds credentials and conversations. `chmod 700` it."
    StateDirOfHost "state-dir-of-host" Error:
        "A plane's state dir is a folder that every host has, or somebody's HOME.";
        "OpenClaw writes its databases, credentials and agents there, beside what is not its own, and such a folder cannot be closed to others. Name a folder of the plane's own."
    EnvFileOpen "env-file-open" Warning:
        "Others than the plane's user can read the `.env` of its state dir.";
        "It holds secrets as a rule. `chmod 600` it."
    LauncherPrivileged "launcher-privileged" Warning:
        "A plane's program is setuid, setgid or has file capabilities.";
        "Executing it clears the parent-death signal, so the gateway could outlive a keeper that is killed. Use a program without them; `setcap` on node is the usual cause."
    ProgramForbidden "program-forbidden" Error:
        "The user of a plane may not execute its program.";
        "A folder above it, or the file itself, is closed to that account, so the gateway could not be started. Open the folder to be passed through (`chmod o+x`), or install the release where the account may go."
    ProgramMissing "program-missing" Error:
        "A plane's `command` names a program that is not there, or that is no program.";
        "The plane could not be started, however often it is tried. The path that was looked for is named; write the absolute path of a file that may be executed."
    CwdUnusable "cwd-unusable" Error:
        "A plane's working folder is not there, is no folder, or is closed to the plane's user, or that user cannot write its state dir.";
        "The process could not be started. Only a state dir is made where it is missing; make any other folder that `cwd` names, or let the plane's user enter it."
    EnvironmentTooLarge "environment-too-large" Error:
        "The arguments and the environment of a plane are more than its program can be handed.";
        "The kernel takes a quarter of the supervisor's stack limit (2 MiB where that is 8 MiB, 6 MiB at most), and gateward's own processes tell one another definitions of half a mebibyte at most, which hold what the manifest declares of the environment twice. Put what is large into files of the plane, and their paths into the environment."
    RuntimeMissing "runtime-missing" Warning:
        "The OpenClaw that a plane is to run from is not installed here.";
        "The plane cannot be started before it is. The hint has the command that installs it."
    RestartIdle "restart-never-gives-up" Warning:
        "A plane's `restart.window` does nothing, or its `restart.max_deaths` can never be reached, or neither means anything beside `restart.policy` `never`.";
        "The window counts only with a `max_deaths` above 0; and so many deaths must find room in it, with the waits between them. Take the key out, or lengthen the window. Under `never` no death is followed by a start, and what counts or paces deaths does nothing: take it out of the plane, or choose another policy. What [defaults] says for all planes is not held against one."
    LimitUnavailable "limit-unavailable" Warning:
        "A limit of the manifest cannot be had on this host.";
        "The plane runs without it, and `status` says so too. Memory and process limits need a delegated cgroup v2 with the controllers `memory` and `pids`; more open files, less niceness and an earlier protection from the out-of-memory killer need privilege."
    // The live host.
    BasePortHeld "base-port-held" Error:
        "A stranger has a plane's base port, so that it cannot be bound.";
        "The gateway would try for some 15 seconds and exit with 1. A busy port means: end the process that should not be running. It is named. A connection that goes out from the port keeps it as well while it lasts, and the kernel for a minute after; it is looked at again before it is told."
    BasePortRefused "base-port-refused" Error:
        "The host does not let a plane's base port be bound.";
        "Ports below 1024 need rights, and an address that the host does not have cannot be listened on. Take another port, or mend `gateway.bind`."
    FamilyPortHeld "family-port-held" Error:
        "A stranger listens on a port that a plane's gateway or first browser uses.";
        "If it answers as a browser does, the gateway takes it for its own, with all of its sessions. End the process that is named, or move the plane."
    FamilyPortTaken "family-port-taken" Warning:
        "A stranger listens on one of the higher ports of a plane's family.";
        "A further browser of the plane would meet it there. End it, or move the plane, before more browsers are used."
    PinnedPortHeld "pinned-port-held" Warning:
        "A stranger listens on a port outside the family that a plane's own configuration pins.";
        "What was to listen there, a webhook or a browser, fails, or the gateway takes a stranger's browser for its own. End the process that is named, or pin another port."
    FamilyPortBusy "family-port-busy" Warning:
        "An outgoing connection sits on a port of a plane's family above the base.";
        "It blocks a bind while it lasts, and passes as a rule. A family below the ephemeral range is never hit."
    StateDirOwned "state-dir-owned" Error:
        "A living gateway that is not this plane's own holds its state dir.";
        "Two owners of one control plane: the new gateway would exit with 78. Stop the one that is named first."
    NativeService "native-service" Error:
        "A native OpenClaw service for a plane's profile or state dir is enabled or running.";
        "It and gateward would both own the gateway, and each would undo what the other does. Switch it off with the command shown."
    NativeServiceIdle "native-service-idle" Warning:
        "A native OpenClaw service for a plane's profile or state dir is installed, but neither enabled nor running.";
        "Somebody may start it. Remove the unit when gateward has taken over."
    StrayProcess "stray-process" Warning:
        "A gateway or browser that belongs to no keeper uses a plane's folders.";
        "It is left over from something, or was started by hand, and works on the same files. It is named; end it when it is not meant."
}
