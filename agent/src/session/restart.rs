//! Sessions across a restart of the machine: left to the agent's next run, and what they allowed
//! used up when their technician is back. What may go on is decided in
//! `distans_agent_core::session::restart`.

use std::sync::Arc;

use distans_agent_core::journal::Record;
use distans_agent_core::journal::record::GoingDownOver;
use distans_proto::ids::SessionId;
use distans_proto::inner::{Denied, DeniedBy};
use tracing::info;

use super::Live;
use super::granting::refusal;
use crate::shared::Shared;

impl Shared {
    /// If the machine was told to go down in this session: stops what it does, and leaves it and
    /// its receipt to the next run.
    pub(crate) fn leave_to_the_next_run(&self, session: SessionId) -> Option<Arc<Live>> {
        let goes_down = self.journal.state().session(session).is_some_and(|entry| entry.going_down.is_some());
        let live = goes_down.then(|| self.live(session)).flatten()?;
        info!(%session, "the session is left to the agent's next run");
        self.operations.cut(session);
        self.forget_live(session);
        Some(live)
    }

    /// The technician is back after the restart: another one is not outlived on its account.
    pub(super) async fn is_back(&self, session: SessionId) -> Result<(), Denied> {
        let over = Record::GoingDownOver(GoingDownOver { session });
        let written = self.journal.append(vec![over]).await;
        written
            .map_err(|error| refusal(DeniedBy::State, format!("nothing is done without a journal: {error}")))
    }
}
