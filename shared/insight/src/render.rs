//! The answer as text, line by line.

mod cause;
mod happened;

use crate::explain::{Explained, Explanation, Headline, Kind};
use crate::sender::{Sender, sender_of};
use crate::{Fix, Halt, Lang, Stage};

/// How commands are printed: the program before them, and the options that name the same books after them.
#[derive(Debug, Clone, Copy)]
pub struct Commands<'c> {
    pub program: &'c str,
    pub books: &'c str,
}

impl Commands<'_> {
    /// As a person types it.
    pub fn written(&self, fix: &Fix) -> String {
        let books = if fix.is_of_books() { self.books } else { "" };
        format!("{} {}{books}", self.program, fix.command())
    }
}

impl Explained {
    /// The answer about this text.
    pub fn lines(&self, text: &str, lang: Lang, commands: &Commands<'_>) -> Vec<String> {
        match self {
            Self::Missing => missing(text, lang, commands),
            Self::Several(named) => {
                let first = match lang {
                    Lang::En => format!("{text} names {} things; ask about one of them:", named.len()),
                    Lang::Zh => format!("{text} 对应 {} 项；请指明一项：", named.len()),
                };
                let one = |(kind, exact): &(Kind, String)| {
                    let explain = Fix::Explain(exact.clone());
                    format!("  {}{}{}", kind.word(lang), colon(lang), commands.written(&explain))
                };
                std::iter::once(first).chain(named.iter().map(one)).collect()
            }
            Self::One(explanation) => explanation.lines(lang, commands),
        }
    }
}

/// The digits of a key's short name, of its hash.
const SHORT_NAME_DIGITS: usize = 12;

/// The commands that list keys by a short name, and the command that ends one. Keys are stored by their whole hash, so that none
/// is found by a part of it.
fn of_short_name(text: &str) -> Option<[String; 2]> {
    let (kind, digits) = text.split_once('-')?;
    let is_name = digits.len() == SHORT_NAME_DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    match kind {
        "api" if is_name => Some(["account keys OWNER".to_owned(), format!("account revoke OWNER {text} --reason R")]),
        "service" if is_name => Some(["key list".to_owned(), format!("key revoke {text} --reason R")]),
        _ => None,
    }
}

fn missing(text: &str, lang: Lang, commands: &Commands<'_>) -> Vec<String> {
    if let Some([list, revoke]) = of_short_name(text) {
        let [list, revoke] = [list, revoke].map(|command| format!("{} {command}{}", commands.program, commands.books));
        return match lang {
            Lang::En => vec![
                format!(
                    "{text} is the short name of a key, and no row is found by it: give the key itself, with - on stdin"
                ),
                format!("  to see its state: {list}"),
                format!("  to end it: {revoke}"),
            ],
            Lang::Zh => vec![
                format!("{text} 是密钥的短名，按它查不到记录：请给出密钥本身，用 - 从标准输入读取"),
                format!("  查看其状态：{list}"),
                format!("  结束它：{revoke}"),
            ],
        };
    }
    let first = match lang {
        Lang::En => format!("no row has the name {text}: nothing of this name was accepted here. Where to look:"),
        Lang::Zh => format!("没有任何记录叫 {text}：这里没有收下过它。可以查看："),
    };
    let senders: Vec<Sender> = sender_of(text).map_or_else(|| Sender::ALL.into(), |sender| vec![sender]);
    let looks = senders.into_iter().map(Sender::shows).chain([Sender::OURS]);
    std::iter::once(first).chain(looks.map(|look| format!("  {}", look.in_lang(lang)))).collect()
}

impl Explanation {
    fn lines(&self, lang: Lang, commands: &Commands<'_>) -> Vec<String> {
        let mut lines = vec![self.headline.text(lang)];
        for link in &self.chain.links {
            let at = link.at.map_or_else(|| " ".repeat(24), |at| at.to_string());
            let stage = link.stage.word(lang);
            let padding = " ".repeat(10_usize.saturating_sub(width(stage)));
            lines.push(format!("  {at}  {stage}{padding}  {}", link.what.text(lang)));
        }
        if self.chain.is_well() {
            lines.push(match lang {
                Lang::En => "all is well".to_owned(),
                Lang::Zh => "一切正常".to_owned(),
            });
        }
        lines.extend(self.chain.halts.iter().flat_map(|halt| halt.lines(lang, commands)));
        lines
    }
}

/// Before what a sentence introduces.
pub(crate) const fn colon(lang: Lang) -> &'static str {
    match lang {
        Lang::En => ": ",
        Lang::Zh => "：",
    }
}

/// The columns of a terminal: a Chinese character takes two.
fn width(text: &str) -> usize {
    text.chars().map(|letter| if letter.is_ascii() { 1 } else { 2 }).sum()
}

