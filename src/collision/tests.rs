//! The proof on small planes, and its laws on generated ones.

mod bounds;

use std::path::PathBuf;

use proptest::prelude::*;

use super::claim::{Account, Claim, Claims, PathRole, Pin, Source, Surface};
use super::finding::Finding;
use super::gather::{Declarations, claims};
use super::surroundings::{Entry, EntryKind, Ephemeral, Identity, Surroundings, Within};
use super::{check, prove};
use crate::openclaw::config::credential::Secret;
use crate::openclaw::config::declared::{Endpoint, Standing};
use crate::plane::{Contract, Launch, Place, Places, Plane, PlaneName, Planes, Role, Supervisor};

pub(super) fn plane(name: &str, port: u16) -> Plane {
    let state_dir = PathBuf::from(format!("/home/op/.openclaw-{name}"));
    Plane {
        name: PlaneName::new(name).unwrap(),
        role: Role::Other,
        isolates: None,
        contract: Contract::Openclaw,
        launch: Launch::Practice,
        args: Vec::new(),
        profile: name.to_owned(),
        config: state_dir.join("openclaw.json"),
        workspace: None,
        port: Some(port),
        browser_profiles: None,
        production_channels: false,
        home: PathBuf::from(format!("/home/op/homes/{name}")),
        account: None,
        cwd: state_dir.clone(),
        state_dir,
        umask: None,
        environment: Default::default(),
        passed: Default::default(),
        autostart: true,
        after: Vec::new(),
        stop_grace: std::time::Duration::from_secs(330),
        restart: Default::default(),
        health: Default::default(),
        log: Default::default(),
        limits: Default::default(),
    }
}

pub(super) fn manifest(planes: Vec<Plane>) -> Planes {
    let place = |line: usize| Place { file: "/etc/supervisor.toml".into(), line: line as u32, column: 1, width: 1 };
    let places = |line| Places {
        keys: [(String::new(), place(line + 1)), ("port".to_owned(), place(line + 2))].into(),
        ..Places::default()
    };
    Planes {
        supervisor: Supervisor {
            manifest: "/etc/supervisor.toml".into(),
            run_dir: "/run/gateward".into(),
            state_dir: "/var/lib/gateward".into(),
            watch: true,
            stagger: Default::default(),
            socket_group: None,
        },
        planes: planes.into_iter().enumerate().map(|(index, plane)| (plane, places(index * 10))).collect(),
        env_files: Vec::new(),
    }
}

fn check_planes(planes: Vec<Plane>, around: &Surroundings) -> Vec<Finding> {
    check(claims(&manifest(planes), &Declarations::new(), &[0; 32]), around)
}

fn codes(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.code.as_str()).collect()
}

#[test]
fn planes_that_keep_to_themselves_have_no_finding() {
    let planes = manifest(vec![plane("main", 18789), plane("rescue", 18909)]);
    let claims = claims(&planes, &Declarations::new(), &[0; 32]);
    let found = prove(&planes, &Declarations::new(), claims, &Surroundings::default());
    assert_eq!(codes(&found), [""; 0], "{found:#?}");
}

#[test]
fn overlapping_families_say_both_planes_both_places_and_a_free_port() {
    let mut main = plane("main", 18789);
    main.role = Role::Main;
    let found = check_planes(vec![plane("extra", 18809), main], &Surroundings::default());
    let [one] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!(one.code, "port-family-overlap");
    assert_eq!(one.message, "the port families of `extra` and `main` overlap in 18809–18899");
    assert_eq!(one.hint, "under [planes.extra] say `port = 18929`");
    assert_eq!(one.at.iter().map(|place| place.line).collect::<Vec<_>>(), [2, 12]);
}

#[test]
fn a_shared_state_dir_is_one_finding_and_not_five() {
    let mut rescue = plane("rescue", 18909);
    rescue.state_dir = "/home/op/.openclaw-main".into();
    rescue.config = rescue.state_dir.join("openclaw.json");
    let found = check_planes(vec![plane("main", 18789), rescue], &Surroundings::default());
    assert_eq!(codes(&found), ["state-dir-shared"]);
}

#[test]
fn a_config_copied_from_main_is_said_as_such() {
    let mut rescue = plane("rescue", 18909);
    rescue.config = "/home/op/.openclaw-main/openclaw.json".into();
    let found = check_planes(vec![plane("main", 18789), rescue], &Surroundings::default());
    assert_eq!(codes(&found), ["config-shared"]);
    assert_eq!(found[0].hint, "under [planes.rescue] say `config = \"/home/op/.openclaw-rescue/openclaw.json\"`");
}

