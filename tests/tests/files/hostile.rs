//! A PC in the hands of an attacker, asked for files by the real technician's program.

use std::io;
use std::sync::{Arc, Mutex};

use distans_cli::client::{NewSession, Session};
use distans_cli::verbs::cp::copying::{Copy, CopyError};
use distans_e2e_io::Unit;
use distans_proto::inner::{Closed, OpInput, OpOutput, OpResult, Outcome};
use distans_proto::ops::files::{Begin, End, File, Folder, FromSender, Link, Over, Time};
use distans_proto::scope::{Scope, ScopeSet};
use distans_tests::fake_pc::FakePc;
use distans_tests::world::World;
use distans_transfer::wire::{FrameWriter, Out};

use super::copied;

#[derive(Clone, Default)]
struct Gathered(Arc<Mutex<Vec<u8>>>);

impl Out for Gathered {
    fn put(&mut self, piece: Vec<u8>) -> io::Result<()> {
        self.0.lock().expect("no panic").extend(piece);
        Ok(())
    }
}

fn file(name: &[u8], size: u64) -> FromSender {
    let (name, modified) = (name.to_vec().into(), Time::default());
    FromSender::File(File { parent: None, name, size, modified })
}

fn folder(name: &[u8]) -> FromSender {
    let (name, modified) = (name.to_vec().into(), Time::default());
    FromSender::Folder(Folder { parent: None, name, mode: Some(0o755), modified })
}

fn begin(size: u64) -> FromSender {
    FromSender::Begin(Begin { file: 0, offset: 0, size, modified: Time::default(), mode: None })
}

fn end(hash: [u8; 32]) -> FromSender {
    FromSender::End(End { hash: hash.into(), grew: false })
}

/// What an attacker's PC sends, and whether that ends the copy at once.
fn lies(behaviour: &str) -> (Vec<u8>, bool) {
    let gathered = Gathered::default();
    let mut writer = FrameWriter::new(gathered.clone());
    let mut say = |messages: &[FromSender]| {
        messages.iter().for_each(|message| writer.message(message).expect("memory"));
    };
    let over = FromSender::Over(Over {});
    let ends = match behaviour {
        "a path for a name" => {
            say(&[file(b"../outside", 3), file(b"/tmp/outside", 3), folder(b".."), over]);
            false
        }
        "more bytes than announced" => {
            say(&[file(b"f", 3), begin(3)]);
            writer.raw(b"abcdef").expect("memory");
            true
        }
        "a wrong hash" => {
            say(&[file(b"f", 3), begin(3)]);
            writer.raw(b"abc").expect("memory");
            writer.message(&end([1; 32])).expect("memory");
            writer.message(&over).expect("memory");
            false
        }
        "an endless list" => {
            for number in 0..40_000u32 {
                say(&[file(number.to_string().as_bytes(), 1)]);
            }
            true
        }
        "a bomb" => {
            say(&[file(b"f", u64::MAX), begin(u64::MAX)]);
            writer.packed(&zstd_bomb()).expect("memory");
            true
        }
        "a link, and then a file through it" => {
            let link = |target: &[u8]| {
                let (name, target) = (b"inner".to_vec().into(), target.to_vec().into());
                FromSender::Link(Link { parent: Some(0), name, target, folder: true })
            };
            let through = Folder {
                parent: Some(0),
                name: b"inner".to_vec().into(),
                mode: None,
                modified: Time::default(),
            };
            say(&[folder(b"top"), link(b"../.."), FromSender::Folder(through), over]);
            false
        }
        "sizes beyond any sum" => {
            say(&[file(b"a", u64::MAX), file(b"b", u64::MAX), over]);
            true // it ends without having sent what was wanted
        }
        "a folder in itself" => {
            let name = b"loop".to_vec().into();
            let own = Folder { parent: Some(0), name, mode: None, modified: Time::default() };
            say(&[FromSender::Folder(own), over]);
            true
        }
        "a setuid terminal" => {
            say(&[file("\u{1b}]0;owned\u{7}".as_bytes(), 0), over]);
            true // it ends without having sent what was wanted
        }
        other => panic!("{other}"),
    };
    writer.flush().expect("memory");
    let bytes = gathered.0.lock().expect("no panic").clone();
    (bytes, ends)
}

