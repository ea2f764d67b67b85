//! The data folder: who may use it, and what a running stack leaves in it for scripts to read.

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

/// A stack says where it is within a second of taking the lock, and a command holds it for less.
const CLAIM_TRIES: u32 = 100;
const CLAIM_PAUSE: Duration = Duration::from_millis(50);

/// The folder holds secrets and other people's balances: nobody else on the machine may read it.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

#[derive(Debug, Clone)]
pub struct Home {
    dir: PathBuf,
}

/// Only one process at a time writes to a store. The kernel lets go of this when the process ends, in whatever way.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held, not read")] File);

#[derive(Debug)]
pub enum Claim {
    Ours(Lock),
    /// A running stack has the folder; this is how to reach it.
    Theirs(Box<Running>),
}

/// `local.json`: what a script needs to talk to the running stack.
#[derive(Serialize, Deserialize)]
pub struct Running {
    pub base_url: String,
    /// The stack's store, for the AWS CLI and SDKs. Any credentials will do.
    pub dynamodb_url: String,
    pub pid: u32,
    pub stage: String,
    pub sources: BTreeMap<String, RunningSource>,
    /// Every setting that holds a secret, as a function would read it from its environment.
    pub secrets: BTreeMap<String, String>,
    /// By owner.
    pub api_keys: BTreeMap<String, String>,
    pub tables: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
pub struct RunningSource {
    pub url: String,
    /// The secret that signs: of several live ones, the first.
    pub secret: String,
}

impl Home {
    /// Says where the folder is and makes nothing.
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    pub fn open(dir: &Path) -> Result<Self, Error> {
        let mut folder = DirBuilder::new();
        folder.recursive(true).mode(FOLDER_MODE).create(dir).map_err(|error| Error::Folder(dir.to_owned(), error))?;
        // Whether it can be read and written shows here, and not only when the first secret or balance is to be kept.
        fs::read_dir(dir).map_err(|error| Error::Folder(dir.to_owned(), error))?;
        private(&dir.join(LOCK)).map_err(|error| Error::Folder(dir.to_owned(), error))?;
        Ok(Self::at(dir))
    }

    /// Whether a stack has kept its books here, or says that it runs here.
    pub fn is_used(&self) -> bool {
        [STORE, LOCAL_JSON].iter().any(|name| self.dir.join(name).exists())
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the embedded store keeps its tables.
    pub fn store(&self) -> PathBuf {
        self.dir.join(STORE)
    }

    /// The store's file with this folder's mode: the store itself would make one that everybody can read.
    pub(crate) fn prepare_store(&self) -> Result<PathBuf, Error> {
        let store = self.store();
        private(&store).map_err(|error| Error::File(store.clone(), error))?;
        Ok(store)
    }

    /// The folder, if nobody has it; otherwise whoever has it, as soon as it can be reached.
    pub async fn claim(&self) -> Result<Claim, Error> {
        for _ in 0..CLAIM_TRIES {
            if let Some(lock) = self.try_lock()? {
                // What an earlier process left behind that was killed: nobody is there any more.
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

    /// The folder to oneself for a moment, to write a file that others may be about to write.
    pub(crate) fn alone(&self) -> Result<Lock, Error> {
        let of_folder = |error| Error::Folder(self.dir.clone(), error);
        let folder = File::open(&self.dir).map_err(of_folder)?;
        folder.lock().map_err(of_folder)?;
        Ok(Lock(folder))
    }

    /// What the running stack says of itself. It may have been killed since.
    pub fn running(&self) -> Result<Option<Running>, Error> {
        let Some(text) = self.read(LOCAL_JSON)? else {
            return Ok(None);
        };
        let path = || self.dir.join(LOCAL_JSON);
        serde_json::from_str(&text).map(Some).map_err(|_| Error::Unreadable(path()))
    }

    /// Stands for as long as what is returned.
    pub fn announce(&self, running: &Running) -> Result<Announced, Error> {
        self.write(LOCAL_JSON, running)?;
        Ok(Announced(self.clone()))
    }

    fn retract(&self) {
        // Mostly there is none.
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

    /// All of it or nothing: a reader never sees half a file.
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

    /// One more line of a file that only grows.
    pub(crate) fn append(&self, name: &str, line: &str) -> Result<(), Error> {
        let path = self.dir.join(name);
        let appended = OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(&path).and_then(|mut file| {
            file.write_all(format!("{line}\n").as_bytes())?;
            file.sync_all()
        });
        appended.map_err(|error| Error::File(path, error))
    }
}

/// While this lives, `local.json` stands.
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

// By hand: it has every secret.

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
