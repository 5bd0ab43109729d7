//! A sender in the hands of an attacker: nothing outside the target, nothing beyond what was
//! announced, nothing half under a final name.

use std::fs;
use std::path::Path;

use distans_proto::ops::files::{Begin, Cause, End, File, Folder, FromSender, Link, Over, Rules, Time};
use distans_transfer::Broken;
use distans_transfer::part::LARGE;
use distans_transfer::receiver::Settings;
use distans_transfer::wire::{FrameWriter, Out, ToWriter};

use crate::{names, receive_bytes};

/// What an attacker sends.
struct Says(FrameWriter<Kept>);

#[derive(Clone, Default)]
struct Kept(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Out for Kept {
    fn put(&mut self, piece: Vec<u8>) -> std::io::Result<()> {
        self.0.lock().expect("no panic").extend(piece);
        Ok(())
    }
}

fn bytes(say: impl FnOnce(&mut Says)) -> Vec<u8> {
    let kept = Kept::default();
    let mut says = Says(FrameWriter::new(kept.clone()));
    say(&mut says);
    says.0.flush().expect("memory");
    kept.0.lock().expect("no panic").clone()
}

impl Says {
    fn say(&mut self, message: &FromSender) -> &mut Self {
        self.0.message(message).expect("memory");
        self
    }

    fn folder(&mut self, parent: Option<u32>, name: &[u8]) -> &mut Self {
        let name = name.to_vec().into();
        self.say(&FromSender::Folder(Folder { parent, name, mode: Some(0o755), modified: Time::default() }))
    }

    fn file(&mut self, parent: Option<u32>, name: &[u8], size: u64) -> &mut Self {
        let name = name.to_vec().into();
        self.say(&FromSender::File(File { parent, name, size, modified: Time::default() }))
    }

    fn link(&mut self, parent: Option<u32>, name: &[u8], target: &[u8]) -> &mut Self {
        let (name, target) = (name.to_vec().into(), target.to_vec().into());
        self.say(&FromSender::Link(Link { parent, name, target, folder: true }))
    }

    fn begin(&mut self, file: u32, offset: u64, size: u64) -> &mut Self {
        self.say(&FromSender::Begin(Begin {
            file,
            offset,
            size,
            modified: Time::default(),
            mode: Some(0o4777),
        }))
    }

    fn content(&mut self, file: u32, content: &[u8]) -> &mut Self {
        self.begin(file, 0, content.len() as u64);
        self.0.raw(content).expect("memory");
        self.end(*blake3::hash(content).as_bytes())
    }

    fn end(&mut self, hash: [u8; 32]) -> &mut Self {
        self.say(&FromSender::End(End { hash: hash.into(), grew: false }))
    }

    fn over(&mut self) {
        self.say(&FromSender::Over(Over {}));
    }
}

fn places() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("folder");
    let to = folder.path().join("to");
    fs::create_dir(&to).expect("made");
    (folder, to)
}

fn settings() -> Settings {
    Settings::new(Rules::default())
}

fn breaks(bytes: Vec<u8>, to: &Path) {
    let (received, _) = receive_bytes(bytes, to, settings());
    assert!(matches!(received, Err(Broken::Protocol(_))), "{received:?}");
}

#[test]
fn paths_for_names_lead_nowhere() {
    let (folder, to) = places();
    let bad: [&[u8]; 7] = [b"..", b".", b"../out", b"/tmp/out", b"a/../../out", b"a\0b", b""];
    let said = bytes(|says| {
        for name in bad {
            says.file(None, name, 3).folder(None, name);
        }
        says.file(Some(0), b"out", 3).file(None, b"good", 3);
        says.content(u32::try_from(bad.len()).expect("few") + 1, b"abc").over();
    });
    let (received, seen) = receive_bytes(said, &to, settings());
    assert_eq!(received.expect("the rest goes on").copied, 1);
    assert!(seen.problems.iter().all(|problem| problem.why.cause == Cause::NameNotAllowed));
    assert_eq!(seen.problems.len(), bad.len() * 2);
    assert_eq!((names(folder.path()), names(&to)), (vec!["to".into()], vec!["good".into()]));
}

