//! `recordings`: which recordings of shells lie here, and one of them as it is: encrypted.

use std::fs::File;
use std::io::Read;

use bytes::Bytes;
use distans_agent_core::permit::Permit;
use distans_proto::inner::op_frame::Kind;
use distans_proto::inner::{Denied, DeniedBy, OpResult, Outcome};
use distans_proto::ops::shell::Recordings;

use super::{Operation, Work, denied};
use crate::recording::Shelf;
use crate::shared::Shared;

/// Bytes read at a time.
const PIECE: usize = 64 * 1024;

/// The list, or one file that is there.
pub(super) fn prepare(permit: Permit, shared: &Shared, asked: &Recordings) -> Result<Work, Denied> {
    let shelf = Shelf::in_state(shared.state.path());
    let name = asked.name.as_ref().map(|name| name.raw().to_owned());
    if let Some(name) = &name
        && !shelf.has(name)
    {
        return Err(denied(
            DeniedBy::State,
            "this PC has no recording of that name; distans recordings PC lists them",
        ));
    }
    Ok(Box::new(move |operation, ended| {
        Box::pin(async move {
            let doing = async {
                match name {
                    None => list(permit, shelf, &operation).await,
                    Some(name) => send(permit, shelf, name, &operation).await,
                }
            };
            let outcome = tokio::select! {
                biased;
                () = ended.cancelled() => Err((Outcome::SessionEnded, String::new())),
                () = operation.cancel.cancelled() => Err((Outcome::Cancelled, String::new())),
                done = doing => done.map_err(|why| (Outcome::NotStarted, why)),
            };
            let bytes = operation.output.total();
            match outcome {
                Ok(()) => OpResult { outcome: Outcome::Completed, exit: Some(0), bytes, text: None },
                Err((outcome, why)) => {
                    let text = (!why.is_empty()).then(|| why.into());
                    OpResult { outcome, exit: None, bytes, text }
                }
            }
        })
    }))
}

async fn list(permit: Permit, shelf: Shelf, operation: &Operation) -> Result<(), String> {
    debug_assert_eq!(permit.op(), operation.id);
    let found = tokio::task::spawn_blocking(move || shelf.list()).await.map_err(|error| error.to_string())?;
    for recording in &found {
        operation.send_item(recording).await.map_err(|error| error.to_string())?;
    }
    Ok(())
}

async fn send(permit: Permit, shelf: Shelf, name: String, operation: &Operation) -> Result<(), String> {
    debug_assert_eq!(permit.op(), operation.id);
    let opened = tokio::task::spawn_blocking(move || shelf.open(&name)).await;
    let mut file = opened.map_err(|error| error.to_string())?.ok_or("the recording is gone")?;
    loop {
        let read = tokio::task::spawn_blocking(move || {
            let bytes = piece(&mut file);
            (file, bytes)
        });
        let (back, bytes) = read.await.map_err(|error| error.to_string())?;
        let bytes = bytes.map_err(|error| format!("the recording cannot be read: {error}"))?;
        if bytes.is_empty() {
            return Ok(());
        }
        file = back;
        operation.output.push(Kind::Primary, Bytes::from(bytes)).await;
    }
}

fn piece(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(PIECE);
    file.take(PIECE as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}