impl Halt {
    /// Why it has stopped, when it goes on by itself, and the commands that help.
    fn lines(&self, lang: Lang, commands: &Commands<'_>) -> Vec<String> {
        let why = self.cause.text(lang);
        let mut lines = vec![match lang {
            Lang::En => format!("stopped before {}: {why}", self.before.word(lang)),
            Lang::Zh => format!("停在“{}”之前：{why}", self.before.word(lang)),
        }];
        lines.extend(self.details.iter().map(|details| format!("  {details}")));
        lines.extend(self.next.map(|next| match lang {
            Lang::En => format!("  next retry: {next}"),
            Lang::Zh => format!("  下次重试：{next}"),
        }));
        lines.extend(
            self.fixes
                .iter()
                .map(|fix| format!("  {}{}{}", fix.when().in_lang(lang), colon(lang), commands.written(fix))),
        );
        lines
    }
}

impl Stage {
    pub const fn word(self, lang: Lang) -> &'static str {
        match (lang, self) {
            (Lang::En, stage) => stage.as_str(),
            (Lang::Zh, Self::Received) => "收到",
            (Lang::Zh, Self::Verified) => "验签",
            (Lang::Zh, Self::Refused) => "拒绝",
            (Lang::Zh, Self::Recorded) => "入账",
            (Lang::Zh, Self::Paid) => "付款",
            (Lang::Zh, Self::Granted) => "发放",
            (Lang::Zh, Self::Fulfilled) => "交付",
            (Lang::Zh, Self::Reconciled) => "对账",
        }
    }
}

impl Kind {
    pub const fn word(self, lang: Lang) -> &'static str {
        match (lang, self) {
            (Lang::En, Self::Order) => "order",
            (Lang::En, Self::Event) => "event",
            (Lang::En, Self::Hold) => "hold",
            (Lang::En, Self::Key) => "key",
            (Lang::En, Self::Code) => "redeem code",
            (Lang::En, Self::Owner) => "owner",
            (Lang::En, Self::Lane) => "waiting usage",
            (Lang::En, Self::Row) => "row",
            (Lang::Zh, Self::Order) => "订单",
            (Lang::Zh, Self::Event) => "事件",
            (Lang::Zh, Self::Hold) => "预留",
            (Lang::Zh, Self::Key) => "密钥",
            (Lang::Zh, Self::Code) => "兑换码",
            (Lang::Zh, Self::Owner) => "用户",
            (Lang::Zh, Self::Lane) => "等待中的用量",
            (Lang::Zh, Self::Row) => "记录",
        }
    }
}

impl Headline {
    /// What kind of thing it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Order { .. } | Self::NoOrder { .. } => Kind::Order,
            Self::Event { .. } => Kind::Event,
            Self::Hold { .. } => Kind::Hold,
            Self::Key { .. } => Kind::Key,
            Self::Code { .. } => Kind::Code,
            Self::Owner { .. } => Kind::Owner,
            Self::Lane { .. } => Kind::Lane,
            Self::Row { .. } => Kind::Row,
        }
    }

    pub fn text(&self, lang: Lang) -> String {
        let kind = self.kind().word(lang);
        match (lang, self) {
            (Lang::En, Self::Order { number, owner, quantity, product, price, provider }) => {
                format!("{kind} {number} of {owner}: {quantity} × {product} for {price}, by {}", provider.as_str())
            }
            (Lang::Zh, Self::Order { number, owner, quantity, product, price, provider }) => {
                format!("{owner} 的{kind} {number}：{quantity} × {product}，{price}，{}", provider.as_str())
            }
            (Lang::En, Self::NoOrder { number }) => format!("{kind} {number}, which does not exist here"),
            (Lang::Zh, Self::NoOrder { number }) => format!("{kind} {number}，这里不存在"),
            (Lang::En, Self::Event { key, source, kind: of }) => format!("{kind} {key}: {of}, from {source}"),
            (Lang::Zh, Self::Event { key, source, kind: of }) => format!("{kind} {key}：{of}，来自 {source}"),
            (Lang::En, Self::Hold { id, account }) => format!("{kind} {id} on {account}"),
            (Lang::Zh, Self::Hold { id, account }) => format!("{account} 的{kind} {id}"),
            (Lang::En, Self::Key { id, owner: Some(owner) }) => format!("{kind} {id} of {owner}"),
            (Lang::Zh, Self::Key { id, owner: Some(owner) }) => format!("{owner} 的{kind} {id}"),
            (Lang::En, Self::Code { campaign, name }) => format!("{kind} {name} of {campaign}"),
            (Lang::Zh, Self::Code { campaign, name }) => format!("{campaign} 的{kind} {name}"),
            (_, Self::Owner { owner }) => format!("{kind} {owner}"),
            (_, Self::Lane { lane }) => format!("{kind} {lane}"),
            (_, Self::Key { id, owner: None } | Self::Row { id }) => format!("{kind} {id}"),
        }
    }
}
