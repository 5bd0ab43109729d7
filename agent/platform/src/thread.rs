//! Work that may hang in the system, on a thread of its own.
//!
//! Not the runtime's blocking pool: that one keeps the runtime from ending for as long as a
//! resolver, a file server or a directory service hangs.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::oneshot;

/// Runs `work` and waits for it. If the caller gives up waiting, the work still goes on to its end.
pub(crate) async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new().name("distans-platform".to_owned()).spawn(move || {
        // The asker may have given up; then nobody wants the answer.
        let _ = sender.send(work());
    })?;
    receiver.await.map_err(|_| io::Error::other("the work ended without an answer"))
}

/// How many threads may hang in one kind of work before more of it is refused.
pub(crate) struct Slots {
    taken: AtomicUsize,
    most: usize,
}

impl Slots {
    pub(crate) const fn new(most: usize) -> Self {
        Self { taken: AtomicUsize::new(0), most }
    }

    /// As [`run`], if a slot is free; it is given back when the work ends, not when the caller
    /// gives up.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if earlier work still hangs in all slots.
    pub(crate) async fn run<T: Send + 'static>(
        &'static self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        if self.taken.fetch_add(1, Ordering::AcqRel) >= self.most {
            drop(Slot(self));
            return Err(io::Error::new(
                io::ErrorKind::WouldBlock,
                "earlier requests of this kind still hang",
            ));
        }
        let slot = Slot(self);
        run(move || {
            let _slot = slot;
            work()
        })
        .await
    }
}

struct Slot(&'static Slots);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn work_that_hangs_keeps_its_slot_and_no_more_than_allowed() {
        static SLOTS: Slots = Slots::new(1);
        let (release, hang) = mpsc::channel::<()>();
        let (ended, end) = oneshot::channel();
        let hanging = SLOTS.run(move || {
            let _ = hang.recv();
            let _ = ended.send(());
        });
        assert!(
            tokio::time::timeout(Duration::from_millis(10), hanging).await.is_err(),
            "the caller gave up"
        );
        let refused = SLOTS.run(|| ()).await.expect_err("the one slot is taken");
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        release.send(()).expect("it still waits");
        end.await.expect("it ended");
        while SLOTS.run(|| ()).await.is_err() {
            tokio::task::yield_now().await;
        }
    }
}
