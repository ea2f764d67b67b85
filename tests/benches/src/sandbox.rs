//! One process, as a sandbox of Lambda runs it, and what the system says of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::clock::instant;
use crate::error::Error;
use crate::runtime_api::{Answer, RuntimeApi};
use crate::store::Store;
use crate::subject::Program;

/// A sandbox that does not poll by then does not start.
const START_MAX: Duration = Duration::from_secs(30);

/// The share of a processor that Lambda gives to 128 MB: 128/1,769, in periods of 20 ms.
const PERIOD_US: u32 = 20_000;
const QUOTA_US: u32 = 1_447;

/// The group of the throttled sandbox, in the first and in the second version of control groups.
const GROUPS: [&str; 2] = ["/sys/fs/cgroup/cpu/hookledger-bench", "/sys/fs/cgroup/hookledger-bench"];

pub(crate) struct Sandbox {
    child: Child,
    api: RuntimeApi,
    /// From the start of the process to its first poll.
    pub(crate) started_in: Duration,
    answers: u64,
}

/// What the system says of a process, also while it serves.
pub(crate) struct Process {
    status: PathBuf,
}

impl Sandbox {
    pub(crate) async fn start(program: &Program, log: &Path) -> Result<Self, Error> {
        let api = RuntimeApi::serve().await?;
        let log = fs::File::options().create(true).append(true).open(log)?;
        let mut command = Command::new(&program.path);
        command.args(&program.arguments).current_dir(&program.folder).env_clear();
        command.envs(program.settings.iter().map(|(name, value)| (name, value)));
        command.env("AWS_LAMBDA_RUNTIME_API", api.address.to_string()).env("LAMBDA_TASK_ROOT", &program.folder);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let began = instant();
        let child = command.spawn()?;
        let mut sandbox = Self { child, api, started_in: Duration::ZERO, answers: 0 };
        let polled: Instant = match tokio::time::timeout(START_MAX, sandbox.api.first_poll()).await {
            Ok(polled) => polled?,
            Err(_) => return Err(Error::failed(format!("{} does not start", program.path.display()))),
        };
        sandbox.started_in = polled.saturating_duration_since(began);
        Ok(sandbox)
    }

    /// The answer to an event; `None` if the function did not answer within its timeout, or the store's fault killed it.
    /// Lambda kills a sandbox at its timeout, too.
    pub(crate) async fn invoke(&mut self, event: String, timeout: Duration, store: &Store) -> Option<Answer> {
        let answer = tokio::select! {
            answer = self.api.invoke(event, timeout) => answer,
            () = store.killing() => None,
            () = tokio::time::sleep(timeout) => None,
        };
        match &answer {
            Some(_) => {
                self.answers = self.answers.saturating_add(1);
                // What it does after its answer belongs to the event.
                let _ = tokio::time::timeout(timeout, self.api.polled(self.answers.saturating_add(1))).await;
            }
            None => self.kill(),
        }
        answer
    }

    /// Ends it in a way that valgrind still writes its counts.
    pub(crate) fn terminate(&mut self) -> Result<(), Error> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        self.child.wait()?;
        Ok(())
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The processor's time of all its threads so far.
    pub(crate) fn cpu(&self) -> Result<Duration, Error> {
        let mut spent = Duration::ZERO;
        for thread in fs::read_dir(self.proc("task"))? {
            let text = fs::read_to_string(thread?.path().join("schedstat"))?;
            let ns = text.split(' ').next().and_then(|ns| ns.parse().ok());
            spent = spent.saturating_add(Duration::from_nanos(ns.unwrap_or_default()));
        }
        Ok(spent)
    }

    /// Its resident memory, in KiB.
    pub(crate) fn resident_kib(&self) -> Result<u64, Error> {
        self.process().resident_kib()
    }

    pub(crate) fn process(&self) -> Process {
        Process { status: self.proc("status") }
    }

    fn proc(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.child.id().to_string()).join(name)
    }

    /// From now on it has the processor's time of 128 MB. Lambda throttles no sandbox before its first poll.
    pub(crate) fn throttle(&self) -> Result<(), Error> {
        fs::write(throttled_group()?.join("cgroup.procs"), self.child.id().to_string())?;
        Ok(())
    }
}

/// A control group with the quota of 128 MB. The system lets root make one.
pub(crate) fn throttled_group() -> Result<&'static Path, Error> {
    let [first, second] = GROUPS.map(Path::new);
    let group = if first.parent().is_some_and(Path::exists) { first } else { second };
    fs::create_dir_all(group)?;
    if group == first {
        fs::write(group.join("cpu.cfs_period_us"), PERIOD_US.to_string())?;
        fs::write(group.join("cpu.cfs_quota_us"), QUOTA_US.to_string())?;
    } else {
        fs::write(group.join("cpu.max"), format!("{QUOTA_US} {PERIOD_US}"))?;
    }
    Ok(group)
}

impl Process {
    pub(crate) fn resident_kib(&self) -> Result<u64, Error> {
        let status = fs::read_to_string(&self.status)?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        kib.ok_or_else(|| Error::failed("the system does not say how much memory a process has"))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.kill();
        for group in GROUPS {
            let _ = fs::remove_dir(group);
        }
    }
}
