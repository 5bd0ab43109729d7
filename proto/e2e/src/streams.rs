//! Stream ids: the technician uses even ones, the agent odd ones, each once.
//!
//! A stream id names the keys of a stream, so a second stream with the same id would reuse
//! nonces: whoever sees one ends the session. Ids may arrive out of order within a window.

/// How many ids behind the newest one are still taken.
pub const WINDOW: u64 = 1024;

const WORD: u64 = 64;
const WORDS: usize = 16; // WINDOW / WORD

/// Which side opens a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Even ids from 2.
    Technician,
    /// Odd ids from 1.
    Agent,
}

impl Side {
    const fn first(self) -> u64 {
        match self {
            Self::Technician => 2,
            Self::Agent => 1,
        }
    }
}

/// A stream id that must not be; the session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamIdError {
    /// The id belongs to the other side, or is 0.
    #[error("stream id {0} is not one of the sender's")]
    WrongSide(u64),
    /// Used before, or so old that this cannot be told.
    #[error("stream id {0} was used before, the session ends")]
    Reused(u64),
}

/// Hands out one side's ids.
#[derive(Debug)]
pub struct StreamIds {
    next: Option<u64>,
}

impl StreamIds {
    /// From the first id of `side`; one per attachment, because each has its own keys.
    pub const fn new(side: Side) -> Self {
        Self { next: Some(side.first()) }
    }

    /// The next id; `None` after the last of 2^63.
    pub fn allocate(&mut self) -> Option<u64> {
        let id = self.next?;
        self.next = id.checked_add(2);
        Some(id)
    }
}

/// Remembers the ids the other side has used, within a window of [`WINDOW`].
#[derive(Debug)]
pub struct StreamWindow {
    side: Side,
    /// Ordinal (0, 1, 2 …) one above the newest id; 0 if none came yet.
    end: u64,
    /// Bit `ordinal % WINDOW` is set if the ordinal was used. INVARIANT: bits stand only for
    /// ordinals in `end - WINDOW .. end`.
    used: [u64; WORDS],
}

impl StreamWindow {
    /// For ids that `side` opens.
    pub const fn new(side: Side) -> Self {
        Self { side, end: 0, used: [0; WORDS] }
    }

    /// Takes an id, once.
    ///
    /// # Errors
    /// [`StreamIdError`]; the session is then to be ended.
    pub fn take(&mut self, id: u64) -> Result<(), StreamIdError> {
        let ordinal = match id.checked_sub(self.side.first()) {
            Some(distance) if distance % 2 == 0 => distance / 2,
            _ => return Err(StreamIdError::WrongSide(id)),
        };
        if ordinal >= self.end {
            self.slide_to(ordinal + 1);
        } else if self.end - ordinal > WINDOW || self.bit(ordinal) {
            return Err(StreamIdError::Reused(id));
        }
        let (word, mask) = Self::place(ordinal);
        self.used[word] |= mask;
        Ok(())
    }

    fn slide_to(&mut self, end: u64) {
        if end - self.end >= WINDOW {
            self.used = [0; WORDS];
        } else {
            for ordinal in self.end..end {
                let (word, mask) = Self::place(ordinal);
                self.used[word] &= !mask;
            }
        }
        self.end = end;
    }

    fn bit(&self, ordinal: u64) -> bool {
        let (word, mask) = Self::place(ordinal);
        self.used[word] & mask != 0
    }

    fn place(ordinal: u64) -> (usize, u64) {
        let slot = ordinal % WINDOW;
        // A slot is below 1,024, so its word is below 16.
        (usize::try_from(slot / WORD).unwrap_or(0), 1 << (slot % WORD))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_side_keeps_to_its_ids() {
        let mut window = StreamWindow::new(Side::Technician);
        assert_eq!(window.take(0), Err(StreamIdError::WrongSide(0)));
        assert_eq!(window.take(3), Err(StreamIdError::WrongSide(3)));
        assert_eq!(window.take(2), Ok(()));
        assert_eq!(window.take(2), Err(StreamIdError::Reused(2)));
        let mut window = StreamWindow::new(Side::Agent);
        assert_eq!(window.take(2), Err(StreamIdError::WrongSide(2)));
        assert_eq!(window.take(1), Ok(()));
        assert_eq!(window.take(u64::MAX), Ok(()));
        assert_eq!(window.take(3), Err(StreamIdError::Reused(3)));
    }

    #[test]
    fn every_allocated_id_is_taken() {
        let mut ids = StreamIds::new(Side::Technician);
        let mut window = StreamWindow::new(Side::Technician);
        for _ in 0..5000 {
            let id = ids.allocate().expect("far from the last");
            assert_eq!(window.take(id), Ok(()));
        }
    }

    proptest! {
        #[test]
        fn no_id_is_taken_twice(steps in proptest::collection::vec((0u64..3, 0u64..3000), 1..400)) {
            let mut window = StreamWindow::new(Side::Agent);
            let (mut seen, mut newest) = (HashSet::new(), 0u64);
            for (how, by) in steps {
                let ordinal = match how {
                    0 => newest.saturating_sub(by % 1100),
                    1 => newest + by % 5,
                    _ => newest + by,
                };
                let old = newest >= WINDOW && ordinal <= newest - WINDOW;
                let expected = !seen.contains(&ordinal) && !old;
                let taken = window.take(1 + 2 * ordinal).is_ok();
                prop_assert_eq!(taken, expected, "ordinal {} with newest {}", ordinal, newest);
                if taken {
                    seen.insert(ordinal);
                    newest = newest.max(ordinal);
                }
            }
        }
    }
}
