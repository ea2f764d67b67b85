//! A parameter of a path, a query or a header. A query's parser takes its names from the same table.

use serde_json::{Value, json};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Path,
    Query,
    Header,
}

impl Place {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
        }
    }
}

/// What its text must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text that matches this pattern of ECMA-262.
    Text(&'static str),
    /// A time such as `2026-01-01T00:00:00Z`.
    Time,
    Whole {
        min: u16,
        max: u16,
        default: u16,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    pub name: &'static str,
    pub place: Place,
    pub about: &'static str,
    pub kind: Kind,
    /// An example, or nothing.
    pub example: &'static str,
}

/// What a query's parser needs of a parameter.
pub trait Named {
    fn name(&self) -> &'static str;
}

impl Named for Parameter {
    fn name(&self) -> &'static str {
        self.name
    }
}

impl Named for &'static str {
    fn name(&self) -> &'static str {
        self
    }
}

impl Parameter {
    pub const fn path(name: &'static str, pattern: &'static str, about: &'static str) -> Self {
        Self { name, place: Place::Path, about, kind: Kind::Text(pattern), example: "" }
    }

    pub const fn query(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, place: Place::Query, about, kind, example: "" }
    }

    pub const fn header(name: &'static str, pattern: &'static str, about: &'static str) -> Self {
        Self { name, place: Place::Header, about, kind: Kind::Text(pattern), example: "" }
    }

    #[must_use]
    pub const fn example(mut self, example: &'static str) -> Self {
        self.example = example;
        self
    }

    pub(super) fn json(&self) -> Value {
        let schema = match self.kind {
            Kind::Text(pattern) => json!({ "type": "string", "pattern": pattern }),
            Kind::Time => json!({ "type": "string", "format": "date-time" }),
            Kind::Whole { min, max, default } => {
                json!({ "type": "integer", "minimum": min, "maximum": max, "default": default })
            }
        };
        let mut parameter = json!({
            "name": self.name,
            "in": self.place.as_str(),
            "required": self.place == Place::Path,
            "description": self.about,
            "schema": schema,
        });
        if !self.example.is_empty()
            && let Some(parameter) = parameter.as_object_mut()
        {
            parameter.insert("example".to_owned(), json!(self.example));
        }
        parameter
    }
}
