//! Lists of orders: those that were made, those that need a person, and those whose delivery waits, also of one owner.

use insight::{Lang, OrderChoice, OrderFilter, OrderLine, OrderList, OrderStatus, Sentence, WaitsOn, orders, sentence};
use ledger::{Fulfilment, LinePosition, Order, Owner, PaymentState, Timestamp};
use maud::{Markup, html};

use crate::events::Since;
use crate::glossary::{Term, glossary};
use crate::layout::{Frame, Tab, document};
use crate::refusal::Refusal;
use crate::visit::{Shown, Visit};
use crate::words::{Tone, badge, empty, explain_path, owner_path, say, time};
use crate::{Books, Console, form};

/// A page stays below 60 KB.
const ROWS_MAX: usize = 50;
const TITLE: Sentence = say("Orders", "订单");

/// Which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Made,
    Anomalies,
    Stuck,
}

/// What the form has chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) which: Which,
    /// `None`: any time.
    pub(crate) since: Option<Since>,
    pub(crate) status: Option<OrderStatus>,
    pub(crate) owner: Option<Owner>,
}

impl Which {
    const ALL: [Self; 3] = [Self::Made, Self::Anomalies, Self::Stuck];

    /// The option of the command `orders`.
    const fn word(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Anomalies => "anomalies",
            Self::Stuck => "stuck",
        }
    }

    const fn name(self) -> Sentence {
        match self {
            Self::Made => say("all", "全部"),
            Self::Anomalies => say("need a person", "需要人工处理"),
            Self::Stuck => say("delivery waits", "交付停滞"),
        }
    }
}

impl Chosen {
    const ANY: &'static str = "any";

    /// Of those that were made the list begins a day ago, as that of the command does.
    fn read(query: &api::Query) -> Result<Self, Refusal> {
        let given = |name: &str| query.parameter(name).map(str::trim).filter(|text| !text.is_empty());
        let which = given("show").and_then(|word| Which::ALL.into_iter().find(|which| which.word() == word));
        let which = which.unwrap_or(Which::Made);
        let owner = given("owner").map(|name| Owner::new(name).map_err(|_| Refusal::not_found())).transpose()?;
        let is_short = which == Which::Made && owner.is_none();
        let since = match given("since") {
            None if is_short => Some(Since::Day),
            Some(Self::ANY) if is_short => Some(Since::Month),
            word => word.and_then(Since::named).filter(|_| which != Which::Stuck),
        };
        Ok(Self { which, since, status: given("status").and_then(OrderStatus::named), owner })
    }

    fn choice(&self, now: Timestamp) -> OrderChoice {
        let since = self.since.map_or(Timestamp::EPOCH, |since| now.plus_seconds(since.seconds().saturating_neg()));
        match self.which {
            Which::Made => OrderChoice::Made(since),
            Which::Anomalies => OrderChoice::Anomalies(since),
            Which::Stuck => OrderChoice::Stuck,
        }
    }

    fn since_word(&self) -> &'static str {
        self.since.map_or(Self::ANY, Since::word)
    }

    fn path(&self, after: &LinePosition) -> String {
        let owner = self.owner.as_ref().map(Owner::as_str).unwrap_or_default();
        format!(
            "/console/orders?show={}&since={}&status={}&owner={}&after={}",
            self.which.word(),
            self.since_word(),
            self.status.map(OrderStatus::word).unwrap_or_default(),
            api::percent_encoded(owner),
            api::percent_encoded(&format!("{} {}", after.at, after.key)),
        )
    }
}

pub(crate) async fn show<L: Books>(console: &Console<L>, visit: &Visit<'_>) -> Result<Shown, Refusal> {
    let query = form::query(visit, &["show", "since", "status", "owner", "after"])?;
    let chosen = Chosen::read(&query)?;
    let filter = OrderFilter {
        choice: chosen.choice(visit.invocation.now),
        status: chosen.status,
        owner: chosen.owner.clone(),
        after: query.parameter("after").and_then(form::place),
        orders_max: ROWS_MAX,
    };
    let list = orders(&console.ledger, &filter, &visit.context()).await?;
    let books = console.parts.config.books();
    let main = markup(&list, &chosen, &books, visit.lang);
    Ok(Shown::page(document(200, &Frame { title: TITLE.in_lang(visit.lang), tab: Some(Tab::Orders), visit }, &main)))
}

