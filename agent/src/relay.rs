//! Streams that the broker opens to this agent: each begins with a relay header, then a preface,
//! and what follows belongs to the end-to-end session. Nothing the broker says here is believed;
//! a wrong word only leads to a stream that opens nothing.

use std::sync::Arc;

use distans_e2e::preface::{Kind, Preface};
use distans_e2e::receipt::EndReason;
use distans_e2e_io::{OpReader, OpWriter, read_preface};
use distans_link::frames::{CONTROL_LIMIT, Limits, read_message};
use distans_proto::ending;
use distans_proto::link::RelayHeader;
use quinn::{Connection, RecvStream, SendStream, VarInt};
use tracing::{debug, warn};

use crate::link::dial::plain;
use crate::operations;
use crate::session::attachment;
use crate::shared::Shared;

/// Accepts streams until the connection is over. Their number is bounded by the transport.
pub(crate) async fn accept(shared: &Arc<Shared>, connection: &Connection) {
    while let Ok((send, receive)) = connection.accept_bi().await {
        let shared = Arc::clone(shared);
        shared.tasks.clone().spawn(async move {
            tokio::select! {
                // What is under way ends with the agent; sessions have said farewell before.
                () = shared.stop.cancelled() => {}
                () = Box::pin(serve(&shared, send, receive)) => {}
            }
        });
    }
}

async fn serve(shared: &Arc<Shared>, mut send: SendStream, mut receive: RecvStream) {
    let preface = match begin(shared, &mut receive).await {
        Ok(preface) => preface,
        Err(reason) => {
            debug!(reason, "a relayed stream is closed");
            return give_up(&mut send, &mut receive);
        }
    };
    match preface.kind {
        Kind::Control => Box::pin(attachment::serve(shared, receive, send, preface.session)).await,
        Kind::Sealed => Box::pin(sealed(shared, preface, send, receive)).await,
    }
}

async fn begin(shared: &Shared, receive: &mut RecvStream) -> Result<Preface, String> {
    let header: RelayHeader =
        read_message(receive, Limits::prompt(CONTROL_LIMIT)).await.map_err(|error| plain(&error))?;
    if header.device != shared.identity.device {
        return Err("it is for another PC".to_owned());
    }
    let preface = read_preface(receive).await.map_err(|error| plain(&error))?;
    if preface.session != header.session {
        return Err("its header names another session than its preface".to_owned());
    }
    Ok(preface)
}

async fn sealed(shared: &Arc<Shared>, preface: Preface, mut send: SendStream, mut receive: RecvStream) {
    let Some(live) = shared.live(preface.session) else {
        debug!(session = %preface.session, "a stream of an unknown session is closed");
        return give_up(&mut send, &mut receive);
    };
    let keys = match live.keys(preface.epoch, preface.stream) {
        Ok(Some(keys)) => keys,
        Ok(None) => {
            debug!(session = %live.id, epoch = preface.epoch, "a stream of an unknown attachment is closed");
            return give_up(&mut send, &mut receive);
        }
        Err(error) => {
            warn!(session = %live.id, %error, "the protocol was broken");
            shared.end_session(live.id, EndReason::Violation);
            return give_up(&mut send, &mut receive);
        }
    };
    let halves = OpReader::agent(receive, &keys, preface.stream)
        .and_then(|reader| Ok((reader, OpWriter::agent(send, &keys, preface.stream)?)));
    match halves {
        Ok((reader, writer)) => operations::stream::serve(shared, &live, reader, writer).await,
        Err(error) => warn!(session = %live.id, %error, "a stream has no keys"),
    }
}

fn give_up(send: &mut SendStream, receive: &mut RecvStream) {
    let code = VarInt::from_u32(ending::BAD_MESSAGE);
    // Fails only if the stream is over already.
    send.reset(code).ok();
    receive.stop(code).ok();
}
