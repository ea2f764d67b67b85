//! Texts that several pages have, in both languages, and how values are written.

use insight::{Lang, Sentence};
use ledger::Timestamp;
use maud::{Markup, html};

pub(crate) const fn say(en: &'static str, zh: &'static str) -> Sentence {
    Sentence { en, zh }
}

pub(crate) const REASON: Sentence = say("Why (the journal keeps it)", "原因（记入账本）");
pub(crate) const SEARCH: Sentence = say("Search", "查找");
pub(crate) const NOT_BOOKED: Sentence = say("not booked", "未入账");
pub(crate) const BOOKED: Sentence = say("booked", "已入账");
pub(crate) const WELL: Sentence = say("all is well", "一切正常");
pub(crate) const STOPPED: Sentence = say("stopped", "停住了");

/// The field of the reason, and what was typed into it before.
pub(crate) fn reason_field(typed: &str, lang: Lang) -> Markup {
    html! {
        label for="reason" { (REASON.in_lang(lang)) }
        input id="reason" name="reason" value=[Some(typed).filter(|typed| !typed.is_empty())] required maxlength="160"
            autocomplete="off";
    }
}

/// How a state looks: by colour, and always with its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Wait,
}

pub(crate) fn badge(tone: Tone, word: &str) -> Markup {
    let class = match tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Wait => "wait",
    };
    html! { span class={ "badge " (class) } { (word) } }
}

/// To the second, for people, and whole for machines. All times are in UTC, which the page says once.
pub(crate) fn time(at: Timestamp) -> Markup {
    let text = at.to_string();
    stored_time(&text)
}

/// The same, of the text that a row has.
pub(crate) fn stored_time(text: &str) -> Markup {
    let (day, clock) = (text.get(..10).unwrap_or(text), text.get(11..19).unwrap_or_default());
    html! { time datetime=(text) { (day) " " (clock) } }
}

pub(crate) fn explain_path(text: &str) -> String {
    format!("/console/explain?q={}", api::percent_encoded(text))
}

pub(crate) fn event_path(key: &str) -> String {
    format!("/console/event?key={}", api::percent_encoded(key))
}

pub(crate) fn owner_path(name: &str) -> String {
    format!("/console/owners?name={}", api::percent_encoded(name))
}

/// The word of a kind, of a lot or of a policy, as the API has it. A sender's own kinds have no other one.
pub(crate) fn kind_word(word: &str, lang: Lang) -> &str {
    if lang == Lang::En {
        return word;
    }
    match word {
        "accept" => "入账付款",
        "api_key" | "key" => "密钥",
        "budget" => "预算",
        "clear" => "关闭异常",
        "credit" | "grant" => "发放",
        "day" => "每日",
        "debit" => "扣减",
        "erase" => "清除个人信息",
        "expiry" => "到期",
        "free" => "赠送",
        "invoice_payment" => "账单付款",
        "join_team" => "加入团队",
        "key_rate" | "service_key_rate" => "密钥限速",
        "leave_team" => "离开团队",
        "make_codes" => "生成兑换码",
        "make_service_key" => "创建服务密钥",
        "month" => "每月",
        "order" => "订单",
        "overdraft" => "透支额度",
        "paid" => "已付",
        "pause" => "暂停",
        "policy" => "策略",
        "postpaid" => "后付",
        "prepaid" => "预付",
        "queried" => "查询结果",
        "rate" => "汇率",
        "redeem" => "兑换",
        "referrer" => "推荐人",
        "refund" => "退款",
        "replay" => "重试",
        "resolve" => "记录结果",
        "resume" => "恢复",
        "reverse" => "退还扣费",
        "revoke_codes" => "吊销兑换码",
        "revoke_key" => "吊销密钥",
        "revoke_rate" => "撤销汇率",
        "revoke_service_key" => "吊销服务密钥",
        "show_body" => "查看收到的内容",
        "total" => "总计",
        "transfer" => "转账",
        "unparsed" => "无法解析",
        "usage" => "用量",
        other => other,
    }
}

/// What is empty, and what to do about it.
pub(crate) fn empty(lang: Lang, what: Sentence, hint: Sentence) -> Markup {
    html! { div.empty { p { strong { (what.in_lang(lang)) } } p { (hint.in_lang(lang)) } } }
}
