//! A person's question to the provider of an order, or about an id that no row has. Nothing is booked by the answer.

use edge::Invocation;
use insight::{ProviderAnswer, Sender, Sighting, sender_of};
use ledger::{Backlog, Order, OrderNumber, Payment, Provider};
use providers::{CallError, EpayNumber, EpayPayment, Queried};

use crate::Reconcile;
use crate::missing_credentials::{CUSTODIAN, QueryError};
use crate::query_provider::QueryOutcome;

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
    /// our numbers.
    pub async fn locate(&self, text: &str, invocation: &Invocation) -> Vec<(&'static str, Sighting)> {
        let [stripe, wechat, epay] = [Provider::Stripe, Provider::Wechat, Provider::Epay].map(Provider::as_str);
        match sender_of(text) {
            Some(Sender::Stripe) => vec![(stripe, self.at_stripe(last_part(text), invocation).await)],
            Some(Sender::Fireblocks) => vec![(CUSTODIAN, self.at_fireblocks(text, invocation).await)],
            Some(Sender::Epay) => {
                let trade = last_part(text);
                let trade = trade.split_once('.').map_or(trade, |(_, trade)| trade);
                vec![(epay, self.at_epay(EpayNumber::Theirs(trade), invocation).await)]
            }
            Some(Sender::Shop) => match OrderNumber::new(last_part(text)) {
                Ok(number) => vec![
                    (wechat, self.at_wechat(&number, invocation).await),
                    (epay, self.at_epay(EpayNumber::Ours(&number), invocation).await),
                ],
                Err(_) => Vec::new(),
            },
            // WeChat Pay is queried by our number, and no gateway of models has a query.
            Some(Sender::Wechat | Sender::Gateway) | None => Vec::new(),
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

    async fn at_wechat(&self, number: &OrderNumber, invocation: &Invocation) -> Sighting {
        let api = self.wechat.as_ref().and_then(|wechat| wechat.api.as_ref());
        let Some(api) = api else { return self.unqueried(Provider::Wechat.as_str()) };
        let found = api.payment_named(number, invocation.now, invocation.deadline).await;
        seen(found, |Queried { state, transaction, .. }| (state.as_str().to_owned(), transaction))
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

/// The id in a key of ours, as `stripe#pi_1`.
fn last_part(text: &str) -> &str {
    text.rsplit_once('#').map_or(text, |(_, id)| id)
}
