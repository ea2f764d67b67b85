//! The integrity check of the store's file, on a thread of its own: a start waits for it only for a moment, since it reads
//! the whole file.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use crate::error::Error;

/// A larger file is served while its check goes on.
const START_WAITS: Duration = Duration::from_secs(1);

/// A check in progress.
pub(crate) struct IntegrityCheck {
    path: PathBuf,
    finding: oneshot::Receiver<String>,
}

impl IntegrityCheck {
    /// Checks the file, so that damage does not surface in the middle of an event. `Some` if it takes long.
    pub(crate) async fn of(path: &Path) -> Result<Option<Self>, Error> {
        let (found, mut finding) = oneshot::channel();
        let file = path.to_owned();
        // A thread and no task: the runtime waits for its own blocking tasks before it ends.
        thread::spawn(move || found.send(check(&file)));
        match tokio::time::timeout(START_WAITS, &mut finding).await {
            Ok(finding) => verdict(path, finding.unwrap_or_default()).map(|()| None),
            Err(_) => Ok(Some(Self { path: path.to_owned(), finding })),
        }
    }

    /// Completes only if the file is damaged.
    pub(crate) async fn damage(self) -> Error {
        match verdict(&self.path, self.finding.await.unwrap_or_default()) {
            Err(error) => error,
            Ok(()) => std::future::pending().await,
        }
    }
}

/// What is wrong, in the words of the database, or `ok`.
fn check(path: &Path) -> String {
    let opened = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE);
    let checked = opened.and_then(|store| store.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)));
    checked.unwrap_or_else(|error| error.to_string())
}

fn verdict(path: &Path, what: String) -> Result<(), Error> {
    if what == "ok" { Ok(()) } else { Err(Error::Damaged { path: path.to_owned(), what }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paused clock ends the start's wait at once, so that the check is usually still in progress.
    #[tokio::test(start_paused = true)]
    async fn damage_is_found_after_the_start_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.db");
        std::fs::write(&path, "garbage ".repeat(1_000)).expect("a file");
        for _ in 0..10 {
            let error = match IntegrityCheck::of(&path).await {
                Err(error) => error,
                Ok(Some(checking)) => checking.damage().await,
                Ok(None) => panic!("the file is damaged"),
            };
            assert!(matches!(&error, Error::Damaged { path: named, .. } if *named == path), "{error}");
        }
    }
}
