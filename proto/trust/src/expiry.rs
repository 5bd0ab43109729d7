//! Warnings before something expires: at 50 % and at 80 % of its life, and after its end.

use std::time::Duration;

use distans_proto::time::Timestamp;

/// How far a life has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Half is over: renew at leisure.
    Half,
    /// Four fifths are over: renew now.
    Late,
    /// It is over.
    Expired,
}

/// A warning about one expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// How far.
    pub stage: Stage,
    /// What is left; zero once expired.
    pub left: Duration,
}

/// The warning due at `now` for something that counts from `issued` to `expires`.
pub fn warning(issued: Timestamp, expires: Timestamp, now: Timestamp) -> Option<Warning> {
    let life = expires.since(issued);
    let left = expires.since(now);
    let stage = if left.is_zero() {
        Stage::Expired
    } else if left <= life / 5 {
        Stage::Late
    } else if left <= life / 2 {
        Stage::Half
    } else {
        return None;
    };
    Some(Warning { stage, left })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_come_at_half_and_at_four_fifths() {
        let at =
            |secs| warning(Timestamp::from_secs(0), Timestamp::from_secs(100), Timestamp::from_secs(secs));
        assert_eq!(at(49), None);
        assert_eq!(at(50), Some(Warning { stage: Stage::Half, left: Duration::from_secs(50) }));
        assert_eq!(at(79).map(|warning| warning.stage), Some(Stage::Half));
        assert_eq!(at(80).map(|warning| warning.stage), Some(Stage::Late));
        assert_eq!(at(100), Some(Warning { stage: Stage::Expired, left: Duration::ZERO }));
        assert_eq!(at(1000).map(|warning| warning.stage), Some(Stage::Expired));
    }
}
