//! Bytes changed, cut, doubled or dropped on their way: an operation is done as it was asked and
//! told as it went, or there is an error. Never anything else.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use distans_e2e::sealed::{Direction, HEADER, Opener, PAYLOAD_LIMIT, Record, Sealer, StreamKeys};
use distans_proto::ids::SessionId;
use distans_proto::inner::Run;
use distans_proto::scope::Scope;
use distans_tests::dice::Dice;
use distans_tests::evil_broker::{Mischief, Place, Way};
use distans_tests::org::rule;
use distans_trust::policy::ConsentMode;
use tokio::time::timeout;

use super::Fallen;
use crate::session::{Office, marking, marks, run};

/// Changes, cuts or repeats one place of one relayed stream of each session it is set on.
#[derive(Default, Clone)]
struct Tamper(Arc<Mutex<HashMap<SessionId, Blow>>>);

/// What is done to a session's first operation.
#[derive(Debug, Clone, Copy)]
struct Blow {
    way: Way,
    at: usize,
    deed: Deed,
}

#[derive(Debug, Clone, Copy)]
enum Deed {
    Flip(u8),
    Cut,
    Repeat,
    Drop,
}

impl Mischief for Tamper {
    fn pass(&self, place: Place, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        let blow = self.0.lock().expect("no panic inside").get(&place.session).copied();
        let blow = blow.filter(|blow| place.nth == 1 && blow.way == place.way);
        let at = blow.and_then(|blow| blow.at.checked_sub(place.offset)).filter(|at| *at < bytes.len());
        let (Some(blow), Some(at)) = (blow, at) else { return Some(bytes) };
        match blow.deed {
            Deed::Flip(mask) => bytes[at] ^= mask,
            Deed::Cut => return None,
            Deed::Repeat => bytes.insert(at, bytes[at]),
            Deed::Drop => drop(bytes.remove(at)),
        }
        Some(bytes)
    }
}

fn blow(dice: &mut Dice) -> Blow {
    let way = if dice.throw(2) == 0 { Way::ToPc } else { Way::ToTechnician };
    let deed = match dice.throw(4) {
        0 => Deed::Cut,
        1 => Deed::Repeat,
        2 => Deed::Drop,
        _ => Deed::Flip(dice.mask()),
    };
    Blow { way, deed, at: dice.throw(if way == Way::ToPc { 220 } else { 120 }) }
}

