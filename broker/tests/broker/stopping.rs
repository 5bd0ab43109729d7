//! Going down and coming back.

use distans_proto::desk::DeskReply;
use distans_proto::ending as code;
use distans_proto::link::ToAgent;

use crate::peers::{Pc, Technician, ending, session};
use crate::world::World;

#[tokio::test]
async fn pcs_are_told_when_to_come_back_and_everything_is_known_afterwards() {
    let world =
        World::with(|config| config.settings.stop.back_within = std::time::Duration::from_secs(7)).await;
    let pc = Pc::enrolled(&world, "PC-1").await;
    let mut agent = pc.connect(&world).await;
    let anna = Technician::connect(&world, "anna").await;
    let (told, world) = tokio::join!(async { agent.next().await }, world.restart());
    let ToAgent::GoAway(away) = told else { panic!("not told to go: {told:?}") };
    assert_eq!(away.retry_after_s, 0, "one pc need not wait for others");
    assert_eq!(ending(&agent.connection).await, u64::from(code::GOING_AWAY));
    assert_eq!(ending(&anna.connection).await, u64::from(code::GOING_AWAY));
    let anna = Technician::connect(&world, "anna").await;
    let known = anna.pcs("pc-1").await;
    assert!(!known[0].online && known[0].since.is_some());
    let _agent = pc.connect(&world).await;
    assert!(anna.pcs("pc-1").await[0].online);
}

#[tokio::test]
async fn a_relayed_stream_may_finish_while_the_broker_stops() {
    let world = World::with(|config| config.settings.stop.drain = crate::world::SOON).await;
    let pc = Pc::enrolled(&world, "PC-1").await;
    let mut agent = pc.connect(&world).await;
    let anna = Technician::connect(&world, "anna").await;
    let (reply, mut to_pc, mut from_pc) = anna.open(pc.id, session()).await;
    assert!(matches!(reply, DeskReply::Opened(_)));
    let (_, mut to_technician, mut from_technician) = agent.accept().await;
    let finish = async {
        // The broker is stopping once it has said so.
        assert!(matches!(agent.next().await, ToAgent::GoAway(_)));
        to_pc.write_all(b"last words").await.expect("sent");
        to_pc.finish().expect("open");
        assert_eq!(from_technician.read_to_end(100).await.expect("read"), b"last words");
        to_technician.finish().expect("open");
        assert_eq!(from_pc.read_to_end(100).await.expect("read"), b"");
    };
    tokio::join!(finish, world.running.shutdown());
}
