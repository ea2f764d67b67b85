//! Assembles each function of the template as in Lambda, over the local store.

use std::collections::BTreeMap;
use std::sync::Arc;

use edge::{Invocation, PartedReply, Reply, Service, Settings, Start, StreamService, Worker, chain};
use embedded::Engine;
use futures_util::future::BoxFuture;
use idempotency::{DynamoLedger, Tables};
use serde_json::Value;

use crate::clock::Work;
use crate::error::Error;
use crate::monitor::LocalMonitor;
use crate::secrets::Secrets;

/// An assembled function: an HTTP receiver, one that answers in parts, or a worker that a schedule or a stream calls.
pub(crate) enum AssembledFunction {
    Service(Answer),
    StreamService(AnswerInParts),
    Worker(Work),
}

/// Takes an API Gateway event and returns the reply.
pub(crate) type Answer = Box<dyn Fn(String) -> BoxFuture<'static, Reply> + Send + Sync>;

/// The same for a function that answers in parts, and whether its gateway sends them on as they come.
pub(crate) type AnswerInParts = Box<dyn Fn(String, bool) -> BoxFuture<'static, PartedReply> + Send + Sync>;

/// The settings that the environment may override here. The template fixes the others.
const SETTABLE: [&str; 14] = [
    "MAX_OPEN_ORDERS",
    "ALLOWED_IPS",
    "MAX_SKEW_SECONDS",
    "FORBID_BODY_ONLY_HMAC",
    "STRIPE_ACCOUNT",
    "STRIPE_ACCOUNT_SHARED",
    "STRIPE_EVENTS",
    "MOCK_STRIPE",
    "MOCK_EPAY",
    "STRIPE_API_BASE",
    "CHECKOUT_SUCCESS_URL",
    "CHECKOUT_CANCEL_URL",
    "STRIPE_FULL_REPORT_PRICE_ID",
    "STRIPE_PRO_MONTHLY_PRICE_ID",
];
/// Prefixes of the other providers' settings, and of chat's, which the environment may override too.
const SETTABLE_PREFIXES: [&str; 9] =
    ["LITELLM_", "OPENROUTER_", "WECHAT_", "EPAY_", "UNITEL_", "FIREBLOCKS_", "NEW_API_", "LLM_", "CHAT_"];

/// The suffix of every variable that holds the id of a secret.
const OF_SECRET: &str = "SECRET_ID";

pub(crate) async fn open(
    function: &embedded::Function,
    engine: &Engine,
    secrets: &Secrets,
    monitor: &LocalMonitor,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<AssembledFunction, Error> {
    let start = Start::on_machine(engine.sdk_config(), settings(function, variable), secrets_of(function, secrets))?;
    let start = &start;
    let ledger =
        DynamoLedger::new(&start.sdk, start.read(Tables::read)?, fastrand::Rng::new()).noting_use().minding_pauses();
    Ok(match function.binary.as_str() {
        "usage" => service(usage::assemble(start, ledger).await?),
        "litellm" => service(litellm::assemble(start, ledger).await?),
        "openrouter" => service(openrouter::assemble(start, ledger).await?),
        "stripe" => service(stripe::assemble(start, ledger).await?),
        "wechat" => service(wechat::assemble(start, ledger).await?),
        "epay" => service(epay::assemble(start, ledger).await?),
        "fireblocks" => service(fireblocks::assemble(start, ledger).await?),
        "orders" => service(orders::assemble(start, ledger).await?),
        "checkout" => service(checkout::assemble(start, ledger).await?),
        "credits" => service(credits::assemble(start, ledger).await?),
        "console" => service(console::assemble(start, ledger.showing_pauses()).await?.monitored_by(monitor.clone())),
        "chat" => stream_service(chat::assemble(start, ledger).await?),
        "fulfil" => worker(fulfil::assemble(start, ledger).await?),
        "reconcile" => worker(reconcile::assemble(start, ledger).await?),
        unknown => return Err(Error::UnknownFunction(unknown.to_owned())),
    })
}

/// Only the settings that the template gives the function: a setting that it omits is missing here as in AWS.
pub(crate) fn settings(function: &embedded::Function, variable: impl Fn(&str) -> Option<String>) -> Settings {
    let set = |(name, value): (&String, &Value)| {
        let is_settable = SETTABLE.contains(&name.as_str())
            || SETTABLE_PREFIXES.iter().any(|prefix| name.starts_with(prefix) && !name.ends_with(OF_SECRET));
        let overridden = is_settable.then(|| variable(name)).flatten();
        Some((name.clone(), overridden.or_else(|| text(value))?))
    };
    Settings::new(function.environment.iter().filter_map(set))
}

/// The secrets of the data folder, under each variable that names a secret in the template. Retired secrets
/// (`STRIPE_WEBHOOK_SECRET@2026-11-27`) have a variable of their own.
pub(crate) fn secrets_of(function: &embedded::Function, secrets: &Secrets) -> BTreeMap<String, Settings> {
    let variables = function.environment.keys().filter(|name| name.ends_with(OF_SECRET));
    let secret = |variable: &String| {
        let is_retired = variable == reconcile::RETIRED_SECRET;
        let matching = secrets.all().iter().filter(|(name, _)| name.contains('@') == is_retired);
        (variable.clone(), Settings::new(matching.map(|(name, keys)| (name.clone(), keys.clone()))))
    };
    variables.map(secret).collect()
}

fn service<S: Service + 'static>(service: S) -> AssembledFunction {
    let service = Arc::new(service);
    AssembledFunction::Service(Box::new(move |event| {
        let service = Arc::clone(&service);
        Box::pin(async move { service.answer(&event, &Invocation::now(S::REPLY_WITHIN)).await })
    }))
}

