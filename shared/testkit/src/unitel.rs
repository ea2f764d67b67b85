//! The fake telephone operator behind a faulty network, and the count of the top-ups that it carried out.

use std::convert::Infallible;
use std::time::Duration;

use fakes::unitel::{Answered, Call, Calls, Unitel};

use crate::faulty_net::{FakeProvider, FaultyNet, NetFault, ProviderReply};
use crate::provider_call::ProviderCall;

/// The base URL of the fake operator.
pub const UNITEL_BASE: &str = "https://operator.invalid/api/v1";
/// The credentials that it accepts.
pub const UNITEL_USERNAME: &str = "shop";
pub const UNITEL_PASSWORD: &str = "one-of-ours";
/// Both as the `Authorization` header.
const BASIC: &str = "Basic c2hvcDpvbmUtb2Ytb3Vycw==";

/// The fake operator behind a faulty network. Its calls include those for a token.
pub type UnitelNet = FaultyNet<Unitel>;

impl FakeProvider for Unitel {
    type OwnFault = Infallible;

    fn path(url: &str) -> &str {
        url.strip_prefix(UNITEL_BASE).unwrap_or(url)
    }

    fn answer(&self, call: &ProviderCall, now_s: i64) -> ProviderReply {
        let (method, path, authorization) = (call.method(), call.path(), call.authorization());
        let call = Call { method, path, authorization, body: &call.body, now_s };
        let Answered { status, body, wait } = Self::answer(self, &call);
        ProviderReply { wait, ..ProviderReply::of(status, body) }
    }

    fn answer_with(&self, fault: Infallible, _: &ProviderCall, _: i64) -> ProviderReply {
        match fault {}
    }

    fn error_body(_: u16) -> String {
        "{}".to_owned()
    }

    /// A client waits half a minute for a reply.
    fn more_faults() -> Vec<NetFault> {
        vec![NetFault::Delay(Duration::from_secs(35))]
    }
}

impl Default for UnitelNet {
    fn default() -> Self {
        Self::over(Unitel::new(BASIC, "u"))
    }
}

impl UnitelNet {
    /// The numbers of accepted calls and of carried-out top-ups for this order.
    pub fn top_ups(&self, order: &str) -> Calls {
        self.provider().calls().get(order).copied().unwrap_or_default()
    }
}
