//! A copy that is interrupted a hundred times, by everything that can be interrupted, and is
//! the same in the end.
//!
//! `DISTANS_INTERRUPTIONS` makes more or fewer; `DISTANS_SEED` repeats a run.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use distans_cli::client::{Desk, Session};
use distans_cli::verbs::cp::copying::{Copy, copy};
use distans_proto::ops::files::{Problem, Rules};
use distans_proto::scope::Scope;
use distans_tests::dice::Dice;
use distans_tests::org::{kontor, rule};
use distans_tests::pc::{Pc, until};
use distans_tests::programs::{Killable, program};
use distans_tests::world::World;
use distans_transfer::Watch;
use distans_transfer::part::is_part;
use distans_trust::policy::ConsentMode;
use distans_trust::policy::files::FilesRule;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{assert_same, get, noise, put};
use crate::session::wanted;

fn interruptions() -> usize {
    std::env::var("DISTANS_INTERRUPTIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(100)
}

/// Rings after so many bytes.
struct Fuse {
    left: u64,
    ring: Arc<Notify>,
}

impl Watch for Fuse {
    fn moved(&mut self, bytes: u64) {
        if self.left > 0 && self.left <= bytes {
            self.ring.notify_one();
        }
        self.left = self.left.saturating_sub(bytes);
    }

    fn problem(&mut self, problem: &Problem) {
        panic!("nothing fails, it is only interrupted: {problem:?}");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blow {
    /// Ctrl-C.
    Cancel,
    /// The technician's program is gone, as after `kill -9`.
    Drop,
    /// `kill -9` of the agent.
    Agent,
    /// `kill -9` of the broker.
    Broker,
}

impl Blow {
    fn throw(dice: &mut Dice) -> Self {
        match dice.throw(20) {
            0..10 => Self::Cancel,
            10..15 => Self::Drop,
            15..19 => Self::Agent,
            _ => Self::Broker,
        }
    }
}

struct House {
    /// Its folder lives as long as it.
    _world: World,
    files: TempDir,
    desk: Desk,
    pc: Pc,
    broker: RefCell<Killable>,
    agent: RefCell<Killable>,
}

impl House {
    async fn new() -> Self {
        let mut world = World::start().await.expect("world");
        world
            .org
            .change_policy(|policy| {
                policy.consent.rules.push(rule(Scope::Files, ConsentMode::Announce).expect("a rule"));
                policy.files = vec![FilesRule { group: kontor().expect("a label"), roots: vec!["/".into()] }];
            })
            .expect("a policy");
        let desk = world.desk("anna").await.expect("technician");
        let pc = Pc::enrolled(&world, &desk, "pc").await.expect("a PC");
        std::fs::write(pc.folder().join("agent.toml"), "development = true\n").expect("written");
        world.stop_broker().await.expect("stopped");
        let mut broker = program("distans-broker").expect("built");
        broker.args(["run", "--dir"]).arg(world.broker_folder().path());
        let mut agent = program("distans-agent").expect("built");
        agent.arg("run").arg("--state").arg(pc.folder());
        let broker = RefCell::new(Killable::start(broker).expect("started"));
        let agent = RefCell::new(Killable::start(agent).expect("started"));
        pc.connected(&desk).await.expect("online");
        // In memory, where the system has such a place: each copy ends with a sync of the whole file
        // system, which on a disk waits for everything that everybody else writes.
        let files = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
        Self { _world: world, files, desk, pc, broker, agent }
    }

    async fn session(&self) -> Session {
        until("a session", || async {
            self.revive();
            let target = self.pc.target(&self.desk).await.ok()?;
            Session::open(&self.desk, &target, &wanted(&[Scope::Files])).await.ok()
        })
        .await
        .expect("announced")
    }

    fn revive(&self) {
        self.broker.borrow_mut().revive().expect("started");
        self.agent.borrow_mut().revive().expect("started");
    }

    /// Keeps both programs alive, as a service manager does.
    async fn manage(&self) {
        until("nothing: the copy ends first", || {
            self.revive();
            async { None::<()> }
        })
        .await
        .expect("the copy ends before");
    }

    fn strike(&self, blow: Blow, cancel: &CancellationToken) {
        match blow {
            Blow::Cancel => cancel.cancel(),
            Blow::Drop => {}
            Blow::Agent => self.agent.borrow_mut().kill().expect("killed"),
            Blow::Broker => self.broker.borrow_mut().kill().expect("killed"),
        }
    }

    /// One try, struck after so many bytes; true if it came to its end all the same.
    async fn attempt(&self, session: &Session, what: &Copy, blow: Option<(Blow, u64)>) -> (bool, bool) {
        let ring = Arc::new(Notify::new());
        let left = blow.map_or(0, |(_, bytes)| bytes);
        let fuse = Arc::new(Mutex::new(Fuse { left, ring: Arc::clone(&ring) }));
        let cancel = CancellationToken::new();
        let copying = Box::pin(copy(session, what, Rules::default(), &fuse, &cancel, |_| {}));
        tokio::pin!(copying);
        let struck = tokio::select! {
            copied = &mut copying => return (copied.is_ok(), false),
            () = ring.notified(), if blow.is_some() => blow.map(|(blow, _)| blow),
            () = self.manage() => None,
        };
        let blow = struck.expect("a blow");
        self.strike(blow, &cancel);
        if blow == Blow::Drop {
            return (false, true);
        }
        let copied = tokio::select! {
            copied = copying => copied,
            () = self.manage() => panic!("it does not end"),
        };
        (copied.is_ok(), true)
    }
}

fn clear(folder: &Path) {
    // It may not be there yet.
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir(folder).expect("made");
}

/// What was interrupted has left nothing but parts.
fn assert_only_parts(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(to).expect("read") {
        let name = entry.expect("an entry").file_name();
        assert!(from.join(&name).exists() || is_part(&name), "{name:?} is left over");
    }
}

fn material(folder: &Path) -> PathBuf {
    let from = folder.join("from");
    std::fs::create_dir_all(from.join("small")).expect("made");
    std::fs::write(from.join("large"), noise(16 << 20, 3)).expect("written");
    std::fs::write(from.join("another"), noise(5 << 20, 4)).expect("written");
    for number in 0..200 {
        std::fs::write(from.join(format!("small/{number}")), noise(3000, number)).expect("written");
    }
    from
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_interrupted_100_times_is_whole() {
    let house = House::new().await;
    let from = material(house.files.path());
    let mut dice = Dice::new();
    // One session for all, as the next program resumes the one before's.
    let session = house.session().await;
    let mut struck = 0;
    for (name, make) in [("got", get as fn(&Path, &Path) -> Copy), ("put", put)] {
        let to = house.files.path().join(name);
        clear(&to);
        let what = make(&from, &to);
        let until_now = if name == "got" { interruptions() / 2 } else { interruptions() };
        while struck < until_now {
            let bytes = u64::try_from(dice.throw(5 << 20) + 1).expect("small");
            let blow = Blow::throw(&mut dice);
            let (whole, was_struck) = house.attempt(&session, &what, Some((blow, bytes))).await;
            struck += usize::from(was_struck);
            if whole {
                assert_same(&from, &to.join("from"));
                clear(&to);
            }
        }
        let (whole, _) = house.attempt(&session, &what, None).await;
        assert!(whole, "nothing is in its way any more");
        assert_same(&from, &to.join("from"));
        assert_only_parts(&from, &to.join("from"));
    }
    println!("{struck} interruptions");
}
