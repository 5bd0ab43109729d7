//! The system's log, the oldest wanted entry first.
//!
//! Linux: the journal through `journalctl`'s JSON; without a journal, or when files are named,
//! plain log files. Windows: the event logs System and Application.

use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::imp;

/// Longest text of one entry, in bytes.
pub const TEXT_LIMIT: usize = 4096;

/// Which entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Of this service or program.
    pub source: Option<String>,
    /// Of this level or worse: 0 emergency to 7 debug.
    pub level: Option<u8>,
    /// Not older.
    pub since: Option<SystemTime>,
    /// Not newer.
    pub until: Option<SystemTime>,
    /// Whose text holds this; letters are compared without case.
    pub text: Option<String>,
    /// At most so many, the newest.
    pub limit: usize,
    /// New ones too, as they come, without end.
    pub follow: bool,
    /// Log files to read instead of the system's journal (Linux only).
    pub files: Vec<PathBuf>,
}

/// One entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// When it was written, if the log tells.
    pub at: Option<SystemTime>,
    /// 0 emergency to 7 debug, if the log tells.
    pub level: Option<u8>,
    /// The service or program that wrote it.
    pub source: String,
    /// Its process.
    pub pid: Option<u32>,
    /// What it says, at most [`TEXT_LIMIT`] bytes.
    pub text: String,
}

/// Why there is no log to read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// There is neither journal nor log file.
    #[error("no log is kept here: no journal, and neither /var/log/syslog nor /var/log/messages")]
    NoLog,
    /// The name cannot be a service's or a program's.
    #[error("{0:?} is no name of a service or program")]
    BadName(String),
    /// What the system said.
    #[error("the log cannot be read: {0}")]
    System(#[from] io::Error),
}

/// Reads a log, entry by entry. Dropping it ends whatever reads for it.
pub struct Reader(imp::logs::Reader);

impl Reader {
    /// Opens the log.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn open(query: Query) -> Result<Self, LogError> {
        if let Some(source) = &query.source {
            check_name(source)?;
        }
        imp::logs::Reader::open(query).await.map(Self)
    }

    /// The next entry; `None` at the end. When following, waits for one. May be dropped half-way.
    ///
    /// # Errors
    /// What the system said.
    pub async fn next(&mut self) -> io::Result<Option<Entry>> {
        self.0.next().await
    }

    /// What could not be done as it was asked, one sentence each.
    pub fn notes(&self) -> Vec<String> {
        self.0.notes()
    }
}

fn check_name(name: &str) -> Result<(), LogError> {
    let sane = |character: char| character.is_alphanumeric() || " :_.\\@-+()/".contains(character);
    if (1..=256).contains(&name.len()) && name.chars().all(sane) && !name.starts_with('-') {
        Ok(())
    } else {
        Err(LogError::BadName(name.chars().take(64).collect()))
    }
}

impl Query {
    /// What the readers themselves have to check; `None` in the entry passes.
    pub(crate) fn fits(&self, entry: &Entry) -> bool {
        let source = self.source.as_deref().is_none_or(|source| same_source(source, &entry.source));
        let level = self.level.is_none_or(|most| entry.level.is_none_or(|level| level <= most));
        let since = self.since.is_none_or(|since| entry.at.is_none_or(|at| at >= since));
        let until = self.until.is_none_or(|until| entry.at.is_none_or(|at| at <= until));
        source && level && since && until && self.fits_text(&entry.text)
    }

    pub(crate) fn fits_text(&self, text: &str) -> bool {
        self.text.as_deref().is_none_or(|wanted| text.to_lowercase().contains(&wanted.to_lowercase()))
    }
}

fn same_source(wanted: &str, source: &str) -> bool {
    let bare = |name: &str| name.trim_end_matches(".service").to_lowercase();
    bare(wanted) == bare(source)
}

/// At most [`TEXT_LIMIT`] bytes, whole characters.
pub(crate) fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(TEXT_LIMIT));
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_query_lets_through_what_was_asked_for() {
        let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        let entry = Entry {
            at: at(100),
            level: Some(4),
            source: "cups".into(),
            pid: None,
            text: "Skrivaren ÅÄÖ".into(),
        };
        let all = Query::default();
        for (query, fits) in [
            (Query { source: Some("CUPS.service".into()), ..all.clone() }, true),
            (Query { source: Some("cupsd".into()), ..all.clone() }, false),
            (Query { level: Some(4), ..all.clone() }, true),
            (Query { level: Some(3), ..all.clone() }, false),
            (Query { since: at(100), until: at(100), ..all.clone() }, true),
            (Query { since: at(101), ..all.clone() }, false),
            (Query { until: at(99), ..all.clone() }, false),
            (Query { text: Some("åäö".into()), ..all.clone() }, true),
            (Query { text: Some("toner".into()), ..all.clone() }, false),
        ] {
            assert_eq!(query.fits(&entry), fits, "{query:?}");
        }
        assert!(Query { level: Some(0), since: at(999), ..all }.fits(&Entry::default()), "unknown passes");
    }

    #[tokio::test]
    async fn a_name_that_could_be_an_option_is_refused() {
        for name in ["", "--file=/etc/shadow", "a\nb", "x=y", "*"] {
            let query = Query { source: Some(name.into()), ..Query::default() };
            assert!(matches!(Reader::open(query).await, Err(LogError::BadName(_))), "{name:?}");
        }
    }
}
