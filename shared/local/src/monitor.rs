//! What the console knows of this machine beside the books: the series of metrics, and the dead letters of the streams.
//! There are no alarms here.

use std::path::PathBuf;

use console::{DeadLetters, Monitor, MonitorError, Ringing};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use insight::{Series, SeriesParts as _, SeriesQuery};
use ledger::Timestamp;
use serde_json::Value;

use crate::LocalMetrics;
use crate::home::Home;
use crate::stream::DEAD_LETTERS;

/// The files of a running stack.
#[derive(Debug, Clone)]
pub(crate) struct LocalMonitor {
    pub(crate) metrics: PathBuf,
    /// `None` for books in memory, whose dead letters are not kept.
    pub(crate) home: Option<Home>,
}

impl LocalMonitor {
    async fn read_series(&self, query: &SeriesQuery) -> Result<Option<Vec<Series>>, MonitorError> {
        // Opened for each page, since the log of a stack makes the file after its functions.
        Ok(Some(LocalMetrics::open(&self.metrics)?.parts(query).await?))
    }

    fn read_dead_letters(&self, now: Timestamp) -> Result<Option<Vec<DeadLetters>>, MonitorError> {
        let Some(home) = &self.home else { return Ok(None) };
        let text = home.read(DEAD_LETTERS)?.unwrap_or_default();
        let letters = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let at = |letter: Value| Timestamp::parse_rfc3339(letter.get("at")?.as_str()?).ok();
        let times: Vec<Option<Timestamp>> = letters.map(at).collect();
        let oldest = times.iter().flatten().min();
        Ok(Some(vec![DeadLetters {
            queue: DEAD_LETTERS.to_owned(),
            count: u64::try_from(times.len()).unwrap_or(u64::MAX),
            oldest_s: oldest.filter(|at| **at <= now).map(|at| now.seconds_apart(*at)),
        }]))
    }
}

impl Monitor for LocalMonitor {
    fn series<'m>(&'m self, query: &'m SeriesQuery) -> BoxFuture<'m, Result<Option<Vec<Series>>, MonitorError>> {
        self.read_series(query).boxed()
    }

    fn alarms(&self, _: Timestamp) -> BoxFuture<'_, Result<Option<Vec<Ringing>>, MonitorError>> {
        Box::pin(ready(Ok(None)))
    }

    fn dead_letters(&self, now: Timestamp) -> BoxFuture<'_, Result<Option<Vec<DeadLetters>>, MonitorError>> {
        Box::pin(ready(self.read_dead_letters(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn dead_letters_of_the_folder_are_counted_with_the_age_of_the_oldest() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path()).unwrap();
        let monitor = LocalMonitor { metrics: home.metrics(false), home: Some(home.clone()) };
        let now = Timestamp::parse_rfc3339("2026-01-01T12:00:00Z").unwrap();
        let found = async || monitor.dead_letters(now).await.unwrap().unwrap();
        let of = |count, oldest_s| [DeadLetters { queue: DEAD_LETTERS.to_owned(), count, oldest_s }];
        assert_eq!(found().await, of(0, None));
        home.append(DEAD_LETTERS, r#"{"function":"fulfil","order":"HL1"}"#).unwrap();
        assert_eq!(found().await, of(1, None), "one of an earlier build has no time");
        for clock in ["11:59:00", "11:58:00"] {
            home.append(DEAD_LETTERS, &format!(r#"{{"at":"2026-01-01T{clock}Z","function":"fulfil"}}"#)).unwrap();
        }
        assert_eq!(found().await, of(3, Some(120)));
        let in_memory = LocalMonitor { metrics: home.metrics(true), home: None };
        assert_eq!(in_memory.dead_letters(now).await.unwrap(), None);
        let query = SeriesQuery::until(now, 60, 60, &[]);
        assert_eq!(in_memory.series(&query).await.unwrap(), Some(Vec::new()), "no stack has served here");
    }
}
