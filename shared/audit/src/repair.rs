//! Operator repairs of the books: reads the rows, lets `ledger` decide, and commits over the rows that were read. The
//! repair's id is its idempotency key.

use std::collections::BTreeSet;
use std::time::Duration;

use edge::Invocation;
use ledger::{
    AccountId, Audit, Balance, CallContext, CommitError, Decision, Effect, Entry, EventKey, Fact, Fingerprint,
    JournalHeader, JournalLine, KeyError, LineDetails, LinePosition, LineTotals, MoneyKey, Order, OrderNumber, Pointer,
    Provider, Reference, RepairError, RepairedOrder, Side, StoredAccount, StoredOrder, Writer,
};
use thiserror::Error;

use crate::lots::open_units;
use crate::sides::before_and_after;

/// Lines in one page of a statement.
const LINES_MAX: u16 = 200;
/// Keys in one read call of the store.
const LINES_READ: usize = 100;

/// The author, reason and id of a repair.
#[derive(Debug, Clone)]
pub struct Signature {
    pub id: String,
    pub author: String,
    pub reason: String,
}

#[derive(Debug, Clone)]
pub enum AccountRepair {
    /// Sets the account to the sum of its lines.
    ToLines,
    /// Adds a lost line, or a line of the repair's own key for the difference.
    AddLine { key: Option<String>, amount: Option<Balance>, order: Option<OrderNumber> },
    /// Restores an altered line.
    RestoreLine { key: String, amount: Option<Balance>, order: Option<OrderNumber> },
    /// Reverses a line that should not exist.
    ReverseLine { key: String },
    /// Brings the lots to the balance.
    Lots,
    /// Brings what is held to the open holds.
    Holds,
}

#[derive(Debug, Clone)]
pub enum OrderRepair {
    /// Sets the order to the sum of its lines.
    ToLines { paid_by: Option<Reference> },
    /// Restores a lost or unreadable row from a copy.
    Row(Box<Order>),
    /// Points the payment to the order again.
    Pointer,
    /// Restores the payment row, if it is lost or altered.
    Payment,
}

#[derive(Debug, Error)]
pub enum RepairFailure {
    #[error(transparent)]
    Repair(#[from] RepairError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error("--id")]
    Id(#[from] KeyError),
}

/// The ledger, and the lag of its index: lines are counted twice, with that pause between.
#[derive(Debug, Clone, Copy)]
pub struct Repairs<'r, L> {
    pub ledger: &'r L,
    pub invocation: &'r Invocation,
    pub index_lag: Duration,
}

impl<L: Audit> Repairs<'_, L> {
    /// The decision that repairs an account.
    pub async fn account(
        &self,
        account: &AccountId,
        what: &AccountRepair,
        by: &Signature,
    ) -> Result<Decision, RepairFailure> {
        let receipt = EventKey::new(Writer::Repair, &by.id)?;
        let effects = match what {
            AccountRepair::RestoreLine { key, amount, order } => {
                let found = self.line(key).await?.ok_or_else(|| RepairError::NoLine(key.clone()))?;
                self.named(account, key, *amount, order.as_ref()).await?.restore(account, &found)?
            }
            AccountRepair::ToLines => {
                let (held, counted) = self.settled(account).await?;
                Side { account, held: held.as_ref(), counted: &counted }.to_lines()?
            }
            AccountRepair::AddLine { key, amount, order } => {
                let (held, counted) = self.settled(account).await?;
                let side = Side { account, held: held.as_ref(), counted: &counted };
                let line = match key {
                    None => {
                        LineDetails { key: MoneyKey::of_event(&receipt), amount: *amount, order: None, reverses: None }
                    }
                    Some(key) if self.line(key).await?.is_some() => return Err(RepairError::LineThere.into()),
                    Some(key) => self.named(account, key, *amount, order.as_ref()).await?,
                };
                side.add_line(&line)?
            }
            AccountRepair::Lots => {
                let (held, counted) = self.settled(account).await?;
                let lots = self.ledger.stored_lots(&account.to_string(), &self.call()).await?;
                Side { account, held: held.as_ref(), counted: &counted }
                    .lots_to_balance(lots.as_ref(), self.invocation.now)?
            }
            AccountRepair::Holds => {
                let (held, counted) = self.settled(account).await?;
                let open = open_units(&self.ledger.open_holds(account, &self.call()).await?.all()?);
                Side { account, held: held.as_ref(), counted: &counted }.to_holds(open)?
            }
            AccountRepair::ReverseLine { key } => {
                let line = self.line(key).await?.ok_or_else(|| RepairError::NoLine(key.clone()))?;
                self.refuse_claimed(&line).await?;
                let (held, counted) = self.settled(account).await?;
                let side = Side { account, held: held.as_ref(), counted: &counted };
                side.reverse_line(&line, &MoneyKey::of_event(&receipt))?
            }
        };
        let (kind, parameters) = what.parameters(account);
        Ok(decision(receipt, kind, &parameters, by, None, effects))
    }

