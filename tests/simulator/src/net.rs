//! The network of one sandbox to the fakes of the providers, with the sandbox's own faults.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use fakes::Stripe;
use fakes::epay::Gateway;
use fakes::new_api::{Dialect, NewApi};
use fakes::unitel::Unitel;
use signing::epay::{Pid, Scheme};
use testkit::{
    EPAY_BASE, FIREBLOCKS_BASE, FIREBLOCKS_JWKS, FakeProvider, FaultyNet, FireblocksAndJwks, NEW_API_BASE,
    NEW_API_TOKEN, NetFault, OPENAI_BASE, OPENAI_SECOND_BASE, OpenAiFault, ProviderCall, ProviderReply, SigningWechat,
    StripeFault, UNITEL_BASE, WechatFault, instant, now,
};

use crate::epay_merchant::epay_keys;
use crate::faults::{Calls, FaultKind, Side};
use crate::outbox::{Outbox, Sender};
use crate::secrets::{EPAY, WECHAT};
use crate::upstreams::LlmUpstreams;
use crate::wechat_merchant::{WECHAT_BASE, new_forwarder_keys};

/// The one client of the fake operator: `shop:one-of-ours`.
const OPERATOR_LOGIN: &str = "Basic c2hvcDpvbmUtb2Ytb3Vycw==";

/// A fake that exists from its first use on: most worlds need only some, and keys are dear to parse.
type Lazy<F> = Arc<LazyLock<F>>;

/// Of an LLM gateway's log.
const ROWS_OF_A_PAGE: usize = 3;
/// Of a stream: its role and two tokens.
const PARTS_BEFORE_BREAK: usize = 3;

/// The fakes of one world.
#[derive(Clone)]
pub(crate) struct Fakes {
    pub(crate) stripe: Lazy<Stripe>,
    pub(crate) epay: Lazy<Gateway>,
    pub(crate) wechat: Lazy<SigningWechat>,
    pub(crate) fireblocks: Lazy<FireblocksAndJwks>,
    pub(crate) unitel: Lazy<Unitel>,
    pub(crate) new_api: Lazy<NewApi>,
    pub(crate) llm: Lazy<LlmUpstreams>,
}

impl Fakes {
    pub(crate) fn new() -> Self {
        let epay = || {
            let merchant = (Pid::new("1001").expect("a merchant"), Scheme::Md5);
            Gateway::new(EPAY_BASE, epay_keys(false), [merchant], "g")
        };
        Self {
            stripe: Arc::new(LazyLock::new(|| Stripe::new("https://pay.invalid", false, "s"))),
            epay: Arc::new(LazyLock::new(epay)),
            wechat: Arc::new(LazyLock::new(SigningWechat::default)),
            fireblocks: Arc::new(LazyLock::new(FireblocksAndJwks::default)),
            unitel: Arc::new(LazyLock::new(|| Unitel::new(OPERATOR_LOGIN, "u"))),
            new_api: Arc::new(LazyLock::new(new_api)),
            llm: Arc::new(LazyLock::new(LlmUpstreams::new)),
        }
    }
}

/// Its pages are short, so that a world has more than one.
fn new_api() -> NewApi {
    let gateway = NewApi::new(Dialect::NewApi, NEW_API_TOKEN);
    gateway.set_page_size_max(ROWS_OF_A_PAGE);
    gateway
}

impl Fakes {
    /// The provider that verifies our calls with this secret uses the new one.
    pub(crate) fn switch(&self, secret: &str) {
        match secret {
            EPAY => self.epay.reset_keys(epay_keys(true)),
            WECHAT => self.wechat.api().set_forwarder_keys(new_forwarder_keys()),
            _ => {}
        }
    }
}

impl fmt::Debug for Fakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fakes")
    }
}

/// A fake that several networks share. The webhooks that a call causes go to the outbox.
struct Remote<F: FakeProvider> {
    fake: Lazy<F>,
    sender: Option<(Sender, Arc<Outbox>)>,
}

impl<F: FakeProvider> Remote<F> {
    fn post(&self, reply: ProviderReply) -> ProviderReply {
        if let Some((sender, outbox)) = &self.sender {
            reply.webhooks.iter().for_each(|webhook| outbox.add(*sender, webhook.clone()));
        }
        reply
    }
}

impl<F: FakeProvider> FakeProvider for Remote<F> {
    type OwnFault = F::OwnFault;

    fn path(url: &str) -> &str {
        F::path(url)
    }

    fn answer(&self, call: &ProviderCall, now_s: i64) -> ProviderReply {
        self.post(F::answer(&self.fake, call, now_s))
    }

    fn answer_with(&self, fault: Self::OwnFault, call: &ProviderCall, now_s: i64) -> ProviderReply {
        self.post(self.fake.answer_with(fault, call, now_s))
    }

    fn error_body(status: u16) -> String {
        F::error_body(status)
    }

    fn more_faults() -> Vec<NetFault<Self::OwnFault>> {
        F::more_faults()
    }
}

