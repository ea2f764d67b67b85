//! A product, and the terms on which it is sold to somebody who chose it.

use std::collections::BTreeMap;

use ledger::{
    Amount, Asset, Currency, Exchange, Grant, Money, OnChain, Operator, Provider, Terms, TopUp, TopUpKind, Word,
};
use thiserror::Error;

use crate::exchange::Rate;
use crate::wallet;

/// The name in this language is the one that every product has.
pub(crate) const LANGUAGE: &str = "en";
/// The country's own code, which its operators leave out.
const MONGOLIA: &str = "976";
const UNITEL_DIGITS: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    pub(crate) id: String,
    /// Other names that a request may call it by: an operator's code, or what another shop calls it.
    pub(crate) aliases: Vec<String>,
    /// By language.
    pub(crate) names: BTreeMap<String, String>,
    /// Of one.
    pub(crate) price: Money,
    /// Where it is paid for in another currency than it is priced in.
    pub(crate) charged: Option<(Currency, Rate)>,
    pub(crate) stripe_price: Option<String>,
    pub(crate) every: Option<Every>,
    pub(crate) quantity_max: u64,
    /// At least one; the first is where it is paid for unless the buyer says otherwise.
    pub(crate) providers: Vec<Provider>,
    pub(crate) grants: Vec<EachGrants>,
    /// What those earn who led the buyer here, in basis points of what is paid, the nearest first.
    pub(crate) commissions: Vec<u16>,
}

/// How long a period of a subscription is.
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

/// What one of a product grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EachGrants {
    Credits(Amount),
    CreditsEachPeriod(Amount),
    Token {
        code: Word,
        scale: u8,
        amount: Amount,
        /// The custodian's name for it, where it is sent to the buyer's wallet.
        on_chain: Option<String>,
    },
    Report(Word),
    TopUp {
        operator: Operator,
        kind: TopUpKind,
        code: String,
    },
}

/// What a buyer says about an order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice<'c> {
    pub quantity: u64,
    pub provider: Option<Provider>,
    pub phone: Option<&'c str>,
    /// The address that a token is sent to.
    pub wallet: Option<&'c str>,
    pub site: Option<String>,
}

impl Product {
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether a request that names this means the product.
    pub(crate) fn goes_by(&self, name: &str) -> bool {
        self.id == name || self.aliases.iter().any(|alias| alias == name)
    }

    /// In this language, in the one that it is a variety of (`zh` for `zh-TW`), or in English.
    pub fn name(&self, language: &str) -> &str {
        let broader = language.split('-').next().unwrap_or_default();
        let name = [language, broader, LANGUAGE].into_iter().find_map(|language| self.names.get(language));
        name.map_or(&*self.id, |name| name)
    }

    /// Of one, as the catalog says it.
    pub fn price(&self) -> Money {
        self.price
    }

    pub fn providers(&self) -> &[Provider] {
        &self.providers
    }

    /// The setting that holds Stripe's id of the price, where the price is kept there.
    pub fn stripe_price(&self) -> Option<&str> {
        self.stripe_price.as_deref()
    }

    /// How long a period is; of a subscription only.
    pub fn every(&self) -> Option<Every> {
        self.every
    }

    pub fn quantity_max(&self) -> u64 {
        self.quantity_max
    }

    /// What each of those earns who led the buyer here, in basis points, the nearest first.
    pub fn commissions(&self) -> &[u16] {
        &self.commissions
    }

    /// What an order of it is made on, but for who earns by it.
    pub fn terms(&self, choice: &Choice<'_>) -> Result<Terms, ChoiceError> {
        let quantity = choice.quantity;
        if !(1..=self.quantity_max).contains(&quantity) {
            return Err(ChoiceError::QuantityOutOfRange { max: self.quantity_max });
        }
        let provider = choice.provider.or(self.providers.first().copied());
        let provider = provider.filter(|one| self.providers.contains(one)).ok_or(ChoiceError::ProviderNotOffered)?;
        let to = To { phone: self.phone(choice.phone)?, wallet: self.wallet(choice.wallet)?, price: self.price };
        let (price, exchange) = self.priced(quantity).ok_or(ChoiceError::TooLarge)?;
        let grants = self.grants.iter().map(|grant| grant.times(quantity, &to)).collect::<Option<_>>();
        Ok(Terms {
            provider,
            product: self.id.clone(),
            quantity,
            price,
            exchange,
            grants: grants.ok_or(ChoiceError::TooLarge)?,
            commissions: Vec::new(),
            site: choice.site.clone(),
        })
    }

