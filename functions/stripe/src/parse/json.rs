//! Reads JSON field by field. Unread fields are ignored; a duplicate of a read field is refused, since readers differ
//! in which of the two they take. `null` counts as absent: Stripe writes either.

use ledger::{Amount, Currency, Money, Provider, Reference, Timestamp};
use serde::de::Deserialize;
use serde_json::value::RawValue;
use webhook::{Fields, ParseError};

const MS_PER_SECOND: i64 = 1_000;

/// An object and its path in the body.
pub(super) struct Object<'b> {
    place: String,
    fields: Fields<'b>,
}

/// A value other than null and its path in the body.
pub(super) struct Field<'b> {
    place: String,
    value: &'b RawValue,
}

impl<'b> Object<'b> {
    pub(super) fn of_body(bytes: &'b [u8]) -> Result<Self, ParseError> {
        let fields = serde_json::from_slice(bytes).map_err(|_| problem("body", NOT_AN_OBJECT))?;
        Ok(Self { place: String::new(), fields })
    }

    pub(super) fn field(&self, name: &'static str) -> Result<Option<Field<'b>>, ParseError> {
        let value = self.fields.once(name).map_err(|error| self.problem(name, &error.to_string()))?;
        Ok(value.map(|value| Field { place: self.place_of(name), value }))
    }

    pub(super) fn required(&self, name: &'static str) -> Result<Field<'b>, ParseError> {
        self.field(name)?.ok_or_else(|| self.problem(name, "is missing"))
    }

    pub(super) fn inner(&self, name: &'static str) -> Result<Option<Self>, ParseError> {
        self.field(name)?.map(|field| field.object()).transpose()
    }

    pub(super) fn reference(&self, name: &'static str) -> Result<Option<Reference>, ParseError> {
        self.field(name)?.map(|field| field.reference()).transpose()
    }

    /// The objects of one of Stripe's lists, `{"data": […]}`; empty if there is no list.
    pub(super) fn items(&self, name: &'static str) -> Result<Vec<Self>, ParseError> {
        let data = self.inner(name)?.map(|list| list.field("data")).transpose()?.flatten();
        data.map_or_else(|| Ok(Vec::new()), |data| data.objects())
    }

    /// The length of a JSON array; zero if there is none.
    pub(super) fn length(&self, name: &'static str) -> Result<usize, ParseError> {
        let values = self.field(name)?.map(|field| field.values()).transpose()?;
        Ok(values.map_or(0, |values| values.len()))
    }

    /// This amount, in the currency of the field `currency` of the same object.
    pub(super) fn money(&self, amount: &'static str) -> Result<Money, ParseError> {
        let amount = self.required(amount)?.amount()?;
        Ok(Money { amount, currency: self.required("currency")?.currency()? })
    }

    pub(super) fn problem(&self, name: &str, why: &str) -> ParseError {
        problem(&self.place_of(name), why)
    }

    fn place_of(&self, name: &str) -> String {
        if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) }
    }
}

impl<'b> Field<'b> {
    pub(super) fn text(&self) -> Result<String, ParseError> {
        self.read("must be a text")
    }

    pub(super) fn flag(&self) -> Result<bool, ParseError> {
        self.read("must be true or false")
    }

    /// The meaning of one of Stripe's words. An unknown word is refused, so that an operator sees it.
    pub(super) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, ParseError> {
        let text = self.text()?;
        let known = words.iter().find(|(word, _)| *word == text);
        known.map(|(_, meaning)| *meaning).ok_or_else(|| self.problem("is not a word that is known here"))
    }

    pub(super) fn seconds(&self) -> Result<Timestamp, ParseError> {
        let seconds: i64 = self.read("must be whole seconds")?;
        // A value that saturates is out of range anyway.
        let ms = seconds.saturating_mul(MS_PER_SECOND);
        Timestamp::from_unix_ms(ms).map_err(|error| self.problem(&error.to_string()))
    }

    pub(super) fn rfc3339(&self) -> Result<Timestamp, ParseError> {
        Timestamp::parse_rfc3339(&self.text()?).map_err(|error| self.problem(&error.to_string()))
    }

    /// The id itself, or the id of the object that Stripe puts in its place when a request expands the field.
    pub(super) fn reference(&self) -> Result<Reference, ParseError> {
        if self.value.get().starts_with('{') {
            return self.object()?.required("id")?.id();
        }
        self.id()
    }

    pub(super) fn object(&self) -> Result<Object<'b>, ParseError> {
        Ok(Object { place: self.place.clone(), fields: self.read(NOT_AN_OBJECT)? })
    }

    pub(super) fn problem(&self, why: &str) -> ParseError {
        problem(&self.place, why)
    }

    fn objects(&self) -> Result<Vec<Object<'b>>, ParseError> {
        let values = self.values()?;
        let field = |(n, value)| Field { place: format!("{}[{n}]", self.place), value };
        values.into_iter().enumerate().map(field).map(|field| field.object()).collect()
    }

    fn values(&self) -> Result<Vec<&'b RawValue>, ParseError> {
        self.read("must be a JSON array")
    }

    fn id(&self) -> Result<Reference, ParseError> {
        Reference::new(Provider::Stripe, &self.text()?).map_err(|error| self.problem(&error.to_string()))
    }

    /// In the currency's smallest unit. Stripe sends no fraction, exponent or text.
    fn amount(&self) -> Result<Amount, ParseError> {
        self.read("must be a whole number that is not negative").map(Amount::from_units)
    }

    fn currency(&self) -> Result<Currency, ParseError> {
        Currency::parse(&self.text()?).map_err(|error| self.problem(&error.to_string()))
    }

    fn read<T: Deserialize<'b>>(&self, otherwise: &str) -> Result<T, ParseError> {
        serde_json::from_str(self.value.get()).map_err(|_| self.problem(otherwise))
    }
}

const NOT_AN_OBJECT: &str = "must be a JSON object";

fn problem(field: &str, problem: &str) -> ParseError {
    ParseError { field: field.to_owned(), problem: problem.to_owned(), event_id: None }
}
