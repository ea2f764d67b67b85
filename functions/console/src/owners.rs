//! One owner: what the account holds and owes, its lots, holds, keys and budgets, and its statement by page and as CSV.

use std::fmt::Write as _;

use edge::Reply;
use futures_util::future::try_join4;
use insight::{Lang, Sentence};
use ledger::{
    AccountId, AccountRow, Asset, Balance, CallContext, CommitError, FoundHolds, KeyBudget, KeyQuery, LinePosition,
    Lot, LotsSnapshot, Owner, ShownLine, StatementPage, StatementQuery, StoredKey, Timestamp, Window,
};
use maud::{Markup, html};

use crate::glossary::{Term, glossary};
use crate::layout::{Frame, Tab, document};
use crate::refusal::Refusal;
use crate::visit::{Shown, Visit};
use crate::words::{Tone, badge, empty, event_path, explain_path, kind_word, owner_path, say, stored_time, time};
use crate::{Books, Console, buttons, form};

const TITLE: Sentence = say("Owners", "用户");
const LINES: u16 = 50;
/// What one query returns.
const CSV_LINES: u16 = 1_000;
/// A file of ten thousand lines; the API pages through more.
const CSV_PAGES_MAX: u32 = 10;
const KEYS_MAX: u16 = 50;

/// All that the page shows.
pub(crate) struct OwnerView<'v> {
    pub(crate) owner: &'v Owner,
    /// Without a row, the owner has no credits yet.
    pub(crate) account: Option<&'v (AccountRow, LotsSnapshot)>,
    pub(crate) holds: &'v FoundHolds,
    pub(crate) keys: &'v [StoredKey],
    pub(crate) budgets: &'v [KeyBudget],
    pub(crate) page: &'v StatementPage,
    pub(crate) now: Timestamp,
    /// Whether the visitor is offered what changes something.
    pub(crate) may_act: bool,
    /// The row of the action that has led here.
    pub(crate) done: Option<&'v str>,
    pub(crate) lang: Lang,
}

pub(crate) async fn show<L: Books>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let query = form::query(visit, &["name", "after", "done"])?;
    let frame = Frame { title: TITLE.in_lang(visit.lang), tab: Some(Tab::Owners), visit };
    let Some(typed) = query.parameter("name").map(str::trim).filter(|typed| !typed.is_empty()) else {
        return Ok(Shown::page(document(200, &frame, &none_chosen(visit.lang))));
    };
    let (owner, context) = (owner_of(typed)?, visit.context());
    let account = owner.account(Asset::CREDITS);
    let statement = StatementQuery { after: query.parameter("after").and_then(form::place), ..of(&account, LINES) };
    let keys = KeyQuery { owner: Some(owner.clone()), after: None, keys_max: KEYS_MAX };
    let ledger = &console.ledger;
    let (row, holds, keys, page) = try_join4(
        ledger.account_with_lots(&account, &context),
        ledger.open_holds(&account, &context),
        ledger.key_page(&keys, &context),
        ledger.statement_page(&statement, &context),
    )
    .await?;
    if row.is_none()
        && let Some(other) = in_small_letters(ledger, &owner, &context).await?
    {
        return Ok(Shown::redirect(&owner_path(other.as_str())));
    }
    let budgets = ledger.budgets(&owner, &context).await?;
    let view = OwnerView {
        owner: &owner,
        account: row.as_ref(),
        holds: &holds,
        keys: &keys.keys,
        budgets: &budgets,
        page: &page,
        now: visit.invocation.now,
        may_act: visit.may_act(),
        done: query.parameter("done"),
        lang: visit.lang,
    };
    Ok(Shown::page(document(200, &frame, &markup(&view))))
}

/// The statement as a file, the newest line first.
pub(crate) async fn csv<L: Books>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let query = form::query(visit, &["name"])?;
    let owner = owner_of(query.parameter("name").unwrap_or_default())?;
    let account = owner.account(Asset::CREDITS);
    let mut text = "time,kind,amount,asset,id\r\n".to_owned();
    let mut query = of(&account, CSV_LINES);
    for _ in 0..CSV_PAGES_MAX {
        let page = console.ledger.statement_page(&query, &visit.context()).await?;
        for line in &page.lines {
            csv_line(&mut text, line);
        }
        let Some(next) = page.next else { break };
        query.after = Some(next);
    }
    let name = format!("attachment; filename=\"{}.csv\"", file_name(&owner));
    let reply = Reply { status: 200, headers: Vec::new(), body: text };
    let reply = reply.with_header("content-type", "text/csv; charset=utf-8").with_header("content-disposition", name);
    Ok(Shown::page(reply))
}

fn csv_line(text: &mut String, line: &ShownLine) {
    let amount = Asset::CREDITS.format_balance(line.change);
    let key = line.key.replace('"', "\"\"");
    // A spreadsheet would run a cell that begins like a formula; no key of ours does.
    // A string takes everything.
    let _ = write!(text, "{},{},{amount},credits,\"{key}\"\r\n", line.at, line.kind);
}

