//! The pages of a statement, each fetched when the caller wants it: a statement of any length takes the memory of one page.

use crate::address::encoded;
use crate::http::Request;
use crate::{Client, Error, StatementPage};

/// Which lines: those from `from` and before `to`, of one kind.
#[derive(Debug, Clone, Copy, Default)]
pub struct StatementQuery<'q> {
    /// `None` for credits.
    pub asset: Option<&'q str>,
    pub from: Option<&'q str>,
    pub to: Option<&'q str>,
    pub kind: Option<&'q str>,
    /// Lines in a page, up to 1,000.
    pub limit: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    /// All pages after each other are one file.
    Csv,
}

#[derive(Debug)]
pub struct Pages<'c> {
    client: &'c Client,
    format: Format,
    /// The path of the next page; `None` after the last.
    next: Option<String>,
}

impl<'c> Pages<'c> {
    pub(crate) fn of(client: &'c Client, owner: &str, query: &StatementQuery<'_>, format: Format) -> Self {
        let limit = query.limit.map(|limit| limit.to_string());
        let parameters = [
            ("asset", query.asset),
            ("from", query.from),
            ("to", query.to),
            ("kind", query.kind),
            ("limit", limit.as_deref()),
        ];
        let parameters = parameters.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded(value?))));
        let path = format!("/v1/accounts/{}/statement", encoded(owner));
        let query = parameters.collect::<Vec<_>>().join("&");
        let next = Some(if query.is_empty() { path } else { format!("{path}?{query}") });
        Self { client, format, next }
    }

    /// The text of the next page; `None` after the last one. After an error the same page is fetched again.
    pub async fn next_text(&mut self) -> Result<Option<String>, Error> {
        let Some(path) = self.next.as_deref() else { return Ok(None) };
        let accept = match self.format {
            Format::Json => "application/json",
            Format::Csv => "text/csv",
        };
        let answer = self.client.answer(&Request { method: "GET", path, accept, change: None }).await?;
        if answer.next.as_deref() == Some(path) {
            return Err(Error::Unreadable("the next page is the same one".to_owned()));
        }
        self.next = answer.next;
        Ok(Some(answer.body))
    }

    /// The next page of JSON.
    pub async fn next(&mut self) -> Result<Option<StatementPage>, Error> {
        let Some(text) = self.next_text().await? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| Error::Unreadable(error.to_string()))
    }
}
