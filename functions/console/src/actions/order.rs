//! Decides about an order: books a payment that it has refused, closes its anomalies, or records what became of a top-up.
//! What the commands `order accept`, `order clear` and `order resolve` do.

use insight::{Lang, Sentence, sentence};
use ledger::{AcceptError, Asset, Clearing, Flag, Order, OrderNumber, Reason, Resolution, TopUpState, Verdict};
use manual::{OrderChange, SEQ_CHARS_MAX, is_seq};
use maud::{Markup, html};

use crate::actions::confirm::{self, Booked, Confirm, Signature};
use crate::layout::Tab;
use crate::refusal::Refusal;
use crate::visit::{Shown, Visit};
use crate::words::{explain_path, say, time};
use crate::{Books, Console, buttons, form};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Accept,
    Clear,
    Resolve,
}

impl Which {
    const fn path(self) -> &'static str {
        match self {
            Self::Accept => buttons::ACCEPT,
            Self::Clear => buttons::CLEAR,
            Self::Resolve => buttons::RESOLVE,
        }
    }

    const fn title(self) -> Sentence {
        match self {
            Self::Accept => say("Book the payment", "入账这笔付款"),
            Self::Clear => say("Close the anomaly", "关闭异常"),
            Self::Resolve => say("Record the result", "记录充值结果"),
        }
    }

    const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Accept => &["order", "payment", "credits", "confirmed"],
            Self::Clear => &["order", "anomaly", "payment"],
            Self::Resolve => &["order", "as", "seq"],
        }
    }
}

/// What a form asks for.
struct Asked<'q>(&'q api::Query);

impl Asked<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.parameter(name).map(str::trim).filter(|text| !text.is_empty())
    }

    fn number(&self) -> Result<OrderNumber, Refusal> {
        OrderNumber::new(self.text("order").unwrap_or_default()).map_err(|_| Refusal::not_found())
    }

    fn clearing(&self) -> Result<Clearing<'_>, Refusal> {
        let named = |word: &str| Reason::ALL.into_iter().find(|reason| reason.as_str() == word);
        let reason = self.text("anomaly").map(|word| named(word).ok_or_else(Refusal::not_found)).transpose()?;
        Ok(Clearing { reason, payment: self.text("payment") })
    }

    fn verdict(&self) -> Result<Verdict, Refusal> {
        match self.text("as") {
            Some("done") => Ok(Verdict::Done),
            Some("failed") => Ok(Verdict::Failed),
            Some("again") => Ok(Verdict::Again),
            _ => Err(Refusal::not_found()),
        }
    }
}

pub(crate) async fn preview<L: Books>(console: &Console<L>, visit: &Visit<'_>, which: Which) -> Result<Shown, Refusal> {
    let query = form::preview(visit, which.fields())?;
    let asked = Asked(&query);
    let order = order(&console.ledger, visit, &asked.number()?).await?;
    let id = confirm::new_id(console)?;
    let main = markup(&order, which, &query, visit, &id)?;
    Ok(confirm::page(visit, Tab::Orders, which.title(), &main))
}

pub(crate) async fn change<L: Books>(console: &Console<L>, visit: &Visit<'_>, which: Which) -> Result<Shown, Refusal> {
    let fields: Vec<&'static str> = which.fields().iter().chain(&["reason", "id", "csrf"]).copied().collect();
    let form = form::of(visit, &fields)?;
    let (signature, asked, now) = (Signature::read(visit, &form)?, Asked(&form), visit.invocation.now);
    let order = order(&console.ledger, visit, &asked.number()?).await?;
    let (change, refused) = match which {
        Which::Accept => {
            let credits = asked.text("credits").map(form::amount).transpose()?;
            let (payment, is_looked_up) =
                (asked.text("payment").unwrap_or_default(), asked.text("confirmed").is_some());
            let (change, refused) = OrderChange::accept(&order, payment, is_looked_up, credits, now);
            (change, not_accepted(refused))
        }
        Which::Clear => (OrderChange::clear(&order, asked.clearing()?), nothing_to_clear()),
        Which::Resolve => {
            let (verdict, seq) = (asked.verdict()?, asked.text("seq"));
            if seq.is_some_and(|seq| verdict != Verdict::Done || !is_seq(seq)) {
                return Err(Refusal::malformed());
            }
            (OrderChange::resolve(&order, verdict, seq, now), nothing_to_resolve(&order))
        }
    };
    // The same form again still has to find what it has booked.
    if change.effects.is_empty() {
        let receipt = signature.receipt()?;
        if console.ledger.events(&[receipt].into(), &visit.context()).await?.is_empty() {
            return Err(refused);
        }
    }
    match confirm::commit(&console.ledger, visit, change.decision(&signature.by())).await? {
        Booked::Done(receipt) => {
            Ok(confirm::done(&explain_path(order.number.as_str()), &receipt, order.number.as_str()))
        }
        Booked::Stale => Err(confirm::overtaken()),
    }
}

