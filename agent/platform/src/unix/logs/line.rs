//! One line of a plain log file: when, who, what. Whatever cannot be told stays in the text.

use std::mem;
use std::time::{Duration, SystemTime};

use crate::logs::{Entry, cut};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Reads a line as syslog writes them: `Nov 24 10:00:00 host program[pid]: text`, or with a time
/// as `2026-11-24T10:00:00.5+01:00`. `file` stands in where no program is named. A time without
/// its year is the last such time before `now`.
pub(super) fn parse(line: &str, file: &str, now: SystemTime) -> Entry {
    let (at, rest) = match iso(line).or_else(|| classic(line, now)) {
        Some((at, rest)) => (Some(at), rest),
        None => (None, line),
    };
    let (source, pid, text) = match at.and_then(|_| sender(rest)) {
        Some((source, pid, text)) => (source.to_owned(), pid, text),
        None => (file.to_owned(), None, rest),
    };
    Entry { at, level: None, source, pid, text: cut(text.to_owned()) }
}

/// `host program[pid]: text`
fn sender(rest: &str) -> Option<(&str, Option<u32>, &str)> {
    let (_host, rest) = rest.split_once(' ')?;
    let (sender, text) = rest.split_once(": ")?;
    if sender.contains(' ') || sender.is_empty() {
        return None;
    }
    match sender.strip_suffix(']').and_then(|sender| sender.rsplit_once('[')) {
        Some((program, pid)) => Some((program, pid.parse().ok(), text)),
        None => Some((sender, None, text)),
    }
}

/// `2026-11-24T10:00:00[.5](Z|+01:00) …`, or with a space inside and in local time.
fn iso(line: &str) -> Option<(SystemTime, &str)> {
    let (date, time) = (line.get(..10)?, line.get(11..19)?);
    if !matches!(line.as_bytes()[10], b'T' | b' ') {
        return None;
    }
    let numbers = |text: &str, separator| -> Option<Vec<u32>> {
        text.split(separator).map(|part| part.parse().ok()).collect()
    };
    let ([year, month, day], [hour, minute, second]) =
        (<[u32; 3]>::try_from(numbers(date, '-')?).ok()?, <[u32; 3]>::try_from(numbers(time, ':')?).ok()?);
    let mut rest = line.get(19..)?;
    let mut micros = 0;
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let mut padded = fraction[..digits.min(6)].to_owned();
        padded.extend(std::iter::repeat_n('0', 6 - digits.min(6)));
        micros = padded.parse().ok()?;
        rest = &fraction[digits..];
    }
    let parts = Parts { year, month, day, hour, minute, second };
    let (seconds, rest) = match rest.as_bytes().first() {
        Some(b'Z') => (parts.utc()?, &rest[1..]),
        Some(sign @ (b'+' | b'-')) => {
            let hours: i64 = rest.get(1..3)?.parse().ok()?;
            let after = rest.get(3..)?.trim_start_matches(':');
            let minutes: i64 = after.get(..2)?.parse().ok()?;
            let offset = hours * 3600 + minutes * 60;
            let seconds = parts.utc()? - if *sign == b'-' { -offset } else { offset };
            (seconds, &after[2..])
        }
        _ => (parts.local()?, rest),
    };
    let seconds = u64::try_from(seconds).ok()?;
    let at = SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, micros * 1000))?;
    Some((at, rest.strip_prefix(' ').unwrap_or(rest)))
}

/// `Nov 24 10:00:00 …` in local time.
fn classic(line: &str, now: SystemTime) -> Option<(SystemTime, &str)> {
    let (head, rest) = (line.get(..15)?, line.get(15..)?.strip_prefix(' ')?);
    let mut words = head.split_ascii_whitespace();
    let name = words.next()?;
    let month = u32::try_from(MONTHS.iter().position(|month| *month == name)?).ok()? + 1;
    let day = words.next()?.parse().ok()?;
    let time: Vec<u32> = words.next()?.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [hour, minute, second] = <[u32; 3]>::try_from(time).ok()?;
    let this_year = year_of(now)?;
    let at = |year| {
        let seconds = Parts { year, month, day, hour, minute, second }.local()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
    };
    // A clock that is a little wrong does not make a line a year old.
    let limit = now + Duration::from_secs(86_400);
    let at = at(this_year).filter(|at| *at <= limit).or_else(|| at(this_year - 1))?;
    Some((at, rest))
}

