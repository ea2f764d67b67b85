//! The test card and bank account numbers of Stripe's sandbox, with the outcome of each.

#[derive(Clone, Copy)]
pub(crate) struct Decline {
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
    /// The message for the seller; the buyer's page does not show it.
    pub(crate) seller_message: &'static str,
}

#[derive(Clone, Copy)]
pub(crate) struct Instrument {
    pub(crate) kind: Kind,
    pub(crate) last4: &'static str,
    /// A card is declined on the page, a debit days later.
    pub(crate) decline: Option<Decline>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Card,
    /// A bank debit: the bank decides after the buyer has left.
    Debit,
}

impl Kind {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Debit => "us_bank_account",
        }
    }
}

const fn card(last4: &'static str, decline: Option<Decline>) -> Instrument {
    Instrument { kind: Kind::Card, last4, decline }
}

const fn debit(last4: &'static str, decline: Option<Decline>) -> Instrument {
    Instrument { kind: Kind::Debit, last4, decline }
}

const INSTRUMENTS: &[(&str, Instrument)] = &[
    ("4242424242424242", card("4242", None)),
    (
        "4000000000000002",
        card(
            "0002",
            Some(Decline {
                code: "generic_decline",
                message: "Your card was declined.",
                seller_message: "The bank did not return any further details with this decline.",
            }),
        ),
    ),
    (
        "4000000000009995",
        card(
            "9995",
            Some(Decline {
                code: "insufficient_funds",
                message: "Your card has insufficient funds.",
                seller_message: "The bank returned the decline code `insufficient_funds`.",
            }),
        ),
    ),
    ("000123456789", debit("6789", None)),
    (
        "000222222227",
        debit(
            "2227",
            Some(Decline {
                code: "insufficient_funds",
                message: "The customer's account has insufficient funds to cover this payment.",
                seller_message: "The bank returned the failure code `insufficient_funds`.",
            }),
        ),
    ),
];

/// Looks up a number, ignoring white space.
pub(crate) fn instrument(number: &str) -> Option<Instrument> {
    let digits: String = number.chars().filter(|c| !c.is_whitespace()).collect();
    INSTRUMENTS.iter().find(|(listed, _)| *listed == digits).map(|(_, instrument)| *instrument)
}
