//! One call of an API, as the document describes it.

use std::collections::BTreeMap;

use ledger::Scope;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{NamedSchema, Parameter, Place, common};

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody, without a key.
    Public,
    /// An owner, with a key of its own.
    Owner,
    /// An owner, or a service key with this scope.
    OwnerOr(Scope),
    /// A service key with this scope.
    Service(Scope),
    /// Any key.
    Any,
}

/// Whether a call takes the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdempotencyKey {
    None,
    Optional,
    Required,
}

/// An answer with a body.
#[derive(Debug)]
struct Answer {
    status: u16,
    about: &'static str,
    content: Map<String, Value>,
    headers: Map<String, Value>,
}

#[derive(Debug)]
pub struct Operation {
    id: &'static str,
    summary: &'static str,
    about: &'static str,
    access: Access,
    idempotency_key: IdempotencyKey,
    parameters: Vec<Parameter>,
    body: Option<Value>,
    answers: Vec<Answer>,
    errors: BTreeMap<u16, Vec<&'static str>>,
    /// The form of its refusals, if it is not that of all others, and the code of one without a key.
    refusal: Option<(Value, &'static str)>,
    schemas: Vec<NamedSchema>,
}

impl Operation {
    /// `id` is the name of the call in a generated client.
    pub fn new(id: &'static str, summary: &'static str, access: Access) -> Self {
        let operation = Self {
            id,
            summary,
            about: "",
            access,
            idempotency_key: IdempotencyKey::None,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            errors: BTreeMap::new(),
            refusal: None,
            schemas: Vec::new(),
        };
        match access {
            Access::Public => operation,
            Access::Owner | Access::Any => operation.authenticated(),
            Access::OwnerOr(_) => operation.authenticated().error(403, &["scope_missing"]),
            Access::Service(_) => operation.authenticated().error(403, &["scope_missing", "service_key_needed"]),
        }
    }

    fn authenticated(self) -> Self {
        self.error(400, &["malformed", "duplicate_header"]).error(503, &["unavailable"])
    }

    #[must_use]
    pub fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    /// A change that takes effect once: a repeat gets the first answer.
    #[must_use]
    pub fn idempotent(mut self, key: IdempotencyKey) -> Self {
        self.idempotency_key = key;
        match key {
            IdempotencyKey::None => self,
            IdempotencyKey::Optional => self.error(400, &["idempotency_key_invalid"]),
            IdempotencyKey::Required => self.error(400, &["idempotency_key_missing", "idempotency_key_invalid"]),
        }
    }

