//! Keys and changes of size, read on a thread of their own: so that a verb can have the terminal
//! to itself as soon as the thread has ended.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::event::{Event, poll, read};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

/// How soon the thread notices that it is to end.
const ATTENTION: Duration = Duration::from_millis(100);

/// Keys typed ahead.
const QUEUE: usize = 64;

/// The thread.
pub(crate) struct Inputs {
    events: Receiver<io::Result<Event>>,
    enough: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Inputs {
    pub(crate) fn start() -> Self {
        let (sender, events) = channel(QUEUE);
        let enough = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&enough);
        let thread = tokio::task::spawn_blocking(move || tell(&sender, &flag));
        Self { events, enough, thread }
    }

    /// The next one; `None` if there will be no more.
    pub(crate) async fn next(&mut self) -> Option<io::Result<Event>> {
        self.events.recv().await
    }

    /// Waits until nobody reads the terminal any more.
    pub(crate) async fn stop(mut self) {
        self.enough.store(true, Ordering::Relaxed);
        self.events.close();
        // The thread does not panic, and is nobody's to abort.
        let _ = (&mut self.thread).await;
    }
}

impl Drop for Inputs {
    fn drop(&mut self) {
        self.enough.store(true, Ordering::Relaxed);
    }
}

fn tell(events: &Sender<io::Result<Event>>, enough: &AtomicBool) {
    while !enough.load(Ordering::Relaxed) {
        let event = match poll(ATTENTION) {
            Ok(false) => continue,
            Ok(true) => read(),
            Err(error) => Err(error),
        };
        let is_over = event.is_err();
        if events.blocking_send(event).is_err() || is_over {
            return;
        }
    }
}
