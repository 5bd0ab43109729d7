//! Waking a PC through one beside it. The calls are real packets; the cards of the PCs are
//! named by the test, on the loopback network, whose broadcast address reaches this process.

use std::net::Ipv4Addr;

use distans_cli::client::Error;
use distans_cli::client::wake::NotCalled;
use distans_proto::desk::Neighbour;
use distans_proto::inner::DeniedBy;
use distans_proto::local::ToHelper;
use distans_proto::scope::Scope;
use distans_proto::segment::{Card, CardKind, Mac, Network};
use distans_tests::org::rule;
use distans_tests::pc::{PATIENCE, Pc, Person, Says, until};
use distans_tests::programs::program;
use distans_tests::world::World;
use distans_trust::policy::ConsentMode;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::session::Office;

const SLEEPER: Mac = Mac([2, 0, 0, 0, 0, 1]);
const HELPER: Mac = Mac([2, 0, 0, 0, 0, 2]);

fn card(mac: Mac, kind: CardKind, address: [u8; 4]) -> Card {
    Card { name: "lo".into(), mac, kind, networks: vec![Network { address, prefix: 8 }], wakes: Some(true) }
}

/// A PC with this card, whose inventory is at the broker. Calls go to `port`.
async fn pc_with(
    world: &World,
    office_desk: &distans_cli::client::Desk,
    name: &str,
    card: Card,
    port: u16,
) -> Pc {
    let mut pc = Pc::enrolled(world, office_desk, name).await.expect("enrolled");
    pc.configure(|config| {
        config.cards = Some(vec![card]);
        config.wake_port = port;
    });
    pc.start().await.expect("started");
    pc.connected(office_desk).await.expect("online");
    let known = until("its inventory", || async {
        let (device, _) = office_desk.look_up(&pc.id.to_string()).await.ok()?;
        device.facts.filter(|facts| !facts.interfaces.is_empty())
    });
    known.await.expect("told");
    pc
}

struct Street {
    office: Office,
    asleep: Pc,
    beside: Pc,
    calls: UdpSocket,
}

/// A PC that has been switched off, one beside it, and an ear for calls.
async fn street(kind: CardKind) -> Street {
    let office = Office::open().await;
    let calls = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await.expect("a socket");
    let port = calls.local_addr().expect("bound").port();
    let own = card(SLEEPER, CardKind::Wired, [127, 0, 0, 1]);
    let mut asleep = pc_with(&office.world, &office.desk, "asleep", own, port).await;
    let other = card(HELPER, kind, [127, 0, 0, 2]);
    let beside = pc_with(&office.world, &office.desk, "beside", other, port).await;
    asleep.stop().await;
    gone(&office, &asleep).await;
    Street { office, asleep, beside, calls }
}

async fn gone(office: &Office, pc: &Pc) {
    let gone = until("the PC to be gone", || async {
        office.desk.sight(pc.id).await.ok()?.filter(|found| !found.online)
    });
    gone.await.expect("gone");
}

async fn next_call(calls: &UdpSocket) -> Vec<u8> {
    let mut packet = vec![0; 512];
    let (length, _) = timeout(PATIENCE, calls.recv_from(&mut packet)).await.expect("a call").expect("read");
    packet.truncate(length);
    packet
}

fn is_call_for(packet: &[u8], mac: Mac) -> bool {
    packet.len() == 102 && packet[..6] == [0xff; 6] && packet[6..].chunks(6).all(|part| part == mac.0)
}

