//! The stages of a warm event in this process, so that an instruction counter can run each of them many times.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use edge::{Request, Settings};
use idempotency::{DynamoLedger, Tables};
use ledger::{AttemptMark, CallContext, Deadline, Decision, Ledger as _, Origin, Timestamp};
use signing::Strength;
use stripe::Stripe;
use usage::Usage;
use webhook::{Outcome, Received, Webhook};

use crate::books::Books;
use crate::clock::{instant, now};
use crate::error::Error;
use crate::store::{STAGE, STRIPE_SECRET, Store, USAGE_SECRET};
use crate::subject::{Job, Subject, Way};

/// With so many passes of each that the preparation is little beside them.
pub(crate) const STAGES: [(&str, u64); 6] =
    [("gateway", 2_000), ("verify", 5_000), ("parse", 2_000), ("decide", 10_000), ("commit", 200), ("reply", 20_000)];

/// Runs one stage of one event so many times. What comes before and after the passes is the same for each number of them.
pub(crate) async fn repeat(root: &Path, job: Job, stage: &str, passes: u64) -> Result<(), Error> {
    let store = Store::prepare()?;
    let books = Books::open(&store).await?;
    let event = Subject { job, way: Way::Ours }.event(&books, root, "stage").await?;
    let ledger = DynamoLedger::new(&store.engine.sdk_config(), Tables::of_stage(STAGE), fastrand::Rng::with_seed(1));
    match job {
        Job::Usage => repeat_of(Usage::default(), "WEBHOOK_SECRET", USAGE_SECRET, &event, &ledger, stage, passes).await,
        Job::Payment => {
            let setting = |name: &str| (name == "STRIPE_LIVEMODE").then(|| "false".to_owned());
            let config = stripe::Config::read(setting, STAGE).map_err(|error| Error::failed(error.to_string()))?;
            let source = Stripe { config };
            repeat_of(source, "STRIPE_WEBHOOK_SECRET", STRIPE_SECRET, &event, &ledger, stage, passes).await
        }
    }
}

async fn repeat_of<W: Webhook>(
    source: W,
    setting: &str,
    secret: &str,
    event: &str,
    ledger: &DynamoLedger,
    stage: &str,
    passes: u64,
) -> Result<(), Error>
where
    W::Loaded: Clone,
{
    let now = now()?;
    let settings = Settings::new([(setting.to_owned(), secret.to_owned())]);
    let keys = W::keys(&settings, Strength::Deployed).map_err(|(_, error)| Error::failed(error.to_string()))?;
    let open = || {
        let incoming = edge::read(event).map_err(|_| Error::failed("no event of the gateway"))?;
        incoming.open(W::BODY_BYTES_MAX).map_err(|_| Error::failed("no body"))
    };
    let request: Request = open()?;
    let verify = || source.verify(&keys, &request, now).map_err(|error| Error::failed(error.to_string()));
    let received = Received::new(verify()?, &request, W::HEADERS_KEPT);
    let parse = || source.parse(&received).map_err(|error| Error::failed(error.to_string()));
    let parsed = parse()?;
    let context = context(now);
    let loaded = source.load(&parsed, ledger, &context).await?;
    let decide = || source.decide(&parsed, source.header(&parsed), loaded.clone());
    let decision = decide();
    if !matches!(decision, Decision::Record(_)) {
        return Err(Error::failed(format!("the event is not booked: {decision:?}")));
    }
    let sdk = embedded::sdk_config(SharedHttpClient::new(Agrees::default()));
    let agreeing = DynamoLedger::new(&sdk, Tables::of_stage(STAGE), fastrand::Rng::with_seed(1));
    // Once before the passes, so that what is made once is made.
    agreeing.commit(&decision, &context).await?;
    for _ in 0..passes {
        match stage {
            "gateway" => drop(open()?),
            "verify" => drop(verify()?),
            "parse" => drop(parse()?),
            "decide" => drop(decide()),
            "commit" => drop(agreeing.commit(&decision, &context).await?),
            "reply" => drop(source.reply(W::Form::default(), &Outcome::Booked, Some(source.event_id(&parsed)))),
            _ => return Err(Error::failed(format!("there is no stage {stage}"))),
        }
    }
    Ok(())
}

/// Of the event in the transaction below.
pub(crate) const EVENT: &str = "engine-event-id";

/// The request with which a usage event is committed.
pub(crate) async fn usage_transaction(root: &Path) -> Result<String, Error> {
    let store = Store::prepare()?;
    let books = Books::open(&store).await?;
    let event = Subject { job: Job::Usage, way: Way::Ours }.event(&books, root, EVENT).await?;
    let request = edge::read(&event).map_err(|_| Error::failed("no event of the gateway"))?;
    let request = request.open(Usage::BODY_BYTES_MAX).map_err(|_| Error::failed("no body"))?;
    let (now, settings) = (now()?, Settings::new([("WEBHOOK_SECRET".to_owned(), USAGE_SECRET.to_owned())]));
    let failed = |error: &dyn fmt::Display| Error::failed(error.to_string());
    let keys = Usage::keys(&settings, Strength::Deployed).map_err(|(_, error)| failed(&error))?;
    let usage = Usage::default();
    let verified = usage.verify(&keys, &request, now).map_err(|error| failed(&error))?;
    let parsed = usage.parse(&Received::new(verified, &request, &[])).map_err(|error| failed(&error))?;
    let context = context(now);
    let ledger = DynamoLedger::new(&store.engine.sdk_config(), Tables::of_stage(STAGE), fastrand::Rng::with_seed(1));
    let owner = usage.load(&parsed, &ledger, &context).await?;
    let decision = usage.decide(&parsed, usage.header(&parsed), owner);
    let agrees = Agrees::default();
    let sdk = embedded::sdk_config(SharedHttpClient::new(agrees.clone()));
    let agreeing = DynamoLedger::new(&sdk, Tables::of_stage(STAGE), fastrand::Rng::with_seed(1));
    agreeing.commit(&decision, &context).await?;
    let sent = agrees.sent.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(sent)
}

fn context(now: Timestamp) -> CallContext<'static> {
    let received = instant();
    CallContext {
        attempt: AttemptMark::from_random(1),
        received_at: now,
        received,
        first_received_at: now,
        deadline: Deadline(received.checked_add(Duration::from_hours(1)).unwrap_or(received)),
        origin: Origin::Call,
        body: None,
    }
}

/// A store that answers each call at once that it is done: a commit without network and engine.
#[derive(Clone, Default)]
struct Agrees {
    /// The body of the last call.
    sent: Arc<Mutex<String>>,
}

impl fmt::Debug for Agrees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Agrees")
    }
}

impl HttpClient for Agrees {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Agrees {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        *self.sent.lock().unwrap_or_else(PoisonError::into_inner) = body;
        let ok = http::StatusCode::OK;
        HttpConnectorFuture::ready(Ok(HttpResponse::new(StatusCode::from(ok), SdkBody::from("{}"))))
    }
}
