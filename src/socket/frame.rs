//! One JSON object a line: bytes into frames and frames into messages, within a cap.
//!
//! No effects: bytes are given and taken. Never holds more than [`FRAME_CAP`] bytes of one peer.

use std::fmt;

use serde::Deserialize;

use crate::wire::{Answer, FRAME_CAP, Refusal, RefusalKind, Request, Response, VERSION};

/// What a buffer grows by; most frames fit into one.
const STEP: usize = 4096;

/// The bytes of one peer on their way to becoming frames.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    /// Where the frame in the making begins; what lies before it is spent.
    start: usize,
    /// Up to where the frame in the making was searched for its end.
    looked: usize,
    /// Up to where `bytes` holds what was received.
    end: usize,
}

impl Frames {
    /// Room for the next bytes; empty when a whole cap's worth waits to be taken.
    pub fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.looked -= self.start;
            self.end -= self.start;
            self.start = 0;
        }
        let wanted = (self.end + STEP).min(FRAME_CAP);
        if self.bytes.len() < wanted {
            self.bytes.resize(wanted, 0);
        } else if self.end == 0 && self.bytes.len() > 16 * STEP {
            // One big frame must not keep its memory for the rest of a long conversation.
            self.bytes = vec![0; STEP];
        }
        &mut self.bytes[self.end..]
    }

    /// Says that `count` bytes were put into the room.
    pub fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.bytes.len());
    }

    /// The next whole frame without its newline, if one has arrived.
    pub fn take(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let unseen = &self.bytes[self.looked..self.end];
        if let Some(at) = unseen.iter().position(|byte| *byte == b'\n') {
            let (from, to) = (self.start, self.looked + at);
            self.start = to + 1;
            self.looked = self.start;
            return Ok(Some(&self.bytes[from..to]));
        }
        self.looked = self.end;
        if self.end - self.start >= FRAME_CAP { Err(FrameError::TooLong) } else { Ok(None) }
    }

    /// Whether a frame has begun and not ended.
    pub fn is_half(&self) -> bool {
        self.end > self.start
    }
}

/// What can be wrong with what a peer sent.
#[derive(Debug)]
pub enum FrameError {
    /// No newline within the cap.
    TooLong,
    /// The peer hung up, or fell silent, in the middle of a frame.
    Cut,
    /// Not JSON, or not one of our messages: nothing after it can be trusted.
    Garbled(String),
    /// A message of the right shape whose content is not known here; the next frame may well be.
    Unknown(String),
    /// The connection failed.
    Io(std::io::Error),
}

impl FrameError {
    /// What to tell the peer.
    pub fn refusal(&self) -> Refusal {
        let hint = match self {
            Self::TooLong | Self::Cut | Self::Garbled(_) => "send one JSON object a line, as docs/wire.md describes",
            Self::Unknown(_) => {
                "the two sides may be of different releases: compare `gateward --version` with `keeper_version` in \
                 `gateward status --json`"
            }
            Self::Io(_) => "",
        };
        Refusal::new(RefusalKind::Unknown, self.to_string(), hint)
    }

    /// Whether the conversation can go on with the next frame.
    pub fn is_over(&self) -> bool {
        match self {
            Self::TooLong | Self::Cut | Self::Garbled(_) | Self::Io(_) => true,
            Self::Unknown(_) => false,
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "a frame is longer than {FRAME_CAP} bytes"),
            Self::Cut => f.write_str("a frame ended before its newline"),
            Self::Garbled(why) => write!(f, "a frame is not a message: {why}"),
            Self::Unknown(why) => f.write_str(why),
            Self::Io(error) => write!(f, "the connection failed: {error}"),
        }
    }
}

impl std::error::Error for FrameError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::TooLong | Self::Cut | Self::Garbled(_) | Self::Unknown(_) => None,
        }
    }
}

/// What every version of a message has: read when the whole cannot be.
#[derive(Deserialize)]
struct Shape {
    v: u32,
    #[serde(default)]
    ask: Option<serde_json::Value>,
    #[serde(default)]
    answer: Option<serde_json::Value>,
}

