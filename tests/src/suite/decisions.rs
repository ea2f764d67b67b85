//! Decisions: what every sample does to the books, in each state of the books that its source names.
//!
//! `tests/src/<source>/decisions.txt` has the reply, the reply to a repeat, and each row that changes: the journal rows
//! with their reason or the amount that they move, the accounts, the order's fields from and to, pointers, subscriptions
//! and kept bodies. `DECISIONS=write cargo test -p tests --test all decision` writes these files.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use edge::Reply;
use testkit::{Account, Books, OrderRow, Row, SubscriptionRow, World, context};

use super::{Suite, sample, samples, world_before};
use crate::house::root;
use crate::recorded::is_to_write;
use crate::sandbox::{SandboxOf, comparable, moment_within};

const HEAD: &str = "# The decision of every sample, in each state of the books. \
                    `DECISIONS=write cargo test -p tests --test all decision`\n# writes this file.\n";

/// The books before a sample is delivered.
pub(crate) struct Before {
    pub(crate) name: &'static str,
    pub(crate) state: &'static str,
    /// Delivered before the sample.
    pub(crate) delivered: Vec<String>,
}

pub(crate) async fn are_as_recorded<W: Suite>() {
    let mut text = HEAD.to_owned();
    for name in samples(W::SOURCE) {
        for before in W::decided_with() {
            write!(text, "\n{name}, with {}\n{}", before.name, decision::<W>(&name, &before).await).expect("text");
        }
    }
    let path = root().join("tests/src").join(W::SOURCE.as_str()).join("decisions.txt");
    if is_to_write("DECISIONS") {
        fs::write(&path, &text).expect("written");
    }
    let recorded = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let differing = text.lines().zip(recorded.lines()).find(|(is, was)| is != was);
    assert!(text == recorded, "{}: {differing:?}\n{text}", path.display());
}

async fn decision<W: Suite>(name: &str, before: &Before) -> String {
    let world = world_before::<W>(before.state, &before.delivered).await;
    let body = sample(W::SOURCE, name);
    let was = State::of(&world).await;
    let reply = deliver::<W>(&world, &body, 1).await;
    let is = State::of(&world).await;
    is.books.check();
    let repeat = deliver::<W>(&world, &body, 2).await;
    let again = comparable(world.books());
    assert_eq!(again, comparable(is.books.clone()), "{name}, with {}: a repeat changes nothing", before.name);

    let mut text = format!("reply: {}\n", line_of(&reply));
    if line_of(&repeat) != line_of(&reply) {
        writeln!(text, "repeat: {}", line_of(&repeat)).expect("text");
    }
    text + &changes(&was, &is)
}

async fn deliver<W: Suite>(world: &World, body: &str, attempt: u64) -> Reply {
    SandboxOf::<W>::faultless(world).await.deliver(body, &moment_within::<W>(attempt)).await.expect("no fault")
}

fn line_of(reply: &Reply) -> String {
    format!("{} {}", reply.status, reply.body).trim_end().to_owned()
}

/// The books, and what only an order says of its transfer.
struct State {
    books: Books,
    transfers: BTreeMap<String, String>,
}

impl State {
    async fn of(world: &World) -> Self {
        let (books, mut transfers) = (world.books(), BTreeMap::new());
        for number in books.orders.keys() {
            let order = ledger::OrderNumber::new(number).expect("a number");
            let order = ledger::Ledger::order(&world.ledger(0), &order, &context(0)).await.expect("an answer");
            if let Some(transfer) = order.expect("an order").transfer {
                let id = transfer.id.unwrap_or_default();
                transfers.insert(number.clone(), format!("{id} {} at {}", transfer.status.as_str(), transfer.at));
            }
        }
        Self { books, transfers }
    }
}

