//! All PCs of the technician's, and every change of them as it happens.

use distans_link::frames::{FrameReader, Limits, write_message};
use distans_proto::desk::{DeskReply, DeskRequest, Device, Watch};
use distans_proto::frame::{self, CONTROL_LIMIT, DOCUMENTS_LIMIT, FrameError};
use quinn::{Connection, RecvStream};

use super::desk::{line_error, open_bi};
use super::{Desk, Error};

/// What the broker tells a watcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A PC as it is now, new or changed.
    Pc(Box<Device>),
    /// All that has changed so far is told.
    Current,
    /// Forget all PCs: they are told anew.
    Again,
}

/// A watch under way. Dropping it ends it.
#[derive(Debug)]
pub struct Watching {
    connection: Connection,
    reader: FrameReader<RecvStream>,
}

impl Desk {
    /// Watches the PCs.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn watch(&self) -> Result<Watching, Error> {
        let connection = self.connection().await?;
        let (mut send, recv) = open_bi(&connection).await?;
        let asked = write_message(&mut send, &DeskRequest::Watch(Watch {}), CONTROL_LIMIT).await;
        asked.map_err(|error| line_error(&connection, error))?;
        // Nothing follows; the broker may have answered already.
        let _ = send.finish();
        Ok(Watching { connection, reader: FrameReader::new(recv, Limits::patient(DOCUMENTS_LIMIT)) })
    }
}

impl Watching {
    /// What the broker tells next. As long as nobody asks, the broker waits, and then tells only
    /// how each PC is by then. Not to be given up half-way.
    ///
    /// # Errors
    /// [`Error`], when the line or the broker is gone, and if the broker refuses.
    pub async fn next(&mut self) -> Result<News, Error> {
        loop {
            let body = self.reader.next_body().await.map_err(|error| line_error(&self.connection, error))?;
            let Some(body) = body else { return Err(stopping()) };
            match frame::decode(&body) {
                Ok(DeskReply::Device(device)) => return Ok(News::Pc(device)),
                Ok(DeskReply::Current(_)) => return Ok(News::Current),
                Ok(DeskReply::Again(_)) => return Ok(News::Again),
                Ok(DeskReply::Done(_)) => return Err(stopping()),
                Ok(DeskReply::Refused(refused)) => return Err(Error::Refused(refused.refused)),
                Ok(_) | Err(FrameError::Unsupported) => {} // of a newer broker
                Err(error) => return Err(Error::broker(error)),
            }
        }
    }
}

fn stopping() -> Error {
    Error::Line("the broker tells no more, it may be about to restart".into())
}
