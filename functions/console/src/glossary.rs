//! The words of the books that a page uses, each in a sentence. They are folded up, so that who knows them sees one line.

use insight::{Lang, Sentence};
use maud::{Markup, html};

use crate::words::say;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Term {
    Anomaly,
    Audit,
    Campaign,
    DeadLetter,
    Hold,
    Journal,
    Lane,
    Lot,
    NotBooked,
    Overdraft,
    P99,
    Replay,
    Repeat,
    Sweep,
}

impl Term {
    const fn word(self) -> Sentence {
        match self {
            Self::Anomaly => say("anomaly", "异常"),
            Self::Audit => say("audit", "审计"),
            Self::Campaign => say("campaign", "活动"),
            Self::DeadLetter => say("dead letter", "死信"),
            Self::Hold => say("hold", "预留"),
            Self::Journal => say("journal", "账本"),
            Self::Lane => say("lane", "排队"),
            Self::Lot => say("lot", "批次"),
            Self::NotBooked => say("not booked", "未入账"),
            Self::Overdraft => say("overdraft", "透支额度"),
            Self::P99 => say("p50, p99", "p50、p99"),
            Self::Replay => say("replay", "重试"),
            Self::Repeat => say("booked before", "重复"),
            Self::Sweep => say("sweep", "定时任务"),
        }
    }

    const fn means(self) -> Sentence {
        match self {
            Self::Anomaly => say(
                "What is wrong with an order and needs a person: a payment of another amount, say. The order's page has what helps.",
                "订单上需要人工处理的问题，例如金额不符的付款。订单页面上有解决办法。",
            ),
            Self::Audit => say(
                "Compares all accounts, entries and orders with each other, every day. It corrects nothing by itself.",
                "每天核对全部账户、记录和订单。它自己不做更正。",
            ),
            Self::Campaign => say("The redeem codes of one occasion.", "同一次活动的兑换码。"),
            Self::DeadLetter => say(
                "A run or a record that was given up after several attempts. Nothing is lost: it can be run again.",
                "多次尝试后放弃的运行或记录。没有丢失，可以重新运行。",
            ),
            Self::Hold => say(
                "Credits that are set aside for a use that goes on. They are charged or given back once it ends.",
                "为进行中的使用预留的额度，结束后扣除或退还。",
            ),
            Self::Journal => say(
                "Every event and every change, one row each, written once with what it moves.",
                "每个事件和每次变动各有一条记录，与其金额一同写入，只写一次。",
            ),
            Self::Lane => say(
                "Refused usage that waits together, in order, for one owner's credits, one key or one model's price.",
                "被拒的用量按顺序一起等待：等某个用户的额度、某个密钥或某个模型的价格。",
            ),
            Self::Lot => say(
                "Credits that came together and expire together. The next to expire are spent first.",
                "同一次得到、同时到期的额度。先到期的先使用。",
            ),
            Self::NotBooked => say(
                "Its sender is genuine, and it moves nothing yet. It is kept, and its page says why and what helps.",
                "来源已验证，但尚未产生变动。它被保存下来，页面说明原因和解决办法。",
            ),
            Self::Overdraft => say(
                "How far below nothing uses may bring an account. A refund can bring it lower: it takes back what was spent.",
                "用量最多可以把余额扣到零以下多少。退款会收回已花掉的额度，可能更低。",
            ),
            Self::P99 => say(
                "Half of all answers were faster than p50, and all but one in a hundred faster than p99.",
                "一半的响应快于 p50；一百个里只有一个慢于 p99。",
            ),
            Self::Replay => say(
                "Verifies and books a kept event again. What is booked already is not booked twice.",
                "把保存的事件重新验签并入账。已入账的不会再入一次。",
            ),
            Self::Repeat => say(
                "The same event, delivered again. It is answered as the first one, and moves nothing.",
                "同一个事件再次投递。应答与第一次相同，不产生变动。",
            ),
            Self::Sweep => say(
                "A task that runs by itself every few minutes or once a day, and finds what was left.",
                "每隔几分钟或每天自动运行的任务，处理遗留的内容。",
            ),
        }
    }
}

/// What these words mean, at the end of a page.
pub(crate) fn glossary(terms: &[Term], lang: Lang) -> Markup {
    html! {
        section {
            details.words {
                summary { (say("Words on this page", "本页用语").in_lang(lang)) }
                dl.facts {
                    @for term in terms { dt { (term.word().in_lang(lang)) } dd { (term.means().in_lang(lang)) } }
                }
            }
        }
    }
}
