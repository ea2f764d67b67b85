//! Fulfilment over the real SDK and an embedded DynamoDB: whatever order the events of a payment arrive in and however
//! often the worker runs, the books end the same.

mod crashes;
mod lost_answers;
pub(crate) mod planted;
mod referrals;
mod stories;
mod stream_and_clock;
pub(crate) mod swept;
mod top_ups;
mod transfers;

use edge::{Invocation, Keyring, Settings, Vault, Worker as _};
use fulfil::{Custodian, Fulfil, Operator};
use idempotency::DynamoLedger;
use ledger::{
    Amount, Commission, CommitError, Currency, Decision, DisputeReport, DisputeStage, Effect, Entry, EventKey,
    Fingerprint, Grant, JournalHeader, Ledger, Money, OnChain, Order, OrderNumber, Owner, Payment, Provider, Reference,
    Referral, Refund, RefundState, TopUp, TopUpKind, Word, Writer,
};
use providers::{FireblocksConfig, Http, UnitelConfig};
use testkit::{
    Books, FIREBLOCKS_BASE, FireblocksNet, UNITEL_BASE, UNITEL_PASSWORD, UNITEL_USERNAME, UnitelNet, World, context,
    deadline, fireblocks_settings, now,
};

use crate::sandbox::moment_at;
use crate::stripe::made;

pub(crate) const ORDER: &str = "HL1";
pub(crate) const PHONE: &str = "88000000";
const WALLET: &str = "0xab5801a7d398351b8be11c439e05c5b3259aec9b";
/// The first sweep that sees an order: the index has caught up by then, and the stream has had its turn.
const MINUTE: i64 = 60;

/// The worker, over one store and these fakes.
pub(crate) async fn worker<L: Ledger>(
    ledger: L,
    unitel: Option<(&UnitelNet, &[(&str, &str)])>,
    fireblocks: Option<&FireblocksNet>,
) -> Fulfil<L> {
    let operator = match unitel {
        None => None,
        Some((net, settings)) => {
            let secrets = [("UNITEL_USERNAME", UNITEL_USERNAME), ("UNITEL_PASSWORD", UNITEL_PASSWORD)];
            let keys = Keyring::open(vault(&secrets), fulfil::operator_keys, now()).await.expect("keys");
            let set = |name: &str| {
                let all = settings.iter().chain(&[("UNITEL_API_URL", UNITEL_BASE)]);
                all.clone().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            let config = UnitelConfig::read(set, "prod").expect("valid").expect("an address");
            Some(Operator::new(Http::over(net.clone(), fastrand::Rng::with_seed(1)), config, keys))
        }
    };
    let custodian = match fireblocks {
        None => None,
        Some(net) => {
            let settings = fireblocks_settings();
            let pairs: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let keys = Keyring::open(vault(&pairs), fulfil::custodian_keys, now()).await.expect("keys");
            let set = |name: &str| match name {
                "FIREBLOCKS_API_BASE" => Some(FIREBLOCKS_BASE.to_owned()),
                "FIREBLOCKS_VAULT" => Some("7".to_owned()),
                _ => None,
            };
            let config = FireblocksConfig::read(set, "prod").expect("valid").expect("a vault");
            // Each sandbox has its own random numbers: Fireblocks rejects a nonce that it has seen.
            Some(Custodian { http: Http::over(net.clone(), fastrand::Rng::new()), config, keys })
        }
    };
    Fulfil { ledger, operator, custodian }
}

fn vault(settings: &[(&str, &str)]) -> Vault {
    Vault::Here(Settings::new(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))))
}

pub(crate) fn word(text: &str) -> Word {
    Word::new(text).expect("a word")
}

pub(crate) fn number() -> OrderNumber {
    OrderNumber::new(ORDER).expect("a number")
}

pub(crate) fn tokens(on_chain: bool) -> Grant {
    let amount = Amount::parse("10", 18).expect("an amount");
    let on_chain = on_chain.then(|| OnChain { asset: "POSX_ETH".to_owned(), wallet: Some(WALLET.to_owned()) });
    Grant::Token { code: word("POSX"), scale: 18, amount, on_chain }
}

pub(crate) fn airtime(phone: &str) -> Grant {
    let price = Money { amount: Amount::from_units(500_000), currency: Currency::MNT };
    let (operator, code, phone) = (ledger::Operator::Unitel, "SD5000".to_owned(), Some(phone.to_owned()));
    Grant::TopUp(TopUp { operator, kind: TopUpKind::Voice, code, phone, price })
}

/// Alice's order for 19.99 USD; her referrer bob earns a tenth, and carol a fiftieth.
pub(crate) fn order(grants: Vec<Grant>) -> Order {
    let mut order = crate::stripe::order(ORDER);
    order.terms.grants = grants;
    let earns = |name: &str, basis_points| Commission { to: Owner::new(name).expect("an owner"), basis_points };
    order.terms.commissions = vec![earns("bob", 1_000), earns("carol", 200)];
    order
}

