//! One question, answered: what the text names, the chain of it, and where it stopped.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{
    Asset, Balance, CallContext, CommitError, EventKey, Fulfilment, Hold, Lane, Money, MoneyKey, Order, OrderNumber,
    Pauses, Provider, Reference, Source, StoredKey, Subject,
};

use crate::chain::{self, AroundOrder, Audited, OfOwner};
use crate::find::{Found, FoundOrder, find};
use crate::{Chain, EventRow, EventState, Readable, Typed};

/// The corrections of an order that are shown: the newest.
const REVERSALS_MAX: u64 = 10;
/// How many refused events of a source are compared with an order that is not paid.
const WAITING_MAX: u16 = 100;
/// One screen of an owner's orders.
const ORDERS_MAX: u16 = 20;
/// Of one owner.
const WAITING_OF_OWNER_MAX: u32 = 20;

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Explained {
    /// No row has this name.
    Missing,
    /// It names several things: a kind and a text for each that names it alone.
    Several(Vec<(Kind, String)>),
    One(Box<Explanation>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub headline: Headline,
    pub chain: Chain,
}

/// What kind of thing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Order,
    Event,
    Hold,
    Key,
    Code,
    Owner,
    Lane,
    Row,
}

/// What the thing is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Headline {
    Order {
        number: String,
        owner: String,
        quantity: u64,
        product: String,
        price: Money,
        provider: Provider,
    },
    /// An event names it, and it does not exist.
    NoOrder {
        number: String,
    },
    Event {
        key: String,
        source: String,
        kind: String,
    },
    Hold {
        id: String,
        account: String,
    },
    Key {
        id: String,
        owner: Option<String>,
    },
    Code {
        campaign: String,
        name: String,
    },
    Owner {
        owner: String,
    },
    Lane {
        lane: String,
    },
    Row {
        id: String,
    },
}

impl Explained {
    /// Gives amounts of these tokens their decimals, which only the catalog has.
    pub fn know(&mut self, assets: &BTreeSet<Asset>) {
        if let Self::One(explanation) = self {
            explanation.chain.know(|account| {
                let (_, code) = account.split_once('/')?;
                assets.iter().find(|asset| asset.to_string() == code).copied()
            });
        }
    }

    /// Whether it exists, and nothing of it waits for anyone.
    pub fn is_well(&self) -> bool {
        matches!(self, Self::One(explanation) if explanation.chain.is_well())
    }
}

/// Reads what the text names, and what is around it.
pub async fn explain(
    ledger: &impl Readable,
    typed: &Typed<'_>,
    context: &CallContext<'_>,
) -> Result<Explained, CommitError> {
    let mut found = find(ledger, typed, context).await?;
    if found.is_empty()
        && let Ok(number) = OrderNumber::new(typed.text.trim())
    {
        // An event that waits for its order names it, and no index leads from the order to the event.
        let rows = waiting_for(ledger, &number, &Source::ALL, context).await?;
        if !rows.is_empty() {
            let order = FoundOrder { number, order: None, rows, subscription: None };
            found.push(Found::Order(Box::new(order)));
        }
    }
    let mut found = found.into_iter();
    let Some(first) = found.next() else { return Ok(Explained::Missing) };
    let more: Vec<Found> = found.collect();
    if !more.is_empty() {
        let named = std::iter::once(&first).chain(&more).map(|found| (found.kind(), found.exact()));
        return Ok(Explained::Several(named.collect()));
    }
    let (headline, chain) = (first.headline(), Box::pin(chain_of(ledger, first, context)).await?);
    Ok(Explained::One(Box::new(Explanation { headline, chain })))
}

async fn chain_of(ledger: &impl Readable, found: Found, context: &CallContext<'_>) -> Result<Chain, CommitError> {
    let now = context.received_at;
    Ok(match found {
        Found::Order(found) => chain::of_order(&found, &around(ledger, &found, context).await?),
        Found::Event(row) => chain::of_event(&row, spendable_for(ledger, &row, context).await?),
        Found::Hold(hold) => {
            let charge = one_event(ledger, &hold.usage, context).await?;
            let charge = charge.filter(|row| is_charge_of(row, &hold));
            let available = match &charge {
                Some(row) => spendable_for(ledger, row, context).await?,
                None => Balance::ZERO,
            };
            chain::of_hold(&hold, charge.as_ref(), available, now)
        }
        Found::Key(key) => {
            let (waiting, budget) = match key.as_ref() {
                StoredKey::Owner(key) => {
                    let lane = Lane::Key(key.key.clone());
                    let waiting = ledger.refused_in_lane(Source::Usage, &lane, WAITING_OF_OWNER_MAX, context).await?;
                    let budgets = ledger.budgets(&key.owner, context).await?;
                    (waiting, budgets.into_iter().find(|budget| budget.key == key.key))
                }
                StoredKey::Service(_) => (Vec::new(), None),
            };
            chain::of_key(&key, &waiting, budget.as_ref(), now)
        }
        Found::Code(code) => chain::of_code(&code, one_event(ledger, &code.made_by, context).await?.as_ref(), now),
        Found::Owner(owner) => {
            let account = owner.account(Asset::CREDITS);
            let lane = Lane::Owner(owner.clone());
            let of = OfOwner {
                account: ledger.account_with_lots(&account, context).await?.map(|(row, _)| row),
                orders: ledger.orders_of(&owner, None, ORDERS_MAX, context).await?.orders,
                holds: ledger.open_holds(&account, context).await?,
                waiting: ledger.refused_in_lane(Source::Usage, &lane, WAITING_OF_OWNER_MAX, context).await?,
                audited: Audited::of(ledger.check(context).await?, &Subject::Account(account.to_string())),
                owner,
            };
            chain::of_owner(&of, now)
        }
        Found::Lane(lane, waiting) => chain::of_lane(&lane, &waiting, spendable_in(ledger, &lane, context).await?),
        Found::Unreadable(row) => {
            let mut chain = Chain::default();
            chain.stop(chain::unreadable(&row));
            chain
        }
    })
}

