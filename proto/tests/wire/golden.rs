//! The bytes of every message, kept for ever: an agent of today must understand a broker of
//! ten years from now, so a released encoding never changes.
//!
//! `golden.txt` holds one line per sample: name and hexadecimal bytes. A new message adds a line
//! (run with `DISTANS_BLESS=1` to append what is missing); a changed line is a broken promise.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::samples;

const GOLDEN: &str = include_str!("golden.txt");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string");
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

fn golden() -> BTreeMap<&'static str, &'static str> {
    GOLDEN
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split_once(' ').expect("name and bytes"))
        .collect()
}

#[test]
fn every_message_keeps_its_bytes() {
    let golden = golden();
    let mut missing = String::new();
    for sample in samples::all() {
        assert!(!sample.name.contains(' '), "{:?} cannot stand before its bytes", sample.name);
        let bytes = hex(&sample.bytes);
        match golden.get(sample.name) {
            Some(kept) => assert_eq!(*kept, bytes, "the bytes of {} changed", sample.name),
            None => writeln!(missing, "{} {bytes}", sample.name).expect("writing to a string"),
        }
    }
    if !missing.is_empty() && std::env::var_os("DISTANS_BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire/golden.txt");
        std::fs::write(path, format!("{GOLDEN}{missing}")).expect("golden.txt is writable");
        return;
    }
    assert!(missing.is_empty(), "no golden bytes for:\n{missing}");
}

#[test]
fn golden_bytes_read_back_as_the_sample() {
    for sample in samples::all() {
        (sample.reads_back)(&sample.bytes);
    }
    let names: Vec<_> = samples::all().iter().map(|sample| sample.name).collect();
    for kept in golden().keys() {
        assert!(names.contains(kept), "{kept} has golden bytes but no sample: messages are never removed");
    }
}

#[test]
fn a_longer_or_cut_message_is_refused() {
    for sample in samples::all() {
        let mut longer = sample.bytes.clone();
        longer.push(0);
        assert!((sample.fails)(&longer), "{} took a trailing byte", sample.name);
        for cut in 0..sample.bytes.len() {
            assert!((sample.fails)(&sample.bytes[..cut]), "{} was read from {cut} bytes", sample.name);
        }
    }
}

#[test]
fn a_field_from_the_future_is_skipped() {
    // Done is an empty map inside variant 8; a newer broker adds field 77.
    let newer = unhex("820881a1184d6568656a6a6f"); // [8, [{77: "hejjo"}]]
    let reply: Result<distans_proto::desk::DeskReply, _> = distans_proto::frame::decode(&newer);
    assert!(matches!(reply, Ok(distans_proto::desk::DeskReply::Done(_))), "{reply:?}");
}

#[test]
fn a_message_from_the_future_is_unsupported_and_not_malformed() {
    let newer = unhex("8218c881a0"); // [200, [{}]]
    let message: Result<distans_proto::link::ToAgent, _> = distans_proto::frame::decode(&newer);
    assert_eq!(message, Err(distans_proto::frame::FrameError::Unsupported));
}
