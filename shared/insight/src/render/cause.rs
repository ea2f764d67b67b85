//! The sentence of each cause.

use ledger::{Pausable, Reason, Window};

use super::colon;
use crate::sentence::{self, Sentence, say};
use crate::{Cause, Lang};

impl Cause {
    pub fn text(&self, lang: Lang) -> String {
        match self {
            Self::Refused(reason) | Self::Flagged(reason) => {
                format!("{}{}{}", reason.as_str(), colon(lang), sentence::reason(*reason).in_lang(lang))
            }
            Self::ChangeRefused(reason) => {
                let again = say(
                    "nothing was changed and nothing waits; once it is possible, do it again by hand",
                    "没有改动任何内容，也没有等待中的内容；条件满足后请重新手动操作",
                );
                let why = sentence::reason_of_change(*reason).in_lang(lang);
                let stop = if lang == Lang::En { "; " } else { "；" };
                format!("{}{}{why}{stop}{}", reason.as_str(), colon(lang), again.in_lang(lang))
            }
            Self::UnknownWord(word) => {
                let why = say("a reason of another release", "另一个版本的原因");
                format!("{word}{}{}", colon(lang), why.in_lang(lang))
            }
            Self::Finding(kind, suspect) => {
                let [finding, suspect] = [sentence::finding(*kind), sentence::suspect(*suspect)];
                format!("{}{}{}; {}", kind.as_str(), colon(lang), finding.in_lang(lang), suspect.in_lang(lang))
            }
            Self::OrderOpen { number, why } => {
                let why = why.as_ref().map(|why| format!("{}{}", colon(lang), why.text(lang))).unwrap_or_default();
                match lang {
                    Lang::En => format!("the order {number} is not done{why}"),
                    Lang::Zh => format!("订单 {number} 尚未完成{why}"),
                }
            }
            Self::Unreadable { id, attribute } => match lang {
                Lang::En => format!("the row {id} has no valid {attribute}"),
                Lang::Zh => format!("记录 {id} 的 {attribute} 无效"),
            },
            Self::BudgetUsedUp { window, ends_at } => {
                let why = match (lang, window) {
                    (Lang::En, Window::Day) => "nothing is left of its budget for the day",
                    (Lang::En, Window::Month) => "nothing is left of its budget for the month",
                    (Lang::En, Window::Total) => "nothing is left of its budget",
                    (Lang::Zh, Window::Day) => "当日预算已用完",
                    (Lang::Zh, Window::Month) => "当月预算已用完",
                    (Lang::Zh, Window::Total) => "预算已用完",
                };
                let until = match (lang, ends_at) {
                    (Lang::En, Some(at)) => format!("; holds and chats with the key are refused until {at}"),
                    (Lang::En, None) => "; holds and chats with the key are refused".to_owned(),
                    (Lang::Zh, Some(at)) => format!("；{at} 之前，该密钥的预留和对话会被拒绝"),
                    (Lang::Zh, None) => "；该密钥的预留和对话会被拒绝".to_owned(),
                };
                format!("{}{}{why}{until}", self.word(), colon(lang))
            }
            Self::Conflict
            | Self::NotPaid(_)
            | Self::Disputed(_)
            | Self::Undelivered(_)
            | Self::TopUp(_)
            | Self::Transfer(_)
            | Self::Subscription(_)
            | Self::Hold(_)
            | Self::KeyRevoked
            | Self::KeyWithoutOwner
            | Self::CodeUsedUp
            | Self::CodeRevoked
            | Self::CodeOver
            | Self::Unlisted
            | Self::Paused(_)
            | Self::UsageWaits => {
                let sentence = self.sentence();
                let word = self.word();
                format!("{word}{}{}", colon(lang), sentence.in_lang(lang))
            }
        }
    }

