//! When compressing pays: a decision from what was seen of the line and of the bytes.
//!
//! A line that takes bytes as fast as they come gains nothing; a slow one gains what the bytes
//! shrink by. Bytes that do not shrink (pictures, archives) are not tried twice in a file.

use std::time::Duration;

/// Bytes after which older observations of the line count half.
const MEMORY: u64 = 8 * 1024 * 1024;

/// A file's bytes are tried again after so many that did not shrink.
const TRY_AGAIN: u64 = 32 * 1024 * 1024;

/// What a block must shrink to at most, in percent, to be worth unpacking at the other end.
const WORTH: u64 = 85;

/// What a core compresses in a second, before it was measured: a careful guess.
const GUESS: f64 = 200e6;

/// Decides block by block.
#[derive(Debug)]
pub struct Squeeze {
    /// The line's buffers have been full: how it is, is known.
    is_known: bool,
    sent: u64,
    waited: Duration,
    packed: u64,
    packing: Duration,
    /// Percent of their size that blocks shrank to lately.
    shrinks_to: u64,
    /// Bytes of this file until a block is tried again.
    untried: u64,
}

impl Default for Squeeze {
    fn default() -> Self {
        Self {
            is_known: false,
            sent: 0,
            waited: Duration::ZERO,
            packed: 0,
            packing: Duration::ZERO,
            shrinks_to: 50,
            untried: 0,
        }
    }
}

impl Squeeze {
    /// Another file: its bytes may be of another sort.
    pub const fn another_file(&mut self) {
        self.untried = 0;
    }

    /// The line took so many bytes and made us wait so long for it.
    pub fn line(&mut self, bytes: u64, waited: Duration) {
        if self.sent > MEMORY {
            self.is_known = true;
            self.sent /= 2;
            self.waited /= 2;
        }
        self.sent += bytes;
        self.waited += waited;
    }

    /// A block became so large, in so long.
    pub fn tried(&mut self, before: u64, after: u64, took: Duration) {
        if self.packed > MEMORY {
            self.packed /= 2;
            self.packing /= 2;
        }
        self.packed += before;
        self.packing += took;
        let percent = after.saturating_mul(100) / before.max(1);
        if percent > WORTH {
            self.untried = TRY_AGAIN;
        } else {
            self.shrinks_to = (self.shrinks_to * 3 + percent) / 4;
        }
    }

    /// True if the next block of so many bytes should be compressed.
    pub fn pays(&mut self, block: u64) -> bool {
        if self.untried > 0 {
            self.untried = self.untried.saturating_sub(block);
            return false;
        }
        // Before the line's buffers are full nothing is known of it, and compressing costs little.
        if !self.is_known {
            return true;
        }
        let rate = |bytes: u64, time: Duration| bytes as f64 / time.as_secs_f64().max(1e-9);
        let line = rate(self.sent, self.waited);
        let packing = if self.packed > 0 { rate(self.packed, self.packing) } else { GUESS };
        let share = self.shrinks_to as f64 / 100.0;
        // Seconds for each byte, as it is and compressed first.
        1.0 / packing + share / line < 0.9 / line
    }

    /// Whether a block that was compressed is to be sent so.
    pub const fn is_worth(before: usize, after: usize) -> bool {
        (after as u64) * 100 <= (before as u64) * WORTH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: u64 = 256 * 1024;

    /// After a line of so many MB/s and a compressor of 300 MB/s to so many percent.
    fn after(line: u64, percent: u64) -> Squeeze {
        let mut squeeze = Squeeze::default();
        for _ in 0..200 {
            squeeze.line(BLOCK, Duration::from_micros(BLOCK / line));
            squeeze.tried(BLOCK, BLOCK * percent / 100, Duration::from_micros(BLOCK / 300));
        }
        squeeze
    }

    #[test]
    fn a_slow_line_compresses_and_a_fast_one_does_not() {
        for (line, percent, pays) in [
            (1, 50, true),
            (10, 80, true),
            (100, 30, true),
            (100, 80, false),
            (400, 50, false),
            (1, 99, false),
        ] {
            assert_eq!(after(line, percent).pays(BLOCK), pays, "{line} MB/s to {percent} %");
        }
        assert!(Squeeze::default().pays(BLOCK), "nothing is known yet");
    }

    #[test]
    fn bytes_that_do_not_shrink_are_left_alone_until_the_next_file() {
        let mut squeeze = after(1, 99);
        assert!(!squeeze.pays(BLOCK) && !squeeze.pays(BLOCK));
        squeeze.another_file();
        assert!(squeeze.pays(BLOCK));
        let mut squeeze = after(1, 99);
        let tries = (0..1000).filter(|_| squeeze.pays(BLOCK)).count();
        assert!(tries > 0, "a large file may change its sort");
    }
}
