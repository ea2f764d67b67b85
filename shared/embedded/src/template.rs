//! The tables, functions, routes, schedules and streams that a SAM template declares, for the local stack and the tests.

use std::collections::BTreeMap;
use std::time::Duration;

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::stream::{Stream, StreamError};

/// A parsed template with its parameters and pseudo parameters resolved.
#[derive(Debug)]
pub struct Template {
    tables: Vec<Table>,
    functions: Vec<Function>,
    document: Value,
}

#[derive(Debug)]
pub struct Table {
    pub logical_id: String,
    pub name: String,
    /// The body of `CreateTable`: the properties that it shares with `AWS::DynamoDB::Table`.
    pub definition: Value,
    pub expires_by: Option<String>,
    /// The view type of the table's stream, if it has one.
    pub stream: Option<String>,
}

#[derive(Debug)]
pub struct Function {
    pub logical_id: String,
    /// The name of its binary, folder and crate.
    pub binary: String,
    pub routes: Vec<Route>,
    /// How its function URL sends replies on, if it has one.
    pub url: Option<InvokeMode>,
    pub schedules: Vec<Schedule>,
    pub streams: Vec<Stream>,
    pub environment: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    pub method: String,
    pub path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvokeMode {
    /// In one body.
    Buffered,
    /// In parts, as the function makes them.
    ResponseStream,
}

/// A scheduled call of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    pub every: Duration,
    pub input: String,
}

impl Template {
    /// A parameter without a value takes the template's default. The name of a Parameter Store parameter starts with `ssm:`.
    pub fn parse(text: &str, parameters: &[(&str, &str)]) -> Result<Self, TemplateError> {
        let documents = Yaml::load_from_str(text).map_err(|error| TemplateError::Yaml(error.to_string()))?;
        let raw = to_json(documents.first().ok_or(TemplateError::Empty)?, None)?;
        let mut names: BTreeMap<String, Value> =
            [("AWS::Region", "us-east-1"), ("AWS::AccountId", "000000000000"), ("AWS::Partition", "aws")]
                .into_iter()
                .map(|(name, value)| (name.to_owned(), Value::from(value)))
                .collect();
        for (name, parameter) in raw.get("Parameters").and_then(Value::as_object).into_iter().flatten() {
            let given = parameters.iter().find(|(given, _)| given == name).map(|(_, value)| Value::from(*value));
            if let Some(value) = given.or_else(|| parameter.get("Default").cloned()) {
                names.insert(name.clone(), value);
            }
        }
        let stored = parameters.iter().filter(|(name, _)| name.starts_with("ssm:"));
        names.extend(stored.map(|(name, value)| ((*name).to_owned(), Value::from(*value))));
        let document = resolved(raw, &names);
        let mut template = Self { tables: Vec::new(), functions: Vec::new(), document };
        let globals = template.document.pointer("/Globals/Function").unwrap_or(&Value::Null);
        for (id, resource) in template.document.get("Resources").and_then(Value::as_object).into_iter().flatten() {
            match resource.get("Type").and_then(Value::as_str) {
                Some("AWS::DynamoDB::Table") => template.tables.push(table(id, resource)?),
                Some("AWS::Serverless::Function") => template.functions.push(function(id, resource, globals)?),
                _ => {}
            }
        }
        Ok(template)
    }

    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// The Parameter Store names through which a stack passes the streams of its tables to another stack.
    pub fn stream_parameters(&self) -> Vec<(String, &Table)> {
        let resources = self.document.get("Resources").and_then(Value::as_object).into_iter().flatten();
        let named = resources.filter_map(|(_, resource)| {
            let properties = resource
                .get("Properties")
                .filter(|_| resource.get("Type").is_some_and(|kind| kind == "AWS::SSM::Parameter"))?;
            let of = properties.get("Value")?.get("Fn::GetAtt")?.as_str()?.strip_suffix(".StreamArn")?;
            let table = self.tables.iter().find(|table| table.logical_id == of)?;
            Some((properties.get("Name")?.as_str()?.to_owned(), table))
        });
        named.collect()
    }

    /// The whole document, with intrinsic functions in their long form.
    pub fn document(&self) -> &Value {
        &self.document
    }
}

