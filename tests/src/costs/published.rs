//! The costs as they are published: the table of `docs/costs.md`, and `proof/costs.json` beside the baseline.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::meter::{HalfUnits, Total, decimal};
use super::totals;
use crate::house::root;

/// The page of each language, and the head of its table.
const DOCUMENTS: [(Language, &str, &str); 2] = [
    (
        Language::English,
        "docs/costs.md",
        "| what happens | round trips | read units | write units | dollars a million |\n|---|---|---|---|---|\n",
    ),
    (
        Language::Chinese,
        "docs/costs.zh.md",
        "| 发生什么 | 往返 | 读单位 | 写单位 | 每百万次美元 |\n|---|---|---|---|---|\n",
    ),
];
const PROOF: &str = "proof/costs.json";
/// The costs before round trips and write units were reduced.
const BEFORE: &str = "tests/src/costs/before.txt";
const BEGIN: &str = "<!-- Written by `COSTS=write cargo test -p tests --test all costs::`. -->\n";
const END: &str = "<!-- The end of what is written. -->\n";

/// In millionths of a dollar, for a million units: 0.625 dollars for writes, 0.125 for reads.
const WRITE_UNITS: u64 = 625_000;
const READ_UNITS: u64 = 125_000;
const CENT: u64 = 10_000;

/// The paths in the documents, by their names in English and in Chinese.
const PUBLISHED: [(&str, &str); 42] = [
    ("usage: the next one", "用量：下一个事件"),
    ("usage: more than the owner has", "用量：超出余额"),
    ("usage: a batch of 100 events of one owner", "用量：同一用户的 100 个事件一批"),
    ("usage: a batch of 100 events of ten owners", "用量：十个用户的 100 个事件一批"),
    ("litellm: 100 events of one owner", "LiteLLM：同一用户的 100 个事件"),
    ("openrouter: 100 events of one owner", "OpenRouter：同一用户的 100 个事件"),
    ("lots: a debit by hand", "批次：人工扣减"),
    ("lots: a grant to an account with lots", "批次：给有批次的账户发放"),
    ("lots: the first spend after a date", "批次：到期后的第一次消费"),
    ("transfer: between accounts without lots", "转账：没有批次的账户之间"),
    ("transfer: of credits with a date", "转账：带日期的额度"),
    ("reverse: the charge of a usage event", "冲正：一个用量事件的扣费"),
    ("credits: an account", "额度：查询账户"),
    ("credits: a page of a statement, of a hundred lines", "额度：一页对账单，一百行"),
    ("credits: a charge is reversed", "额度：冲正一笔扣费"),
    ("credits: ten codes are made", "额度：生成十个兑换码"),
    ("credits: a code is redeemed", "额度：使用一个兑换码"),
    ("chat: a stream", "对话：一次流式回答"),
    ("chat: a request that its owner cannot pay", "对话：用户付不起的请求"),
    ("checkout: the first click on a product", "下单：第一次点击商品"),
    ("checkout: the second click", "下单：第二次点击"),
    ("credits: a page of two orders", "额度：一页订单，两个"),
    ("orders: an order is made", "订单：创建"),
    ("stripe: a payment", "Stripe：付款"),
    ("stripe: its session, completed", "Stripe：同一付款的会话完成"),
    ("stripe: its charge", "Stripe：同一付款的扣款"),
    ("stripe: a refund", "Stripe：退款"),
    ("stripe: a dispute opened", "Stripe：新的争议"),
    ("stripe: an invoice renews it", "Stripe：账单续订"),
    ("wechat: a payment over APIv3", "微信支付：APIv3 付款"),
    ("epay: a payment over V1, with its query", "易支付：V1 付款，含查询"),
    ("fireblocks: a transfer completes", "Fireblocks：转账完成"),
    ("fulfil: a report and two commissions", "交付：报告和两笔佣金"),
    ("fulfil: tokens that are sent on chain", "交付：链上发送代币"),
    ("fulfil: a top-up", "交付：话费充值"),
    ("reconcile: unpaid, one order that stays unpaid", "对账：查询一个仍未付的订单"),
    ("a purchase of credits, from click to delivery", "购买额度，从点击到交付"),
    ("a purchase of a report, from click to delivery", "购买报告，从点击到交付"),
    ("console: the overview", "控制台：总览"),
    ("console: the events of a day", "控制台：一天的事件"),
    ("console: an order that is explained", "控制台：解释一个订单"),
    ("console: health", "控制台：健康页"),
];

