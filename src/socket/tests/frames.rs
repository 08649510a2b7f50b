//! Frames as bytes: whatever is cut, whatever is wrong, within the cap.

use proptest::prelude::*;

use crate::socket::frame::{read_answer, read_request};
use crate::socket::{FrameError, Frames};
use crate::wire::FRAME_CAP;

fn pour(frames: &mut Frames, mut bytes: &[u8], got: &mut Vec<Vec<u8>>) -> Result<(), FrameError> {
    while !bytes.is_empty() {
        let room = frames.room();
        let count = room.len().min(bytes.len());
        room[..count].copy_from_slice(&bytes[..count]);
        frames.filled(count);
        bytes = &bytes[count..];
        while let Some(frame) = frames.take()? {
            got.push(frame.to_vec());
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn frames_come_out_as_they_went_in(
        sent in prop::collection::vec(prop::collection::vec(any::<u8>().prop_filter("newline", |b| *b != b'\n'), 0..9000), 0..12),
        cuts in prop::collection::vec(1usize..10_000, 1..20),
    ) {
        let stream: Vec<u8> = sent.iter().flat_map(|frame| frame.iter().copied().chain([b'\n'])).collect();
        let mut frames = Frames::default();
        let mut got = Vec::new();
        let mut rest = &stream[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break }
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            prop_assert!(pour(&mut frames, now, &mut got).is_ok());
            rest = later;
        }
        prop_assert_eq!(got, sent);
        prop_assert!(!frames.is_half());
    }

    #[test]
    fn no_bytes_make_the_readers_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let mut got = Vec::new();
        prop_assert!(pour(&mut Frames::default(), &bytes, &mut got).is_ok());
        for frame in &got {
            let _ = read_request(frame);
            let _ = read_answer(frame);
        }
    }

    #[test]
    fn almost_messages_make_the_readers_say_so(
        version in any::<u32>(),
        ask in prop_oneof![
            Just("\"status\"".to_owned()),
            "\"[a-z]{1,60}\"",
            ("[a-z]{1,8}", any::<u16>()).prop_map(|(word, number)| format!("{{\"{word}\":{number}}}")),
            any::<i32>().prop_map(|number| number.to_string()),
        ],
    ) {
        let frame = format!("{{\"v\":{version},\"ask\":{ask}}}");
        match read_request(frame.as_bytes()) {
            Ok(request) => prop_assert_eq!(request.v, version),
            Err(error) => prop_assert!(!error.is_over(), "{}", error),
        }
    }

    #[test]
    fn a_frame_without_end_stops_at_the_cap(piece in 1usize..70_000) {
        let mut frames = Frames::default();
        let piece = vec![b'x'; piece];
        let mut got = Vec::new();
        let mut sent = 0;
        loop {
            match pour(&mut frames, &piece, &mut got) {
                Ok(()) => sent += piece.len(),
                Err(error) => { prop_assert!(matches!(error, FrameError::TooLong)); break }
            }
            prop_assert!(sent <= FRAME_CAP);
        }
        prop_assert!(got.is_empty());
    }
}
