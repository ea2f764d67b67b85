//! The states of a hold, and of a subscription.

use ledger::{HoldState, SubscriptionStatus};

use super::{Sentence, say};

pub const fn hold_state(state: HoldState) -> Sentence {
    match state {
        HoldState::Open => say("the amount is set aside, and its use is not reported yet", "额度已预留，用量尚未上报"),
        HoldState::Settled { is_charged_before: false, .. } => {
            say("its use is charged, and the rest is free", "用量已扣费，余额已释放")
        }
        HoldState::Settled { is_charged_before: true, .. } => say(
            "its use was charged before, by the usage event; the hold only freed its amount",
            "用量事件此前已扣费；预留只释放了额度",
        ),
        HoldState::Released { .. } => say("its amount is free again, without a charge", "额度已释放，没有扣费"),
        HoldState::Expired { charged: Some(_), .. } => {
            say("its time was over, and it charged what was agreed", "已到期，并按约定金额扣费")
        }
        HoldState::Expired { charged: None, .. } => say(
            "its time was over before its use was reported, and the amount is free again; a late settlement still charges",
            "用量上报之前已到期，额度已释放；之后结算仍会扣费",
        ),
    }
}

pub const fn subscription_status(status: SubscriptionStatus) -> Sentence {
    match status {
        SubscriptionStatus::Incomplete => say("its first payment has not succeeded", "首期付款尚未成功"),
        SubscriptionStatus::Paused => say("it is paused", "已暂停"),
        SubscriptionStatus::Unpaid => say("an invoice stays unpaid", "有账单未付"),
        SubscriptionStatus::PastDue => {
            say("an invoice is past due, and Stripe tries again", "账单逾期，Stripe 会重试扣款")
        }
        SubscriptionStatus::Trialing => say("it is in its trial", "试用中"),
        SubscriptionStatus::Active => say("it runs", "生效中"),
        SubscriptionStatus::Ended => say("it has ended", "已结束"),
    }
}