#[test]
fn a_workspace_inside_anothers_state_dir_is_nested() {
    let mut rescue = plane("rescue", 18909);
    rescue.workspace = Some("/home/op/.openclaw-main/workspace-rescue".into());
    let found = check_planes(vec![plane("main", 18789), rescue], &Surroundings::default());
    let [one] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!(one.code, "path-nested");
    assert_eq!(
        one.message,
        "the workspace of `rescue`, /home/op/.openclaw-main/workspace-rescue lies inside the state dir of `main`, \
         /home/op/.openclaw-main"
    );
}

#[test]
fn what_lies_in_a_path_of_several_planes_is_told_what_it_is_to_each() {
    let mut rescue = plane("rescue", 18909);
    rescue.workspace = Some("/home/op/.openclaw-main".into());
    let mut lab = plane("lab", 19029);
    lab.workspace = Some("/home/op/.openclaw-main/lab".into());
    let found = check_planes(vec![plane("main", 18789), rescue, lab], &Surroundings::default());
    let nested = found.iter().find(|one| one.code == "path-nested").unwrap();
    assert_eq!(
        nested.message,
        "the workspace of `lab`, /home/op/.openclaw-main/lab lies inside the state dir of `main` and the workspace of \
         `rescue`, /home/op/.openclaw-main"
    );
}

#[test]
fn two_nestings_of_one_pair_are_two_findings() {
    let mut rescue = plane("rescue", 18909);
    rescue.workspace = Some("/home/op/.openclaw-main/workspace-rescue".into());
    let mut main = plane("main", 18789);
    main.workspace = Some("/home/op/.openclaw-rescue/workspace-main".into());
    assert_eq!(codes(&check_planes(vec![main, rescue], &Surroundings::default())), ["path-nested", "path-nested"]);
}

fn identity(canonical: &str) -> Identity {
    Identity { canonical: canonical.into(), ..Identity::default() }
}

#[test]
fn links_bind_mounts_hard_links_and_case_hide_nothing() {
    let state = |path: &str| {
        let mut rescue = plane("rescue", 18909);
        rescue.state_dir = path.into();
        vec![plane("main", 18789), rescue]
    };
    let main = "/home/op/.openclaw-main";
    let mut around = Surroundings::default();
    around.paths.insert("/srv/link".into(), identity(main));
    around.paths.insert("/srv/deep".into(), identity("/home/op/.openclaw-main/not/there/yet"));
    assert_eq!(codes(&check_planes(state("/srv/link"), &around)), ["state-dir-shared"]);
    assert_eq!(codes(&check_planes(state("/srv/deep"), &around)), ["path-nested"]);
    assert_eq!(codes(&check_planes(state("/home/op/x/..//.openclaw-main/."), &around)), ["state-dir-shared"]);

    let bound = |path: &str| Some(Within { device: (8, 1), path: path.into() });
    around.paths.insert(main.into(), Identity { within: bound("/op/.openclaw-main"), ..identity(main) });
    around.paths.insert("/mnt/bind".into(), Identity { within: bound("/op/.openclaw-main"), ..identity("/mnt/bind") });
    assert_eq!(codes(&check_planes(state("/mnt/bind"), &around)), ["state-dir-shared"]);

    let file = Some(Entry { inode: (1, 7), mode: 0o600, owner: 0, kind: EntryKind::File });
    let mut around = Surroundings::default();
    for name in ["main", "rescue"] {
        let config = format!("/home/op/.openclaw-{name}/openclaw.json");
        around.paths.insert(config.clone().into(), Identity { entry: file, ..identity(&config) });
    }
    let found = check_planes(vec![plane("main", 18789), plane("rescue", 18909)], &around);
    assert_eq!(codes(&found), ["config-shared"]);
    assert!(found[0].message.ends_with("through a hard link)"), "{}", found[0].message);
}

#[test]
fn a_thousand_planes_on_one_port_are_one_readable_finding() {
    let planes = (0..1000).map(|n| plane(&format!("p{n:03}"), 18789)).collect();
    let found = check_planes(planes, &Surroundings::default());
    let [one] = found.as_slice() else { panic!("{}", found.len()) };
    assert_eq!(one.planes.len(), 1000);
    assert!(one.message.contains("`p000`, `p001`, `p002` and 997 more"), "{}", one.message);
    assert!(one.at.len() <= 4 && one.hint.len() < 300, "{one:#?}");
}

