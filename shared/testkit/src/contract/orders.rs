//! Contract lines about orders and subscriptions; a decision uses the version that was read last.

use std::collections::BTreeMap;

use ledger::{
    Amount, CallContext, CallerKey, CommitError, Currency, Decision, Effect, Grant, Ledger, Money, Order, OrderNumber,
    Owner, Paid, Payment, PaymentState, Pointer, Provider, Reason, Reference, Refund, RefundState, Refusal, RowKeys,
    Rows, Session, Standing, Subscription, SubscriptionStatus, Terms, Timestamp, Transition,
};

use super::event::{amount, header, record};
use crate::now;

/// Orders and subscriptions as last read.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    orders: BTreeMap<String, Order>,
    subscriptions: BTreeMap<String, Subscription>,
}

impl Snapshots {
    /// The result of a line that reads; `None` for other lines.
    pub(crate) async fn read<L: Ledger>(
        &mut self,
        ledger: &L,
        words: &[&str],
        context: &CallContext<'_>,
    ) -> Option<String> {
        match *words {
            ["read", name] => {
                let Some(order) = ledger.order(&number(name), context).await.unwrap() else {
                    return Some("nothing".to_owned());
                };
                let result = format!("{} v{}", order.payment.as_str(), order.version);
                self.orders.insert(name.to_owned(), order);
                Some(result)
            }
            ["proven", name] => {
                let proof = self.order(name).proof().unwrap();
                let is_proven = ledger.is_proven(&proof, context).await.unwrap();
                Some(if is_proven { "yes" } else { "no" }.to_owned())
            }
            ["resolve", id] => {
                let pointed = ledger.resolve_pointer(&Pointer::Provider(reference(id)), context).await.unwrap();
                Some(pointed.map_or("nothing".to_owned(), |order| order.to_string()))
            }
            // Orders as `N1`, pointers as `pi_1`, subscriptions as `sub_1`: those that exist, read at once.
            ["rows", ref names @ ..] => {
                let mut keys = RowKeys::default();
                for name in names {
                    match name.split_once('_') {
                        None => drop(keys.orders.insert(number(name))),
                        Some(("sub", _)) => drop(keys.subscriptions.insert(reference(name))),
                        Some(_) => drop(keys.pointers.insert(Pointer::Provider(reference(name)))),
                    }
                }
                let Rows { orders, pointers, subscriptions } = ledger.read_rows(&keys, context).await.unwrap();
                let orders = orders.into_iter().map(|(name, order)| format!("{name} v{}", order.unwrap().version));
                let pointers = pointers.into_iter().map(|(from, to)| format!("{from} {}", to.unwrap().order));
                let subscriptions =
                    subscriptions.into_iter().map(|(id, found)| format!("{id} v{}", found.unwrap().version));
                let rows: Vec<String> = orders.chain(pointers).chain(subscriptions).collect();
                Some(if rows.is_empty() { "nothing".to_owned() } else { rows.join(", ") })
            }
            // A change without a receipt: a page of an order, with its pointer.
            ["amend", name, page, from] => {
                let session = Session { id: page.to_owned(), url: "https://pay.invalid".to_owned() };
                let mut effects = self.order(name).open(session);
                let from = (from != "-").then(|| number(from));
                effects.push(Effect::Point { pointer: Pointer::Provider(reference(page)), from, to: number(name) });
                Some(match ledger.amend(&effects, context).await {
                    Ok(()) => "done".to_owned(),
                    Err(CommitError::Stale) => "stale".to_owned(),
                    Err(error) => format!("{error:?}"),
                })
            }
            ["amend", owner] => {
                let balance = Effect::Bind { key: CallerKey::remote("k").unwrap(), owner: Owner::new(owner).unwrap() };
                let refused = ledger.amend(&[balance], context).await;
                Some(if matches!(refused, Err(CommitError::Refused(_))) { "refused" } else { "accepted" }.to_owned())
            }
            ["places", owner] => {
                let orders = ledger.orders_in_places(&Owner::new(owner).unwrap(), context).await.unwrap();
                let orders: Vec<String> = orders.iter().map(ToString::to_string).collect();
                Some(if orders.is_empty() { "nothing".to_owned() } else { orders.join(" ") })
            }
            ["free", owner, ref ended @ ..] => {
                let ended = ended.iter().map(|name| number(name)).collect();
                ledger.free_places(&Owner::new(owner).unwrap(), &ended, context).await.unwrap();
                Some("done".to_owned())
            }
            ["subscription", id] => {
                let rows = ledger.read_rows(&RowKeys::of_subscription(reference(id)), context).await.unwrap();
                let Some(found) = rows.subscription(&reference(id)).unwrap() else {
                    return Some("nothing".to_owned());
                };
                let result = format!("{} v{}", found.standing.map_or("-", |it| it.status.as_str()), found.version);
                self.subscriptions.insert(id.to_owned(), found);
                Some(result)
            }
            _ => None,
        }
    }

