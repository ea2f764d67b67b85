//! An outbox in a folder: one file an event, which exists until the event is accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ledger::{Fingerprint, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::fs;
use tokio::io::AsyncWriteExt as _;

use crate::Event;
use crate::outbox::{Outbox, OutboxError, Waiting};

const LOCK: &str = "lock";
const WAITING: &str = "waiting";
const REFUSED: &str = "refused";
const TEMPORARY: &str = "tmp";

/// A folder with `waiting/` and `refused/`. One process has it open at a time.
#[derive(Debug)]
pub struct FileOutbox {
    folder: PathBuf,
    /// Held for as long as the outbox is open.
    _lock: File,
    index: Mutex<Index>,
}

/// Which events wait, and from when on they are due. A file says neither: after a start each is due at once.
#[derive(Debug, Default)]
struct Index {
    due: BTreeSet<(Timestamp, String)>,
    waiting: BTreeMap<String, (Timestamp, u32)>,
}

impl Index {
    fn set(&mut self, id: &str, due_at: Timestamp, rounds: u32) {
        self.remove(id);
        self.waiting.insert(id.to_owned(), (due_at, rounds));
        self.due.insert((due_at, id.to_owned()));
    }

    /// Whether no event waits under this id.
    fn reserve(&mut self, id: &str, due_at: Timestamp) -> bool {
        let is_new = !self.waiting.contains_key(id);
        if is_new {
            self.set(id, due_at, 0);
        }
        is_new
    }

    fn remove(&mut self, id: &str) {
        if let Some((due_at, _)) = self.waiting.remove(id) {
            self.due.remove(&(due_at, id.to_owned()));
        }
    }

    fn take(&mut self, now: Timestamp, until: Timestamp, limit: usize) -> Vec<(String, u32)> {
        let due = self.due.iter().take_while(|(due_at, _)| *due_at <= now).take(limit);
        let taken: Vec<String> = due.map(|(_, id)| id.clone()).collect();
        let lease = |id: String| {
            let rounds = self.waiting.get(&id).map_or(0, |(_, rounds)| *rounds);
            self.set(&id, until, rounds);
            (id, rounds)
        };
        taken.into_iter().map(lease).collect()
    }
}

/// An event that the receiver has refused.
#[derive(Serialize, Deserialize)]
struct Refused {
    #[serde(flatten)]
    event: Event,
    why: String,
}

impl FileOutbox {
    /// Opens the folder, or makes it. What waits in it is due at once.
    pub async fn open(folder: &Path) -> Result<Self, OutboxError> {
        for part in [WAITING, REFUSED] {
            fs::create_dir_all(folder.join(part)).await.map_err(|error| unavailable(folder, &error))?;
        }
        let lock = File::create(folder.join(LOCK)).map_err(|error| unavailable(folder, &error))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OutboxError::InUse(folder.display().to_string()),
            TryLockError::Error(error) => unavailable(folder, &error),
        })?;
        let outbox = Self { folder: folder.to_owned(), _lock: lock, index: Mutex::default() };
        outbox.load().await?;
        Ok(outbox)
    }

    async fn load(&self) -> Result<(), OutboxError> {
        let folder = self.folder.join(WAITING);
        let mut files = fs::read_dir(&folder).await.map_err(|error| unavailable(&folder, &error))?;
        while let Some(file) = files.next_entry().await.map_err(|error| unavailable(&folder, &error))? {
            let path = file.path();
            if path.extension().is_some_and(|extension| extension == TEMPORARY) {
                // Its process died before `put` returned.
                fs::remove_file(&path).await.map_err(|error| unavailable(&path, &error))?;
                continue;
            }
            let event = read(&path).await?;
            self.index().set(&event.id, Timestamp::EPOCH, 0);
        }
        Ok(())
    }

    /// What waits, by id. For a person: some of it may be under way.
    pub fn waiting(&self) -> Vec<String> {
        self.index().waiting.keys().cloned().collect()
    }

    fn index(&self) -> std::sync::MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An id may have any character, so its file is named by its hash.
    fn path(&self, part: &str, id: &str) -> PathBuf {
        self.folder.join(part).join(format!("{}.json", Fingerprint::of(1, &[("id", id)])))
    }

    /// Whole or not at all, and on the disk when it returns.
    async fn write(&self, path: &Path, contents: &impl Serialize) -> Result<(), OutboxError> {
        let failed = |error: &dyn Display| unavailable(path, error);
        let text = serde_json::to_vec(contents).map_err(|error| failed(&error))?;
        let temporary = path.with_extension(TEMPORARY);
        let mut file = fs::File::create(&temporary).await.map_err(|error| failed(&error))?;
        file.write_all(&text).await.map_err(|error| failed(&error))?;
        file.sync_all().await.map_err(|error| failed(&error))?;
        fs::rename(&temporary, path).await.map_err(|error| failed(&error))?;
        let folder = path.parent().unwrap_or(&self.folder);
        let folder = fs::File::open(folder).await.map_err(|error| failed(&error))?;
        folder.sync_all().await.map_err(|error| failed(&error))
    }
}

impl Outbox for FileOutbox {
    async fn put(&self, event: &Event, due_at: Timestamp) -> Result<(), OutboxError> {
        let path = self.path(WAITING, &event.id);
        if !self.index().reserve(&event.id, due_at) {
            let is_same = read(&path).await? == *event;
            return if is_same { Ok(()) } else { Err(OutboxError::Conflict(event.id.clone())) };
        }
        let written = self.write(&path, event).await;
        if written.is_err() {
            self.index().remove(&event.id);
        }
        written
    }

    async fn take(&self, now: Timestamp, until: Timestamp, limit: usize) -> Result<Vec<Waiting>, OutboxError> {
        let taken = self.index().take(now, until, limit);
        let mut events = Vec::with_capacity(taken.len());
        for (id, rounds) in taken {
            events.push(Waiting { event: read(&self.path(WAITING, &id)).await?, rounds });
        }
        Ok(events)
    }

    async fn postpone(&self, id: &str, due_at: Timestamp, rounds: u32) -> Result<(), OutboxError> {
        self.index().set(id, due_at, rounds);
        Ok(())
    }

    async fn remove(&self, id: &str) -> Result<(), OutboxError> {
        let path = self.path(WAITING, id);
        fs::remove_file(&path).await.map_err(|error| unavailable(&path, &error))?;
        self.index().remove(id);
        Ok(())
    }

    async fn set_aside(&self, id: &str, why: &str) -> Result<(), OutboxError> {
        let event = read(&self.path(WAITING, id)).await?;
        self.write(&self.path(REFUSED, id), &Refused { event, why: why.to_owned() }).await?;
        self.remove(id).await
    }
}

async fn read(path: &Path) -> Result<Event, OutboxError> {
    let text = fs::read(path).await.map_err(|error| unavailable(path, &error))?;
    // The position of the error and no more: it would quote the body.
    serde_json::from_slice(&text).map_err(|error| unavailable(path, &format!("no event at column {}", error.column())))
}

fn unavailable(path: &Path, error: &dyn Display) -> OutboxError {
    OutboxError::Unavailable(format!("{}: {error}", path.display()))
}