/// What can be spent by the owner for whose credits the event waits.
async fn spendable_for(
    ledger: &impl Readable,
    row: &EventRow,
    context: &CallContext<'_>,
) -> Result<Balance, CommitError> {
    match &row.state {
        EventState::Refused { retry: Some(retry), .. } => match retry.lane() {
            Some(lane) => spendable_in(ledger, &lane, context).await,
            None => Ok(Balance::ZERO),
        },
        EventState::Refused { retry: None, .. } | EventState::Booked { .. } => Ok(Balance::ZERO),
    }
}

async fn spendable_in(ledger: &impl Readable, lane: &Lane, context: &CallContext<'_>) -> Result<Balance, CommitError> {
    let Lane::Owner(owner) = lane else { return Ok(Balance::ZERO) };
    let account = ledger.account_with_lots(&owner.account(Asset::CREDITS), context).await?;
    Ok(account.map_or(Balance::ZERO, |(row, _)| row.available))
}

/// A use of the hold's name may be booked on another account.
fn is_charge_of(row: &EventRow, hold: &Hold) -> bool {
    row.posting.as_ref().is_none_or(|posting| posting.account == hold.account.to_string())
}

async fn one_event(
    ledger: &impl Readable,
    key: &EventKey,
    context: &CallContext<'_>,
) -> Result<Option<EventRow>, CommitError> {
    let mut rows = ledger.events(&[key.clone()].into(), context).await?;
    Ok(rows.remove(key).transpose()?)
}

/// Everything about an order that is not in its row: in two batches, a query and the row of the audit.
async fn around(
    ledger: &impl Readable,
    found: &FoundOrder,
    context: &CallContext<'_>,
) -> Result<AroundOrder, CommitError> {
    let mut rows: BTreeMap<EventKey, EventRow> = BTreeMap::new();
    if let Some(order) = &found.order {
        rows.extend(readable(ledger, &related(order), context).await?);
    }
    let of_events = rows.values().chain(&found.rows).filter_map(|row| row.fact("event").map(EventKey::of_row));
    let of_events: BTreeSet<EventKey> = of_events.filter(|key| !rows.contains_key(key)).collect();
    rows.extend(readable(ledger, &of_events, context).await?);
    rows.retain(|key, _| !found.rows.iter().any(|row| row.key == *key));
    let is_open = found.order.as_ref().is_none_or(|order| order.paid.is_none());
    let mut waiting = Vec::new();
    if is_open && found.rows.iter().all(EventRow::is_booked) {
        let sources = found.order.as_ref().map_or_else(Vec::new, |order| vec![source_of(order.terms.provider)]);
        waiting = waiting_for(ledger, &found.number, &sources, context).await?;
    }
    // A refused one that its order lists is in both.
    let refused = rows.values().filter(|row| !row.is_booked() && is_open && row.is_of_sender()).cloned();
    waiting.extend(refused);
    rows.retain(|key, _| !waiting.iter().any(|row| row.key == *key));
    let audited = Audited::of(ledger.check(context).await?, &Subject::Order(found.number.clone()));
    let may_wait =
        |order: &Order| order.paid.is_none() || !matches!(order.fulfilment, Fulfilment::None | Fulfilment::Done);
    let waits = found.order.as_ref().is_some_and(may_wait);
    let pauses = if waits { ledger.pauses(context).await? } else { Pauses::default() };
    Ok(AroundOrder { rows: rows.into_values().collect(), waiting, audited, pauses })
}

async fn readable(
    ledger: &impl Readable,
    keys: &BTreeSet<EventKey>,
    context: &CallContext<'_>,
) -> Result<Vec<(EventKey, EventRow)>, CommitError> {
    let rows = ledger.events(keys, context).await?;
    Ok(rows.into_iter().filter_map(|(key, row)| Some((key, row.ok()?))).collect())
}

