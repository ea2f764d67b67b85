//! A person's question to the provider of an order, or about an id that no row has. Nothing is booked by the answer.

use edge::Invocation;
use insight::{ProviderAnswer, Sender, Sighting, sender_of};
use ledger::{Backlog, CodeText, Order, OrderNumber, Payment, Provider};
use providers::wechat::QueriedRefund;
use providers::{CallError, EpayNumber, EpayPayment, Queried};

use crate::Reconcile;
use crate::missing_credentials::{CUSTODIAN, QueryError};
use crate::query_provider::QueryOutcome;

const WECHAT_DIGITS: usize = 28;
/// The longest number that WeChat Pay takes for a refund.
const REFUND_CHARS_MAX: usize = 64;
/// What keys begin with: ours, those of shops' servers, and those of LLM gateways.
const SECRETS: [&str; 3] = ["hk_", "hs_", "sk-"];

impl<L: Backlog> Reconcile<L> {
    /// The query of the sweep of unpaid orders.
    pub async fn ask(&self, order: &Order, invocation: &Invocation) -> ProviderAnswer {
        let of = |payment: Payment| (payment.by.to_string(), payment.money);
        match self.query(order, invocation).await {
            Ok(QueryOutcome::Paid { payment, .. }) => {
                let (by, money) = of(payment);
                ProviderAnswer::Paid { by, money }
            }
            Ok(QueryOutcome::WrongMode { payment, .. }) => {
                let (by, money) = of(payment);
                ProviderAnswer::OtherMode { by, money }
            }
            Ok(QueryOutcome::Pending) => ProviderAnswer::Pending,
            Ok(QueryOutcome::Open) => ProviderAnswer::Open,
            Ok(QueryOutcome::Ended(state)) => ProviderAnswer::Ended(state),
            Ok(QueryOutcome::Unknown) => ProviderAnswer::Unknown,
            Err(QueryError::NoKey) => ProviderAnswer::NoKey,
            Err(QueryError::Call(_)) => ProviderAnswer::NoAnswer,
        }
    }

    /// What those say who name things like this, each with its word. An order number is queried at each provider that knows
    /// our numbers. A number that the merchant gave to a refund has no form: WeChat Pay is queried about any text that may
    /// be one.
    pub async fn locate(&self, text: &str, invocation: &Invocation) -> Vec<(&'static str, Sighting)> {
        let [stripe, wechat, epay] = [Provider::Stripe, Provider::Wechat, Provider::Epay].map(Provider::as_str);
        match sender_of(text) {
            Some(Sender::Stripe) => vec![(stripe, self.at_stripe(last_part(text), invocation).await)],
            Some(Sender::Fireblocks) => vec![(CUSTODIAN, self.at_fireblocks(text, invocation).await)],
            Some(Sender::Epay) => {
                let trade = last_part(text);
                let bare = trade.split_once('.').map_or(trade, |(_, trade)| trade);
                let found = (epay, self.at_epay(EpayNumber::Theirs(bare), invocation).await);
                std::iter::once(found).chain(self.refund_at_wechat(trade, invocation).await).collect()
            }
            Some(Sender::Shop) => {
                let Ok(number) = OrderNumber::new(last_part(text)) else { return Vec::new() };
                let mut of_wechat = self.order_at_wechat(&number, invocation).await;
                if of_wechat == Sighting::Unknown {
                    of_wechat = self.at_wechat(number.as_str(), invocation).await;
                }
                vec![(wechat, of_wechat), (epay, self.at_epay(EpayNumber::Ours(&number), invocation).await)]
            }
            Some(Sender::Wechat) => vec![(wechat, self.at_wechat(last_part(text), invocation).await)],
            // No gateway of models has a query.
            Some(Sender::Gateway) => Vec::new(),
            None => self.refund_at_wechat(text, invocation).await.into_iter().collect(),
        }
    }

    async fn at_stripe(&self, id: &str, invocation: &Invocation) -> Sighting {
        let Some(stripe) = &self.stripe_api else { return self.unqueried(Provider::Stripe.as_str()) };
        let object = |stripe: providers::Stripe| async move { stripe.object(id, invocation.deadline).await };
        seen(stripe.call(invocation, object).await, |found| {
            let leads_to = found.order.map(|order| order.to_string()).or(found.of).filter(|other| other != id);
            (std::iter::once(found.kind).chain(found.status).collect::<Vec<_>>().join(", "), leads_to)
        })
    }

    async fn at_fireblocks(&self, id: &str, invocation: &Invocation) -> Sighting {
        let Some(custodian) = &self.fulfil.custodian else { return self.unqueried(CUSTODIAN) };
        seen(custodian.transaction(id, invocation).await, |(key, status)| (status, key))
    }

