//! Probes: one round at a time, however long an answer takes, and nobody's silence is another's.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use gateward::wire::State;

use super::{SOON, up};
use crate::support::{Gateward, TestPlane, eventually};

/// What was asked of one path.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    times: usize,
    open: usize,
    most_open: usize,
}

/// A server that answers every path, until it is told to hear `/main` and say nothing.
struct Server {
    port: u16,
    mute: Arc<AtomicBool>,
    asked: Arc<Mutex<BTreeMap<String, Asked>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let server = Self {
            port: listener.local_addr().expect("an address").port(),
            mute: Arc::default(),
            asked: Arc::default(),
        };
        let (mute, asked) = (Arc::clone(&server.mute), Arc::clone(&server.asked));
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (mute, asked) = (Arc::clone(&mute), Arc::clone(&asked));
                std::thread::spawn(move || converse(connection, &mute, &asked));
            }
        });
        server
    }

    fn of(&self, path: &str) -> Asked {
        self.asked.lock().expect("the counts").get(path).copied().unwrap_or_default()
    }
}

fn converse(mut connection: TcpStream, mute: &AtomicBool, asked: &Mutex<BTreeMap<String, Asked>>) {
    let mut text = [0; 2048];
    let length = connection.read(&mut text).unwrap_or(0);
    let text = String::from_utf8_lossy(&text[..length]).into_owned();
    let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
    let count = |change: fn(&mut Asked)| change(asked.lock().expect("the counts").entry(path.clone()).or_default());
    count(|asked| {
        asked.times += 1;
        asked.open += 1;
        asked.most_open = asked.most_open.max(asked.open);
    });
    if !(mute.load(Ordering::Relaxed) && path == "/main") {
        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
    }
    // Until the one who asks hangs up.
    let _ = connection.read_to_end(&mut Vec::new());
    count(|asked| asked.open -= 1);
}

#[test]
fn one_that_never_answers_is_asked_once_at_a_time_and_another_is_looked_at_as_ever() {
    let server = Server::start();
    let plane = |name: &str| {
        let url = format!("http://127.0.0.1:{}/{name}", server.port);
        // Its time-out is many intervals long: whatever piled up would be seen.
        let health = format!("url = \"{url}\"\ninterval = \"200ms\"\ntimeout = \"2s\"\nfailures = 1000");
        TestPlane::plain(name, &["/bin/sleep", "100000"]).table("health", &health)
    };
    let mut world = Gateward::new("probes", vec![plane("main"), plane("rescue")]);
    world.up();
    for name in ["main", "rescue"] {
        world.until(name, SOON, "up", |plane| up(plane) && plane.live);
    }
    server.mute.store(true, Ordering::Relaxed);
    let before = [server.of("/main"), server.of("/rescue")];
    eventually(SOON, "three rounds that nobody answers", || {
        if server.of("/main").times >= before[0].times + 3 { Ok(()) } else { Err(server.of("/main")) }
    });
    let after = [server.of("/main"), server.of("/rescue")];
    assert_eq!(after[0].most_open, 1, "{after:?}");
    // Three time-outs of 2 s: at an interval of 200 ms the other was asked thirty times, and on the busiest host more often.
    let others = after[1].times - before[1].times;
    assert!(others > 6, "asked {others} times meanwhile");
    assert_eq!(after[1].most_open, 1, "{after:?}");
    world.until("main", SOON, "no sign of life", |plane| plane.state == State::Up && !plane.live);
    assert!(world.plane("rescue").live);
}