/// One line for each row that has changed.
fn changes(was: &State, is: &State) -> String {
    let Books {
        journal,
        accounts,
        keys,
        limits,
        spent,
        draws,
        members,
        bodies,
        orders,
        pointers,
        subscriptions,
        codes,
        holds,
    } = &is.books;
    assert_eq!(*codes, was.books.codes, "no webhook redeems a code");
    assert_eq!(*holds, was.books.holds, "no webhook opens or closes a hold");
    assert_eq!(*keys, was.books.keys, "no webhook binds a key");
    assert_eq!((draws, members), (&was.books.draws, &was.books.members), "no webhook makes a member");
    assert_eq!(*limits, was.books.limits, "no webhook sets a budget");
    assert_eq!(*spent, was.books.spent, "no key here has a budget");
    let mut lines = Vec::new();
    for (id, row) in journal.iter().filter(|(id, row)| was.books.journal.get(*id) != Some(row)) {
        lines.push(format!("row {id}: {}", line_of_row(row)));
    }
    for (id, Account { balance, .. }) in accounts {
        let before = was.books.balance(id);
        if before != *balance {
            lines.push(format!("account {id}: {before} -> {balance}"));
        }
    }
    for (number, order) in orders {
        let transfer = |state: &State| state.transfers.get(number).cloned().unwrap_or_default();
        let before = was.books.orders.get(number).cloned().unwrap_or_default();
        let moved = moved(fields_of_order(&before, transfer(was)), fields_of_order(order, transfer(is)));
        lines.extend((before != *order).then(|| format!("order {number}: {moved}")));
    }
    for (pointer, order) in pointers.iter().filter(|(pointer, to)| was.books.pointers.get(*pointer) != Some(to)) {
        lines.push(format!("pointer {pointer}: {order}"));
    }
    for (id, row) in subscriptions {
        let before = was.books.subscriptions.get(id).cloned().unwrap_or_default();
        let moved = moved(fields_of_subscription(&before), fields_of_subscription(row));
        lines.extend((before != *row).then(|| format!("subscription {id}: {moved}")));
    }
    lines.extend(bodies.difference(&was.books.bodies).map(|id| format!("body {id}")));
    lines.iter().fold(String::new(), |text, line| text + line + "\n")
}

fn line_of_row(row: &Row) -> String {
    let mut text = row.reason.as_deref().unwrap_or(&row.status).to_owned();
    let mut add = |part: String| text.push_str(&part);
    add(row.order.as_ref().map_or(String::new(), |order| format!(", order {order}")));
    add(row.account.as_ref().map_or(String::new(), |account| format!(", {:+} {account}", row.change)));
    add(row.reverses.as_ref().map_or(String::new(), |reversed| format!(", reverses {reversed}")));
    add(if row.needs_attention { ", waits for its retry" } else { "" }.to_owned());
    text
}

/// The fields that differ, from and to. A row may be written for facts that no field here has, such as a refund before
/// its payment.
fn moved<const N: usize>(was: [(&str, String); N], is: [(&str, String); N]) -> String {
    let quoted = |text: String| if text.is_empty() { "none".to_owned() } else { text };
    let pairs = was.into_iter().zip(is).filter(|(was, is)| was != is);
    let moved: Vec<String> =
        pairs.map(|((name, was), (_, is))| format!("{name} {} -> {}", quoted(was), quoted(is))).collect();
    if moved.is_empty() { "written".to_owned() } else { moved.join(", ") }
}

/// A new field does not compile until it is recorded, or left out here.
fn fields_of_order(order: &OrderRow, transfer_of_order: String) -> [(&'static str, String); 11] {
    let OrderRow {
        owner: _,
        payment,
        paid_by,
        disputed,
        fulfilment,
        posted,
        periods,
        postings: _,
        delivered,
        top_up_call,
        transfer: _,
        accepted,
        anomaly,
        version: _,
    } = order;
    let listed = |lines: Vec<String>| lines.join(" ");
    [
        ("payment", payment.clone()),
        ("paid_by", paid_by.clone().unwrap_or_default()),
        ("disputed", disputed.to_string()),
        ("fulfilment", fulfilment.clone()),
        ("posted", posted.to_string()),
        ("periods", listed(periods.iter().map(|(invoice, posted)| format!("{invoice}={posted}")).collect())),
        ("delivered", listed(delivered.iter().map(|(line, amount)| format!("{line}={amount}")).collect())),
        ("accepted", listed(accepted.iter().map(|(id, (posted, _))| format!("{id}={posted}")).collect())),
        ("anomaly", anomaly.clone().unwrap_or_default()),
        ("top_up_call", top_up_call.clone().unwrap_or_default()),
        ("transfer", transfer_of_order),
    ]
}

fn fields_of_subscription(row: &SubscriptionRow) -> [(&'static str, String); 4] {
    let SubscriptionRow { owner, order, status, period_end, version: _ } = row;
    [
        ("owner", owner.clone()),
        ("order", order.clone()),
        ("status", status.clone().unwrap_or_default()),
        ("period_end", period_end.clone().unwrap_or_default()),
    ]
}
