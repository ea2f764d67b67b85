//! Sandboxes: a function with its caches, its clock and its network. A warm one is used again; one that dies is replaced
//! by a cold one.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use edge::Invocation;

use crate::faults::Calls;
use crate::net::Nets;
use crate::port::PortLedger;
use crate::secrets::Secrets;

/// What a function is assembled over.
pub(crate) struct Parts {
    pub(crate) ledger: PortLedger,
    pub(crate) nets: Nets,
    pub(crate) rng: fastrand::Rng,
    pub(crate) secrets: Secrets,
    pub(crate) calls: Calls,
    /// The providers that a deployment may do without.
    pub(crate) optional: Optional,
    /// The invocation for which the sandbox starts.
    pub(crate) invocation: Invocation,
}

/// Providers that only some worlds have: each makes every sandbox dearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Optional {
    pub(crate) wechat: Option<WechatInterface>,
    pub(crate) fireblocks: bool,
    /// An LLM gateway whose log is read.
    pub(crate) gateway: bool,
}

/// How a deployment calls WeChat Pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WechatInterface {
    V3,
    /// Through our forwarder in WeChat's cloud.
    CloudRun,
}

/// A function as a sandbox runs it.
pub(crate) trait Deployed: Sized {
    const FUNCTION: &'static str;
    /// How long it may work, as the runtime limits it.
    const PATIENCE: Duration;

    /// Assembles it in a cold sandbox. `None`: it does not start, since its keys could not be fetched.
    fn open(parts: Parts) -> impl Future<Output = Option<Self>>;
}

pub(crate) struct Sandbox<F> {
    pub(crate) function: F,
    pub(crate) calls: Calls,
    /// How far its wall clock is off.
    pub(crate) skew_ms: i64,
}

/// The sandboxes of one function that wait for an invocation.
pub(crate) struct Pool<F>(Mutex<Vec<Sandbox<F>>>);

impl<F> Default for Pool<F> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<F> fmt::Debug for Pool<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool")
    }
}

impl<F> Pool<F> {
    /// A warm sandbox. `None`: the invocation gets a cold one, as one in eight does although others are warm.
    pub(crate) fn take(&self, rng: &mut fastrand::Rng) -> Option<Sandbox<F>> {
        let mut warm = self.0.lock().expect("one thread");
        if warm.is_empty() || rng.u8(0..8) == 0 {
            return None;
        }
        let chosen = rng.usize(0..warm.len());
        Some(warm.swap_remove(chosen))
    }

    pub(crate) fn put(&self, sandbox: Sandbox<F>) {
        self.0.lock().expect("one thread").push(sandbox);
    }
}
