//! Looking at this machine piece by piece, for a diagnosis. Each probe reads when asked and keeps
//! nothing; what may hang does so on a thread of its own, of which there is a bounded number.
//!
//! | module | what |
//! |---|---|
//! | [`machine`] | disks and drives, memory, processor, temperature, battery |
//! | [`network`] | gateways, packet sizes, proxy, wireless, name servers |
//! | [`system`] | clock, printing, certificates, updates, directory |
//! | [`dns`] | one question to one name server |
//! | [`echo`] | ICMP echo, with and without room for fragments |
//! | [`walk`] | how large a folder is |
//! | [`caches`] | what may be thrown away |

pub mod caches;
pub mod dns;
pub mod echo;
pub mod machine;
pub mod network;
pub mod system;
pub mod walk;

use std::io;

use crate::thread::Slots;

/// Why a probe has nothing to tell.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// This system has no such thing.
    #[error("not on this system")]
    NotHere,
    /// It could not look.
    #[error(transparent)]
    Failed(#[from] io::Error),
}

impl NoAnswer {
    /// Of a file that is read: a missing one means that there is no such thing here.
    pub(crate) fn of(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::NotHere } else { Self::Failed(error) }
    }
}

/// What a probe tells.
pub type Answer<T> = Result<T, NoAnswer>;

/// Reads on a thread of its own, if a slot is free.
pub(crate) async fn blocking<T: Send + 'static>(
    slots: &'static Slots,
    read: impl FnOnce() -> Answer<T> + Send + 'static,
) -> Answer<T> {
    slots.run(read).await?
}

/// Reads a file as a probe does: on a thread of its own, so that one that never ends (a pipe, a
/// dead server's file) hangs there and not here.
///
/// # Errors
/// [`NoAnswer`].
pub async fn file(path: std::path::PathBuf) -> Answer<Vec<u8>> {
    static SLOTS: Slots = Slots::new(2);
    blocking(&SLOTS, move || std::fs::read(path).map_err(NoAnswer::of)).await
}
