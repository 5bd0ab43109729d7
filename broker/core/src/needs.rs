//! Which need a booking is about: one fault on one PC, however many sessions, calls and tickets.
//!
//! A booking may name its need. Otherwise the same ticket about the same PC is the same need;
//! help without a PC (by telephone, for a whole place) is matched by ticket and place instead.
//! Whatever cannot be matched is a new need.

use distans_proto::ids::{NeedId, SiteId};
use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;

use crate::pseudonym::Pseudonym;

/// Longest ticket reference, in characters.
pub const TICKET_LIMIT: usize = 128;

/// One need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Id.
    pub id: NeedId,
    /// The PC, when it is about one.
    pub device: Option<Pseudonym>,
    /// The place where somebody would have driven.
    pub site: SiteId,
    /// When it was first booked on.
    pub opened_at: Timestamp,
}

/// Why a need cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NeedError {
    /// No need has that id.
    #[error("no need {0} is recorded; leave it out to start a new one")]
    Unknown(NeedId),
    /// The need is about another PC.
    #[error("need {0} is about another PC; leave the need out, or name its own PC")]
    AnotherDevice(NeedId),
    /// The ticket reference is too long.
    #[error("a ticket reference has at most {TICKET_LIMIT} characters")]
    LongTicket,
}

/// How two references to one ticket are recognised: without outer space and case. `None` if
/// nothing is left.
///
/// # Errors
/// If the reference is longer than [`TICKET_LIMIT`].
pub fn ticket_key(ticket: &Untrusted) -> Result<Option<String>, NeedError> {
    let key = ticket.raw().trim().to_lowercase();
    if key.chars().count() > TICKET_LIMIT {
        return Err(NeedError::LongTicket);
    }
    Ok((!key.is_empty()).then_some(key))
}

/// What a need's ticket is matched within: the PC, or the place when there is none.
pub fn subject(device: Option<&Pseudonym>, site: &SiteId) -> String {
    device.map_or_else(|| format!("site:{site}"), |device| format!("device:{device}"))
}

/// The need a booking is about: `Some` for one already recorded, `None` for a new one.
///
/// `named` is the id in the booking with what is recorded under it; `by_ticket` is the need
/// recorded for the same ticket and [`subject`].
///
/// # Errors
/// If the booking names an unknown need, or one about another PC.
pub fn choose<'a>(
    named: Option<(NeedId, Option<&'a Need>)>,
    by_ticket: Option<&'a Need>,
    device: Option<&Pseudonym>,
) -> Result<Option<&'a Need>, NeedError> {
    let Some((id, found)) = named else { return Ok(by_ticket) };
    let need = found.ok_or(NeedError::Unknown(id))?;
    match (&need.device, device) {
        (Some(recorded), Some(asked)) if recorded != asked => Err(NeedError::AnotherDevice(id)),
        _ => Ok(Some(need)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pseudonym::Pseudonyms;
    use distans_proto::ids::DeviceId;

    fn device(byte: u8) -> Pseudonym {
        Pseudonyms::new(&[1; 32]).device(&DeviceId::from_bytes([byte; 16]))
    }

    fn need(byte: u8, device: Option<Pseudonym>) -> Need {
        Need {
            id: NeedId::from_bytes([byte; 16]),
            device,
            site: "idre".parse().expect("a label"),
            opened_at: Timestamp::from_secs(0),
        }
    }

    #[test]
    fn one_ticket_is_recognised_however_it_is_typed() {
        let key = |text: &str| ticket_key(&Untrusted::from(text)).expect("short enough");
        assert_eq!(key(" INC-4711 "), key("inc-4711"));
        assert_eq!(key("  "), None);
        assert_eq!(ticket_key(&Untrusted::new("x".repeat(129))), Err(NeedError::LongTicket));
    }

    #[test]
    fn the_same_ticket_about_another_pc_is_another_need() {
        let site: SiteId = "idre".parse().expect("a label");
        assert_ne!(subject(Some(&device(1)), &site), subject(Some(&device(2)), &site));
        assert_ne!(subject(None, &site), subject(None, &"sarna".parse().expect("a label")));
    }

    #[test]
    fn a_named_need_wins_and_must_fit() {
        let (ours, theirs) = (need(1, Some(device(1))), need(2, Some(device(2))));
        let chosen = choose(Some((ours.id, Some(&ours))), Some(&theirs), Some(&device(1)));
        assert_eq!(chosen, Ok(Some(&ours)));
        assert_eq!(
            choose(Some((theirs.id, Some(&theirs))), None, Some(&device(1))),
            Err(NeedError::AnotherDevice(theirs.id))
        );
        assert_eq!(choose(Some((ours.id, None)), None, None), Err(NeedError::Unknown(ours.id)));
        assert_eq!(choose(None, Some(&ours), Some(&device(1))), Ok(Some(&ours)));
        assert_eq!(choose(None, None, Some(&device(1))), Ok(None));
    }
}
