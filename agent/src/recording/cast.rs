//! What a terminal showed, as asciicast version 3: one JSON array a line, each with the seconds
//! since the one before.
//!
//! Only what was shown is recorded. What was typed stands in it as far as the PC echoed it, so
//! passwords that are typed blindly do not.

use std::time::Instant;

use distans_proto::ops::shell::Size;
use distans_proto::time::Timestamp;
use serde_json::json;

/// Writes a recording's lines.
#[derive(Debug)]
pub(super) struct Cast {
    last: Instant,
    /// Start of a letter whose rest has not come yet; at most 3 bytes.
    partial: Vec<u8>,
}

impl Cast {
    /// Begins, with the header's line.
    pub(super) fn begin(
        now: Instant,
        started: Timestamp,
        size: Size,
        term: &str,
        lines: &mut Vec<u8>,
    ) -> Self {
        let header = json!({
            "version": 3,
            "term": { "cols": size.columns, "rows": size.rows, "type": term },
            "timestamp": started.as_secs(),
        });
        lines.extend_from_slice(format!("{header}\n").as_bytes());
        Self { last: now, partial: Vec::new() }
    }

    /// Bytes that were shown.
    pub(super) fn output(&mut self, now: Instant, bytes: &[u8], lines: &mut Vec<u8>) {
        self.partial.extend_from_slice(bytes);
        let whole = whole_letters(&self.partial);
        if whole == 0 {
            return;
        }
        let text: Vec<u8> = self.partial.drain(..whole).collect();
        self.event(now, "o", &String::from_utf8_lossy(&text), lines);
    }

    /// The terminal has another size.
    pub(super) fn resize(&mut self, now: Instant, size: Size, lines: &mut Vec<u8>) {
        self.event(now, "r", &format!("{}x{}", size.columns, size.rows), lines);
    }

    /// A remark of ours.
    pub(super) fn mark(&mut self, now: Instant, text: &str, lines: &mut Vec<u8>) {
        self.event(now, "m", text, lines);
    }

    /// The program ended.
    pub(super) fn exit(&mut self, now: Instant, code: i32, lines: &mut Vec<u8>) {
        self.event(now, "x", &code.to_string(), lines);
    }

    fn event(&mut self, now: Instant, code: &str, data: &str, lines: &mut Vec<u8>) {
        let interval = now.saturating_duration_since(self.last);
        self.last = now;
        let data = serde_json::Value::from(data);
        lines.extend_from_slice(format!("[{:.3}, \"{code}\", {data}]\n", interval.as_secs_f64()).as_bytes());
    }
}

/// How many of the bytes do not belong to a letter that may still be completed.
fn whole_letters(bytes: &[u8]) -> usize {
    let from = bytes.len().saturating_sub(3);
    for (place, byte) in bytes.iter().enumerate().skip(from) {
        let length = match byte {
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            _ => continue,
        };
        let rest = &bytes[place + 1..];
        if rest.len() + 1 < length && rest.iter().all(|byte| (0x80..=0xBF).contains(byte)) {
            return place;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_event_is_a_line_with_the_time_since_the_one_before() {
        let (start, mut lines) = (Instant::now(), Vec::new());
        let at = |millis| start + Duration::from_millis(millis);
        let size = Size { columns: 80, rows: 24 };
        let mut cast = Cast::begin(start, Timestamp::from_secs(1_772_350_200), size, "xterm", &mut lines);
        cast.output(at(100), b"\x1b[31mr\"ed\r\n", &mut lines);
        cast.resize(at(350), Size { columns: 100, rows: 30 }, &mut lines);
        cast.mark(at(350), "cut", &mut lines);
        cast.exit(at(1350), 3, &mut lines);
        let text = String::from_utf8(lines).expect("text");
        let mut values =
            text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
        let header = values.next().expect("a header");
        assert_eq!((&header["version"], &header["term"]["cols"]), (&json!(3), &json!(80)));
        let events: Vec<_> = values.collect();
        assert_eq!(
            events,
            [
                json!([0.1, "o", "\u{1b}[31mr\"ed\r\n"]),
                json!([0.25, "r", "100x30"]),
                json!([0.0, "m", "cut"]),
                json!([1.0, "x", "3"]),
            ]
        );
    }

    #[test]
    fn a_letter_that_comes_in_parts_is_written_whole() {
        for text in ["åäö€😀z", "€", "a€b"] {
            let (now, mut lines) = (Instant::now(), Vec::new());
            let mut cast = Cast { last: now, partial: Vec::new() };
            for byte in text.as_bytes() {
                cast.output(now, &[*byte], &mut lines);
            }
            let lines = String::from_utf8(lines).expect("text");
            let shown: String = lines
                .lines()
                .map(|line| serde_json::from_str::<(f64, String, String)>(line).expect("an event").2)
                .collect();
            assert_eq!(shown, text);
        }
    }

    #[test]
    fn broken_letters_are_not_held_back() {
        let (now, mut lines) = (Instant::now(), Vec::new());
        let mut cast = Cast { last: now, partial: Vec::new() };
        cast.output(now, b"\xff\xff\x80\xc3(", &mut lines);
        assert!(cast.partial.is_empty());
        assert!(String::from_utf8(lines).expect("text").contains("\u{fffd}("));
    }
}