    /// The answer to a repeat is marked, whatever its idempotency key.
    #[must_use]
    pub fn repeatable(mut self) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.headers.insert(common::REPLAYED.to_owned(), common::replayed());
        }
        self
    }

    #[must_use]
    pub fn parameter(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// The parameters of its query, as its parser has them.
    #[must_use]
    pub fn query(mut self, parameters: &[Parameter]) -> Self {
        self.parameters.extend_from_slice(parameters);
        self.error(400, &["query_invalid", "unknown_parameter", "duplicate_parameter"])
    }

    /// The body, as its parser reads it.
    #[must_use]
    pub fn body<T: ToSchema>(mut self) -> Self {
        self.body = Some(self.reference::<T>());
        self.error(400, &["body_invalid", "unknown_field", "duplicate_field"])
    }

    #[must_use]
    pub fn answer<T: ToSchema>(mut self, status: u16, about: &'static str) -> Self {
        let schema = self.reference::<T>();
        let content = Map::from_iter([("application/json".to_owned(), json!({ "schema": schema }))]);
        self.answers.push(Answer { status, about, content, headers: Map::new() });
        self
    }

    /// The last answer, in another form.
    #[must_use]
    pub fn or_text(mut self, media_type: &'static str, about: &'static str) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            let schema = json!({ "type": "string", "description": about });
            answer.content.insert(media_type.to_owned(), json!({ "schema": schema }));
        }
        self
    }

    /// An answer with this status that is a text and no JSON, such as a page.
    #[must_use]
    pub fn text(mut self, status: u16, media_type: &'static str, about: &'static str) -> Self {
        let content = Map::from_iter([(media_type.to_owned(), json!({ "schema": { "type": "string" } }))]);
        self.answers.push(Answer { status, about, content, headers: Map::new() });
        self
    }

    /// A header of the last answer that it may have.
    #[must_use]
    pub fn header(mut self, name: &'static str, about: &'static str) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.headers.insert(name.to_owned(), json!({ "description": about, "schema": { "type": "string" } }));
        }
        self
    }

    /// Refusals with this status, by their codes.
    #[must_use]
    pub fn error(mut self, status: u16, codes: &[&'static str]) -> Self {
        let known = self.errors.entry(status).or_default();
        known.extend_from_slice(codes);
        known.sort_unstable();
        known.dedup();
        self
    }

    /// Its refusals have a form of their own. `unauthorized` is the code of one without a key.
    #[must_use]
    pub fn refused_in<T: ToSchema>(mut self, unauthorized: &'static str) -> Self {
        self.refusal = Some((self.reference::<T>(), unauthorized));
        self
    }

    fn reference<T: ToSchema>(&mut self) -> Value {
        let name = T::name().into_owned();
        let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
        let mut schemas = vec![(name, T::schema())];
        T::schemas(&mut schemas);
        let of_json =
            schemas.into_iter().map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default()));
        self.schemas.extend(of_json);
        reference
    }

    pub(super) fn schemas(&self) -> &[NamedSchema] {
        &self.schemas
    }

    /// A second address of the same call has another id.
    pub(super) fn id(&self, aliased: usize) -> String {
        if aliased == 0 { self.id.to_owned() } else { format!("{}Alias{aliased}", self.id) }
    }

    /// Whether the description names the parameters of this path, and no others.
    pub(super) fn fits(&self, path: &str) -> bool {
        let segments = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
        let described = self.parameters.iter().filter(|parameter| parameter.place == Place::Path);
        segments.eq(described.map(|parameter| parameter.name))
    }

    pub(super) fn json(&self, id: &str, tag: &str, is_alias: bool) -> Value {
        let mut operation = json!({
            "operationId": id,
            "tags": [tag],
            "summary": self.summary,
            "security": common::security(self.access),
            "responses": self.responses(),
        });
        let mut with =
            |name: &str, value: Value| operation.as_object_mut().map(|all| all.insert(name.to_owned(), value));
        if !self.about.is_empty() {
            with("description", json!(self.about));
        }
        if is_alias {
            with("deprecated", json!(true));
        }
        let parameters: Vec<Value> = common::idempotency_key(self.idempotency_key)
            .into_iter()
            .chain(self.parameters.iter().map(Parameter::json))
            .collect();
        if !parameters.is_empty() {
            with("parameters", json!(parameters));
        }
        if let Some(body) = &self.body {
            with("requestBody", json!({ "required": true, "content": { "application/json": { "schema": body } } }));
        }
        operation
    }

    fn responses(&self) -> Map<String, Value> {
        let mut responses = Map::new();
        for Answer { status, about, content, headers } in &self.answers {
            let mut headers = headers.clone();
            if self.idempotency_key != IdempotencyKey::None {
                headers.insert(common::REPLAYED.to_owned(), common::replayed());
            }
            let mut response = json!({ "description": about, "content": content });
            if !headers.is_empty()
                && let Some(response) = response.as_object_mut()
            {
                response.insert("headers".to_owned(), Value::Object(headers));
            }
            responses.insert(status.to_string(), response);
        }
        let error = common::error();
        let form = self.refusal.as_ref().map_or(&error, |(form, _)| form);
        let errors =
            self.errors.iter().map(|(status, codes)| (status.to_string(), common::refusal(*status, codes, form)));
        responses.extend(errors);
        if self.access != Access::Public {
            for (status, name, _, code) in common::RESPONSES {
                let response = match &self.refusal {
                    None => common::response(name),
                    Some((form, unauthorized)) => {
                        common::refusal(status, &[if status == 401 { unauthorized } else { code }], form)
                    }
                };
                responses.entry(status.to_string()).or_insert(response);
            }
        }
        responses
    }
}
