//! Errors of the commands, each on one line with the fault, the value and the remedy; and the exit code of each.

pub(crate) mod arguments;
pub(crate) mod hold;
pub(crate) mod of_catalog;
mod of_local;
pub(crate) mod of_tools;
pub(crate) mod operator;
pub(crate) mod replay;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use api::RedeemError;
use audit::RepairFailure;
use edge::KeyringError;
use ledger::{
    AcceptError, AccountId, AccountIdError, AccountTransferError, AmountError, CallRateError, CallerKeyError,
    CommitError, CurrencyPairError, GrantTermsError, HoldId, HoldIdError, KeyError, MemberError, OrderNumber,
    OrderNumberError, Owner, PauseError, RateError, RateTextError, RepairError, ScopesError, Timestamp,
    UsageReversalError, WordError, ZoneError,
};
use local::{advice, line};
use thiserror::Error as ThisError;

use self::hold::{HoldRefused, HoldTermsRefused};
use self::of_catalog::CatalogRefused;
use self::of_tools::ToolError;
use self::replay::{AskRefused, ReplayRefused};
use crate::exit::Exit;

#[derive(Debug, ThisError)]
pub(crate) enum Error {
    #[error(transparent)]
    Local(#[from] local::Error),
    /// A file that the command line names.
    #[error("cannot read {}: name a file that exists and that you may read", .0.display())]
    Input(PathBuf, #[source] io::Error),
    #[error("{} is served already, at {url} by process {pid}: choose another folder with --data", dir.display())]
    Served { dir: PathBuf, url: String, pid: u32 },

    // Serving.
    #[error("--port, --memory and --also serve the stack: leave them out, or leave the command out")]
    ServesNothing,
    #[error("--json needs a command: a running stack writes its facts to local.json")]
    JsonOfNothing,
    #[error("port {0} is in use: stop what listens there, or choose another with --port")]
    PortInUse(u16),
    #[error("cannot listen on {0}: choose another port with --port")]
    Listen(SocketAddr, #[source] io::Error),
    #[error("cannot install signal handlers: check the limits of this process")]
    Signals(#[source] io::Error),
    #[error("cannot start threads: check the limits of this process")]
    Threads(#[source] io::Error),
    #[error("no secret to sign with: set {0}, or give one with --secret")]
    NoSecret(&'static str),
    #[error("no stack is running in {}: is `cargo run` running? Or name another with --data or --url", .0.display())]
    NotRunning(PathBuf),
    #[error("{0} is not an http or https URL: give --url as https://host, with or without the path")]
    Url(String),

    // The API.
    #[error("comma-separated values and --json are two forms of one output: leave one out")]
    TwoForms,
    #[error("no stack is running in {}: is `cargo run` running? Or name an API with --api", .0.display())]
    NoApi(PathBuf),
    #[error("the API takes a key: set {0} to an owner's key or a service key")]
    NoApiKey(&'static str),
    #[error("the API: {0}")]
    Api(#[from] client::Error),

    #[error(transparent)]
    Tool(#[from] ToolError),

    // The books.
    #[error("no AWS region is set: set AWS_REGION, or the profile's region")]
    NoRegion,
    #[error("there are no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")]
    NoCredentials,
    #[error("there are no books in {} yet: `cargo run` opens them, and --data names another folder", .0.display())]
    NoBooks(PathBuf),
    #[error("there is no account {0}: `account credit {0} AMOUNT --reason R --new` creates it")]
    NoAccount(AccountId),
    #[error("there is no account {0}: check the name, or add --new to create it")]
    NotNew(AccountId),
    #[error("there is no asset {0}: name credits, a token of the catalog, report-<name> or commission-<currency>")]
    UnknownAsset(String),
    #[error("--expires {text} {cause}")]
    Expires { text: String, cause: GrantTermsError },
    #[error("{0} cannot expire, only credits do: leave out --expires")]
    OnlyCreditsExpire(AccountId),
    #[error("insufficient credits: {account} has {available} available, not {amount}; credit it first, or take less")]
    Insufficient { account: AccountId, available: String, amount: String },
    #[error("no transfer from {0} to there: {1}")]
    NoTransfer(AccountId, AccountTransferError),
    #[error("{0} is postpaid: `account policy` changes its limit, or makes it prepaid again")]
    Postpaid(AccountId),
    #[error("--limit is the limit of a postpaid account: leave it out for a prepaid one")]
    LimitOfPrepaid,
    #[error("the refused usage adds up to more than an amount can hold: one of its events is wrong, look at its costs")]
    TooMuchOwed,
    #[error("the key {0} is {1}, and a key never gets another owner: bind a new key")]
    KeyTaken(String, String),
    #[error("{owner} has no live key {id}: `account keys {owner}` lists them")]
    NoKey { owner: Owner, id: String },
    #[error("two keys of the owner are called {0}: create a new key with `account api-key`, and stop using both")]
    KeysAlike(String),
    #[error("{0} is a key of the gateway: create the new key there, bind it with `account key`, and revoke this one")]
    NotAnApiKey(String),
    #[error("{key} was last used on {newest}, and here it is {today}: set the clock, or add --clock-checked")]
    ClockAhead { key: String, newest: String, today: String },
    #[error("{0} is a key of the gateway, which calls none of our APIs: a rate is for API keys")]
    NoRateOfGateway(String),
    #[error("the rate {text:?} {cause}, or none")]
    CallRate { text: String, cause: CallRateError },
    #[error("a budget needs a limit: give --day, --month or --total, as 5, or none to remove one")]
    NoLimit,
    #[error("{0} has no limit: give --day, --month or --total, or --unlimited if it may spend all that the team has")]
    NoLimitOfMember(String),
    #[error("{key} cannot be a member of {team}, or leave it: {cause}; `member list {team}` has its members")]
    Member { key: String, team: Owner, cause: MemberError },
    #[error("the zone {text:?} {cause}")]
    Zone { text: String, cause: ZoneError },
    #[error("the budget changed at the same moment: run the same command again")]
    BudgetOvertaken,
    #[error("the key's name {text:?} {cause}")]
    KeyName { text: String, cause: WordError },
    #[error("--scopes {text} {cause}")]
    Scopes { text: String, cause: ScopesError },
    #[error("there is no service key {0}: `key list` has them, one that was just made after some seconds")]
    NoServiceKey(String),
    #[error("two service keys have the short name {0}: make another with `key make`, and stop using both")]
    ServiceKeysAlike(String),
    #[error("the service key {0} is revoked already: `key list` says since when")]
    ServiceKeyRevoked(String),
    #[error("the account changed at the same moment: run the same command again")]
    Overtaken,
    #[error(
        "the store did not answer, so the change may be done: run the same command with {retry_option} to make sure; it is never done twice"
    )]
    Unanswered {
        retry_option: String,
        #[source]
        cause: CommitError,
    },
    #[error("--id {0} names another change already: choose another id, or repeat that change unchanged")]
    IdTaken(String),
    #[error("an author is needed: give --author, since USER is not set")]
    NoAuthor,
    #[error("the amount {text} {cause}: give one such as 15 or 0.00234")]
    Amount { text: String, cause: AmountError },
    #[error("the amount {0} moves nothing: give one above 0")]
    Nothing(String),
    #[error("{0} cannot be their own referrer, directly or through others: name another, or --none")]
    Circle(Owner),
    #[error("there is nothing to resolve about {0}: {1}")]
    NothingToResolve(String, &'static str),
    #[error("{0}: {1}")]
    NotAccepted(OrderNumber, AcceptError),
    #[error("no open anomaly of {0} matches: `order show {0}` lists them")]
    NothingToClear(OrderNumber),
    #[error("{0} is not the name of an anomaly: `order show` lists those of an order")]
    UnknownReason(String),
    #[error("the order changed at the same moment: run `order show`, and decide again")]
    OrderOvertaken,
    #[error("the rows changed since they were read, so nothing was written: run `audit`, and repair again")]
    RepairOvertaken,
    #[error("{} is not the row of the order {number} in DynamoDB's JSON: take it from an export, or with `get-item`", file.display())]
    NotTheOrder { file: PathBuf, number: OrderNumber },
    #[error("{0} is not a payment: give one as stripe#pi_…")]
    NotAPayment(String),
    #[error("{} holds no export of {table}: expected {table}/…/*.json.gz", folder.display())]
    NoExport { folder: PathBuf, table: &'static str },
    #[error("{} is not an export in DynamoDB's JSON: export the table to S3 in that format", .0.display())]
    NotAnExport(PathBuf),
    #[error("a whole audit reads every row: confirm with --yes")]
    NotConfirmed,
    #[error(transparent)]
    Repair(#[from] RepairFailure),
    #[error(
        "--seq {text} is not the operator's number of a finished top-up: 1 to {max} visible ASCII characters, with --as done"
    )]
    Seq { text: String, max: usize },
    #[error("there is no order {0} in these books: check the number, or name other books with --data or --aws --stage")]
    UnknownOrder(String),
    #[error("the order number {text:?}: {cause}")]
    OrderNumber { text: String, cause: OrderNumberError },
    #[error("the name {text:?}: {cause}")]
    Owner { text: String, cause: AccountIdError },
    #[error("the key {text:?} {cause}")]
    CallerKey { text: String, cause: CallerKeyError },
    #[error("{0:?} is not the key of a usage event: give one as usage#evt_1")]
    NotUsageKey(String),
    #[error("no usage event {0} is booked: check the key; one that is refused has charged nothing")]
    NoUsage(String),
    #[error("{usage} cannot be reversed by this: {cause}")]
    NotReversed { usage: String, cause: UsageReversalError },
    #[error(
        "{usage} is reversed already, by {amount}, and is reversed once: correct the rest with `account credit` or `debit`"
    )]
    ReversedBefore { usage: String, amount: String },
    #[error("the campaign {text:?} {cause}")]
    Campaign { text: String, cause: WordError },
    #[error("the code cannot last until {0}: give a time from now on, at most ten years ahead")]
    Until(Timestamp),
    #[error("the campaign {campaign} has no code {name}: `code list {campaign}` lists them")]
    NoCode { campaign: String, name: String },
    #[error("the code is refused: {0}")]
    NotRedeemed(RedeemError),
    #[error("the pepper of the codes cannot be read: check the secret hookledger/STAGE/codes")]
    Pepper(#[source] KeyringError),
    #[error("the hold {text:?} {cause}")]
    HoldId { text: String, cause: HoldIdError },
    #[error("--use {text:?} {cause}: give the eventId of a usage event")]
    Use { text: String, cause: KeyError },
    #[error("there is no hold {0}: check its id, or list the open ones of its owner with `hold list OWNER`")]
    NoHold(HoldId),
    #[error(transparent)]
    Hold(#[from] HoldRefused),
    #[error(transparent)]
    HoldTerms(#[from] HoldTermsRefused),
    #[error("the pair {text:?} {cause}")]
    CurrencyPair { text: String, cause: CurrencyPairError },
    #[error("the rate {text:?} {cause}: give one such as 0.00204")]
    RateText { text: String, cause: RateTextError },
    #[error("--day {0} is not a day: give one as 2026-11-27")]
    Day(String),
    #[error(
        "no trial balance of {0} is kept: the audit closes a day within a day of its end; without --day it is that of now"
    )]
    DayNotClosed(String),
    #[error("{0:?} is not a time: give one such as 2026-01-01T00:00:00+08:00, or a date, which begins in UTC")]
    Time(String),
    #[error("{0:?} is no such time: give 24h, 7d, a date as 2026-01-01, or 2026-01-01T00:00:00+08:00")]
    Since(String),
    #[error("ANYTHING is empty: name an order, event, payment, owner, key, hold or code")]
    NoName,
    #[error("no row of the journal has the name {0}: `explain {0}` says where to look")]
    NoEvent(String),
    #[error(transparent)]
    Replay(#[from] ReplayRefused),
    #[error(transparent)]
    Operator(#[from] operator::OperatorRefused),
    #[error(transparent)]
    Ask(#[from] AskRefused),
    #[error(transparent)]
    Rate(#[from] RateError),
    #[error(transparent)]
    Pause(#[from] PauseError),
    #[error("{loses}: events of {what} are lost meanwhile; pause it nevertheless with --accept-loss")]
    PauseLoses { what: &'static str, loses: &'static str },
    #[error(transparent)]
    Catalog(#[from] CatalogRefused),
    #[error("--id {text} {cause}")]
    Id { text: String, cause: KeyError },
    #[error("{}", advice(.0))]
    Commit(#[from] CommitError),
}

/// The exit code for a failed store call.
const fn exit_of(error: &CommitError) -> Exit {
    match error {
        CommitError::Unavailable(_) | CommitError::Stale => Exit::TryAgain,
        CommitError::Refused(_) => Exit::Unavailable,
        CommitError::Conflict | CommitError::Rejected(_) => Exit::Refused,
    }
}

/// The exit code for a call of the API without an answer that helps.
const fn exit_of_api(error: &client::Error) -> Exit {
    use client::Error::{Key, Refused, Unanswered, Unreadable, Unsendable, Url};
    match error {
        Refused(refusal) if refusal.status == 429 || refusal.status >= 500 => Exit::TryAgain,
        Refused(_) => Exit::Refused,
        Unanswered(_) => Exit::TryAgain,
        Unreadable(_) => Exit::Unavailable,
        Url(_) | Key | Unsendable(_) => Exit::Usage,
    }
}

impl Error {
    #[expect(clippy::too_many_lines, reason = "one match, a line for each error")]
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Local(error) => of_local::exit(error),
            Self::Api(error) => exit_of_api(error),
            Self::Catalog(refused) => refused.exit(),
            Self::Ask(refused) => refused.exit(),
            Self::Tool(error) => error.exit(),
            Self::Commit(error) | Self::Repair(RepairFailure::Commit(error)) => exit_of(error),
            Self::Unanswered { .. }
            | Self::Overtaken
            | Self::BudgetOvertaken
            | Self::Repair(RepairFailure::Repair(RepairError::UnsettledAccount)) => Exit::TryAgain,
            Self::Served { .. }
            | Self::PortInUse(_)
            | Self::Listen(..)
            | Self::Signals(_)
            | Self::Threads(_)
            | Self::NotRunning(_)
            | Self::NoApi(_)
            | Self::NoRegion
            | Self::NoCredentials
            | Self::Pepper(_)
            | Self::NoBooks(_) => Exit::Unavailable,
            Self::Input(..)
            | Self::ServesNothing
            | Self::JsonOfNothing
            | Self::NoSecret(_)
            | Self::TwoForms
            | Self::NoApiKey(_)
            | Self::Url(_)
            | Self::UnknownAsset(_)
            | Self::LimitOfPrepaid
            | Self::NoLimit
            | Self::CallRate { .. }
            | Self::NoLimitOfMember(_)
            | Self::Zone { .. }
            | Self::NoAuthor
            | Self::Amount { .. }
            | Self::Nothing(_)
            | Self::NoTransfer(..)
            | Self::UnknownReason(_)
            | Self::NotTheOrder { .. }
            | Self::NotAPayment(_)
            | Self::NoExport { .. }
            | Self::NotAnExport(_)
            | Self::Seq { .. }
            | Self::OrderNumber { .. }
            | Self::Owner { .. }
            | Self::CallerKey { .. }
            | Self::KeyName { .. }
            | Self::Scopes { .. }
            | Self::NotUsageKey(_)
            | Self::Campaign { .. }
            | Self::Until(_)
            | Self::HoldId { .. }
            | Self::Use { .. }
            | Self::HoldTerms(_)
            | Self::CurrencyPair { .. }
            | Self::RateText { .. }
            | Self::Time(_)
            | Self::Since(_)
            | Self::NoName
            | Self::Day(_)
            | Self::Id { .. }
            | Self::Expires { .. }
            | Self::OnlyCreditsExpire(_) => Exit::Usage,
            Self::NoAccount(_)
            | Self::NotNew(_)
            | Self::Insufficient { .. }
            | Self::Postpaid(_)
            | Self::TooMuchOwed
            | Self::KeyTaken(..)
            | Self::NoKey { .. }
            | Self::Member { .. }
            | Self::KeysAlike(_)
            | Self::NotAnApiKey(_)
            | Self::ClockAhead { .. }
            | Self::NoRateOfGateway(_)
            | Self::NoServiceKey(_)
            | Self::ServiceKeysAlike(_)
            | Self::ServiceKeyRevoked(_)
            | Self::IdTaken(_)
            | Self::Circle(_)
            | Self::NothingToResolve(..)
            | Self::NotAccepted(..)
            | Self::NothingToClear(_)
            | Self::OrderOvertaken
            | Self::RepairOvertaken
            | Self::NotConfirmed
            | Self::Repair(_)
            | Self::Rate(_)
            | Self::NoEvent(_)
            | Self::Replay(_)
            | Self::Operator(_)
            | Self::Pause(_)
            | Self::PauseLoses { .. }
            | Self::NoUsage(_)
            | Self::DayNotClosed(_)
            | Self::NoCode { .. }
            | Self::NoHold(_)
            | Self::Hold(_)
            | Self::NotRedeemed(_)
            | Self::NotReversed { .. }
            | Self::ReversedBefore { .. }
            | Self::UnknownOrder(_) => Exit::Refused,
        }
    }

    /// The error with all its causes, on one line.
    pub(crate) fn line(&self) -> String {
        line(self)
    }
}

#[cfg(test)]
mod tests;
