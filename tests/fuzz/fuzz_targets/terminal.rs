//! Whatever a PC's shell writes, cut anywhere: the same comes out, and nothing that makes the
//! technician's terminal answer, or steers more than its screen.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The two files alone: the rest of the technician's program would have to be instrumented with them.
#[path = "../../../technician-cli/src/terminal/filter.rs"]
#[allow(dead_code, unreachable_pub)]
mod filter;
#[path = "../../../technician-cli/src/terminal/modes.rs"]
#[allow(dead_code)]
mod modes;

use filter::Filter;

fn shown(pieces: &[&[u8]]) -> Vec<u8> {
    let mut filter = Filter::default();
    let mut out: Vec<u8> = pieces.iter().flat_map(|piece| filter.push(piece)).collect();
    out.extend(filter.finish());
    out
}

fuzz_target!(|input: (u16, &[u8])| {
    let (cut, bytes) = (usize::from(input.0).min(input.1.len()), input.1);
    let whole = shown(&[bytes]);
    assert_eq!(whole, shown(&[&bytes[..cut], &bytes[cut..]]));
    let text = std::str::from_utf8(&whole).expect("always UTF-8");
    assert!(!text.chars().any(|letter| ('\u{80}'..'\u{a0}').contains(&letter)), "C1");
    for forbidden in [
        "\u{1b}]",
        "\u{1b}P",
        "\u{1b}_",
        "\u{1b}^",
        "\u{1b}X",
        "\u{1b}Z",
        "\u{1b}[c",
        "\u{1b}[>",
        "\u{1b}[6n",
        "\u{1b}[5n",
        "\u{5}",
    ] {
        assert!(!text.contains(forbidden), "{forbidden:?}");
    }
});
