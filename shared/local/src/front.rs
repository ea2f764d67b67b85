//! The front page of the local stack, `GET /`: what runs, the balances, and buttons that send an event or buy something. It is
//! never deployed.
//!
//! `words` has its text in both languages, `view` makes the HTML. The gateway does what is
//! clicked.

mod view;
mod words;

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::percent_decoded;
use catalog::{Catalog, SHIPPED};
use edge::Reply;
use http::header::{ACCEPT_LANGUAGE, HOST, ORIGIN};
use http::{HeaderMap, Method};
use idempotency::DynamoLedger;
use ledger::{
    AccountId, Asset, Audit as _, CommitError, Ledger as _, OrderNumber, Owner, ShownLine, StatementQuery,
    Statements as _,
};
use pages::{OWN_FORMS, POLICY};

use self::view::{AccountLine, OrderLine, SeenLine, StatementLine, View};
use self::words::Language;
use crate::now::context;
use crate::secrets::{DEMO_API_KEY, Secrets};
use crate::seed;

pub(crate) const PATH: &str = "/";
/// Where a buyer comes back to from the fake of Stripe; the id of the session follows.
pub(crate) const BACK: &str = "/?session=";
/// What the paths of all buttons begin with.
pub(crate) const BUTTONS: &str = "/local/";
pub(crate) const SEND: &str = "/local/send";
pub(crate) const AGAIN: &str = "/local/send-again";
pub(crate) const STRIPE: &str = "/local/buy/stripe";
pub(crate) const EPAY: &str = "/local/buy/epay";
pub(crate) const WECHAT: &str = "/local/buy/wechat";
/// Where the page shows what came of a click.
const CLICKS: &str = "clicks";
/// The accounts that are shown: a page is no report.
const ACCOUNTS_MAX: usize = 50;
/// One read of the table, which also has the rows of keys.
const ROWS_MAX: u16 = 1_000;
const LINES_MAX: u16 = 15;
/// How many clicks are shown.
const SEEN_MAX: usize = 6;
const PATIENCE: Duration = Duration::from_secs(5);

/// What the page needs of the stack.
pub(crate) struct Front {
    ledger: DynamoLedger,
    catalog: Option<Catalog>,
    stack: Running,
    base_url: String,
    demo_key: String,
    usage_secret: String,
    seen: Mutex<VecDeque<Seen>>,
}

/// What runs, which stays the same as long as the stack does.
#[derive(Debug, Default)]
pub(crate) struct Running {
    /// Each function, and what calls it.
    pub(crate) functions: Vec<(String, Vec<Trigger>)>,
    pub(crate) tables: Vec<String>,
    /// The fakes, and whether each is served.
    pub(crate) fakes: Vec<(&'static str, bool)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trigger {
    Route(String),
    Every(Duration),
    Stream(String),
}

/// What a button did.
#[derive(Debug, Clone)]
pub(crate) enum Seen {
    Event {
        id: String,
        outcome: String,
    },
    /// An order, and the path of its payment page.
    Order {
        number: OrderNumber,
        page: String,
    },
    /// What a function of the stack refused, in its own words.
    Refused(String),
}

impl Front {
    pub(crate) fn new(ledger: DynamoLedger, secrets: &Secrets, base_url: &str, stack: Running) -> Self {
        let usage_secret = secrets.named(usage::SETTINGS[0]).split_ascii_whitespace().next().unwrap_or_default();
        Self {
            ledger,
            catalog: Catalog::parse(SHIPPED).ok(),
            stack,
            base_url: base_url.to_owned(),
            demo_key: secrets.named(DEMO_API_KEY).to_owned(),
            usage_secret: usage_secret.to_owned(),
            seen: Mutex::default(),
        }
    }

    /// The page, with the order that a buyer comes `back` from. A store that does not answer is shown as such.
    pub(crate) async fn page(&self, query: &str, headers: &HeaderMap, back: Option<&OrderNumber>) -> Reply {
        let language = language(query, headers);
        let reply = match self.view(query, back).await {
            Ok(view) => Reply::html(200, view.html(language)),
            Err(error) => {
                tracing::warn!(%error, "the front page was not read");
                Reply::text(503, language.words().unavailable)
            }
        };
        // `same-origin` and not `no-referrer`, under which a browser would hide the origin of the buttons.
        reply
            .with_header(POLICY, OWN_FORMS)
            .with_header("referrer-policy", "same-origin")
            .with_header("cache-control", "no-store")
            .with_header("vary", "accept-language")
            .with_header("x-content-type-options", "nosniff")
            .with_header("cross-origin-resource-policy", "same-origin")
    }

    async fn view(&self, query: &str, back: Option<&OrderNumber>) -> Result<View<'_>, CommitError> {
        let (accounts, has_more) = self.account_lines().await?;
        let chosen = match parameter(query, "account").and_then(|text| self.account(&text)) {
            Some(account) => account,
            None => Owner::new(seed::OWNER).map_err(|_| CommitError::Unavailable(None))?.account(Asset::CREDITS),
        };
        let back = match back {
            Some(number) => Some(self.order_line(number).await?),
            None => None,
        };
        Ok(View {
            stack: &self.stack,
            accounts,
            has_more,
            lines: self.statement_lines(&chosen).await?,
            chosen: chosen.to_string(),
            seen: self.seen_lines().await?,
            back,
        })
    }

