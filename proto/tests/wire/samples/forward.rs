//! Connections through a PC: the operation, one connection, and what is said on it.

use distans_proto::ids::OpId;
use distans_proto::inner::{Closed, Op, OpRequest};
use distans_proto::ops::forward::{Connect, Datagram, Flow, Forward, ForwardEvent, Place, Ready};

use super::{Sample, sample, text};

fn place() -> Place {
    Place { host: text("fd00::1"), port: 9100, udp: true }
}

pub(super) fn all() -> Vec<Sample> {
    let id = OpId::from_bytes([0x0f; 16]);
    let request = |op| OpRequest { id, op, received: 0 };
    let connect = |to| Op::Connect(Connect { forward: id, to });
    vec![
        sample("op.request.forward", request(Op::Forward(Forward { listen: None }))),
        sample("op.request.forward.listen", request(Op::Forward(Forward { listen: Some(place()) }))),
        sample("op.request.connect", request(connect(Some(place())))),
        sample("op.request.connect.next", request(connect(None))),
        sample("op.forward.ready", ForwardEvent::Ready(Ready { listening: Some(place()) })),
        sample("op.flow.allow", Flow::Allow(1 << 40)),
        sample("op.flow.end", Flow::End(Closed {})),
        sample("op.flow.datagram", Flow::Datagram(Datagram { bytes: vec![0, 255] })),
    ]
}
