//! A little of the fuzzing in every test run: the seeds cut, spliced and sprinkled with what means something to their readers.

use proptest::prelude::*;

#[path = "../../fuzz/entries.rs"]
mod entries;

const CONFIG: &[u8] = include_bytes!("../../fuzz/seeds/config/rich.json5");
const WIRE: &[u8] = include_bytes!("../../fuzz/seeds/wire/talk.jsonl");
const MANIFEST: &[u8] = include_bytes!("../../fuzz/seeds/manifest/example.toml");

#[test]
fn the_seeds_themselves_pass() {
    entries::config(CONFIG);
    entries::manifest(MANIFEST);
    entries::wire(WIRE);
}

proptest! {
    #[test]
    fn mutated_talk_is_taken_frame_by_frame(
        pace: u8, cut in 0..WIRE.len(), keep in 0..WIRE.len(),
        noise in "[{}\\[\\]:,\"\\\\A-Za-z0-9 \n]{0,24}", more in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        entries::wire(&[&[pace], &WIRE[1..cut.max(1)], noise.as_bytes(), &WIRE[keep..], &more].concat());
        entries::wire(&more);
    }

    #[test]
    fn a_mutated_config_is_read_without_a_panic(
        cut in 0..CONFIG.len(), keep in 0..CONFIG.len(),
        noise in "[{}\\[\\]:,'\"$\\\\/*${}A-Za-z0-9 \n]{0,24}", more in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let include = b"$include: 'x', agents: { list: [{}] }";
        entries::config(&[&CONFIG[..cut], noise.as_bytes(), &CONFIG[keep..], b"\0{", include, b"}\0", &more].concat());
        entries::config(&more);
    }

    #[test]
    fn a_mutated_manifest_is_read_without_a_panic(
        cut in 0..MANIFEST.len(), keep in 0..MANIFEST.len(),
        noise in "[\\[\\]{}=.,\"'#a-z0-9_ \n~/$-]{0,24}", more in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        entries::manifest(&[&MANIFEST[..cut], noise.as_bytes(), &MANIFEST[keep..]].concat());
        entries::manifest(&more);
    }
}
