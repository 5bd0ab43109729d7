//! One direction of a bad line, as a pure function of time: which packet gets through, and when.

use std::time::{Duration, Instant};

/// How bad one direction is. The default is a perfect line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Time every packet takes at least.
    pub delay: Duration,
    /// Up to so much more, drawn anew every [`Quality::jitter_every`], as a radio's turns or other
    /// people's traffic do it. Does not change the order by itself.
    pub jitter: Duration,
    /// How long a draw of the jitter lasts.
    pub jitter_every: Duration,
    /// Share of packets lost at random, 0 to 1.
    pub loss: f64,
    /// Share of packets that are overtaken by later ones, 0 to 1.
    pub reorder: f64,
    /// How much later such a packet comes.
    pub reorder_by: Duration,
    /// Bits per second the line carries; `None` = no bottleneck.
    pub rate: Option<u64>,
    /// Bytes that wait in front of the bottleneck; what comes when they are full is dropped.
    pub queue: usize,
}

impl Default for Quality {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            jitter_every: Duration::from_millis(10),
            loss: 0.0,
            reorder: 0.0,
            reorder_by: Duration::from_millis(10),
            rate: None,
            queue: 256 * 1024,
        }
    }
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Comes out at this time.
    Delivered(Instant),
    /// The bottleneck's queue was full.
    QueueFull,
    /// Lost at random.
    Lost,
}

/// One direction: the state of its bottleneck and its dice.
#[derive(Debug)]
pub struct Line {
    quality: Quality,
    dice: Dice,
    /// When the bottleneck has sent all it holds.
    free_at: Option<Instant>,
    /// The jitter of now, and when it ends.
    jitter: Option<(Duration, Instant)>,
    /// Latest arrival so far of a packet that keeps its order.
    last_arrival: Option<Instant>,
}

impl Line {
    /// A line of this quality; the same seed throws the same dice.
    pub const fn new(quality: Quality, seed: u64) -> Self {
        Self { quality, dice: Dice(seed), free_at: None, jitter: None, last_arrival: None }
    }

    /// A packet of `bytes` enters at `now` (never earlier than the one before).
    pub fn offer(&mut self, now: Instant, bytes: usize) -> Fate {
        let Some(departure) = self.depart(now, bytes) else { return Fate::QueueFull };
        if self.dice.chance(self.quality.loss) {
            return Fate::Lost;
        }
        let arrival = departure + self.quality.delay + self.jitter(departure);
        if self.dice.chance(self.quality.reorder) {
            return Fate::Delivered(arrival + self.quality.reorder_by);
        }
        let arrival = self.last_arrival.map_or(arrival, |last| last.max(arrival));
        self.last_arrival = Some(arrival);
        Fate::Delivered(arrival)
    }

    fn jitter(&mut self, at: Instant) -> Duration {
        match self.jitter {
            Some((jitter, until)) if at < until => jitter,
            _ => {
                let jitter = self.quality.jitter.mul_f64(self.dice.fraction());
                self.jitter = Some((jitter, at + self.quality.jitter_every));
                jitter
            }
        }
    }

    /// When the bottleneck has sent the packet, or `None` if its queue is full.
    fn depart(&mut self, now: Instant, bytes: usize) -> Option<Instant> {
        let Some(rate) = self.quality.rate else { return Some(now) };
        let free_at = self.free_at.map_or(now, |free| free.max(now));
        let waiting = (free_at - now).as_secs_f64() * rate as f64 / 8.0;
        if waiting + bytes as f64 > self.quality.queue as f64 {
            return None;
        }
        let departure = free_at + Duration::from_secs_f64(bytes as f64 * 8.0 / rate as f64);
        self.free_at = Some(departure);
        Some(departure)
    }
}

