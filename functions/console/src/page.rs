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
    Owners,
    Statement,
    Health,
    ShowingBody,
    Replay,
    Replaying,
    Pause,
    Pausing,
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
    Route { method: "GET", path: "/console/owners", endpoint: Page::Owners },
    Route { method: "GET", path: "/console/owners.csv", endpoint: Page::Statement },
    Route { method: "GET", path: "/console/health", endpoint: Page::Health },
    Route { method: "POST", path: "/console/event/body", endpoint: Page::ShowingBody },
    Route { method: "GET", path: "/console/replay", endpoint: Page::Replay },
    Route { method: "POST", path: "/console/replay", endpoint: Page::Replaying },
    Route { method: "GET", path: "/console/pause", endpoint: Page::Pause },
    Route { method: "POST", path: "/console/pause", endpoint: Page::Pausing },
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
            | Self::Owners
            | Self::Statement
            | Self::Health => Access::Reader,
            Self::ShowingBody | Self::Replay | Self::Replaying | Self::Pause | Self::Pausing => Access::Operator,
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
            | Self::Pausing => true,
            Self::Overview
            | Self::SignIn
            | Self::First
            | Self::Explain
            | Self::Events
            | Self::Event
            | Self::Owners
            | Self::Statement
            | Self::Health
            | Self::Replay
            | Self::Pause => false,
        }
    }
}