    /// The decision that repairs an order.
    pub async fn order(
        &self,
        number: &OrderNumber,
        what: &OrderRepair,
        by: &Signature,
    ) -> Result<Decision, RepairFailure> {
        let receipt = EventKey::new(Writer::Repair, &by.id)?;
        let kept = self.ledger.kept(number, &self.call()).await?;
        let effects = match (what, kept) {
            (_, StoredOrder::LaterForm) => return Err(RepairError::OrderOfLaterForm.into()),
            (OrderRepair::ToLines { paid_by }, StoredOrder::Order(order)) => {
                order.to_lines(&self.lines_of(&order).await?, paid_by.as_ref())?
            }
            (OrderRepair::Pointer, StoredOrder::Order(order)) => {
                let pointer = order.pointer().ok_or(RepairError::NotPaid)?;
                let from = self.ledger.resolve_pointer(&pointer, &self.call()).await?;
                if from.as_ref() == Some(number) {
                    return Err(RepairError::Agrees.into());
                }
                vec![Effect::Point { pointer, from, to: number.clone() }]
            }
            (OrderRepair::Payment, StoredOrder::Order(order)) => {
                let proof = order.proof().ok_or(RepairError::NoPayment)?;
                if self.ledger.is_proven(&proof, &self.call()).await? {
                    return Err(RepairError::Agrees.into());
                }
                order.prove(self.line(proof.key.as_str()).await?)?
            }
            (OrderRepair::Row(_), StoredOrder::Order(_)) => return Err(RepairError::OrderReadable.into()),
            (OrderRepair::Row(order), StoredOrder::Missing) => {
                order.as_ref().clone().put_back(RepairedOrder::Nothing)?
            }
            (OrderRepair::Row(order), StoredOrder::Unreadable { version }) => {
                order.as_ref().clone().put_back(RepairedOrder::Unreadable(version))?
            }
            (
                OrderRepair::ToLines { .. } | OrderRepair::Pointer | OrderRepair::Payment,
                StoredOrder::Missing | StoredOrder::Unreadable { .. },
            ) => {
                return Err(RepairError::OrderUnreadable.into());
            }
        };
        let (kind, parameters) = what.parameters(number);
        Ok(decision(receipt, kind, &parameters, by, Some(number.clone()), effects))
    }

    /// The account and its lines, while no other write is in progress.
    async fn settled(&self, account: &AccountId) -> Result<(Option<StoredAccount>, LineTotals), RepairFailure> {
        let name = account.to_string();
        let held = self.ledger.stored_account(&name, &self.call()).await?;
        let (counted, _) = self.statement(&name).await?;
        if !self.index_lag.is_zero() {
            tokio::time::sleep(self.index_lag).await;
            let again = self.statement(&name).await?.0;
            if again != counted || self.ledger.stored_account(&name, &self.call()).await? != held {
                return Err(RepairError::UnsettledAccount.into());
            }
        }
        Ok((held, counted))
    }

    /// The totals of an account's lines, and the keys of the lines that belong to orders.
    async fn statement(&self, account: &str) -> Result<(LineTotals, Vec<String>), CommitError> {
        let (mut counted, mut keys, mut last): (LineTotals, Vec<String>, Option<LinePosition>) = Default::default();
        loop {
            let page = self.ledger.lines(account, last.as_ref(), LINES_MAX, &self.call()).await?;
            counted.add(&page.lines);
            keys.extend(page.lines.into_iter().map(|line| line.key).filter(|key| JournalLine::is_of_order(key)));
            if !page.has_more {
                return Ok((counted, keys));
            }
            last = page.last.or(last);
        }
    }

    /// All lines that name an order: those under its own keys, and those in the statements of its accounts.
    pub(crate) async fn lines_of(&self, order: &Order) -> Result<Vec<JournalLine>, CommitError> {
        let credits = order.owner.account(ledger::Asset::CREDITS).to_string();
        let shares = order.shares().into_iter().map(|share| share.account.to_string());
        let accounts: BTreeSet<String> = shares.chain([credits]).collect();
        let mut keys: BTreeSet<String> = order.money_keys().iter().map(ToString::to_string).collect();
        for account in accounts {
            keys.extend(self.statement(&account).await?.1);
        }
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut lines = Vec::new();
        for keys in keys.chunks(LINES_READ) {
            let read = self.ledger.journal_lines(keys, &self.call()).await?;
            lines.extend(read.into_iter().filter(|line| line.order.as_ref() == Some(&order.number)));
        }
        Ok(lines)
    }

    async fn line(&self, key: &str) -> Result<Option<JournalLine>, CommitError> {
        Ok(self.ledger.journal_lines(&[key], &self.call()).await?.pop())
    }

