//! How sizes, times and distances read. Pure: the caller says what time it is.

use std::time::Duration;

use distans_proto::time::Timestamp;
use jiff::tz::TimeZone;

use crate::say;

/// A size with three digits at most: `512 B`, `9.8 GiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    // In tenths of a unit, so that no float is needed.
    let mut tenths = u128::from(count) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    if tenths >= 1000 {
        format!("{} {}", tenths / 10, UNITS[unit])
    } else {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    }
}

/// A span in its two largest units: `3 d 4 h`, `12 min`, `8 s`.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, 0) => format!("{hours} h"),
        (0, ..) => format!("{hours} h {minutes} min"),
        (_, 0, _) => format!("{days} d"),
        _ => format!("{days} d {hours} h"),
    }
}

/// How long ago: `3 h 5 min ago`, `just now`.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    match now.since(then) {
        short if short < Duration::from_secs(5) => say!(en: "just now", sv: "nyss"),
        long => say!(en: "{} ago", sv: "för {} sedan", span(long)),
    }
}

/// A moment in the technician's own time zone: `2026-07-23 14:05`.
pub fn local(time: Timestamp) -> String {
    moment(time, &TimeZone::system())
}

/// As [`local`], with the second: `2026-07-23 14:05:00`.
pub fn local_second(time: Timestamp) -> String {
    written(time, &TimeZone::system(), "%Y-%m-%d %H:%M:%S")
}

fn moment(time: Timestamp, zone: &TimeZone) -> String {
    written(time, zone, "%Y-%m-%d %H:%M")
}

fn written(time: Timestamp, zone: &TimeZone, form: &str) -> String {
    match jiff::Timestamp::from_microsecond(time.as_micros()) {
        Ok(stamp) => stamp.to_zoned_datetime(zone.clone()).strftime(form).to_string(),
        Err(_) => say!(en: "beyond the calendar", sv: "bortom kalendern"),
    }
}

/// A moment for JSON: RFC 3339 in UTC; `null` beyond the calendar.
pub fn utc(time: Timestamp) -> Option<String> {
    jiff::Timestamp::from_microsecond(time.as_micros()).ok().map(|stamp| stamp.to_string())
}

/// Metres as whole kilometres, rounded down, as the reports do.
pub fn kilometres(metres: u64) -> String {
    format!("{} km", metres / 1000)
}

/// A moment from the machine's clock.
pub fn now() -> Timestamp {
    Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        let shown = [0, 1023, 1024, 10_239, 1_048_576, 10_522_669_875, u64::MAX].map(bytes);
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "9.9 KiB", "1.0 MiB", "9.7 GiB", "16383 PiB"]);
    }

    #[test]
    fn spans_name_two_units() {
        let shown = [8, 720, 3600, 3660, 90_000, 270_000].map(|seconds| span(Duration::from_secs(seconds)));
        assert_eq!(shown, ["8 s", "12 min", "1 h", "1 h 1 min", "1 d 1 h", "3 d 3 h"]);
    }

    #[test]
    fn moments_read_in_zone_and_in_utc() {
        let time = Timestamp::from_secs(1_784_815_500);
        assert_eq!(moment(time, &TimeZone::UTC), "2026-07-23 14:05");
        assert_eq!(utc(time).as_deref(), Some("2026-07-23T14:05:00Z"));
        assert_eq!(moment(Timestamp::from_micros(i64::MAX), &TimeZone::UTC), "beyond the calendar");
    }
}
