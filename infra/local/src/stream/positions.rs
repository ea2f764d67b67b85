//! How far each function has read its stream, and what it could not work off: in the data folder.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::error::Error;
use crate::home::Home;

const FILE: &str = "streams.json";
const DEAD_LETTERS: &str = "dead-letters.jsonl";

pub(crate) struct Positions {
    /// None of a stack that keeps its books in memory: its streams end with it.
    home: Option<Home>,
    /// By the function, the sequence number of the last record that it is done with.
    read: Mutex<BTreeMap<String, String>>,
}

impl Positions {
    pub(crate) fn open(home: Option<Home>) -> Result<Self, Error> {
        let text = home.as_ref().map(|home| home.read(FILE)).transpose()?.flatten();
        // A file that cannot be read is as good as none: everything that is still there is seen again.
        let read = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Ok(Self { home, read: Mutex::new(read) })
    }

    pub(super) fn of(&self, function: &str) -> Option<String> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).get(function).cloned()
    }

    pub(super) fn keep(&self, function: &str, sequence: &str) -> Result<(), Error> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.insert(function.to_owned(), sequence.to_owned());
        self.home.as_ref().map_or(Ok(()), |home| home.write(FILE, &*read))
    }

    /// What the queue for failures is in AWS.
    pub(super) fn bury(&self, letter: &Value) -> Result<(), Error> {
        self.home.as_ref().map_or(Ok(()), |home| home.append(DEAD_LETTERS, &letter.to_string()))
    }
}
