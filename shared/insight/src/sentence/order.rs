//! The states of an order, of what it delivers, and of what a provider does to its payment.

use ledger::{DisputeStage, Fulfilment, PaymentState, Resolution, TopUpState, TransferStatus};

use super::{Sentence, say};

pub const fn payment_state(state: PaymentState) -> Sentence {
    match state {
        PaymentState::Unpaid => say("no payment has been reported", "还没有收到付款通知"),
        PaymentState::Failed => say("the payment was declined; the buyer may try again", "付款被拒；买家可以重试"),
        PaymentState::Canceled => {
            say("the payment was canceled; one that still arrives is booked", "付款已取消；之后到达的付款仍会入账")
        }
        PaymentState::Expired => say(
            "the payment page expired; a payment that still arrives is booked",
            "付款页面已过期；之后到达的付款仍会入账",
        ),
        PaymentState::Paid => say("it is paid", "已付款"),
        PaymentState::PartlyRefunded => {
            say("a part is refunded; the buyer keeps the rest of what was bought", "已部分退款；买家保留其余部分")
        }
        PaymentState::Refunded => say("all of it is refunded, and taken back", "已全额退款，所得已收回"),
        PaymentState::DisputedLost => {
            say("a dispute was decided for the buyer, and its part is taken back", "争议判给买家，相应部分已收回")
        }
    }
}

pub const fn fulfilment(fulfilment: Fulfilment) -> Sentence {
    match fulfilment {
        Fulfilment::None => say("there is nothing to deliver", "没有需要交付的内容"),
        Fulfilment::Done => say("everything is delivered", "已全部交付"),
        Fulfilment::Pending => say("its delivery is under way", "正在交付"),
        Fulfilment::Failed => say("its delivery has failed", "交付失败"),
        Fulfilment::Unknown => say("it is unknown whether it was delivered", "是否已交付未知"),
    }
}

pub const fn top_up_state(state: TopUpState) -> Sentence {
    match state {
        TopUpState::Claimed => say("the call to the phone company is being made", "正在调用运营商"),
        TopUpState::Pending => say("the phone company has accepted the call", "运营商已受理"),
        TopUpState::Unknown => say("the phone company's answer is missing", "没有收到运营商的答复"),
        TopUpState::Failed => say("the phone was not topped up", "话费没有到账"),
        TopUpState::Done => say("the phone is topped up", "话费已到账"),
    }
}

pub const fn transfer_status(status: TransferStatus) -> Sentence {
    match status {
        TransferStatus::Due => say("it is to be requested from Fireblocks", "等待向 Fireblocks 发起"),
        TransferStatus::InDoubt => {
            say("perhaps requested, in an amount that is not due any more", "可能已按不再应付的金额发起")
        }
        TransferStatus::Submitted => say("Fireblocks has accepted it", "Fireblocks 已受理"),
        TransferStatus::PendingAmlScreening => say("it waits for the AML screening", "等待反洗钱筛查"),
        TransferStatus::Pending => say("it waits at Fireblocks", "在 Fireblocks 等待"),
        TransferStatus::PendingAuthorization => say("it waits for its authorization", "等待授权"),
        TransferStatus::Queued => say("it is in the queue of Fireblocks", "在 Fireblocks 排队"),
        TransferStatus::PendingSignature => say("it waits for its signature", "等待签名"),
        TransferStatus::Pending3rdPartyManualApproval => {
            say("it waits for the approval of another party", "等待第三方人工批准")
        }
        TransferStatus::Pending3rdParty => say("it waits for another party", "等待第三方"),
        TransferStatus::Broadcasting => say("it is being sent to the chain", "正在广播上链"),
        TransferStatus::Confirming => say("it is on chain and is being confirmed", "已上链，等待确认"),
        TransferStatus::Confirmed => say("it is confirmed on chain", "链上已确认"),
        TransferStatus::Cancelling => say("it is being cancelled", "正在取消"),
        TransferStatus::Mismatched => {
            say("Fireblocks has another transfer under our key", "Fireblocks 上同一编号是另一笔转账")
        }
        TransferStatus::PartiallyCompleted => say("only a part of it was sent", "只发出了一部分"),
        TransferStatus::Timeout => say("it timed out at Fireblocks", "在 Fireblocks 超时"),
        TransferStatus::Cancelled => say("it was cancelled", "已取消"),
        TransferStatus::Rejected => say("it was rejected", "已被拒绝"),
        TransferStatus::Blocked => say("a policy of Fireblocks blocked it", "被 Fireblocks 的策略拦截"),
        TransferStatus::Failed => say("it failed", "失败"),
        TransferStatus::Completed => say("the tokens have arrived", "代币已到账"),
    }
}

pub const fn dispute_stage(stage: DisputeStage) -> Sentence {
    match stage {
        DisputeStage::Inquiry => {
            say("the buyer's bank asks about the payment; no money has moved", "买家的银行在询问这笔付款；资金尚未变动")
        }
        DisputeStage::Appealed => say(
            "the dispute is open again, and what it bought is frozen until it is decided",
            "争议重新开启；有结果之前，所得被冻结",
        ),
        DisputeStage::Open => say(
            "the buyer's bank demands the money back, and what it bought is frozen until the dispute is decided",
            "买家的银行要求退款；争议有结果之前，所得被冻结",
        ),
        DisputeStage::Won => say("the dispute was won, and everything is given again", "争议胜诉，所得已恢复"),
        DisputeStage::Lost => say("the dispute was lost, and its part is taken back", "争议败诉，相应部分已收回"),
    }
}

pub const fn resolution(resolution: Resolution) -> Sentence {
    match resolution {
        Resolution::Open => say("it waits for a person's decision", "等待人工处理"),
        Resolution::Cleared => say("a person has closed it", "已由人工关闭"),
        Resolution::Accepted => say("a person has booked the payment", "已由人工入账"),
    }
}
