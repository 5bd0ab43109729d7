//! All PCs of the technician's, and every change of them as it happens.

use distans_link::frames::{FrameReader, Limits, write_message};
use distans_proto::desk::{DeskReply, DeskRequest, Device, Watch};
use distans_proto::frame::{self, CONTROL_LIMIT, DOCUMENTS_LIMIT};

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

impl Desk {
    /// Watches the PCs; `each` takes what the broker tells, and says when it has enough by giving
    /// false. While it is busy the broker waits, and then tells only how each PC is by then.
    ///
    /// # Errors
    /// [`Error`], when the line or the broker is gone, and if the broker refuses.
    pub async fn watch(&self, mut each: impl AsyncFnMut(News) -> bool) -> Result<(), Error> {
        let connection = self.connection().await?;
        let (mut send, recv) = open_bi(&connection).await?;
        let lost = |error| line_error(&connection, error);
        write_message(&mut send, &DeskRequest::Watch(Watch {}), CONTROL_LIMIT).await.map_err(lost)?;
        // Nothing follows; the broker may have answered already.
        let _ = send.finish();
        let mut reader = FrameReader::new(recv, Limits::patient(DOCUMENTS_LIMIT));
        while let Some(body) = reader.next_body().await.map_err(lost)? {
            let news = match frame::decode(&body) {
                Ok(DeskReply::Device(device)) => News::Pc(device),
                Ok(DeskReply::Current(_)) => News::Current,
                Ok(DeskReply::Again(_)) => News::Again,
                Ok(DeskReply::Done(_)) => break,
                Ok(DeskReply::Refused(refused)) => return Err(Error::Refused(refused.refused)),
                Ok(_) | Err(frame::FrameError::Unsupported) => continue, // of a newer broker
                Err(error) => return Err(Error::broker(error)),
            };
            if !each(news).await {
                return Ok(());
            }
        }
        Err(Error::Line("the broker stops telling, it is about to restart".into()))
    }
}
