//! Log lines on standard error: for people, or one JSON object a line for programs.
//!
//! What a level promises: `error` needs somebody, `warn` may need somebody soon, `info` is the
//! course of events without names, `debug` has names of PCs and people too.

use std::io::IsTerminal;

use distans_broker_core::config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;

/// Starts logging for the process. The environment variable `DISTANS_LOG` overrides the level.
///
/// # Errors
/// The variable cannot be read, or logging was started before.
pub fn start(log: &Log) -> anyhow::Result<()> {
    let filter = match std::env::var("DISTANS_LOG") {
        Ok(text) => EnvFilter::try_new(&text)
            .map_err(|error| anyhow::anyhow!("DISTANS_LOG={text:?}: {error}; write for instance debug"))?,
        // Libraries below us are of interest only from warnings on.
        Err(_) => EnvFilter::new(format!("warn,distans={0},distans_broker={0}", log.level.name())),
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))
}