#[test]
fn families_may_be_close_high_or_ephemeral() {
    let around = Surroundings {
        ephemeral: Some(Ephemeral { range: 32768..=60999, reserved: Vec::new() }),
        ..Surroundings::default()
    };
    let of = |ports: [u16; 2]| check_planes(vec![plane("a", ports[0]), plane("b", ports[1])], &around);
    assert_eq!(codes(&of([20000, 20110])), ["port-family-overlap"]);
    assert_eq!(codes(&of([20000, 20111])), ["port-family-close"]);
    assert_eq!(codes(&of([20000, 20119])), ["port-family-close"]);
    assert_eq!(codes(&of([20000, 20120])), [""; 0]);
    assert_eq!(codes(&of([20000, 32658])), ["port-family-ephemeral"]);
    assert_eq!(codes(&of([20000, 32657])), [""; 0]);
    assert_eq!(codes(&of([20000, 65426])), ["port-family-too-high"]);
    assert!(of([20000, 40000])[0].message.contains("net.ipv4.ip_local_port_range = 32768 60999"));
}

#[test]
fn a_reservation_of_ports_lists_every_family_and_what_is_reserved_already() {
    let around = Surroundings {
        ephemeral: Some(Ephemeral { range: 32768..=60999, reserved: vec![34000..=34000, 50000..=50100] }),
        ..Surroundings::default()
    };
    let found = check_planes(vec![plane("a", 40000), plane("b", 41000), plane("c", 20000)], &around);
    assert_eq!(codes(&found), ["port-family-ephemeral"; 2]);
    for one in found {
        let all = "sysctl net.ipv4.ip_local_reserved_ports=34000,40000-40110,41000-41110,50000-50100";
        assert!(one.hint.ends_with(all), "{}", one.hint);
    }
}

#[test]
fn gatewards_own_folders_keep_out_of_planes() {
    let mut main = plane("main", 18789);
    main.state_dir = "/var/lib/gateward/planes/main".into();
    assert_eq!(codes(&check_planes(vec![main.clone()], &Surroundings::default())), ["supervisor-path-shared"]);
    main.state_dir = "/var/lib".into();
    assert_eq!(codes(&check_planes(vec![main.clone()], &Surroundings::default())), ["supervisor-path-shared"]);
    main.state_dir = "/var/lib/gateward/openclaw-main".into();
    assert_eq!(codes(&check_planes(vec![main], &Surroundings::default())), [""; 0]);
}

/// A surface from a small world, so that generated planes do meet.
fn surface() -> impl Strategy<Value = Surface> {
    let part = prop::sample::select(vec!["a", "b", "c"]);
    let path = prop::collection::vec(part, 1..4).prop_map(|parts| PathBuf::from(format!("/{}", parts.join("/"))));
    let role = prop::sample::select(vec![
        PathRole::StateDir,
        PathRole::Config,
        PathRole::Include,
        PathRole::Workspace,
        PathRole::LogFile,
        PathRole::AgentCwd,
        PathRole::StateLink,
        PathRole::StatePart,
        PathRole::WorkspaceLink,
        PathRole::Cwd,
        PathRole::Home,
    ]);
    let pin = prop::sample::select(vec![Pin::Listens, Pin::Browser, Pin::Attaches, Pin::Relay]);
    let secret = |text: u8| Secret::new(text.to_string()).fingerprint(&[0; 32]);
    let account = |standing| Account { channel: "telegram".into(), account: "default".into(), standing };
    let standing = prop::sample::select(vec![Standing::Active, Standing::Disabled, Standing::Ambient]);
    let word = prop::sample::select(vec!["x", "y"]).prop_map(str::to_owned);
    prop_oneof![
        8 => (role, path).prop_map(|(role, path)| Surface::Path(role, path)),
        3 => (20000_u16..20500).prop_map(Surface::Family),
        1 => (65400_u16..).prop_map(Surface::Family),
        3 => (pin, 20000_u16..20500).prop_map(|(pin, port)| Surface::Pin(pin, port)),
        1 => word.clone().prop_map(|host| Surface::Browser(Endpoint { host, port: 9222 })),
        1 => (0_u8..2, standing).prop_map(move |(n, standing)| Surface::Credential(account(standing), secret(n))),
        1 => word.clone().prop_map(Surface::Profile),
        1 => word.clone().prop_map(Surface::Runtime),
        1 => word.prop_map(Surface::Container),
    ]
}

/// Whether of role rescue, whether with production channels, and what it claims.
type Generated = (bool, bool, Vec<Surface>);

fn world() -> impl Strategy<Value = Vec<Generated>> {
    let plane = (any::<bool>(), any::<bool>(), prop::collection::vec(surface(), 0..6));
    prop::collection::vec(plane, 1..6)
}

