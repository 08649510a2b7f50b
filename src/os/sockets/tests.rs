//! Real sockets on loopback, on ports that the kernel chose.

use std::io::Read;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, TcpListener, TcpStream};
use std::process::{Command, Stdio};

use super::*;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

fn listen(address: IpAddr) -> (TcpListener, u16) {
    let listener = TcpListener::bind((address, 0)).expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

#[test]
fn a_listener_is_found_on_its_address_with_its_owner() {
    let me = std::process::id().cast_signed();
    for address in [V4, V6] {
        let (listener, port) = listen(address);
        let found = listeners(port..=port).expect("a table");
        assert_eq!(found.iter().map(|one| one.address).collect::<Vec<_>>(), [SocketAddr::new(address, port)]);
        assert_eq!(found[0].uid, rustix::process::geteuid().as_raw());
        assert_eq!(owners(&[found[0].inode], &[1, me]).remove(&found[0].inode), Some(vec![me]));
        assert!(owners(&[found[0].inode], &[1]).is_empty());

        assert_eq!(bindable(address, port).expect_err("taken").kind(), io::ErrorKind::AddrInUse);
        assert_eq!(obstacle(address, port).expect("a look"), Some(Obstacle::Listener(found[0])));
        let holder = holder(port, "PATH").expect("a look").expect("a holder");
        assert_eq!((holder.pid, holder.address), (Some(me), SocketAddr::new(address, port)));
        assert_eq!(holder.exe, std::env::current_exe().ok());
        assert_eq!(holder.cookie, std::env::var("PATH").ok());
        assert!(holder.to_string().contains(&format!("(pid {me}")), "{holder}");

        drop(listener);
        // Other tests of this process may be between fork and exec, with a copy of it.
        crate::os::testing::eventually("free again", || bindable(address, port).is_ok());
        assert_eq!(obstacle(address, port).expect("a look"), None);
        assert_eq!(super::holder(port, "PATH").expect("a look"), None);
    }
}

#[test]
fn the_other_family_is_another_address_and_a_wildcard_is_all() {
    let (_own, port) = listen(V4);
    assert_eq!(obstacle(V6, port).expect("a look"), None);
    let (_wild, port) = listen(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    for address in [V4, V6] {
        assert!(matches!(obstacle(address, port).expect("a look"), Some(Obstacle::Listener(_))), "{address}");
    }
}

#[test]
fn a_closed_connection_in_time_wait_stands_in_nobodys_way() {
    let (listener, port) = listen(V4);
    let mut client = TcpStream::connect((V4, port)).expect("connected");
    let (server, _) = listener.accept().expect("accepted");
    // Our end closes first, so the port is the one that waits.
    drop(server);
    assert_eq!(client.read(&mut [0]).expect("the end"), 0);
    drop((client, listener));
    let mut waiting = 0;
    table::each(&(port..=port), |row| waiting += usize::from(row.state == table::TIME_WAIT)).expect("a table");
    assert_eq!(waiting, 1, "without it this test says nothing");
    bindable(V4, port).expect("bound beside TIME_WAIT");
    assert_eq!(established_on(port).expect("a table"), []);
}

#[test]
fn an_outgoing_connection_is_told_from_a_listener() {
    let (listener, target) = listen(V4);
    let client = TcpStream::connect((V4, target)).expect("connected");
    let _server = listener.accept().expect("accepted");
    let local = client.local_addr().expect("an address");
    let passing = established_on(local.port()).expect("a table");
    assert_eq!(passing.len(), 1);
    assert_eq!((passing[0].local, passing[0].remote), (local, SocketAddr::new(V4, target)));
    assert_eq!(obstacle(V4, local.port()).expect("a look"), Some(Obstacle::Passing(passing)));
}

#[test]
fn a_bound_socket_that_does_not_listen_is_told_from_a_listener() {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).expect("a socket");
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).expect("bound");
    let address = SocketAddr::try_from(rustix::net::getsockname(&socket).expect("a name")).expect("an address");
    match obstacle(V4, address.port()).expect("a look") {
        Some(Obstacle::Bound(Some(bound))) => {
            let me = std::process::id().cast_signed();
            assert_eq!(bound.address, address);
            assert_eq!(owners(&[bound.inode], &[me]).remove(&bound.inode), Some(vec![me]));
        }
        other => assert_eq!(other, Some(Obstacle::Bound(None)), "an older kernel does not say whose it is"),
    }
    // Its own end closes last: a peer's port waits.
    let (listener, target) = listen(V4);
    rustix::net::connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, target)).expect("connected");
    let (server, _) = listener.accept().expect("accepted");
    drop(socket);
    drop(server);
    crate::os::testing::eventually("a connection that has ended", || {
        obstacle(V4, address.port()).expect("a look") == Some(Obstacle::Closing)
    });
}

#[test]
fn an_address_that_the_host_does_not_have_is_another_error() {
    let nowhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    assert_eq!(bindable(nowhere, 1).expect_err("nowhere").kind(), io::ErrorKind::AddrNotAvailable);
    assert_eq!(obstacle(nowhere, 1).expect_err("nowhere").kind(), io::ErrorKind::AddrNotAvailable);
}

#[test]
fn an_inherited_listener_is_its_oldest_holders() {
    let (listener, port) = listen(V4);
    let inode = listeners(port..=port).expect("a table")[0].inode;
    let me = std::process::id().cast_signed();
    let mut command = Command::new("/bin/sleep");
    let copy = listener.try_clone().expect("a copy");
    let mut child = command.arg("60").stdin(Stdio::from(std::os::fd::OwnedFd::from(copy))).spawn().expect("a child");
    let pid = child.id().cast_signed();
    assert_eq!(owners(&[inode], &[pid, me]).remove(&inode), Some(vec![pid, me]));
    assert_eq!(holder(port, "PATH").expect("a look").and_then(|one| one.pid), Some(me));
    // The command holds the copy that it gave.
    drop((command, listener));
    crate::os::testing::eventually("the child has it alone", || {
        owners(&[inode], &[pid, me]).remove(&inode) == Some(vec![pid])
    });
    assert_eq!(holder(port, "PATH").expect("a look").and_then(|one| one.comm).as_deref(), Some("sleep"));
    child.kill().expect("ended");
    child.wait().expect("reaped");
}
