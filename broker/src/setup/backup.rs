//! `backup`: a consistent copy of the records, also while the broker runs.

use std::path::Path;

use crate::config::Config;
use crate::start::open_store;

/// Copies the records to a new file. There are no private keys in it: keep a copy of the key
/// files apart, or make new ones and certify again.
///
/// # Errors
/// The records cannot be read, or the file is there already or cannot be written.
pub async fn backup(config: &Config, out: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(
        config.directory.database().exists(),
        "{} holds no records yet",
        config.directory.path().display()
    );
    let store = open_store(&config.directory).await?;
    let copied = store.backup(out).await;
    store.close().await;
    Ok(copied?)
}