    /// The accounts by name, and whether there are more.
    async fn account_lines(&self) -> Result<(Vec<AccountLine>, bool), CommitError> {
        let page = self.ledger.accounts(None, ROWS_MAX, &context(PATIENCE)).await?;
        let mut lines: Vec<AccountLine> = page.accounts.into_iter().filter_map(|row| self.account_line(row)).collect();
        lines.sort_by(|a, b| a.account.cmp(&b.account));
        let has_more = page.next.is_some() || lines.len() > ACCOUNTS_MAX;
        lines.truncate(ACCOUNTS_MAX);
        Ok((lines, has_more))
    }

    async fn statement_lines(&self, account: &AccountId) -> Result<Vec<StatementLine>, CommitError> {
        let query = StatementQuery {
            account: account.clone(),
            from: None,
            until: None,
            kind: None,
            after: None,
            lines_max: LINES_MAX,
        };
        let lines = self.ledger.statement_page(&query, &context(PATIENCE)).await?.lines.into_iter();
        let line = |line: ShownLine| StatementLine {
            amount: account.asset().format_balance(line.change),
            kind: line.kind,
            id: line.key,
            at: line.at,
        };
        Ok(lines.map(line).collect())
    }

    fn account_line(&self, row: ledger::StoredAccount) -> Option<AccountLine> {
        let asset = self.account(&row.account)?.asset();
        let held = ledger::Balance::from_units(i128::try_from(row.held).ok()?);
        Some(AccountLine {
            balance: asset.format_balance(row.balance),
            available: asset.format_balance(row.available),
            held: asset.format_balance(held),
            account: row.account,
        })
    }

    /// The scale of a token is in the catalog.
    fn account(&self, text: &str) -> Option<AccountId> {
        let of_token = || {
            let (owner, code) = text.split_once('/')?;
            Some(Owner::new(owner).ok()?.account(self.catalog.as_ref()?.token(code)?))
        };
        AccountId::read(text).or_else(of_token)
    }

    /// The clicks, the newest first, with the orders as they are now.
    async fn seen_lines(&self) -> Result<Vec<SeenLine>, CommitError> {
        let seen: Vec<Seen> = self.seen().iter().cloned().collect();
        let mut lines = Vec::new();
        for seen in seen {
            lines.push(match seen {
                Seen::Event { id, outcome } => SeenLine::Event { id, outcome },
                Seen::Refused(message) => SeenLine::Refused(message),
                Seen::Order { number, page } => SeenLine::Order { order: self.order_line(&number).await?, page },
            });
        }
        Ok(lines)
    }

    async fn order_line(&self, number: &OrderNumber) -> Result<OrderLine, CommitError> {
        let order = self.ledger.order(number, &context(PATIENCE)).await?;
        let terms = order.as_ref().map(|order| &order.terms);
        Ok(OrderLine {
            number: number.to_string(),
            product: terms.map(|terms| terms.product.clone()).unwrap_or_default(),
            price: terms.map(|terms| terms.price.to_string()).unwrap_or_default(),
            payment: order.map(|order| order.payment),
        })
    }

    pub(crate) fn saw(&self, seen: Seen) {
        let mut all = self.seen();
        all.push_front(seen);
        all.truncate(SEEN_MAX);
    }

    pub(crate) fn last_event(&self) -> Option<String> {
        self.seen().iter().find_map(|seen| match seen {
            Seen::Event { id, .. } => Some(id.clone()),
            Seen::Order { .. } | Seen::Refused(_) => None,
        })
    }

    /// A second click leads to the order of the first, which is then shown once.
    pub(crate) fn forget_order(&self, of: &OrderNumber) {
        self.seen().retain(|seen| !matches!(seen, Seen::Order { number, .. } if number == of));
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    pub(crate) fn demo_key(&self) -> &str {
        &self.demo_key
    }

    pub(crate) fn usage_secret(&self) -> &str {
        &self.usage_secret
    }

    fn seen(&self) -> MutexGuard<'_, VecDeque<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a button of this very page was clicked. A browser names the origin of every POST, and programs have the API. The
/// gateway has compared `Host` with our own names before.
pub(crate) fn is_of_own_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_same_site = headers.get("sec-fetch-site").is_none_or(|site| *site == "same-origin");
    let origin = text(ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
    is_same_site && origin.is_some() && origin == text(HOST)
}

/// Whether a request is for the page or for a button of it.
pub(crate) fn is_front(method: &Method, path: &str) -> bool {
    (path == PATH && (method == Method::GET || method == Method::HEAD)) || path.starts_with(BUTTONS)
}

/// The session that a buyer comes back from.
pub(crate) fn session(query: &str) -> Option<String> {
    parameter(query, "session")
}

/// The page in the same language, where it shows what came of a click.
pub(crate) fn after_click(query: &str) -> String {
    format!("{PATH}?lang={}#{CLICKS}", language(query, &HeaderMap::new()).as_str())
}

fn language(query: &str, headers: &HeaderMap) -> Language {
    let named = parameter(query, "lang").and_then(|name| Language::named(&name));
    let accepted = || headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    named.unwrap_or_else(|| Language::accepted(accepted()))
}

/// The first value of a parameter.
fn parameter(query: &str, name: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    percent_decoded(&value.replace('+', " "))
}

#[cfg(test)]
mod tests;