async fn order<L: Books>(ledger: &L, visit: &Visit<'_>, number: &OrderNumber) -> Result<Order, Refusal> {
    ledger.order(number, &visit.context()).await?.ok_or_else(Refusal::not_found)
}

const fn nothing_to_clear() -> Refusal {
    Refusal::new(
        409,
        "nothing_to_clear",
        say("No open anomaly of the order is this one.", "订单没有这样的未关闭异常。"),
    )
}

fn nothing_to_resolve(order: &Order) -> Refusal {
    let why = match order.top_up_call.as_ref().map(|call| call.state) {
        None => say("No operator has been called.", "尚未请求运营商。"),
        Some(TopUpState::Claimed) => {
            say("The call may still be under way: wait two minutes.", "请求可能仍在进行：请等两分钟。")
        }
        Some(TopUpState::Done) => say("It is done.", "已完成。"),
        Some(TopUpState::Failed) => say("It has failed.", "已失败。"),
        Some(TopUpState::Pending | TopUpState::Unknown) => say("It has changed.", "已有变化。"),
    };
    Refusal::new(409, "nothing_to_resolve", why)
}

const fn not_accepted(cause: AcceptError) -> Refusal {
    let why = match cause {
        AcceptError::NotRefused => say("The order has refused no payment of this name.", "订单没有拒绝过这笔付款。"),
        AcceptError::DifferentAmounts => say(
            "The order has refused it with different amounts. Look it up at its provider and refund it there.",
            "订单拒绝它时金额不一。请在支付方查看并退款。",
        ),
        AcceptError::Unconfirmed => say(
            "Its provider has not confirmed it. Look it up there, and confirm that you did.",
            "支付方尚未确认。请先在支付方查看，再勾选确认。",
        ),
        AcceptError::Booked => say("The payment is booked already.", "这笔付款已入账。"),
        AcceptError::RefundedInFull => say("The payment was refunded in full.", "这笔付款已全额退款。"),
        AcceptError::NotOnlyCredits => say(
            "The order buys more than credits, and only once. Name the credits that it gets, or refund it.",
            "该订单不只购买额度，且只能购买一次。请填写额度，或退款。",
        ),
        AcceptError::Nothing => {
            say("It would buy nothing. Name the credits that it gets.", "没有可购买的内容。请填写额度。")
        }
    };
    Refusal::new(409, "not_accepted", why)
}

