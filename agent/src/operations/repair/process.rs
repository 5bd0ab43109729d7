//! Ending a process.

use std::time::Duration;

use distans_platform::processes::{self, Ended};
use distans_proto::ops::repair::EndProcess;

use super::Plan;

/// How long a process that was asked may take, and one that was killed.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(5));

/// Needs no rights of its own: the system lets us end what is ours.
pub(super) fn plan(end: EndProcess) -> Plan {
    Box::pin(async move {
        let EndProcess { pid, started, force } = end;
        let patience = if force { PATIENCE.1 } else { PATIENCE.0 };
        match processes::end(pid, started, force, patience).await {
            Ok(Ended::Gone) => Ok(format!("process {pid} has ended")),
            Ok(Ended::StillRuns) if force => {
                Err(format!("process {pid} was killed and is still there: it waits for a disk or a driver"))
            }
            Ok(Ended::StillRuns) => {
                Err(format!("process {pid} was asked to end and still runs; add force to kill it"))
            }
            Err(error) => Err(error.to_string()),
        }
    })
}
