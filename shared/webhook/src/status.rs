//! Cached dependency health for the public status page: at most one check in 30 seconds.

use std::time::{Duration, Instant};

use futures_util::lock::Mutex;

use crate::Dependency;

const CACHED_FOR: Duration = Duration::from_secs(30);
/// The same duration for HTTP caches in between.
pub(crate) const CACHE_CONTROL: &str = "max-age=30";

/// The last result, and its time.
#[derive(Debug, Default)]
pub struct StatusCache(Mutex<Option<(Instant, Vec<Dependency>)>>);

impl StatusCache {
    /// Requests during a check wait for its result, so that a flood of requests costs the store one call.
    pub(crate) async fn get(&self, now: Instant, check: impl Future<Output = Vec<Dependency>>) -> Vec<Dependency> {
        let mut cached = self.0.lock().await;
        let is_fresh = |(at, _): &&(Instant, Vec<Dependency>)| now.saturating_duration_since(*at) < CACHED_FOR;
        if let Some((_, dependencies)) = cached.as_ref().filter(is_fresh) {
            return dependencies.clone();
        }
        let dependencies = check.await;
        *cached = Some((now, dependencies.clone()));
        dependencies
    }
}
