//! Products, and the terms on which a buyer's choice is sold.

use std::collections::BTreeMap;

use ledger::{
    Amount, Asset, CurrencyPair, Exchange, Grant, GrantTerms, Money, OnChain, Operator, Provider, Rate,
    ReferralCredits, Terms, TopUp, TopUpKind, Word,
};
use thiserror::Error;

use crate::wallet;

/// Every product has a name in this language.
pub(crate) const LANGUAGE: &str = "en";
/// Mongolia's country code, which its operators leave out.
const MONGOLIA: &str = "976";
const UNITEL_DIGITS: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    pub(crate) id: String,
    /// Other names for requests: an operator's code, or the name in another shop.
    pub(crate) aliases: Vec<String>,
    /// By language.
    pub(crate) names: BTreeMap<String, String>,
    /// The price of one.
    pub(crate) price: Money,
    /// The currencies of price and payment, if they differ.
    pub(crate) exchange: Option<CurrencyPair>,
    pub(crate) stripe_price: Option<String>,
    pub(crate) every: Option<Every>,
    pub(crate) quantity_max: u64,
    /// At least one; the first is the default.
    pub(crate) providers: Vec<Provider>,
    pub(crate) grants: Vec<UnitGrant>,
    /// The commissions of the referrers in basis points of the payment, the nearest first.
    pub(crate) commissions: Vec<u16>,
    pub(crate) referral: Option<ReferralCredits>,
}

/// The length of a subscription's period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Every {
    Month,
    Year,
}

impl Every {
    pub const ALL: [Self; 2] = [Self::Month, Self::Year];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|every| every.as_str() == name)
    }
}

/// The grant of a single unit of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UnitGrant {
    Credits(Amount),
    CreditsEachPeriod(Amount),
    /// Credits that expire.
    Expiring {
        amount: Amount,
        terms: GrantTerms,
        each_period: bool,
    },
    Token {
        code: Word,
        scale: u8,
        amount: Amount,
        /// The custodian's name of the token, if it is sent to the buyer's wallet.
        on_chain: Option<String>,
    },
    Report(Word),
    TopUp {
        operator: Operator,
        kind: TopUpKind,
        code: String,
    },
}

/// A buyer's choice for an order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice<'c> {
    pub quantity: u64,
    pub provider: Option<Provider>,
    pub phone: Option<&'c str>,
    /// The address to which a token is sent.
    pub wallet: Option<&'c str>,
    pub site: Option<String>,
}

impl Product {
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether this is the product's id or one of its aliases.
    pub(crate) fn has_name(&self, name: &str) -> bool {
        self.id == name || self.aliases.iter().any(|alias| alias == name)
    }

    /// The name in this language, in its base language (`zh` for `zh-TW`), or in English.
    pub fn name(&self, language: &str) -> &str {
        let broader = language.split('-').next().unwrap_or_default();
        let name = [language, broader, LANGUAGE].into_iter().find_map(|language| self.names.get(language));
        name.map_or(&*self.id, |name| name)
    }

    /// The price of one, as in the catalog.
    pub fn price(&self) -> Money {
        self.price
    }

    pub fn providers(&self) -> &[Provider] {
        &self.providers
    }

    /// The name of the setting with Stripe's price id, if Stripe stores the price.
    pub fn stripe_price(&self) -> Option<&str> {
        self.stripe_price.as_deref()
    }

    /// The length of a period; only for a subscription.
    pub fn every(&self) -> Option<Every> {
        self.every
    }

    pub fn quantity_max(&self) -> u64 {
        self.quantity_max
    }

    /// The commission of each referrer in basis points, the nearest first.
    pub fn commissions(&self) -> &[u16] {
        &self.commissions
    }

    /// What the first purchase of a referred buyer gives, whatever the quantity.
    pub fn referral(&self) -> Option<ReferralCredits> {
        self.referral
    }

    /// The pair whose rate the terms need, if it is charged in another currency than its price.
    pub fn exchange(&self) -> Option<CurrencyPair> {
        self.exchange
    }

