//! The rows that each role may write, as IAM evaluates the template's policies: a matching `Deny` outweighs every
//! `Allow`. Emulators evaluate few conditions, so this is the only place that shows which rows no role may touch.

use super::*;

/// IAM's limit for all inline policies of a role together, without white space.
const POLICY_CHARS_MAX: usize = 10_240;
/// The longest names of a partition, a region and a stage, and an account's number.
const LONGEST: [(&str, &str); 2] = [("arn:aws:", "arn:aws-us-gov:"), (REGION, "ap-southeast-2:000000000000")];

/// Whether the function may write this row in a transaction.
fn may_write(app: &Template, function: &str, action: &str, table: &str, key: &str) -> bool {
    let functions = app.functions();
    let found = functions.iter().find(|found| found.binary == function).expect("a function");
    let role = found.logical_id.replace("Function", "Role");
    let on = format!("arn:aws:dynamodb:{REGION}:table/hookledger-{STAGE}-{table}");
    let applies = |statement: &&Value| {
        let names = |field: &str, wanted: &str| each(&statement[field]).iter().any(|named| *named == wanted);
        names("Action", &format!("dynamodb:{action}")) && names("Resource", &on) && holds(&statement["Condition"], key)
    };
    let applying: Vec<&Value> = statements(app, &role).into_iter().filter(applies).collect();
    applying.iter().any(|statement| statement["Effect"] == "Allow")
        && !applying.iter().any(|statement| is_denied(statement))
}

/// Evaluates every condition of a statement, for one key in a transaction.
fn holds(condition: &Value, key: &str) -> bool {
    condition.as_object().into_iter().flatten().all(|(operator, on)| {
        let (name, values) = on.as_object().and_then(|on| on.iter().next()).expect("one condition key");
        let values: Vec<&str> = each(values).into_iter().map(|value| value.as_str().expect("a text")).collect();
        let is = |patterns: &[&str]| is_of(key, &patterns.iter().map(|pattern| (*pattern).to_owned()).collect());
        match (operator.as_str(), name.as_str()) {
            ("ForAnyValue:StringEquals", "dynamodb:EnclosingOperation") => values == ["TransactWriteItems"],
            ("ForAllValues:StringEquals", "dynamodb:LeadingKeys") => values.contains(&key),
            ("ForAllValues:StringLike" | "ForAnyValue:StringLike", "dynamodb:LeadingKeys") => is(&values),
            ("Null", "dynamodb:LeadingKeys") => values == ["false"],
            other => panic!("{other:?} is a condition that this test cannot evaluate"),
        }
    })
}

/// The functions whose roles may write the row.
pub(crate) fn writers(table: &str, key: &str) -> BTreeSet<String> {
    let app = app();
    let names = app.functions().iter().map(|function| function.binary.clone());
    let may = |function: &String| {
        ["UpdateItem", "PutItem", "DeleteItem"].iter().any(|action| may_write(&app, function, action, table, key))
    };
    names.filter(may).collect()
}

