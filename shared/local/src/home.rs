//! The data folder: its lock, its file modes, and `local.json`, which the running stack writes for scripts.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Error;

const LOCAL_JSON: &str = "local.json";
const LOCK: &str = "lock";
const STORE: &str = "store.db";
const METRICS: &str = "metrics.db";
const METRICS_IN_MEMORY: &str = "metrics-memory.db";

/// A stack writes `local.json` within a second of taking the lock, and a command holds the lock for less.
const CLAIM_TRIES: u32 = 100;
const CLAIM_PAUSE: Duration = Duration::from_millis(50);

/// The folder holds secrets and balances: no other user of the machine may read it.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// A data folder.
#[derive(Debug, Clone)]
pub struct Home {
    dir: PathBuf,
}

/// The lock of the store: one process at a time writes to it. The kernel releases it when the process ends, also when it is killed.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held, not read")] File);

/// Who holds the data folder.
#[derive(Debug)]
pub enum Claim {
    /// This process.
    Ours(Lock),
    /// A running stack, with the way to reach it.
    Theirs(Box<Running>),
}

/// `local.json`: the URLs, secrets and keys of the running stack.
#[derive(Serialize, Deserialize)]
pub struct Running {
    pub base_url: String,
    /// The stack's store, for the AWS CLI and SDKs, which may use any credentials.
    pub dynamodb_url: String,
    /// Whether its books are in memory.
    #[serde(default)]
    pub in_memory: bool,
    pub pid: u32,
    pub stage: String,
    pub sources: BTreeMap<String, RunningSource>,
    /// Every setting that holds a secret, as a function reads it from its environment.
    pub secrets: BTreeMap<String, String>,
    /// By owner.
    pub api_keys: BTreeMap<String, String>,
    pub tables: BTreeMap<String, String>,
    /// By function: the URL at which it sends its replies in parts.
    #[serde(default)]
    pub function_urls: BTreeMap<String, String>,
    /// The console: its first page, or the link of a first sign-in, which works once.
    #[serde(default)]
    pub console_url: String,
}

/// A source of the running stack.
#[derive(Serialize, Deserialize)]
pub struct RunningSource {
    pub url: String,
    /// The secret that signs: the first of several live ones.
    pub secret: String,
}

impl Home {
    /// Names the folder and creates nothing.
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Creates the folder if it is missing, and checks that it can be read and written.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let mut folder = DirBuilder::new();
        folder.recursive(true).mode(FOLDER_MODE).create(dir).map_err(|error| Error::Folder(dir.to_owned(), error))?;
        // Fail here, and not when the first secret or balance is written.
        fs::read_dir(dir).map_err(|error| Error::Folder(dir.to_owned(), error))?;
        private(&dir.join(LOCK)).map_err(|error| Error::Folder(dir.to_owned(), error))?;
        Ok(Self::at(dir))
    }

    /// Whether the folder has a store, or a stack in memory runs here.
    pub fn is_used(&self) -> bool {
        [STORE, LOCAL_JSON].iter().any(|name| self.dir.join(name).exists())
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file of the embedded store.
    pub fn store(&self) -> PathBuf {
        self.dir.join(STORE)
    }

    /// The file of the metrics: those of books in memory are apart.
    pub fn metrics(&self, in_memory: bool) -> PathBuf {
        self.dir.join(if in_memory { METRICS_IN_MEMORY } else { METRICS })
    }

    /// That of the running stack, or of the folder.
    pub fn metrics_of_stack(&self) -> Result<PathBuf, Error> {
        Ok(self.metrics(self.running()?.is_some_and(|running| running.in_memory)))
    }

    pub(crate) fn prepare_metrics(&self, in_memory: bool) -> Result<PathBuf, Error> {
        let path = self.metrics(in_memory);
        private(&path).map_err(|error| Error::File(path.clone(), error))?;
        Ok(path)
    }

    /// Creates the store's file with the mode of secrets, since the store itself would create it readable for all users.
    pub(crate) fn prepare_store(&self) -> Result<PathBuf, Error> {
        let store = self.store();
        private(&store).map_err(|error| Error::File(store.clone(), error))?;
        Ok(store)
    }

    /// Takes the lock of a free folder; otherwise waits until the stack that holds it can be reached.
    pub async fn claim(&self) -> Result<Claim, Error> {
        for _ in 0..CLAIM_TRIES {
            if let Some(lock) = self.try_lock()? {
                // The lock is ours, so this file is left over from a process that was killed.
                self.retract();
                return Ok(Claim::Ours(lock));
            }
            if let Some(running) = self.running()? {
                return Ok(Claim::Theirs(Box::new(running)));
            }
            tokio::time::sleep(CLAIM_PAUSE).await;
        }
        Err(Error::Busy(self.dir.clone()))
    }

    fn try_lock(&self) -> Result<Option<Lock>, Error> {
        let path = self.dir.join(LOCK);
        let of_file = |error| Error::File(path.clone(), error);
        let file = private(&path).map_err(of_file)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(of_file(error)),
        }
    }

    /// Locks the folder for a moment, to write a file that another process may write too.
    pub(crate) fn lock_folder(&self) -> Result<Lock, Error> {
        let of_folder = |error| Error::Folder(self.dir.clone(), error);
        let folder = File::open(&self.dir).map_err(of_folder)?;
        folder.lock().map_err(of_folder)?;
        Ok(Lock(folder))
    }

    /// The content of `local.json`. Its stack may have been killed since.
    pub fn running(&self) -> Result<Option<Running>, Error> {
        let Some(text) = self.read(LOCAL_JSON)? else {
            return Ok(None);
        };
        let path = || self.dir.join(LOCAL_JSON);
        serde_json::from_str(&text).map(Some).map_err(|_| Error::Unreadable(path()))
    }

    /// Writes `local.json`, which exists as long as the returned value.
    pub fn announce(&self, running: &Running) -> Result<Announced, Error> {
        self.write(LOCAL_JSON, running)?;
        Ok(Announced(self.clone()))
    }

    fn retract(&self) {
        // The file is usually missing.
        let _ = fs::remove_file(self.dir.join(LOCAL_JSON));
    }

    pub(crate) fn read(&self, name: &str) -> Result<Option<String>, Error> {
        let path = self.dir.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::File(path, error)),
        }
    }

    /// Writes atomically: a reader never sees half a file.
    pub(crate) fn write(&self, name: &str, content: &impl Serialize) -> Result<(), Error> {
        let path = self.dir.join(name);
        let draft = self.dir.join(format!("{name}.{}", std::process::id()));
        let written = serde_json::to_vec_pretty(content).map_err(io::Error::from).and_then(|text| {
            let mut file = private(&draft)?;
            file.set_len(0)?;
            file.write_all(&text)?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::rename(&draft, &path)
        });
        written.map_err(|error| Error::File(path, error))
    }

    /// Appends a line.
    pub(crate) fn append(&self, name: &str, line: &str) -> Result<(), Error> {
        let path = self.dir.join(name);
        let appended = OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(&path).and_then(|mut file| {
            file.write_all(format!("{line}\n").as_bytes())?;
            file.sync_all()
        });
        appended.map_err(|error| Error::File(path, error))
    }
}

/// Removes `local.json` when it is dropped.
#[derive(Debug)]
pub struct Announced(Home);

impl Drop for Announced {
    fn drop(&mut self) {
        self.0.retract();
    }
}

fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(FILE_MODE).open(path)
}

// Written by hand, since these hold secrets.

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl fmt::Debug for RunningSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningSource").field("url", &self.url).finish_non_exhaustive()
    }
}
