//! Every message of the program, read from a table: what is wrong, with which value, and what to do.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr};

use ledger::{Amount, Balance, CallRateError, EventKey, HoldRefusal, HoldState, HoldTermsError, MemberError, MoneyKey};

use super::hold::HoldStep;
use super::replay::{AskRefused, ReplayRefused};
use super::*;

/// Two lines of a terminal.
const CHARS_MAX: usize = 200;

fn io() -> io::Error {
    io::Error::from(ErrorKind::PermissionDenied)
}

fn account() -> AccountId {
    owner().account(ledger::Asset::Credits)
}

fn owner() -> Owner {
    Owner::new("demo").expect("an owner")
}

fn number() -> OrderNumber {
    OrderNumber::new("HL1").expect("an order number")
}

fn text(text: &str) -> String {
    text.to_owned()
}

#[expect(clippy::too_many_lines, reason = "one of each error")]
fn samples() -> Vec<Error> {
    vec![
        Error::Input("rows.json".into(), io()),
        Error::Served { dir: "data".into(), url: text("http://127.0.0.1:9000"), pid: 7 },
        Error::ServesNothing,
        Error::JsonOfNothing,
        Error::PortInUse(9000),
        Error::Listen(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 80), io()),
        Error::Signals(io()),
        Error::Threads(io()),
        Error::NoSecret("WEBHOOK_SECRET"),
        Error::NotRunning("data".into()),
        Error::Url(text("ftp://x")),
        Error::TwoForms,
        Error::NoApi("data".into()),
        Error::NoApiKey("HOOKLEDGER_API_KEY"),
        Error::Api(client::Error::Url(text("ftp://x"))),
        Error::Api(client::Error::Key),
        Error::Api(client::Error::Unsendable(text("/v1/holds: invalid header"))),
        Error::Api(client::Error::Refused(client::Refusal {
            status: 404,
            code: text("account_not_found"),
            message: text("No such account."),
            details: serde_json::Map::new(),
        })),
        Error::Api(client::Error::Unanswered(text("none within 30 s"))),
        Error::Api(client::Error::Unreadable(text("status 302"))),
        Error::NoRegion,
        Error::NoCredentials,
        Error::NoBooks("data".into()),
        Error::NoAccount(account()),
        Error::NotNew(account()),
        Error::UnknownAsset(text("gold")),
        Error::Expires { text: text("2020-01-01"), cause: GrantTermsError::Past },
        Error::OnlyCreditsExpire(owner().account(ledger::Asset::Report(ledger::Word::new("full").expect("a word")))),
        Error::Insufficient { account: account(), available: text("1"), amount: text("2") },
        Error::NoTransfer(account(), AccountTransferError::Oneself),
        Error::Postpaid(account()),
        Error::LimitOfPrepaid,
        Error::TooMuchOwed,
        Error::KeyTaken(text("42"), text("alice's")),
        Error::NoKey { owner: owner(), id: text("ab12") },
        Error::KeysAlike(text("ab12")),
        Error::NotAnApiKey(text("42")),
        Error::ClockAhead { key: text("gateway-42"), newest: text("2026-01-01"), today: text("2030-01-01") },
        Error::NoRateOfGateway(text("gateway-42")),
        Error::CallRate { text: text("0"), cause: CallRateError },
        Error::NoLimit,
        Error::NoLimitOfMember(text("gateway-42")),
        Error::Member { key: text("gateway-42"), team: owner(), cause: MemberError::Circle },
        Error::Zone { text: text("8"), cause: ZoneError },
        Error::BudgetOvertaken,
        Error::KeyName { text: text("a b"), cause: WordError },
        Error::Scopes { text: text("write"), cause: ScopesError },
        Error::NoServiceKey(text("service-ab12")),
        Error::ServiceKeysAlike(text("service-ab12")),
        Error::ServiceKeyRevoked(text("service-ab12")),
        Error::Overtaken,
        Error::Unanswered { retry_option: text("--id c1"), cause: CommitError::Unavailable(None) },
        Error::IdTaken(text("c1")),
        Error::NoAuthor,
        Error::Amount { text: text("-1"), cause: AmountError::Negative },
        Error::PauseLoses { what: "openrouter", loses: "OpenRouter promises no retry" },
        Error::Nothing(text("0")),
        Error::Circle(owner()),
        Error::NothingToResolve(text("HL1"), "no call was claimed"),
        Error::NotAccepted(number(), AcceptError::Unconfirmed),
        Error::NothingToClear(number()),
        Error::UnknownReason(text("odd")),
        Error::OrderOvertaken,
        Error::RepairOvertaken,
        Error::NotTheOrder { file: "row.json".into(), number: number() },
        Error::NotAPayment(text("pi_1")),
        Error::NoExport { folder: "export".into(), table: "orders" },
        Error::NotAnExport("export/x.json.gz".into()),
        Error::NotConfirmed,
        Error::Seq { text: text(" "), max: 64 },
        Error::UnknownOrder(text("HL9")),
        Error::OrderNumber { text: text(" "), cause: OrderNumberError },
        Error::Owner { text: text(" "), cause: AccountIdError },
        Error::CallerKey { text: text("#"), cause: CallerKeyError },
        Error::NotUsageKey(text("evt_1")),
        Error::NoUsage(text("usage#evt_1")),
        Error::NoEvent(text("evt_1")),
        Error::NotReversed { usage: text("usage#evt_1"), cause: UsageReversalError::Free },
        Error::ReversedBefore { usage: text("usage#evt_1"), amount: text("2") },
        Error::Campaign { text: text("a b"), cause: WordError },
        Error::Until(Timestamp::EPOCH),
        Error::NoCode { campaign: text("spring"), name: text("ab12") },
        Error::NotRedeemed(RedeemError::Invalid),
        Error::Pepper(KeyringError::NoSecret),
        Error::HoldId { text: text("a b"), cause: HoldIdError },
        Error::Use { text: text("usage#evt_1"), cause: KeyError },
        Error::NoHold(HoldId::new("h1").expect("an id")),
        Error::CurrencyPair { text: text("CNY"), cause: CurrencyPairError },
        Error::RateText { text: text("0"), cause: RateTextError::Zero },
        Error::Day(text("today")),
        Error::DayNotClosed(text("2026-11-27")),
        Error::Time(text("noon")),
        Error::Since(text("2x")),
        Error::NoName,
        Error::Id { text: text("#"), cause: KeyError },
    ]
}