    /// A line's details: its order, and the line that it reverses, as far as its key and the order name them.
    async fn named(
        &self,
        account: &AccountId,
        key: &str,
        amount: Option<Balance>,
        order: Option<&OrderNumber>,
    ) -> Result<LineDetails, RepairFailure> {
        let key = MoneyKey::of_row(key);
        let order = match order.cloned().or_else(|| key.order()) {
            None => self.paid_for(&key).await?,
            named => named,
        };
        let mut reverses = None;
        if let Some(number) = order.as_ref().filter(|_| key.as_str().starts_with("reversal#"))
            && let StoredOrder::Order(order) = self.ledger.kept(number, &self.call()).await?
        {
            reverses = order.first_of(&key, &account.to_string());
        }
        Ok(LineDetails { key, amount, order, reverses })
    }

    /// The order of a payment.
    async fn paid_for(&self, key: &MoneyKey) -> Result<Option<OrderNumber>, CommitError> {
        let reference = key.as_str().strip_prefix("payment#").and_then(|reference| reference.split_once('#'));
        let reference = reference.and_then(|(provider, id)| Reference::new(Provider::named(provider)?, id).ok());
        let Some(reference) = reference else { return Ok(None) };
        self.ledger.resolve_pointer(&Pointer::Provider(reference), &self.call()).await
    }

    /// Refuses a line that agrees with its order: repair the order instead.
    async fn refuse_claimed(&self, line: &JournalLine) -> Result<(), RepairFailure> {
        let Some(number) = line.order.as_ref().filter(|_| JournalLine::is_of_order(&line.key)) else { return Ok(()) };
        let kept = self.ledger.kept(number, &self.call()).await?;
        let found = kept.differences(number, std::slice::from_ref(line));
        let is_unclaimed = found.iter().any(|found| found.line.as_deref() == Some(&line.key) && found.is_of_a_line());
        if is_unclaimed { Ok(()) } else { Err(RepairError::Claimed(number.clone()).into()) }
    }

    pub(crate) fn call(&self) -> CallContext<'static> {
        self.invocation.context()
    }
}

type Parameters = Vec<(&'static str, String)>;

impl AccountRepair {
    fn parameters(&self, account: &AccountId) -> (&'static str, Parameters) {
        let of_line = |key: Option<&String>, amount: &Option<Balance>, order: &Option<OrderNumber>| {
            let amount = amount.map(|amount| account.asset().format_balance(amount));
            let named =
                [("line", key.cloned()), ("amount", amount), ("order", order.as_ref().map(ToString::to_string))];
            named.into_iter().filter_map(|(name, value)| Some((name, value?))).collect::<Parameters>()
        };
        let (kind, more) = match self {
            Self::ToLines => ("to_lines", Vec::new()),
            Self::Lots => ("lots", Vec::new()),
            Self::Holds => ("holds", Vec::new()),
            Self::AddLine { key, amount, order } => ("add_line", of_line(key.as_ref(), amount, order)),
            Self::RestoreLine { key, amount, order } => ("restore_line", of_line(Some(key), amount, order)),
            Self::ReverseLine { key } => ("reverse_line", of_line(Some(key), &None, &None)),
        };
        (kind, std::iter::once(("account", account.to_string())).chain(more).collect())
    }
}

impl OrderRepair {
    fn parameters(&self, number: &OrderNumber) -> (&'static str, Parameters) {
        let (kind, more) = match self {
            Self::ToLines { paid_by } => ("order_to_lines", paid_by.as_ref().map(|by| ("paid_by", by.to_string()))),
            Self::Row(order) => ("order_row", Some(("kept_version", order.version.to_string()))),
            Self::Pointer => ("order_pointer", None),
            Self::Payment => ("order_payment", None),
        };
        (kind, std::iter::once(("order", number.to_string())).chain(more).collect())
    }
}

pub(crate) fn decision(
    receipt: EventKey,
    kind: &'static str,
    parameters: &Parameters,
    by: &Signature,
    order: Option<OrderNumber>,
    effects: Vec<Effect>,
) -> Decision {
    // The fingerprint has only the command's parameters, and not the rows read: the same command is the same repair.
    let fields: Vec<(&str, &str)> =
        std::iter::once(("kind", kind)).chain(parameters.iter().map(|(name, value)| (*name, value.as_str()))).collect();
    let fingerprints = Fingerprint::of(1, &fields).into();
    let signed = [("author", by.author.clone()), ("reason", by.reason.clone())];
    let facts = signed.into_iter().chain(parameters.iter().cloned()).chain(before_and_after(&effects));
    let facts = facts.map(|(name, value)| (name, Fact::Text(value))).collect();
    let header = JournalHeader { receipt, writer: Writer::Repair, kind, facts, fingerprints, order };
    Decision::Record(Entry { header, effects, keeps_body: false, alarm: None })
}
