//! When the outer certificate is to be renewed: after two thirds of its life (60 of 90 days),
//! so that a PC that was away for weeks still has time.

use std::time::Duration;

use distans_proto::time::Timestamp;

/// How long to wait for an answer, or after a refusal, before asking again.
pub const RETRY: Duration = Duration::from_secs(6 * 3600);

/// How long from `now` until the renewal is due; zero if it is due now.
pub fn due_in(not_before: Timestamp, not_after: Timestamp, now: Timestamp) -> Duration {
    let life = not_after.since(not_before);
    not_before.plus(life / 3 * 2).since(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    #[test]
    fn a_certificate_of_90_days_is_renewed_at_60() {
        let day = |days: u64| Timestamp::from_secs(0).plus(Duration::from_secs(days * DAY));
        let table = [(0, 60), (59, 1), (60, 0), (89, 0), (400, 0)];
        for (now, left) in table {
            assert_eq!(due_in(day(0), day(90), day(now)), Duration::from_secs(left * DAY), "day {now}");
        }
        assert_eq!(due_in(day(90), day(0), day(10)), Duration::from_secs(80 * DAY), "a nonsensical span");
    }
}