    /// The terms of an order of this product, except for its commissions and referral. `rate` is the one in force, for a product
    /// that is charged in another currency.
    pub fn terms(&self, choice: &Choice<'_>, rate: Option<&Rate>) -> Result<Terms, ChoiceError> {
        let quantity = choice.quantity;
        if !(1..=self.quantity_max).contains(&quantity) {
            return Err(ChoiceError::QuantityOutOfRange { max: self.quantity_max });
        }
        let provider = choice.provider.or(self.providers.first().copied());
        let provider = provider.filter(|one| self.providers.contains(one)).ok_or(ChoiceError::ProviderNotOffered)?;
        let to =
            Destinations { phone: self.phone(choice.phone)?, wallet: self.wallet(choice.wallet)?, price: self.price };
        let (price, exchange) = self.priced(quantity, rate)?;
        let grants = self.grants.iter().map(|grant| grant.times(quantity, &to)).collect::<Option<_>>();
        Ok(Terms {
            provider,
            product: self.id.clone(),
            quantity,
            price,
            exchange,
            grants: grants.ok_or(ChoiceError::TooLarge)?,
            commissions: Vec::new(),
            referral: None,
            site: choice.site.clone(),
        })
    }

    /// The phone number to top up in the operator's format; empty for a product without a top-up.
    fn phone(&self, given: Option<&str>) -> Result<String, ChoiceError> {
        let Some((operator, ..)) = self.top_up() else {
            return if given.is_none() { Ok(String::new()) } else { Err(ChoiceError::PhoneUnwanted) };
        };
        let given = given.ok_or(ChoiceError::PhoneMissing)?;
        let digits = given.strip_prefix('+').unwrap_or(given);
        let number = match operator {
            Operator::Unitel => {
                digits.strip_prefix(MONGOLIA).filter(|rest| rest.len() == UNITEL_DIGITS).unwrap_or(digits)
            }
        };
        let is_phone = number.len() == UNITEL_DIGITS && number.bytes().all(|byte| byte.is_ascii_digit());
        if is_phone { Ok(number.to_owned()) } else { Err(ChoiceError::PhoneInvalid) }
    }

    /// The address to which its tokens are sent; empty for a product that sends none.
    fn wallet(&self, given: Option<&str>) -> Result<String, ChoiceError> {
        let sends = |grant: &UnitGrant| matches!(grant, UnitGrant::Token { on_chain: Some(_), .. });
        if !self.grants.iter().any(sends) {
            return if given.is_none() { Ok(String::new()) } else { Err(ChoiceError::WalletUnwanted) };
        }
        let given = given.ok_or(ChoiceError::WalletMissing)?;
        wallet::check(given).map(|()| given.to_owned())
    }

    pub(crate) fn assets(&self) -> impl Iterator<Item = Asset> {
        let granted = self.grants.iter().filter_map(|grant| match grant {
            UnitGrant::Token { code, scale, .. } => Asset::token(*code, *scale),
            UnitGrant::Report(name) => Some(Asset::Report(*name)),
            UnitGrant::Credits(_)
            | UnitGrant::CreditsEachPeriod(_)
            | UnitGrant::Expiring { .. }
            | UnitGrant::TopUp { .. } => None,
        });
        let sold_in = std::iter::once(self.price.currency).chain(self.exchange.map(CurrencyPair::to));
        granted.chain(sold_in.map(Asset::Commission))
    }

    pub(crate) fn token(&self, wanted: &str) -> Option<Asset> {
        self.grants.iter().find_map(|grant| match grant {
            UnitGrant::Token { code, scale, .. } if code.as_str() == wanted => Asset::token(*code, *scale),
            UnitGrant::Token { .. }
            | UnitGrant::Credits(_)
            | UnitGrant::CreditsEachPeriod(_)
            | UnitGrant::Expiring { .. }
            | UnitGrant::Report(_)
            | UnitGrant::TopUp { .. } => None,
        })
    }

    /// The price of this quantity, and its amount before the exchange. It must not exceed what a provider can count.
    fn priced(&self, quantity: u64, rate: Option<&Rate>) -> Result<(Money, Option<Exchange>), ChoiceError> {
        let amount = self.price.amount.checked_mul(quantity).ok_or(ChoiceError::TooLarge)?;
        let price = Money { amount, ..self.price };
        let (charged, exchange) = match self.exchange {
            None => (price, None),
            Some(pair) => {
                let rate = rate.ok_or(ChoiceError::RateMissing(pair))?;
                let charged = rate.exchanged(price, pair.to()).ok_or(ChoiceError::TooLarge)?;
                (charged, Some(Exchange { price, rate: rate.as_str().to_owned() }))
            }
        };
        u64::try_from(charged.amount.units()).map(|_| (charged, exchange)).map_err(|_| ChoiceError::TooLarge)
    }

