//! The Fireblocks webhook function: the decision of each webhook, every refusal, every order of statuses, and faults of the store and
//! of the JWKS endpoint.

mod attacks;
pub(crate) mod keys;
mod refusals;
mod replays;
mod statuses;
mod suite;
mod unknown;
mod workspaces;

use edge::{Keyring, Reply, Service as _, Settings, Vault};
use fakes::FIREBLOCKS_WORKSPACE;
use fireblocks::{Fireblocks, Workspace};
use ledger::{
    Amount, Currency, Decision, Effect, Entry, EventKey, Fingerprint, Grant, JournalHeader, Ledger, Money, OnChain,
    Order, OrderNumber, Payment, Provider, Reference, Timestamp, TransferStatus, Word, Writer,
};
use serde_json::Value;
use signing::fireblocks::{SIGNATURE, SIGNATURE_V1, sign_v1};
use signing::rsa::PrivateKey;
use testkit::{
    FIREBLOCKS_HOOK_PAIR, FIREBLOCKS_KID, Sent, Shape, World, context, fireblocks_jwks, fireblocks_signature, now,
    rsa_pair,
};
use webhook::{Admission, Function, Webhook as _};

use crate::sandbox::{SandboxOf, Sender, moment_within, order_of};
use crate::stripe::made;

pub(crate) const PATH: &str = "/api/v1/webhooks/fireblocks/";
/// The samples' order, and the wallet that receives its tokens.
pub(crate) const ORDER: &str = "hk_sample_order";
const WALLET: &str = "0x52908400098527886E0F7030069857D2E4169EE7";
const TRANSFER: &str = "7b3e5d1c-8f42-4a6b-9e0d-1c2f3a4b5c6d";

type Sandbox = SandboxOf<Fireblocks>;

impl Sender for Fireblocks {
    async fn function<L: Ledger>(ledger: L) -> Function<Self, L> {
        // Version 1 with the same key: this deployment accepts both versions.
        let settings = [
            ("FIREBLOCKS_JWKS".to_owned(), fireblocks_jwks(&[(FIREBLOCKS_KID, FIREBLOCKS_HOOK_PAIR)])),
            ("FIREBLOCKS_V1".to_owned(), rsa_pair(FIREBLOCKS_HOOK_PAIR).public),
        ];
        let keys = Keyring::open(Vault::Here(Settings::new(settings)), Fireblocks::keys, now()).await.expect("keys");
        Function::new(source(), keys, Admission::default(), ledger)
    }

    fn signed(body: &str, _: Timestamp) -> String {
        let is_first = body.contains("\"tenantId\"");
        if is_first { first(body) } else { second(body) }.event(Shape::HttpApi)
    }
}

/// The source, in the samples' workspace.
pub(crate) fn source() -> Fireblocks {
    of_workspace(FIREBLOCKS_WORKSPACE)
}

fn of_workspace(id: &str) -> Fireblocks {
    let set = |name: &str| Some(if name == "FIREBLOCKS_VAULT" { "0" } else { id }.to_owned());
    Fireblocks { workspace: Workspace::read(set).expect("valid").expect("a vault") }
}

/// A webhook of the second version.
fn second(body: &str) -> Sent<'_> {
    Sent::post(PATH, body.as_bytes()).with(SIGNATURE, fireblocks_signature(body.as_bytes()))
}

/// A webhook of the first version.
fn first(body: &str) -> Sent<'_> {
    let key = PrivateKey::parse(&rsa_pair(FIREBLOCKS_HOOK_PAIR).private).expect("a key");
    Sent::post(PATH, body.as_bytes()).with(SIGNATURE_V1, sign_v1(&key, body.as_bytes()))
}

fn sample(name: &str) -> String {
    crate::suite::sample(Fireblocks::SOURCE, name)
}

/// A sample with some of its values replaced, by JSON pointer.
fn with(name: &str, changes: &[(&str, Value)]) -> String {
    crate::suite::altered(Fireblocks::SOURCE, name, changes)
}

/// An order, owned by alice, for 10 POSX at USD 50, sent to her wallet.
pub(crate) fn order(number: &str) -> Order {
    let on_chain = OnChain { asset: "POSX_ETH".to_owned(), wallet: Some(WALLET.to_owned()) };
    let amount = Amount::parse("10", 18).expect("an amount");
    let code = Word::new("POSX").expect("a word");
    let tokens = Grant::Token { code, scale: 18, amount, on_chain: Some(on_chain) };
    order_of(Provider::Stripe, number, "posx-10", (5_000, "USD"), tokens)
}

/// Books the order as paid and its tokens as allocated. The transfer is due and not yet requested.
pub(crate) async fn paid(world: &World, order: Order) {
    let number = order.number.clone();
    made(world, order).await;
    let by = Reference::new(Provider::Stripe, &format!("pi_{number}")).expect("a reference");
    let money = Money { amount: Amount::from_units(5_000), currency: Currency::parse("usd").expect("a currency") };
    let unpaid = order_now(world, number.as_str()).await;
    write(world, &number, "paid", unpaid.pay(&Payment { by, money, at: now() }).expect("paid")).await;
    write(world, &number, "fulfilled", order_now(world, number.as_str()).await.fulfil(true, now())).await;
}

async fn write(world: &World, number: &OrderNumber, kind: &'static str, effects: Vec<Effect>) {
    let header = JournalHeader {
        receipt: EventKey::of_row(&format!("{kind}#{number}")),
        writer: Writer::Orders,
        kind,
        facts: vec![],
        fingerprints: Fingerprint::of(1, &[("number", number.as_str())]).into(),
        order: Some(number.clone()),
    };
    let entry = Entry { header, effects, keeps_body: false, alarm: None };
    world.ledger(0).commit(&Decision::Record(entry), &context(0)).await.expect(kind);
}

async fn order_now(world: &World, number: &str) -> Order {
    let number = OrderNumber::new(number).expect("a number");
    world.ledger(0).order(&number, &context(0)).await.expect("an answer").expect("an order")
}

/// Books the order as paid, with the samples' transfer submitted at Fireblocks.
pub(crate) async fn sent(world: &World, order: Order) {
    let number = order.number.clone();
    paid(world, order).await;
    let effects =
        order_now(world, number.as_str()).await.apply_transfer_status(TRANSFER, TransferStatus::Submitted, now());
    write(world, &number, "transferred", effects).await;
}

/// A ledger with the samples' order, paid, and its transfer submitted at Fireblocks.
pub(crate) async fn shop() -> World {
    let world = World::new();
    sent(&world, order(ORDER)).await;
    world
}

/// A cold sandbox's reply to an event.
async fn answered(world: &World, event: &str) -> Reply {
    Fireblocks::function(world.ledger(1)).await.answer(event, &moment_within::<Fireblocks>(1)).await
}

fn status_and_body(reply: &Reply) -> (u16, &str) {
    (reply.status, &reply.body)
}

const BOOKED: (u16, &str) = (200, "");
const UNVERIFIED: (u16, &str) = (401, r#"{"error":"Invalid signature"}"#);
const UNAVAILABLE: (u16, &str) = (503, r#"{"error":"Temporarily unavailable"}"#);