fn markup(order: &Order, which: Which, query: &api::Query, visit: &Visit<'_>, id: &str) -> Result<Markup, Refusal> {
    let (asked, lang) = (Asked(query), visit.lang);
    let (what, asks) = match which {
        Which::Accept => accepting(order, &asked, lang)?,
        Which::Clear => clearing(order, &asked, lang)?,
        Which::Resolve => resolving(order, &asked, visit)?,
    };
    let hidden = which.fields().iter().filter(|name| !["credits", "confirmed", "seq"].contains(name));
    let fields: Vec<(&'static str, &str)> = hidden.filter_map(|name| Some((*name, asked.text(name)?))).collect();
    let back = explain_path(order.number.as_str());
    let confirm = Confirm {
        lang,
        title: which.title(),
        path: which.path(),
        csrf: visit.csrf(),
        id,
        reason: form::typed_reason(query),
        fields: &fields,
        back: &back,
    };
    let what = html! {
        p { (say("Order", "订单").in_lang(lang)) " " a href=(back) { (order.number) } ", " (order.owner) }
        (what)
    };
    Ok(confirm::markup(&confirm, &what, &asks))
}

fn accepting(order: &Order, asked: &Asked<'_>, lang: Lang) -> Result<(Markup, Markup), Refusal> {
    let t = |sentence: Sentence| sentence.in_lang(lang);
    let payment = order.acceptable(asked.text("payment").unwrap_or_default(), true).map_err(not_accepted)?;
    let what = html! {
        p { (t(say(
            "It is booked as this order's, once. Its refunds and disputes take back what it buys.",
            "作为本订单的付款入账，只入账一次。之后的退款和争议会收回所购内容。",
        ))) }
        dl.facts {
            dt { (t(say("Payment", "付款"))) } dd { (payment.by) }
            dt { (t(say("Paid", "实付"))) } dd { strong { (payment.money) } }
            dt { (t(say("Price of the order", "订单价格"))) } dd { (order.terms.price) }
            dt { (t(say("Credits of the order", "订单额度"))) } dd { (Asset::CREDITS.format(order.credits())) }
        }
    };
    let part = order.proportional_credits(&payment).map(|part| Asset::CREDITS.format(part));
    let credits = asked.text("credits").or(part.as_deref());
    let asks = html! {
        label for="credits" { (t(say("Other credits than were ordered (empty: as ordered)", "改发的额度（空：按订单）"))) }
        input id="credits" name="credits" value=[credits] inputmode="decimal" maxlength="40" autocomplete="off"
            pattern=(form::AMOUNT_PATTERN) title=(t(form::AMOUNT));
        @if part.is_some() {
            p.hint { (t(say(
                "Less was paid than ordered: these are the credits in proportion. Change them, or empty the field to grant all.",
                "实付少于订单价格：已按比例填入额度。可以修改，或清空以发放全部。",
            ))) }
        }
        @if !payment.is_confirmed {
            p role="alert" { (t(say("Its provider has not confirmed it.", "支付方尚未确认这笔付款。"))) }
            label { input.check type="checkbox" name="confirmed" value="1" required; (t(say("I have looked it up at the provider", "我已在支付方核实"))) }
        }
    };
    Ok((what, asks))
}

fn clearing(order: &Order, asked: &Asked<'_>, lang: Lang) -> Result<(Markup, Markup), Refusal> {
    let clearing = asked.clearing()?;
    if order.clear(clearing).is_empty() {
        return Err(nothing_to_clear());
    }
    let is_one = |flag: &&Flag| {
        let is_of = |name: &str| {
            flag.anomaly.payment.as_ref().is_some_and(|by| by.by.id() == name || by.by.to_string() == name)
        };
        flag.resolution == Resolution::Open
            && clearing.reason.is_none_or(|reason| flag.anomaly.reason == reason)
            && clearing.payment.is_none_or(is_of)
    };
    let what = html! {
        p { (say("Nothing is booked by this: close what is settled elsewhere.", "此操作不入账：只关闭已在别处处理的异常。").in_lang(lang)) }
        ul {
            @for flag in order.anomalies.listed().filter(is_one) {
                li {
                    (sentence::reason(flag.anomaly.reason).in_lang(lang))
                    @if let Some(payment) = &flag.anomaly.payment { ": " (payment.by) ", " (payment.money) }
                }
            }
        }
    };
    Ok((what, html! {}))
}

fn resolving(order: &Order, asked: &Asked<'_>, visit: &Visit<'_>) -> Result<(Markup, Markup), Refusal> {
    let (verdict, lang) = (asked.verdict()?, visit.lang);
    if order.resolve(verdict, None, visit.invocation.now).is_none() {
        return Err(nothing_to_resolve(order));
    }
    let t = |sentence: Sentence| sentence.in_lang(lang);
    let means = match verdict {
        Verdict::Done => say("The telephone was topped up: the order is delivered.", "话费已到账：订单已交付。"),
        Verdict::Failed => say("It was not topped up, and you refund the buyer.", "话费未到账，由你退款给买家。"),
        Verdict::Again => say(
            "It was not topped up: the phone company is called once more. If it was, the buyer gets it twice.",
            "话费未到账：再次请求运营商。如果其实已到账，买家会得到两份。",
        ),
    };
    let what = html! {
        p { strong { (t(means)) } }
        p { (t(say("Look at the phone company's own list first.", "请先查看运营商的记录。"))) }
        @if let Some(call) = &order.top_up_call {
            p.soft { (t(sentence::top_up_state(call.state))) ", " (time(call.at)) " UTC" }
        }
    };
    let asks = html! {
        @if verdict == Verdict::Done {
            label for="seq" { (t(say("The operator's number of it (may be empty)", "运营商流水号（可空）"))) }
            input id="seq" name="seq" value=[asked.text("seq")] maxlength=(SEQ_CHARS_MAX) autocomplete="off";
        }
    };
    Ok((what, asks))
}