fn stream_service<S: StreamService>(service: S) -> AssembledFunction {
    let service = Arc::new(service);
    AssembledFunction::StreamService(Box::new(move |event, is_streamed| {
        let service = Arc::clone(&service);
        Box::pin(async move {
            let within = if is_streamed { S::STREAM_WITHIN } else { S::REPLY_WITHIN };
            PartedReply::of(&service, event.into(), Invocation::now(within), is_streamed).await
        })
    }))
}

fn worker<W: Worker + 'static>(worker: W) -> AssembledFunction {
    let worker = Arc::new(worker);
    AssembledFunction::Worker(Arc::new(move |event| {
        let worker = Arc::clone(&worker);
        Box::pin(async move {
            let report = worker.work(&event, &Invocation::now(W::DONE_WITHIN)).await.map_err(|error| chain(&*error))?;
            serde_json::to_string(&report).map_err(|error| error.to_string())
        })
    }))
}

/// The text of a template setting: a string or a number. A reference to a resource has none, since no such resource exists here.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use embedded::{APP_YAML, Template};

    use super::*;
    use crate::api_gateway::{Call, Route, event};
    use crate::home::Home;
    use crate::mocks::Mocks;
    use crate::now::now;
    use crate::store::{self, STAGE};

    #[test]
    fn settings_of_the_local_stack_are_documented() {
        let (english, chinese) = (include_str!("../../../docs/cli.md"), include_str!("../../../docs/cli.zh.md"));
        for name in SETTABLE.into_iter().chain(crate::secrets::overridable()).chain(["EPAY_MERCHANT"]) {
            for docs in [english, chinese] {
                assert!(docs.contains(&format!("`{name}`")), "docs/cli.md and docs/cli.zh.md do not document {name}");
            }
        }
    }

    #[tokio::test]
    async fn only_functions_of_the_template_are_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::open(folder.path()).expect("a data folder");
        let (engine, secrets) =
            (store::store(&home).await.expect("a store"), Secrets::open(&home, |_| None).expect("secrets"));
        let monitor = LocalMonitor { metrics: home.metrics(false), home: None };
        let template = Template::parse(APP_YAML, &[("Stage", STAGE)]).expect("a template");
        let mocks = Mocks::open(([127, 0, 0, 1], 9000).into(), &secrets, |_| None).expect("fakes");
        let setting = |name: &str| mocks.setting(name, |_| None);
        for function in template.functions() {
            let opened = open(function, &engine, &secrets, &monitor, setting).await;
            assert!(opened.is_ok(), "{}", function.logical_id);

            let environment = function.environment.clone();
            let [logical_id, binary] = ["OtherFunction", "other"].map(str::to_owned);
            let (routes, url, schedules, streams) = (Vec::new(), None, Vec::new(), Vec::new());
            let other = embedded::Function { logical_id, binary, routes, url, schedules, streams, environment };
            let refused = open(&other, &engine, &secrets, &monitor, setting).await.err().map(|error| error.line());
            assert_eq!(
                refused.as_deref(),
                Some(
                    "the template names the function other, which this program does not have: build it from the same commit"
                )
            );
        }
    }

    /// A deployed function answers the same.
    #[tokio::test]
    async fn source_without_a_merchant_answers_404() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::open(folder.path()).expect("a data folder");
        let (engine, secrets) =
            (store::store(&home).await.expect("a store"), Secrets::open(&home, |_| None).expect("secrets"));
        let monitor = LocalMonitor { metrics: home.metrics(false), home: None };
        let template = Template::parse(APP_YAML, &[("Stage", STAGE)]).expect("a template");
        let no_setting = |_: &str| None::<String>;
        for name in ["epay", "wechat", "fireblocks"] {
            let source = crate::sources::Source::named(name).expect("a source");
            let call = Call {
                method: "POST",
                path: source.path(),
                query: "",
                protocol: "HTTP/1.1",
                headers: &[],
                body: b"{}",
                source_ip: std::net::Ipv4Addr::LOCALHOST.into(),
                request_id: "test",
                now: now(),
            };
            let route = Route { method: "POST".to_owned(), path: source.path().to_owned() };
            let function =
                template.functions().iter().find(|function| function.binary == name).expect("in the template");
            let opened = open(function, &engine, &secrets, &monitor, no_setting).await.map_err(|error| error.line());
            let AssembledFunction::Service(answer) = opened.expect(name) else { panic!("{name} is called over HTTP") };
            let reply = answer(event(&call, &route, &BTreeMap::new()).to_string()).await;
            assert_eq!((reply.status, reply.body.as_str()), (404, ""), "{name}");
        }
    }
}
