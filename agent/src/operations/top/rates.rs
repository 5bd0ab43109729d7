//! From two readings of counters to a load. Pure.

use std::time::Duration;

use distans_platform::load::{Counters, Ticks};
use distans_proto::ops::look::Load;
use distans_proto::ops::look::load::PROCESSORS_LIMIT;

/// How busy the machine was between two readings; without the earlier one no rate is known.
pub(super) fn load(before: Option<&Counters>, now: &Counters) -> Load {
    let between = before.map(|before| now.at.duration_since(before.at)).filter(|between| !between.is_zero());
    let rate = |of: fn(&Counters) -> Option<u64>| per_second(of(before?)?, of(now)?, between?);
    let processors = before.map_or(Vec::new(), |before| {
        let pairs = before.processors.iter().zip(&now.processors).take(PROCESSORS_LIMIT);
        pairs.map(|(before, now)| share(*before, *now).unwrap_or(0)).collect()
    });
    Load {
        cpu: before.and_then(|before| share(before.all, now.all)),
        processors,
        processor_count: now.processor_count,
        average: now.average,
        memory_total: now.memory_total,
        memory_available: now.memory_available,
        swap_total: now.swap_total,
        swap_used: now.swap_used,
        receiving: rate(|counters| counters.received),
        sending: rate(|counters| counters.sent),
        reading: rate(|counters| counters.read),
        writing: rate(|counters| counters.written),
        uptime_s: now.uptime.as_secs(),
    }
}

/// Busy part of the time between, in thousandths. Some machines' counters run backwards at times.
fn share(before: Ticks, now: Ticks) -> Option<u16> {
    let total = now.total.checked_sub(before.total)?;
    let busy = now.busy.saturating_sub(before.busy).min(total);
    let share = u128::from(busy).saturating_mul(1000).checked_div(u128::from(total))?;
    u16::try_from(share).ok()
}

/// A counter that went backwards began anew: what it shows now has come since.
fn per_second(before: u64, now: u64, between: Duration) -> Option<u64> {
    let grown = if now >= before { now - before } else { now };
    let rate = u128::from(grown).saturating_mul(1_000_000).checked_div(between.as_micros())?;
    Some(u64::try_from(rate).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn rates_are_per_second_and_never_nonsense() {
        let at = Instant::now();
        let ticks = |busy, total| Ticks { busy, total };
        let before = Counters {
            at,
            all: ticks(100, 1000),
            processors: vec![ticks(100, 500), ticks(0, 500)],
            processor_count: 2,
            average: None,
            memory_total: 0,
            memory_available: 0,
            swap_total: 0,
            swap_used: 0,
            received: Some(1000),
            sent: Some(5000),
            read: None,
            written: Some(0),
            uptime: Duration::from_secs(7),
        };
        let now = Counters {
            at: at + Duration::from_secs(2),
            all: ticks(175, 1300),
            processors: vec![ticks(50, 400), ticks(200, 700)],
            received: Some(3000),
            sent: Some(500),
            read: Some(5),
            uptime: Duration::from_secs(9),
            average: None,
            processor_count: 2,
            memory_total: 0,
            memory_available: 0,
            swap_total: 0,
            swap_used: 0,
            written: Some(0),
        };
        let first = load(None, &before);
        assert_eq!((first.cpu, first.receiving, first.processors.len()), (None, None, 0));
        let second = load(Some(&before), &now);
        assert_eq!((second.cpu, second.processors.as_slice()), (Some(250), &[0, 1000][..]));
        assert_eq!((second.receiving, second.sending), (Some(1000), Some(250)));
        assert_eq!((second.reading, second.writing), (None, Some(0)));
        assert_eq!(load(Some(&now), &now).receiving, None, "no time has passed");
    }
}
