//! The fleet view as a technician sees it: the real program at a real terminal, a real broker,
//! real agents and some hundred PCs on paper.

mod seat;

use anyhow::{Context, Result, ensure};
use distans_broker::Config;
use distans_broker::setup;
use distans_broker_core::pseudonym::Pseudonyms;
use distans_broker_store::{EnrolOutcome, NewCertificate, NewDevice, Store};
use distans_cli::client::Desk;
use distans_proto::facts::{Facts, Severity};
use distans_proto::link::{Noted, Standing};
use distans_proto::scope::Scope;
use distans_tests::fake_pc::FakePc;
use distans_tests::org::{Org, kontor, now, rule};
use distans_tests::pc::{Pc, until};
use distans_tests::peer::PaperPc;
use distans_tests::world::World;
use distans_trust::policy::ConsentMode;
use rustix::process::Signal;
use std::path::PathBuf;

use seat::Seat;

/// PCs that exist in the records only.
const ON_PAPER: usize = 200;

/// A broker that knows PCs on paper, and a technician with a folder.
struct Fleet {
    world: World,
    desk: Desk,
    home: PathBuf,
}

async fn fleet() -> Fleet {
    prepared().await.expect("a fleet")
}

async fn prepared() -> Result<Fleet> {
    let mut org = Org::found("mora")?;
    let announced = rule(Scope::Diagnose, ConsentMode::Announce)?;
    org.change_policy(|policy| policy.consent.rules = vec![announced])?;
    let mut world = World::prepared(org).await?;
    enrol_on_paper(&world).await?;
    world.start_broker().await?;
    let desk = world.desk("anna").await?;
    let home = world.login("anna")?.dir().to_owned();
    Ok(Fleet { world, desk, home })
}

/// Writes PCs into the records with the broker's own parts, before it runs.
async fn enrol_on_paper(world: &World) -> Result<()> {
    let (token, certificate) = world.org.token(&world.address(), &kontor()?, u32::try_from(ON_PAPER)?)?;
    let mut bundle = world.org.bundle();
    bundle.tokens.push(certificate);
    let file = world.folder().join("token.json");
    std::fs::write(&file, bundle.to_json()?)?;
    setup::import(&Config::load(world.broker_folder())?, &file).await?;
    let folder = world.broker_folder();
    let secret: [u8; 32] = std::fs::read(folder.ledger_key())?.try_into().ok().context("a ledger key")?;
    let store = Store::open(&folder.database(), Pseudonyms::new(&secret)).await?;
    for nth in 0..ON_PAPER {
        let hostname = format!("PAPER-{nth:03}");
        let pc = PaperPc::new(&world.org, &kontor()?, &hostname, &token.key()?)?;
        let device = NewDevice {
            id: pc.id,
            hostname: hostname.as_str().into(),
            group: kontor()?,
            spki: distans_trust::keys::Signer::public(&pc.key).spki().to_vec(),
            endorsement: pc.endorsement.to_json(),
            token: token.id,
            certificate: NewCertificate { serial: nth.to_be_bytes().to_vec(), not_after: now() },
            at: now(),
        };
        let outcome = store.enrol(device, u32::MAX).await?;
        ensure!(matches!(outcome, EnrolOutcome::New), "not enrolled: {outcome:?}");
    }
    store.close().await;
    Ok(())
}

