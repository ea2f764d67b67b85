//! What stands in the place of a function that has nothing to do in this deployment.

use std::time::Duration;

use crate::{Invocation, Reply, Service};

/// Whatever is asked is not here. No key is fetched and the store is not asked: whoever tries every address of an API costs nothing and
/// wakes nobody.
#[derive(Debug)]
pub struct Unconfigured {
    pub source: &'static str,
}

impl Service for Unconfigured {
    const REPLY_WITHIN: Duration = Duration::from_secs(1);

    async fn answer(&self, _: &str, invocation: &Invocation) -> Reply {
        crate::line(self.source, None, "not_set_up", None, invocation);
        Reply::empty(404)
    }
}

/// A function, or what stands in its place where a deployment has not configured it.
#[derive(Debug)]
pub enum Configured<S> {
    Function(S),
    Unconfigured(Unconfigured),
}

impl<S: Service> Service for Configured<S> {
    const REPLY_WITHIN: Duration = S::REPLY_WITHIN;

    async fn answer(&self, event: &str, invocation: &Invocation) -> Reply {
        match self {
            Self::Function(function) => function.answer(event, invocation).await,
            Self::Unconfigured(absent) => absent.answer(event, invocation).await,
        }
    }
}
