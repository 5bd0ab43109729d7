//! Enrolment tokens: what a thief of one can and cannot do with it.

use distans_link::frames::{Limits, read_message, write_message};
use distans_proto::desk::DeviceFilter;
use distans_proto::enrol::{EnrolReply, EnrolRequest, RefusalCode};
use distans_proto::frame::CONTROL_LIMIT;
use distans_tests::org::kontor;
use distans_tests::peer::{PaperPc, ask_as_stranger, dial};
use distans_tests::world::World;
use distans_trust::keys::Ed25519Key;
use distans_trust::token::EnrolToken;

async fn answer(world: &World, question: &EnrolRequest) -> EnrolReply {
    let connection = dial(&world.org, world.socket(), None).await.expect("strangers may ask");
    ask_as_stranger(&connection, question).await.expect("an answer")
}

async fn refused(world: &World, question: &EnrolRequest) -> RefusalCode {
    match answer(world, question).await {
        EnrolReply::Refused(refused) => refused.code,
        other => panic!("not refused: {other:?}"),
    }
}

fn pc(world: &World, token: &EnrolToken) -> PaperPc {
    let key = token.key().expect("the seed");
    PaperPc::new(&world.org, &kontor().expect("label"), "PC-ORSA-014", &key).expect("a PC")
}

#[tokio::test]
async fn token_limits_and_freeze() {
    let mut world = World::start().await.expect("world");
    let desk = world.desk("anna").await.expect("technician");
    let group = kontor().expect("label");
    let (token, certificate) = world.org.token(&world.address(), &group, 2).expect("token");
    let name = "PC-ORSA-014";

    // Before its certificate is published a token is worth nothing.
    let first = pc(&world, &token);
    let question = first.question(&token, name).expect("question");
    assert_eq!(refused(&world, &question).await, RefusalCode::Token);
    world.publish(&desk, &[certificate]).await.expect("published");

    // Two uses, one of them asked twice by the same PC: its answer may have been lost.
    assert!(matches!(answer(&world, &question).await, EnrolReply::Enrolled(_)));
    assert!(matches!(answer(&world, &question).await, EnrolReply::Enrolled(_)));
    let second = pc(&world, &token).question(&token, name).expect("question");
    assert!(matches!(answer(&world, &second).await, EnrolReply::Enrolled(_)));
    let third = pc(&world, &token).question(&token, name).expect("question");
    assert_eq!(refused(&world, &third).await, RefusalCode::Token);

    // Another group than the token's, though signed with the token's own key.
    let (token, certificate) = world.org.token(&world.address(), &group, 100).expect("token");
    world.publish(&desk, &[certificate]).await.expect("published");
    let key = token.key().expect("the seed");
    let elsewhere = PaperPc::new(&world.org, &"ledning".parse().expect("label"), name, &key).expect("a PC");
    assert_eq!(
        refused(&world, &elsewhere.question(&token, name).expect("question")).await,
        RefusalCode::BadProof
    );

    // Somebody who knows the token's id but not its seed: refused, and the token is frozen with
    // the fifth proof that does not hold.
    let guessed = Ed25519Key::generate().expect("key");
    for _ in 0..4 {
        let forged = PaperPc::new(&world.org, &group, name, &guessed).expect("a PC");
        assert_eq!(
            refused(&world, &forged.question(&token, name).expect("question")).await,
            RefusalCode::BadProof
        );
    }
    let honest = pc(&world, &token).question(&token, name).expect("question");
    assert_eq!(refused(&world, &honest).await, RefusalCode::Token, "a frozen token was taken");

    // All that was let in is known, in the token's group, and confirmed by nobody yet.
    let devices = desk.devices(DeviceFilter::default()).await.expect("the fleet");
    assert_eq!(devices.len(), 2);
    assert!(devices.iter().all(|device| device.group == group && !device.confirmed && !device.online));
}

#[tokio::test]
async fn no_more_than_ten_attempts_a_minute_and_no_id_twice() {
    let mut world = World::start().await.expect("world");
    let desk = world.desk("anna").await.expect("technician");
    let (token, certificate) =
        world.org.token(&world.address(), &kontor().expect("label"), 100).expect("token");
    world.publish(&desk, &[certificate]).await.expect("published");
    let name = "PC-ORSA-014";
    let first = pc(&world, &token);
    assert!(matches!(
        answer(&world, &first.question(&token, name).expect("question")).await,
        EnrolReply::Enrolled(_)
    ));

    // A thief with the token wants to take the place of a PC that is there already.
    let mut thief = pc(&world, &token);
    thief.id = first.id;
    thief.endorsement = distans_trust::device::endorse(
        &distans_trust::device::EndorseRequest {
            org: &world.org.id,
            device: first.id,
            key: distans_trust::keys::Signer::public(&thief.key),
            group: &kontor().expect("label"),
            hostname: name,
            nonce: [1; 16],
        },
        &token.key().expect("the seed"),
        distans_tests::org::now(),
    )
    .expect("endorsed");
    assert_eq!(
        refused(&world, &thief.question(&token, name).expect("question")).await,
        RefusalCode::Conflict
    );

    for _ in 0..8 {
        let next = pc(&world, &token).question(&token, name).expect("question");
        assert!(matches!(answer(&world, &next).await, EnrolReply::Enrolled(_)));
    }
    let eleventh = pc(&world, &token).question(&token, name).expect("question");
    assert_eq!(refused(&world, &eleventh).await, RefusalCode::Busy);
}

#[tokio::test]
async fn a_stranger_may_ask_for_nothing_else() {
    let world = World::start().await.expect("world");
    let connection = dial(&world.org, world.socket(), None).await.expect("strangers may ask");
    let (mut send, mut receive) = connection.open_bi().await.expect("a stream");
    let request = distans_proto::desk::DeskRequest::WhoAmI(distans_proto::desk::WhoAmI {});
    write_message(&mut send, &request, CONTROL_LIMIT).await.expect("written");
    let answer = read_message::<EnrolReply, _>(&mut receive, Limits::prompt(CONTROL_LIMIT)).await;
    assert!(matches!(answer, Err(_) | Ok(EnrolReply::Refused(_))), "a stranger was answered: {answer:?}");
}