fn of_the_catalog() -> Vec<CatalogRefused> {
    vec![
        CatalogRefused::Invalid(catalog::Catalog::parse("{}").expect_err("no products")),
        CatalogRefused::NoPrice { model: text("gpt-5"), at: Timestamp::EPOCH },
        CatalogRefused::Counts(catalog::CountsError::TooLarge { kind: catalog::Kind::Input }),
        CatalogRefused::Seconds { text: text("soon"), cause: AmountError::NotADecimal },
    ]
}

fn repairs() -> Vec<RepairError> {
    let key = || MoneyKey::of_row("payment#stripe#pi_1");
    vec![
        RepairError::Agrees,
        RepairError::NoAccount,
        RepairError::TooManyLines,
        RepairError::AmountNeeded(2),
        RepairError::OtherAmount { owed: Balance::from_units(5) },
        RepairError::OtherAccount(text("bob/credits")),
        RepairError::SeveralPayments,
        RepairError::PaymentUnknown,
        RepairError::BelowNothing(key()),
        RepairError::TooLarge,
        RepairError::NoLine(text("usage#evt_1")),
        RepairError::LineThere,
        RepairError::Claimed(number()),
        RepairError::OrderReadable,
        RepairError::OrderUnreadable,
        RepairError::OrderOfLaterForm,
        RepairError::OfAnotherOrder(key()),
        RepairError::NotPaid,
        RepairError::NoPayment,
        RepairError::UnsettledAccount,
        RepairError::LimitsUnreadable,
        RepairError::BudgetOfLaterForm,
    ]
}

fn rates() -> Vec<RateError> {
    let (from, rate) = (ledger::Timestamp::EPOCH, ledger::Rate::parse("0.002").expect("a rate"));
    vec![
        RateError::Past,
        RateError::TooFarAhead,
        RateError::Taken { from, rate },
        RateError::NotSet(from),
        RateError::TooMany,
    ]
}

/// Each refusal with the step that it refuses.
fn holds() -> Vec<(HoldStep, HoldRefusal)> {
    let (at, amount) = (Timestamp::EPOCH, Amount::from_units(2_500_000_000));
    let settled = HoldState::Settled { cost: amount, is_charged_before: false, at };
    vec![
        (HoldStep::Open, HoldRefusal::InsufficientCredits),
        (HoldStep::Open, HoldRefusal::BudgetExceeded(ledger::Window::Day)),
        (HoldStep::Open, HoldRefusal::BudgetUnreadable),
        (HoldStep::Open, HoldRefusal::TooManyCalls),
        (HoldStep::Open, HoldRefusal::Taken),
        (HoldStep::Open, HoldRefusal::Closed(settled)),
        (HoldStep::Settle, HoldRefusal::Closed(HoldState::Released { at })),
        (HoldStep::Release, HoldRefusal::Closed(settled)),
        (HoldStep::Settle, HoldRefusal::SettledOtherwise { first: amount }),
        (HoldStep::Settle, HoldRefusal::UsedElsewhere),
        (HoldStep::Release, HoldRefusal::NotDue),
    ]
}

