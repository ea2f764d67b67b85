//! The HTML of the front page, from what was read. Everything that is not our own text is escaped.

use std::fmt::Write as _;

use ledger::PaymentState;
use pages::{Page, escaped};

use super::words::{Language, Words};
use super::{AGAIN, CLICKS, EPAY, Running, SEND, STRIPE, Trigger, WECHAT};

const DOCS: &str = "https://github.com/hookledger/hookledger/blob/main/docs";
/// Pages of the docs that both languages have.
const DOCS_PAGES: [&str; 6] = ["quickstart", "orders", "api", "holds", "codes", "cli"];
/// What the functions answer to a browser without a key. Only what the template has is shown.
const OPEN_ROUTES: [&str; 3] = ["/v1/openapi.json", "/api/webhooks/health", "/payment/status"];

/// What the page shows.
pub(super) struct View<'v> {
    pub(super) stack: &'v Running,
    pub(super) accounts: Vec<AccountLine>,
    /// Whether there are accounts beyond these.
    pub(super) has_more: bool,
    /// The account whose lines are shown.
    pub(super) chosen: String,
    pub(super) lines: Vec<StatementLine>,
    pub(super) seen: Vec<SeenLine>,
    /// The order that a buyer comes back from.
    pub(super) back: Option<OrderLine>,
}

pub(super) struct AccountLine {
    pub(super) account: String,
    pub(super) balance: String,
    pub(super) available: String,
    pub(super) held: String,
}

pub(super) struct StatementLine {
    pub(super) at: String,
    pub(super) kind: String,
    pub(super) amount: String,
    pub(super) id: String,
}

pub(super) enum SeenLine {
    Event { id: String, outcome: String },
    Order { order: OrderLine, page: String },
    Refused(String),
}

pub(super) struct OrderLine {
    pub(super) number: String,
    pub(super) product: String,
    pub(super) price: String,
    /// `None` if the order cannot be read.
    pub(super) payment: Option<PaymentState>,
}

impl View<'_> {
    pub(super) fn html(&self, language: Language) -> String {
        let words = language.words();
        let main = [
            head(language),
            self.returned(language),
            self.try_it(language),
            self.accounts(language),
            self.statement(words),
            self.runs(words),
            self.read_on(language),
        ]
        .concat();
        let title = format!("hookledger: {}", words.title);
        Page { language: language.as_str(), title: &title, class: "", main: &main }.document()
    }

    fn returned(&self, language: Language) -> String {
        let Some(order) = &self.back else { return String::new() };
        let state = order.payment.map_or("?", |state| language.payment(state));
        let tone = if order.payment == Some(PaymentState::Paid) { "good" } else { "soft" };
        format!(
            "<section>\n<p class=\"{tone}\"><strong>{} {}</strong></p>\n<p>{}</p>\n</section>\n",
            language.words().back,
            state,
            of_order(order)
        )
    }

    fn try_it(&self, language: Language) -> String {
        let words = language.words();
        let is_fake = |name: &str| self.stack.fakes.iter().any(|(known, is_served)| *known == name && *is_served);
        let mut forms = button(language, SEND, words.send, false);
        if self.seen.iter().any(|seen| matches!(seen, SeenLine::Event { .. })) {
            forms += &button(language, AGAIN, words.again, true);
        }
        for (provider, path, text) in [
            ("Stripe", STRIPE, words.buy_stripe),
            ("epay", EPAY, words.buy_epay),
            ("WeChat Pay", WECHAT, words.buy_wechat),
        ] {
            if is_fake(provider) {
                forms += &button(language, path, text, true);
            }
        }
        let seen: String = self.seen.iter().map(|seen| seen_row(language, seen)).collect();
        let seen = if seen.is_empty() {
            format!("<p class=\"soft\">{}</p>\n", words.no_clicks)
        } else {
            format!("<h2 id=\"{CLICKS}\">{}</h2>\n<table>\n{seen}</table>\n", words.clicks)
        };
        format!("<section>\n<h2>{}</h2>\n<div class=\"row\">\n{forms}</div>\n{seen}</section>\n", words.try_it)
    }

    fn accounts(&self, language: Language) -> String {
        let words = language.words();
        let row = |line: &AccountLine| {
            let account = escaped(&line.account);
            let query = escaped(&api::percent_encoded(&line.account));
            format!(
                "<tr><td><a href=\"/?account={query}&amp;lang={}\">{account}</a></td><td class=\"n\">{}</td>\
                 <td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                language.as_str(),
                escaped(&line.balance),
                escaped(&line.available),
                escaped(&line.held),
            )
        };
        let rows: String = self.accounts.iter().map(row).collect();
        let more = if self.has_more { format!("<p><small>{}</small></p>\n", words.more) } else { String::new() };
        let head = head_row(&[(words.account, ""), (words.balance, "n"), (words.available, "n"), (words.held, "n")]);
        format!("<section>\n<h2>{}</h2>\n<table>\n{head}{rows}</table>\n{more}</section>\n", words.accounts)
    }

    fn statement(&self, words: &Words) -> String {
        let row = |line: &StatementLine| {
            let at = escaped(&line.at);
            format!(
                "<tr><td><time datetime=\"{at}\">{}</time></td><td>{}</td><td class=\"n\">{}</td>\
                 <td><code>{}</code></td></tr>\n",
                escaped(&to_the_second(&line.at)),
                escaped(&line.kind),
                escaped(&line.amount),
                escaped(&line.id),
            )
        };
        let rows: String = self.lines.iter().map(row).collect();
        let table = if rows.is_empty() {
            format!("<p class=\"soft\">{}</p>\n", words.no_lines)
        } else {
            let head = head_row(&[(words.time, ""), (words.kind, ""), (words.amount, "n"), (words.entry, "")]);
            format!("<table>\n{head}{rows}</table>\n")
        };
        format!("<section>\n<h2>{} {}</h2>\n{table}</section>\n", words.statement, escaped(&self.chosen))
    }

    fn runs(&self, words: &Words) -> String {
        let row = |(name, triggers): &(String, Vec<Trigger>)| {
            let triggers: Vec<String> = triggers.iter().map(|trigger| of_trigger(words, trigger)).collect();
            format!("<tr><td>{}</td><td>{}</td></tr>\n", escaped(name), triggers.join("<br>"))
        };
        let functions: String = self.stack.functions.iter().map(row).collect();
        let fake = |(name, is_served): &(&str, bool)| {
            let name = escaped(name);
            if *is_served { name } else { format!("{name} ({})", words.real) }
        };
        let fakes: Vec<String> = self.stack.fakes.iter().map(fake).collect();
        let tables: Vec<String> =
            self.stack.tables.iter().map(|name| format!("<code>{}</code>", escaped(name))).collect();
        let names: Vec<String> = self.stack.functions.iter().map(|(name, _)| escaped(name)).collect();
        let head = head_row(&[(words.function, ""), (words.called_by, "")]);
        let listed = |name: &str, of: &[String]| format!("<p><strong>{name}</strong>: {}</p>\n", of.join(" · "));
        let lists =
            [listed(words.functions, &names), listed(words.fakes, &fakes), listed(words.tables, &tables)].concat();
        format!(
            "<section>\n<h2>{}</h2>\n{lists}<details>\n<summary>{}</summary>\n<table>\n{head}{functions}</table>\n\
             </details>\n</section>\n",
            words.runs, words.triggers,
        )
    }

    fn read_on(&self, language: Language) -> String {
        let mut links = String::new();
        for page in DOCS_PAGES {
            let _ = writeln!(links, "<a href=\"{DOCS}/{page}{}\">{page}</a>", language.docs());
        }
        for path in OPEN_ROUTES {
            let route = Trigger::Route(format!("GET {path}"));
            if self.stack.functions.iter().any(|(_, triggers)| triggers.contains(&route)) {
                let _ = writeln!(links, "<a href=\"{path}\"><code>{path}</code></a>");
            }
        }
        let title = language.words().read_on;
        format!("<section>\n<h2>{title}</h2>\n<div class=\"row\">\n{links}</div>\n</section>\n")
    }
}