#[tokio::test]
async fn a_neighbour_wakes_it_and_the_person_there_sees_why() {
    let mut street = street(CardKind::Wired).await;
    let person = Person::at(&street.beside, Says::Nothing).await.expect("a person");
    let desk = &street.office.desk;
    let found = desk.neighbours(street.asleep.id).await.expect("asked");
    assert_eq!(found.awake, [Neighbour { device: street.beside.id, mac: SLEEPER }]);
    assert_eq!(found.cards.first().and_then(|card| card.wakes), Some(true));

    let target = street.beside.target(desk).await.expect("found");
    let woken = desk.call_through(&target, &found.awake[0], "väcka datorn", false).await.expect("called");
    assert_eq!(woken.packets, 3);
    let port = street.calls.local_addr().expect("bound").port();
    let to: Vec<String> = woken.to.iter().map(ToString::to_string).collect();
    assert_eq!(to, [format!("127.255.255.255:{port}")]);
    for _ in 0..3 {
        assert!(is_call_for(&next_call(&street.calls).await, SLEEPER));
    }
    let shown = person.hears("why", |message| matches!(message, ToHelper::Started(_))).await.expect("shown");
    let ToHelper::Started(started) = shown else { panic!("not a session") };
    assert_eq!(started.purpose.raw(), "väcka datorn");
    assert!(person.questions().is_empty(), "a notice is enough");
    person
        .hears("the end", |message| matches!(message, ToHelper::Ended(_)))
        .await
        .expect("it ends by itself");
    street.asleep.start().await.expect("woken");
    street.asleep.connected(desk).await.expect("online");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verb_waits_for_it_and_says_what_is_missing() {
    let mut street = street(CardKind::Wired).await;
    let (home, id) = (street.office.desk.home().dir().to_owned(), street.asleep.id.to_string());
    let wake = |wait: &str| {
        let mut command = program("distans").expect("built");
        command.args(["wake", &id, "--json", "--timeout", wait]).env("DISTANS_HOME", &home);
        tokio::task::spawn_blocking(move || command.output().expect("ran"))
    };
    let waking = wake("120");
    assert!(is_call_for(&next_call(&street.calls).await, SLEEPER));
    street.asleep.start().await.expect("woken");
    let output = waking.await.expect("ran");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{told}");
    let by = street.beside.id.to_string();
    for part in ["\"event\":\"called\"", "\"outcome\":\"awake\"", by.as_str()] {
        assert!(told.contains(part), "{part} is missing in {told}");
    }
    // It is awake now; once both are gone nobody is left to call.
    let output = wake("1").await.expect("ran");
    assert!(String::from_utf8_lossy(&output.stdout).contains("awake_already"));
    street.asleep.stop().await;
    street.beside.stop().await;
    gone(&street.office, &street.asleep).await;
    gone(&street.office, &street.beside).await;
    let output = wake("1").await.expect("ran");
    assert_eq!(output.status.code(), Some(243), "offline");
    let told =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("no PC with Distans is awake on its network"), "{told}");
}

#[tokio::test]
async fn a_pc_that_is_not_beside_it_is_not_named() {
    let street = street(CardKind::Wireless).await;
    let found = street.office.desk.neighbours(street.asleep.id).await.expect("asked");
    assert_eq!(found.awake, [], "it is on wi-fi");
    // The office's own PC has its machine's cards, none of them on this network.
    assert_eq!(found.cards.len(), 1);
}

#[tokio::test]
async fn a_neighbour_whose_policy_wants_a_yes_refuses_without_one() {
    let mut street = street(CardKind::Wired).await;
    let ask = rule(Scope::Wake, ConsentMode::Ask).expect("a rule");
    street.office.world.org.change_policy(|policy| policy.consent.rules.push(ask)).expect("a policy");
    street.office.world.publish(&street.office.desk, &[]).await.expect("taken");
    street.office.desk.refresh_documents().await.expect("documents");
    let _person = Person::at(&street.beside, Says::No).await.expect("a person");
    let desk = &street.office.desk;
    let found = desk.neighbours(street.asleep.id).await.expect("asked");
    let target = street.beside.target(desk).await.expect("found");
    match desk.call_through(&target, &found.awake[0], "väcka", false).await {
        Err(NotCalled::Session(Error::Denied(denied))) => assert_eq!(denied.by, DeniedBy::Person),
        other => panic!("not denied: {other:?}"),
    }
    // Whatever had been sent would come before this.
    let end = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a socket");
    let port = street.calls.local_addr().expect("bound").port();
    end.send_to(b"end", (Ipv4Addr::LOCALHOST, port)).await.expect("sent");
    assert_eq!(next_call(&street.calls).await, b"end", "a call was sent");
}

/// A hostile broker names a neighbour and a card as it likes. The most it reaches is a call for
/// another card on that PC's own segment; never another packet, another place, or an address
/// that many cards answer to.
#[tokio::test]
async fn a_hostile_broker_can_at_most_wake_another_pc() {
    let street = street(CardKind::Wired).await;
    let desk = &street.office.desk;
    let target = street.beside.target(desk).await.expect("found");
    let lie = |mac| Neighbour { device: street.beside.id, mac };
    let other = Mac([2, 9, 9, 9, 9, 9]);
    let woken = desk.call_through(&target, &lie(other), "väcka", false).await.expect("called");
    assert!(is_call_for(&next_call(&street.calls).await, other));
    assert!(woken.to.iter().all(|to| to.raw().starts_with("127.255.255.255:")));
    for mac in [Mac([0xff; 6]), Mac([0; 6]), Mac([1, 0, 0x5e, 0, 0, 1])] {
        let refused = desk.call_through(&target, &lie(mac), "väcka", false).await;
        assert!(matches!(&refused, Err(NotCalled::Session(Error::Denied(_)))), "{refused:?}");
    }
}