/// Rows, and the functions that may write them.
const WRITERS: [(&str, &str, &[&str]); 38] = [
    ("journal", "usage#e1", &["usage", "credits", "chat", "console", "reconcile"]),
    ("journal", "lane#usage#owner#alice", &["usage", "litellm", "openrouter", "console", "reconcile"]),
    ("journal", "stripe#evt_1", &["stripe", "console", "reconcile"]),
    ("journal", "unparsed#stripe#0", &["stripe", "console", "reconcile"]),
    // The uses of LiteLLM are usage, under a prefix of their own.
    ("journal", "usage#litellm.1.0", &["usage", "litellm", "credits", "chat", "console", "reconcile"]),
    ("journal", "usage#openrouter.gen-1", &["usage", "openrouter", "credits", "chat", "console", "reconcile"]),
    ("journal", "wechat#v3.1", &["wechat", "console", "reconcile"]),
    ("journal", "epay#1001.1", &["epay", "console", "reconcile"]),
    ("journal", "fireblocks#1", &["fireblocks", "console", "reconcile"]),
    // Checkout queries Stripe with the account's key when a buyer returns before the webhook.
    ("journal", "payment#stripe#pi_1", &["stripe", "checkout", "console", "reconcile"]),
    ("journal", "payment#wechat#1", &["wechat", "console", "reconcile"]),
    ("journal", "payment#epay#1", &["epay", "console", "reconcile"]),
    ("journal", "invoice#in_1", &["stripe", "console", "reconcile"]),
    ("journal", "grant#HL1#1", &["fulfil", "reconcile"]),
    ("journal", "manual#1", &["reconcile"]),
    ("journal", "credits#1", &["credits", "reconcile"]),
    ("journal", "console#1", &["console", "reconcile"]),
    ("journal", "erased#HL1.2", &["credits", "reconcile"]),
    ("journal", "reversed#usage#e1", &["credits", "console", "reconcile"]),
    ("journal", "redeem#0#alice", &["credits", "reconcile"]),
    // Each of them may be the first to debit an account whose credits are past their date.
    (
        "journal",
        "expire#alice/credits.1",
        &[
            "usage",
            "litellm",
            "openrouter",
            "stripe",
            "wechat",
            "checkout",
            "credits",
            "chat",
            "console",
            "fulfil",
            "reconcile",
        ],
    ),
    ("journal", "referral#HL1#1", &["fulfil", "reconcile"]),
    ("accounts", "key#api#0", &["credits", "console"]),
    ("accounts", "key#remote#1", &["credits", "console"]),
    ("accounts", "budget#key#remote#1", &["usage", "litellm", "openrouter", "credits", "chat", "reconcile"]),
    ("accounts", "referrer#alice", &[]),
    ("accounts", "paused#all", &["console"]),
    ("accounts", "service_key#0", &["credits", "console"]),
    ("accounts", "code#0", &["credits", "console"]),
    ("accounts", "campaign#spring", &["credits"]),
    ("accounts", "wrong_codes#alice", &["credits"]),
    ("accounts", "jwks#fireblocks", &["fireblocks", "reconcile"]),
    ("accounts", "check#audit", &["reconcile"]),
    // Fireblocks reads no lots, so it changes none.
    (
        "accounts",
        "lots#alice/credits",
        &[
            "usage",
            "litellm",
            "openrouter",
            "stripe",
            "wechat",
            "epay",
            "checkout",
            "credits",
            "chat",
            "console",
            "fulfil",
            "reconcile",
        ],
    ),
    // An erasure writes an order, and no row that leads to one.
    (
        "orders",
        "HL1",
        &["stripe", "wechat", "epay", "fireblocks", "orders", "checkout", "credits", "console", "fulfil", "reconcile"],
    ),
    ("orders", "stripe#pi_1", &["stripe", "wechat", "epay", "fireblocks", "orders", "checkout", "fulfil", "reconcile"]),
    ("subscriptions", "stripe#sub_1", &["stripe", "reconcile"]),
    ("operators", "operator#amy", &["console"]),
];

#[test]
fn only_the_roles_of_its_source_may_write_a_row() {
    for (table, key, expected) in WRITERS {
        assert_eq!(writers(table, key), expected.iter().map(|name| (*name).to_owned()).collect(), "{table}: {key}");
    }
}

/// Only a source's own role could plant a kept request.
#[test]
fn only_its_own_source_may_keep_a_body() {
    let app = app();
    for source in ledger::Source::ALL.map(ledger::Source::as_str) {
        for key in [format!("{source}#1"), format!("unparsed#{source}#0")] {
            let names: Vec<String> = app.functions().iter().map(|function| function.binary.clone()).collect();
            let may = |function: &&String| may_write(&app, function, "PutItem", "bodies", &key);
            let found: BTreeSet<&str> = names.iter().filter(may).map(String::as_str).collect();
            assert_eq!(found, [source, "reconcile"].into(), "{key}");
        }
    }
}

#[test]
fn policies_of_each_role_fit_into_a_role() {
    let app = app();
    for (role, properties) in of_type(&app, "AWS::IAM::Role") {
        let policies = properties["Policies"].as_array().expect("policies");
        let chars: usize = policies
            .iter()
            .map(|policy| {
                let text = policy["PolicyDocument"].to_string();
                LONGEST.iter().fold(text, |text, (short, long)| text.replace(short, long)).len()
            })
            .sum();
        assert!(chars <= POLICY_CHARS_MAX, "{role}: {chars} characters");
    }
}
