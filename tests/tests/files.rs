//! `cp` between the real programs: whatever is cut in the middle, what arrives in the end is what
//! was there; and a PC in the hands of an attacker gets nothing outside the target.
//!
//! Races with symbolic links, hostile bytes and awkward names are tried on the engine alone, many
//! times over, in `proto/transfer/tests`.

mod hostile;
mod interrupted;

use std::path::Path;
use std::sync::{Arc, Mutex};

use distans_cli::client::Session;
use distans_cli::verbs::cp::copying::{Copy, CopyError, copy};
use distans_proto::ops::files::{Cause, Problem, Rules, Summary};
use distans_proto::scope::Scope;
use distans_tests::org::{kontor, rule};
use distans_transfer::Watch;
use distans_trust::policy::ConsentMode;
use distans_trust::policy::files::FilesRule;
use tokio_util::sync::CancellationToken;

use crate::session::{Office, wanted};

/// What the technician saw.
#[derive(Default)]
pub(crate) struct Seen {
    problems: Vec<Problem>,
}

impl Watch for Seen {
    fn problem(&mut self, problem: &Problem) {
        self.problems.push(problem.clone());
    }
}

pub(crate) fn get(path: &Path, folder: &Path) -> Copy {
    let paths = vec![path.as_os_str().as_encoded_bytes().to_vec()];
    Copy::Get { paths, folder: folder.to_owned(), rename: None }
}

pub(crate) fn put(path: &Path, folder: &Path) -> Copy {
    let target = folder.as_os_str().as_encoded_bytes().to_vec();
    Copy::Put { sources: vec![path.to_owned()], target, into: true }
}

async fn copied(session: &Session, what: &Copy) -> (Result<Summary, CopyError>, Vec<Problem>) {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let copied =
        Box::pin(copy(session, what, Rules::default(), &seen, &CancellationToken::new(), |_| {})).await;
    let problems = std::mem::take(&mut seen.lock().expect("no panic").problems);
    (copied, problems)
}

/// Bytes that do not compress and hold no zero runs.
pub(crate) fn noise(count: usize, mut seed: u64) -> Vec<u8> {
    std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33).to_le_bytes()
    })
    .flat_map(|word| [word[0], word[1], word[2]])
    .take(count)
    .collect()
}

pub(crate) fn assert_same(ours: &Path, theirs: &Path) {
    let mut diff = std::process::Command::new("diff");
    let status = diff.args(["-r", "-x", ".distans-*.part"]).args([ours, theirs]).status().expect("diff runs");
    assert!(status.success(), "{} and {} differ", ours.display(), theirs.display());
}

