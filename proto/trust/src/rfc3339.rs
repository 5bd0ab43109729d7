//! Times in signed JSON: RFC 3339 in UTC, for instance `2026-03-01T07:30:00Z`.
//!
//! Use with `#[serde(with = "crate::rfc3339")]` on a [`Timestamp`].

use distans_proto::time::Timestamp;
use serde::{Deserialize, Deserializer, Serializer, de};

/// The text is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time like 2026-03-01T07:30:00Z")]
pub struct NotATime(String);

/// The text form; times outside the years 1 to 9999 show as the nearest that can be shown.
pub fn format(time: Timestamp) -> String {
    let inside = jiff::Timestamp::from_microsecond(time.as_micros()).unwrap_or(if time.as_micros() < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    });
    inside.to_string()
}

/// The time in `text`, which must end in `Z`.
///
/// # Errors
/// [`NotATime`].
pub fn parse(text: &str) -> Result<Timestamp, NotATime> {
    let wrong = || NotATime(text.chars().take(40).collect());
    if !text.ends_with('Z') {
        return Err(wrong());
    }
    let time: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
    Ok(Timestamp::from_micros(time.as_microsecond()))
}

/// For serde.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*time))
}

/// For serde.
///
/// # Errors
/// When the text is no time in UTC.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back_and_other_zones_are_refused() {
        let time = Timestamp::from_secs(1_772_350_200);
        assert_eq!(format(time), "2026-03-01T07:30:00Z");
        assert_eq!(parse("2026-03-01T07:30:00Z"), Ok(time));
        for text in ["", "Z", "2026-03-01", "2026-03-01T07:30:00+01:00", "2026-13-01T07:30:00Z"] {
            assert!(parse(text).is_err(), "{text:?} was taken as a time");
        }
    }
}
