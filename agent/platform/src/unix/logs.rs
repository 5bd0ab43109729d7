//! The journal where there is one, else plain files.

mod files;
mod journal;
mod line;

use std::io;
use std::path::{Path, PathBuf};

use files::Files;
use journal::Journal;

use super::tool;
use crate::logs::{Entry, LogError, Query};

/// Files that hold a whole system's log, the usual one first.
const USUAL: [&str; 2] = ["/var/log/syslog", "/var/log/messages"];

/// One of the two.
pub(crate) enum Reader {
    Journal(Box<Journal>),
    Files(Box<Files>),
}

impl Reader {
    pub(crate) async fn open(query: Query) -> Result<Self, LogError> {
        if query.files.is_empty()
            && Path::new("/run/systemd/journal/socket").exists()
            && let Some(program) = tool::find("journalctl")
        {
            return Ok(Self::Journal(Box::new(Journal::open(program, query).await?)));
        }
        let mut files: Vec<PathBuf> = query.files.clone();
        if files.is_empty() {
            files.extend(USUAL.iter().map(PathBuf::from).find(|path| path.exists()));
        }
        if files.is_empty() {
            return Err(LogError::NoLog);
        }
        Ok(Self::Files(Box::new(Files::open(files, query).await?)))
    }

    pub(crate) async fn next(&mut self) -> io::Result<Option<Entry>> {
        match self {
            Self::Journal(journal) => journal.next().await,
            Self::Files(files) => files.next().await,
        }
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        match self {
            Self::Journal(_) => Vec::new(),
            Self::Files(files) => files.notes(),
        }
    }
}
