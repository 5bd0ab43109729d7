//! Times as people type them: `2h`, `today`, `yesterday`, `10:00`, `2026-11-24T10:00`. Pure.

use distans_proto::time::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, ZonedDateTime};

use crate::say;

/// The moment that `text` means at `now`, in the time zone of `now`.
///
/// # Errors
/// What would be right instead.
pub fn parse(text: &str, now: &ZonedDateTime) -> Result<Timestamp, String> {
    let text = text.trim();
    found(text, now).map(|moment| Timestamp::from_micros(moment.timestamp().as_microsecond())).ok_or_else(
        || {
            say!(
                en: "{text:?} is no time; give 2h, 30min, today, yesterday, 10:00 or 2026-11-24T10:00",
                sv: "{text:?} är ingen tid; ange 2h, 30min, idag, igår, 10:00 eller 2026-11-24T10:00"
            )
        },
    )
}

fn found(text: &str, now: &ZonedDateTime) -> Option<ZonedDateTime> {
    match text.to_lowercase().as_str() {
        "now" | "nu" => return Some(now.clone()),
        "today" | "idag" => return now.start_of_day().ok(),
        "yesterday" | "igår" => return now.yesterday().ok()?.start_of_day().ok(),
        _ => {}
    }
    if let Some(ago) = ago(text) {
        return now.checked_sub(ago).ok();
    }
    let zone = now.time_zone();
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Some(moment.to_zoned_datetime(zone.clone()));
    }
    // A date alone reads as a moment, too; so the plain forms are told apart by their look.
    if text.contains([' ', 'T', 't']) {
        return text.parse::<DateTime>().ok()?.to_zoned_datetime(zone.clone()).ok();
    }
    if text.contains(':') {
        return now.date().to_datetime(text.parse::<Time>().ok()?).to_zoned_datetime(zone.clone()).ok();
    }
    text.parse::<Date>().ok()?.to_zoned_datetime(zone.clone()).ok()
}

/// `90s`, `30min`, `2h`, `3d`, `1w`.
fn ago(text: &str) -> Option<SignedDuration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let seconds = match unit.trim() {
        "s" => 1,
        "m" | "min" => 60,
        "h" | "tim" => 3600,
        "d" => 86_400,
        "w" | "v" => 604_800,
        _ => return None,
    };
    Some(SignedDuration::from_secs(number.parse::<i64>().ok()?.checked_mul(seconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> ZonedDateTime {
        "2026-11-24T12:30:00+01:00[Europe/Stockholm]".parse().expect("a moment")
    }

    #[test]
    fn times_are_read_as_people_type_them() {
        for (text, expected) in [
            ("2h", "2026-11-24T09:30:00Z"),
            ("30min", "2026-11-24T11:00:00Z"),
            ("90 s", "2026-11-24T11:28:30Z"),
            ("1d", "2026-11-23T11:30:00Z"),
            ("today", "2026-11-23T23:00:00Z"),
            ("igår", "2026-11-22T23:00:00Z"),
            ("now", "2026-11-24T11:30:00Z"),
            ("10:00", "2026-11-24T09:00:00Z"),
            ("2026-11-24", "2026-11-23T23:00:00Z"),
            ("2026-11-24T10:00", "2026-11-24T09:00:00Z"),
            ("2026-07-01 10:00:30", "2026-07-01T08:00:30Z"),
            ("2026-11-24T10:00:00Z", "2026-11-24T10:00:00Z"),
        ] {
            let moment = parse(text, &now()).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(crate::format::utc(moment).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_told_with_what_is() {
        for text in
            ["", "h", "2", "2x", "soon", "25:99", "2026-13-01", "99999999999999999999h", "9999999999999999d"]
        {
            let error = parse(text, &now()).expect_err(text);
            assert!(error.contains("2026-11-24T10:00"), "{error}");
        }
    }
}