    async fn order_at_wechat(&self, number: &OrderNumber, invocation: &Invocation) -> Sighting {
        let Some(api) = self.wechat_api() else { return self.unqueried(Provider::Wechat.as_str()) };
        let found = api.payment_named(number, invocation.now, invocation.deadline).await;
        seen(found, |Queried { state, transaction, .. }| (state.as_str().to_owned(), transaction))
    }

    /// A number of WeChat's own, or of the merchant's for a refund.
    async fn at_wechat(&self, id: &str, invocation: &Invocation) -> Sighting {
        let Some(api) = self.wechat_api() else { return self.unqueried(Provider::Wechat.as_str()) };
        if !api.queries_by_all_numbers() {
            return Sighting::NoQuery;
        }
        let (now, deadline) = (invocation.now, invocation.deadline);
        let id = ["v3.", "v2."].iter().find_map(|form| id.strip_prefix(form)).unwrap_or(id);
        let is_refund_of_theirs = is_wechat_refund(id);
        if !is_refund_of_theirs {
            let found = seen(api.transaction_named(id, now, deadline).await, |found| {
                let money = found.money.map(|money| money.to_string());
                let what = [Some("payment".to_owned()), Some(found.state.as_str().to_owned()), money];
                (what.into_iter().flatten().collect::<Vec<_>>().join(", "), Some(found.order))
            });
            if found != Sighting::Unknown {
                return found;
            }
        }
        let found = seen(api.refund_named(id, now, deadline).await, refund);
        // WeChat has no query by its own number of a refund, so that it may have one all the same.
        if found == Sighting::Unknown && is_refund_of_theirs { Sighting::NoQuery } else { found }
    }

    /// `None` if the text is not such a number, or WeChat Pay has no such query here.
    async fn refund_at_wechat(&self, text: &str, invocation: &Invocation) -> Option<(&'static str, Sighting)> {
        let api = self.wechat_api().filter(|api| api.queries_by_all_numbers())?;
        if !is_refund_number(text) {
            return None;
        }
        let found = api.refund_named(text, invocation.now, invocation.deadline).await;
        Some((Provider::Wechat.as_str(), seen(found, refund)))
    }

    fn wechat_api(&self) -> Option<&wechat::Api> {
        self.wechat.as_ref()?.api.as_ref()
    }

    async fn at_epay(&self, of: EpayNumber<'_>, invocation: &Invocation) -> Sighting {
        let epay = self.epay.as_ref().and_then(|epay| Some((epay, epay.gateway.as_ref()?)));
        let Some((epay, gateway)) = epay else { return self.unqueried(Provider::Epay.as_str()) };
        let found = gateway.payment_named(&epay.config, of, &invocation.context()).await;
        seen(found, |EpayPayment { order, is_paid, money, .. }| {
            (format!("{money}, {}", if is_paid { "paid" } else { "not paid" }), Some(order))
        })
    }

    fn unqueried(&self, provider: &str) -> Sighting {
        if self.missing_credentials.contains(provider) { Sighting::NoKey } else { Sighting::NotQueried }
    }
}

/// The words of the provider, and what of ours it leads to.
fn seen<T>(found: Result<Option<T>, CallError>, of: impl FnOnce(T) -> (String, Option<String>)) -> Sighting {
    match found {
        Ok(Some(found)) => {
            let (what, leads_to) = of(found);
            Sighting::Seen { what, leads_to }
        }
        Ok(None) => Sighting::Unknown,
        Err(_) => Sighting::NoAnswer,
    }
}

fn refund(found: QueriedRefund) -> (String, Option<String>) {
    (format!("refund, {}, {}", found.state.as_str(), found.money), Some(found.order))
}

/// WeChat Pay begins its own numbers of refunds with these digits, and has as many as in a payment's or more.
fn is_wechat_refund(id: &str) -> bool {
    id.len() >= WECHAT_DIGITS && id.starts_with("50") && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// What a merchant may call a refund at WeChat Pay. A key or a code is never sent there, and no number is without a digit.
fn is_refund_number(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-|*@".contains(&byte);
    let is_secret = SECRETS.iter().any(|head| text.starts_with(head)) || CodeText::parse(text).is_some();
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    has_digit && !is_secret && text.len() <= REFUND_CHARS_MAX && text.bytes().all(is_allowed)
}

/// The id in a key of ours, as `stripe#pi_1`.
fn last_part(text: &str) -> &str {
    text.rsplit_once('#').map_or(text, |(_, id)| id)
}
