//! Messages and conversations, end to end and on the local socket.

use distans_proto::inner::{Op, OpRequest};
use distans_proto::local::*;
use distans_proto::ops::people::*;

use super::{Sample, nonce, sample, session, text};

pub(super) fn all() -> Vec<Sample> {
    let message = Message {
        text: text("Lyser lampan?"),
        choices: vec![text("Ja"), text("Nej")],
        timeout_s: 120,
        confirm: false,
    };
    let note = Note {
        nonce: nonce(),
        session: session(),
        technician_name: text("Anna Berg"),
        organisation: text("Mora"),
        text: text("Lyser lampan?"),
        choices: vec![text("Ja"), text("Nej")],
        timeout_s: 120,
        confirm: true,
    };
    let started = ChatStarted {
        nonce: nonce(),
        session: session(),
        technician_name: text("Anna Berg"),
        organisation: text("Mora"),
    };
    let line = ChatLine { nonce: nonce(), own: true, text: text("Hej") };
    let id = distans_proto::ids::OpId::from_bytes([0x0b; 16]);
    let choice = |what| FromHelper::Choice(Choice { nonce: nonce(), what });
    vec![
        sample("op.request.message", OpRequest { id, op: Op::Message(message), received: 0 }),
        sample("op.request.chat", OpRequest { id, op: Op::Chat(Chat {}), received: 0 }),
        sample("people.reply", Reply { answered: Answered::Chosen, choice: Some(1), who: Some(text("åsa")) }),
        sample("people.say", Say { text: text("Hej") }),
        sample("people.wrote", ChatNews::Wrote(Wrote { text: text("Hej"), who: text("åsa") })),
        sample("people.readers", ChatNews::Readers(2)),
        sample("people.over", ChatNews::Over(ChatOver::Person)),
        sample("local.to_helper.note", ToHelper::Note(note)),
        sample("local.to_helper.chat_started", ToHelper::ChatStarted(started)),
        sample("local.to_helper.chat_line", ToHelper::ChatLine(line)),
        sample("local.to_helper.chat_ended", ToHelper::ChatEnded(nonce())),
        sample("local.from_helper.choice", choice(Chosen::One(1))),
        sample("local.from_helper.read", choice(Chosen::Read)),
        sample("local.from_helper.closed", choice(Chosen::Closed)),
        sample("local.from_helper.say", FromHelper::Say(Spoken { nonce: nonce(), text: text("Hej") })),
        sample("local.from_helper.chat_end", FromHelper::ChatEnd(nonce())),
    ]
}
