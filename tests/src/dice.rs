//! A sequence that looks random and can be repeated.

/// Throws the same numbers for the same seed.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// With the seed in `DISTANS_SEED`, or a new one; tells it, so that a failure can be repeated.
    pub fn new() -> Self {
        let given = std::env::var("DISTANS_SEED").ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or_else(|| u64::try_from(crate::org::now().as_micros()).unwrap_or(1));
        eprintln!("DISTANS_SEED={seed}");
        Self::from_seed(seed)
    }

    /// With this seed.
    pub const fn from_seed(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// The next number below `below`, which is not 0.
    pub fn throw(&mut self, below: usize) -> usize {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let value = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(value).unwrap_or(0) % below.max(1)
    }

    /// A byte that is not 0.
    pub fn mask(&mut self) -> u8 {
        u8::try_from(1 + self.throw(255)).unwrap_or(1)
    }

    /// Another sequence, for another worker.
    #[must_use]
    pub fn split(&mut self) -> Self {
        let low = u64::try_from(self.throw(1 << 30)).unwrap_or(0);
        Self::from_seed(self.0 ^ (low << 17))
    }
}

impl Default for Dice {
    fn default() -> Self {
        Self::new()
    }
}
