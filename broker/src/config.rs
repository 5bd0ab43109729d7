//! Where the broker lives and what its configuration file says.

use anyhow::Context;
use distans_broker_core::config::Settings;

use crate::files::Directory;

/// All a broker needs to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Its directory: keys, records, certificate.
    pub directory: Directory,
    /// What its configuration file says.
    pub settings: Settings,
}

impl Config {
    /// Reads `broker.toml` in `directory`.
    ///
    /// # Errors
    /// It cannot be read, or every mistake in it with its line.
    pub fn load(directory: Directory) -> anyhow::Result<Self> {
        let path = directory.config();
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!("cannot read {}; make one with distans-broker init --dir …", path.display())
        })?;
        let settings = Settings::parse(&text, &path.display().to_string())?;
        Ok(Self { directory, settings })
    }
}