fn file_name(owner: &Owner) -> String {
    owner.as_str().chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
}

/// By its name, or by its account.
fn owner_of(typed: &str) -> Result<Owner, Refusal> {
    let name = typed.split_once('/').map_or(typed, |(owner, _)| owner);
    Owner::new(name).map_err(|_| Refusal::not_found())
}

/// The owner of the same name in small letters, if it has an account: names are case-sensitive, and people are not.
async fn in_small_letters<L: Books>(
    ledger: &L,
    owner: &Owner,
    context: &CallContext<'_>,
) -> Result<Option<Owner>, CommitError> {
    let small = Owner::new(&owner.as_str().to_ascii_lowercase()).ok().filter(|small| small != owner);
    let Some(small) = small else { return Ok(None) };
    let account = ledger.account_with_lots(&small.account(Asset::CREDITS), context).await?;
    Ok(account.map(|_| small))
}

fn of(account: &AccountId, lines_max: u16) -> StatementQuery {
    StatementQuery { account: account.clone(), from: None, until: None, kind: None, after: None, lines_max }
}

fn finder(lang: Lang, name: &str) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    html! {
        form.fields method="get" action="/console/owners" {
            label { (t(say("Owner", "用户"))) input name="name" value=(name) required maxlength="128" autocomplete="off"; }
            button.small { (t(say("Show", "查看"))) }
        }
    }
}

fn none_chosen(lang: Lang) -> Markup {
    html! {
        h1 { (TITLE.in_lang(lang)) }
        section { (finder(lang, "")) }
        section {
            (empty(
                lang,
                say("No owner is chosen.", "还没有选择用户。"),
                say("Type a name, or search above for one of its orders, payments or keys.", "输入用户名，或在上方查找其订单、付款或密钥。"),
            ))
        }
    }
}

pub(crate) fn markup(view: &OwnerView<'_>) -> Markup {
    let OwnerView { owner, account, holds, keys: _, budgets: _, page, now, may_act, done, lang } = view;
    let t = |sentence: Sentence| sentence.in_lang(*lang);
    html! {
        (buttons::notice(*done, *lang))
        h1 { (owner) }
        section { (finder(*lang, owner.as_str())) }
        @match account {
            Some((row, lots)) => (balance(owner, row, lots, *now, *lang)),
            None => section {
                (empty(
                    *lang,
                    say("There is no account of credits under this name.", "这个用户名下没有额度账户。"),
                    say(
                        "Is it mistyped? Names are case-sensitive. An account begins with its first credits.",
                        "是不是写错了？名称区分大小写。首次发放额度时才会建立账户。",
                    ),
                ))
            },
        }
        @if !holds.holds.is_empty() {
            section aria-labelledby="holds" {
                h2 id="holds" { (t(say("Open holds", "未结算的预留"))) }
                ul {
                    @for hold in &holds.holds {
                        li {
                            a href=(explain_path(&format!("hold#{}", hold.id))) { (hold.id) } ": "
                            (Asset::CREDITS.format(hold.amount)) ", " (t(say("until", "至"))) " " (time(hold.expires_at))
                        }
                    }
                }
            }
        }
        @if *may_act { (buttons::credits(owner, *lang)) }
        (keys_section(view))
        (statement(owner, page, *lang))
        (glossary(&[Term::Hold, Term::Journal, Term::Lot, Term::Overdraft], *lang))
    }
}

fn balance(owner: &Owner, row: &AccountRow, lots: &LotsSnapshot, now: Timestamp, lang: Lang) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    let id = owner.account(Asset::CREDITS).to_string();
    let dated = lots.account.version > 0;
    let overdue = if dated { i128::try_from(lots.overdue(&id, now)).unwrap_or(i128::MAX) } else { 0 };
    let left =
        |balance: Balance| Asset::CREDITS.format_balance(Balance::from_units(balance.units().saturating_sub(overdue)));
    let spendable = if dated { lots.spendable(&id, now) } else { Vec::new() };
    html! {
        section aria-labelledby="balance" {
            h2 id="balance" { (t(say("Credits", "额度"))) }
            p.sum { (left(row.balance)) }
            dl.facts {
                dt { (t(say("Can be spent", "可用"))) } dd { (left(row.available)) }
                dt { (t(say("Held for uses", "已预留"))) } dd { (Asset::CREDITS.format_balance(row.held)) }
                dt { (t(say("Policy", "策略"))) } dd { (kind_word(row.terms.policy.as_str(), lang)) ", " (Asset::CREDITS.format(row.terms.overdraft)) }
            }
            @if !spendable.is_empty() {
                h3 { (t(say("In the order in which they are spent", "按消费顺序"))) }
                ul { @for lot in &spendable { (lot_item(lot, lang)) } }
            }
            p { a href=(explain_path(&format!("owner#{owner}"))) { (t(say("What became of its orders, and what waits", "订单经过与等待中的内容"))) } }
            p { a href={ "/console/orders?owner=" (api::percent_encoded(owner.as_str())) } { (t(say("All its orders", "全部订单"))) } }
        }
    }
}