/// An office in which files are announced and may lie in `roots` below its folder.
async fn office(roots: &[&str]) -> Office {
    let roots: Vec<String> = roots.iter().map(ToString::to_string).collect();
    Office::with_policy(move |policy| {
        policy.consent.rules.push(rule(Scope::Files, ConsentMode::Announce).expect("a rule"));
        policy.files = vec![FilesRule { group: kontor().expect("a label"), roots }];
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_go_both_ways_and_the_receipt_holds_counts_alone() {
    let office = office(&["/"]).await;
    let session = office.session(&wanted(&[Scope::Files])).await.expect("a session");
    let (here, there, back) = (office.file("secret-name"), office.file("there"), office.file("back"));
    std::fs::create_dir_all(here.join("deep/er")).expect("made");
    std::fs::create_dir(&back).expect("made");
    std::fs::write(here.join("large"), noise(9 << 20, 1)).expect("written");
    for number in 0..300 {
        std::fs::write(here.join(format!("deep/er/{number}")), format!("{number}\n")).expect("written");
    }
    let (put, problems) = copied(&session, &put(&here, &there)).await;
    assert_eq!(put.expect("a copy").copied, 301, "{problems:?}");
    assert_same(&here, &there.join("secret-name"));
    let (get, _) = copied(&session, &get(&there.join("secret-name"), &back)).await;
    assert_eq!(get.expect("a copy").copied, 301);
    assert_same(&here, &back.join("secret-name"));
    let pattern = office.file("there/secret-name/deep/er/1?");
    let (some, _) = copied(&session, &self::get(&pattern, &office.file("back"))).await;
    assert_eq!(some.expect("a copy").copied, 10);
    let closing = session.end().await.expect("ended");
    let receipt = String::from_utf8(closing.receipt.to_json()).expect("JSON");
    assert!(!receipt.contains("secret-name"), "{receipt}");
    assert_eq!(closing.receipt.payload().operations.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_roots_rule_is_kept_and_named() {
    let allowed = tempfile::tempdir().expect("folder");
    let root = allowed.path().to_str().expect("text").to_owned();
    let office = office(&[&root]).await;
    let session = office.session(&wanted(&[Scope::Files])).await.expect("a session");
    std::fs::write(allowed.path().join("file"), "fine").expect("written");
    std::os::unix::fs::symlink("/etc", allowed.path().join("etc")).expect("made");
    let target = office.file("target");
    std::fs::create_dir(&target).expect("made");
    let (fine, _) = copied(&session, &get(&allowed.path().join("file"), &target)).await;
    assert_eq!(fine.expect("a copy").copied, 1);
    for outside in ["/etc/passwd", "/etc", &format!("{root}/../../etc/passwd"), &format!("{root}/etc/passwd")]
    {
        let (summary, problems) = copied(&session, &get(Path::new(outside), &target)).await;
        assert_eq!(summary.expect("an end").failures, 1, "{outside}");
        if !outside.ends_with("/etc/passwd") || !outside.starts_with(&format!("{root}/etc")) {
            assert_eq!(problems[0].why.cause, Cause::OutsideRoots, "{outside}: {problems:?}");
            assert!(problems[0].why.text.as_ref().is_some_and(|text| text.to_string().contains(&root)));
        }
    }
    let source = allowed.path().join("file");
    for outside in ["/tmp/distans-must-not-be".to_owned(), format!("{root}/etc/distans-must-not-be")] {
        let (refused, _) = copied(&session, &put(&source, Path::new(&outside))).await;
        assert!(matches!(refused, Err(CopyError::Ended(_))), "{outside}: {refused:?}");
        assert!(!Path::new(&outside).exists());
    }
}

/// The process that copies as another user has that user's rights and no more.
#[test]
fn the_worker_has_the_rights_of_its_user() {
    use std::io::{BufReader, Write};
    use std::os::unix::fs::{PermissionsExt, chown};
    use std::os::unix::process::CommandExt;
    use std::process::Stdio;

    use distans_proto::frame::encode;
    use distans_proto::ops::files::{FromReceiver, FromSender, Get, Want};
    use distans_transfer::job::{JOB_LIMIT, Job, Way};
    use distans_transfer::wire::{FrameReader, FrameWriter, ToWriter, Unit};

    const NOBODY: u32 = 65_534;
    if !distans_platform::is_privileged() {
        eprintln!("skipped: this account cannot start anything as another user");
        return;
    }
    let folder = tempfile::tempdir().expect("folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("set");
    let file = |name: &str, mode| {
        let path = folder.path().join(name);
        std::fs::write(&path, name).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
        path
    };
    let (own, foreign) = (file("own", 0o600), file("foreign", 0o600));
    chown(&own, Some(NOBODY), Some(NOBODY)).expect("changed");
    // The worker must be able to run from where the test's programs lie.
    let program = distans_tests::programs::program("distans-agent").expect("built");
    let copy_of_it = folder.path().join("distans-agent");
    std::fs::copy(program.get_program(), &copy_of_it).expect("copied");
    let paths = [&own, &foreign].map(|path| path.as_os_str().as_encoded_bytes().to_vec().into()).to_vec();
    let job = Job { roots: vec!["/".into()], way: Way::Get(Get { paths }) };
    let mut worker = std::process::Command::new(&copy_of_it)
        .arg(distans_agent::worker::VERB)
        .uid(NOBODY)
        .gid(NOBODY)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let mut input = worker.stdin.take().expect("a pipe");
    input.write_all(&encode(&job, JOB_LIMIT).expect("short")).expect("sent");
    let mut says = FrameWriter::new(ToWriter(input));
    let mut hears = FrameReader::new(BufReader::new(worker.stdout.take().expect("a pipe")));
    let (mut listed, mut came, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    while let Ok(Some(unit)) = hears.next::<FromSender>() {
        match unit {
            Unit::Bytes(bytes) => came.extend_from_slice(bytes),
            Unit::Message(FromSender::File(file)) => listed.push(file.name.to_vec()),
            Unit::Message(FromSender::Listed(_)) => {
                for file in [0, 1] {
                    let want = FromReceiver::Want(Want { file, offset: 0, prefix: None });
                    says.message(&want).expect("sent");
                }
                says.flush().expect("sent");
            }
            Unit::Message(FromSender::Failed(failure)) => failed.push(failure.why.cause),
            Unit::Message(FromSender::Over(_)) => break,
            Unit::Message(_) => {}
        }
    }
    drop(says);
    worker.wait().expect("ended");
    // The foreign one is listed by name, as `ls` would, and its content does not come.
    assert_eq!(listed, [b"own".to_vec(), b"foreign".to_vec()]);
    assert_eq!((came, failed), (b"own".to_vec(), vec![Cause::Permission]));
}
