//! A setting that is either given or left to the training (`"auto"`).

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `"auto"` or a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoOr<T> {
    /// The training chooses the value.
    Auto,
    /// The value is given.
    Given(T),
}

impl<T> AutoOr<T> {
    /// The given value, or the result of `decide`.
    pub fn unwrap_or_else(self, decide: impl FnOnce() -> T) -> T {
        match self {
            Self::Auto => decide(),
            Self::Given(value) => value,
        }
    }
}

impl<T: Serialize> Serialize for AutoOr<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Given(value) => value.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for AutoOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form<T> {
            Value(T),
            Word(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Value(value) => Ok(Self::Given(value)),
            Form::Word(word) if word == "auto" => Ok(Self::Auto),
            Form::Word(word) => Err(serde::de::Error::custom(format!("{word:?} is not \"auto\""))),
        }
    }
}
