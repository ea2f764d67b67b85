//! The text of each moment of a chain.

use ledger::{Amount, Asset, Balance, Fulfilment, Window};

use super::colon;
use crate::{Happened, Lang, Why, sentence};

impl Happened {
    pub fn text(&self, lang: Lang) -> String {
        match lang {
            Lang::En => self.english(),
            Lang::Zh => self.chinese(),
        }
    }

    fn english(&self) -> String {
        let state = |sentence: sentence::Sentence| sentence.in_lang(Lang::En).to_owned();
        match self {
            Self::OrderMade { price, provider } => format!("the order, for {price} by {provider}"),
            Self::PageOpened { id } => format!("the payment page {id} was opened"),
            Self::Delivered { key, kind } => format!("{key}, {kind}"),
            Self::Signed => "its signature, or the provider's own answer, proves it".to_owned(),
            Self::Queried => "the provider has answered a query of ours".to_owned(),
            Self::ByHand { author, reason } => format!("by hand: {author}: {reason}"),
            Self::Refused { why, is_change } => refused(why, *is_change, Lang::En),
            Self::Booked { key } => key.clone(),
            Self::Closed(payment) => state(sentence::payment_state(*payment)),
            Self::Paid { by, money } => format!("{money} by {by}"),
            Self::Accepted { by, money } => format!("{money} by {by}, accepted by a person"),
            Self::Posted { key, account, change, asset } => {
                format!("{} to {account}, as {key}", amount(*asset, *change, Lang::En))
            }
            Self::Refunded { refunded, of } => format!("{refunded} of {of} refunded"),
            Self::Dispute { stage, id } => format!("dispute {id}: {}", state(sentence::dispute_stage(*stage))),
            Self::Fulfilment(fulfilment) => state(sentence::fulfilment(*fulfilment)),
            Self::TopUp(top_up) => format!("top-up: {}", state(sentence::top_up_state(*top_up))),
            Self::Transfer { status, id } => {
                let id = id.as_ref().map(|id| format!(" {id}")).unwrap_or_default();
                format!("transfer{id}, {}: {}", status.as_str(), state(sentence::transfer_status(*status)))
            }
            Self::Subscription(status) => {
                format!("subscription, {}: {}", status.as_str(), state(sentence::subscription_status(*status)))
            }
            Self::HoldOpened { amount, expires_at } => {
                format!("{} credits set aside, until {expires_at}", Asset::CREDITS.format(*amount))
            }
            Self::HoldClosed(hold) => format!("{}: {}", hold.as_str(), state(sentence::hold_state(*hold))),
            Self::KeyMade { owner } if owner.is_empty() => "the key was made".to_owned(),
            Self::KeyMade { owner } => format!("the key was made, for {owner}"),
            Self::KeyRevoked => "the key was revoked".to_owned(),
            Self::CodeLeft { left, uses, credits } => {
                format!("{left} of {uses} uses are left, each of {} credits", Asset::CREDITS.format(*credits))
            }
            Self::Balance { balance, available } => format!(
                "{} credits, {} available",
                Asset::CREDITS.format_balance(*balance),
                Asset::CREDITS.format_balance(*available)
            ),
            Self::Spent { window, spent: units, limit } => spent(*window, *units, *limit, Lang::En),
            Self::OrderOf { number, payment, fulfilment: Fulfilment::None } => {
                format!("order {number}: {}", payment.as_str())
            }
            Self::OrderOf { number, payment, fulfilment } => {
                format!("order {number}: {}, {}", payment.as_str(), fulfilment.as_str())
            }
            Self::Waiting { key, owed } => format!("{key} waits, for {} credits", Asset::CREDITS.format(*owed)),
            Self::Audited => "the audit has found no difference".to_owned(),
        }
    }

