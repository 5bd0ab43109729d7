//! What round-trip times and losses tell about a path: does its queue explain a loss?
//!
//! A queue shows as delay: packets that pass a filling queue come back later than the fastest
//! ever did. Jitter delays single packets more than whole rounds, so the *fastest* packet of the
//! last round is what counts. A loss is explained
//! - by a queue that is certain: [`CERTAIN`] of delay and more,
//! - by a short queue near the fullest it has lately been: a short buffer overflows there, while
//!   noise strikes at any time,
//! - by a share of losses that no tolerable line has ([`HEAVY_PERMILLE`]): a policer without a queue.
//!
//! On a jittery line the bounds move up by twice what rounds differ, and one coincidence is not
//! enough: the losses of two rounds in a row must look explained, unless much is lost already. The figures were chosen by
//! measurement (`tests/benches/congestion`).

use std::time::{Duration, Instant};

/// Below this much delay there is no queue, only the clock's grain and the sender's own bursts.
const LEAST: Duration = Duration::from_millis(4);

/// From this much delay on a queue stands, however full it was before.
const CERTAIN: Duration = Duration::from_millis(15);

/// A line whose rounds differ by more than this on average is jittery.
const JITTERY: Duration = Duration::from_millis(2);

/// Permille of bytes lost from which on sending less must be the answer.
const HEAVY_PERMILLE: u64 = 60;

/// Permille of bytes lost from which on one coincidence is enough: noise is seldom that dense.
const SUSPECT_PERMILLE: u64 = 20;

/// Bytes that must have been judged before a share of losses means anything.
const ENOUGH: u64 = 100 * 1200;

/// Bytes after which older ones no longer count for the share.
const RECENT: u64 = 500 * 1200;

/// What is known about the path in one direction.
#[derive(Debug, Clone)]
pub struct Path {
    /// The fastest round trip: the path without a queue.
    floor: Memory,
    /// The longest queue.
    peak: Memory,
    round: Round,
    jitter: Jitter,
    traffic: Traffic,
    suspicion: Suspicion,
}

impl Path {
    /// Nothing known yet.
    pub fn new(now: Instant) -> Self {
        Self {
            floor: Memory::new(now, u32::MAX, Ord::min),
            peak: Memory::new(now, 0, Ord::max),
            round: Round::new(now),
            jitter: Jitter::default(),
            traffic: Traffic::default(),
            suspicion: Suspicion::default(),
        }
    }

    /// A packet of `bytes` came back after `sample`; `typical` is the smoothed round trip.
    pub fn acknowledged(&mut self, now: Instant, sample: Duration, typical: Duration, bytes: u64) {
        self.floor.take(now, sample);
        if let Some(fastest) = self.round.take(now, sample, typical) {
            let queue = fastest.saturating_sub(self.floor.value());
            self.peak.take(now, queue);
            self.jitter.take(queue);
            self.traffic.turn();
        }
        self.traffic.now.acknowledged += bytes;
    }

    /// Packets of `bytes` in all were lost. True if the loss has a cause that sending less would
    /// cure, as far as is known.
    pub fn lost(&mut self, bytes: u64) -> bool {
        self.traffic.now.lost += bytes;
        if self.traffic.loses(HEAVY_PERMILLE) {
            return true;
        }
        let looks_explained = self.queue() >= self.bound();
        let rounds = self.suspicion.of(looks_explained, self.round.number);
        let one_will_do = !self.jitter.is_high() || self.traffic.loses(SUSPECT_PERMILLE);
        looks_explained && (one_will_do || rounds > 1)
    }

    /// Delay of the last round above the fastest known.
    fn queue(&self) -> Duration {
        self.round.fastest().saturating_sub(self.floor.value())
    }

    /// The queue from which on a loss looks explained.
    fn bound(&self) -> Duration {
        let margin = if self.jitter.is_high() { 2 * self.jitter.change } else { Duration::ZERO };
        (self.peak.value() / 2).clamp(LEAST + margin, CERTAIN + margin)
    }
}

/// The least or the greatest value of the last [`SPAN`].
#[derive(Debug, Clone)]
struct Memory {
    /// Microseconds, the newest slot first.
    slots: [u32; SLOTS],
    since: Instant,
    empty: u32,
    pick: fn(u32, u32) -> u32,
}

