//! The commands that correct what has stopped. The command line's own parser reads each of them in a test.

use ledger::{Amount, Asset, CallerKey, EventKey, OrderNumber, Owner, Pausable, Reason, Source, Window};

use crate::Sentence;
use crate::sentence::say;

/// A command, with what has to be true before a person runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fix {
    /// Books a payment that the order has refused.
    Accept {
        order: OrderNumber,
        payment: String,
        is_confirmed: bool,
    },
    /// Closes a flag.
    Clear {
        order: OrderNumber,
        reason: Reason,
        payment: Option<String>,
    },
    ResolveDone(OrderNumber),
    ResolveFailed(OrderNumber),
    ResolveAgain(OrderNumber),
    RepairPayment(OrderNumber),
    RestoreOrder(OrderNumber),
    /// `None`: as much as is missing.
    Credit {
        owner: Owner,
        amount: Option<Amount>,
    },
    Bind(CallerKey),
    Budget {
        owner: Owner,
        key: CallerKey,
        window: Window,
    },
    Price(String),
    MakeKey(Owner),
    MakeCode(String),
    Settle(String),
    /// Tries a refused event again.
    Replay(EventKey),
    ShowBody(EventKey),
    /// What its provider says about it.
    Ask(String),
    /// Has its provider queried, and what it reports booked.
    Query(OrderNumber),
    Explain(String),
    /// Lists what differs, each with its repair.
    Audit,
    /// Repairs the row of an order: `--to-lines` or `--pointer`.
    RepairOrder(OrderNumber, &'static str),
    /// Repairs an account, or the line of this key.
    RepairAccount {
        account: String,
        option: &'static str,
        line: Option<String>,
    },
    /// What a dispute has frozen: it is answered at the provider.
    ShowDisputed(OrderNumber),
    /// What a subscription has granted: its invoices are at the provider.
    ShowSubscribed(OrderNumber),
    /// Deliveries that wait for longer than they take.
    Stuck,
    /// What a provider has reported and was refused: a payment may name no order of ours.
    ListRefused(Source),
    /// Binds another key of a gateway.
    BindAnother(Owner),
    Resume(Pausable),
}

impl Fix {
    /// What follows the program's name. `R`, `OWNER` and `AMOUNT` are for the person to say.
    pub fn command(&self) -> String {
        match self {
            Self::Accept { order, payment, is_confirmed } => {
                let confirmed = if *is_confirmed { "" } else { " --confirmed" };
                format!("order accept {order} --payment {}{confirmed} --reason R", word(payment))
            }
            Self::Clear { order, reason, payment: None } => {
                format!("order clear {order} --anomaly {} --reason R", reason.as_str())
            }
            Self::Clear { order, reason, payment: Some(payment) } => {
                format!("order clear {order} --anomaly {} --payment {} --reason R", reason.as_str(), word(payment))
            }
            Self::ResolveDone(order) => format!("order resolve {order} --as done --reason R"),
            Self::ResolveFailed(order) => format!("order resolve {order} --as failed --reason R"),
            Self::ResolveAgain(order) => format!("order resolve {order} --as again --reason R"),
            Self::RepairPayment(order) => format!("order repair {order} --payment --reason R"),
            Self::RestoreOrder(order) => format!("order repair {order} --row FILE --reason R"),
            Self::Credit { owner, amount: None } => format!("account credit {owner} AMOUNT --reason R"),
            Self::Credit { owner, amount: Some(amount) } => {
                format!("account credit {owner} {} --reason R", Asset::CREDITS.format(*amount))
            }
            Self::Bind(key) => format!("account key OWNER {} --reason R", word(key.as_str())),
            Self::Budget { owner, key, window } => {
                let (key, window) = (key.short_id(), window.as_str());
                format!("account budget {owner} {} --{window} AMOUNT --reason R", word(&key))
            }
            Self::Price(model) => format!("catalog price {}", word(model)),
            Self::MakeKey(owner) => format!("account api-key {owner} --reason R"),
            Self::MakeCode(campaign) => format!("code make {campaign} AMOUNT --reason R"),
            Self::Settle(hold) => format!("hold settle {hold} AMOUNT --reason R"),
            Self::Replay(event) => format!("replay {} --reason R", word(event.as_str())),
            Self::ShowBody(event) => format!("event show {} --body --reason R", word(event.as_str())),
            Self::Query(order) => format!("replay {order} --reason R"),
            Self::Ask(text) => format!("explain {} --ask", word(text)),
            Self::Explain(text) => format!("explain {}", word(text)),
            Self::Audit => "audit".to_owned(),
            Self::RepairOrder(order, option) => format!("order repair {order} {option} --reason R"),
            Self::RepairAccount { account, option, line } => {
                let line = line.as_ref().map(|line| format!(" {}", word(line))).unwrap_or_default();
                format!("account repair {} {option}{line} --reason R", word(account))
            }
            Self::ShowDisputed(order) | Self::ShowSubscribed(order) => format!("order show {order}"),
            Self::Stuck => "orders --stuck".to_owned(),
            Self::ListRefused(source) => format!("events --failed --source {} --since 7d", source.as_str()),
            Self::BindAnother(owner) => format!("account key {owner} KEY --reason R"),
            Self::Resume(what) => format!("resume {} --reason R", what.as_str()),
        }
    }

