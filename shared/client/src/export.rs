//! All of one owner by page, each fetched when the caller wants it: an owner of any size takes the memory of one page.

use serde::Deserialize;

use crate::address::encoded;
use crate::http::Request;
use crate::{Client, Error};

#[derive(Debug)]
pub struct Export<'c> {
    client: &'c Client,
    path: String,
    next: Next,
}

#[derive(Debug)]
enum Next {
    First,
    Page(String),
    End,
}

impl<'c> Export<'c> {
    pub(crate) fn of(client: &'c Client, owner: &str) -> Self {
        Self { client, path: format!("/v1/owners/{}/export", encoded(owner)), next: Next::First }
    }

    /// The JSON of the next page; `None` after the last one. After an error the same page is fetched again.
    pub async fn next_text(&mut self) -> Result<Option<String>, Error> {
        #[derive(Deserialize)]
        struct Page {
            next: Option<String>,
        }
        let (path, cursor) = match &self.next {
            Next::First => (self.path.clone(), None),
            Next::Page(cursor) => (format!("{}?cursor={}", self.path, encoded(cursor)), Some(cursor)),
            Next::End => return Ok(None),
        };
        // It reads, so it needs no idempotency key.
        let request = Request { method: "POST", path: &path, accept: "application/json", change: None };
        let answer = self.client.answer(&request).await?;
        let Page { next } = answer.parsed()?;
        if next.is_some() && next.as_ref() == cursor {
            return Err(Error::Unreadable("the next page is the same one".to_owned()));
        }
        self.next = next.map_or(Next::End, Next::Page);
        Ok(Some(answer.body))
    }
}
