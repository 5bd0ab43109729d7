//! Days as people at the office count them: calendar dates in Europe/Stockholm.
//!
//! The zone's rules are compiled in, so that a broker on a machine without a time-zone database
//! counts the same days as any other.

use std::fmt;
use std::str::FromStr;

use distans_proto::time::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

static STOCKHOLM: TimeZone = jiff::tz::get!("Europe/Stockholm");

/// Why a text or a moment is not a date the ledger takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DateError {
    /// The text is not a date.
    #[error("a date is written as four digits, two and two, for instance 2026-03-09")]
    NotADate,
    /// The date has not come yet.
    #[error("{date} is in the future (today is {today}); book a visit on or after its day")]
    Future {
        /// The date asked for.
        date: ServiceDate,
        /// Today in Europe/Stockholm.
        today: ServiceDate,
    },
    /// The date is before anything the ledger can know.
    #[error("{0} is before {first}, the first day the ledger takes; is the year right?", first = ServiceDate::FIRST)]
    TooEarly(ServiceDate),
}

/// A day in Europe/Stockholm, shown and read as `YYYY-MM-DD`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceDate(Date);

impl ServiceDate {
    /// The first day the ledger takes.
    pub const FIRST: Self = Self(date(2020, 1, 1));

    /// The day it is in Europe/Stockholm at `now`.
    ///
    /// # Errors
    /// If `now` lies outside the years that have dates at all (-9999 to 9999).
    pub fn today(now: Timestamp) -> Result<Self, DateError> {
        let moment = jiff::Timestamp::from_microsecond(now.as_micros()).map_err(|_| DateError::NotADate)?;
        Ok(Self(STOCKHOLM.to_datetime(moment).date()))
    }

    /// The day a booking counts for: the one it names, else today.
    ///
    /// # Errors
    /// If the text is no date, or the day is in the future or before [`Self::FIRST`].
    pub fn booked(named: Option<&str>, now: Timestamp) -> Result<Self, DateError> {
        let today = Self::today(now)?;
        let day = named.map_or(Ok(today), str::parse)?;
        if day > today {
            return Err(DateError::Future { date: day, today });
        }
        if day < Self::FIRST {
            return Err(DateError::TooEarly(day));
        }
        Ok(day)
    }

    /// Days from here to `later`; negative if `later` is earlier.
    pub fn days_to(self, later: Self) -> i32 {
        later.0.since(self.0).map_or(0, |span| span.get_days())
    }
}

impl fmt::Display for ServiceDate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl fmt::Debug for ServiceDate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl FromStr for ServiceDate {
    type Err = DateError;

    /// Takes exactly `YYYY-MM-DD`: other notations of the same day would sort differently.
    fn from_str(text: &str) -> Result<Self, DateError> {
        let day: Date = text.parse().map_err(|_| DateError::NotADate)?;
        if day.to_string() == text { Ok(Self(day)) } else { Err(DateError::NotADate) }
    }
}

impl Serialize for ServiceDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ServiceDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let moment: jiff::Timestamp = text.parse().expect("a moment");
        Timestamp::from_micros(moment.as_microsecond())
    }

    #[test]
    fn midnight_is_stockholms_in_winter_and_in_summer() {
        for (moment, day) in [
            ("2026-01-15T22:59:59Z", "2026-01-15"),
            ("2026-01-15T23:00:00Z", "2026-01-16"),
            ("2026-07-15T21:59:59Z", "2026-07-15"),
            ("2026-07-15T22:00:00Z", "2026-07-16"),
        ] {
            assert_eq!(ServiceDate::today(at(moment)).expect("a day").to_string(), day, "{moment}");
        }
    }

    #[test]
    fn days_are_counted_across_years_and_leap_days() {
        let day = |text: &str| text.parse::<ServiceDate>().expect("a day");
        assert_eq!(day("2027-12-25").days_to(day("2028-03-01")), 67);
        assert_eq!(day("2026-03-09").days_to(day("2026-03-02")), -7);
    }

    #[test]
    fn other_notations_and_impossible_days_are_refused() {
        for text in [
            "",
            "2026-3-9",
            "20260309",
            "2026-02-29",
            "2026-03-09T10:00",
            "+002026-03-09",
            "2026-03-09 ",
            "igår",
        ] {
            assert_eq!(text.parse::<ServiceDate>(), Err(DateError::NotADate), "{text:?}");
        }
    }

    #[test]
    fn a_booking_is_for_today_unless_it_says_otherwise() {
        let now = at("2026-03-09T12:00:00Z");
        assert_eq!(ServiceDate::booked(None, now).expect("today").to_string(), "2026-03-09");
        assert_eq!(ServiceDate::booked(Some("2026-03-01"), now).expect("past").to_string(), "2026-03-01");
        assert!(matches!(ServiceDate::booked(Some("2026-03-10"), now), Err(DateError::Future { .. })));
        assert!(matches!(ServiceDate::booked(Some("2019-12-31"), now), Err(DateError::TooEarly(_))));
        assert!(ServiceDate::booked(None, Timestamp::from_micros(i64::MAX)).is_err());
    }
}
