//! A model provider on loopback that answers every turn with one call of the tool `exec`: real work for a real gateway.
//!
//! It speaks as much of OpenAI's completions as OpenClaw asks for, and knows nothing of what its command does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};

/// A provider; its thread ends with the test's process.
pub struct Provider {
    port: u16,
}

impl Provider {
    /// One whose turns run `sleep` for so many seconds.
    #[track_caller]
    pub fn sleeping(seconds: u32) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port for the provider");
        let port = listener.local_addr().expect("bound").port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A caller that hangs up is no concern of the others.
                std::thread::spawn(move || drop(answer(stream, seconds)));
            }
        });
        Self { port }
    }

    /// The config of a gateway whose agent thinks with this provider, with `{port}`, `{workspace}` and `{log}` to be filled in.
    pub fn config(&self) -> String {
        self.config_with("")
    }

    /// The same with further keys, each line with its comma.
    pub fn config_with(&self, more: &str) -> String {
        let port = self.port;
        format!(
            r#"{{
  gateway: {{ mode: "local", port: {{port}}, bind: "loopback", auth: {{ mode: "token", token: "for-tests-only-0123456789abcdef" }} }},
  browser: {{ enabled: false }},
  tools: {{ profile: "coding", exec: {{ host: "gateway", security: "full", ask: "off" }} }},
  models: {{ providers: {{ mock: {{ baseUrl: "http://127.0.0.1:{port}/v1", apiKey: "x", api: "openai-completions",
    models: [{{ id: "mock-1", name: "mock-1", contextWindow: 200000, maxTokens: 4096 }}] }} }} }},
  agents: {{ defaults: {{ workspace: "{{workspace}}", model: {{ primary: "mock/mock-1" }} }} }},
  logging: {{ file: "{{log}}" }},
{more}}}
"#
        )
    }
}

fn answer(mut stream: TcpStream, seconds: u32) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    if first.starts_with("GET") {
        let body = json!({"data": [{"id": "mock-1"}]}).to_string();
        let length = body.len();
        return write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
    }
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")?;
    for event in turn(&serde_json::from_slice(&body).unwrap_or_default(), seconds) {
        write!(stream, "data: {event}\n\n")?;
    }
    write!(stream, "data: [DONE]\n\n")
}

/// A turn that has not used its tool yet uses it; one that has says so.
fn turn(asked: &Value, seconds: u32) -> [Value; 2] {
    let list = |name: &str| asked[name].as_array().cloned().unwrap_or_default();
    let used = list("messages").iter().any(|message| message["role"] == "tool");
    let offered = list("tools").iter().any(|tool| tool["function"]["name"] == "exec");
    let chunk = |delta: Value, end: Value| {
        json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "mock-1",
            "choices": [{"index": 0, "delta": delta, "finish_reason": end}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}})
    };
    if used || !offered {
        return [chunk(json!({"role": "assistant", "content": "slept"}), Value::Null), chunk(json!({}), json!("stop"))];
    }
    let arguments = json!({"command": format!("sleep {seconds}"), "timeoutSeconds": seconds + 60, "yieldMs": 600_000});
    let call = json!({"index": 0, "id": "call_1", "type": "function",
        "function": {"name": "exec", "arguments": arguments.to_string()}});
    [chunk(json!({"role": "assistant", "tool_calls": [call]}), Value::Null), chunk(json!({}), json!("tool_calls"))]
}
