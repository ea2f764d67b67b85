//! One webhook, the same at each attempt.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A webhook as JSON, under an id that no other has.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub id: String,
    pub body: String,
}

/// Without the body, which may name a person.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("id", &self.id).finish_non_exhaustive()
    }
}