/// A small repeatable random number generator (SplitMix64).
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Evenly within 0 to 1, 1 excluded.
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn chance(&mut self, share: f64) -> bool {
        share > 0.0 && self.fraction() < share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: usize = 1200;

    /// Offers `count` packets, one every `gap`, and tells what became of them.
    fn run(quality: Quality, seed: u64, count: u32, gap: Duration) -> (Instant, Vec<Fate>) {
        let start = Instant::now();
        let mut line = Line::new(quality, seed);
        (start, (0..count).map(|nth| line.offer(start + gap * nth, PACKET)).collect())
    }

    fn arrivals(fates: &[Fate]) -> Vec<Instant> {
        fates
            .iter()
            .filter_map(|fate| if let Fate::Delivered(at) = fate { Some(*at) } else { None })
            .collect()
    }

    #[test]
    fn loses_the_share_it_was_told() {
        for (share, seed) in [(0.01, 1_u64), (0.05, 2), (0.3, 3)] {
            let quality = Quality { loss: share, ..Quality::default() };
            let (_, fates) = run(quality, seed, 100_000, Duration::from_micros(10));
            let lost = fates.iter().filter(|fate| **fate == Fate::Lost).count() as f64 / 100_000.0;
            // Five standard deviations of a fair coin of this weight.
            let slack = 5.0 * (share * (1.0 - share) / 100_000.0).sqrt();
            assert!((lost - share).abs() < slack, "seed {seed}: {lost} instead of {share}");
        }
    }

    #[test]
    fn same_seed_same_fates() {
        let quality =
            Quality { loss: 0.2, jitter: Duration::from_millis(5), reorder: 0.1, ..Quality::default() };
        let start = Instant::now();
        let fates = |seed| {
            let mut line = Line::new(quality, seed);
            (0..1000).map(|nth| line.offer(start + Duration::from_millis(nth), PACKET)).collect::<Vec<_>>()
        };
        assert_eq!(fates(7), fates(7));
        assert_ne!(fates(7), fates(8));
    }

    #[test]
    fn rate_holds_and_a_full_queue_drops() {
        // Twice what the line carries, for ten seconds.
        let quality = Quality { rate: Some(960_000), queue: 12_000, ..Quality::default() };
        let (start, fates) = run(quality, 1, 2000, Duration::from_millis(5));
        let arrived = arrivals(&fates);
        let last = arrived[arrived.len() - 1] - start;
        let rate = arrived.len() as f64 * PACKET as f64 * 8.0 / last.as_secs_f64();
        assert!((rate / 960_000.0 - 1.0).abs() < 0.01, "{rate} bit/s");
        assert!(fates.contains(&Fate::QueueFull));
        // Nobody waits longer than the queue is deep: 12,000 bytes at 120,000 a second.
        assert!(last <= Duration::from_secs(10) + Duration::from_millis(100));
    }

    #[test]
    fn below_the_rate_nothing_waits() {
        let delay = Duration::from_millis(30);
        let quality = Quality { rate: Some(960_000), delay, ..Quality::default() };
        let gap = Duration::from_millis(20);
        let (start, fates) = run(quality, 1, 100, gap);
        for (nth, at) in (0_u32..).zip(arrivals(&fates)) {
            assert_eq!(at - start, gap * nth + delay + Duration::from_millis(10));
        }
    }

    #[test]
    fn jitter_keeps_the_order_and_reorder_breaks_it() {
        let jitter = Duration::from_millis(20);
        let ordered = Quality { jitter, ..Quality::default() };
        let (start, fates) = run(ordered, 4, 1000, Duration::from_millis(1));
        let arrived = arrivals(&fates);
        assert!(arrived.is_sorted());
        assert!(
            (0_u32..)
                .zip(&arrived)
                .all(|(nth, at)| *at - start < Duration::from_millis(1) * nth + 2 * jitter)
        );
        let (_, fates) = run(Quality { reorder: 0.05, ..ordered }, 4, 1000, Duration::from_millis(1));
        let arrived = arrivals(&fates);
        let overtaken = arrived.windows(2).filter(|pair| pair[0] > pair[1]).count();
        assert!((20..=80).contains(&overtaken), "{overtaken} of 1000 were overtaken");
    }
}
