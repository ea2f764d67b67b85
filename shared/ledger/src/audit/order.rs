//! The audit of an order: the amounts that it has granted against the lines of the journal. Each must be there because
//! of the other.

use crate::{Amount, Balance, Exchange, MoneyKey, Order, OrderNumber, Pointer, Provider, Rate, Reference};

use super::{Difference, DifferenceKind, JournalLine, StoredOrder, Suspect};
use crate::Asset;

/// A payment has few refunds and disputes. For an order that claims more, this many lines are read, and it differs in
/// any case.
const LINES_MAX: u64 = 1_000;

/// The current total of one posting and all of its corrections.
struct Standing {
    first: MoneyKey,
    account: String,
    stands: Balance,
}

impl StoredOrder {
    /// `lines` are the lines that name the order, and the lines under the keys that the order itself names.
    pub fn differences(&self, number: &OrderNumber, lines: &[JournalLine]) -> Vec<Difference> {
        let of_lines = |difference_kind| -> Vec<Difference> {
            let of_order =
                lines.iter().filter(|line| line.order.as_ref() == Some(number) && line.reversed_by.is_none());
            of_order.map(|line| line.differs(difference_kind, Balance::ZERO)).collect()
        };
        match self {
            Self::Order(order) => order.differences(lines),
            Self::Unreadable { .. } => of_lines(DifferenceKind::OrderUnreadable),
            Self::LaterForm => vec![of_row(number, DifferenceKind::OrderUnreadable, Suspect::LaterForm)],
            Self::Missing => of_lines(DifferenceKind::OrderMissing),
        }
    }

    /// The difference of an order that no line leads to.
    pub fn without_lines(&self, number: &OrderNumber) -> Option<Difference> {
        let difference_kind = match self {
            // The second has a difference already.
            Self::Order(_) | Self::LaterForm => return None,
            Self::Unreadable { .. } => DifferenceKind::OrderUnreadable,
            Self::Missing => DifferenceKind::OrderMissing,
        };
        Some(of_row(number, difference_kind, Suspect::Order))
    }
}

/// The difference of an order's row, whatever its lines.
fn of_row(number: &OrderNumber, difference_kind: DifferenceKind, suspect: Suspect) -> Difference {
    let (account, order) = ("-".to_owned(), Some(number.clone()));
    let (recorded, found) = (Balance::ZERO, Balance::ZERO);
    Difference { difference_kind, suspect, account, order, line: None, recorded, found, missing: 0 }
}

impl Order {
    /// The keys of the lines that the order's own money movements have in the journal. A subscription's periods are
    /// booked under their invoices.
    pub fn money_keys(&self) -> Vec<MoneyKey> {
        // A payment that posts credits takes the first posting.
        let first = u64::from(!self.credits().is_zero());
        let reversals = (first..self.postings.min(LINES_MAX)).map(|n| MoneyKey::of_reversal(&self.number, n));
        let additional = self.additional_payments().flat_map(|accepted| {
            let reversals = 1..accepted.postings.min(LINES_MAX);
            reversals.map(|n| MoneyKey::of_accepted_reversal(&self.number, &accepted.by, n))
        });
        let of_periods = self.periods.iter().flat_map(|(invoice, period)| {
            (0..period.corrections.min(LINES_MAX)).map(|n| MoneyKey::of_period_reversal(invoice, n))
        });
        let reversals = reversals.chain(additional).chain(of_periods);
        self.standings().into_iter().map(|standing| standing.first).chain(reversals).collect()
    }

    fn standings(&self) -> Vec<Standing> {
        let paid = self.paid.iter().filter(|_| !self.credits().is_zero());
        let of_credits = paid.map(|paid| Standing {
            first: MoneyKey::of_payment(&paid.by),
            account: self.owner.account(Asset::CREDITS).to_string(),
            stands: self.posted.into(),
        });
        let shares = self.shares().into_iter().filter(|share| self.delivered.contains_key(&share.line));
        let delivered = shares.map(|share| Standing {
            first: MoneyKey::of_line(&self.number, share.line),
            account: share.account.to_string(),
            stands: self.standing(share.line).into(),
        });
        let additional = self.additional_payments().map(|accepted| Standing {
            first: accepted.money_key(),
            account: self.owner.account(Asset::CREDITS).to_string(),
            stands: accepted.posted.into(),
        });
        let sent = self.withdrawal().map(|withdrawal| Standing {
            stands: withdrawal.posting().change(),
            account: withdrawal.account.to_string(),
            first: withdrawal.key,
        });
        // An order does not record a period without a refund or dispute: its line is the amount that each period buys.
        let periods = self.periods.iter().filter_map(|(invoice, period)| {
            let invoice = Reference::new(self.terms.provider, invoice).ok()?;
            let account = self.owner.account(Asset::CREDITS).to_string();
            Some(Standing { first: MoneyKey::of_invoice(&invoice), account, stands: period.posted.into() })
        });
        of_credits.chain(delivered).chain(additional).chain(sent).chain(periods).collect()
    }

    fn differences(&self, lines: &[JournalLine]) -> Vec<Difference> {
        let (standings, keys) = (self.standings(), self.money_keys());
        let is_named = |line: &&JournalLine| keys.iter().any(|key| key.as_str() == line.key);
        let (named, others): (Vec<&JournalLine>, Vec<&JournalLine>) = lines.iter().partition(is_named);
        let is_claimed = |line: &JournalLine| standings.iter().any(|standing| standing.claims(self, line));
        let mut found: Vec<Difference> =
            standings.iter().filter_map(|standing| standing.differs(self, &named)).collect();
        let unclaimed = named.into_iter().filter(|line| !is_claimed(line)).chain(others);
        let unclaimed = unclaimed.filter(|line| line.reversed_by.is_none());
        found.extend(unclaimed.filter_map(|line| self.differs_of_period(line)));
        found.extend(self.differs_in_payment());
        found.extend(self.differs_from_rate());
        found
    }