    /// Whether it works on books: the catalog is the same for all of them.
    pub const fn is_of_books(&self) -> bool {
        !matches!(self, Self::Price(_))
    }

    /// When this command is right.
    pub const fn when(&self) -> Sentence {
        match self {
            Self::Accept { is_confirmed: true, .. } => {
                say("to book it, as ordered or with --credits", "入账（按订单，或用 --credits 指定额度）")
            }
            Self::Accept { is_confirmed: false, .. } => {
                say("to book it, once the provider shows it as paid", "在支付方后台确认已付后入账")
            }
            Self::Clear { payment: Some(_), .. } => {
                say("to close it, once the provider has refunded it", "在支付方退款后关闭")
            }
            Self::Clear { payment: None, .. } => say("to close it, once it is settled elsewhere", "在别处处理完后关闭"),
            Self::ResolveDone(_) => say("if the phone company shows it as done", "运营商显示已到账"),
            Self::ResolveFailed(_) => say("if the phone company shows that it was not done", "运营商显示未到账"),
            Self::ResolveAgain(_) => say("to call the phone company again", "再次充值"),
            Self::RepairPayment(_) => say("if the provider reports it as paid", "支付方显示已付"),
            Self::RestoreOrder(_) => say("if the order was lost: from a backup", "订单丢失时：从备份恢复"),
            Self::Credit { .. } => say("to cover it", "补足额度"),
            Self::Bind(_) => say("to bind the key to its owner", "把密钥绑定到用户"),
            Self::Budget { .. } => say("to raise the budget", "提高预算"),
            Self::Price(_) => {
                say("after a row in infra/catalog.json, this shows its price", "在 infra/catalog.json 加价格后查看")
            }
            Self::MakeKey(_) => say("to make a new key", "新建密钥"),
            Self::MakeCode(_) => say("to make another code", "另建兑换码"),
            Self::Settle(_) => say("to charge what the use has cost", "按实际用量扣费"),
            Self::Replay(_) => say("to try it again now", "立即重试"),
            Self::ShowBody(_) => say("to read what was sent", "查看收到的内容"),
            Self::Query(_) => {
                say("to query the provider now, and book what it reports", "立即查询支付方，并按结果入账")
            }
            Self::Ask(_) => say("to query the provider, and book nothing", "查询支付方，不入账"),
            Self::Explain(_) => say("for more", "查看详情"),
            Self::RepairOrder(..) => say("to make the order's row right again", "修正订单记录"),
            Self::RepairAccount { option, .. } => match option.as_bytes() {
                b"--add-line" => say("if the line was lost", "明细丢失时"),
                b"--reverse-line" => say("if the line is wrong", "明细有误时"),
                b"--restore-line" => say("if the line was altered", "明细被改动时"),
                _ => say("to make the account right again", "修正账户"),
            },
            Self::ShowDisputed(_) => say(
                "answer the dispute in the provider's dashboard; this shows what is frozen meanwhile",
                "在支付方后台答复争议；查看期间被冻结的内容",
            ),
            Self::ShowSubscribed(_) => say(
                "its invoices are in Stripe's dashboard; this shows what it has granted",
                "账单见 Stripe 后台；查看已发放的内容",
            ),
            Self::Stuck => {
                say("it goes on by itself; if it lasts, what it waits for", "会自动继续；若持续，查看在等什么")
            }
            Self::ListRefused(_) => say(
                "if the buyer has paid, to find a payment that names no order of yours",
                "买家确已付款时，查找没有对应订单的付款",
            ),
            Self::BindAnother(_) => say("to bind another key of the gateway", "绑定网关的另一个密钥"),
            Self::Resume(_) => say("once the cause of the pause is gone", "暂停的原因消除后恢复"),
            Self::Audit => say("lists each difference with its repair", "列出每处差异和修复命令"),
        }
    }
}

/// As a shell reads it: a sender chooses ids, and a person copies the command.
fn word(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"#._-@/:+=,%".contains(&byte);
    if text.bytes().all(is_plain) && !text.starts_with(['#', '-']) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