pub(crate) fn markup(list: &OrderList, chosen: &Chosen, books: &str, lang: Lang) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    html! {
        h1 { (t(TITLE)) }
        section { (filter_form(chosen, lang)) }
        section aria-labelledby="listed" {
            h2 id="listed" {
                (t(match chosen.which {
                    Which::Made => say("The newest first", "最新在前"),
                    Which::Anomalies => say("The last flagged first", "最近标记的在前"),
                    Which::Stuck => say("The longest waiting first", "等得最久的在前"),
                }))
                " " small { "UTC" }
            }
            @if list.orders.is_empty() { (nothing(chosen, lang)) } @else { (table(&list.orders, lang)) }
            @for row in &list.unreadable {
                p role="alert" { (t(say("A row cannot be read. This says why:", "有一条记录无法读取。原因见："))) }
                code.copy { "hookledger order show " (row.id) (books) }
            }
            @if let Some(next) = &list.next {
                p { a href=(chosen.path(next)) { (t(say("The next orders", "更多订单"))) } }
            } @else if list.has_more {
                p.hint { (t(say("There are more than this list can hold. Choose a state or an owner.", "超出本列表的上限。请按状态或用户筛选。"))) }
            }
        }
        (glossary(&[Term::Anomaly, Term::Sweep], lang))
    }
}

/// What an empty list means, and what to do.
fn nothing(chosen: &Chosen, lang: Lang) -> Markup {
    let (what, hint) = match (chosen.which, &chosen.owner) {
        (_, Some(_)) => (
            say("This owner has no such order.", "该用户没有这样的订单。"),
            say(
                "Is the name mistyped? Look at any time and any state.",
                "名字是否写错？可以选“不限时间”和“全部状态”。",
            ),
        ),
        (Which::Made, None) => (
            say("No such order was made in this time.", "这段时间内没有这样的订单。"),
            say(
                "Look further back, or search above for its number or its payment.",
                "可以看更早的，或在上方按订单号或付款编号查找。",
            ),
        ),
        (Which::Anomalies, None) => (
            say("No order needs a person.", "没有需要人工处理的订单。"),
            say(
                "One with a refused payment or a failed delivery appears here, with what helps.",
                "付款被拒或交付失败的订单会出现在这里，并附解决办法。",
            ),
        ),
        (Which::Stuck, None) => (
            say("No delivery waits.", "没有停滞的交付。"),
            say(
                "A paid order appears here once its delivery takes longer than it should.",
                "已付款的订单交付超时后会出现在这里。",
            ),
        ),
    };
    empty(lang, what, hint)
}

fn filter_form(chosen: &Chosen, lang: Lang) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    html! {
        form.fields method="get" action="/console/orders" {
            label {
                (t(say("Which", "哪些")))
                select name="show" {
                    @for which in Which::ALL {
                        option value=(which.word()) selected[chosen.which == which] { (t(which.name())) }
                    }
                }
            }
            label {
                (t(say("State", "状态")))
                select name="status" {
                    option value="" selected[chosen.status.is_none()] { (t(say("all", "全部"))) }
                    @for word in OrderStatus::words() {
                        option value=(word) selected[chosen.status.is_some_and(|status| status.word() == word)] {
                            (status_word(word, lang))
                        }
                    }
                }
            }
            label {
                (t(say("Of the last", "时间")))
                select name="since" {
                    @for since in Since::ALL {
                        option value=(since.word()) selected[chosen.since == Some(since)] { (t(since.name())) }
                    }
                    option value=(Chosen::ANY) selected[chosen.since.is_none()] { (t(say("any time", "不限"))) }
                }
            }
            label {
                (t(say("Owner", "用户")))
                input name="owner" value=(chosen.owner.as_ref().map(Owner::as_str).unwrap_or_default()) maxlength="128" autocomplete="off";
            }
            button.small { (t(say("Show", "查看"))) }
        }
    }
}

