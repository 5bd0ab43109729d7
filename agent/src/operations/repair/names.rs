//! Forgets names that were looked up.

use distans_platform::fix;
use distans_proto::inner::Denied;

use super::{Plan, needs_system};

pub(super) fn plan() -> Result<Plan, Denied> {
    needs_system()?;
    Ok(Box::pin(async {
        fix::flush_names().await.map_err(|error| error.to_string())?;
        Ok("names that were looked up are forgotten".to_owned())
    }))
}
