//! The test phone numbers and the outcome of each.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phone {
    pub number: &'static str,
    /// The outcome in words, for a person who picks a number.
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
    TokenExpired,
}

/// Long enough to notice, and shorter than the client's timeout.
const LATE_SECONDS: u64 = 3;

/// Any other number behaves like the first.
pub const PHONES: [Phone; 9] = [
    Phone { number: "88000000", does: "is topped up", answer: Answer::Done },
    Phone { number: "88000001", does: "is refused without a top-up", answer: Answer::Failed },
    Phone { number: "88000002", does: "is pending, and topped up at the first query", answer: Answer::Pending },
    Phone { number: "88000003", does: "is pending for ever", answer: Answer::PendingForEver },
    Phone { number: "88000004", does: "is topped up and answered with status 503", answer: Answer::Unavailable },
    Phone { number: "88000005", does: "is topped up and never answered", answer: Answer::Hangs },
    Phone { number: "88000006", does: "is topped up and answered late", answer: Answer::Late(LATE_SECONDS) },
    Phone { number: "88000007", does: "is topped up and answered unreadably", answer: Answer::Garbage },
    Phone { number: "88000008", does: "is topped up after the first token is rejected", answer: Answer::TokenExpired },
];

pub(super) fn of(number: &str) -> &'static Phone {
    let [first, ..] = &PHONES;
    PHONES.iter().find(|phone| phone.number == number).unwrap_or(first)
}
