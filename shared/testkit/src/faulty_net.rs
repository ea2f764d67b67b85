//! Fault injection between our code and the fake of a provider, in place of the HTTP connector.

mod reply;

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use fakes::unitel::Wait;
use ledger::Timestamp;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::provider_call::ProviderCall;
pub use reply::ProviderReply;

/// A fake provider at the other end of the network.
pub trait FakeProvider: Send + Sync + 'static {
    /// The faults that only this provider has.
    type OwnFault: fmt::Debug + Clone + Copy + PartialEq + Eq + Send + Sync + 'static;

    /// The path in a URL, without the base URL.
    fn path(url: &str) -> &str;

    /// Applies the call.
    fn answer(&self, call: &ProviderCall, now_s: i64) -> ProviderReply;

    /// The reply to a call that one of its own faults meets.
    fn answer_with(&self, fault: Self::OwnFault, call: &ProviderCall, now_s: i64) -> ProviderReply;

    /// The body of an error with this status.
    fn error_body(status: u16) -> String;

    /// Its own faults, and others that depend on its API, from which a retry recovers.
    fn more_faults() -> Vec<NetFault<Self::OwnFault>>;
}

/// The fault of one call. *Applied* means that the fake provider has carried the call out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetFault<Own = Infallible> {
    None,
    /// The request is lost: not applied, no reply.
    DropRequest,
    /// The reply is lost: applied, no reply.
    DropResponse,
    /// The connection cannot be made.
    Disconnect,
    /// The connection breaks after the call is applied.
    Reset,
    /// The request arrives after this delay: a caller that has given up by then prevents it.
    Delay(Duration),
    /// Applied at once; the reply arrives after this delay.
    DelayReply(Duration),
    /// No reply, and applied after this delay: after the caller's retry.
    ApplyLate(Duration),
    /// Replies with this status; not applied.
    Status(u16),
    /// Replies with this status, although it is applied.
    StatusApplied(u16),
    /// Replies with this status and body; not applied.
    Reply(u16, &'static str),
    /// Replies with this status and body, although it is applied.
    ReplyApplied(u16, &'static str),
    /// Applied; the reply is not valid JSON.
    Garbage,
    /// Applied; the reply is cut in half.
    Truncated,
    /// Applied; in the reply the first text is replaced by the second.
    Altered(&'static str, &'static str),
    /// The sandbox dies before it sends the request.
    Kill,
    /// The sandbox dies after the call is applied, before the reply arrives.
    KillApplied,
    /// A fault that only this provider has.
    Own(Own),
}

type Plan<Own> = Box<dyn FnMut(usize, &str) -> NetFault<Own> + Send>;
type Clock = Box<dyn Fn() -> Timestamp + Send>;

/// A fake provider behind a faulty network. Clones share their state.
pub struct FaultyNet<F: FakeProvider>(Arc<Shared<F>>);

struct Shared<F: FakeProvider> {
    provider: F,
    plan: Mutex<Plan<F::OwnFault>>,
    calls: Mutex<Vec<ProviderCall>>,
    webhooks: Mutex<Vec<String>>,
    clock: Mutex<Clock>,
    killed: Notify,
}

impl<F: FakeProvider> FaultyNet<F> {
    pub fn over(provider: F) -> Self {
        Self(Arc::new(Shared {
            provider,
            plan: Mutex::new(Box::new(|_, _| NetFault::None)),
            calls: Mutex::default(),
            webhooks: Mutex::default(),
            clock: Mutex::new(Box::new(crate::now)),
            killed: Notify::new(),
        }))
    }

    /// Every fault from which a retry recovers, for tests that try them all.
    pub fn transient_faults() -> Vec<NetFault<F::OwnFault>> {
        let common = [
            NetFault::DropRequest,
            NetFault::DropResponse,
            NetFault::Disconnect,
            NetFault::Reset,
            NetFault::Status(429),
            NetFault::Status(503),
            NetFault::StatusApplied(502),
            NetFault::Garbage,
            NetFault::Truncated,
        ];
        common.into_iter().chain(F::more_faults()).collect()
    }

    /// Sets the faults of the next calls and forgets the calls so far. The plan gets the number of the call, from 0,
    /// and its endpoint.
    pub fn fail(&self, plan: impl FnMut(usize, &str) -> NetFault<F::OwnFault> + Send + 'static) {
        self.0.calls.lock().unwrap().clear();
        *self.0.plan.lock().unwrap() = Box::new(plan);
    }

    /// Ends all faults, and forgets the calls so far.
    pub fn recover(&self) {
        self.fail(|_, _| NetFault::None);
    }

    /// The calls so far, in order.
    pub fn calls(&self) -> Vec<ProviderCall> {
        self.0.calls.lock().unwrap().clone()
    }

    /// The endpoints of the calls so far, in order.
    pub fn endpoints(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.endpoint).collect()
    }

    /// The webhooks that the provider has sent since the last call of this: bodies, unsigned, in order. Those that a
    /// buyer's action causes are in the result of that action.
    pub fn webhooks(&self) -> Vec<String> {
        std::mem::take(&mut self.0.webhooks.lock().unwrap())
    }

    /// Stops the provider's clock at this time.
    pub fn set_now(&self, now: Timestamp) {
        self.set_clock(move || now);
    }

    /// Sets the provider's clock, for a test whose time advances by itself.
    pub fn set_clock(&self, clock: impl Fn() -> Timestamp + Send + 'static) {
        *self.0.clock.lock().unwrap() = Box::new(clock);
    }

    /// Returns when the sandbox dies: the caller must then drop the futures that run in it.
    pub async fn killed(&self) {
        self.0.killed.notified().await;
    }

    /// The fake, without faults between.
    pub fn provider(&self) -> &F {
        &self.0.provider
    }

    pub(crate) fn now_s(&self) -> i64 {
        self.0.now_s()
    }

    /// Sends webhooks that no API call has caused.
    pub(crate) fn send(&self, webhooks: Vec<String>) {
        self.0.webhooks.lock().unwrap().extend(webhooks);
    }
}

