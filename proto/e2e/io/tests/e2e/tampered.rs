//! A relay that changes or cuts the control stream: nobody is ever told anything untrue.

use distans_e2e_io::ControlError;
use distans_proto::inner::{ToAgent, ToTechnician};
use proptest::prelude::*;
use tokio::time::{Duration, timeout};

use crate::handshake::{OurControl, hello, meet};
use crate::org::{Org, SESSION};
use crate::relay::{Deed, between};
use crate::streams::runtime;

/// What both sides learn when they greet each other through a relay that does these deeds.
struct Learned {
    at_agent: Result<Option<ToAgent>, ControlError>,
    at_technician: Result<Option<ToTechnician>, ControlError>,
    same_keys: bool,
}

async fn greet(org: &Org, to_agent: Deed, to_technician: Deed) -> Learned {
    let ends = between(1500, to_agent, to_technician);
    let (technician, agent) = meet(ends, org.technician(), org.agent()).await;
    let same_keys = match (&technician, &agent) {
        (Ok(technician), Ok(agent)) => technician.keys().binding() == agent.keys().binding(),
        _ => false,
    };
    let agent = async {
        let mut agent = agent?;
        let message = bounded(&mut agent).await?;
        agent.send(&ToTechnician::Hello(hello())).await?;
        Ok(message)
    };
    let technician = async { bounded(&mut technician?).await };
    let (at_agent, at_technician) = tokio::join!(agent, technician);
    Learned { at_agent, at_technician, same_keys }
}

/// A changed length may make an end wait for bytes that never come; the caller bounds that.
async fn bounded<M: for<'b> minicbor::Decode<'b, ()>>(
    control: &mut OurControl,
) -> Result<Option<M>, ControlError> {
    timeout(Duration::from_secs(60), control.recv()).await.unwrap_or(Err(ControlError::TimedOut))
}

#[test]
fn an_honest_relay_is_not_noticed() {
    let org = Org::new();
    let learned = runtime().block_on(greet(&org, Deed::Honest, Deed::Honest));
    assert!(learned.same_keys);
    assert_eq!(learned.at_agent.expect("message"), Some(ToAgent::Hello(hello())));
    assert_eq!(learned.at_technician.expect("message"), Some(ToTechnician::Hello(hello())));
}

/// Where the session id stands in the preface.
const SESSION_ID: std::ops::Range<usize> = 4..20;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn nothing_untrue_is_believed(
        at in 0usize..3000,
        mask in any::<u8>(),
        towards_agent in any::<bool>(),
    ) {
        let org = Org::new();
        let deed = if mask == 0 { Deed::Cut(at) } else { Deed::Flip(at, mask) };
        let (to_agent, to_technician) =
            if towards_agent { (deed, Deed::Honest) } else { (Deed::Honest, deed) };
        let learned = runtime().block_on(greet(&org, to_agent, to_technician));
        // Whatever arrives is what was sent.
        if let Ok(message) = &learned.at_agent {
            prop_assert_eq!(message, &Some(ToAgent::Hello(hello())));
        }
        if let Ok(message) = &learned.at_technician {
            prop_assert_eq!(message, &Some(ToTechnician::Hello(hello())));
        }
        // Both may stand with different keys only if the clear session id was changed, which the
        // request inside repeats; bytes that mean nothing (a record's old version) may change.
        if learned.at_technician.is_ok() && !learned.same_keys {
            prop_assert!(towards_agent && SESSION_ID.contains(&at), "{deed:?} gave other keys for {SESSION:?}");
        }
    }
}