/// The rows of the journal whose keys follow from the order.
pub(crate) fn related(order: &Order) -> BTreeSet<EventKey> {
    let number = &order.number;
    let closed = [ledger::PaymentState::Expired, ledger::PaymentState::Canceled];
    let closed = closed.map(|state| EventKey::of_closing(number, state));
    let of_number = Reference::new(order.terms.provider, number.as_str());
    let session = order.session.iter().filter_map(|page| Reference::new(order.terms.provider, &page.id).ok());
    let flagged = order.anomalies.listed().filter_map(|flag| flag.anomaly.payment.as_ref()).map(|payment| &payment.by);
    let paid = order.paid.iter().map(|paid| &paid.by).chain(order.accepted.values().map(|accepted| &accepted.by));
    let payments: BTreeSet<&Reference> = flagged.chain(paid).collect();
    let first = order.postings.saturating_sub(REVERSALS_MAX);
    let money = order
        .shares()
        .into_iter()
        .map(|share| MoneyKey::of_line(number, share.line))
        .chain(order.accepted.values().map(ledger::Accepted::money_key))
        .chain(order.first_invoice.iter().map(MoneyKey::of_invoice))
        .chain((first..order.postings).map(|n| MoneyKey::of_reversal(number, n)))
        .chain((1..=u8::try_from(order.terms.grants.len()).unwrap_or(u8::MAX)).map(|n| MoneyKey::of_sent(number, n)));
    closed
        .into_iter()
        .chain(of_number.iter().chain(&session.collect::<Vec<_>>()).map(EventKey::query))
        .chain(money.map(|key| EventKey::of_money(&key)))
        .chain(payments.into_iter().flat_map(of_payment))
        .collect()
}

/// The rows that a payment may have: its money, and the receipts whose keys follow from it.
fn of_payment(by: &Reference) -> Vec<EventKey> {
    let receipts = match by.provider() {
        Provider::Stripe => vec![],
        Provider::Wechat => vec![format!("wechat#v3.{}", by.id()), format!("wechat#v2.{}", by.id())],
        Provider::Epay => vec![by.to_string()],
    };
    let receipts = receipts.iter().map(|id| EventKey::of_row(id));
    receipts.chain([EventKey::of_money(&MoneyKey::of_payment(by)), EventKey::query(by)]).collect()
}

const fn source_of(provider: Provider) -> Source {
    match provider {
        Provider::Stripe => Source::Stripe,
        Provider::Wechat => Source::Wechat,
        Provider::Epay => Source::Epay,
    }
}

/// The refused events of these sources that name the order and wait for their retry.
async fn waiting_for(
    ledger: &impl Readable,
    number: &OrderNumber,
    sources: &[Source],
    context: &CallContext<'_>,
) -> Result<Vec<EventRow>, CommitError> {
    let mut all = Vec::new();
    for source in sources {
        let keys = ledger.waiting(*source, WAITING_MAX, context).await?.into_iter().collect();
        let rows = readable(ledger, &keys, context).await?;
        all.extend(rows.into_iter().map(|(_, row)| row).filter(|row| row.order.as_ref() == Some(number)));
    }
    Ok(all)
}

impl Found {
    fn kind(&self) -> Kind {
        match self {
            Self::Order(found) if found.rows.is_empty() => Kind::Order,
            Self::Order(_) | Self::Event(_) => Kind::Event,
            Self::Hold(_) => Kind::Hold,
            Self::Key(_) => Kind::Key,
            Self::Code(_) => Kind::Code,
            Self::Owner(_) => Kind::Owner,
            Self::Lane(..) => Kind::Lane,
            Self::Unreadable(_) => Kind::Row,
        }
    }

    fn headline(&self) -> Headline {
        match self {
            Self::Order(found) => found.order.as_ref().map_or_else(
                || Headline::NoOrder { number: found.number.to_string() },
                |order| Headline::Order {
                    number: order.number.to_string(),
                    owner: order.owner.to_string(),
                    quantity: order.terms.quantity,
                    product: order.terms.product.clone(),
                    price: order.terms.price,
                    provider: order.terms.provider,
                },
            ),
            Self::Event(row) => {
                Headline::Event { key: row.key.to_string(), source: row.source.clone(), kind: row.kind.clone() }
            }
            Self::Hold(hold) => Headline::Hold { id: hold.id.to_string(), account: hold.account.to_string() },
            Self::Key(key) => match key.as_ref() {
                StoredKey::Owner(of) => Headline::Key { id: key.id().to_string(), owner: Some(of.owner.to_string()) },
                StoredKey::Service(_) => Headline::Key { id: key.id().to_string(), owner: None },
            },
            Self::Code(code) => {
                Headline::Code { campaign: code.campaign.to_string(), name: code.hash.short().to_owned() }
            }
            Self::Owner(owner) => Headline::Owner { owner: owner.to_string() },
            Self::Lane(lane, _) => Headline::Lane { lane: lane.to_string() },
            Self::Unreadable(row) => Headline::Row { id: row.id.clone() },
        }
    }
}
