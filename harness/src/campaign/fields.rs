//! Unknown keys of a file, with the nearest known one.

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::failure::Failure;
use crate::names;

/// The names of the fields that `T` is read from: what its `Deserialize` asks for, so that they cannot be out of step.
pub(super) fn fields_of<T: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
    match T::deserialize(Asked) {
        Err(Fields(fields)) => fields,
        Ok(_) => &[],
    }
}

/// The failure for the first key of `table` that `T` does not have; `what` is the table, `a matrix`.
pub(super) fn unknown_key<T: for<'de> Deserialize<'de>>(what: &str, table: &toml::Table) -> Option<Failure> {
    let known = fields_of::<T>();
    let key = table.keys().find(|key| !known.contains(&key.as_str()))?;
    Some(names::unknown(
        &format!("key of {what}"),
        key,
        known.iter().copied(),
    ))
}

/// Answers a request for a struct by its fields, as an error.
struct Asked;

#[derive(Debug)]
struct Fields(&'static [&'static str]);

impl std::fmt::Display for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

impl std::error::Error for Fields {}

impl de::Error for Fields {
    fn custom<T: std::fmt::Display>(_message: T) -> Self {
        Self(&[])
    }
}

impl<'de> Deserializer<'de> for Asked {
    type Error = Fields;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Fields> {
        Err(Fields(&[]))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Fields> {
        Err(Fields(fields))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
