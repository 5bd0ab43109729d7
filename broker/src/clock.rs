//! The one place where the broker reads a clock; everything below is handed the time.

use std::time::{SystemTime, UNIX_EPOCH};

use distans_proto::time::Timestamp;

/// Now, by this machine's clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// A time in words, for logs and messages.
pub(crate) fn shown(time: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(time.as_micros()).map_or_else(
        |_| "an impossible date".to_owned(),
        |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}