fn table(id: &str, resource: &Value) -> Result<Table, TemplateError> {
    const SHARED: [&str; 5] =
        ["TableName", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode"];
    let properties = properties(id, resource)?;
    let definition: Map<String, Value> =
        SHARED.iter().filter_map(|name| Some(((*name).to_owned(), properties.get(*name)?.clone()))).collect();
    let within = |name: &str, field: &str| properties.get(name)?.get(field)?.as_str().map(str::to_owned);
    Ok(Table {
        logical_id: id.to_owned(),
        name: text(id, properties, "TableName")?,
        definition: Value::Object(definition),
        expires_by: within("TimeToLiveSpecification", "AttributeName"),
        stream: within("StreamSpecification", "StreamViewType"),
    })
}

/// `globals` are the properties of all functions, which each function can override.
fn function(id: &str, resource: &Value, globals: &Value) -> Result<Function, TemplateError> {
    let properties = properties(id, resource)?;
    let mut routes: Vec<Route> = Vec::new();
    let mut schedules: Vec<Schedule> = Vec::new();
    let mut streams: Vec<Stream> = Vec::new();
    for event in properties.get("Events").and_then(Value::as_object).into_iter().flat_map(Map::values) {
        if event.get("Type").and_then(Value::as_str) == Some("HttpApi") {
            let of = self::properties(id, event)?;
            routes.push(Route { method: text(id, of, "Method")?.to_ascii_uppercase(), path: text(id, of, "Path")? });
        }
        if event.get("Type").and_then(Value::as_str) == Some("ScheduleV2") {
            let of = self::properties(id, event)?;
            let expression = text(id, of, "ScheduleExpression")?;
            let every = rate(&expression).ok_or_else(|| TemplateError::Rate(id.to_owned(), expression))?;
            schedules.push(Schedule { every, input: text(id, of, "Input")? });
        }
        if event.get("Type").and_then(Value::as_str) == Some("DynamoDB") {
            let of = self::properties(id, event)?;
            streams.push(Stream::read(of).map_err(|error| TemplateError::Stream(id.to_owned(), error))?);
        }
    }
    routes.sort();
    let build = resource.pointer("/Metadata/BuildProperties/Binary").and_then(Value::as_str);
    let variables = |of: &Value| of.pointer("/Environment/Variables").and_then(Value::as_object).cloned();
    let environment = variables(globals).into_iter().chain(variables(properties)).flatten().collect();
    Ok(Function {
        logical_id: id.to_owned(),
        binary: build.ok_or_else(|| TemplateError::Missing(id.to_owned(), "Binary".to_owned()))?.to_owned(),
        routes,
        url: url(id, properties)?,
        schedules,
        streams,
        environment,
    })
}

fn url(id: &str, properties: &Value) -> Result<Option<InvokeMode>, TemplateError> {
    let Some(config) = properties.get("FunctionUrlConfig") else { return Ok(None) };
    match config.get("InvokeMode").and_then(Value::as_str) {
        None | Some("BUFFERED") => Ok(Some(InvokeMode::Buffered)),
        Some("RESPONSE_STREAM") => Ok(Some(InvokeMode::ResponseStream)),
        Some(_) => Err(TemplateError::Missing(id.to_owned(), "InvokeMode".to_owned())),
    }
}

/// Parses `rate(5 minutes)`, the only form that these templates use.
fn rate(expression: &str) -> Option<Duration> {
    let (count, unit) = expression.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let seconds: u64 = match unit.trim_end_matches('s') {
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return None,
    };
    count.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

fn properties<'v>(id: &str, resource: &'v Value) -> Result<&'v Value, TemplateError> {
    resource.get("Properties").ok_or_else(|| TemplateError::Missing(id.to_owned(), "Properties".to_owned()))
}

fn text(id: &str, properties: &Value, name: &str) -> Result<String, TemplateError> {
    let value = properties.get(name).and_then(Value::as_str);
    value.map(str::to_owned).ok_or_else(|| TemplateError::Missing(id.to_owned(), name.to_owned()))
}

/// The document as JSON, with `!Ref x` as `{"Ref": x}` and `!Sub x` as `{"Fn::Sub": x}`.
fn to_json(node: &Yaml<'_>, tag: Option<&str>) -> Result<Value, TemplateError> {
    let value = match node {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => Value::from(*value),
        Yaml::Value(Scalar::Integer(value)) => Value::from(*value),
        Yaml::Value(Scalar::FloatingPoint(value)) => Value::from(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => Value::from(value.as_ref()),
        Yaml::Sequence(nodes) => nodes.iter().map(|node| to_json(node, None)).collect::<Result<_, _>>()?,
        Yaml::Mapping(pairs) => {
            let mut object = Map::new();
            for (key, value) in pairs {
                let Value::String(key) = to_json(key, None)? else {
                    return Err(TemplateError::Key);
                };
                object.insert(key, to_json(value, None)?);
            }
            Value::Object(object)
        }
        Yaml::Tagged(tag, node) => to_json(node, Some(&tag.suffix))?,
        Yaml::Representation(text, ..) => Value::from(text.as_ref()),
        Yaml::Alias(_) | Yaml::BadValue => return Err(TemplateError::Value),
    };
    let Some(tag) = tag else { return Ok(value) };
    let name = if matches!(tag, "Ref" | "Condition") { tag.to_owned() } else { format!("Fn::{tag}") };
    Ok(Value::Object(Map::from_iter([(name, value)])))
}

/// References to parameters become their values; references to resources stay.
fn resolved(value: Value, names: &BTreeMap<String, Value>) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(|value| resolved(value, names)).collect(),
        Value::Object(object) => {
            if let Some(value) = object.get("Ref").and_then(Value::as_str).and_then(|name| names.get(name)) {
                return value.clone();
            }
            if let Some(text) = object.get("Fn::Sub").and_then(Value::as_str) {
                let text = names.iter().fold(text.to_owned(), |text, (name, value)| {
                    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    text.replace(&format!("${{{name}}}"), &value)
                });
                return if text.contains("${") {
                    Value::Object(Map::from_iter([("Fn::Sub".to_owned(), text.into())]))
                } else {
                    stored(&text, names).unwrap_or(text.into())
                };
            }
            object.into_iter().map(|(key, value)| (key, resolved(value, names))).collect()
        }
        Value::String(text) => stored(&text, names).unwrap_or(text.into()),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// The value of `{{resolve:ssm:/name}}`, if it is known.
fn stored(text: &str, names: &BTreeMap<String, Value>) -> Option<Value> {
    names.get(text.strip_prefix("{{resolve:")?.strip_suffix("}}")?).cloned()
}

#[derive(Debug, Error)]
pub enum TemplateError {
    #[error("the template is not YAML: {0}")]
    Yaml(String),
    #[error("the template is empty")]
    Empty,
    #[error("a key of the template is not a string")]
    Key,
    #[error("a value of the template cannot be read")]
    Value,
    #[error("{0}: {1} is not a rate")]
    Rate(String, String),
    #[error("{0} has an unsupported stream event")]
    Stream(String, #[source] StreamError),
    #[error("{0} has no {1}")]
    Missing(String, String),
}
