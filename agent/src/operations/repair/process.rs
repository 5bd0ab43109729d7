//! Ending a process.

use std::time::Duration;

use distans_platform::processes::{self, Ended};
use distans_proto::inner::{Denied, DeniedBy};
use distans_proto::ops::repair::EndProcess;

use super::Plan;
use crate::operations::denied;

/// How long a process that was asked may take, and one that was killed.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(5));

/// Needs no rights of its own: the system lets us end what is ours. Not what the person at the PC
/// sees sessions in and ends them with: nobody takes that away from afar.
pub(super) fn plan(end: EndProcess, is_helper: impl Fn(u32) -> bool) -> Result<Plan, Denied> {
    let EndProcess { pid, started, force } = end;
    if is_helper(pid) {
        let text = format!("process {pid} shows the person at the PC who is connected; it stays");
        return Err(denied(DeniedBy::Policy, text));
    }
    Ok(Box::pin(async move {
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
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_person_ends_sessions_with_is_not_ended() {
        let plan = |pid| plan(EndProcess { pid, started: 1, force: true }, |pid| pid == 7);
        assert!(plan(8).is_ok());
        assert_eq!(plan(7).err().map(|denied| denied.by), Some(DeniedBy::Policy));
    }
}