/// What a PC tells of itself.
async fn told(pc: &mut FakePc, rule: &str, user: &str) {
    let facts = Facts { user: Some(user.into()), agent_version: "9.9.9".into(), ..Facts::default() };
    pc.tell(facts).await.expect("told");
    let findings = vec![Noted { severity: Severity::Critical, rule: rule.into() }];
    pc.tell_findings(Standing { findings }).await.expect("told");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_lives_search_finds_and_the_terminal_comes_back() {
    let fleet = fleet().await;
    let mut orsa = FakePc::online(&fleet.world, &fleet.desk, "PC-ORSA-1").await.expect("online");
    let idre = FakePc::online(&fleet.world, &fleet.desk, "PC-IDRE-2").await.expect("online");
    told(&mut orsa, "disk-nearly-full", "karin").await;
    let mut seat = Seat::take(&fleet.home, "");
    seat.sees("2 online").await;
    seat.sees("200 offline").await;
    seat.sees("202 of 202").await;
    assert!(seat.is_full_screen());
    seat.types("orsa").await;
    seat.sees("1 of 202").await;
    seat.sees("!! disk-nearly-full").await;
    seat.types("\x1b").await;
    seat.sees("202 of 202").await;
    for (search, found) in [("karin", "PC-ORSA-1"), ("pc-i", "PC-IDRE-2"), ("paper-170", "1 of 202")] {
        seat.types("\x15").await;
        seat.sees("202 of 202").await;
        seat.types(search).await;
        seat.sees(found).await;
    }
    seat.types("\x15pc-").await;
    seat.sees("●  PC-IDRE-2").await;
    // It goes, and the list says so by itself; it comes back, likewise.
    let paper = idre.leave();
    seat.sees("○  PC-IDRE-2").await;
    seat.sees("1 online").await;
    let _idre = FakePc::connect(&fleet.world, paper, "PC-IDRE-2").await.expect("back");
    seat.sees("●  PC-IDRE-2").await;
    seat.types("\x1b").await;
    // Seen first: Esc and a key right behind it are one key with Alt.
    seat.sees("202 of 202").await;
    seat.types("?").await;
    seat.sees("distans doctor PC").await;
    seat.types(" ").await;
    seat.does_not_see("distans doctor PC").await;
    seat.types("q").await;
    seat.is_as_before(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_opens_starts_a_verb_and_comes_back_to_the_same_place() {
    let fleet = fleet().await;
    let pc = Pc::online(&fleet.world, &fleet.desk, "real").await.expect("online");
    let name = pc.target(&fleet.desk).await.expect("a target").hostname.to_string();
    until("its inventory", || async {
        let (device, _) = fleet.desk.look_up(&name).await.ok()?;
        device.facts.is_some().then_some(())
    })
    .await
    .expect("told");
    let mut seat = Seat::take(&fleet.home, "");
    seat.sees("201 of 201").await;
    seat.types(&name.to_lowercase()).await;
    seat.sees("1 of 201").await;
    seat.types("\r").await;
    seat.sees("verified: enrolled with a token").await;
    seat.sees("memory").await;
    seat.types("i").await;
    seat.sees(&format!("$ distans pc {name}")).await;
    seat.sees("Enter goes back").await;
    assert!(!seat.is_full_screen(), "the verb has the plain terminal");
    // Ctrl-C belongs to the verb and does not end the view.
    seat.types("\x03").await;
    seat.types("\r").await;
    seat.sees("verified: enrolled with a token").await;
    // Live figures, in a session that is opened for the purpose typed here.
    seat.types("g").await;
    seat.sees("The person at the PC sees it").await;
    seat.types("slow since Monday\r").await;
    seat.sees("CPU").await;
    seat.sees("slow since Monday").await;
    seat.types("q").await;
    seat.sees("1 of 201").await;
    seat.types("\x03").await;
    seat.is_as_before(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_broker_is_said_the_list_stays_and_all_comes_back_by_itself() {
    let mut fleet = fleet().await;
    let _orsa = FakePc::online(&fleet.world, &fleet.desk, "PC-ORSA-1").await.expect("online");
    let mut seat = Seat::take(&fleet.home, "fleet --online");
    seat.sees("[online]").await;
    seat.sees("●  PC-ORSA-1").await;
    fleet.desk.close().await;
    fleet.world.stop_broker().await.expect("stopped");
    seat.sees("LINE LOST").await;
    seat.sees("PC-ORSA-1").await;
    fleet.world.start_broker().await.expect("started");
    seat.sees("0 online").await;
    seat.sees("no PC fits").await;
    // Not a key and a new size at once: the terminal library may then keep the key until the next.
    seat.types("\x1b").await;
    seat.sees("PAPER-000").await;
    seat.resize(40, 10);
    seat.sees("201 offline").await;
    // Whoever asks the program to end gets the terminal back, too.
    seat.signals(Signal::TERM);
    seat.is_as_before(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_do_not_steer_the_terminal() {
    let fleet = fleet().await;
    let name = "A\u{1b}]0;own\u{7}\u{1b}[?1049l\u{9b}2J\u{202e}";
    let mut evil = FakePc::online(&fleet.world, &fleet.desk, name).await.expect("online");
    told(&mut evil, "\u{1b}[?1049lrule", "\u{1b}]52;c;AAAA\u{7}user").await;
    let mut seat = Seat::take(&fleet.home, "");
    seat.sees("201 of 201").await;
    seat.sees("[?1049lrule").await;
    assert!(seat.is_full_screen());
    seat.types("\r").await;
    seat.sees("identity").await;
    assert!(seat.is_full_screen());
    let bytes = seat.bytes();
    for attack in [&b"\x1b]52"[..], b"\x1b]0;own", b"\xc2\x9b", "\u{202e}".as_bytes()] {
        assert!(!bytes.windows(attack.len()).any(|window| window == attack), "{attack:?} came through");
    }
    // A window that closes is told with another signal.
    seat.signals(Signal::HUP);
    seat.is_as_before(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_login_or_a_terminal_it_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut seat = Seat::take(folder.path(), "");
    seat.sees("distans login").await;
    seat.is_as_before(241).await;
    let mut piped = distans_tests::programs::program("distans").expect("built");
    let piped = piped.arg("fleet").output().expect("ran");
    assert_eq!(piped.status.code(), Some(i32::from(distans_cli::exit::Exit::Usage.code())));
    assert!(String::from_utf8_lossy(&piped.stderr).contains("--once"));
    let mut bare = distans_tests::programs::program("distans").expect("built");
    let bare = bare.output().expect("ran");
    assert!(String::from_utf8_lossy(&bare.stderr).contains("Usage"), "help, as always without a terminal");
}
