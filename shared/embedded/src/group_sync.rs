//! Group commit: nothing is answered before the writes that it may show are on the disk, and one sync of the log serves all
//! answers that wait at the time.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use tokio::sync::oneshot;

/// The thread that syncs the log of a store's file. It ends with the store.
#[derive(Debug)]
pub(crate) struct GroupSync {
    waiting: mpsc::Sender<Waiting>,
    /// The number of writes that are on the disk.
    synced: Arc<AtomicU64>,
}

/// An answer, and the number of writes that it may show.
struct Waiting {
    written: u64,
    synced: oneshot::Sender<bool>,
}

impl GroupSync {
    pub(crate) fn of(store: &Path) -> Self {
        let mut log = store.as_os_str().to_owned();
        log.push("-wal");
        let (waiting, queue) = mpsc::channel();
        let synced = Arc::new(AtomicU64::new(0));
        let done = Arc::clone(&synced);
        thread::spawn(move || sync_groups(&queue, Path::new(&log), &done));
        Self { waiting, synced }
    }

    /// Waits until so many writes are on the disk; `false` if that is unknown.
    pub(crate) async fn wait(&self, written: u64) -> bool {
        if self.synced.load(Ordering::Acquire) >= written {
            return true;
        }
        let (synced, answer) = oneshot::channel();
        let sent = self.waiting.send(Waiting { written, synced });
        sent.is_ok() && answer.await.unwrap_or(false)
    }
}

fn sync_groups(queue: &mpsc::Receiver<Waiting>, log: &Path, done: &AtomicU64) {
    // After a failed sync the system may drop what it could not write, and the next sync would succeed without it.
    let mut is_intact = true;
    let mut file = None;
    while let Ok(first) = queue.recv() {
        // Each of them waits for writes that are in the file by now.
        let group: Vec<Waiting> = std::iter::once(first).chain(queue.try_iter()).collect();
        is_intact = is_intact && sync(&mut file, log).inspect_err(|error| report(log, error)).is_ok();
        if is_intact && let Some(written) = group.iter().map(|waiting| waiting.written).max() {
            done.fetch_max(written, Ordering::Release);
        }
        for waiting in group {
            // Its caller may have given up.
            let _ = waiting.synced.send(is_intact);
        }
    }
}

/// Once: from here on each answer is an error, and only this line says why.
fn report(log: &Path, error: &io::Error) {
    tracing::error!(
        log = %log.display(),
        %error,
        "the disk did not confirm a write, so no more requests are acknowledged: free or repair the disk, then restart"
    );
}

/// The log is there as soon as something was written, and stays for as long as the store is open.
fn sync(file: &mut Option<File>, log: &Path) -> io::Result<()> {
    match file {
        Some(file) => file.sync_data(),
        None => file.insert(File::open(log)?).sync_data(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sync_that_failed_is_never_followed_by_an_answer() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = folder.path().join("store.db");
        let sync = GroupSync::of(&store);
        assert!(sync.wait(0).await, "nothing was written");
        assert!(!sync.wait(1).await, "there is no log");
        std::fs::write(folder.path().join("store.db-wal"), "frames").expect("a log");
        assert!(!sync.wait(1).await, "the log may lack what was written before");
        assert!(GroupSync::of(&store).wait(1).await);
    }
}
