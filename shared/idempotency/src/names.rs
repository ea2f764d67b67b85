//! Attribute names and the words stored under them: the one place where they are written.

pub(crate) const ACCOUNT: &str = "account";
pub(crate) const AMOUNT: &str = "amount";
pub(crate) const ATTEMPTS: &str = "attempts";
/// Present, holding the source, on the rows that somebody must still cure: the key of a sparse index.
pub(crate) const ATTENTION: &str = "attention";
pub(crate) const AVAILABLE: &str = "available";
pub(crate) const BALANCE: &str = "balance";
pub(crate) const BODY: &str = "body";
pub(crate) const CREDIT: &str = "credit";
pub(crate) const DEBIT: &str = "debit";
pub(crate) const DUE_AT: &str = "due_at";
pub(crate) const EXPIRES_AT: &str = "expires_at";
pub(crate) const FACTS: &str = "facts";
pub(crate) const FINGERPRINT: &str = "fingerprint";
pub(crate) const FORMAT: &str = "v";
pub(crate) const HEADERS: &str = "headers";
pub(crate) const ID: &str = "id";
pub(crate) const KIND: &str = "kind";
pub(crate) const LENGTH: &str = "length";
pub(crate) const OVERDRAFT: &str = "overdraft";
pub(crate) const OWNER: &str = "owner";
pub(crate) const POSTING: &str = "posting";
pub(crate) const PROCESSED_AT: &str = "processed_at";
pub(crate) const REASON: &str = "reason";
pub(crate) const RECEIVED_AT: &str = "received_at";
pub(crate) const SOURCE: &str = "source";
pub(crate) const STATUS: &str = "status";
pub(crate) const TRUNCATED: &str = "truncated";
pub(crate) const VERSION: &str = "version";
pub(crate) const WRITTEN_BY: &str = "written_by";

pub(crate) const PROCESSED: &str = "processed";
pub(crate) const FAILED: &str = "failed";
/// The reason on a row that contradicts another. Nobody can cure it by sending it again.
pub(crate) const CONFLICT: &str = "conflict";

pub(crate) const BY_ACCOUNT: &str = "by_account";
