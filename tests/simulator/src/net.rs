//! The network of one sandbox to the fakes of the providers, with the sandbox's own faults.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use fakes::Stripe;
use fakes::epay::Gateway;
use fakes::unitel::Unitel;
use signing::epay::{Pid, Scheme};
use testkit::{
    EPAY_BASE, FakeProvider, FaultyNet, NetFault, ProviderCall, ProviderReply, StripeFault, UNITEL_BASE, instant, now,
};

use crate::epay_merchant::epay_keys;
use crate::faults::{Calls, FaultKind, Side};
use crate::outbox::{Outbox, Sender};

/// The one client of the fake operator: `shop:one-of-ours`.
const OPERATOR_LOGIN: &str = "Basic c2hvcDpvbmUtb2Ytb3Vycw==";

/// The fakes of one world.
#[derive(Clone)]
pub(crate) struct Fakes {
    pub(crate) stripe: Arc<Stripe>,
    pub(crate) epay: Arc<Gateway>,
    pub(crate) unitel: Arc<Unitel>,
}

impl Fakes {
    pub(crate) fn new() -> Self {
        let stripe = Arc::new(Stripe::new("https://pay.invalid", false, "s"));
        let merchant = (Pid::new("1001").expect("a merchant"), Scheme::Md5);
        let epay = Arc::new(Gateway::new(EPAY_BASE, epay_keys(), [merchant], "g"));
        Self { stripe, epay, unitel: Arc::new(Unitel::new(OPERATOR_LOGIN, "u")) }
    }
}

impl fmt::Debug for Fakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fakes")
    }
}

/// A fake that several networks share. The webhooks that a call causes go to the outbox.
struct Remote<F> {
    fake: Arc<F>,
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
    unitel: FaultyNet<Remote<Unitel>>,
}

impl Nets {
    /// `began`: when the world's clock started.
    pub(crate) fn new(fakes: &Fakes, outbox: &Arc<Outbox>, calls: &Calls, began: std::time::Instant) -> Self {
        let sender = Some((Sender::Stripe, Arc::clone(outbox)));
        let stripe = FaultyNet::over(Remote { fake: Arc::clone(&fakes.stripe), sender });
        let unitel = FaultyNet::over(Remote { fake: Arc::clone(&fakes.unitel), sender: None });
        let epay = FaultyNet::over(Remote { fake: Arc::clone(&fakes.epay), sender: None });
        let nets = Self { stripe, epay, unitel };
        let clock = move || now().plus(instant().duration_since(began));
        nets.stripe.set_clock(clock);
        nets.epay.set_clock(clock);
        nets.unitel.set_clock(clock);
        let of_stripe = calls.clone();
        nets.stripe.fail(move |_, endpoint| {
            let kept = NetFault::Own(StripeFault::KeptFailure);
            fault(&of_stripe, Side::Stripe, endpoint, kept)
        });
        let of_epay = calls.clone();
        nets.epay.fail(move |_, endpoint| fault(&of_epay, Side::Epay, endpoint, NetFault::Status(500)));
        let of_unitel = calls.clone();
        nets.unitel.fail(move |_, endpoint| fault(&of_unitel, Side::Operator, endpoint, NetFault::Status(500)));
        nets
    }
}

impl HttpConnector for Nets {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if request.uri().starts_with(UNITEL_BASE) {
            self.unitel.call(request)
        } else if request.uri().starts_with(EPAY_BASE) {
            self.epay.call(request)
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
        Some(FaultKind::Throttled) => NetFault::Status(429),
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
