//! The stream positions of each lane, and the dead letters, in the data folder.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::error::Error;
use crate::home::Home;

const FILE: &str = "streams.json";
pub(crate) const DEAD_LETTERS: &str = "dead-letters.jsonl";
/// How often positions are written: a write and sync for each record would take longer than its processing.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Positions {
    /// `None` for books in memory, whose streams end with the process.
    home: Option<Home>,
    /// The sequence number of the last processed record, by lane.
    read: Mutex<BTreeMap<String, String>>,
}

impl Positions {
    pub(crate) fn open(home: Option<Home>) -> Result<Self, Error> {
        let text = home.as_ref().map(|home| home.read(FILE)).transpose()?.flatten();
        // A damaged file counts as missing: the lanes read the whole stream again.
        let read = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Ok(Self { home, read: Mutex::new(read) })
    }

    /// The last processed record of a lane.
    pub(super) fn of(&self, lane: &str) -> Option<String> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).get(lane).cloned()
    }

    pub(super) fn keep(&self, lane: &str, sequence: &str) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.insert(lane.to_owned(), sequence.to_owned());
    }

    /// Runs as long as the stack. After a kill, records since the last write are delivered again.
    pub(super) async fn save_regularly(&self) {
        let Some(home) = &self.home else { return std::future::pending().await };
        let mut written = BTreeMap::new();
        loop {
            tokio::time::sleep(PAUSE).await;
            let read = self.read.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if read != written {
                match home.write(FILE, &read) {
                    Ok(()) => written = read,
                    Err(error) => tracing::warn!(error = error.line(), "cannot save the stream positions"),
                }
            }
        }
    }

    /// Writes a dead letter, in place of the dead-letter queue in AWS.
    pub(super) fn dead_letter(&self, letter: &Value) -> Result<(), Error> {
        self.home.as_ref().map_or(Ok(()), |home| home.append(DEAD_LETTERS, &letter.to_string()))
    }
}
