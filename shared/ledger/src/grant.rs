//! Grants: what a paid order delivers.

use crate::{Amount, GrantTerms, LotKind, LotShare, LotTerms, Money, Terms, Timestamp, Word};

/// Covers the whole order, the quantity included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// Posted by the transaction that pays the order.
    Credits(Amount),
    /// Posted for each invoice of the subscription that the order started.
    CreditsEachPeriod(Amount),
    /// Credits that expire, posted as either of the above.
    Expiring {
        amount: Amount,
        terms: GrantTerms,
        each_period: bool,
    },
    /// An amount of a token, in its smallest unit.
    Token {
        code: Word,
        scale: u8,
        amount: Amount,
        /// Set if the tokens are also sent to a wallet on chain.
        on_chain: Option<OnChain>,
    },
    /// Access to a report.
    Report(Word),
    TopUp(TopUp),
}

/// The destination of an on-chain transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnChain {
    /// The custodian's name of the asset.
    pub asset: String,
    /// The buyer's wallet; `None` once it is erased.
    pub wallet: Option<String>,
}

/// Airtime or data for a phone, delivered by its operator.
#[derive(Clone, PartialEq, Eq)]
pub struct TopUp {
    pub operator: Operator,
    pub kind: TopUpKind,
    /// The operator's product code.
    pub code: String,
    /// `None` once it is erased.
    pub phone: Option<String>,
    /// The operator's price, which differs from the buyer's price if that is in another currency.
    pub price: Money,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operator {
    Unitel,
}

impl Operator {
    pub const ALL: [Self; 1] = [Self::Unitel];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unitel => "UNITEL",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.as_str() == name)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TopUpKind {
    Voice,
    Data,
    /// The bill of a postpaid subscriber.
    Postpaid,
}

impl TopUpKind {
    pub const ALL: [Self; 3] = [Self::Voice, Self::Data, Self::Postpaid];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Voice => "VOICE",
            Self::Data => "DATA",
            Self::Postpaid => "POSTPAID",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Credits among the grants: how many, on which terms they expire, if at all, and when they are posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantedCredits {
    pub amount: Amount,
    pub terms: Option<GrantTerms>,
    pub each_period: bool,
}

impl Grant {
    /// The credits that it grants; `None` for anything else.
    pub const fn credits(&self) -> Option<GrantedCredits> {
        Some(match *self {
            Self::Credits(amount) => GrantedCredits { amount, terms: None, each_period: false },
            Self::CreditsEachPeriod(amount) => GrantedCredits { amount, terms: None, each_period: true },
            Self::Expiring { amount, terms, each_period } => GrantedCredits { amount, terms: Some(terms), each_period },
            Self::Token { .. } | Self::Report(_) | Self::TopUp(_) => return None,
        })
    }

    /// Whether the paying transaction delivers it: only our own ledger is involved.
    pub const fn is_posted(&self) -> bool {
        match self {
            Self::Credits(_) | Self::CreditsEachPeriod(_) | Self::Expiring { .. } => true,
            Self::Token { .. } | Self::Report(_) | Self::TopUp(_) => false,
        }
    }
}

impl Terms {
    /// The lots of the credits that a payment at this time buys. Empty if none of them expires.
    pub fn lots(&self, each_period: bool, at: Timestamp) -> Vec<LotShare> {
        let credits =
            self.grants.iter().filter_map(Grant::credits).filter(|credits| credits.each_period == each_period);
        let credits: Vec<GrantedCredits> = credits.collect();
        if credits.iter().all(|credits| credits.terms.is_none()) {
            return Vec::new();
        }
        let terms =
            |credits: &GrantedCredits| credits.terms.map_or(LotTerms::undated(LotKind::Paid), |terms| terms.from(at));
        credits.iter().map(|credits| LotShare { terms: terms(credits), units: credits.amount.units() }).collect()
    }
}

/// Hides the phone number, so that it stays out of logs.
impl std::fmt::Debug for TopUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TopUp({} {} {} for {})", self.operator.as_str(), self.kind.as_str(), self.code, self.price)
    }
}
