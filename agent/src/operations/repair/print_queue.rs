//! Removes all jobs of a print queue.

use distans_platform::fix;
use distans_proto::inner::Denied;
use distans_proto::ops::repair::PrintQueue;

use super::{Plan, needs_system};

pub(super) fn plan(queue: &PrintQueue) -> Result<Plan, Denied> {
    needs_system()?;
    let name = queue.name.raw().to_owned();
    Ok(Box::pin(async move {
        let removed = fix::clear_print_queue(&name).await.map_err(|error| error.to_string())?;
        Ok(format!("{removed} jobs were removed from {name}"))
    }))
}
