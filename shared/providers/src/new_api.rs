//! Reads the log of an LLM gateway: what new-api, one-api or sub2api has charged for uses, and what it has given back.
//!
//! Each row becomes a [`LoggedUse`], which has the identity and the cost that a webhook of the same use has: the rules
//! are those of `examples/new-api`, and both are held to its file `identities.json`.

mod config;
mod decimal;
mod logged_use;
mod page;
mod pricing;
mod status;

use std::fmt;
use std::sync::Arc;

use ledger::{Deadline, Timestamp};

use crate::CallError;
use crate::http::{Answer, Http, Outgoing};
use crate::retry::send_with_retries;

pub use config::{NewApiConfig, NewApiConfigError, NewApiDialect, NewApiKey};
pub use logged_use::LoggedUse;
pub(crate) use logged_use::event_id_of_request;
pub use page::LogPage;
pub use status::NewApiStatus;

use pricing::Pricing;

/// A hundred rows of ten times the usual size. They are held twice.
const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The options of a gateway have the ratios of all its models.
const OPTIONS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The largest page of most versions.
const ROWS_MAX: u32 = 100;
/// one-api's only size.
const ROWS_OF_ONE_API: u32 = 10;

/// What a gateway's log is read of: rows from `start` to `end`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogWindow {
    pub start: Timestamp,
    pub end: Timestamp,
}

/// A kind of row. Each has its own list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogKind {
    Charge,
    /// What is given back for an asynchronous task that failed.
    Refund,
}

impl LogKind {
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Charge => 2,
            Self::Refund => 6,
        }
    }
}

#[derive(Clone)]
pub struct NewApi {
    http: Http,
    config: NewApiConfig,
    key: Arc<NewApiKey>,
}

impl NewApi {
    pub fn new(http: &Http, config: &NewApiConfig, key: Arc<NewApiKey>) -> Self {
        Self { http: http.with_answer_limit(PAGE_BYTES_MAX), config: config.clone(), key }
    }

    /// The kinds of rows that the gateway has, in the order in which they are read.
    pub fn kinds(&self) -> &'static [LogKind] {
        match self.config.dialect {
            NewApiDialect::NewApi => &[LogKind::Charge, LogKind::Refund],
            NewApiDialect::OneApi | NewApiDialect::Sub2Api => &[LogKind::Charge],
        }
    }

    /// What its quota is worth, and whether it writes logs.
    pub async fn status(&self, deadline: Deadline) -> Result<NewApiStatus, CallError> {
        if self.config.dialect == NewApiDialect::Sub2Api {
            // Its costs are in dollars, and no option turns its records off.
            return Ok(NewApiStatus { quota_per_unit: "1".to_owned(), writes_logs: None });
        }
        let quota_per_unit = status::quota_per_unit(&self.get("/api/status", deadline).await?)?;
        let options = Self { http: self.http.with_answer_limit(OPTIONS_BYTES_MAX), ..self.clone() };
        // Only the gateway's root may read them. For others it is not known.
        let writes_logs = match options.get("/api/option/", deadline).await {
            Ok(answer) => status::writes_logs(&answer),
            Err(error) if error.is_of_the_provider() && !error.is_of_the_key() => return Err(error),
            Err(_) => None,
        };
        Ok(NewApiStatus { quota_per_unit, writes_logs })
    }

    /// A page of the window, from 1. The end is fixed, so that new rows shift no page.
    pub async fn page(
        &self,
        window: LogWindow,
        kind: LogKind,
        number: u32,
        status: &NewApiStatus,
        credits_per_usd: &str,
        deadline: Deadline,
    ) -> Result<LogPage, CallError> {
        let pricing = Pricing::read(&status.quota_per_unit, credits_per_usd).ok_or(CallError::Unreadable)?;
        let body = self.get(&self.path(window, kind, number), deadline).await?;
        match self.config.dialect {
            NewApiDialect::NewApi => page::of_new_api(&body, kind, number, &pricing),
            NewApiDialect::OneApi => page::of_one_api(&body, kind, ROWS_OF_ONE_API, &pricing),
            NewApiDialect::Sub2Api => page::of_sub2api(&body, window, number, &pricing),
        }
    }

    fn path(&self, window: LogWindow, kind: LogKind, number: u32) -> String {
        let (start, end, kind) = (window.start.unix_s(), window.end.unix_s(), kind.number());
        match self.config.dialect {
            NewApiDialect::NewApi => format!(
                "/api/log/?p={number}&page_size={ROWS_MAX}&type={kind}&start_timestamp={start}&end_timestamp={end}"
            ),
            // Its first page is 0.
            NewApiDialect::OneApi => {
                let number = number.saturating_sub(1);
                format!("/api/log/?p={number}&type={kind}&start_timestamp={start}&end_timestamp={end}")
            }
            // Its days are those of its own zone, which may be a day ahead or behind.
            NewApiDialect::Sub2Api => {
                let (first, last) = (day(window.start.plus_seconds(-DAY_S)), day(window.end.plus_seconds(DAY_S)));
                format!("/api/v1/admin/usage?page={number}&page_size={ROWS_MAX}&start_date={first}&end_date={last}")
            }
        }
    }

    /// A gateway answers 200 for a failure, too, and then says so in the body.
    async fn get(&self, path: &str, deadline: Deadline) -> Result<Vec<u8>, CallError> {
        let (name, value) = self.key.header(self.config.dialect);
        let mut headers = vec![(name, value)];
        if let Some(user_id) = &self.config.user_id {
            headers.push(("new-api-user", user_id.as_str()));
        }
        let url = format!("{}{path}", self.config.base);
        let outgoing = Outgoing { method: "GET", url, headers, body: String::new() };
        let Answer { status, body, .. } = send_with_retries(&self.http, &outgoing, deadline).await?;
        match status {
            200..300 => page::succeeded(&body, self.config.dialect).map(|()| body),
            400..500 => Err(CallError::Refused { status, kind: None, code: None }),
            500.. => Err(CallError::Failed { status }),
            _ => Err(CallError::Unreadable),
        }
    }
}

/// A row of new-api alone, for the tests that compare it with its webhook.
#[cfg(test)]
pub(crate) fn of_row(row: &str, kind: LogKind, credits_per_usd: &str) -> Option<LoggedUse> {
    logged_use::of_new_api(row, kind, &Pricing::read("500000", credits_per_usd)?)
}

const DAY_S: i64 = 24 * 60 * 60;

/// The date of an RFC 3339 time.
fn day(at: Timestamp) -> String {
    let text = at.to_string();
    text.split_once('T').map_or(text.clone(), |(day, _)| day.to_owned())
}

impl fmt::Debug for NewApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewApi").field("config", &self.config).finish_non_exhaustive()
    }
}
