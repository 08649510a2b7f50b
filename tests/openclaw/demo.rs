//! The README's first command, as a newcomer runs it: two real gateways become ready, one is killed and comes back alone.

use rustix::process::Signal;

use crate::support::{BOOT, Boots, Demo, openclaw, processes};

#[test]
fn main_and_rescue_become_ready_and_a_killed_main_comes_back_alone() {
    if openclaw().is_none() {
        return;
    }
    let boots = Boots::take(2);
    let mut demo = Demo::start("demoreal", &[]);
    let before = demo.until_ready(BOOT);
    processes::kill(before.main, Signal::KILL);
    let after = demo.until(BOOT, "another main, ready", |pids| pids.main != before.main);
    drop(boots);
    assert_eq!(after.rescue, before.rescue, "rescue was touched");
    assert!(demo.run(&["why", "main"]).code(0).out.contains("SIGKILL"));
    demo.end(Signal::INT, BOOT);
}