fn year_of(now: SystemTime) -> Option<u32> {
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    let seconds = libc::time_t::try_from(seconds).ok()?;
    // SAFETY: tm is plain data for which all zeroes is a valid value.
    let mut parts: libc::tm = unsafe { mem::zeroed() };
    // SAFETY: both pointers are to live variables.
    let found = unsafe { libc::localtime_r(&raw const seconds, &raw mut parts) };
    if found.is_null() {
        return None;
    }
    u32::try_from(parts.tm_year + 1900).ok()
}

struct Parts {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
}

impl Parts {
    fn tm(&self) -> Option<libc::tm> {
        let fits = (1970..=9999).contains(&self.year)
            && (1..=12).contains(&self.month)
            && (1..=31).contains(&self.day)
            && self.hour < 24
            && self.minute < 60
            && self.second <= 60;
        if !fits {
            return None;
        }
        // SAFETY: tm is plain data for which all zeroes is a valid value.
        let mut parts: libc::tm = unsafe { mem::zeroed() };
        parts.tm_year = i32::try_from(self.year).ok()? - 1900;
        parts.tm_mon = i32::try_from(self.month).ok()? - 1;
        parts.tm_mday = i32::try_from(self.day).ok()?;
        parts.tm_hour = i32::try_from(self.hour).ok()?;
        parts.tm_min = i32::try_from(self.minute).ok()?;
        parts.tm_sec = i32::try_from(self.second).ok()?;
        parts.tm_isdst = -1;
        Some(parts)
    }

    /// Seconds since 1970 if it is UTC.
    fn utc(&self) -> Option<i64> {
        let mut parts = self.tm()?;
        // SAFETY: the pointer is to a live variable.
        Some(unsafe { libc::timegm(&raw mut parts) })
    }

    /// Seconds since 1970 if it is this machine's own time.
    fn local(&self) -> Option<i64> {
        let mut parts = self.tm()?;
        // SAFETY: the pointer is to a live variable.
        let seconds = unsafe { libc::mktime(&raw mut parts) };
        (seconds != -1).then_some(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24 10:00:00 UTC.
    const MOMENT: u64 = 1_795_514_400;

    fn seconds(at: Option<SystemTime>) -> Option<u64> {
        at.map(|at| at.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs())
    }

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(MOMENT)
    }

    #[test]
    fn a_line_of_syslog_tells_when_who_and_what() {
        for (line, source, pid, text) in [
            (
                "2026-11-24T11:00:00.123456+01:00 pc cupsd[812]: Skrivaren: åäö",
                "cupsd",
                Some(812),
                "Skrivaren: åäö",
            ),
            ("2026-11-24T10:00:00Z pc kernel: x", "kernel", None, "x"),
            ("2026-11-24T04:30:00-0530 pc a[b]: x", "a", None, "x"),
        ] {
            let entry = parse(line, "syslog", now());
            assert_eq!(seconds(entry.at), Some(MOMENT), "{line}");
            assert_eq!((entry.source.as_str(), entry.pid, entry.text.as_str()), (source, pid, text));
        }
    }

    #[test]
    fn a_time_without_a_year_is_the_last_such_time() {
        let at = |line: &str| seconds(parse(line, "f", now()).at).expect("a time");
        let (before, after) = (at("Nov 24 09:59:00 pc a: x"), at("Dec 24 09:59:00 pc a: x"));
        assert!(before.abs_diff(MOMENT) < 86_400, "today, whatever the zone");
        assert!((MOMENT - after).abs_diff(335 * 86_400) < 2 * 86_400, "last year");
        assert_eq!(parse("Nov  3 09:59:00 pc a: x", "f", now()).source, "a");
    }

    #[test]
    fn what_is_no_such_line_is_all_text() {
        for line in [
            "",
            "x",
            "åäöåäöåäöåäöåäöåäö",
            "2026-13-45T99:99:99Z pc a: x",
            "Nov 99 10:00:00 pc a: x",
            "Nov 24 10:00",
            "2026-11-24T10:00:00+é pc a: x",
            "2026-11-24T10:00:00+01",
            "-----------------------",
        ] {
            let entry = parse(line, "file", now());
            assert_eq!(
                (entry.at, entry.source.as_str(), entry.text.as_str()),
                (None, "file", line),
                "{line:?}"
            );
        }
        let local = parse("2026-11-24 10:00:00 startup packages configure", "dpkg", now());
        assert_eq!((local.source.as_str(), local.text.as_str()), ("dpkg", "startup packages configure"));
        assert!(local.at.is_some());
    }
}
