//! Empties a cache of the fixed list.

use distans_platform::probe::caches as platform;
use distans_platform::session_user;
use distans_proto::inner::Denied;
use distans_proto::ops::repair::Cache;

use super::{Plan, needs_system};

pub(super) fn plan(cache: Cache) -> Result<Plan, Denied> {
    needs_system()?;
    let which = match cache {
        Cache::Packages => platform::Cache::Packages,
        Cache::Journal => platform::Cache::Journal,
        Cache::Thumbnails => platform::Cache::Thumbnails,
        Cache::Temporary => platform::Cache::Temporary,
        Cache::Updates => platform::Cache::Updates,
    };
    Ok(Box::pin(async move {
        let user = if which == platform::Cache::Thumbnails { session_user::active().await } else { None };
        let freed = platform::free(which, user.as_ref()).await.map_err(|error| error.to_string())?;
        Ok(format!("{} freed {} MiB ({freed} bytes)", cache.name(), freed >> 20))
    }))
}
