//! Restarting and waking: operations, their news, warnings at the PC, neighbours.

use distans_proto::desk::{DeskReply, DeskRequest, Neighbour, Neighbours};
use distans_proto::facts::Facts;
use distans_proto::inner::Op;
use distans_proto::local::{FromHelper, ToHelper, Warn};
use distans_proto::ops::power::{
    CalledOff, Countdown, GoingDown, Power, PowerAction, PowerNews, Wake, Woken,
};
use distans_proto::segment::{Card, CardKind, Mac, Network};

use super::{Sample, device, facts, nonce, now, sample, session, text};

const MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);

fn card() -> Card {
    let networks = vec![Network { address: [10, 1, 2, 3], prefix: 24 }];
    Card { name: text("eth0"), mac: MAC, kind: CardKind::Wired, networks, wakes: Some(true) }
}

pub(super) fn all() -> Vec<Sample> {
    let warn = Warn {
        nonce: nonce(),
        session: session(),
        technician_name: text("Anna Berg"),
        action: PowerAction::ShutDown,
        seconds: 60,
        text: Some(text("efter uppdateringen")),
    };
    let power = |action| Op::Power(Power { action, delay_s: 60, text: Some(text("klar")) });
    let neighbours =
        Neighbours { cards: vec![card()], awake: vec![Neighbour { device: device(), mac: MAC }] };
    vec![
        sample("op.power.restart", power(PowerAction::Restart)),
        sample("op.power.shut_down", power(PowerAction::ShutDown)),
        sample("op.power.sign_out", power(PowerAction::SignOut)),
        sample("op.power.lock", power(PowerAction::Lock)),
        sample(
            "power.warning",
            PowerNews::Warning(Countdown { seconds: 60, seen: true, user: Some(text("karin")) }),
        ),
        sample("power.called_off.person", PowerNews::CalledOff(CalledOff::Person)),
        sample("power.called_off.technician", PowerNews::CalledOff(CalledOff::Technician)),
        sample(
            "power.going_down",
            PowerNews::GoingDown(GoingDown { boot: text("run-1"), until: Some(now()) }),
        ),
        sample("op.wake", Op::Wake(Wake { mac: MAC })),
        sample("woken", Woken { to: vec![text("10.1.2.255:9")], packets: 3 }),
        sample("to_helper.warn", ToHelper::Warn(warn)),
        sample("from_helper.cancel_warning", FromHelper::CancelWarning(nonce())),
        sample("desk.request.neighbours", DeskRequest::Neighbours(device())),
        sample("desk.reply.neighbours", DeskReply::Neighbours(neighbours)),
        sample("facts.interfaces", Facts { interfaces: vec![card()], ..facts() }),
    ]
}
