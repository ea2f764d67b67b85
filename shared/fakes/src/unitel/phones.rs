//! Which phone number leads to what.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phone {
    pub number: &'static str,
    /// For whoever chooses one.
    pub does: &'static str,
    pub(super) answer: Answer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    Failed,
    Pending,
    PendingForEver,
    Unavailable,
    Hangs,
    Late(u64),
    Garbage,
    TokenEnded,
}

/// Longer than anybody likes to wait, and shorter than our own patience.
const LATE_SECONDS: u64 = 3;

/// Any other number does what the first one does.
pub const PHONES: [Phone; 9] = [
    Phone { number: "88000000", does: "is topped up", answer: Answer::Done },
    Phone { number: "88000001", does: "is refused: nothing is given", answer: Answer::Failed },
    Phone { number: "88000002", does: "is pending, and topped up when it is asked about", answer: Answer::Pending },
    Phone { number: "88000003", does: "is pending for ever", answer: Answer::PendingForEver },
    Phone { number: "88000004", does: "is topped up and answered with status 503", answer: Answer::Unavailable },
    Phone { number: "88000005", does: "is topped up and never answered", answer: Answer::Hangs },
    Phone { number: "88000006", does: "is topped up and answered late", answer: Answer::Late(LATE_SECONDS) },
    Phone { number: "88000007", does: "is topped up and answered unreadably", answer: Answer::Garbage },
    Phone { number: "88000008", does: "is topped up, but the first token has ended", answer: Answer::TokenEnded },
];

pub(super) fn of(number: &str) -> &'static Phone {
    let [first, ..] = &PHONES;
    PHONES.iter().find(|phone| phone.number == number).unwrap_or(first)
}
