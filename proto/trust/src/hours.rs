//! Hours of the week during which a rule counts, in local time with its daylight saving.
//!
//! The zone is a POSIX rule, so that no time zone database is needed on any PC.

use distans_proto::time::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Sweden's rule.
const SWEDEN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

/// From `from` (included) to `to` (excluded) on some days of the week. A span that ends before
/// it begins runs over midnight and belongs to the day it begins on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// Which days; empty = every day.
    #[serde(default)]
    pub days: Vec<Day>,
    /// Beginning.
    pub from: Clock,
    /// End.
    pub to: Clock,
    /// POSIX time zone rule; default Sweden's.
    #[serde(default)]
    pub zone: Zone,
}

/// Day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Day {
    const ALL: [Self; 7] = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    fn of(date: jiff::civil::Date) -> Self {
        let index = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
        Self::ALL[index % 7]
    }
}

/// A time of day, `HH:MM`; `24:00` is midnight at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clock(u16);

impl Clock {
    fn parse(text: &str) -> Option<Self> {
        let (hours, minutes) = text.split_once(':')?;
        if hours.len() != 2 || minutes.len() != 2 {
            return None;
        }
        let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
        let total = hours * 60 + minutes;
        (minutes < 60 && total <= 24 * 60).then_some(Self(total))
    }
}

impl Serialize for Clock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{:02}:{:02}", self.0 / 60, self.0 % 60))
    }
}

impl<'de> Deserialize<'de> for Clock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("a time of day must be HH:MM, at most 24:00"))
    }
}

/// A POSIX time zone rule, checked when read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    text: String,
    zone: TimeZone,
}

impl Default for Zone {
    fn default() -> Self {
        Self { text: SWEDEN.into(), zone: TimeZone::posix(SWEDEN).unwrap_or(TimeZone::UTC) }
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let zone = TimeZone::posix(&text).map_err(de::Error::custom)?;
        Ok(Self { text, zone })
    }
}

impl Hours {
    /// True if `now` lies inside. A time no calendar can show lies outside.
    pub fn contains(&self, now: Timestamp) -> bool {
        let Ok(now) = jiff::Timestamp::from_microsecond(now.as_micros()) else { return false };
        let local = self.zone.zone.to_datetime(now);
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or(0);
        let minute = Clock(minute);
        if self.from <= self.to {
            return self.on(local.date()) && self.from <= minute && minute < self.to;
        }
        let evening = minute >= self.from && self.on(local.date());
        let morning = minute < self.to && local.date().yesterday().is_ok_and(|date| self.on(date));
        evening || morning
    }

    fn on(&self, date: jiff::civil::Date) -> bool {
        self.days.is_empty() || self.days.contains(&Day::of(date))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rfc3339;

    fn hours(json: &str) -> Hours {
        serde_json::from_str(json).expect("hours")
    }

    fn at(text: &str) -> Timestamp {
        rfc3339::parse(text).expect("a time")
    }

    #[test]
    fn office_hours_follow_daylight_saving() {
        let office = hours(r#"{"days":["mon","tue","wed","thu","fri"],"from":"07:00","to":"17:00"}"#);
        assert!(office.contains(at("2026-01-12T06:00:00Z"))); // Monday 07:00, winter
        assert!(!office.contains(at("2026-01-12T05:59:59Z")));
        assert!(office.contains(at("2026-07-13T05:00:00Z"))); // Monday 07:00, summer
        assert!(!office.contains(at("2026-07-13T15:00:00Z"))); // 17:00
        assert!(!office.contains(at("2026-07-12T10:00:00Z"))); // Sunday
    }

    #[test]
    fn a_night_belongs_to_the_day_it_begins_on() {
        let night = hours(r#"{"days":["fri"],"from":"22:00","to":"05:00","zone":"UTC0"}"#);
        assert!(night.contains(at("2026-07-17T23:00:00Z"))); // Friday
        assert!(night.contains(at("2026-07-18T04:59:00Z"))); // Saturday morning
        assert!(!night.contains(at("2026-07-18T23:00:00Z")));
        assert!(!night.contains(at("2026-07-17T04:00:00Z"))); // Friday morning: Thursday's night
    }

    #[test]
    fn unreadable_hours_are_refused() {
        for json in [
            r#"{"from":"7:00","to":"17:00"}"#,
            r#"{"from":"07:00","to":"24:01"}"#,
            r#"{"from":"07:00","to":"17:00","zone":"Europe/Stockholm"}"#,
            r#"{"from":"07:00","to":"17:00","days":["måndag"]}"#,
        ] {
            assert!(serde_json::from_str::<Hours>(json).is_err(), "{json} was taken");
        }
    }
}
