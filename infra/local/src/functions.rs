//! The functions that the template names, put together as their own `main` does in Lambda, over the store of this machine.

use std::sync::Arc;

use api::{Dice, Places};
use catalog::{Catalog, SHIPPED};
use checkout::{Checkout, EpaySettings, EpayTill, WechatTill};
use edge::{Keyring, Moment, NotSetUp, Reply, Service, Settings, Vault, Worker, chain};
use embedded::Engine;
use epay::Epay;
use fireblocks::{Fireblocks, Published, Workspace};
use fulfil::{Custodian, Fulfil, Operator};
use futures_util::future::BoxFuture;
use idempotency::{DynamoLedger, Tables};
use orders::Orders;
use providers::{FireblocksConfig, Http, StripeConfig, UnitelConfig, WechatConfig};
use reconcile::{LiveKeys, PublishedKeys, Reconcile, ReplayKeys, RetiredKeys, StripeApi};
use serde_json::Value;
use stripe::Stripe;
use usage::Usage;
use webhook::{Admission, Function, Webhook};
use wechat::Wechat;

use crate::books::STAGE;
use crate::clock::Work;
use crate::error::Error;
use crate::now;
use crate::secrets::Secrets;

/// What a function does here.
pub(crate) enum Opened {
    Service(Answer),
    Worker(Work),
}

/// From a gateway's event to the reply.
pub(crate) type Answer = Box<dyn Fn(String) -> BoxFuture<'static, Reply> + Send + Sync>;

/// What of a deployment's settings a person may try out here. The others are the template's.
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

pub(crate) async fn open(
    function: &embedded::Function,
    engine: &Engine,
    secrets: &Secrets,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Opened, Error> {
    let setting = |name: &str| {
        let is_settable = SETTABLE.contains(&name)
            || ["WECHAT_", "EPAY_", "UNITEL_", "FIREBLOCKS_"].iter().any(|prefix| name.starts_with(prefix));
        let tried = is_settable.then(|| variable(name)).flatten();
        tried.or_else(|| text(function.environment.get(name)?))
    };
    let parts = Parts {
        admission: Admission::read(setting)?,
        ledger: Arc::new(DynamoLedger::new(&engine.sdk_config(), Tables::read(setting)?, fastrand::Rng::new())),
        secrets,
    };
    let stripe = || stripe::Config::read(setting, STAGE).map(|config| Stripe { config });
    Ok(match function.binary.as_str() {
        "usage" => Opened::Service(parts.serve(Usage).await?),
        "orders" => {
            let api = Orders::new(catalog()?, Dice::of_system(), Places::read(setting)?);
            Opened::Service(answer(api::Function { api, ledger: parts.ledger }))
        }
        "checkout" => Opened::Service(parts.checkout(setting).await?),
        "epay" => {
            let epay = parts.epay(setting).await?;
            Opened::Service(parts.serve(epay).await?)
        }
        "wechat" => {
            let wechat = parts.wechat(setting).await?;
            Opened::Service(parts.serve(wechat).await?)
        }
        "fireblocks" => Opened::Service(parts.fireblocks(setting).await?),
        "stripe" => Opened::Service(parts.serve(stripe()?).await?),
        "reconcile" => {
            let (stripe, stripe_api) = (stripe()?, Some(parts.stripe_api(&setting).await?));
            let (wechat, epay) = (Some(parts.wechat(&setting).await?), parts.epay_that_can_ask(&setting).await?);
            let fulfil = parts.fulfil(&setting).await?;
            let ledger = Arc::clone(&fulfil.ledger);
            let fireblocks = Workspace::read(setting)?.map(|workspace| Fireblocks { workspace });
            let keys = parts.replay_keys(&setting).await?;
            Opened::Worker(work(Reconcile {
                ledger,
                usage: Usage,
                stripe,
                wechat,
                epay,
                fireblocks,
                stripe_api,
                fulfil,
                keys,
                keyless: [].into(),
            }))
        }
        "fulfil" => Opened::Worker(work(parts.fulfil(setting).await?)),
        unknown => return Err(Error::UnknownFunction(unknown.to_owned())),
    })
}

struct Parts<'s> {
    admission: Admission,
    ledger: Arc<DynamoLedger>,
    secrets: &'s Secrets,
}