/// Reads a request.
pub(super) fn read_request(frame: &[u8]) -> Result<Request, FrameError> {
    // An array would be taken for the fields in their order.
    if frame.trim_ascii_start().first() != Some(&b'{') {
        return Err(FrameError::Garbled("a request is a JSON object with `v` and `ask`".to_owned()));
    }
    serde_json::from_slice(frame).map_err(|error| match serde_json::from_slice::<Shape>(frame) {
        Ok(Shape { v, ask: Some(ask), .. }) => {
            let (word, error) = (word(&ask), error.to_string());
            FrameError::Unknown(if !word.is_empty() && !error.starts_with(&format!("unknown variant `{word}`")) {
                format!("the ask `{word}` is known, and what it says is not taken: {error}")
            } else {
                format!("the ask `{word}` of wire version {v} is not known to version {VERSION}: {error}")
            })
        }
        Ok(Shape { ask: None, .. }) | Err(_) => FrameError::Garbled(error.to_string()),
    })
}

/// Reads an answer.
pub(super) fn read_answer(frame: &[u8]) -> Result<Answer, FrameError> {
    match serde_json::from_slice::<Response>(frame) {
        Ok(response) => Ok(response.answer),
        Err(error) => Err(match serde_json::from_slice::<Shape>(frame) {
            Ok(Shape { v, answer: Some(answer), .. }) => FrameError::Unknown(format!(
                "the answer `{}` of wire version {v} is not known to version {VERSION}: {error}",
                word(&answer)
            )),
            Ok(Shape { answer: None, .. }) | Err(_) => FrameError::Garbled(error.to_string()),
        }),
    }
}

/// The name of an ask or answer, which is either a word or an object with one key; cut, as a stranger chose it.
fn word(value: &serde_json::Value) -> String {
    let text = match value {
        serde_json::Value::String(text) => text.as_str(),
        serde_json::Value::Object(map) => map.keys().next().map_or("", String::as_str),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::Array(_) => "",
    };
    text.chars().take(40).flat_map(char::escape_debug).collect()
}

/// Writes a request as one frame.
pub(super) fn write_request(request: &Request) -> Result<Vec<u8>, FrameError> {
    write(request)
}

/// Writes an answer as one frame; one that does not fit becomes a refusal, so that the asker is told something.
pub(super) fn write_answer(answer: &Answer) -> Vec<u8> {
    let response = |answer| Response { v: VERSION, answer };
    write(&response(answer.clone()))
        .or_else(|error| write(&response(Answer::Refused(error.refusal()))))
        .unwrap_or_default()
}

fn write(message: &impl serde::Serialize) -> Result<Vec<u8>, FrameError> {
    let mut frame = serde_json::to_vec(message).map_err(|error| FrameError::Garbled(error.to_string()))?;
    frame.push(b'\n');
    if frame.len() > FRAME_CAP { Err(FrameError::TooLong) } else { Ok(frame) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_request_is_said_as_what_it_is() {
        let said = |frame: &[u8]| read_request(frame).expect_err("no request").to_string();
        let bad = said(b"{\"v\":1,\"ask\":{\"reload\":{\"allow\":[\"a b\"]}}}");
        assert!(
            bad.starts_with("the ask `reload` is known, and what it says is not taken: `allow` and `codes` hold codes"),
            "{bad}"
        );
        for ask in ["\"levitate\"", "{\"levitate\":{}}", "{}", "7"] {
            let unknown = said(format!("{{\"v\":1,\"ask\":{ask}}}").as_bytes());
            assert!(unknown.contains("of wire version 1 is not known to version 1"), "{ask}: {unknown}");
        }
        for frame in ["[]", "[1,\"status\",\"cli\"]", " 7", "\"status\""] {
            assert_eq!(
                said(frame.as_bytes()),
                "a frame is not a message: a request is a JSON object with `v` and `ask`"
            );
        }
    }
}
