//! The port that a gateway really binds is the first one that we say it is told.

use std::process::Child;
use std::time::Duration;

use gateward::openclaw::ports;
use rustix::process::Signal;

use super::Gateway;
use crate::support::{BOOT, Boots, Family, Scratch, eventually, openclaw, processes};

/// Ends the gateway of one case, whatever became of the test.
struct Running<'s> {
    child: Child,
    scratch: &'s Scratch,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        processes::end_bearing(self.scratch.path());
        let _ = self.child.wait();
    }
}

#[test]
fn a_gateway_binds_the_port_that_its_configuration_says_first() {
    let Some(bin) = openclaw() else { return };
    let families = [Family::lease(), Family::lease(), Family::lease()];
    let [vars, dotenv, key] = [0, 1, 2].map(|index: usize| families[index].base());
    let config = format!(
        "{{ env: {{ vars: {{ OPENCLAW_GATEWAY_PORT: '{vars}' }} }}, browser: {{ enabled: false }}, logging: {{ file: '@/log' }},
         gateway: {{ mode: 'local', port: {key}, bind: 'loopback', auth: {{ mode: 'none' }} }} }}"
    );
    let mut gateway = Gateway::new(bin, "port by env.vars");
    gateway.file("c/openclaw.json", &config);
    binds(&gateway, vars);
    gateway.file("s/.env", &format!("OPENCLAW_GATEWAY_PORT=127.0.0.1:{dotenv}\n"));
    binds(&gateway, dotenv);
    gateway.set("OPENCLAW_GATEWAY_PORT", &key.to_string());
    assert_eq!(gateway.declared().gateway.ports[0].value, key);
    // What gateward passes goes before them all.
    listens(&gateway, vars, &["--port", &vars.to_string()]);
}

#[test]
fn a_profile_without_a_port_has_the_one_of_its_name() {
    let Some(bin) = openclaw() else { return };
    let below_ephemeral = |name: &&str| ports::of_profile(name) < 32_768;
    let free = |name: &&str| std::net::TcpListener::bind(("127.0.0.1", ports::of_profile(name))).is_ok();
    let names =
        ["agreement-a", "agreement-b", "agreement-c", "agreement-d", "agreement-e", "agreement-f", "agreement-g"];
    let name = names.into_iter().filter(below_ephemeral).find(free).expect("a profile whose port is free");
    let mut gateway = Gateway::new(bin, "port by profile");
    gateway.profile = name;
    let config = "{ browser: { enabled: false }, logging: { file: '@/log' },
                  gateway: { mode: 'local', bind: 'loopback', auth: { mode: 'none' } } }";
    gateway.file("c/openclaw.json", config);
    assert!(gateway.declared().gateway.ports.is_empty());
    listens(&gateway, ports::of_profile(name), &[]);
}

fn binds(gateway: &Gateway<'_>, port: u16) {
    let declared = gateway.declared();
    assert_eq!(declared.gateway.ports.first().map(|said| said.value), Some(port), "{declared:?}");
    listens(gateway, port, &[]);
}

fn listens(gateway: &Gateway<'_>, port: u16, args: &[&str]) {
    let _boot = Boots::take(1);
    let output = std::fs::File::create(gateway.scratch.join("output")).expect("a file for its output");
    let args = [&["gateway", "run"], args].concat();
    let child = gateway
        .openclaw(&args)
        .env("OPENCLAW_SKIP_CHANNELS", "1")
        .stdout(output.try_clone().expect("a second handle"))
        .stderr(output)
        .spawn()
        .expect("openclaw starts");
    let pid = child.id().cast_signed();
    let mut running = Running { child, scratch: &gateway.scratch };
    eventually(BOOT, &format!("the gateway to listen on port {port}"), || {
        let said = std::fs::read_to_string(gateway.scratch.join("output")).unwrap_or_default();
        if processes::listeners(port, &[pid]).is_empty() { Err(said) } else { Ok(()) }
    });
    processes::kill(pid, Signal::TERM);
    eventually(Duration::from_secs(60), "the gateway to stop", || {
        running.child.try_wait().expect("its own child").is_some()
    });
}
