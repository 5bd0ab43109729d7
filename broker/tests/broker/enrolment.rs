//! Tokens: what they allow, how often, and what happens to whoever guesses.

use distans_link::frames::{Limits, read_message, write_message};
use distans_proto::desk::{DeskRequest, DeviceFilter, WhoAmI};
use distans_proto::ending as code;
use distans_proto::enrol::{EnrolReply, EnrolRequest, RefusalCode, RootsQuery, TokenCertQuery};
use distans_proto::frame::CONTROL_LIMIT;
use distans_proto::link::{Renew, ToAgent, ToBroker};
use distans_trust::certs;
use distans_trust::issue;
use distans_trust::keys::{P256Key, Signer};

use crate::peers::{Pc, dial, ending, question};
use crate::world::World;

fn refused(reply: &EnrolReply) -> RefusalCode {
    match reply {
        EnrolReply::Refused(refused) => refused.code,
        reply => panic!("not refused: {reply:?}"),
    }
}

#[tokio::test]
async fn a_stranger_gets_the_public_roots_and_its_tokens_certificate() {
    let world = World::new().await;
    let token = world.token(1).await;
    let stranger = dial(&world, None).await.expect("connected");
    match question(&stranger, EnrolRequest::Roots(RootsQuery {})).await {
        EnrolReply::Roots(roots) => {
            assert_eq!(roots.roots[0].as_slice(), world.organisation.roots[0].to_json());
        }
        reply => panic!("no roots: {reply:?}"),
    }
    match question(&stranger, EnrolRequest::TokenCert(TokenCertQuery { token: token.id })).await {
        EnrolReply::TokenCert(cert) => assert_eq!(cert.envelope, token.cert.to_json()),
        reply => panic!("no certificate: {reply:?}"),
    }
}

#[tokio::test]
async fn a_stranger_is_nobody_else() {
    let world = World::new().await;
    Pc::enrolled(&world, "PC-1").await;
    let stranger = dial(&world, None).await.expect("connected");
    let (mut send, mut receive) = stranger.open_bi().await.expect("a stream");
    write_message(&mut send, &DeskRequest::WhoAmI(WhoAmI {}), CONTROL_LIMIT).await.expect("sent");
    let reply = read_message(&mut receive, Limits::prompt(CONTROL_LIMIT)).await.expect("an answer");
    assert_eq!(refused(&reply), RefusalCode::BadRequest);
    let (mut send, _receive) = stranger.open_bi().await.expect("a stream");
    write_message(&mut send, &DeskRequest::Devices(DeviceFilter::default()), CONTROL_LIMIT)
        .await
        .expect("sent");
    assert_eq!(ending(&stranger).await, u64::from(code::BAD_MESSAGE));
}

#[tokio::test]
async fn a_token_takes_in_as_many_pcs_as_it_says_and_a_lost_answer_costs_nothing() {
    let world = World::new().await;
    let token = world.token(2).await;
    let (one, two, three) = (Pc::new("PC-1"), Pc::new("PC-2"), Pc::new("PC-3"));
    for pc in [&one, &one, &two, &one] {
        assert!(matches!(pc.enrol(&world, &token).await, EnrolReply::Enrolled(_)));
    }
    assert_eq!(refused(&three.enrol(&world, &token).await), RefusalCode::Token);
    let mut thief = Pc::new("PC-1");
    thief.id = one.id;
    let other = world.token(1).await;
    assert_eq!(refused(&thief.enrol(&world, &other).await), RefusalCode::Conflict);
}

#[tokio::test]
async fn five_bad_proofs_freeze_a_token_for_good() {
    let world = World::new().await;
    let token = world.token(5).await;
    let mut guess = world.organisation.token(5);
    guess.id = token.id;
    let pc = Pc::new("PC-1");
    for _ in 0..5 {
        assert_eq!(refused(&pc.enrol(&world, &guess).await), RefusalCode::BadProof);
    }
    let honest = Pc::new("PC-2");
    assert_eq!(refused(&honest.enrol(&world, &token).await), RefusalCode::Token);
    let world = world.restart().await;
    assert_eq!(refused(&honest.enrol(&world, &token).await), RefusalCode::Token);
    let other = world.token(1).await;
    assert!(matches!(honest.enrol(&world, &other).await, EnrolReply::Enrolled(_)));
}

#[tokio::test]
async fn attempts_with_one_token_are_few_a_minute() {
    let world = World::with(|config| config.settings.limits.enrolments_per_minute = 3).await;
    let (token, other) = (world.token(9).await, world.token(9).await);
    let pc = Pc::new("PC-1");
    for _ in 0..3 {
        assert!(matches!(pc.enrol(&world, &token).await, EnrolReply::Enrolled(_)));
    }
    assert_eq!(refused(&pc.enrol(&world, &token).await), RefusalCode::Busy);
    assert!(matches!(Pc::new("PC-2").enrol(&world, &other).await, EnrolReply::Enrolled(_)));
}

#[tokio::test]
async fn an_unpublished_token_and_a_borrowed_request_are_refused() {
    let world = World::new().await;
    let unknown = world.organisation.token(1);
    assert_eq!(refused(&Pc::new("PC-1").enrol(&world, &unknown).await), RefusalCode::Token);
    let token = world.token(1).await;
    let stranger = dial(&world, None).await.expect("connected");
    let mut request = Pc::new("PC-1").request(&token);
    request.csr = issue::new_request(&P256Key::generate().expect("a key")).expect("a request");
    assert_eq!(refused(&question(&stranger, EnrolRequest::Enrol(request)).await), RefusalCode::BadProof);
}

#[tokio::test]
async fn a_certificate_is_renewed_for_the_same_key_only() {
    let world = World::new().await;
    let pc = Pc::enrolled(&world, "PC-1").await;
    let mut agent = pc.connect(&world).await;
    let csr = |key: &P256Key| issue::new_request(key).expect("a request");
    agent.tell(&ToBroker::Renew(Renew { csr: csr(&P256Key::generate().expect("a key")) })).await;
    match agent.next().await {
        ToAgent::Refused(refused) => assert_eq!(refused.code, RefusalCode::BadProof),
        message => panic!("not refused: {message:?}"),
    }
    agent.tell(&ToBroker::Renew(Renew { csr: csr(&pc.key) })).await;
    let ToAgent::Renewed(renewed) = agent.next().await else { panic!("not renewed") };
    assert_eq!(certs::inspect(&renewed.certificate).expect("a certificate").spki, pc.key.public().spki());
    let again = Pc { certificate: renewed.certificate, ..pc };
    again.connect(&world).await;
}
