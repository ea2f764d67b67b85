//! The pages and forms, and who may use each.

use edge::Route;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    Overview,
    SignIn,
    SigningIn,
    SigningOut,
    First,
    Enrolling,
    Language,
    Searching,
    Explain,
    Events,
    Event,
    Orders,
    Owners,
    Statement,
    Health,
    ShowingBody,
    Replay,
    Replaying,
    Pause,
    Pausing,
    Codes,
    /// What an action would do, and its form.
    Preview(Action),
    Act(Action),
}

/// What the commands of the same meaning do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Accept,
    Clear,
    Resolve,
    Grant,
    Debit,
    Reverse,
    RevokeKey,
    RevokeCodes,
}

/// What a page needs of its visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Public,
    Reader,
    Operator,
}

/// A GET changes nothing, and a POST is a form of one of our pages.
pub const PAGES: &[Route<Page>] = &[
    Route { method: "GET", path: "/console", endpoint: Page::Overview },
    Route { method: "GET", path: "/console/sign-in", endpoint: Page::SignIn },
    Route { method: "POST", path: "/console/sign-in", endpoint: Page::SigningIn },
    Route { method: "POST", path: "/console/sign-out", endpoint: Page::SigningOut },
    Route { method: "GET", path: "/console/first", endpoint: Page::First },
    Route { method: "POST", path: "/console/first", endpoint: Page::Enrolling },
    Route { method: "POST", path: "/console/language", endpoint: Page::Language },
    Route { method: "POST", path: "/console/search", endpoint: Page::Searching },
    Route { method: "GET", path: "/console/explain", endpoint: Page::Explain },
    Route { method: "GET", path: "/console/events", endpoint: Page::Events },
    Route { method: "GET", path: "/console/event", endpoint: Page::Event },
    Route { method: "GET", path: "/console/orders", endpoint: Page::Orders },
    Route { method: "GET", path: "/console/owners", endpoint: Page::Owners },
    Route { method: "GET", path: "/console/owners.csv", endpoint: Page::Statement },
    Route { method: "GET", path: "/console/health", endpoint: Page::Health },
    Route { method: "POST", path: "/console/event/body", endpoint: Page::ShowingBody },
    Route { method: "GET", path: "/console/replay", endpoint: Page::Replay },
    Route { method: "POST", path: "/console/replay", endpoint: Page::Replaying },
    Route { method: "GET", path: "/console/pause", endpoint: Page::Pause },
    Route { method: "POST", path: "/console/pause", endpoint: Page::Pausing },
    Route { method: "GET", path: "/console/codes", endpoint: Page::Codes },
    Route { method: "GET", path: "/console/accept", endpoint: Page::Preview(Action::Accept) },
    Route { method: "POST", path: "/console/accept", endpoint: Page::Act(Action::Accept) },
    Route { method: "GET", path: "/console/clear", endpoint: Page::Preview(Action::Clear) },
    Route { method: "POST", path: "/console/clear", endpoint: Page::Act(Action::Clear) },
    Route { method: "GET", path: "/console/resolve", endpoint: Page::Preview(Action::Resolve) },
    Route { method: "POST", path: "/console/resolve", endpoint: Page::Act(Action::Resolve) },
    Route { method: "GET", path: "/console/grant", endpoint: Page::Preview(Action::Grant) },
    Route { method: "POST", path: "/console/grant", endpoint: Page::Act(Action::Grant) },
    Route { method: "GET", path: "/console/debit", endpoint: Page::Preview(Action::Debit) },
    Route { method: "POST", path: "/console/debit", endpoint: Page::Act(Action::Debit) },
    Route { method: "GET", path: "/console/reverse", endpoint: Page::Preview(Action::Reverse) },
    Route { method: "POST", path: "/console/reverse", endpoint: Page::Act(Action::Reverse) },
    Route { method: "GET", path: "/console/revoke-key", endpoint: Page::Preview(Action::RevokeKey) },
    Route { method: "POST", path: "/console/revoke-key", endpoint: Page::Act(Action::RevokeKey) },
    Route { method: "GET", path: "/console/revoke-codes", endpoint: Page::Preview(Action::RevokeCodes) },
    Route { method: "POST", path: "/console/revoke-codes", endpoint: Page::Act(Action::RevokeCodes) },
];

impl Page {
    pub const fn access(self) -> Access {
        match self {
            Self::SignIn | Self::SigningIn | Self::First | Self::Enrolling | Self::Language => Access::Public,
            Self::Overview
            | Self::SigningOut
            | Self::Searching
            | Self::Explain
            | Self::Events
            | Self::Event
            | Self::Orders
            | Self::Owners
            | Self::Statement
            | Self::Codes
            | Self::Health => Access::Reader,
            Self::ShowingBody
            | Self::Replay
            | Self::Replaying
            | Self::Pause
            | Self::Pausing
            | Self::Preview(_)
            | Self::Act(_) => Access::Operator,
        }
    }

    /// Whether it is sent by a form, which has to be one of our own.
    pub const fn is_form(self) -> bool {
        match self {
            Self::SigningIn
            | Self::SigningOut
            | Self::Enrolling
            | Self::Language
            | Self::Searching
            | Self::ShowingBody
            | Self::Replaying
            | Self::Pausing
            | Self::Act(_) => true,
            Self::Overview
            | Self::SignIn
            | Self::First
            | Self::Explain
            | Self::Events
            | Self::Event
            | Self::Orders
            | Self::Owners
            | Self::Statement
            | Self::Health
            | Self::Codes
            | Self::Replay
            | Self::Pause
            | Self::Preview(_) => false,
        }
    }
}
