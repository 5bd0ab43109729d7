//! Whole copies between two folders of this machine, both ends real, and one end hostile.
#![allow(clippy::expect_used, clippy::panic)] // a test stops at the first surprise, its helpers too

mod awkward;
mod hostile;
mod plain;
mod race;

use std::io::BufReader;
use std::path::Path;
use std::thread;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use distans_proto::ops::files::{Problem, Rules, Summary};
use distans_transfer::bridge::{FromChannel, ToChannel, channel};
use distans_transfer::place::own;
use distans_transfer::receiver::{Settings, Target, receive};
use distans_transfer::sender::{Source, send};
use distans_transfer::{Broken, Unseen, Watch};

/// What one end saw.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) problems: Vec<Problem>,
    pub(crate) moved: u64,
}

impl Watch for Seen {
    fn moved(&mut self, bytes: u64) {
        self.moved += bytes;
    }

    fn problem(&mut self, problem: &Problem) {
        self.problems.push(problem.clone());
    }
}

pub(crate) fn open(path: &Path) -> Dir {
    Dir::open_ambient_dir(path, ambient_authority()).expect("a folder")
}

pub(crate) fn source(path: &Path) -> Source {
    let (dir, name, called) = own(path).expect("there");
    Source { dir, name, called }
}

/// Copies into `to`; what the receiving end says and saw.
pub(crate) fn copy_with(
    sources: Vec<Source>,
    to: &Path,
    rename: Option<&str>,
    settings: Settings,
) -> (Result<Summary, Broken>, Seen) {
    let ((there, data), (back, answers)) = (channel(), channel());
    let target = Target { dir: open(to), rename: rename.map(Into::into) };
    let sending = thread::spawn(move || {
        send(FromChannel::new(answers), ToChannel(there), sources, Vec::new(), &mut Unseen)
    });
    let mut seen = Seen::default();
    let received = receive(FromChannel::new(data), ToChannel(back), target, settings, &mut seen);
    let sent = sending.join().expect("no panic");
    if let (Ok(sent), Ok(received)) = (&sent, &received) {
        assert_eq!(sent, received, "both ends know the same");
    }
    (received, seen)
}

pub(crate) fn copy(from: &Path, to: &Path) -> (Summary, Seen) {
    let (copied, seen) = copy_with(vec![source(from)], to, None, Settings::new(Rules::default()));
    (copied.expect("a copy"), seen)
}

/// The receiving end alone, with what a hostile sender says.
pub(crate) fn receive_bytes(
    bytes: Vec<u8>,
    to: &Path,
    settings: Settings,
) -> (Result<Summary, Broken>, Seen) {
    let mut seen = Seen::default();
    let target = Target { dir: open(to), rename: None };
    let input = BufReader::new(std::io::Cursor::new(bytes));
    let received =
        receive(input, distans_transfer::wire::ToWriter(std::io::sink()), target, settings, &mut seen);
    (received, seen)
}

/// Names in a folder, parts of ours too.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