/// 64 MiB of zeros as one frame, made by hand: a header, and one block repeated.
fn zstd_bomb() -> Vec<u8> {
    // Magic, a window of 1 MiB and no content size, then run-length blocks of 128 KiB each.
    let mut bomb = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x50];
    for block in 0..512u32 {
        let last = u32::from(block == 511);
        let header = (131_072u32 << 3) | (1 << 1) | last;
        bomb.extend_from_slice(&header.to_le_bytes()[..3]);
        bomb.push(0);
    }
    bomb
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_pc_puts_nothing_outside_and_nothing_half() {
    let mut world = World::start().await.expect("world");
    let desk = world.desk("anna").await.expect("technician");
    let pc = FakePc::online(&world, &desk, "PC-ORSA-014").await.expect("a PC");
    let target = desk.find(&pc.paper.id.to_string()).await.expect("found");
    let scopes = ScopeSet::EMPTY.with(Scope::Files);
    let wanted = NewSession { scopes, purpose: "test".into(), ticket: None, minutes: 10, unattended: false };
    let (session, playing) = tokio::join!(Session::open(&desk, &target, &wanted), pc.session());
    let (session, (control, _)) = (session.expect("a session"), playing.expect("granted"));
    for behaviour in [
        "a path for a name",
        "more bytes than announced",
        "a wrong hash",
        "an endless list",
        "a bomb",
        "a link, and then a file through it",
        "sizes beyond any sum",
        "a folder in itself",
        "a setuid terminal",
    ] {
        let place = tempfile::tempdir().expect("folder");
        let into = place.path().join("into");
        std::fs::create_dir(&into).expect("made");
        let what = Copy::Get { paths: vec![b"f".to_vec()], folder: into.clone(), rename: None };
        let (bytes, ends) = lies(behaviour);
        let lying = async {
            let (_, (mut reader, mut writer)) = pc.operation(&control).await.expect("an operation");
            writer.send(&OpOutput::Started(Closed {})).await.expect("sent");
            let total = bytes.len() as u64;
            let speaking = async {
                // The technician may have had enough before all is said.
                if writer.write_primary(&bytes).await.is_err() || writer.flush().await.is_err() {
                    return;
                }
                let result =
                    OpResult { outcome: Outcome::Completed, exit: Some(0), bytes: total, text: None };
                let _ = writer.send(&OpOutput::Finished(result)).await;
            };
            let listening = async {
                loop {
                    match reader.next::<OpInput>().await {
                        Ok(Some(Unit::Message(OpInput::Cancel(_) | OpInput::Done(_))))
                        | Ok(None)
                        | Err(_) => break,
                        Ok(Some(_)) => {}
                    }
                }
            };
            tokio::join!(speaking, listening);
            let result = OpResult { outcome: Outcome::Cancelled, exit: None, bytes: total, text: None };
            let _ = writer.send(&OpOutput::Finished(result)).await;
        };
        let ((copied, _), ()) = tokio::join!(copied(&session, &what), lying);
        match copied {
            Ok(summary) => assert!(
                !ends && summary.failures + summary.notes > 0 && summary.copied == 0,
                "{behaviour}: {summary:?}"
            ),
            Err(error) => assert!(ends && matches!(error, CopyError::Hostile(_)), "{behaviour}: {error:?}"),
        }
        let outside: Vec<_> = std::fs::read_dir(place.path()).expect("read").collect();
        assert_eq!(outside.len(), 1, "{behaviour} wrote outside");
        assert!(!into.join("f").exists(), "{behaviour} left a half file");
        assert!(!std::path::Path::new("/tmp/outside").exists());
    }
}