/// Longer than Cubic needs between two visits to a full queue, short enough to follow a changed
/// route.
const SPAN: Duration = Duration::from_secs(30);

/// The span in slots, so that its beginning moves on.
const SLOTS: usize = 6;

/// One slot.
const SLOT: Duration = Duration::from_secs(5);

impl Memory {
    const fn new(now: Instant, empty: u32, pick: fn(u32, u32) -> u32) -> Self {
        Self { slots: [empty; SLOTS], since: now, empty, pick }
    }

    fn take(&mut self, now: Instant, value: Duration) {
        if now.saturating_duration_since(self.since) >= SPAN {
            *self = Self::new(now, self.empty, self.pick);
        }
        while now.saturating_duration_since(self.since) >= SLOT {
            self.slots.rotate_right(1);
            self.slots[0] = self.empty;
            self.since += SLOT;
        }
        let micros = u32::try_from(value.as_micros()).unwrap_or(u32::MAX);
        self.slots[0] = (self.pick)(self.slots[0], micros);
    }

    fn value(&self) -> Duration {
        Duration::from_micros(self.slots.into_iter().fold(self.empty, self.pick).into())
    }
}

/// The fastest packet of about the last round trip.
#[derive(Debug, Clone)]
struct Round {
    number: u64,
    since: Instant,
    fastest: Duration,
    samples: u32,
    before: Duration,
}

impl Round {
    /// Samples after which the running round speaks for itself.
    const SPEAKS: u32 = 4;

    const fn new(now: Instant) -> Self {
        Self { number: 0, since: now, fastest: Duration::MAX, samples: 0, before: Duration::MAX }
    }

    /// The fastest packet of the round that this packet ended, if it ended one.
    fn take(&mut self, now: Instant, sample: Duration, typical: Duration) -> Option<Duration> {
        let mut ended = None;
        if self.samples > 0 && now.saturating_duration_since(self.since) >= typical {
            ended = Some(self.fastest);
            *self = Self { number: self.number + 1, before: self.fastest, ..Self::new(now) };
        }
        self.fastest = self.fastest.min(sample);
        self.samples = self.samples.saturating_add(1);
        ended
    }

    fn fastest(&self) -> Duration {
        if self.samples >= Self::SPEAKS { self.fastest } else { self.fastest.min(self.before) }
    }
}

/// How much the queue seems to change from one round to the next. A queue of our own making
/// changes slowly; the rest is jitter.
#[derive(Debug, Clone, Default)]
struct Jitter {
    last: Duration,
    change: Duration,
}

impl Jitter {
    fn take(&mut self, queue: Duration) {
        self.change = (self.change * 15 + queue.abs_diff(self.last)) / 16;
        self.last = queue;
    }

    fn is_high(&self) -> bool {
        self.change > JITTERY
    }
}

/// In how many rounds in a row losses looked explained.
#[derive(Debug, Clone, Default)]
struct Suspicion {
    rounds: u32,
    /// The round counted last.
    counted: Option<u64>,
}

impl Suspicion {
    fn of(&mut self, looks_explained: bool, round: u64) -> u32 {
        if !looks_explained {
            *self = Self::default();
        } else if self.counted != Some(round) {
            *self = Self { rounds: self.rounds.saturating_add(1), counted: Some(round) };
        }
        self.rounds
    }
}

/// Bytes whose fate is known, lately.
#[derive(Debug, Clone, Copy, Default)]
struct Traffic {
    now: Judged,
    before: Judged,
}

/// Bytes that came through and bytes that did not.
#[derive(Debug, Clone, Copy, Default)]
struct Judged {
    acknowledged: u64,
    lost: u64,
}

impl Traffic {
    /// A round is over: what is old enough is forgotten.
    fn turn(&mut self) {
        if self.now.acknowledged + self.now.lost >= RECENT {
            *self = Self { now: Judged::default(), before: self.now };
        }
    }