fn hold_terms() -> Vec<(&'static str, HoldTermsError)> {
    vec![
        ("demo/POSX", HoldTermsError::NotCredits),
        ("0", HoldTermsError::Nothing),
        ("25h", HoldTermsError::Ttl),
        ("5", HoldTermsError::ChargeAboveHold),
    ]
}

fn commits() -> Vec<CommitError> {
    vec![
        CommitError::Conflict,
        CommitError::Stale,
        CommitError::Rejected(ledger::Reason::InsufficientCredits),
        CommitError::Unavailable(None),
        CommitError::Refused(Box::new(io())),
    ]
}

fn of_this_machine() -> Vec<local::Error> {
    use local::Error as Of;
    vec![
        Of::Folder("data".into(), io()),
        Of::File("data/books".into(), io()),
        Of::Unreadable("data/secrets.json".into()),
        Of::Busy("data".into()),
        Of::Damaged { path: "data/books.db".into(), what: text("a page is torn") },
        Of::KeyPair,
        Of::UnknownFunction(text("other")),
        Of::UnknownSource(text("paypal"), text("stripe, usage")),
        Of::UnknownSample(text("charge"), text("paid, refunded")),
        Of::NoScheme("stripe"),
        Of::NoBatches("stripe"),
        Of::NoSuchField { path: text("data.x"), known: text("data.id") },
        Of::Secret("WEBHOOK_SECRET", signing::SecretError::Empty),
        Of::NotAboutOrders("usage"),
        Of::DemoOwner(AccountIdError),
        Of::DemoKey(CallerKeyError),
        Of::DemoId(KeyError),
    ]
}

/// The variants of an enum, as its source lists them.
fn variants(source: &str, name: &str) -> BTreeSet<String> {
    let (_, rest) = source.split_once(&format!("enum {name} {{\n")).expect("the enum");
    let (body, _) = rest.split_once("\n}\n").expect("its end");
    let is_name = |line: &&str| line.starts_with("    ") && line.chars().nth(4).is_some_and(char::is_uppercase);
    let names = body.lines().filter(is_name).map(|line| line.trim().split(|of: char| !of.is_alphanumeric()));
    names.filter_map(|mut parts| parts.next().map(str::to_owned)).collect()
}

fn code(error: &Error) -> u8 {
    match error.exit() {
        Exit::Done => 0,
        Exit::Refused => 1,
        Exit::Usage => 2,
        Exit::Unavailable => 69,
        Exit::TryAgain => 75,
        Exit::Interrupted => 130,
    }
}