impl Parts<'_> {
    async fn checkout(self, setting: impl Fn(&str) -> Option<String>) -> Result<Answer, Error> {
        let catalog = catalog()?;
        let config = checkout::Config::read(&setting, STAGE, &catalog)?;
        let keys = Keyring::open(self.vault(), checkout::keys(config.stripe.livemode), now()).await?;
        let (epay, wechat) = (self.epay_till(&setting).await?, self.wechat_till(&setting).await?);
        let http = Http::new(fastrand::Rng::new());
        let places = Places::read(setting)?;
        let api = Checkout { catalog, config, keys, epay, wechat, http, dice: Dice::of_system(), places };
        Ok(answer(api::Function { api, ledger: self.ledger }))
    }

    async fn stripe_api(&self, setting: impl Fn(&str) -> Option<String>) -> Result<StripeApi, Error> {
        let config = StripeConfig::read(setting, STAGE).map_err(checkout::ConfigError::from)?;
        let keys = Keyring::open(self.vault(), checkout::keys(config.livemode), now()).await?;
        Ok(StripeApi { http: Http::new(fastrand::Rng::new()), config, keys })
    }

    /// As reconcile has it, which asks whether the source itself does or not.
    async fn epay_that_can_ask(&self, setting: impl Fn(&str) -> Option<String>) -> Result<Option<Epay>, Error> {
        let config = epay::Config::read(setting, STAGE)?;
        let keys = Keyring::open(self.vault(), Epay::keys, now()).await?;
        let gateway = epay::Gateway { http: Http::new(fastrand::Rng::new()), keys };
        Ok(Some(Epay { config, gateway: Some(gateway) }))
    }

    async fn epay_till(&self, setting: impl Fn(&str) -> Option<String>) -> Result<Option<EpayTill>, Error> {
        let Some(settings) = EpaySettings::read(setting, STAGE)? else { return Ok(None) };
        let keys = Keyring::open(self.vault(), checkout::epay_keys, now()).await?;
        settings.signed_by(&keys.current())?;
        Ok(Some(EpayTill { settings, keys }))
    }

    async fn wechat_till(&self, setting: impl Fn(&str) -> Option<String>) -> Result<Option<WechatTill>, Error> {
        let Some(config) = WechatConfig::read(setting, STAGE)? else { return Ok(None) };
        let keys = Keyring::open(self.vault(), checkout::wechat_keys, now()).await?;
        Ok(Some(WechatTill { config, keys }))
    }

    async fn epay(&self, setting: impl Fn(&str) -> Option<String>) -> Result<Epay, Error> {
        let config = epay::Config::read(setting, STAGE)?;
        let keys = Keyring::open(self.vault(), Epay::keys, now()).await?;
        config.check(&keys.current())?;
        let gateway = config.confirms_any().then(|| epay::Gateway { http: Http::new(fastrand::Rng::new()), keys });
        Ok(Epay { config, gateway })
    }

    async fn wechat(&self, setting: impl Fn(&str) -> Option<String>) -> Result<Wechat, Error> {
        let config = wechat::Config::read(&setting)?;
        let keys = Keyring::open(self.vault(), wechat::api_keys, now()).await?;
        let http = Http::new(fastrand::Rng::new());
        let api = WechatConfig::read(&setting, STAGE)?.map(|config| wechat::Api { http, config, keys });
        Ok(Wechat { config, api })
    }

    async fn fulfil(&self, setting: impl Fn(&str) -> Option<String>) -> Result<Fulfil<Arc<DynamoLedger>>, Error> {
        let http = || Http::new(fastrand::Rng::new());
        let operator = match UnitelConfig::read(&setting, STAGE)? {
            None => None,
            Some(config) => {
                let keys = Keyring::open(self.vault(), fulfil::operator_keys, now()).await?;
                Some(Operator::new(http(), config, keys))
            }
        };
        let custodian = match FireblocksConfig::read(&setting, STAGE)? {
            None => None,
            Some(config) => {
                let keys = Keyring::open(self.vault(), fulfil::custodian_keys, now()).await?;
                Some(Custodian { http: http(), config, keys })
            }
        };
        Ok(Fulfil { ledger: Arc::clone(&self.ledger), operator, custodian })
    }

    async fn fireblocks(self, setting: impl Fn(&str) -> Option<String>) -> Result<Answer, Error> {
        let Some(workspace) = Workspace::read(&setting)? else {
            return Ok(answer(NotSetUp { source: Fireblocks::SOURCE }));
        };
        let (config, copies) = (fireblocks::Config::read(setting, STAGE)?, Arc::clone(&self.ledger));
        let http = Http::new(fastrand::Rng::new());
        let keys = Published::open(config, http, copies, &Moment::now(Fireblocks::REPLY_WITHIN)).await;
        Ok(answer(Function::new(Fireblocks { workspace }, keys, self.admission, self.ledger)))
    }

    /// Those of every source, and those of this folder's secrets that were retired: `STRIPE_WEBHOOK_SECRET@2026-11-27`.
    async fn replay_keys(&self, setting: impl Fn(&str) -> Option<String>) -> Result<ReplayKeys, Error> {
        let published = PublishedKeys::new(fireblocks::Config::read(setting, STAGE)?, Http::new(fastrand::Rng::new()));
        let retired = self.secrets.all().iter().filter(|(name, _)| name.contains('@'));
        let retired = Settings::new(retired.map(|(name, keys)| (name.clone(), keys.clone())));
        Ok(ReplayKeys {
            usage: Some(Keyring::open(self.vault(), LiveKeys::<Usage>::read, now()).await?),
            stripe: Some(Keyring::open(self.vault(), LiveKeys::<Stripe>::read, now()).await?),
            wechat: Some(Keyring::open(self.vault(), LiveKeys::<Wechat>::read, now()).await?),
            epay: Some(Keyring::open(self.vault(), LiveKeys::<Epay>::read, now()).await?),
            fireblocks: Some(published),
            retired: Some(Keyring::open(Vault::Here(retired), RetiredKeys::read, now()).await?),
            is_incomplete: false,
        })
    }

    fn vault(&self) -> Vault {
        Vault::Here(Settings::new(self.secrets.all().clone()))
    }

    async fn serve<W: Webhook>(self, source: W) -> Result<Answer, Error> {
        let keys = Keyring::open(self.vault(), W::keys, now()).await?;
        Ok(answer(Function::new(source, keys, self.admission, self.ledger)))
    }
}

