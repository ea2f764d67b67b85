//! The operator's console: pages that find what became of anything, say why, and do what a command does.
//!
//! Every page is rendered on the server, from values of `insight`, and works without its little script. Each page is a file
//! with a pure function from values to HTML, so that a test compares HTML without a store; [`Console`] routes a request,
//! checks who asks, and calls it.
//!
//! Who asks: `sign_in` and `first` begin a session by password and code, `session` recognizes it, `csrf` checks that a form
//! is one of our own pages. A reader sees, an operator also acts: [`Access`] says what a page needs, and `lib.rs` enforces it
//! before the page runs. Each action is a row of the journal under `console#…`, with who and why.
//!
//! ```
//! use console::Config;
//!
//! let config = Config::read(|name| (name == "EPAY_MERCHANTS").then(|| "1001:md5,1002:rsa".to_owned()), "prod")?;
//! assert_eq!(config.merchants, ["1001", "1002"]);
//! assert!(!config.is_local());
//! # Ok::<(), console::ConfigError>(())
//! ```

mod actions;
mod assemble;
mod assets;
mod buttons;
mod cloudwatch;
mod codes;
mod config;
mod cookies;
mod csrf;
mod event;
mod events;
mod explain;
mod figures;
mod filled;
mod first;
mod form;
mod glossary;
mod graphs;
mod health;
mod language;
mod layout;
mod monitor;
mod orders;
mod overview;
mod owners;
mod page;
mod password;
mod plot;
mod qr;
mod refusal;
mod search;
mod session;
mod sign_in;
mod totp;
mod visit;
mod vitals;
mod words;

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use api::{CodePepper, RandomBits};
use edge::{Incoming, Invocation, MalformedEvent, Reply, Route, Service};
use futures_util::FutureExt as _;
use insight::Readable;
use ledger::{Budgets, Listing};
use operators::Operators;

pub use assemble::assemble;
pub use cloudwatch::CloudWatch;
pub use config::{Config, ConfigError};
pub use monitor::{DeadLetters, Monitor, MonitorError, Ringing};
pub use page::{Access, Action, PAGES, Page};
pub use totp::{code_at, key_of};

use assets::Assets;
use monitor::Unmonitored;
use refusal::Refusal;
use visit::{Shown, Visit};

/// The label in logs and metrics.
pub const NAME: &str = "console";
/// A form has a few short fields.
pub const BODY_BYTES_MAX: usize = 8 * 1024;

/// The routes of the gateway. [`PAGES`] has the pages.
pub const ROUTES: &[Route<()>] = &[
    Route { method: "GET", path: "/console", endpoint: () },
    Route { method: "GET", path: "/console/{path+}", endpoint: () },
    Route { method: "POST", path: "/console/{path+}", endpoint: () },
];

/// The ports that it needs.
pub trait Books: Budgets + Readable + Listing + Operators + 'static {}

impl<L: Budgets + Readable + Listing + Operators + 'static> Books for L {}

/// The function over a ledger.
pub struct Console<L> {
    pub(crate) parts: Parts,
    pub(crate) ledger: L,
}

/// What it is made of, apart from the ledger.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) assets: Assets,
    pub(crate) pepper: Arc<CodePepper>,
    /// For tokens, keys of codes, salts and ids of changes.
    pub(crate) ids: RandomBits,
    pub(crate) monitor: Box<dyn Monitor>,
}

impl<L: Books> Console<L> {
    pub(crate) fn new(parts: Parts, ledger: L) -> Self {
        Self { parts, ledger }
    }

    /// Over this ledger with these settings, for tests.
    pub fn of(config: Config, pepper: Arc<CodePepper>, ids: RandomBits, ledger: L) -> Self {
        Self::new(Parts { config, assets: Assets::new(), pepper, ids, monitor: Box::new(Unmonitored) }, ledger)
    }

    /// With what is known beside the books.
    #[must_use]
    pub fn monitored_by(mut self, monitor: impl Monitor + 'static) -> Self {
        self.parts.monitor = Box::new(monitor);
        self
    }
}

impl<L: Books> Service for Console<L> {
    const REPLY_WITHIN: Duration = Duration::from_secs(9);

