//! Shells and their recordings.

use distans_proto::inner::{Op, OpInput};
use distans_proto::local::{Ask, Started};
use distans_proto::ops::shell::{Recording, Recordings, Shell, Size};
use distans_proto::scope::{Scope, ScopeSet};

use super::{Sample, nonce, now, sample, session, text};

pub(super) fn all() -> Vec<Sample> {
    let size = Size { columns: 120, rows: 40 };
    let shell = |system, argv: &[&str]| {
        let argv = argv.iter().map(ToString::to_string).collect();
        Op::Shell(Shell { system, size, term: text("xterm-256color"), argv })
    };
    let ask = Ask {
        nonce: nonce(),
        session: session(),
        technician_name: text("Anna Berg"),
        technician: "anna".parse().expect("a label"),
        organisation: text("IT-enheten"),
        ticket: None,
        purpose: text("skrivaren"),
        scopes: ScopeSet::EMPTY.with(Scope::Shell),
        announced: ScopeSet::EMPTY,
        minutes: 30,
        timeout_s: 60,
        recorded: Some(true),
    };
    let started = Started {
        session: session(),
        technician_name: text("Anna Berg"),
        organisation: text("IT-enheten"),
        scopes: ScopeSet::EMPTY.with(Scope::Shell),
        purpose: text("skrivaren"),
        ends: now(),
        recorded: Some(true),
    };
    let recording = Recording {
        name: text("001772350200-s-o.distans-recording"),
        session: session(),
        technician: "anna".parse().expect("a label"),
        started: now(),
        bytes: 4711,
    };
    vec![
        sample("op.shell", shell(false, &[])),
        sample("op.shell.system", shell(true, &["htop", "-d", "5"])),
        sample("op_input.resize.shell", OpInput::Resize(size)),
        sample("op.recordings", Op::Recordings(Recordings { name: None })),
        sample("op.recordings.one", Op::Recordings(Recordings { name: Some(text("name")) })),
        sample("recording", recording),
        sample("ask.recorded", ask),
        sample("started.recorded", started),
    ]
}