    /// More than so many permille, as far as is known.
    fn loses(&self, permille: u64) -> bool {
        let lost = self.now.lost + self.before.lost;
        let judged = lost + self.now.acknowledged + self.before.acknowledged;
        judged >= ENOUGH && lost * 1000 > judged * permille
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: u64 = 1200;

    fn ms(milliseconds: f64) -> Duration {
        Duration::from_secs_f64(milliseconds / 1000.0)
    }

    /// A path and a clock that packets move.
    struct Script {
        path: Path,
        now: Instant,
        dice: u64,
    }

    impl Script {
        fn new() -> Self {
            let now = Instant::now();
            Self { path: Path::new(now), now, dice: 1 }
        }

        /// Evenly within 0 to 1.
        fn fraction(&mut self) -> f64 {
            self.dice =
                self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f64::from(u32::try_from(self.dice >> 32).unwrap_or(0)) / f64::from(u32::MAX)
        }

        /// 50 packets within one round trip of 60 ms, each late by what `late` says.
        fn round(&mut self, mut late: impl FnMut(&mut Self) -> f64) {
            for _ in 0..50 {
                self.now += ms(1.2);
                let sample = ms(60.0 + late(self));
                self.path.acknowledged(self.now, sample, ms(60.0), PACKET);
            }
        }

        fn rounds(&mut self, count: u32, late: f64) {
            (0..count).for_each(|_| self.round(|_| late));
        }
    }

    #[test]
    fn noise_on_an_empty_line_is_not_explained() {
        let mut script = Script::new();
        for _ in 0..500 {
            script.rounds(2, 0.0);
            assert!(!script.path.lost(PACKET));
        }
    }

    #[test]
    fn a_standing_queue_explains_at_once() {
        let mut script = Script::new();
        script.rounds(10, 0.0);
        for late in [4.0, 8.0, 12.0, 16.0] {
            script.rounds(1, late);
        }
        assert!(script.path.lost(PACKET));
    }

    #[test]
    fn a_short_buffer_explains_when_it_is_full_and_not_when_it_is_not() {
        let mut script = Script::new();
        script.rounds(10, 0.0);
        (0..5).for_each(|step| script.rounds(2, f64::from(step) * 2.0));
        assert!(script.path.lost(PACKET), "8 ms is the fullest this buffer was");
        script.rounds(3, 2.0);
        assert!(!script.path.lost(PACKET), "2 ms is nearly empty");
    }

    #[test]
    fn jitter_with_random_loss_is_rarely_taken_for_a_queue() {
        let mut script = Script::new();
        let mut explained = 0;
        let mut draw = 0.0;
        for _ in 0..1000 {
            let mut packet = 0;
            script.round(|script| {
                // Two directions, each redrawn about every ten packets.
                if packet % 10 == 0 {
                    draw = 20.0 * (script.fraction() + script.fraction());
                }
                packet += 1;
                draw
            });
            explained += u32::from(script.path.lost(PACKET / 2));
        }
        assert!(explained < 100, "{explained} of 1000 losses were taken for a queue");
    }

    #[test]
    fn a_queue_on_a_jittery_line_explains_within_two_rounds() {
        let mut script = Script::new();
        (0..200).for_each(|nth| script.rounds(2, if nth % 2 == 0 { 0.0 } else { 8.0 }));
        script.rounds(2, 60.0);
        let first = script.path.lost(PACKET);
        script.rounds(1, 60.0);
        assert!(script.path.lost(PACKET), "two rounds of 60 ms are no jitter");
        assert!(!first, "one round of it may be");
    }

    #[test]
    fn heavy_loss_explains_without_a_queue() {
        let mut script = Script::new();
        script.rounds(10, 0.0);
        let mut verdicts = (0..20).map(|_| {
            script.rounds(1, 0.0);
            script.path.lost(5 * PACKET)
        });
        assert!(verdicts.any(|explained| explained), "ten in a hundred is no noise");
    }

    #[test]
    fn a_longer_route_is_no_queue_for_ever() {
        let mut script = Script::new();
        script.rounds(20, 0.0);
        script.rounds(50, 40.0);
        assert!(script.path.lost(PACKET), "at first nobody can know");
        script.rounds(600, 40.0);
        assert!(!script.path.lost(PACKET), "after 30 s it is the path itself");
    }

    #[test]
    fn a_long_pause_forgets_everything() {
        let mut script = Script::new();
        script.rounds(20, 0.0);
        script.now += Duration::from_secs(3600);
        script.rounds(5, 40.0);
        assert!(!script.path.lost(PACKET));
    }
}
