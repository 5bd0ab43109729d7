//! `wake`: a wake-up call for another PC, to the wired segments this one is on. Size, port and
//! addresses are fixed here; the technician names the card and nothing else.

use std::net::Ipv4Addr;
use std::sync::Arc;

use distans_agent_core::permit::Permit;
use distans_platform::wake;
use distans_proto::inner::{Denied, DeniedBy, OpResult, Outcome};
use distans_proto::ops::power::{Wake, Woken};
use distans_proto::segment::{Card, CardKind};
use tracing::warn;

use super::{Operation, Work, denied};
use crate::machine;
use crate::shared::Shared;

/// Most segments a call goes to.
const SEGMENTS_LIMIT: usize = 16;

/// Where the call is to go, or why it cannot. Nothing has been sent yet.
pub(super) async fn prepare(permit: Permit, shared: &Arc<Shared>, request: &Wake) -> Result<Work, Denied> {
    if !request.mac.is_of_one() {
        let text = format!("{} is no network card's address", request.mac);
        return Err(denied(DeniedBy::State, text));
    }
    let ways = ways(&machine::cards(&shared.config).await);
    if ways.is_empty() {
        let text = "this PC is on no wired network now, from where it could wake another";
        return Err(denied(DeniedBy::State, text));
    }
    let (mac, port) = (request.mac, shared.config.wake_port);
    Ok(Box::new(move |operation, ended| {
        Box::pin(async move {
            debug_assert_eq!(permit.op(), operation.id);
            tokio::select! {
                biased;
                () = ended.cancelled() => over(&operation, Outcome::SessionEnded, None),
                () = operation.cancel.cancelled() => over(&operation, Outcome::Cancelled, None),
                result = call(&operation, mac.0, port, &ways) => result,
            }
        })
    }))
}

/// From which of its addresses this PC calls, and to where.
fn ways(cards: &[Card]) -> Vec<(Ipv4Addr, Ipv4Addr)> {
    let mut ways = Vec::new();
    for card in cards.iter().filter(|card| card.kind == CardKind::Wired) {
        for network in &card.networks {
            let Some((_, broadcast)) = network.segment() else { continue };
            if !ways.iter().any(|(_, known)| *known == broadcast) {
                ways.push((Ipv4Addr::from(network.address), broadcast));
            }
        }
    }
    ways.truncate(SEGMENTS_LIMIT);
    ways
}

async fn call(operation: &Operation, mac: [u8; 6], port: u16, ways: &[(Ipv4Addr, Ipv4Addr)]) -> OpResult {
    let (mut woken, mut failed) = (Woken { to: Vec::new(), packets: 0 }, None);
    for (from, to) in ways {
        match wake::call(mac, *from, *to, port).await {
            Ok(()) => {
                woken.to.push(format!("{to}:{port}").into());
                woken.packets += wake::TIMES;
            }
            Err(error) => failed = Some(format!("from {from} to {to}: {error}")),
        }
    }
    if woken.to.is_empty() {
        return over(operation, Outcome::NotStarted, failed);
    }
    if let Err(error) = operation.send_item(&woken).await {
        warn!(%error, "the technician could not be told");
    }
    over(operation, Outcome::Completed, None)
}

fn over(operation: &Operation, outcome: Outcome, text: Option<String>) -> OpResult {
    OpResult { outcome, exit: None, bytes: operation.output.total(), text: text.map(Into::into) }
}

#[cfg(test)]
mod tests {
    use distans_proto::segment::{Mac, Network};

    use super::*;

    #[test]
    fn a_call_goes_to_each_wired_segment_once() {
        let card = |kind, networks: &[([u8; 4], u8)]| Card {
            name: "card".into(),
            mac: Mac([2; 6]),
            kind,
            networks: networks
                .iter()
                .map(|(address, prefix)| Network { address: *address, prefix: *prefix })
                .collect(),
            wakes: None,
        };
        let cards = [
            card(CardKind::Wired, &[([10, 1, 2, 3], 24), ([10, 1, 2, 4], 24), ([169, 254, 1, 1], 16)]),
            card(CardKind::Wireless, &[([10, 9, 9, 9], 24)]),
            card(CardKind::Other, &[([172, 17, 0, 1], 16)]),
            card(CardKind::Wired, &[([192, 168, 1, 5], 24), ([8, 8, 8, 8], 32)]),
        ];
        let expected = [([10, 1, 2, 3], [10, 1, 2, 255]), ([192, 168, 1, 5], [192, 168, 1, 255])]
            .map(|(from, to)| (Ipv4Addr::from(from), Ipv4Addr::from(to)));
        assert_eq!(ways(&cards), expected);
    }
}
