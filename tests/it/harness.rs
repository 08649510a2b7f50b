//! The test support itself: a harness that cannot fail would prove nothing.

use std::fs::OpenOptions;
use std::net::TcpListener;
use std::panic::catch_unwind;
use std::process::{Child, Command};
use std::time::Duration;

use crate::support::{Boots, Family, Scratch, eventually, processes};

#[test]
fn a_fact_that_never_comes_is_reported_with_what_was_there_instead() {
    let waited = catch_unwind(|| eventually(Duration::from_millis(60), "the impossible", || Err::<(), _>("only this")));
    let said = *waited.expect_err("it must not succeed").downcast::<String>().expect("a message");
    assert!(said.contains("the impossible") && said.contains("only this"), "{said}");
}

#[test]
fn a_fact_that_comes_late_is_given() {
    let mut looks = 0;
    let fact = eventually(Duration::from_secs(5), "the third look", || {
        looks += 1;
        (looks == 3).then_some(looks)
    });
    assert_eq!(fact, 3);
}

#[test]
fn families_of_two_leases_are_apart_and_below_the_ephemeral_range() {
    let (one, other) = (Family::lease(), Family::lease());
    assert!(one.base().abs_diff(other.base()) >= 120, "{} and {}", one.base(), other.base());
    assert!(*one.ports().end() < 32768);
    assert_eq!(one.busy(), Vec::<u16>::new());
    let held = TcpListener::bind(("127.0.0.1", one.base() + 11)).expect("a port of the family");
    assert_eq!(one.busy(), [one.base() + 11]);
    drop(held);
}

#[test]
fn a_lease_is_held_while_it_lives_and_free_afterwards() {
    let family = Family::lease();
    let lease = crate::support::shared_folder().join("ports").join(format!("{}.lease", family.base()));
    let other = OpenOptions::new().append(true).open(lease).expect("the lease file");
    assert!(other.try_lock().is_err(), "leased twice");
    drop(family);
    // Another test may take it in the same moment, but it cannot keep it while we look again and again.
    eventually(Duration::from_secs(60), "the lease given back", || other.try_lock().is_ok());
}

#[test]
fn two_boots_and_no_third() {
    let _both = Boots::take(2);
    assert!(Boots::free_slots() == 0, "a third boot would be let in");
}

#[test]
fn scratch_goes_after_success_and_stays_after_failure() {
    let scratch = Scratch::new("success");
    let path = scratch.write("a/b.txt", "text").parent().expect("a folder").to_owned();
    drop(scratch);
    assert!(!path.exists());

    let kept = std::sync::Mutex::new(None);
    let failed = catch_unwind(|| {
        let scratch = Scratch::new("failure");
        *kept.lock().expect("the path") = Some(scratch.path().to_owned());
        panic!("on purpose, to see what stays");
    });
    assert!(failed.is_err());
    let kept = kept.into_inner().expect("the path").expect("the path");
    assert!(kept.is_dir(), "a failed test's folder is kept");
    std::fs::remove_dir_all(kept).expect("removed");
}

#[test]
fn what_bears_a_scratch_folder_is_found_and_ended_and_nothing_else() {
    let (scratch, other) = (Scratch::new("bearing"), Scratch::new("bystander"));
    let sleep = |folder: &Scratch| {
        let mut command = Command::new("sleep");
        command.arg("600").env_clear().env("HOME", folder.path());
        command.spawn().expect("sleep")
    };
    let (mut ours, mut theirs) = (sleep(&scratch), sleep(&other));
    let pid = |child: &Child| child.id().cast_signed();
    eventually(Duration::from_secs(10), "both have executed sleep", || {
        processes::bearing(scratch.path()) == [pid(&ours)] && processes::bearing(other.path()) == [pid(&theirs)]
    });
    let ended = processes::end_bearing(scratch.path());
    assert!(matches!(&ended[..], [one] if one.contains("sleep 600")), "{ended:?}");
    assert!(!ours.wait().expect("reaped").success());
    assert!(processes::is_alive(pid(&theirs)), "a process of another test was touched");
    theirs.kill().expect("our own child");
    theirs.wait().expect("reaped");
}

#[test]
fn a_listener_is_told_from_those_that_do_not_listen() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("its address").port();
    let me = std::process::id().cast_signed();
    assert_eq!(processes::listeners(port, &[1, me]), [me]);
    drop(socket);
    assert_eq!(processes::listeners(port, &[1, me]), Vec::<i32>::new());
}