fn catalog() -> Result<Catalog, Error> {
    Ok(Catalog::parse(SHIPPED)?)
}

fn answer<S: Service + 'static>(service: S) -> Answer {
    let service = Arc::new(service);
    Box::new(move |event| {
        let service = Arc::clone(&service);
        Box::pin(async move { service.answer(&event, &Moment::now(S::REPLY_WITHIN)).await })
    })
}

fn work<W: Worker + 'static>(worker: W) -> Work {
    let worker = Arc::new(worker);
    Arc::new(move |event| {
        let worker = Arc::clone(&worker);
        Box::pin(async move {
            let report = worker.work(&event, &Moment::now(W::DONE_WITHIN)).await.map_err(|error| chain(&*error))?;
            serde_json::to_string(&report).map_err(|error| error.to_string())
        })
    })
}

/// A setting of the template: a text or a number. A reference to a resource is none, there being no such resource here.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use embedded::{APP_YAML, Template};

    use super::*;
    use crate::books;
    use crate::home::Home;
    use crate::mock_epay::MockEpay;
    use crate::mock_fireblocks::MockFireblocks;
    use crate::mock_stripe::MockStripe;
    use crate::mock_wechat::MockWechat;

    #[test]
    fn settings_of_the_local_stack_are_documented() {
        let (english, chinese) = (include_str!("../../../docs/cli.md"), include_str!("../../../docs/cli.zh.md"));
        for name in SETTABLE.into_iter().chain(crate::secrets::overridable()).chain(["EPAY_MERCHANT"]) {
            for docs in [english, chinese] {
                assert!(docs.contains(&format!("`{name}`")), "docs/cli.md and docs/cli.zh.md do not name {name}");
            }
        }
    }

    #[tokio::test]
    async fn every_function_of_the_template_is_in_this_program_and_no_other_is_served() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::open(folder.path()).expect("a data folder");
        let (engine, secrets) =
            (books::store(&home).expect("a store"), Secrets::open(&home, |_| None).expect("secrets"));
        let template = Template::parse(APP_YAML, &[("Stage", STAGE)]).expect("a template");
        let stripe = MockStripe::new("http://127.0.0.1:9000", "whsec_local");
        let wechat = MockWechat::new("http://127.0.0.1:9000", &secrets).expect("a stand-in");
        let epay = secrets.named(crate::sources::epay::SETTING);
        let epay = MockEpay::new("http://127.0.0.1:9000", epay).expect("a stand-in");
        let fireblocks = secrets.named(crate::sources::fireblocks::SETTING);
        let fireblocks = MockFireblocks::new("http://127.0.0.1:9000", fireblocks).expect("a stand-in");
        let of_payments =
            |name: &str| stripe.setting(name).or_else(|| epay.setting(name)).or_else(|| wechat.setting(name));
        let setting = |name: &str| of_payments(name).or_else(|| fireblocks.setting(name));
        for function in template.functions() {
            let opened = open(function, &engine, &secrets, setting).await;
            assert!(opened.is_ok(), "{}", function.logical_id);

            let environment = function.environment.clone();
            let [logical_id, binary] = ["OtherFunction", "other"].map(str::to_owned);
            let (routes, schedules, streams) = (Vec::new(), Vec::new(), Vec::new());
            let other = embedded::Function { logical_id, binary, routes, schedules, streams, environment };
            let refused = open(&other, &engine, &secrets, setting).await.err().map(|error| error.line());
            assert_eq!(refused.as_deref(), Some("the template names the function other, which is not in this program"));
        }
    }
}