    /// The first posting that this correction on an account corrects.
    pub fn first_of(&self, correction: &MoneyKey, account: &str) -> Option<MoneyKey> {
        let is_of = |by: &Reference| {
            let begins = MoneyKey::of_accepted_reversal(&self.number, by, 0);
            begins.as_str().strip_suffix('0').is_some_and(|begins| correction.as_str().starts_with(begins))
        };
        if let Some(accepted) = self.additional_payments().find(|accepted| is_of(&accepted.by)) {
            return Some(accepted.money_key());
        }
        let is_of_period = |invoice: &&String| {
            let begins = MoneyKey::of_period_reversal(invoice, 0);
            begins.as_str().strip_suffix('0').is_some_and(|begins| correction.as_str().starts_with(begins))
        };
        if let Some(invoice) = self.periods.keys().find(is_of_period) {
            return Reference::new(self.terms.provider, invoice).ok().map(|invoice| MoneyKey::of_invoice(&invoice));
        }
        self.standings().into_iter().find(|standing| standing.account == account).map(|standing| standing.first)
    }

    /// Compares the price with the rate that was pinned when the order was made.
    fn differs_from_rate(&self) -> Option<Difference> {
        let Exchange { price, rate } = self.terms.exchange.as_ref()?;
        let rate = Rate::parse(rate).ok();
        let charged = rate.and_then(|rate| rate.exchanged(*price, self.terms.price.currency));
        let (recorded, found) = (self.terms.price.amount, charged.map_or(Amount::ZERO, |charged| charged.amount));
        let difference = Difference {
            recorded: recorded.into(),
            found: found.into(),
            ..self.differs(DifferenceKind::Rate, Suspect::Order)
        };
        (charged != Some(self.terms.price)).then_some(difference)
    }

    /// Compares the payment state with the payment that the order names.
    fn differs_in_payment(&self) -> Option<Difference> {
        let agrees = if self.paid.is_some() { self.payment == self.paid_state() } else { self.payment.is_payable() };
        (!agrees).then(|| self.differs(DifferenceKind::Payment, Suspect::Order))
    }

    /// A difference without amounts.
    fn differs(&self, difference_kind: DifferenceKind, suspect: Suspect) -> Difference {
        Difference {
            difference_kind,
            suspect,
            account: self.owner.account(Asset::CREDITS).to_string(),
            order: Some(self.number.clone()),
            line: None,
            recorded: Balance::ZERO,
            found: Balance::ZERO,
            missing: 0,
        }
    }

    /// The difference of a paid order whose payment has no matching row.
    pub fn differs_from_proof(&self) -> Option<Difference> {
        let proof = self.proof()?;
        let line = Some(proof.key.to_string());
        Some(Difference { line, ..self.differs(DifferenceKind::Unproven, Suspect::Payment) })
    }

    /// Compares with `leads_to`, the order that the pointer of its payment leads to.
    pub fn differs_from_pointer(&self, leads_to: Option<&OrderNumber>) -> Option<Difference> {
        let is_wrong = self.pointer().is_some() && leads_to != Some(&self.number);
        is_wrong.then(|| self.differs(DifferenceKind::Pointer, Suspect::Pointer))
    }

    /// The pointer that must lead from the payment of a paid order to it. A WeChat payment names the order itself.
    pub fn pointer(&self) -> Option<Pointer> {
        let paid = self.paid.as_ref().filter(|paid| paid.by.provider() != Provider::Wechat)?;
        Some(Pointer::Provider(paid.by.clone()))
    }

    /// `None` if the line pays a period of the order's subscription.
    fn differs_of_period(&self, line: &JournalLine) -> Option<Difference> {
        let account = self.owner.account(Asset::CREDITS).to_string();
        let credits = Balance::from(self.credits_each_period());
        let is_period = line.key.starts_with("invoice#") && line.order.as_ref() == Some(&self.number);
        let is_owed = is_period && line.account == account && line.change == credits && credits != Balance::ZERO;
        let recorded = if is_period { credits } else { Balance::ZERO };
        let named = JournalLine { order: Some(self.number.clone()), ..line.clone() };
        (!is_owed).then(|| named.differs(DifferenceKind::Unclaimed, recorded))
    }
}

impl Standing {
    fn claims(&self, order: &Order, line: &JournalLine) -> bool {
        let is_of_first = line.key == self.first.as_str() || line.reverses.as_deref() == Some(self.first.as_str());
        is_of_first && line.account == self.account && line.order.as_ref() == Some(&order.number)
    }

    fn differs(&self, order: &Order, named: &[&JournalLine]) -> Option<Difference> {
        let own = || named.iter().filter(|line| self.claims(order, line));
        let differs = |difference_kind, recorded, found| {
            let (order, line) = (Some(order.number.clone()), Some(self.first.to_string()));
            let suspect = if difference_kind == DifferenceKind::Unposted { Suspect::LostLine } else { Suspect::Order };
            Some(Difference {
                difference_kind,
                suspect,
                account: self.account.clone(),
                order,
                line,
                recorded,
                found,
                missing: 0,
            })
        };
        if !own().any(|line| line.key == self.first.as_str()) {
            return differs(DifferenceKind::Unposted, self.stands, Balance::ZERO);
        }
        let sum = own().try_fold(Balance::ZERO, |sum, line| sum.checked_add(line.change));
        let sum = sum.unwrap_or(Balance::from_units(i128::MAX));
        if sum == self.stands { None } else { differs(DifferenceKind::Stands, self.stands, sum) }
    }
}
