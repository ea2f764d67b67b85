//! How far each function has read its stream, and what it could not work off: in the data folder.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::error::Error;
use crate::home::Home;

const FILE: &str = "streams.json";
const DEAD_LETTERS: &str = "dead-letters.jsonl";
/// A file that is written down to the disk at each record would take longer than the work.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Positions {
    /// None of a stack that keeps its books in memory: its streams end with it.
    home: Option<Home>,
    /// By the lane, the sequence number of the last record that it is done with.
    read: Mutex<BTreeMap<String, String>>,
}

impl Positions {
    pub(crate) fn open(home: Option<Home>) -> Result<Self, Error> {
        let text = home.as_ref().map(|home| home.read(FILE)).transpose()?.flatten();
        // A file that cannot be read is as good as none: everything that is still there is seen again.
        let read = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Ok(Self { home, read: Mutex::new(read) })
    }

    pub(super) fn of(&self, lane: &str) -> Option<String> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).get(lane).cloned()
    }

    pub(super) fn keep(&self, lane: &str, sequence: &str) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.insert(lane.to_owned(), sequence.to_owned());
    }

    /// For as long as the stack runs. What a stack that is killed has not written down is seen again.
    pub(super) async fn write_down(&self) {
        let Some(home) = &self.home else { return std::future::pending().await };
        let mut written = BTreeMap::new();
        loop {
            tokio::time::sleep(PAUSE).await;
            let read = self.read.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if read != written {
                match home.write(FILE, &read) {
                    Ok(()) => written = read,
                    Err(error) => tracing::warn!(error = error.line(), "how far the streams were read is not kept"),
                }
            }
        }
    }

    /// What the queue for failures is in AWS.
    pub(super) fn bury(&self, letter: &Value) -> Result<(), Error> {
        self.home.as_ref().map_or(Ok(()), |home| home.append(DEAD_LETTERS, &letter.to_string()))
    }
}