#[derive(Clone, Copy)]
enum Language {
    English,
    Chinese,
}

/// Writes all.
pub(super) fn write(costs: &[(&str, Total)]) {
    for (language, path, head) in DOCUMENTS {
        fs::write(root().join(path), document(costs, language, path, head)).expect("written");
    }
    let mut proof = proof(costs);
    proof["commit"] = git(&["rev-parse", "--short", "HEAD"]).into();
    proof["date"] = git(&["show", "-s", "--format=%cs", "HEAD"]).into();
    fs::create_dir_all(root().join("proof")).expect("a folder");
    fs::write(root().join(PROOF), serde_json::to_string_pretty(&proof).expect("JSON") + "\n").expect("written");
}

/// All have these costs.
pub(super) fn check(costs: &[(&str, Total)]) {
    for (language, path, head) in DOCUMENTS {
        assert_eq!(read(path), document(costs, language, path, head), "{path} is stale");
    }
    let proof_read: Value = serde_json::from_str(&read(PROOF)).expect("JSON");
    assert_eq!(proof_read["tables"], proof(costs)["tables"], "{PROOF} is stale");
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn document(costs: &[(&str, Total)], language: Language, path: &str, head: &str) -> String {
    let document = read(path);
    let (before, rest) = document.split_once(BEGIN).expect("where the table begins");
    let (_, after) = rest.split_once(END).expect("where the table ends");
    let costs: BTreeMap<&str, Total> = costs.iter().copied().collect();
    let row = |(name, chinese): &(&str, &str)| {
        let total = costs.get(name).unwrap_or_else(|| panic!("no path is called {name}"));
        let shown = match language {
            Language::English => name,
            Language::Chinese => chinese,
        };
        let (read, written) = (decimal(total.read), decimal(total.written));
        format!("| {shown} | {} | {read} | {written} | {} |\n", total.round_trips, dollars(total))
    };
    let rows: String = PUBLISHED.iter().map(row).collect();
    format!("{before}{BEGIN}\n{head}{rows}\n{END}{after}")
}

/// A million of them, in dollars and cents.
fn dollars(total: &Total) -> String {
    let Total { read, written, .. } = total;
    let of = |halves: HalfUnits, price| halves * price / 2;
    let cents = (of(*written, WRITE_UNITS) + of(*read, READ_UNITS)).div_ceil(CENT);
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn proof(costs: &[(&str, Total)]) -> Value {
    let before = read(BEFORE);
    let before: BTreeMap<&str, Total> = totals(&before).into_iter().collect();
    let row = |(name, total): &(&str, Total)| {
        let was = before.get(name);
        let cells = |of: fn(&Total) -> String| [was.map_or_else(|| "-".to_owned(), of), of(total)];
        let cells = [
            cells(|total| total.round_trips.to_string()),
            cells(|total| decimal(total.read)),
            cells(|total| decimal(total.written)),
            cells(|total| total.bytes.to_string()),
        ];
        let cells = cells.concat();
        std::iter::once((*name).to_owned()).chain(cells).collect::<Vec<_>>()
    };
    let rows: Vec<_> = costs.iter().map(row).collect();
    json!({
        "title": "What does each path cost?",
        "commit": "",
        "date": "",
        "machine": "any machine, since the calls are counted",
        "command": "COSTS=write cargo test -p tests --test all costs::",
        "text": [
            "Each path runs against the embedded DynamoDB. Its calls are counted with the capacity that each of them \
             reports, and the bytes of their requests. Concurrent calls are one round trip.",
            "Before: the same paths at the commit before round trips and write units were reduced. \
             `tests/src/costs/costs.txt` has every call of every path.",
        ],
        "tables": [{
            "caption": "Round trips to the store, capacity and bytes, before and now",
            "columns": [
                "path", "round trips before", "now", "read units before", "now", "write units before", "now",
                "bytes before", "now",
            ],
            "rows": rows,
        }],
    })
}

fn git(arguments: &[&str]) -> String {
    let output = Command::new("git").args(arguments).current_dir(root()).output().expect("git");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}
