//! Webhooks on their way: what providers have sent and no function has acknowledged yet.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::sync::Notify;

/// Whose webhook it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sender {
    Stripe,
    Epay,
    /// A notification that the gateway's operator has sent again: it is delivered.
    EpayAgain,
    Wechat,
    /// A notification that people have sent again: it is delivered.
    WechatAgain,
    Fireblocks,
}

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<(u64, Sender, String)>,
    added: u64,
    delivered: u64,
}

impl Outbox {
    pub(crate) fn add(&self, sender: Sender, body: String) {
        let mut state = self.state.lock().expect("one thread");
        state.added += 1;
        let number = state.added;
        state.waiting.push_back((number, sender, body));
        drop(state);
        self.arrived.notify_one();
    }

    /// The next webhook, and its number.
    pub(crate) fn take(&self) -> Option<(u64, Sender, String)> {
        self.state.lock().expect("one thread").waiting.pop_front()
    }

    /// A webhook is acknowledged, or its sender has given up.
    pub(crate) fn end_one(&self) {
        self.state.lock().expect("one thread").delivered += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        let state = self.state.lock().expect("one thread");
        state.added == state.delivered
    }

    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }
}
