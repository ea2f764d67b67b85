//! The card numbers of Stripe's sandbox, and what each leads to.

#[derive(Clone, Copy)]
pub(crate) struct Decline {
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
    /// What the seller is told, and the buyer is not.
    pub(crate) seller_message: &'static str,
}

#[derive(Clone, Copy)]
pub(crate) struct Card {
    pub(crate) last4: &'static str,
    pub(crate) decline: Option<Decline>,
}

const CARDS: &[(&str, Card)] = &[
    ("4242424242424242", Card { last4: "4242", decline: None }),
    (
        "4000000000000002",
        Card {
            last4: "0002",
            decline: Some(Decline {
                code: "generic_decline",
                message: "Your card was declined.",
                seller_message: "The bank did not return any further details with this decline.",
            }),
        },
    ),
    (
        "4000000000009995",
        Card {
            last4: "9995",
            decline: Some(Decline {
                code: "insufficient_funds",
                message: "Your card has insufficient funds.",
                seller_message: "The bank returned the decline code `insufficient_funds`.",
            }),
        },
    ),
];

/// The card of a number as people write it.
pub(crate) fn card(number: &str) -> Option<Card> {
    let digits: String = number.chars().filter(|c| !c.is_whitespace()).collect();
    CARDS.iter().find(|(known, _)| *known == digits).map(|(_, card)| *card)
}
