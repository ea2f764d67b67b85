//! JSON objects that are read field by field, and borrowed from their text where it has no escapes.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

/// A text, borrowed unless it has escapes.
#[derive(Deserialize)]
pub(crate) struct Text<'j>(#[serde(borrow)] pub(crate) Cow<'j, str>);

/// Fields that are read from an object. Of two with one name the last counts.
pub(crate) trait Fields<'j>: Default {
    fn read<A: MapAccess<'j>>(&mut self, name: Text<'j>, fields: &mut A) -> Result<(), A::Error>;
}

#[derive(Default)]
pub(crate) struct Object<T>(pub(crate) T);

struct FieldByField<T>(PhantomData<T>);

impl<'j, T: Fields<'j>> Deserialize<'j> for Object<T> {
    fn deserialize<D: Deserializer<'j>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldByField(PhantomData)).map(Self)
    }
}

impl<'j, T: Fields<'j>> Visitor<'j> for FieldByField<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'j>>(self, mut map: A) -> Result<T, A::Error> {
        let mut object = T::default();
        while let Some(name) = map.next_key()? {
            object.read(name, &mut map)?;
        }
        Ok(object)
    }
}

impl From<Text<'_>> for String {
    fn from(Text(text): Text<'_>) -> Self {
        text.into_owned()
    }
}
