//! Serves probes and the one request that steers, on loopback.
//!
//! It decides nothing: the stage is set by `gateway`.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::probes::{Stage, answer};

/// Where a restart is asked for, with the token of `practice.json`.
pub(super) const RESTART: &str = "/practice/restart";

/// What the answers are made of.
pub(super) struct Face {
    pub(super) stage: Cell<Stage>,
    /// When the present generation began.
    pub(super) born: Cell<Instant>,
    pub(super) failing: Vec<String>,
    pub(super) token: String,
    pub(super) restart: Notify,
    serving: RefCell<Vec<JoinHandle<()>>>,
}

impl Face {
    pub(super) fn new(born: Instant, failing: Vec<String>, token: String) -> Rc<Self> {
        let stage = Cell::new(Stage::Starting);
        let born = Cell::new(born);
        Rc::new(Self { stage, born, failing, token, restart: Notify::new(), serving: RefCell::default() })
    }

    /// Serves on `port` of 127.0.0.1 and, where the host has it, ::1. Must run within a `LocalSet`.
    pub(super) fn listen(self: &Rc<Self>, port: u16) -> io::Result<()> {
        let v4 = bound(IpAddr::V4(Ipv4Addr::LOCALHOST), port)?;
        let v6 = match bound(IpAddr::V6(Ipv6Addr::LOCALHOST), port) {
            Ok(listener) => Some(listener),
            Err(cause) if cause.kind() == io::ErrorKind::AddrInUse => return Err(cause),
            // A host without IPv6.
            Err(_) => None,
        };
        for listener in [Some(v4), v6].into_iter().flatten() {
            let face = Rc::clone(self);
            self.serving.borrow_mut().push(tokio::task::spawn_local(face.accept(listener)));
        }
        Ok(())
    }

    /// Closes the listeners; connections that are open end with the process.
    pub(super) fn close(&self) {
        self.serving.borrow_mut().drain(..).for_each(|task| task.abort());
    }

    async fn accept(self: Rc<Self>, listener: TcpListener) {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of descriptors, as a rule: without a pause this would spin until one is given back.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            let face = Rc::clone(&self);
            tokio::task::spawn_local(async move {
                let service = service_fn(|request| {
                    let response = face.respond(&request);
                    async move { Ok::<_, Infallible>(response) }
                });
                // What a caller does wrong concerns the caller alone.
                let _ =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    fn respond(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() == Method::POST && request.uri().path() == RESTART {
            let wanted = format!("Bearer {}", self.token);
            if request.headers().get(header::AUTHORIZATION).is_none_or(|given| given.as_bytes() != wanted.as_bytes()) {
                return response(401, "{\"ok\":false}".to_owned());
            }
            self.restart.notify_one();
            return response(202, "{\"ok\":true}".to_owned());
        }
        match answer(request.uri().path(), self.stage.get(), self.born.get().elapsed(), &self.failing) {
            Some((code, body)) => response(code, body.to_string()),
            None => response(404, "{\"ok\":false}".to_owned()),
        }
    }
}

fn response(code: u16, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

/// A listener as Node makes it: with SO_REUSEADDR, backlog 511.
pub(super) fn bound(address: IpAddr, port: u16) -> io::Result<TcpListener> {
    let socket = match address {
        IpAddr::V4(_) => TcpSocket::new_v4()?,
        IpAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::new(address, port))?;
    socket.listen(511)
}