fn lot_item(lot: &Lot, lang: Lang) -> Markup {
    let remaining = Balance::from_units(i128::try_from(lot.units).unwrap_or(i128::MAX));
    html! {
        li {
            (Asset::CREDITS.format_balance(remaining)) " " (kind_word(lot.terms.kind.as_str(), lang))
            @if let Some(at) = lot.terms.expires_at { ", " (say("until", "至").in_lang(lang)) " " (time(at)) }
        }
    }
}

fn keys_section(view: &OwnerView<'_>) -> Markup {
    let (keys, budgets, now, lang) = (view.keys, view.budgets, view.now, view.lang);
    let t = |sentence: Sentence| sentence.in_lang(lang);
    html! {
        section aria-labelledby="keys" {
            h2 id="keys" { (t(say("Keys and their budgets", "密钥与预算"))) }
            @if keys.is_empty() { p.soft { (t(say("It has no key: account api-key makes one.", "还没有密钥：用 account api-key 新建。"))) } }
            @else {
                ul {
                    @for key in keys {
                        li {
                            a href=(explain_path(&key.id().row())) title=(key.id()) { (short_id(key)) } " "
                            @if key.revoked_at().is_some_and(|at| at <= now) { (badge(Tone::Bad, t(say("revoked", "已吊销")))) }
                            @else { (badge(Tone::Good, t(say("works", "有效")))) @if view.may_act { " " (buttons::revoke_key(&key.id(), lang)) } }
                            " " small { (t(say("since", "自"))) " " (time(key.since())) }
                            @for budget in budgets.iter().filter(|budget| is_of(budget, key)) { (budget_of(budget, now, lang)) }
                        }
                    }
                }
            }
        }
    }
}

fn short_id(key: &StoredKey) -> String {
    match key {
        StoredKey::Owner(of) => of.key.short_id(),
        StoredKey::Service(of) => of.hash.short_id(),
    }
}

fn is_of(budget: &KeyBudget, key: &StoredKey) -> bool {
    matches!(key, StoredKey::Owner(of) if of.key == budget.key)
}

fn budget_of(KeyBudget { key: _, budget, spent }: &KeyBudget, now: Timestamp, lang: Lang) -> Markup {
    let Some((budget, spent)) = budget.as_ref().ok().zip(spent.as_ref()) else {
        return html! { br; (badge(Tone::Bad, say("its budget cannot be read", "预算无法读取").in_lang(lang))) };
    };
    let windows = budget.zone.windows_at(now);
    html! {
        @for window in Window::ALL {
            @if let Some(limit) = budget.limits.of(window) {
                br;
                small {
                    (kind_word(window.as_str(), lang)) ": " (Asset::CREDITS.format_balance(spent.in_window(window, &windows)))
                    " / " (Asset::CREDITS.format(limit))
                }
            }
        }
    }
}

fn statement(owner: &Owner, page: &StatementPage, lang: Lang) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    let [at, kind, change, entry] =
        [say("Time", "时间"), say("Kind", "类型"), say("Change", "变动"), say("Entry", "记录")].map(t);
    let name = api::percent_encoded(owner.as_str());
    html! {
        section aria-labelledby="statement" {
            h2 id="statement" { (t(say("Statement", "明细"))) " " small { "UTC" } }
            @if page.lines.is_empty() {
                (empty(lang, say("No entry yet.", "还没有记录。"), say("Credits, uses and corrections appear here.", "发放、用量和更正会出现在这里。")))
            } @else {
                table.stack {
                    thead { tr { th scope="col" { (at) } th scope="col" { (kind) } th.n scope="col" { (change) } th scope="col" { (entry) } } }
                    tbody {
                        @for line in &page.lines {
                            tr {
                                td data-label=(at) { (stored_time(&line.at)) }
                                td data-label=(kind) { (kind_word(&line.kind, lang)) }
                                td.n data-label=(change) { (Asset::CREDITS.format_balance(line.change)) }
                                td data-label=(entry) { a href=(event_path(&line.key)) { (line.key) } }
                            }
                        }
                    }
                }
            }
            p.row {
                @if let Some(LinePosition { key, at }) = &page.next {
                    a href={ "/console/owners?name=" (name) "&after=" (api::percent_encoded(&format!("{at} {key}"))) } { (t(say("Older entries", "更早的记录"))) }
                }
                a href={ "/console/owners.csv?name=" (name) } { (t(say("As CSV", "下载 CSV"))) }
            }
        }
    }
}