    /// The decision of a line about orders or subscriptions; `None` for other lines.
    pub(crate) fn decision(&self, words: &[&str]) -> Option<Decision> {
        let (event, effects) = match *words {
            ["order", event, name, owner, cents, credits] => {
                (event, vec![new_order(name, owner, cents, credits).created()])
            }
            ["pay", event, name, by, cents] => {
                let payment = Payment { by: reference(by), money: usd(cents), at: now() };
                match self.order(name).pay(&payment) {
                    Ok(effects) => (event, effects),
                    Err(anomaly) => {
                        let (reason, effects) = (anomaly.reason, self.order(name).flag(&anomaly));
                        return Some(Decision::Refuse(Refusal { header: header(event, words), reason, effects }));
                    }
                }
            }
            // A planted row: the order is paid without a payment.
            ["plant", event, name, by] => {
                let mut order = self.order(name).clone();
                order.paid = Some(Paid { by: reference(by), at: now() });
                (order.payment, order.version) = (PaymentState::Paid, order.version.checked_add(1).unwrap());
                (
                    event,
                    vec![Effect::Order {
                        order: Box::new(order),
                        transition: Transition::Amend,
                        refunded: Amount::ZERO,
                    }],
                )
            }
            ["unproven", event, name] => (event, self.order(name).flag_unproven()),
            ["fail", event, name] => (event, self.order(name).apply_unpaid(PaymentState::Failed)),
            ["refund", event, name, of, id, cents] => {
                let refund = Refund { state: RefundState::Succeeded, amount: usd(cents).amount };
                (event, self.order(name).apply_refund(&reference(of), id, refund))
            }
            ["point", event, id, from, to] => {
                let from = (from != "-").then(|| number(from));
                let pointer = Pointer::Provider(reference(id));
                (event, vec![Effect::Point { pointer, from, to: number(to) }])
            }
            ["place", event, name, owner, places, replaces] => {
                let replaces = (replaces != "-").then(|| number(replaces));
                let (owner, order) = (Owner::new(owner).unwrap(), number(name));
                (event, vec![Effect::TakePlace { owner, order, replaces, places: places.parse().unwrap() }])
            }
            ["subscribe", event, id, owner, status] => {
                let new = || Subscription::new(reference(id), Owner::new(owner).unwrap(), number("N1"));
                let known = self.subscriptions.get(id).cloned().unwrap_or_else(new);
                let status = SubscriptionStatus::named(status).unwrap();
                let standing = Standing { as_of: Timestamp::EPOCH, status };
                (event, known.apply(Some(standing), None).into_iter().collect())
            }
            ["flag", event, name, reason] => {
                let reason = Reason::ALL.into_iter().find(|known| known.as_str() == reason).unwrap();
                let anomaly = ledger::Anomaly { reason, details: "details".to_owned(), payment: None };
                (event, self.order(name).flag(&anomaly))
            }
            _ => return None,
        };
        let mut decision = record(event, words.get(2..).unwrap_or_default(), effects);
        if let (Decision::Record(entry), [_, _, name, ..]) = (&mut decision, words) {
            entry.header.order = OrderNumber::new(name).ok();
        }
        Some(decision)
    }

    fn order(&self, name: &str) -> &Order {
        self.orders.get(name).unwrap_or_else(|| panic!("{name} was not read"))
    }
}

fn new_order(name: &str, owner: &str, cents: &str, credits: &str) -> Order {
    let terms = Terms {
        provider: Provider::Stripe,
        product: "credits".to_owned(),
        quantity: 1,
        price: usd(cents),
        exchange: None,
        grants: vec![Grant::Credits(amount(credits))],
        commissions: Vec::new(),
        referral: None,
        site: None,
    };
    Order::new(number(name), Owner::new(owner).unwrap(), terms, now())
}

fn usd(cents: &str) -> Money {
    let amount = ledger::Amount::from_units(cents.parse().unwrap());
    Money { amount, currency: Currency::parse("USD").unwrap() }
}

fn number(name: &str) -> OrderNumber {
    OrderNumber::new(name).unwrap()
}

fn reference(id: &str) -> Reference {
    Reference::new(Provider::Stripe, id).unwrap()
}