fn table(lines: &[OrderLine], lang: Lang) -> Markup {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    let heads = [
        say("Made", "创建"),
        say("Order", "订单"),
        say("Owner", "用户"),
        say("Price", "价格"),
        say("Payment", "付款"),
        say("Delivery", "交付"),
        say("Needs", "需要"),
    ];
    let [made, number, owner, price, payment, delivery, needs] = heads.map(t);
    html! {
        table.stack {
            thead {
                tr {
                    th scope="col" { (made) }
                    th scope="col" { (number) }
                    th scope="col" { (owner) }
                    th.n scope="col" { (price) }
                    @for head in [payment, delivery, needs] { th scope="col" { (head) } }
                }
            }
            tbody {
                @for OrderLine { order, flagged_since, waits } in lines {
                    tr {
                        td data-label=(made) { (time(order.created_at)) }
                        td data-label=(number) { a href=(explain_path(order.number.as_str())) { (order.number) } }
                        td data-label=(owner) { a href=(owner_path(order.owner.as_str())) { (order.owner) } }
                        td.n data-label=(price) { (order.terms.price.priced()) " " (order.terms.price.currency) }
                        td data-label=(payment) { (paid(order, lang)) }
                        td data-label=(delivery) { (delivered(order.fulfilment, lang)) }
                        td data-label=(needs) {
                            @if let Some(wait) = waits { (waits_on(wait.on, lang)) " " small { (time(wait.since)) } }
                            @else if let Some(reason) = order.flagged_for() {
                                (sentence::reason(reason).in_lang(lang))
                                @if let Some(since) = flagged_since { " " small { (time(*since)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn paid(order: &Order, lang: Lang) -> Markup {
    if order.is_disputed() {
        return badge(Tone::Bad, status_word("disputed", lang));
    }
    let tone = match order.payment {
        PaymentState::Paid => Tone::Good,
        PaymentState::DisputedLost => Tone::Bad,
        PaymentState::Unpaid
        | PaymentState::Failed
        | PaymentState::Canceled
        | PaymentState::Expired
        | PaymentState::PartlyRefunded
        | PaymentState::Refunded => Tone::Wait,
    };
    badge(tone, status_word(order.payment.as_str(), lang))
}

fn delivered(state: Fulfilment, lang: Lang) -> Markup {
    let tone = match state {
        Fulfilment::None => return html! {},
        Fulfilment::Done => Tone::Good,
        Fulfilment::Pending => Tone::Wait,
        Fulfilment::Failed | Fulfilment::Unknown => Tone::Bad,
    };
    badge(tone, status_word(state.as_str(), lang))
}

const fn waits_on(on: WaitsOn, lang: Lang) -> &'static str {
    let sentence = match on {
        WaitsOn::Worker => say("its delivery, which is tried again by itself", "交付，会自动重试"),
        WaitsOn::Operator => say("the telephone operator, which has accepted it", "运营商处理，已受理"),
        WaitsOn::Custodian => say("Fireblocks, which has accepted the transfer", "Fireblocks 处理，已受理"),
        WaitsOn::Person(reason) => sentence::reason(reason),
    };
    sentence.in_lang(lang)
}

/// The word of a state, as `--status` has it.
pub(crate) fn status_word(word: &'static str, lang: Lang) -> &'static str {
    if lang == Lang::En {
        return word;
    }
    match word {
        "unpaid" => "未付",
        "paid" => "已付",
        "canceled" => "已取消",
        "expired" => "已过期",
        "partly_refunded" => "部分退款",
        "refunded" => "已退款",
        "disputed" => "争议中",
        "disputed_lost" => "争议判给买家",
        "none" => "无需交付",
        "done" => "已交付",
        "pending" => "交付中",
        "failed" => "失败",
        "unknown" => "未知",
        other => other,
    }
}
