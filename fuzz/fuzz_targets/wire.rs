//! See `entries`.
#![no_main]

#[path = "../entries.rs"]
#[allow(dead_code, reason = "the other target's entry")]
mod entries;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| entries::wire(bytes));