#[test]
fn a_link_is_not_written_through_and_leads_nowhere_itself() {
    let (folder, to) = places();
    fs::create_dir(folder.path().join("outside")).expect("made");
    std::os::unix::fs::symlink(folder.path().join("outside"), to.join("planted")).expect("made");
    let said = bytes(|says| {
        says.folder(None, b"top");
        says.link(Some(0), b"abs", folder.path().join("outside").as_os_str().as_encoded_bytes());
        says.link(Some(0), b"up", b"../../outside").link(Some(0), b"in", b"inner").folder(Some(0), b"inner");
        // Through a link that the attacker made, and one that somebody else did.
        says.folder(Some(0), b"in").file(Some(2), b"evil", 3);
        says.folder(None, b"planted").file(Some(3), b"evil", 3);
        says.over();
    });
    let (received, seen) = receive_bytes(said, &to, settings());
    assert_eq!(received.expect("the rest goes on").failures, 2, "{:?}", seen.problems);
    assert_eq!(names(&folder.path().join("outside")), Vec::<String>::new());
    assert_eq!(names(&to.join("top")), ["in", "inner"]);
    assert_eq!(names(&to.join("top/inner")), Vec::<String>::new());
}

#[test]
fn links_that_lead_out_together_are_not_made() {
    let (folder, to) = places();
    fs::write(folder.path().join("secret"), "x").expect("written");
    let said = bytes(|says| {
        says.folder(None, b"top").folder(Some(0), b"a").folder(Some(1), b"b");
        says.link(Some(2), b"up", b"../..").link(Some(0), b"out", b"a/b/up/../../secret").over();
    });
    let (received, seen) = receive_bytes(said, &to, settings());
    assert_eq!(received.expect("the rest goes on").notes, 1, "{:?}", seen.problems);
    assert!(fs::read(to.join("top/out")).is_err());
    assert_eq!(names(&to.join("top")), ["a"]);
}

#[test]
fn no_more_than_was_announced() {
    let (_folder, to) = places();
    for (what, said) in [
        ("a larger file", bytes(|says| _ = says.file(None, b"f", 3).begin(0, 0, 4))),
        (
            "more bytes",
            bytes(|says| {
                says.file(None, b"f", 3).begin(0, 0, 3).0.raw(b"abcd").expect("memory");
            }),
        ),
        (
            "a huge hole",
            bytes(|says| {
                _ = says.file(None, b"f", 3).begin(0, 0, 3).say(&FromSender::Hole(u64::MAX));
            }),
        ),
        ("a file nobody wanted", bytes(|says| _ = says.begin(7, 0, 0))),
        ("bytes outside any file", bytes(|says| says.0.raw(b"abc").expect("memory"))),
        ("an offset nobody asked for", bytes(|says| _ = says.file(None, b"f", 9).begin(0, 5, 9))),
        (
            "a file inside another",
            bytes(|says| {
                _ = says.file(None, b"f", 3).file(None, b"g", 3).begin(0, 0, 3).begin(1, 0, 3);
            }),
        ),
        (
            "less than was announced",
            bytes(|says| {
                _ = says.file(None, b"f", 3).begin(0, 0, 3).end([0; 32]);
            }),
        ),
        ("an end with files missing", bytes(|says| says.file(None, b"f", 3).over())),
        ("a folder that was not listed", bytes(|says| _ = says.file(Some(4), b"f", 3))),
    ] {
        eprintln!("{what}");
        breaks(said, &to);
        assert_eq!(names(&to), Vec::<String>::new(), "{what}");
    }
}

#[test]
fn zeros_for_a_hundred_years_are_refused() {
    let (_folder, to) = places();
    let (size, zeros) = (u64::MAX, FromSender::Hole(u64::MAX));
    breaks(bytes(|says| _ = says.file(None, b"f", size).begin(0, 0, size).say(&zeros)), &to);
}

