//! Work that may hang in the system, on a thread of its own.
//!
//! Not the runtime's blocking pool: that one keeps the runtime from ending for as long as a
//! resolver or a directory service hangs.

use std::io;

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