fn name(error: &impl std::fmt::Debug) -> String {
    format!("{error:?}").split(|of: char| !of.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

fn replays() -> Vec<ReplayRefused> {
    let key = || "usage#evt_1".to_owned();
    vec![
        ReplayRefused::Nothing,
        ReplayRefused::Booked(key()),
        ReplayRefused::Conflict(key()),
        ReplayRefused::NoDelivery(key()),
        ReplayRefused::NotConfirmed,
        ReplayRefused::Several("usage#evt_1, stripe#evt_1".to_owned()),
    ]
}

/// These only wrap errors that have rows of their own, or that no person causes.
const WRAPPERS: &[&str] =
    &["Local", "Repair", "Rate", "Pause", "Tool", "Hold", "HoldTerms", "Catalog", "Replay", "Ask", "Commit"];
const WRAPPERS_OF_LOCAL: &[&str] =
    &["Store", "Memory", "Stream", "Random", "Template", "Setting", "Start", "Path", "Commit"];

const HOLD_SOURCE: &str = include_str!("../../../shared/ledger/src/hold.rs");

#[test]
fn every_message_says_what_to_do() {
    let mut table = String::new();
    let mut line = |code: u8, name: &str, line: String| {
        assert!(line.chars().count() <= CHARS_MAX, "{name} is longer than two lines: {line}");
        assert!(line.contains(": ") || line.contains(" must "), "{name} does not say what to do: {line}");
        writeln!(table, "{code} {name}: {line}").expect("a text");
    };
    let mut row = |error: &Error, name: &str| line(code(error), name, error.line());
    let mut seen = BTreeSet::new();
    for error in samples() {
        seen.insert(name(&error));
        row(&error, &name(&error));
    }
    seen.extend(WRAPPERS.iter().chain(&["Operator"]).map(|name| (*name).to_owned()));
    assert_eq!(seen, variants(include_str!("../error.rs"), "Error"), "each variant has a row");
    let mut seen: BTreeSet<String> = WRAPPERS_OF_LOCAL.iter().map(|name| (*name).to_owned()).collect();
    for error in of_this_machine() {
        let name = name(&error);
        seen.insert(name.clone());
        row(&Error::Local(error), &format!("local {name}"));
    }
    assert_eq!(seen, variants(include_str!("../../../shared/local/src/error.rs"), "Error"), "each variant has a row");
    let mut seen = BTreeSet::new();
    for refused in of_the_catalog() {
        let name = name(&refused);
        row(&Error::Catalog(refused), &format!("catalog {name}"));
        seen.insert(name);
    }
    assert_eq!(seen, variants(include_str!("of_catalog.rs"), "CatalogRefused"), "each variant has a row");
    for error in commits() {
        let name = name(&error);
        row(&Error::Commit(error), &format!("commit {name}"));
    }
    let mut seen = BTreeSet::new();
    for error in repairs() {
        let name = name(&error);
        seen.insert(name.clone());
        row(&Error::Repair(RepairFailure::Repair(error)), &format!("repair {name}"));
    }
    let source = include_str!("../../../shared/ledger/src/audit/repair.rs");
    assert_eq!(seen, variants(source, "RepairError"), "each variant has a row");
    let mut seen = BTreeSet::new();
    for error in rates() {
        let name = name(&error);
        seen.insert(name.clone());
        row(&Error::Rate(error), &format!("rate {name}"));
    }
    let source = include_str!("../../../shared/ledger/src/rate.rs");
    assert_eq!(seen, variants(source, "RateError"), "each variant has a row");
    let mut seen = BTreeSet::new();
    for error in
        [PauseError::Paused { word: "fulfil", since: Timestamp::EPOCH }, PauseError::NotPaused { word: "fulfil" }]
    {
        seen.insert(name(&error));
        row(&Error::Pause(error), &format!("pause {}", name(&error)));
    }
    let source = include_str!("../../../shared/ledger/src/pause.rs");
    assert_eq!(seen, variants(source, "PauseError"), "each variant has a row");
    let mut seen = BTreeSet::new();
    for error in of_tools::samples() {
        let name = name(&error);
        row(&Error::Tool(error), &format!("tool {name}"));
        seen.insert(name);
    }
    assert_eq!(seen, variants(include_str!("of_tools.rs"), "ToolError"), "each variant has a row");
    let mut seen = BTreeSet::new();
    for (step, cause) in holds() {
        let name = name(&cause);
        let id = HoldId::new("h1").expect("an id");
        let refused = HoldRefused { usage: EventKey::of_row("usage#evt_1"), id, step, cause };
        row(&refused.into(), &format!("hold {name} ({step:?})"));
        seen.insert(name);
    }
    assert_eq!(seen, variants(HOLD_SOURCE, "HoldRefusal"), "each variant has a row");
    let mut seen = BTreeSet::new();
    for (value, cause) in hold_terms() {
        let name = name(&cause);
        row(&HoldTermsRefused { value: value.to_owned(), cause }.into(), &format!("hold {name}"));
        seen.insert(name);
    }
    assert_eq!(seen, variants(HOLD_SOURCE, "HoldTermsError"), "each variant has a row");
    let mut seen = BTreeSet::new();
    for refused in replays() {
        let name = name(&refused);
        row(&Error::Replay(refused), &format!("replay {name}"));
        seen.insert(name);
    }
    assert_eq!(seen, variants(include_str!("replay.rs"), "ReplayRefused"), "each variant has a row");
    for refused in operator::samples() {
        let name = name(&refused);
        row(&Error::Operator(refused), &format!("operator {name}"));
    }
    let refused = AskRefused::NoOrder;
    let named = format!("ask {}", name(&refused));
    row(&Error::Ask(refused), &named);
    for (words, message) in arguments::tests::rows() {
        line(2, &format!("`{words}`"), message);
    }
    assert_eq!(table, include_str!("messages.txt"), "cli/src/error/messages.txt is stale; it has to be:\n{table}");
}
