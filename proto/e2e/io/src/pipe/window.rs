//! How much the other end may send: decided here, without I/O.

use std::sync::Arc;

use distans_proto::ops::forward::FIRST_WINDOW;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Largest window of one connection: 100 Mbit/s at 160 ms.
const LARGEST_WINDOW: u64 = 2 * 1024 * 1024;

/// What all windows together may grow by, in [`FIRST_WINDOW`]s: 16 MiB.
const GROWTH: usize = 256;

/// What the windows of several connections may hold together beyond their first
/// [`FIRST_WINDOW`] each.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Semaphore>);

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(GROWTH)))
    }
}

/// The receiving end of one direction.
#[derive(Debug)]
pub(super) struct Window {
    size: u64,
    granted: u64,
    arrived: u64,
    drained: u64,
    budget: Budget,
    /// What the growth so far was taken from; given back when the connection is over.
    grown: Vec<OwnedSemaphorePermit>,
}

impl Window {
    pub(super) fn new(budget: &Budget) -> Self {
        Self {
            size: FIRST_WINDOW,
            granted: FIRST_WINDOW,
            arrived: 0,
            drained: 0,
            budget: budget.clone(),
            grown: Vec::new(),
        }
    }

    /// Bytes arrived; false if they were more than allowed.
    pub(super) fn arrived(&mut self, count: usize) -> bool {
        self.arrived = self.arrived.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        self.arrived <= self.granted
    }

    /// Bytes went on. Once half of the window has, this is what to allow from now on.
    pub(super) fn drained(&mut self, count: usize) -> Option<u64> {
        self.drained = self.drained.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        if self.granted.saturating_sub(self.drained) > self.size / 2 {
            return None;
        }
        self.grow();
        self.granted = self.drained.saturating_add(self.size);
        Some(self.granted)
    }

    /// Twice the size, if the budget has it.
    fn grow(&mut self) {
        if self.size >= LARGEST_WINDOW {
            return;
        }
        let Ok(pieces) = u32::try_from(self.size / FIRST_WINDOW) else { return };
        if let Ok(permit) = Arc::clone(&self.budget.0).try_acquire_many_owned(pieces) {
            self.grown.push(permit);
            self.size *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Drains a window as fast as it is filled; its size in the end.
    fn drain(window: &mut Window, bytes: u64) -> u64 {
        let mut left = bytes;
        while left > 0 {
            let count = (window.granted - window.arrived).min(left);
            let count = usize::try_from(count).expect("small");
            assert!(window.arrived(count), "what is allowed is taken");
            if let Some(granted) = window.drained(count) {
                assert_eq!(granted, window.drained + window.size);
            }
            left -= u64::try_from(count).expect("small");
        }
        window.size
    }

    #[test]
    fn a_window_grows_while_it_is_drained_and_no_further_than_the_budget() {
        let budget = Budget::default();
        let mut windows: Vec<Window> = (0..20).map(|_| Window::new(&budget)).collect();
        let sizes: Vec<u64> = windows.iter_mut().map(|window| drain(window, 64 * 1024 * 1024)).collect();
        assert_eq!(sizes[0], LARGEST_WINDOW);
        let growth: u64 = sizes.iter().map(|size| size - FIRST_WINDOW).sum();
        assert!(growth <= FIRST_WINDOW * 256, "{growth}");
        assert_eq!(sizes[19], FIRST_WINDOW, "nothing is left for the last");
        drop(windows);
        assert_eq!(drain(&mut Window::new(&budget), 64 * 1024 * 1024), LARGEST_WINDOW, "it was given back");
    }

    #[test]
    fn what_nobody_drains_is_not_allowed_again() {
        let mut window = Window::new(&Budget::default());
        let first = usize::try_from(FIRST_WINDOW).expect("small");
        assert!(window.arrived(first));
        assert_eq!(window.drained(10), None, "too little to speak of");
        assert!(!window.arrived(1), "one byte too many");
    }
}
