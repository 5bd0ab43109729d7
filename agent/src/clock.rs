//! The one place that reads the clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use distans_proto::time::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

/// The PC's clock now.
pub(crate) fn now() -> Timestamp {
    let after = SystemTime::now().duration_since(UNIX_EPOCH);
    let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    // A clock before 1970 is wrong by decades; the rules about wrong clocks take over from there.
    Timestamp::from_micros(after.map_or_else(|before| -micros(before.duration()), micros))
}

/// The same clock for the end-to-end handshake.
#[derive(Debug)]
pub(crate) struct SystemClock;

impl TimeProvider for SystemClock {
    fn current_time(&self) -> Option<UnixTime> {
        let secs = u64::try_from(now().as_secs()).unwrap_or(0);
        Some(UnixTime::since_unix_epoch(Duration::from_secs(secs)))
    }
}
