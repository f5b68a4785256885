//! Parameters of statements and columns of their results, with their types; texts are in the server's encoding.

use super::json::Json;
use super::number_array::NumberArray;
use super::text::Text;
use pgrx::datum::{DatumWithOid, Timestamp, TimestampWithTimeZone};
use pgrx::{FromDatum, IntoDatum, JsonB, Uuid, pg_sys};

/// The value of a statement's parameter, with its type.
pub struct Argument<'a>(DatumWithOid<'a>);

impl<'a> Argument<'a> {
    /// The oid of its type.
    pub fn oid(&self) -> pg_sys::Oid {
        self.0.oid()
    }

    /// The datum; `None` for null.
    pub fn datum(&self) -> Option<pg_sys::Datum> {
        self.0.datum().map(|datum| datum.sans_lifetime())
    }
}

/// A type that can be passed as a parameter.
pub trait Bindable {
    /// The type that is passed to PostgreSQL.
    type Bound: IntoDatum;
    /// Converts to that type.
    fn bound(self) -> Self::Bound;
}

impl<T: Bindable> From<T> for Argument<'_> {
    fn from(value: T) -> Self {
        Self(value.bound().into())
    }
}

/// A type as which a column of a result can be read.
pub trait Readable {
    /// The type that PostgreSQL returns; it is checked against that of the column.
    type Stored: FromDatum + IntoDatum;
    fn from_stored(stored: Self::Stored) -> Self;
}

macro_rules! as_it_is {
    ($($type:ty),*) => {$(
        impl Bindable for $type {
            type Bound = Self;
            fn bound(self) -> Self {
                self
            }
        }

        impl Readable for $type {
            type Stored = Self;
            fn from_stored(stored: Self) -> Self {
                stored
            }
        }
    )*};
}

as_it_is!(
    i8,
    i32,
    i64,
    f32,
    f64,
    bool,
    pg_sys::Oid,
    Uuid,
    Timestamp,
    TimestampWithTimeZone,
    NumberArray<f32>,
    NumberArray<i32>,
    Vec<u8>
);

impl<T: Bindable> Bindable for Option<T> {
    type Bound = Option<T::Bound>;
    fn bound(self) -> Self::Bound {
        self.map(T::bound)
    }
}

impl<T: Bindable> Bindable for Vec<T> {
    type Bound = Vec<T::Bound>;
    fn bound(self) -> Self::Bound {
        self.into_iter().map(T::bound).collect()
    }
}

impl Bindable for &str {
    type Bound = Text;
    fn bound(self) -> Text {
        self.into()
    }
}

impl Bindable for String {
    type Bound = Text;
    fn bound(self) -> Text {
        self.into()
    }
}

impl Readable for String {
    type Stored = Text;
    fn from_stored(stored: Text) -> Self {
        stored.0
    }
}

impl Bindable for JsonB {
    type Bound = Json;
    fn bound(self) -> Json {
        Json(self.0)
    }
}

impl Readable for JsonB {
    type Stored = Json;
    fn from_stored(stored: Json) -> Self {
        Self(stored.0)
    }
}