    fn chinese(&self) -> String {
        let state = |sentence: sentence::Sentence| sentence.in_lang(Lang::Zh).to_owned();
        match self {
            Self::OrderMade { price, provider } => format!("订单创建，{price}，{provider}"),
            Self::PageOpened { id } => format!("已打开付款页面 {id}"),
            Self::Delivered { key, kind } => format!("{key}，{kind}"),
            Self::Signed => "签名或支付方的答复证明其真实".to_owned(),
            Self::Queried => "支付方答复了我们的查询".to_owned(),
            Self::ByHand { author, reason } => format!("人工：{author}：{reason}"),
            Self::Refused { why, is_change } => refused(why, *is_change, Lang::Zh),
            Self::Booked { key } => key.clone(),
            Self::Closed(payment) => state(sentence::payment_state(*payment)),
            Self::Paid { by, money } => format!("{money}，{by}"),
            Self::Accepted { by, money } => format!("{money}，{by}，人工入账"),
            Self::Posted { key, account, change, asset } => {
                format!("{}，{account}，{key}", amount(*asset, *change, Lang::Zh))
            }
            Self::Refunded { refunded, of } => format!("{of} 中已退 {refunded}"),
            Self::Dispute { stage, id } => format!("争议 {id}：{}", state(sentence::dispute_stage(*stage))),
            Self::Fulfilment(fulfilment) => state(sentence::fulfilment(*fulfilment)),
            Self::TopUp(top_up) => format!("话费：{}", state(sentence::top_up_state(*top_up))),
            Self::Transfer { status, id } => {
                let id = id.as_ref().map(|id| format!(" {id}")).unwrap_or_default();
                format!("链上转账{id}，{}：{}", status.as_str(), state(sentence::transfer_status(*status)))
            }
            Self::Subscription(status) => {
                format!("订阅，{}：{}", status.as_str(), state(sentence::subscription_status(*status)))
            }
            Self::HoldOpened { amount, expires_at } => {
                format!("预留 {} 额度，至 {expires_at}", Asset::CREDITS.format(*amount))
            }
            Self::HoldClosed(hold) => format!("{}：{}", hold.as_str(), state(sentence::hold_state(*hold))),
            Self::KeyMade { owner } if owner.is_empty() => "密钥创建".to_owned(),
            Self::KeyMade { owner } => format!("密钥创建，属于 {owner}"),
            Self::KeyRevoked => "密钥已吊销".to_owned(),
            Self::CodeLeft { left, uses, credits } => {
                format!("{uses} 次中还剩 {left} 次，每次 {} 额度", Asset::CREDITS.format(*credits))
            }
            Self::Balance { balance, available } => format!(
                "余额 {}，可用 {}",
                Asset::CREDITS.format_balance(*balance),
                Asset::CREDITS.format_balance(*available)
            ),
            Self::Spent { window, spent: units, limit } => spent(*window, *units, *limit, Lang::Zh),
            Self::OrderOf { number, payment, fulfilment: Fulfilment::None } => {
                format!("订单 {number}：{}", payment.as_str())
            }
            Self::OrderOf { number, payment, fulfilment } => {
                format!("订单 {number}：{}，{}", payment.as_str(), fulfilment.as_str())
            }
            Self::Waiting { key, owed } => format!("{key} 在等待，{} 额度", Asset::CREDITS.format(*owed)),
            Self::Audited => "审计没有发现差异".to_owned(),
        }
    }
}

/// The word of the row, with its sentence if it is one of ours.
fn refused(why: &str, is_change: bool, lang: Lang) -> String {
    match Why::of_word(why) {
        Why::Reason(reason) => {
            let sentence = if is_change { sentence::reason_of_change(reason) } else { sentence::reason(reason) };
            format!("{why}{}{}", colon(lang), sentence.in_lang(lang))
        }
        Why::Conflict | Why::Unknown(_) => why.to_owned(),
    }
}

/// With its sign.
fn amount(asset: Option<Asset>, change: Balance, lang: Lang) -> String {
    let sign = if change.units() > 0 { "+" } else { "" };
    match (asset, lang) {
        (Some(asset), _) => format!("{sign}{}", asset.format_balance(change)),
        (None, Lang::En) => format!("{sign}{} smallest units", change.units()),
        (None, Lang::Zh) => format!("{sign}{} 最小单位", change.units()),
    }
}

/// `1 of 5 credits spent in the day`.
fn spent(window: Window, spent: Balance, limit: Amount, lang: Lang) -> String {
    let (spent, limit) = (Asset::CREDITS.format_balance(spent), Asset::CREDITS.format(limit));
    match (lang, window) {
        (Lang::En, Window::Day) => format!("{spent} of {limit} credits spent in the day"),
        (Lang::En, Window::Month) => format!("{spent} of {limit} credits spent in the month"),
        (Lang::En, Window::Total) => format!("{spent} of {limit} credits spent altogether"),
        (Lang::Zh, Window::Day) => format!("当日已用 {spent}，上限 {limit} 额度"),
        (Lang::Zh, Window::Month) => format!("当月已用 {spent}，上限 {limit} 额度"),
        (Lang::Zh, Window::Total) => format!("累计已用 {spent}，上限 {limit} 额度"),
    }
}