/// An event of an order's payment.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Report {
    Paid,
    /// The amount in cents.
    Refunded(u64),
    /// A dispute of the whole amount.
    Disputed(DisputeStage),
    /// A dispute of this many cents.
    DisputedPart(DisputeStage, u64),
}

impl Report {
    fn effects(self, order: &Order) -> Vec<Effect> {
        let by = Reference::new(Provider::Stripe, "pi_1").expect("an id");
        match self {
            Self::Paid => order.pay(&Payment { by, money: order.terms.price, at: now() }).expect("what it costs"),
            Self::Refunded(cents) => {
                let refund = Refund { state: RefundState::Succeeded, amount: Amount::from_units(cents) };
                order.apply_refund(&by, &format!("re_{cents}"), refund)
            }
            Self::Disputed(stage) => {
                order.apply_dispute(&by, "dp_1", DisputeReport { stage, as_of: now(), money: order.terms.price })
            }
            Self::DisputedPart(stage, cents) => {
                let money = Money { amount: Amount::from_units(cents), ..order.terms.price };
                order.apply_dispute(&by, "dp_1", DisputeReport { stage, as_of: now(), money })
            }
        }
    }
}

/// Commits an event as a webhook does: over the current order, again after a conflict.
pub(crate) async fn apply(world: &World, report: Report) {
    let ledger = world.ledger(0);
    loop {
        let order = ledger.order(&number(), &context(0)).await.expect("read").expect("there");
        let id = format!("{report:?}.{}", order.version).replace(['(', ',', ' ', ')'], "_");
        let header = JournalHeader {
            receipt: EventKey::new(Writer::Manual, &id).expect("an id"),
            writer: Writer::Manual,
            kind: "test",
            facts: vec![],
            fingerprints: Fingerprint::of(1, &[("id", &id)]).into(),
            order: Some(number()),
        };
        let entry = Entry { header, effects: report.effects(&order), keeps_body: false, alarm: None };
        match ledger.commit(&Decision::Record(entry), &context(0)).await {
            Ok(_) => return,
            Err(CommitError::Stale) => {}
            Err(error) => panic!("{report:?}: {error}"),
        }
    }
}

/// Books with a paid order of these grants.
pub(crate) async fn paid(grants: Vec<Grant>) -> World {
    let world = World::new();
    made(&world, order(grants)).await;
    apply(&world, Report::Paid).await;
    world
}

/// Bob has referred the buyer: 5 credits to the buyer and 10 to bob.
pub(crate) fn referral() -> Referral {
    let [to_buyer, to_referrer] = [5_000_000_000, 10_000_000_000].map(Amount::from_units);
    Referral { by: Owner::new("bob").expect("an owner"), to_buyer, to_referrer }
}

/// Books with a paid order that gives referral credits.
pub(crate) async fn referred() -> World {
    let world = World::new();
    let mut order = order(vec![Grant::Report(word("full"))]);
    order.terms.referral = Some(referral());
    made(&world, order).await;
    apply(&world, Report::Paid).await;
    world
}

/// A batch with this many stream records of the order.
fn records(count: u64) -> String {
    let record = |n: u64| {
        format!(r#"{{"eventName":"MODIFY","dynamodb":{{"Keys":{{"id":{{"S":"{ORDER}"}}}},"SequenceNumber":"{n}"}}}}"#)
    };
    format!(r#"{{"Records":[{}]}}"#, (1..=count).map(record).collect::<Vec<_>>().join(","))
}

/// A run with its full time limit, this long after the order was created.
pub(crate) fn run_at(attempt: u64, after_s: i64) -> Invocation {
    let deadline = deadline(<Fulfil<DynamoLedger> as edge::Worker>::DONE_WITHIN);
    Invocation { deadline, ..moment_at(attempt, now().plus_seconds(after_s)) }
}

/// Runs one record; false if the stream has to deliver it again.
pub(crate) async fn work<L: Ledger>(worker: &Fulfil<L>, invocation: &Invocation) -> bool {
    worker.work(&records(1), invocation).await.expect("a batch").batch_item_failures.is_empty()
}

/// The order's payment, fulfilment and anomaly, and all balances.
fn summary(books: &Books) -> String {
    books.check();
    let order = books.order(ORDER);
    let accounts = books.accounts.iter().filter(|(_, account)| account.balance != 0);
    let balances: Vec<String> =
        accounts.map(|(id, account)| format!("{id} {}", decimal_of(id, account.balance))).collect();
    let anomaly = order.anomaly.as_ref().map(|reason| format!(", {reason}")).unwrap_or_default();
    format!("{}, {}{anomaly}: {}", order.payment, order.fulfilment, balances.join(", "))
}

fn decimal_of(account: &str, units: i128) -> String {
    let scale = match account.split_once('/').expect("an account").1 {
        "credits" => 9,
        "POSX" => 18,
        "report-full" => 0,
        _ => 2,
    };
    let sign = if units < 0 { "-" } else { "" };
    format!("{sign}{}", Amount::from_wide(units.unsigned_abs()).expect("an amount").decimal(scale))
}
