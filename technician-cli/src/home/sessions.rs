//! Open sessions, one file each, so that the next command finds and re-attaches to them.
//!
//! A file holds what the PC proved about itself, too: re-attaching then needs no look-up.

use distans_proto::ids::{DeviceId, GroupId, SessionId};
use distans_proto::scope::ScopeSet;
use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Home, HomeError};

const FOLDER: &str = "sessions";

/// One open session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSession {
    /// Id.
    pub id: SessionId,
    /// On which PC.
    pub device: DeviceId,
    /// Its host name at its enrolment, verified when the session was opened.
    pub hostname: Untrusted,
    /// Its group.
    pub group: GroupId,
    /// Granted scopes.
    pub scopes: ScopeSet,
    /// Purpose.
    pub purpose: String,
    /// Ticket.
    pub ticket: Option<String>,
    /// When it was granted.
    pub started: Timestamp,
    /// When it ends at the latest.
    pub ends: Timestamp,
    /// The certificate it was opened with, SHA-256 in hexadecimal: another one cannot resume it.
    pub certificate: String,
    /// The PC's `endorsement` envelope.
    pub endorsement: String,
    /// The `token-cert` envelope the endorsement leans on.
    pub token_cert: String,
    /// The grant's envelope, countersigned.
    pub grant: String,
}

impl Home {
    /// Sessions that have not reached their end, newest first. Files of others are removed.
    ///
    /// # Errors
    /// [`HomeError`] if the folder cannot be read.
    pub fn open_sessions(&self, now: Timestamp) -> Result<Vec<OpenSession>, HomeError> {
        let folder = self.dir.join(FOLDER);
        let mut sessions: Vec<OpenSession> = Vec::new();
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(sessions),
            Err(error) => {
                return Err(distans_platform::private::PrivateError::Io { path: folder, error }.into());
            }
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| name.ends_with(".json")) else { continue };
            match self.read_json::<OpenSession>(&format!("{FOLDER}/{name}")) {
                Ok(Some(session)) if session.ends > now => sessions.push(session),
                Ok(Some(session)) => self.forget_session(session.id)?,
                Ok(None) => {}
                Err(error) => tracing::warn!("skipping an unreadable session file: {error}"),
            }
        }
        sessions.sort_by_key(|session| std::cmp::Reverse(session.started));
        Ok(sessions)
    }

    /// Ids and PCs of the sessions kept here, for completions: nothing is checked or changed.
    pub fn session_names(&self) -> Vec<(String, String)> {
        let entries = std::fs::read_dir(self.dir.join(FOLDER)).into_iter().flatten().flatten();
        let named = entries.take(100).filter_map(|entry| {
            let name = entry.file_name();
            let id: SessionId = name.to_str()?.strip_suffix(".json")?.parse().ok()?;
            let session = self.read_json::<OpenSession>(&file(id)).ok().flatten()?;
            Some((id.to_string(), session.hostname.to_string()))
        });
        named.collect()
    }

    /// Keeps an open session.
    ///
    /// # Errors
    /// [`HomeError`] if it cannot be written.
    pub fn keep_session(&self, session: &OpenSession) -> Result<(), HomeError> {
        let guard = self.lock()?;
        distans_platform::private::create_dir(&self.dir.join(FOLDER))?;
        self.write_json(&guard, &file(session.id), session)
    }

    /// Forgets a session that is over.
    ///
    /// # Errors
    /// [`HomeError`] if its file cannot be removed.
    pub fn forget_session(&self, id: SessionId) -> Result<(), HomeError> {
        let guard = self.lock()?;
        self.remove(&guard, &file(id))
    }
}

fn file(id: SessionId) -> String {
    format!("{FOLDER}/{id}.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(number: u8, started: i64, ends: i64) -> OpenSession {
        OpenSession {
            id: SessionId::from_bytes([number; 16]),
            device: DeviceId::from_bytes([9; 16]),
            hostname: "PC-IDRE-003".into(),
            group: "kontor".parse().expect("a label"),
            scopes: ScopeSet::EMPTY,
            purpose: "slow".into(),
            ticket: None,
            started: Timestamp::from_secs(started),
            ends: Timestamp::from_secs(ends),
            certificate: String::new(),
            endorsement: "{}".into(),
            token_cert: "{}".into(),
            grant: "{}".into(),
        }
    }

    #[test]
    fn sessions_are_kept_newest_first_and_forgotten_when_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::at(folder.path().join("home"));
        assert_eq!(home.open_sessions(Timestamp::from_secs(0)).expect("no folder is no session"), []);
        let (old, new, over) = (session(1, 10, 100), session(2, 20, 100), session(3, 5, 30));
        for one in [&old, &new, &over] {
            home.keep_session(one).expect("kept");
        }
        assert_eq!(home.open_sessions(Timestamp::from_secs(50)).expect("read"), [new.clone(), old.clone()]);
        home.forget_session(new.id).expect("forgotten");
        home.forget_session(new.id).expect("twice is fine");
        assert_eq!(home.open_sessions(Timestamp::from_secs(1)).expect("read"), [old]);
    }
}