    pub(crate) fn top_up(&self) -> Option<(Operator, TopUpKind, &str)> {
        self.grants.iter().find_map(|grant| match grant {
            UnitGrant::TopUp { operator, kind, code } => Some((*operator, *kind, code.as_str())),
            UnitGrant::Credits(_)
            | UnitGrant::CreditsEachPeriod(_)
            | UnitGrant::Expiring { .. }
            | UnitGrant::Token { .. }
            | UnitGrant::Report(_) => None,
        })
    }
}

/// The destinations of the grants.
struct Destinations {
    phone: String,
    wallet: String,
    price: Money,
}

impl UnitGrant {
    fn times(&self, quantity: u64, to: &Destinations) -> Option<Grant> {
        Some(match self {
            Self::Credits(amount) => Grant::Credits(amount.checked_mul(quantity)?),
            Self::CreditsEachPeriod(amount) => Grant::CreditsEachPeriod(amount.checked_mul(quantity)?),
            Self::Expiring { amount, terms, each_period } => {
                Grant::Expiring { amount: amount.checked_mul(quantity)?, terms: *terms, each_period: *each_period }
            }
            Self::Token { code, scale, amount, on_chain } => Grant::Token {
                code: *code,
                scale: *scale,
                amount: amount.checked_mul(quantity)?,
                on_chain: on_chain.clone().map(|asset| OnChain { asset, wallet: Some(to.wallet.clone()) }),
            },
            Self::Report(name) => Grant::Report(*name),
            Self::TopUp { operator, kind, code } => Grant::TopUp(TopUp {
                operator: *operator,
                kind: *kind,
                code: code.clone(),
                phone: Some(to.phone.clone()),
                price: to.price,
            }),
        })
    }

    /// Report access and top-ups come once per order: a second one would add nothing.
    pub(crate) const fn is_countable(&self) -> bool {
        match self {
            Self::Credits(_) | Self::CreditsEachPeriod(_) | Self::Expiring { .. } | Self::Token { .. } => true,
            Self::Report(_) | Self::TopUp { .. } => false,
        }
    }
}

/// Why a choice is not sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ChoiceError {
    #[error("the quantity must be 1 to {max}")]
    QuantityOutOfRange { max: u64 },
    #[error("this product is not offered through that provider")]
    ProviderNotOffered,
    #[error("this product needs a phone number")]
    PhoneMissing,
    #[error("the phone number must have {UNITEL_DIGITS} digits, with or without +{MONGOLIA} before them")]
    PhoneInvalid,
    #[error("this product takes no phone number")]
    PhoneUnwanted,
    #[error("this product needs a wallet address")]
    WalletMissing,
    #[error("this is not a wallet address")]
    WalletInvalid,
    #[error("this address does not match its checksum (EIP-55): copy it again, or write it in lower case")]
    WalletChecksum,
    #[error("this product takes no wallet")]
    WalletUnwanted,
    #[error("this amount is too large for one order")]
    TooLarge,
    #[error("no exchange rate {0} is in force: the shop sets one with `hookledger rate set {0} RATE --reason …`")]
    RateMissing(CurrencyPair),
}

impl ChoiceError {
    /// The error code of the API.
    pub const fn code(self) -> &'static str {
        match self {
            Self::QuantityOutOfRange { .. } => "quantity_out_of_range",
            Self::ProviderNotOffered => "provider_not_offered",
            Self::PhoneMissing => "phone_missing",
            Self::PhoneInvalid => "phone_invalid",
            Self::PhoneUnwanted => "phone_unwanted",
            Self::WalletMissing => "wallet_missing",
            Self::WalletInvalid => "wallet_invalid",
            Self::WalletChecksum => "wallet_checksum",
            Self::WalletUnwanted => "wallet_unwanted",
            Self::TooLarge => "amount_too_large",
            Self::RateMissing(_) => "exchange_rate_missing",
        }
    }
}
