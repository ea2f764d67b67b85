//! Whether what a source rests on answers, which anybody may ask: it is looked at once in half a minute and no more.

use std::time::{Duration, Instant};

use futures_util::lock::Mutex;

use crate::Dependency;

const CACHED_FOR: Duration = Duration::from_secs(30);
/// The same for whatever is between us and the one who asks.
pub(crate) const CACHE_CONTROL: &str = "max-age=30";

/// What was seen last, and when.
#[derive(Debug, Default)]
pub struct StatusCache(Mutex<Option<(Instant, Vec<Dependency>)>>);

impl StatusCache {
    /// Requests that come while one of them looks wait for what it sees: a flood of them costs the store one call.
    pub(crate) async fn get(&self, now: Instant, look: impl Future<Output = Vec<Dependency>>) -> Vec<Dependency> {
        let mut seen = self.0.lock().await;
        let is_fresh = |(at, _): &&(Instant, Vec<Dependency>)| now.saturating_duration_since(*at) < CACHED_FOR;
        if let Some((_, dependencies)) = seen.as_ref().filter(is_fresh) {
            return dependencies.clone();
        }
        let dependencies = look.await;
        *seen = Some((now, dependencies.clone()));
        dependencies
    }
}