    async fn answer_request(&self, request: Result<Incoming, MalformedEvent>, invocation: &Invocation) -> Reply {
        // Boxed: the future of a request would else hold those of all pages.
        let handled = AssertUnwindSafe(Box::pin(self.handle(request, invocation)));
        let shown = handled.catch_unwind().await.unwrap_or_else(|_| Shown::text(500, "panicked"));
        edge::line(NAME, shown.subject.as_deref(), shown.outcome, shown.reason, invocation);
        secured(shown.reply)
    }
}

impl<L: Books> Console<L> {
    async fn handle(&self, request: Result<Incoming, MalformedEvent>, invocation: &Invocation) -> Shown {
        let Ok(incoming) = request else { return Shown::text(400, "refused") };
        if let Some(reply) = self.parts.assets.at(&incoming.path) {
            return Shown { reply, outcome: "shown", reason: None, subject: None };
        }
        let method = if incoming.method == "HEAD" { "GET".to_owned() } else { incoming.method.clone() };
        // A gateway matches `/console/` with the route `/console`.
        let path = incoming.path.trim_end_matches('/').to_owned();
        let (address, found) = (incoming.source_ip, edge::find(PAGES, &method, &path));
        let Ok(request) = incoming.open(BODY_BYTES_MAX) else { return Shown::text(413, "refused") };
        let mut visit = Visit::new(&request, invocation, &self.parts, address);
        let shown = match found {
            Ok(found) => self.page(found.endpoint, &mut visit).await,
            Err(none) => Err(Refusal::of_route(&none)),
        };
        shown.unwrap_or_else(|refusal| refusal.shown(&visit))
    }

    /// Who may see the page is decided here, before it runs.
    async fn page(&self, page: Page, visit: &mut Visit<'_>) -> Result<Shown, Refusal> {
        if page.is_form() {
            csrf::require_own_origin(visit)?;
        }
        visit.signed = session::of(visit, &self.ledger).await?;
        let access = page.access();
        if access != Access::Public {
            let Some(signed) = &visit.signed else { return Err(Refusal::signed_out(visit, page)) };
            if page.is_form() {
                csrf::require_token(visit, signed)?;
            }
            if access == Access::Operator && !signed.operator.role.may_act() {
                return Err(Refusal::reader());
            }
        }
        match page {
            Page::Overview => overview::show(self, visit).await,
            Page::SignIn => Ok(sign_in::form(visit)),
            Page::SigningIn => sign_in::sign_in(self, visit).await,
            Page::SigningOut => sign_in::sign_out(self, visit).await,
            Page::First => first::form(self, visit).await,
            Page::Enrolling => first::enrol(self, visit).await,
            Page::Language => language::choose(visit),
            Page::Searching => search::search(self, visit).await,
            Page::Explain => explain::show(self, visit).await,
            Page::Events => events::show(self, visit).await,
            Page::Event => event::show(self, visit).await,
            Page::Replay => actions::replay::preview(self, visit).await,
            Page::Replaying => actions::replay::replay(self, visit).await,
            Page::Orders => orders::show(self, visit).await,
            Page::Owners => owners::show(self, visit).await,
            Page::Statement => owners::csv(self, visit).await,
            Page::Health => health::show(self, visit).await,
            Page::Pause => actions::pause::preview(self, visit).await,
            Page::Pausing => actions::pause::change(self, visit).await,
            Page::Codes => codes::show(self, visit).await,
            Page::Preview(action) => Box::pin(actions::preview(self, visit, action)).await,
            Page::Act(action) => Box::pin(actions::act(self, visit, action)).await,
            Page::ShowingBody => actions::show_body::show(self, visit).await,
        }
    }
}

/// The headers of every reply. `same-origin` and not `no-referrer`, under which a browser hides the origin of a form.
fn secured(reply: Reply) -> Reply {
    let is_kept = reply.headers.iter().any(|(name, _)| *name == "cache-control");
    let reply = if is_kept { reply } else { reply.with_header("cache-control", "no-store") };
    reply
        .with_header(pages::POLICY, pages::OWN_FILES)
        .with_header("referrer-policy", "same-origin")
        .with_header("x-content-type-options", "nosniff")
        .with_header("cross-origin-opener-policy", "same-origin")
        .with_header("cross-origin-resource-policy", "same-origin")
        .with_header("permissions-policy", "camera=(), geolocation=(), microphone=()")
}

/// Without its keys.
impl<L> fmt::Debug for Console<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("config", &self.parts.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
