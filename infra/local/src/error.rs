//! Why a command did not do what it was asked to: one line for the person who asked.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use edge::KeyringError;
use embedded::{EngineError, TemplateError};
use idempotency::MissingTable;
use ledger::{
    AcceptError, AccountId, AccountIdError, AmountError, CallerKeyError, CommitError, KeyError, OrderNumber,
    OrderNumberError, Owner,
};
use signing::SecretError;
use thiserror::Error as ThisError;
use webhook::AdmissionError;

use crate::json::PathError;

#[derive(Debug, ThisError)]
pub(crate) enum Error {
    // The data folder.
    #[error("cannot use {} as the data folder", .0.display())]
    Folder(PathBuf, #[source] io::Error),
    #[error("{}", .0.display())]
    File(PathBuf, #[source] io::Error),
    #[error("{} cannot be read: delete it, and it will be made again", .0.display())]
    Unreadable(PathBuf),
    #[error("{} is in use by another command", .0.display())]
    Busy(PathBuf),
    #[error("{} is served already, at {url} by process {pid}: choose another folder with --data", dir.display())]
    Served { dir: PathBuf, url: String, pid: u32 },
    #[error("{} is damaged ({what}): put a copy in its place, or move it away to start with an empty one", path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("{}", .0.display())]
    Store(PathBuf, #[source] Box<EngineError>),
    #[error("the store does not open")]
    Memory(#[source] Box<EngineError>),
    #[error("the stream")]
    Stream(#[source] Box<EngineError>),
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
    #[error("a key pair could not be made")]
    KeyPair,

    // Serving.
    #[error("port {0} is in use: stop what listens there, or choose another with --port")]
    PortInUse(u16),
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    #[error("cannot hear signals")]
    Signals(#[source] io::Error),
    #[error("cannot start threads")]
    Threads(#[source] io::Error),
    #[error("the template does not fit the code")]
    Template(#[from] TemplateError),
    #[error("the template names the function {0}, which is not in this program")]
    UnknownFunction(String),
    #[error(transparent)]
    Setting(#[from] edge::ConfigError),
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    #[error(transparent)]
    Stripe(#[from] stripe::ConfigError),
    #[error(transparent)]
    Wechat(#[from] wechat::ConfigError),
    #[error(transparent)]
    WechatApi(#[from] providers::WechatConfigError),
    #[error(transparent)]
    Epay(#[from] epay::ConfigError),
    #[error(transparent)]
    FireblocksWebhook(#[from] fireblocks::ConfigError),
    #[error(transparent)]
    EpayCheckout(#[from] checkout::EpaySettingsError),
    #[error(transparent)]
    Unitel(#[from] providers::UnitelConfigError),
    #[error(transparent)]
    Fireblocks(#[from] providers::FireblocksConfigError),
    #[error("infra/catalog.json")]
    Catalog(#[from] catalog::CatalogError),
    #[error(transparent)]
    Checkout(#[from] checkout::ConfigError),
    #[error(transparent)]
    Places(#[from] api::PlacesError),
    #[error("the template sets no tables")]
    Tables(#[from] MissingTable),
    #[error(transparent)]
    Keys(#[from] KeyringError),

    // Sending.
    #[error("there is no source {0}, only: {1}")]
    UnknownSource(String, String),
    #[error("there is no sample {0}, only: {1}")]
    UnknownSample(String, String),
    #[error("{0} does not sign in that way")]
    NoScheme(&'static str),
    #[error("--set")]
    Path(#[source] PathError),
    #[error("{0} {1}")]
    Secret(&'static str, SecretError),
    #[error("no secret to sign with: set {0}, or give one with --secret")]
    NoSecret(&'static str),
    #[error("no stack is running in {}: is `cargo run` running? Or name another with --data or --url", .0.display())]
    NotRunning(PathBuf),
    #[error("{0} is not an http or https URL")]
    Url(String),

    // The books.
    #[error("no AWS region is set: set AWS_REGION, or the profile's region")]
    NoRegion,
    #[error("there are no books in {} yet: `cargo run` opens them", .0.display())]
    NoBooks(PathBuf),
    #[error("there is no account {0}")]
    NoAccount(AccountId),
    #[error(
        "nothing is counted under the name {0}: credits, a token of the catalog, report-<name> or commission-<currency>"
    )]
    UnknownAsset(String),
    #[error("insufficient credits: {account} has {available} available, not {amount}")]
    Insufficient { account: AccountId, available: String, amount: String },
    #[error("{0} is postpaid: `account policy` moves its limit, or makes it prepaid again")]
    Postpaid(AccountId),
    #[error("--limit is how far below zero a postpaid account may be: leave it out for a prepaid one")]
    LimitOfPrepaid,
    #[error("more is owed than can be added up")]
    TooMuchOwed,
    #[error("the key {0} is {1}, and a key never changes hands")]
    KeyTaken(String, String),
    #[error("{owner} has no live key {id}: `account keys {owner}` lists them")]
    NoKey { owner: Owner, id: String },
    #[error("two keys go by the name {0}")]
    KeysAlike(String),
    #[error("{0} is made by the gateway: make the new key there, bind it with `account key`, and revoke this one")]
    NotAnApiKey(String),
    #[error("somebody else changed the account at the same moment: do it again")]
    Overtaken,
    #[error(
        "the store did not answer, so this is done or it is not: the same command with {again} makes sure, and is never done twice"
    )]
    Unanswered {
        again: String,
        #[source]
        cause: CommitError,
    },
    #[error("--id {0} stands for another change already")]
    IdTaken(String),
    #[error("an author is needed: give --author, since USER is not set")]
    NoAuthor,
    #[error("the amount {0}")]
    Amount(#[from] AmountError),
    #[error("{0} cannot have been led here by themselves, be it by way of others")]
    Circle(Owner),
    #[error("there is nothing to resolve about {0}: {1}")]
    NothingToResolve(String, &'static str),
    #[error("{0}: {1}")]
    NotAccepted(OrderNumber, AcceptError),
    #[error("nothing like that is open about {0}: see `order show`")]
    NothingToClear(OrderNumber),
    #[error("nothing is flagged for {0}: see `order show`")]
    UnknownReason(String),
    #[error("somebody else changed the order at the same moment: look at it, and do it again")]
    OrderOvertaken,
    #[error("what it was decided on has changed meanwhile: run `audit`, and do it again")]
    RepairOvertaken,
    #[error("{} is not the row of the order {number} in DynamoDB's JSON", file.display())]
    NotTheOrder { file: PathBuf, number: OrderNumber },
    #[error("{0} is not a payment: give one as stripe#pi_…")]
    NotAPayment(String),
    #[error("{} holds no export of {table}: expected {table}/…/*.json.gz", folder.display())]
    NoExport { folder: PathBuf, table: &'static str },
    #[error("{} is not an export in DynamoDB's JSON", .0.display())]
    NotAnExport(PathBuf),
    #[error("a whole audit reads every row: confirm with --yes")]
    NotConfirmed,
    #[error(transparent)]
    Repair(#[from] reconcile::RepairFailure),
    #[error("--seq is the operator's number of a top-up that was done, of 1 to {0} visible ASCII characters")]
    Seq(usize),
    #[error("there is no order {0} in these books")]
    UnknownOrder(String),
    #[error("{0} tells nothing of orders: leave --order out")]
    NotAboutOrders(&'static str),
    #[error("--order")]
    OrderNumber(#[from] OrderNumberError),
    #[error("the owner's name")]
    Owner(#[from] AccountIdError),
    #[error("the key")]
    CallerKey(#[from] CallerKeyError),
    #[error("--id")]
    Id(#[from] KeyError),
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// `EX_TEMPFAIL` of sysexits.h: the same command may be run again.
const TEMPORARY: u8 = 75;

impl Error {
    pub(crate) fn exit_code(&self) -> ExitCode {
        let is_temporary = matches!(self, Self::Unanswered { .. } | Self::Commit(CommitError::Unavailable(_)));
        if is_temporary { ExitCode::from(TEMPORARY) } else { ExitCode::FAILURE }
    }

    /// With every cause, on one line.
    pub(crate) fn line(&self) -> String {
        let causes = std::iter::successors(std::error::Error::source(self), |cause| cause.source());
        let mut line = self.to_string();
        for cause in causes {
            let cause = cause.to_string();
            // Some errors quote their cause themselves.
            if !line.ends_with(&cause) {
                line = format!("{line}: {cause}");
            }
        }
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}