fn assembled(world: &[(usize, &Generated)]) -> Claims {
    let planes = world.iter().map(|(number, (rescue, production, _))| {
        let mut plane = plane(&format!("p{number}"), 1);
        plane.role = if *rescue { Role::Rescue } else { Role::Other };
        plane.production_channels = *production;
        plane
    });
    let mut claims = claims(&manifest(planes.collect()), &Declarations::new(), &[0; 32]);
    claims.claims.clear();
    claims.own[0].path = "/a/b/own".into();
    for (number, (_, _, surfaces)) in world {
        let by = claims.claimants.iter().position(|one| one.name.as_str() == format!("p{number}")).unwrap();
        for surface in surfaces {
            let place = Some(Place { file: "/m".into(), line: *number as u32 + 1, column: 1, width: 1 });
            let (surface, source) = (surface.clone(), Source::Manifest);
            claims.claims.push(Claim { by, surface, key: "key".into(), source, place });
        }
    }
    claims
}

fn numbered<T>(world: &[T]) -> Vec<(usize, &T)> {
    world.iter().enumerate().collect()
}

/// Paths through a link, so that identities take part in the laws.
fn linked() -> Surroundings {
    let mut around = Surroundings::default();
    around.paths.insert("/c".into(), identity("/a/b"));
    around.paths.insert("/b/c".into(), identity("/a/x"));
    let within = |path: &str| Some(Within { device: (8, 1), path: path.into() });
    around.paths.insert("/b/a".into(), Identity { within: within("/q"), ..identity("/b/a") });
    around.paths.insert("/a/c".into(), Identity { within: within("/q/r"), ..identity("/a/c") });
    around
}

/// The planes of a finding that concern more than one.
fn across(found: &[Finding]) -> Vec<&Finding> {
    found.iter().filter(|finding| finding.planes.len() > 1).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn order_of_planes_and_keys_changes_nothing(world in world(), seed in any::<u64>()) {
        let shuffled: Vec<_> = world.iter().map(|(rescue, production, surfaces)| {
            let mut surfaces = surfaces.clone();
            surfaces.reverse();
            (*rescue, *production, surfaces)
        }).collect();
        let mut order: Vec<usize> = (0..world.len()).collect();
        let mut random = fastrand::Rng::with_seed(seed);
        random.shuffle(&mut order);
        let around = linked();
        let straight = check(assembled(&numbered(&world)), &around);
        let picked: Vec<_> = order.iter().map(|index| (*index, &shuffled[*index])).collect();
        prop_assert_eq!(straight, check(assembled(&picked), &around));
    }

    #[test]
    fn no_plane_collides_with_itself(world in world()) {
        for one in numbered(&world) {
            let found = check(assembled(&[one]), &linked());
            prop_assert!(across(&found).is_empty());
        }
    }

    #[test]
    fn taking_a_plane_away_never_adds_a_finding(world in world()) {
        let before = check(assembled(&numbered(&world)), &linked());
        for gone in 0..world.len() {
            let rest: Vec<_> = numbered(&world).into_iter().filter(|(number, _)| *number != gone).collect();
            for finding in check(assembled(&rest), &linked()) {
                let covered = before.iter().any(|other| {
                    other.code == finding.code && finding.planes.iter().all(|plane| other.planes.contains(plane))
                });
                prop_assert!(covered, "without p{}: {:#?}\nbefore: {:#?}", gone, finding, before);
            }
        }
    }

    #[test]
    fn whoever_collides_is_named_with_somebody_else(world in world()) {
        for finding in across(&check(assembled(&numbered(&world)), &linked())) {
            let of: Vec<_> = numbered(&world)
                .into_iter()
                .filter(|(number, _)| finding.planes.iter().any(|plane| plane.as_str() == format!("p{number}")))
                .collect();
            let alone = check(assembled(&of), &linked());
            prop_assert!(alone.iter().any(|other| other.code == finding.code && other.planes == finding.planes));
        }
    }

    #[test]
    fn an_offered_port_or_path_never_collides(world in world()) {
        let all = assembled(&numbered(&world));
        let around = linked();
        let heads = |claims: Claims| -> Vec<_> {
            check(claims, &around).into_iter().map(|one| (one.code, one.planes, one.surface)).collect()
        };
        let mut suggest = super::suggest::Suggest::new(&around);
        let mut with_offers = all.clone();
        for claim in &all.claims {
            let offered = match &claim.surface {
                Surface::Family(base) => suggest.base(&all, claim.by, *base).map(Surface::Family),
                Surface::Path(role, _) => suggest.path(&all, claim).map(|path| Surface::Path(*role, path)),
                _ => None,
            };
            with_offers.claims.extend(offered.map(|surface| Claim { surface, ..claim.clone() }));
        }
        prop_assert_eq!(heads(with_offers), heads(all));
    }
}
