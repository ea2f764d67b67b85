//! Serves the front page, and does what its buttons say: each sends a request to a function of the stack, as a sender or a
//! shop would.

use std::net::SocketAddr;

use bytes::Bytes;
use edge::Reply;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Collected};
use ledger::OrderNumber;
use serde_json::{Value, json};

use super::Gateway;
use crate::front::{self, Seen, is_of_own_page};
use crate::mock_wechat;
use crate::now::now;
use crate::outcome;
use crate::sample::{Sample, new_id};
use crate::sources::Scheme;

const SAMPLE: &str = "usage/basic";

impl Gateway {
    /// The front page, or what a button of it does.
    pub(crate) async fn front_reply(&self, head: &Parts, peer: SocketAddr) -> Reply {
        let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
        if path == front::PATH {
            let session = front::session(query);
            let back = session.and_then(|session| self.mocks.stripe.as_ref()?.order_of(&session));
            return self.front.page(query, &head.headers, back.as_ref()).await;
        }
        if head.method != Method::POST {
            return Reply::text(StatusCode::METHOD_NOT_ALLOWED.as_u16(), "POST").with_header("allow", "POST");
        }
        if !is_of_own_page(&head.headers) {
            return Reply::text(StatusCode::FORBIDDEN.as_u16(), "Forbidden");
        }
        let bought = match path {
            front::SEND => self.send_event(new_id(), peer).await.map(|()| None),
            front::AGAIN => match self.front.last_event() {
                Some(id) => self.send_event(id, peer).await.map(|()| None),
                None => Ok(None),
            },
            front::STRIPE => self.buy("/api/pay/checkout", &json!({ "product": "credits-100" }), peer).await.map(Some),
            front::EPAY => self.buy("/api/pay/epay", &json!({ "product": "credits-1000" }), peer).await.map(Some),
            front::WECHAT => self.buy_by_wechat(peer).await.map(Some),
            _ => return Reply::text(StatusCode::NOT_FOUND.as_u16(), "Not Found"),
        };
        let to = bought.unwrap_or_else(|message| {
            self.front.saw(Seen::Refused(message));
            None
        });
        let to = to.unwrap_or_else(|| front::after_click(query));
        Reply::empty(StatusCode::SEE_OTHER.as_u16()).with_header("location", to)
    }

    /// Signs the sample as a gateway would, and sends it.
    async fn send_event(&self, id: String, peer: SocketAddr) -> Result<(), String> {
        let sample = Sample::named(SAMPLE, Scheme::Own);
        let signed =
            sample.and_then(|sample| Ok((sample.source.path(), sample.signed(&id, self.front.usage_secret(), now())?)));
        let (path, signed) = signed.map_err(|error| error.to_string())?;
        let mut request = Request::post(path);
        for (name, value) in signed.headers {
            request = request.header(name, value);
        }
        let (head, ()) = request.body(()).map_err(|error| error.to_string())?.into_parts();
        let response = self.api(&head, signed.body.as_bytes(), peer).await;
        let outcome = response.headers().get(outcome::HEADER).and_then(|value| value.to_str().ok());
        let outcome = outcome.map_or_else(|| response.status().to_string(), str::to_owned);
        self.front.saw(Seen::Event { id, outcome });
        Ok(())
    }

    /// Makes an order of the demo account, and returns the path of its payment page.
    async fn buy(&self, path: &str, body: &Value, peer: SocketAddr) -> Result<String, String> {
        let made = self.call_as_demo(path, body, peer).await?;
        let url = made.get("url").and_then(Value::as_str).unwrap_or_default();
        // A page of a fake is on this server, under whichever name the browser knows it.
        let page = url.strip_prefix(self.front.base_url()).unwrap_or(url).to_owned();
        self.bought(&made, page)
    }

    async fn buy_by_wechat(&self, peer: SocketAddr) -> Result<String, String> {
        let order = json!({ "product": "credits-1000", "provider": "wechat" });
        let made = self.call_as_demo("/orders", &order, peer).await?;
        let number = made.get("orderNumber").and_then(Value::as_str).unwrap_or_default();
        self.call_as_demo("/payment/create", &json!({ "orderNumber": number }), peer).await?;
        self.bought(&made, format!("{}{number}", mock_wechat::PAY))
    }

    fn bought(&self, made: &Value, page: String) -> Result<String, String> {
        let number = made.get("orderNumber").and_then(Value::as_str).unwrap_or_default();
        let number = OrderNumber::new(number).map_err(|error| error.to_string())?;
        self.front.forget_order(&number);
        self.front.saw(Seen::Order { number, page: page.clone() });
        Ok(page)
    }

    /// The answer, or the message of a refusal.
    async fn call_as_demo(&self, path: &str, body: &Value, peer: SocketAddr) -> Result<Value, String> {
        let request = Request::post(path)
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, format!("Bearer {}", self.front.demo_key()))
            .body(());
        let (head, ()) = request.map_err(|error| error.to_string())?.into_parts();
        let response = self.api(&head, body.to_string().as_bytes(), peer).await;
        let status = response.status();
        let bytes = response.into_body().collect().await.map(Collected::to_bytes).map_err(|error| error.to_string())?;
        let answer = json_of(&bytes);
        if status.is_success() {
            return Ok(answer);
        }
        let message = answer.get("message").and_then(Value::as_str);
        Err(message.map_or_else(|| status.to_string(), str::to_owned))
    }
}

fn json_of(bytes: &Bytes) -> Value {
    serde_json::from_slice(bytes).unwrap_or_default()
}
