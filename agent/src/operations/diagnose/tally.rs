//! Counts what a log says: entries of one source that differ only in numbers count as the same.

use std::collections::HashMap;

use distans_proto::ops::diagnose::facts::{Entry, Log};

use super::inventory::text;

/// Different entries that are told apart; more only count.
const KINDS: usize = 2000;
/// So many of the most frequent are told.
const TOLD: usize = 8;
/// Letters of an entry by which it is told from others.
const LETTERS: usize = 120;

/// Words by which the kernel, service managers and Windows tell of a crash.
const CRASHES: [&str; 8] = [
    "segfault at",
    "dumped core",
    "core dumped",
    "general protection fault",
    "out of memory: killed",
    "faulting application",
    "bugcheck",
    "kernel panic",
];

/// What was counted so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    errors: u64,
    crashes: u64,
    kinds: HashMap<(String, String), Kind>,
}

#[derive(Debug)]
struct Kind {
    count: u64,
    crash: bool,
    example: String,
}

impl Tally {
    /// Counts an entry.
    pub(super) fn add(&mut self, source: &str, said: &str) {
        let lower = said.to_lowercase();
        let crash = CRASHES.iter().any(|word| lower.contains(word));
        self.errors += 1;
        self.crashes += u64::from(crash);
        let key = (source.chars().take(LETTERS).collect(), without_numbers(said));
        if let Some(kind) = self.kinds.get_mut(&key) {
            kind.count += 1;
        } else if self.kinds.len() < KINDS {
            let example = said.lines().next().unwrap_or_default().chars().take(LETTERS * 2).collect();
            self.kinds.insert(key, Kind { count: 1, crash, example });
        }
    }

    /// As it is told: crashes first, then the most frequent.
    pub(super) fn told(self, complete: bool) -> Log {
        let mut kinds: Vec<_> = self.kinds.into_iter().collect();
        kinds.sort_by(|(a_key, a), (b_key, b)| {
            (b.crash, b.count).cmp(&(a.crash, a.count)).then_with(|| a_key.cmp(b_key))
        });
        let worst = kinds.into_iter().take(TOLD).map(|((source, _), kind)| Entry {
            source: text(&source),
            text: text(&kind.example),
            count: kind.count,
            crash: kind.crash,
        });
        Log { errors: self.errors, crashes: self.crashes, worst: worst.collect(), complete }
    }
}

fn without_numbers(said: &str) -> String {
    let letters = said.lines().next().unwrap_or_default().chars().take(LETTERS);
    letters.map(|letter| if letter.is_ascii_digit() { '#' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_with_other_numbers_count_together_and_crashes_come_first() {
        let mut tally = Tally::default();
        for number in 10..60 {
            tally.add("cups", &format!("job {number} failed"));
        }
        tally.add("kernel", "soffice.bin[77]: segfault at 0 ip 00007f");
        let log = tally.told(true);
        assert_eq!((log.errors, log.crashes), (51, 1));
        assert!(log.worst[0].crash && log.worst[0].source.raw() == "kernel");
        assert_eq!((log.worst[1].count, log.worst[1].text.raw()), (50, "job 10 failed"));
    }

    #[test]
    fn a_flood_of_different_entries_is_bounded() {
        let mut tally = Tally::default();
        let names = ('a'..='z')
            .flat_map(|a| ('a'..='z').flat_map(move |b| ('a'..='z').map(move |c| format!("{a}{b}{c}"))));
        for name in names {
            tally.add(&name, "x");
        }
        assert!(tally.kinds.len() <= KINDS);
        let log = tally.told(false);
        assert_eq!((log.errors, log.worst.len()), (17_576, TOLD));
    }
}