/// How many mutations: the usual number, or what `DISTANS_TAMPER` says.
fn mutations(usual: usize) -> usize {
    std::env::var("DISTANS_TAMPER").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Sessions under attack at once: the PC has room for 16.
const ATTACKS: usize = 12;

/// An operation that takes longer waits for bytes that never come.
const STALLED: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn tamper_matrix() {
    let office = Office::with_policy(|policy| {
        policy.consent.rules.push(rule(Scope::Command, ConsentMode::Announce).expect("label"));
    })
    .await;
    let fallen = Arc::new(Fallen::take(office).await);
    let tamper = Tamper::default();
    fallen.evil.set_mischief(tamper.clone());
    let mut dice = Dice::new();
    let rounds = mutations(240).min(5000) / ATTACKS;
    let attacks: Vec<_> = (0..ATTACKS)
        .map(|attack| {
            let (fallen, tamper, mut dice) = (Arc::clone(&fallen), tamper.clone(), dice.split());
            async move {
                let file = fallen.office.file(&format!("marks-{attack}"));
                let mut healed = 0;
                for _ in 0..rounds {
                    healed += usize::from(attacked(&fallen, &tamper, &file, blow(&mut dice)).await);
                }
                healed
            }
        })
        .collect();
    // Sessions of the library belong to one thread.
    let local = tokio::task::LocalSet::new();
    let attacks: Vec<_> = attacks.into_iter().map(|attack| local.spawn_local(attack)).collect();
    let healed = local.run_until(async {
        let mut healed = 0;
        for attack in attacks {
            healed += attack.await.expect("no surprise");
        }
        healed
    });
    let healed = healed.await;
    println!("{healed} of {} attacked sessions came to their end all the same", rounds * ATTACKS);
}

/// One operation in a session under attack: done as asked and told truly, or an error. True if it
/// was done and told.
async fn attacked(fallen: &Fallen, tamper: &Tamper, file: &Path, blow: Blow) -> bool {
    let session = fallen.session().await.expect("nothing is broken for good");
    let before = marks(file);
    tamper.0.lock().expect("no panic inside").insert(session.id(), blow);
    // A byte that is missing may leave both ends waiting for it: a broker can always delay.
    let ran = timeout(STALLED, run(&session, marking(file))).await;
    let text = std::fs::read_to_string(file).unwrap_or_default();
    assert!(text.lines().all(|line| line == "ran"), "{blow:?}: another command ran: {text:?}");
    let told = match ran {
        Ok(Ok((result, output))) => {
            assert_eq!(result.exit, Some(0), "{blow:?}");
            let whole = output == b"out\nerr\n" || output == b"err\nout\n";
            assert!(whole, "{blow:?} gave {output:?}");
            assert_eq!(marks(file), before + 1, "{blow:?}");
            true
        }
        Ok(Err(_)) | Err(_) => {
            assert!(marks(file) <= before + 1, "{blow:?}");
            false
        }
    };
    // Over or not, it must not stand in the next one's way.
    let _ = timeout(STALLED, session.end()).await;
    told
}

#[test]
fn tamper_matrix_of_records() {
    let mut dice = Dice::new();
    let session = SessionId::from_bytes([1; 16]);
    let keys = |stream| StreamKeys::derive(&[7; 32], session, stream, Direction::ToAgent).expect("keys");
    let records = |stream| {
        let mut sealer = Sealer::new(&keys(stream)).expect("keys");
        let mut records: Vec<Vec<u8>> = Vec::new();
        for payload in [&b"one"[..], b"", &[3; 700], b"four"] {
            let mut record = Vec::new();
            sealer.data(payload, &mut record).expect("sealed");
            records.push(record);
        }
        let mut end = Vec::new();
        sealer.end(&mut end).expect("sealed");
        records.push(end);
        records
    };
    let (mine, foreign) = (records(2), records(4));
    let whole = [&b"one"[..], &[3; 700], b"four"].concat();
    let original = mine.concat();
    for round in 0..mutations(1_000_000) {
        let mut changed = mine.clone();
        let (a, b) = (dice.throw(mine.len()), dice.throw(mine.len()));
        match dice.throw(8) {
            0 => drop(changed.remove(a)),
            1 => changed.insert(b, mine[a].clone()),
            2 => changed.swap(a, b),
            3 => changed[a] = foreign[b].clone(),
            _ => {}
        }
        let mut wire = changed.concat();
        let at = dice.throw(wire.len());
        match dice.throw(4) {
            0 => wire.truncate(at),
            1 => wire[at] ^= dice.mask(),
            2 => drop(wire.remove(at)),
            _ => wire.insert(at, u8::try_from(dice.throw(256)).expect("a byte")),
        }
        let untouched = wire == original;
        let (plain, ended) = receive(Opener::new(&keys(2)).expect("keys"), wire);
        assert!(whole.starts_with(&plain), "round {round}: something untrue came out");
        assert!(!ended || plain == whole, "round {round}: an end before the end");
        assert!(!untouched || ended, "round {round}: an untouched stream was refused");
    }
}

/// What a receiver takes from these bytes, and whether the stream ended whole.
fn receive(mut opener: Opener, mut wire: Vec<u8>) -> (Vec<u8>, bool) {
    let (mut plain, mut at) = (Vec::new(), 0);
    while let Some(header) = wire[at..].first_chunk::<HEADER>() {
        let Ok(length) = Opener::body_length(*header) else { break };
        assert!(length <= PAYLOAD_LIMIT + 17);
        let Some(record) = wire.get_mut(at..at + HEADER + length) else { break };
        match opener.open(record) {
            Ok(Record::Data(bytes)) => plain.extend_from_slice(bytes),
            Ok(_) => return (plain, true),
            Err(_) => break,
        }
        at += HEADER + length;
    }
    (plain, false)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_line_in_the_middle_loses_and_doubles_nothing() {
    let fallen = Fallen::office().await;
    let session = fallen.session().await.expect("allowed");
    let file = fallen.office.file("marks");
    struct CutOnce(AtomicBool);
    impl Mischief for CutOnce {
        fn pass(&self, place: Place, bytes: Vec<u8>) -> Option<Vec<u8>> {
            let hit = place.way == Way::ToTechnician && place.offset > 100_000;
            if hit && !self.0.swap(true, Ordering::Relaxed) { None } else { Some(bytes) }
        }
    }
    fallen.evil.set_mischief(CutOnce(AtomicBool::new(false)));
    let script = "echo ran >> \"$0\"; seq 1 200000";
    let argv = ["sh", "-c", script].map(ToOwned::to_owned).into_iter();
    let argv = argv.chain([file.display().to_string()]).collect();
    let (result, output) =
        run(&session, Run { argv, system: false, stdin: false, timeout_s: 0 }).await.expect("healed");
    assert_eq!(result.exit, Some(0));
    let expected: String = (1..=200_000).map(|number| format!("{number}\n")).collect();
    assert!(output == expected.as_bytes(), "output was lost or doubled");
    assert_eq!(marks(&file), 1);
}
