//! What the audit finds, and which side is likely wrong.

use ledger::{DifferenceKind, Suspect};

use super::{Sentence, say};

pub const fn finding(kind: DifferenceKind) -> Sentence {
    match kind {
        DifferenceKind::Balance => say("the account's lines do not add up to its balance", "账户的明细之和与余额不符"),
        DifferenceKind::Available => say(
            "the available amount is not balance and overdraft, less what is held",
            "可用额不等于余额加透支再减预留",
        ),
        DifferenceKind::Held => {
            say("what the account holds is not the sum of its open holds", "账户的预留额与未结预留之和不符")
        }
        DifferenceKind::Lines => {
            say("the account counts another number of lines than it has", "账户记录的明细条数与实际不符")
        }
        DifferenceKind::Lots => say("the row of the account's lots does not agree with it", "账户的批次记录与账户不符"),
        DifferenceKind::NextExpiry => {
            say("the account waits for another expiry than that of its lots", "账户记录的到期日与批次不符")
        }
        DifferenceKind::Stands => {
            say("the order's lines do not add up to what it has granted", "订单的明细之和与已发放数量不符")
        }
        DifferenceKind::Unposted => say("the first posting of the order is missing", "缺少订单的首笔入账"),
        DifferenceKind::Unclaimed => say("its order does not know this line", "订单不认识这条明细"),
        DifferenceKind::OrderMissing => say("the order of a line is missing", "明细所属的订单不存在"),
        DifferenceKind::OrderUnreadable => say("the order of a line cannot be read", "明细所属的订单无法读取"),
        DifferenceKind::NoOrder => say("a line of an order names none", "订单明细没有写明订单"),
        DifferenceKind::Payment => {
            say("the order's payment state contradicts its payment", "订单的付款状态与付款记录矛盾")
        }
        DifferenceKind::Pointer => {
            say("the pointer of the payment does not lead to the order", "付款的指针没有指向该订单")
        }
        DifferenceKind::Unproven => {
            say("the journal has no row of the payment that the order names", "账本里没有订单所写付款的记录")
        }
        DifferenceKind::Failed => say("a line that moved money is marked as failed", "动过资金的明细被标为失败"),
        DifferenceKind::Transfer => {
            say("the other side of a transfer between accounts is missing or differs", "账户间转账的另一边缺失或不符")
        }
        DifferenceKind::Rate => say(
            "the order's price is not its catalog price at its exchange rate",
            "订单价格与目录价按汇率换算的结果不符",
        ),
        DifferenceKind::Reversal => {
            say("a reversal gives back more than the event has charged", "冲回的金额超过事件的扣费")
        }
        DifferenceKind::Uses => say("the uses of a code are not its redemptions", "兑换码的使用次数与兑换记录不符"),
        DifferenceKind::Members => say("a team's list and a key do not agree", "团队名单与密钥不符"),
        DifferenceKind::Budget => say("what a key has spent cannot be right", "密钥的已用额不可信"),
    }
}

pub const fn suspect(suspect: Suspect) -> Sentence {
    let zh = match suspect {
        Suspect::Balance => "余额被改动",
        Suspect::BalanceOrLine => "某条明细被改动，或余额与可用额一起被改动",
        Suspect::Available => "可用额或透支额被改动",
        Suspect::Held => "账户的预留额被改动，或某条预留被改动",
        Suspect::Version => "版本号被改动",
        Suspect::LostLine => "丢失了一条明细",
        Suspect::ExtraLine => "多出一条明细，或账户记录是旧的",
        Suspect::AccountRow => "账户记录丢失",
        Suspect::Lots => "批次记录被改动或丢失，或账户中的相应字段被改动",
        Suspect::Line => "明细被改动，或不属于该订单",
        Suspect::Order => "订单记录被改动或丢失",
        Suspect::Pointer => "指针被改动或丢失",
        Suspect::Payment => "付款记录被改动或丢失，或没有付款支付过该订单",
        Suspect::Code => "兑换码记录被改动，或兑换明细丢失、多出",
        Suspect::CodeRow => "兑换码记录丢失，或无法读取",
        Suspect::Members => "团队名单或密钥的记录被改动或丢失",
        Suspect::Budget => "已用额的记录被改动，或时钟曾经超前",
        Suspect::LaterForm => "该记录的格式较新，此版本不读取",
    };
    say(suspect.likely(), zh)
}