    /// The number to top up, as its operator writes it; none of a product that tops up nothing.
    fn phone(&self, said: Option<&str>) -> Result<String, ChoiceError> {
        let Some((operator, ..)) = self.top_up() else {
            return if said.is_none() { Ok(String::new()) } else { Err(ChoiceError::PhoneUnwanted) };
        };
        let said = said.ok_or(ChoiceError::PhoneMissing)?;
        let digits = said.strip_prefix('+').unwrap_or(said);
        let number = match operator {
            Operator::Unitel => {
                digits.strip_prefix(MONGOLIA).filter(|rest| rest.len() == UNITEL_DIGITS).unwrap_or(digits)
            }
        };
        let is_phone = number.len() == UNITEL_DIGITS && number.bytes().all(|byte| byte.is_ascii_digit());
        if is_phone { Ok(number.to_owned()) } else { Err(ChoiceError::PhoneInvalid) }
    }

    /// The address that its tokens are sent to; none of a product that sends none.
    fn wallet(&self, said: Option<&str>) -> Result<String, ChoiceError> {
        let sends = |grant: &EachGrants| matches!(grant, EachGrants::Token { on_chain: Some(_), .. });
        if !self.grants.iter().any(sends) {
            return if said.is_none() { Ok(String::new()) } else { Err(ChoiceError::WalletUnwanted) };
        }
        let said = said.ok_or(ChoiceError::WalletMissing)?;
        wallet::check(said).map(|()| said.to_owned())
    }

    pub(crate) fn token(&self, wanted: &str) -> Option<Asset> {
        self.grants.iter().find_map(|grant| match grant {
            EachGrants::Token { code, scale, .. } if code.as_str() == wanted => Asset::token(*code, *scale),
            EachGrants::Token { .. }
            | EachGrants::Credits(_)
            | EachGrants::CreditsEachPeriod(_)
            | EachGrants::Report(_)
            | EachGrants::TopUp { .. } => None,
        })
    }

    /// What is to be paid for so many, and what that was before it was exchanged. `None` for more than a provider can count.
    fn priced(&self, quantity: u64) -> Option<(Money, Option<Exchange>)> {
        let price = Money { amount: self.price.amount.checked_mul(quantity)?, ..self.price };
        let (charged, exchange) = match &self.charged {
            None => (price, None),
            Some((currency, rate)) => {
                (rate.exchanged(price, *currency)?, Some(Exchange { price, rate: rate.text().to_owned() }))
            }
        };
        u64::try_from(charged.amount.units()).ok().map(|_| (charged, exchange))
    }

    pub(crate) fn top_up(&self) -> Option<(Operator, TopUpKind, &str)> {
        self.grants.iter().find_map(|grant| match grant {
            EachGrants::TopUp { operator, kind, code } => Some((*operator, *kind, code.as_str())),
            EachGrants::Credits(_)
            | EachGrants::CreditsEachPeriod(_)
            | EachGrants::Token { .. }
            | EachGrants::Report(_) => None,
        })
    }
}

/// Where what is granted goes.
struct To {
    phone: String,
    wallet: String,
    price: Money,
}

impl EachGrants {
    fn times(&self, quantity: u64, to: &To) -> Option<Grant> {
        Some(match self {
            Self::Credits(amount) => Grant::Credits(amount.checked_mul(quantity)?),
            Self::CreditsEachPeriod(amount) => Grant::CreditsEachPeriod(amount.checked_mul(quantity)?),
            Self::Token { code, scale, amount, on_chain } => Grant::Token {
                code: *code,
                scale: *scale,
                amount: amount.checked_mul(quantity)?,
                on_chain: on_chain.clone().map(|asset| OnChain { asset, wallet: to.wallet.clone() }),
            },
            Self::Report(name) => Grant::Report(*name),
            Self::TopUp { operator, kind, code } => Grant::TopUp(TopUp {
                operator: *operator,
                kind: *kind,
                code: code.clone(),
                phone: to.phone.clone(),
                price: to.price,
            }),
        })
    }

    /// Access is had or not, and an operator is asked once: there is no sense in two.
    pub(crate) const fn is_countable(&self) -> bool {
        match self {
            Self::Credits(_) | Self::CreditsEachPeriod(_) | Self::Token { .. } => true,
            Self::Report(_) | Self::TopUp { .. } => false,
        }
    }
}

/// Why a product is not sold so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ChoiceError {
    #[error("the quantity must be 1 to {max}")]
    QuantityOutOfRange { max: u64 },
    #[error("this product cannot be paid for there")]
    ProviderNotOffered,
    #[error("this product needs a phone number")]
    PhoneMissing,
    #[error("a phone number here is {UNITEL_DIGITS} digits, with +{MONGOLIA} before them or without")]
    PhoneInvalid,
    #[error("this product has no use for a phone number")]
    PhoneUnwanted,
    #[error("this product needs the address of a wallet")]
    WalletMissing,
    #[error("this is no address of a wallet")]
    WalletInvalid,
    #[error(
        "the upper and lower case letters of this address do not fit its checksum (EIP-55): copy it again, or write it in \
         lower case alone"
    )]
    WalletChecksum,
    #[error("this product has no use for a wallet")]
    WalletUnwanted,
    #[error("this is too much for one order")]
    TooLarge,
}

impl ChoiceError {
    /// The word for machines.
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
        }
    }
}
