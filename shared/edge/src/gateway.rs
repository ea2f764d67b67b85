//! HTTP request ↔ Lambda event and reply: payload format 2.0 (HTTP APIs, function URLs) and 1.0 (REST APIs).

use std::collections::BTreeMap;

use serde::de::{IgnoredAny, MapAccess};
use serde::{Deserialize, Serialize};

use crate::json_object::{Fields, Object, Text};
use crate::{Incoming, MalformedEvent, Reply};

const SET_COOKIE: &str = "set-cookie";

/// Reads an object by the names of its fields. What serde derives takes lists too, in four times the code.
macro_rules! fields {
    ($object:ident { $($name:literal => $field:ident,)+ }) => {
        impl<'e> Fields<'e> for $object<'e> {
            fn read<A: MapAccess<'e>>(&mut self, Text(name): Text<'e>, fields: &mut A) -> Result<(), A::Error> {
                match &*name {
                    $($name => self.$field = fields.next_value()?,)+
                    _ => _ = fields.next_value::<IgnoredAny>()?,
                }
                Ok(())
            }
        }
    };
}

/// The fields of an event that are read, of both versions. Any of them may be null.
#[derive(Default)]
struct Event<'e> {
    version: Option<Text<'e>>,
    raw_path: Option<Text<'e>>,
    raw_query_string: Option<Text<'e>>,
    /// Of 1.0, as is `httpMethod`.
    path: Option<Text<'e>>,
    http_method: Option<Text<'e>>,
    headers: Option<Object<Pairs<'e, Text<'e>>>>,
    multi_value_headers: Option<Object<Pairs<'e, Vec<Text<'e>>>>>,
    /// Of 2.0, which takes them out of the headers.
    cookies: Option<Vec<Text<'e>>>,
    body: Option<Text<'e>>,
    is_base64_encoded: Option<bool>,
    request_context: Object<Context<'e>>,
}

fields!(Event {
    "version" => version,
    "rawPath" => raw_path,
    "rawQueryString" => raw_query_string,
    "path" => path,
    "httpMethod" => http_method,
    "headers" => headers,
    "multiValueHeaders" => multi_value_headers,
    "cookies" => cookies,
    "body" => body,
    "isBase64Encoded" => is_base64_encoded,
    "requestContext" => request_context,
});

#[derive(Default)]
struct Context<'e> {
    stage: Option<Text<'e>>,
    domain_name: Option<Text<'e>>,
    /// Only in 2.0.
    http: Option<Object<Http<'e>>>,
    identity: Option<Object<Identity<'e>>>,
}

fields!(Context {
    "stage" => stage,
    "domainName" => domain_name,
    "http" => http,
    "identity" => identity,
});

#[derive(Default)]
struct Http<'e> {
    method: Option<Text<'e>>,
    source_ip: Option<Text<'e>>,
}

fields!(Http {
    "method" => method,
    "sourceIp" => source_ip,
});

#[derive(Default)]
struct Identity<'e> {
    source_ip: Option<Text<'e>>,
}

fields!(Identity {
    "sourceIp" => source_ip,
});

/// The fields of an object by name.
struct Pairs<'e, V>(Vec<(Text<'e>, V)>);

impl<'e, V: Deserialize<'e>> Fields<'e> for Pairs<'e, V> {
    fn read<A: MapAccess<'e>>(&mut self, name: Text<'e>, fields: &mut A) -> Result<(), A::Error> {
        self.0.push((name, fields.next_value()?));
        Ok(())
    }
}

impl<V> Default for Pairs<'_, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// What an event says of the form of its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ReplyForm {
    is_head: bool,
    is_version_2: bool,
    /// One with response streaming reads a reply in parts, and an HTTP API only a whole one.
    pub(crate) is_of_function_url: bool,
}

/// Reads a request from an event of either version.
///
/// No signature scheme here uses a list in a header. A repeated signature header is therefore refused in both versions:
/// 2.0 joins equal headers with a comma, 1.0 lists them in `multiValueHeaders`.
pub fn read(event: &str) -> Result<Incoming, MalformedEvent> {
    read_with_form(event).0
}

/// Also the form of the reply.
pub(crate) fn read_with_form(event: &str) -> (Result<Incoming, MalformedEvent>, ReplyForm) {
    let Ok(Object(mut event)) = serde_json::from_str::<Object<Event<'_>>>(event) else {
        return (Err(MalformedEvent), ReplyForm::default());
    };
    let form = ReplyForm::of(&event);
    let incoming = match event.request_context.0.http.take() {
        Some(Object(http)) => version_2(event, http),
        None => version_1(event),
    };
    (incoming, form)
}