#[test]
fn a_bomb_is_refused() {
    let (_folder, to) = places();
    let bomb = zstd::bulk::compress(&vec![0; 256 << 20], 3).expect("packs");
    let said = bytes(|says| {
        says.file(None, b"f", 1 << 40).begin(0, 0, 1 << 40).0.packed(&bomb).expect("memory");
    });
    breaks(said, &to);
}

#[test]
fn an_endless_list_ends() {
    let (_folder, to) = places();
    let said = bytes(|says| {
        for number in 0..40_000u32 {
            says.file(None, number.to_string().as_bytes(), 0);
        }
    });
    breaks(said.clone(), &to);
    assert_eq!(names(&to), Vec::<String>::new());
    // Also one of files that need not be sent.
    let dry = Settings { entries: 1000, ..Settings::new(Rules { dry_run: true, ..Rules::default() }) };
    assert!(matches!(receive_bytes(said, &to, dry).0, Err(Broken::Protocol(_))));
    let links = bytes(|says| {
        says.folder(None, b"top");
        for number in 0..2000u32 {
            says.link(Some(0), number.to_string().as_bytes(), b"x");
        }
    });
    let few = Settings { entries: 1000, ..settings() };
    assert!(matches!(receive_bytes(links, &to, few).0, Err(Broken::Protocol(_))));
}

#[test]
fn a_wrong_hash_and_a_cut_stream_leave_the_old_file() {
    let (_folder, to) = places();
    fs::write(to.join("f"), "precious").expect("written");
    let wrong = bytes(|says| {
        says.file(None, b"f", 3).begin(0, 0, 3).0.raw(b"abc").expect("memory");
        says.end([7; 32]).over();
    });
    let (received, seen) = receive_bytes(wrong, &to, settings());
    assert_eq!(received.expect("told, and over").failures, 1);
    assert_eq!(seen.problems[0].why.cause, Cause::Damaged);
    let cut = bytes(|says| {
        says.file(None, b"f", LARGE).begin(0, 0, LARGE).0.raw(b"abc").expect("memory");
    });
    assert!(matches!(receive_bytes(cut, &to, settings()).0, Err(Broken::Stream(_))));
    assert_eq!(fs::read(to.join("f")).expect("read"), b"precious");
    assert_eq!(names(&to).len(), 2, "the part is kept for another try: {:?}", names(&to));
    // A part with other bytes than the source's is not gone on with.
    let resumed = bytes(|says| {
        says.file(None, b"f", LARGE).begin(0, 3, LARGE);
        for _ in 0..LARGE / 4096 - 1 {
            says.0.raw(&[1; 4096]).expect("memory");
        }
        says.0.raw(&[1; 4093]).expect("memory");
        says.end(*blake3::hash(&vec![1; usize::try_from(LARGE).expect("fits")]).as_bytes()).over();
    });
    let (received, seen) = receive_bytes(resumed, &to, settings());
    assert_eq!(received.expect("told, and over").failures, 1);
    assert_eq!(seen.problems[0].why.cause, Cause::Damaged);
    assert_eq!((fs::read(to.join("f")).expect("read"), names(&to).len()), (b"precious".to_vec(), 1));
}

#[test]
fn nobody_gets_a_setuid_file() {
    use std::os::unix::fs::MetadataExt;
    let (_folder, to) = places();
    let said = bytes(|says| says.file(None, b"f", 3).content(0, b"abc").over());
    assert_eq!(receive_bytes(said, &to, settings()).0.expect("a copy").copied, 1);
    assert_eq!(fs::metadata(to.join("f")).expect("there").mode() & 0o7777, 0o777);
}

#[test]
fn noise_is_no_transfer() {
    let (_folder, to) = places();
    let mut noise = vec![0; 4096];
    for seed in 0..2000u32 {
        blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut noise);
        noise[0] %= 3;
        noise[1] = 0;
        assert!(receive_bytes(noise.clone(), &to, settings()).0.is_err());
    }
    let _ = ToWriter(std::io::sink());
}
