//! One API call of our code to a provider, as a fake receives it.

use std::collections::BTreeMap;
use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

#[derive(Clone, PartialEq, Eq)]
pub struct ProviderCall {
    /// Method and path: `POST /v1/checkout/sessions`.
    pub endpoint: String,
    pub body: String,
    headers: BTreeMap<String, String>,
}

impl ProviderCall {
    pub(crate) fn new(request: &HttpRequest, path: &str) -> Self {
        let headers = request.headers().iter().map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
        Self {
            endpoint: format!("{} {path}", request.method()),
            body: String::from_utf8(request.body().bytes().unwrap_or_default().to_vec()).unwrap(),
            headers: headers.collect(),
        }
    }

    pub fn method(&self) -> &str {
        self.parts().0
    }

    pub fn path(&self) -> &str {
        self.parts().1
    }

    /// The value of a header, whose name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub fn authorization(&self) -> Option<&str> {
        self.header("authorization")
    }

    pub fn idempotency_key(&self) -> Option<&str> {
        self.header("idempotency-key")
    }

    /// The same call of another endpoint.
    pub(crate) fn to(&self, endpoint: &str) -> Self {
        Self { endpoint: endpoint.to_owned(), ..self.clone() }
    }

    pub(crate) fn for_fake(&self, now_s: i64) -> fakes::Call<'_> {
        let (method, path) = self.parts();
        let (authorization, idempotency_key) = (self.authorization(), self.idempotency_key());
        fakes::Call { method, path, authorization, idempotency_key, body: &self.body, now_s }
    }

    fn parts(&self) -> (&str, &str) {
        self.endpoint.split_once(' ').unwrap()
    }
}

/// Without headers and body, which have credentials and phone numbers.
impl fmt::Debug for ProviderCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderCall").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// The part of a URL from the path on.
pub(crate) fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
}