fn head(language: Language) -> String {
    let (words, other) = (language.words(), language.other().as_str());
    format!(
        "<nav>\n<strong>hookledger</strong>\n<a href=\"/console\">{}</a>\n<a href=\"/?lang={other}\" lang=\"{other}\" hreflang=\"{other}\">{}</a>\n</nav>\n\
         <h1>{}</h1>\n<p class=\"soft\">{}</p>\n",
        words.console, words.other, words.title, words.lead
    )
}

fn button(language: Language, path: &str, text: &str, is_second: bool) -> String {
    let class = if is_second { " class=\"alt\"" } else { "" };
    let language = language.as_str();
    format!("<form method=\"post\" action=\"{path}?lang={language}\"><button{class}>{text}</button></form>\n")
}

fn seen_row(language: Language, seen: &SeenLine) -> String {
    let words = language.words();
    match seen {
        SeenLine::Event { id, outcome } => format!(
            "<tr><td>{}</td><td>{} <code>{}</code></td></tr>\n",
            escaped(language.outcome(outcome)),
            words.event,
            escaped(id),
        ),
        SeenLine::Refused(message) => format!("<tr><td colspan=\"2\" class=\"bad\">{}</td></tr>\n", escaped(message)),
        SeenLine::Order { order, page } => {
            let state = order.payment.map_or("?", |state| language.payment(state));
            let is_open = matches!(order.payment, Some(PaymentState::Unpaid | PaymentState::Failed));
            let link =
                if is_open { format!(" · <a href=\"{}\">{}</a>", escaped(page), words.pay) } else { String::new() };
            format!("<tr><td>{state}{link}</td><td>{} {}</td></tr>\n", words.order, of_order(order))
        }
    }
}

/// `2026-01-01 08:00:00` of a stored time.
fn to_the_second(at: &str) -> String {
    at.get(..19).unwrap_or(at).replacen('T', " ", 1)
}

fn of_order(order: &OrderLine) -> String {
    let [number, product, price] = [&order.number, &order.product, &order.price].map(|text| escaped(text));
    format!("<code>{number}</code> {product} · {price}")
}

fn of_trigger(words: &Words, trigger: &Trigger) -> String {
    match trigger {
        Trigger::Route(route) => format!("<code>{}</code>", escaped(route)),
        Trigger::Every(interval) => format!("{} {} s", words.every, interval.as_secs()),
        Trigger::Stream(table) => format!("{} <code>{}</code>", words.stream_of, escaped(table)),
    }
}

fn head_row(cells: &[(&str, &str)]) -> String {
    let cell = |(text, class): &(&str, &str)| {
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        format!("<th scope=\"col\"{class}>{text}</th>")
    };
    format!("<tr>{}</tr>\n", cells.iter().map(cell).collect::<String>())
}
