//! One HTTP probe over loopback: a GET, its status and the first bytes of its body, within a budget.
//!
//! Judges nothing, repeats nothing, follows no redirect.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// More of a body than this is not read: the longest real one, `/readyz` with its numbers, has under 2 KiB.
const BODY_CAP: usize = 64 << 10;

/// How a target that takes no connection is told.
pub const UNREACHED: &str = "could not be reached";

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// The body, as text.
    pub body: String,
}

/// Where a probe goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Address and port.
    pub address: SocketAddr,
    /// Path and query, starting with `/`.
    pub path: String,
}

/// Asks once. The error is a sentence fragment.
pub async fn get(target: &Target, budget: Duration) -> Result<Answered, String> {
    match timeout(budget, exchange(target)).await {
        Ok(answer) => answer.map_err(|error| format!("{} {error}", target.path)),
        Err(_) => Err(format!("{} gave no answer within {:.1} s", target.path, budget.as_secs_f64())),
    }
}

async fn exchange(target: &Target) -> Result<Answered, String> {
    let stream = TcpStream::connect(target.address).await.map_err(|error| format!("{UNREACHED}: {error}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| format!("failed: {error}"))?;
    let request = Request::get(&target.path)
        .header(header::HOST, target.address.to_string())
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| format!("is no path: {error}"))?;
    let converse = async {
        let answer = sender.send_request(request).await.map_err(|error| match error.is_parse() {
            true => format!("was not answered in HTTP: {error}"),
            false => format!("failed: {error}"),
        })?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), BODY_CAP).collect().await;
        let body = body.map_err(|error| format!("broke off: {error}"))?.to_bytes();
        Ok(Answered { status, body: String::from_utf8_lossy(&body).into_owned() })
    };
    tokio::pin!(converse);
    tokio::pin!(connection);
    tokio::select! {
        answer = &mut converse => answer,
        // The connection's own end says nothing that the exchange does not say better.
        _ = &mut connection => converse.await,
    }
}

/// The target of an `http://host:port/path` address. Only numeric hosts and `localhost` are taken, since a
/// probe must not wait for a name server.
pub fn target(url: &str) -> Result<Target, String> {
    let uri: hyper::Uri = url.parse().map_err(|error| format!("`{url}` is no address: {error}"))?;
    if uri.scheme_str() != Some("http") {
        return Err(format!("`{url}` is not an http:// address"));
    }
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let ip = match host {
        "localhost" => std::net::IpAddr::from([127, 0, 0, 1]),
        other => other.parse().map_err(|_| format!("`{other}` in `{url}` is neither `localhost` nor an IP address"))?,
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    Ok(Target { address: (ip, uri.port_u16().unwrap_or(80)).into(), path })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const BUDGET: Duration = Duration::from_secs(5);

    async fn serving(answer: &'static str) -> Target {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a caller");
            let mut request = [0; 512];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        });
        Target { address, path: "/healthz".into() }
    }

    #[tokio::test]
    async fn status_and_body_come_back() {
        let target = serving("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 12\r\n\r\n{\"ok\":false}").await;
        let expected = Answered { status: 503, body: "{\"ok\":false}".into() };
        assert_eq!(get(&target, BUDGET).await, Ok(expected));
    }

    #[tokio::test]
    async fn a_refused_connection_says_so() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        drop(listener);
        let error = get(&Target { address, path: "/healthz".into() }, BUDGET).await.expect_err("nobody listens");
        assert!(error.starts_with("/healthz could not be reached"), "{error}");
    }

    #[tokio::test]
    async fn an_answer_in_another_tongue_is_told_as_one() {
        let target = serving("220 mail.example.test ESMTP\r\n").await;
        let error = get(&target, BUDGET).await.expect_err("no HTTP");
        assert!(error.starts_with("/healthz was not answered in HTTP: "), "{error}");
    }

    #[tokio::test]
    async fn silence_ends_with_the_budget() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let error = get(&Target { address, path: "/healthz".into() }, Duration::from_millis(50)).await;
        assert_eq!(error, Err("/healthz gave no answer within 0.1 s".into()));
    }

    #[test]
    fn only_addresses_on_this_host_are_targets() {
        assert_eq!(target("http://localhost:81/x?y").expect("a target").path, "/x?y");
        assert_eq!(target("http://[::1]:81/").expect("a target").address, "[::1]:81".parse().expect("an address"));
        assert!(target("https://localhost/").is_err());
        assert!(target("http://example.test/").is_err());
    }
}