    /// The word for it in rows, or one that says as much.
    pub fn word(&self) -> &str {
        match self {
            Self::Refused(reason) | Self::ChangeRefused(reason) | Self::Flagged(reason) => reason.as_str(),
            Self::Conflict => "conflict",
            Self::UnknownWord(word) => word,
            Self::NotPaid(payment) => payment.as_str(),
            Self::Disputed(stage) => stage.as_str(),
            Self::Undelivered(fulfilment) => fulfilment.as_str(),
            Self::TopUp(state) => state.as_str(),
            Self::Transfer(status) => status.as_str(),
            Self::Subscription(status) => status.as_str(),
            Self::Hold(state) => state.as_str(),
            Self::Finding(kind, _) => kind.as_str(),
            Self::Unlisted => "unlisted",
            Self::Paused(_) => "paused",
            Self::KeyRevoked | Self::CodeRevoked => "revoked",
            Self::KeyWithoutOwner => "unknown_key",
            Self::BudgetUsedUp { .. } => Reason::BudgetExceeded.as_str(),
            Self::CodeUsedUp => "used_up",
            Self::CodeOver => "over",
            Self::UsageWaits => "waiting",
            Self::OrderOpen { .. } => "order_open",
            Self::Unreadable { .. } => "unreadable",
        }
    }

    fn sentence(&self) -> Sentence {
        match self {
            Self::Refused(reason) | Self::Flagged(reason) => sentence::reason(*reason),
            Self::ChangeRefused(reason) => sentence::reason_of_change(*reason),
            Self::Conflict => say(
                "another event of this key has another amount or content, and the first one stands",
                "同一编号的另一个事件金额或内容不同，以先到的为准",
            ),
            Self::NotPaid(payment) => sentence::payment_state(*payment),
            Self::Disputed(stage) => sentence::dispute_stage(*stage),
            Self::Undelivered(fulfilment) => sentence::fulfilment(*fulfilment),
            Self::TopUp(state) => sentence::top_up_state(*state),
            Self::Transfer(status) => sentence::transfer_status(*status),
            Self::Subscription(status) => sentence::subscription_status(*status),
            Self::Hold(state) => sentence::hold_state(*state),
            Self::Finding(kind, _) => sentence::finding(*kind),
            Self::Unlisted => say(
                "the audit has found a difference here, and its list has no room for it: repair those listed first",
                "审计在此发现差异，但清单已满：先修复已列出的",
            ),
            Self::Paused(Pausable::Fulfil) => say(
                "a person has paused fulfilment, and nothing is delivered meanwhile",
                "交付已被人工暂停，期间不会交付",
            ),
            Self::Paused(Pausable::Source(_)) => say(
                "a person has paused its source: deliveries are turned away, and the sender keeps them",
                "来源已被人工暂停：投递被拒收，由发送方保留",
            ),
            Self::Paused(Pausable::Sweep(_)) => {
                say("a person has paused the sweep that would go on with it", "继续处理它的后台任务已被人工暂停")
            }
            Self::KeyRevoked => say(
                "the key works no more; usage that a gateway still reports for it is refused",
                "密钥已失效；网关仍为它上报的用量会被拒绝",
            ),
            Self::KeyWithoutOwner => sentence::reason(Reason::UnknownKey),
            Self::BudgetUsedUp { .. } => sentence::reason(Reason::BudgetExceeded),
            Self::CodeUsedUp => say("every use of the code is taken", "兑换码的次数已用完"),
            Self::CodeRevoked => say("a person has revoked the code", "兑换码已被人工吊销"),
            Self::CodeOver => say("the time of the code is over", "兑换码已过期"),
            Self::UsageWaits => {
                say("usage is refused, and booked once it can be", "有用量被拒绝，条件满足后会自动入账")
            }
            Self::UnknownWord(_) => say("a reason of another release", "另一个版本的原因"),
            Self::OrderOpen { .. } => say("an order is not done", "有订单尚未完成"),
            Self::Unreadable { .. } => say("a row cannot be read", "有记录无法读取"),
        }
    }
}