impl ReplyForm {
    fn of(event: &Event<'_>) -> Self {
        let Object(Context { http, domain_name, .. }) = &event.request_context;
        let method = http.as_ref().map_or(event.http_method.as_ref(), |Object(http)| http.method.as_ref());
        Self {
            is_head: method.is_some_and(|Text(method)| method == "HEAD"),
            is_version_2: event.version.as_ref().is_some_and(|Text(version)| version == "2.0"),
            is_of_function_url: domain_name.as_ref().is_some_and(|Text(domain)| domain.contains(".lambda-url.")),
        }
    }
}

fn version_2(event: Event<'_>, http: Http<'_>) -> Result<Incoming, MalformedEvent> {
    let Text(path) = event.raw_path.ok_or(MalformedEvent)?;
    // `rawPath` begins with the stage's name, unless the stage is `$default`.
    let stage = event.request_context.0.stage.filter(|Text(stage)| stage != "$default");
    let stage = stage.map(|Text(stage)| format!("/{stage}")).unwrap_or_default();
    let path = path.strip_prefix(&stage).filter(|rest| rest.starts_with('/')).unwrap_or(&path).to_owned();
    let Object(Pairs(mut headers)) = event.headers.unwrap_or_default();
    if let Some(cookies) = event.cookies.filter(|cookies| !cookies.is_empty()) {
        let cookies: Vec<String> = cookies.into_iter().map(String::from).collect();
        headers.retain(|(Text(name), _)| name != "cookie");
        headers.push((Text("cookie".into()), Text(cookies.join("; ").into())));
    }
    Ok(Incoming {
        method: http.method.ok_or(MalformedEvent)?.into(),
        path,
        query: event.raw_query_string.map(String::from).unwrap_or_default(),
        headers: headers.into_iter().map(header).collect::<Result<_, _>>()?,
        body: event.body.map(String::from).unwrap_or_default(),
        is_base64: event.is_base64_encoded.unwrap_or_default(),
        source_ip: http.source_ip.and_then(|Text(ip)| ip.parse().ok()),
    })
}

fn version_1(event: Event<'_>) -> Result<Incoming, MalformedEvent> {
    // `headers` has only the last of several equal headers.
    let Object(Pairs(all)) = event.multi_value_headers.unwrap_or_default();
    let all = all
        .into_iter()
        .flat_map(|(Text(name), values)| values.into_iter().map(move |value| (Text(name.clone()), value)));
    let mut headers = all.map(header).collect::<Result<Vec<_>, _>>()?;
    if headers.is_empty() {
        let Object(Pairs(last)) = event.headers.unwrap_or_default();
        headers = last.into_iter().map(header).collect::<Result<_, _>>()?;
    }
    let source_ip = event.request_context.0.identity.and_then(|Object(identity)| identity.source_ip);
    Ok(Incoming {
        method: event.http_method.ok_or(MalformedEvent)?.into(),
        path: event.path.ok_or(MalformedEvent)?.into(),
        // A 1.0 event has no raw query, so the bytes that the sender signed cannot be restored.
        query: String::new(),
        headers,
        body: event.body.map(String::from).unwrap_or_default(),
        is_base64: event.is_base64_encoded.unwrap_or_default(),
        source_ip: source_ip.and_then(|Text(ip)| ip.parse().ok()),
    })
}

/// No gateway passes a value on that could not stand in a request.
fn header((Text(name), Text(value)): (Text<'_>, Text<'_>)) -> Result<(String, String), MalformedEvent> {
    if value.bytes().any(|byte| byte != b'\t' && byte.is_ascii_control()) {
        return Err(MalformedEvent);
    }
    let mut name = name.into_owned();
    name.make_ascii_lowercase();
    Ok((name, value.into_owned()))
}

/// A reply in the format of its event's version.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GatewayReply {
    status_code: u16,
    headers: BTreeMap<&'static str, String>,
    body: String,
    is_base64_encoded: bool,
    /// Only in 2.0, which sets cookies from here. `cargo lambda watch` needs the field even if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    cookies: Option<Vec<String>>,
}

impl GatewayReply {
    /// The reply to a HEAD request is that of GET, without the body.
    pub(crate) fn new(form: ReplyForm, reply: Reply) -> Self {
        let ReplyForm { is_head, is_version_2, .. } = form;
        let (cookies, headers): (Vec<_>, Vec<_>) =
            reply.headers.into_iter().partition(|(name, _)| is_version_2 && *name == SET_COOKIE);
        let mut by_name = BTreeMap::new();
        by_name.extend(headers);
        Self {
            status_code: reply.status,
            headers: by_name,
            body: if is_head { String::new() } else { reply.body },
            is_base64_encoded: false,
            cookies: is_version_2.then(|| cookies.into_iter().map(|(_, cookie)| cookie).collect()),
        }
    }
}

#[cfg(test)]
mod tests;
