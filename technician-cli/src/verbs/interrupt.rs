//! Ctrl-C during a verb: the first stops what runs on the PC, the second leaves without waiting.

use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::screen::Screen;

/// Waits for Ctrl-C and cancels; to be spawned beside the work and aborted when that is over.
pub(in crate::verbs) async fn cancels(cancel: CancellationToken) {
    first(&cancel).await;
    second().await;
}

/// The same, and says on `screen` what is being stopped.
pub(in crate::verbs) async fn cancels_and_says(cancel: CancellationToken, screen: Screen, text: String) {
    first(&cancel).await;
    screen.hint(text);
    second().await;
}

async fn first(cancel: &CancellationToken) {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await; // no such signal here: nothing to watch for
    }
    cancel.cancel();
}

async fn second() {
    if tokio::signal::ctrl_c().await.is_ok() {
        std::process::exit(Exit::Cancelled.code().into());
    }
}