/// The networks of one sandbox.
#[derive(Debug, Clone)]
pub(crate) struct Nets {
    stripe: FaultyNet<Remote<Stripe>>,
    epay: FaultyNet<Remote<Gateway>>,
    wechat: FaultyNet<Remote<SigningWechat>>,
    fireblocks: FaultyNet<Remote<FireblocksAndJwks>>,
    unitel: FaultyNet<Remote<Unitel>>,
    new_api: FaultyNet<Remote<NewApi>>,
    llm: FaultyNet<Remote<LlmUpstreams>>,
}

impl Nets {
    /// `began`: when the world's clock started.
    pub(crate) fn new(fakes: &Fakes, outbox: &Arc<Outbox>, calls: &Calls, began: std::time::Instant) -> Self {
        let (failed, gone) = (|| NetFault::Status(500), || NetFault::Status(500));
        let (kept, unsigned) = (|| NetFault::Own(StripeFault::KeptFailure), || NetFault::Own(WechatFault::Unsigned));
        let breaks = || NetFault::Own(OpenAiFault::BreaksAfter(PARTS_BEFORE_BREAK));
        let to = |sender| Some((sender, Arc::clone(outbox)));
        Self {
            stripe: net(&fakes.stripe, to(Sender::Stripe), Side::Stripe, kept, calls, began),
            epay: net(&fakes.epay, None, Side::Epay, || NetFault::Status(500), calls, began),
            wechat: net(&fakes.wechat, None, Side::Wechat, unsigned, calls, began),
            fireblocks: net(&fakes.fireblocks, to(Sender::Fireblocks), Side::Fireblocks, gone, calls, began),
            unitel: net(&fakes.unitel, None, Side::Operator, failed, calls, began),
            new_api: net(&fakes.new_api, None, Side::Gateway, || NetFault::Status(500), calls, began),
            llm: net(&fakes.llm, None, Side::Upstreams, breaks, calls, began),
        }
    }
}

/// A network to a fake. `in_progress`: what the provider answers while it is busy with the same request.
fn net<F: FakeProvider>(
    fake: &Lazy<F>,
    sender: Option<(Sender, Arc<Outbox>)>,
    side: Side,
    in_progress: impl Fn() -> NetFault<F::OwnFault> + Send + 'static,
    calls: &Calls,
    began: std::time::Instant,
) -> FaultyNet<Remote<F>> {
    let net = FaultyNet::over(Remote { fake: Arc::clone(fake), sender });
    net.set_clock(move || now().plus(instant().duration_since(began)));
    let calls = calls.clone();
    net.fail(move |_, endpoint| fault(&calls, side, endpoint, in_progress()));
    net
}

impl HttpConnector for Nets {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let uri = request.uri();
        if uri.starts_with(UNITEL_BASE) {
            self.unitel.call(request)
        } else if uri.starts_with(EPAY_BASE) {
            self.epay.call(request)
        } else if uri.starts_with(WECHAT_BASE) {
            self.wechat.call(request)
        } else if uri.starts_with(FIREBLOCKS_BASE) || uri.starts_with(FIREBLOCKS_JWKS) {
            self.fireblocks.call(request)
        } else if uri.starts_with(NEW_API_BASE) {
            self.new_api.call(request)
        } else if uri.starts_with(OPENAI_BASE) || uri.starts_with(OPENAI_SECOND_BASE) {
            self.llm.call(request)
        } else {
            self.stripe.call(request)
        }
    }
}

/// The network's fault for a call. `in_progress`: what the provider answers while it is busy with the same request.
fn fault<Own>(calls: &Calls, side: Side, endpoint: &str, in_progress: NetFault<Own>) -> NetFault<Own> {
    // Ids and queries would make the trace long.
    let short = endpoint.split(['?', '&']).next().unwrap_or_default();
    let (mark, kind) = calls.next(side, short);
    let mut rng = mark.child(0).rng();
    let mut millis = |range: std::ops::RangeInclusive<u64>| Duration::from_millis(rng.u64(range));
    match kind {
        None | Some(FaultKind::KilledLater) => NetFault::Delay(millis(20..=300)),
        Some(FaultKind::Dropped) => NetFault::DropRequest,
        Some(FaultKind::Unanswered) => NetFault::DropResponse,
        Some(FaultKind::Delayed) => NetFault::DelayReply(millis(500..=5_000)),
        Some(FaultKind::AppliedLate) => NetFault::ApplyLate(millis(500..=8_000)),
        Some(FaultKind::Disconnected) => NetFault::Disconnect,
        Some(FaultKind::Reset) => NetFault::Reset,
        Some(FaultKind::Throttled | FaultKind::Hot) => NetFault::Status(429),
        Some(FaultKind::Conflicted) => NetFault::Status(409),
        Some(FaultKind::InProgress) => in_progress,
        Some(FaultKind::ServerError | FaultKind::Down) => NetFault::Status(503),
        Some(FaultKind::ServerErrorApplied) => NetFault::StatusApplied(502),
        Some(FaultKind::Garbage) if millis(0..=1).is_zero() => NetFault::Truncated,
        Some(FaultKind::Garbage) => NetFault::Garbage,
        Some(FaultKind::Killed) => {
            calls.kill();
            NetFault::DropRequest
        }
        Some(FaultKind::KilledApplied) => {
            calls.kill();
            NetFault::DropResponse
        }
    }
}