impl<F: FakeProvider> Clone for FaultyNet<F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<F: FakeProvider> fmt::Debug for FaultyNet<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyNet")
    }
}

impl<F: FakeProvider> HttpConnector for FaultyNet<F> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let call = ProviderCall::new(&request, F::path(request.uri()));
        let number = {
            let mut calls = self.0.calls.lock().unwrap();
            calls.push(call.clone());
            calls.len().checked_sub(1).unwrap()
        };
        let fault = (self.0.plan.lock().unwrap())(number, &call.endpoint);
        let shared = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move { shared.play(fault, call).await })
    }
}

impl<F: FakeProvider> Shared<F> {
    async fn play(
        self: Arc<Self>,
        fault: NetFault<F::OwnFault>,
        call: ProviderCall,
    ) -> Result<HttpResponse, ConnectorError> {
        match fault {
            NetFault::None => self.reply(&call).await,
            NetFault::DropRequest => std::future::pending().await,
            NetFault::DropResponse => {
                self.apply(&call);
                std::future::pending().await
            }
            NetFault::Disconnect => Err(broken()),
            NetFault::Reset => {
                self.apply(&call);
                Err(broken())
            }
            NetFault::Delay(delay) => {
                sleep(delay).await;
                self.reply(&call).await
            }
            NetFault::DelayReply(delay) => {
                let reply = self.apply(&call);
                sleep(delay).await;
                Ok(reply.response())
            }
            NetFault::ApplyLate(delay) => {
                tokio::spawn(async move {
                    sleep(delay).await;
                    self.apply(&call);
                });
                std::future::pending().await
            }
            NetFault::Status(status) => Ok(ProviderReply::of(status, F::error_body(status)).response()),
            NetFault::StatusApplied(status) => {
                self.apply(&call);
                Ok(ProviderReply::of(status, F::error_body(status)).response())
            }
            NetFault::Reply(status, body) => Ok(ProviderReply::of(status, body).response()),
            NetFault::ReplyApplied(status, body) => {
                self.apply(&call);
                Ok(ProviderReply::of(status, body).response())
            }
            NetFault::Garbage => {
                let reply = self.apply(&call);
                Ok(reply.unreadable().response())
            }
            NetFault::Truncated => {
                let reply = self.apply(&call);
                Ok(reply.cut().response())
            }
            NetFault::Altered(this, that) => {
                let reply = self.apply(&call);
                Ok(reply.altered(this, that).response())
            }
            NetFault::Kill => {
                self.killed.notify_one();
                std::future::pending().await
            }
            NetFault::KillApplied => {
                self.apply(&call);
                self.killed.notify_one();
                std::future::pending().await
            }
            NetFault::Own(fault) => {
                let reply = self.provider.answer_with(fault, &call, self.now_s());
                self.keep_webhooks(&reply);
                Ok(reply.response())
            }
        }
    }

    async fn reply(&self, call: &ProviderCall) -> Result<HttpResponse, ConnectorError> {
        let reply = self.apply(call);
        match reply.wait {
            Wait::None => {}
            Wait::Seconds(seconds) => sleep(Duration::from_secs(seconds)).await,
            Wait::ForEver => std::future::pending().await,
        }
        Ok(reply.response())
    }

    fn apply(&self, call: &ProviderCall) -> ProviderReply {
        let reply = self.provider.answer(call, self.now_s());
        self.keep_webhooks(&reply);
        reply
    }

    fn keep_webhooks(&self, reply: &ProviderReply) {
        self.webhooks.lock().unwrap().extend(reply.webhooks.iter().cloned());
    }

    fn now_s(&self) -> i64 {
        (self.clock.lock().unwrap())().unix_s()
    }
}

/// The text with all occurrences of `this` replaced, of which there must be one.
pub(crate) fn replaced(text: &str, this: &str, that: &str) -> String {
    assert!(text.contains(this), "{this} is not in {text}");
    text.replace(this, that)
}

fn broken() -> ConnectorError {
    ConnectorError::io(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into())
}

#[cfg(test)]
mod tests;
