//! Recordings of shells: written encrypted, kept for a while, handed out as they are.
//!
//! `recordings/` in the state folder holds one file a shell. Its name tells when it began, in
//! which session, and the public id of the operation; its content is
//! [`distans_e2e::recording`]'s, and the agent cannot read it again. Files are removed after
//! [`KEPT`], and the oldest when all of them together exceed [`TOTAL_LIMIT`]; but not before
//! [`SAFE`], so that nobody gets rid of one by making many. There is no recording then, and where
//! policy wants one no shell.

mod cast;
mod recorder;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use distans_e2e::recording::{self, About};
use distans_platform::private;
use distans_proto::ids::SessionId;
use distans_proto::ops::shell::{RECORDINGS_LIMIT, Recording};
use distans_proto::time::Timestamp;
use distans_trust::hash::Sha256;
use tracing::{info, warn};

use recorder::RecordError;
pub(crate) use recorder::{Recorder, Wanted};

/// How long a recording is kept.
const KEPT: Duration = Duration::from_secs(90 * 86_400);

/// Bytes of all recordings together.
const TOTAL_LIMIT: u64 = 1024 * 1024 * 1024;

/// Younger ones stay, however many there are: until then auditors can fetch them.
const SAFE: Duration = Duration::from_secs(7 * 86_400);

/// How a recording's file name ends.
const ENDING: &str = ".distans-recording";

/// Bytes at a file's beginning that tell what it is of.
const HEAD: u64 = 20 * 1024;

/// The folder with the recordings.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    dir: PathBuf,
}

impl Shelf {
    /// In a state folder.
    pub(crate) fn in_state(state: &Path) -> Self {
        Self { dir: state.join("recordings") }
    }

    /// A file for a new recording, after room was made. Blocks.
    fn create(&self, about: &About) -> Result<File, RecordError> {
        private::create_dir(&self.dir)?;
        if !self.make_room(about.started) {
            return Err(RecordError::NoRoom);
        }
        let name = format!("{:012}-{}-{}{ENDING}", about.started.as_secs(), about.session, about.operation);
        Ok(private::create(&self.dir.join(name))?)
    }

    /// Names of the files, oldest first.
    fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.dir) else { return Vec::new() };
        let mut names: Vec<String> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.ends_with(ENDING))
            .collect();
        names.sort_unstable();
        names
    }

    /// Removes what is too old, and the oldest of what is too much; false if too much stays.
    fn make_room(&self, now: Timestamp) -> bool {
        let files: Vec<(String, u64)> = self
            .names()
            .into_iter()
            .map(|name| {
                let bytes = fs::metadata(self.dir.join(&name)).map_or(0, |found| found.len());
                (name, bytes)
            })
            .collect();
        let (gone, has_room) = superfluous(&files, now, TOTAL_LIMIT);
        for name in gone {
            match fs::remove_file(self.dir.join(name)) {
                Ok(()) => info!(name, "a recording was removed: too old, or too much"),
                Err(error) => warn!(name, %error, "a recording could not be removed"),
            }
        }
        has_room
    }

    /// The newest recordings, newest first. Blocks.
    pub(crate) fn list(&self) -> Vec<Recording> {
        let names = self.names();
        let newest = names.into_iter().rev().take(RECORDINGS_LIMIT);
        newest.filter_map(|name| self.describe(&name)).collect()
    }

    fn describe(&self, name: &str) -> Option<Recording> {
        let file = private::open(&self.dir.join(name)).ok()?;
        let bytes = file.metadata().ok()?.len();
        let mut head = Vec::new();
        file.take(HEAD).read_to_end(&mut head).ok()?;
        let about = recording::about(&head).ok()?;
        Some(Recording {
            name: name.into(),
            session: about.session,
            technician: about.technician,
            started: about.started,
            bytes,
        })
    }

    /// True if there is one of that name. Blocks for a moment.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names().iter().any(|known| known == name)
    }

    /// Opens one of the listed; `None` if there is none of that name. Blocks.
    pub(crate) fn open(&self, name: &str) -> Option<File> {
        // Only a name that is there can be asked for: nothing of it is used as a path.
        let known = self.names().into_iter().find(|known| known == name)?;
        private::open(&self.dir.join(known)).ok()
    }

    /// What a session's receipt says of its recordings: the SHA-256 of the one, or of the
    /// SHA-256s of all of them, oldest first. Blocks.
    ///
    /// # Errors
    /// If one of them cannot be read.
    pub(crate) fn digest(&self, session: SessionId) -> io::Result<Option<Sha256>> {
        let part = format!("-{session}-");
        let mut hashes = Vec::new();
        for name in self.names().iter().filter(|name| name.contains(&part)) {
            hashes.push(hash(File::open(self.dir.join(name))?)?);
        }
        Ok(match hashes.as_slice() {
            [] => None,
            [one] => Some(*one),
            several => {
                let all: Vec<u8> = several.iter().flat_map(|hash| *hash.as_bytes()).collect();
                Some(Sha256::of(&all))
            }
        })
    }
}

fn hash(file: File) -> io::Result<Sha256> {
    let mut bytes = Vec::new();
    file.take(recorder::RECORDING_LIMIT * 2).read_to_end(&mut bytes)?;
    Ok(Sha256::of(&bytes))
}

/// Which files go, and whether that is enough; they come oldest first.
fn superfluous(files: &[(String, u64)], now: Timestamp, limit: u64) -> (Vec<&str>, bool) {
    let mut total: u64 = files.iter().map(|(_, bytes)| bytes).sum();
    let mut gone = Vec::new();
    for (name, bytes) in files {
        let begun = name.split('-').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0);
        let age = now.since(Timestamp::from_secs(begun));
        if age > KEPT || total > limit && age > SAFE {
            total = total.saturating_sub(*bytes);
            gone.push(name.as_str());
        }
    }
    (gone, total <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_and_the_oldest_of_too_much_go() {
        let now = 1_772_350_200;
        let file = |days: i64, bytes| (format!("{:012}-s-o{ENDING}", now - days * 86_400), bytes);
        let files = [file(100, 10), file(80, 50), file(10, 60), file(8, 30)];
        let gone = |limit| superfluous(&files, Timestamp::from_secs(now), limit).0.len();
        assert_eq!((gone(1000), gone(140), gone(139), gone(89), gone(0)), (1, 1, 2, 3, 4));
    }

    #[test]
    fn many_new_ones_push_no_new_one_out() {
        let now = 1_772_350_200;
        let file = |hours: i64| (format!("{:012}-s-o{ENDING}", now - hours * 3600), 64);
        let files: Vec<_> = (0..20).rev().map(file).collect();
        assert_eq!(superfluous(&files, Timestamp::from_secs(now), 1024), (Vec::new(), false));
        assert_eq!(superfluous(&files, Timestamp::from_secs(now), 64 * 20), (Vec::new(), true));
        // A clock that was set back makes nothing old.
        assert_eq!(superfluous(&files, Timestamp::from_secs(0), 1024), (Vec::new(), false));
    }
}
