//! Arrays of `real`, `float8` and `integer`, copied as a single block each way. The general conversion handles every
//! element separately.

use pgrx::{FromDatum, IntoDatum, pg_sys};

/// A number type whose arrays PostgreSQL stores without gaps.
pub trait Packable: Copy {
    /// The oid of the element type.
    const ELEMENT: pg_sys::Oid;
    /// The oid of the array type.
    const ARRAY: pg_sys::Oid;
}

impl Packable for f32 {
    const ELEMENT: pg_sys::Oid = pg_sys::FLOAT4OID;
    const ARRAY: pg_sys::Oid = pg_sys::FLOAT4ARRAYOID;
}

impl Packable for i32 {
    const ELEMENT: pg_sys::Oid = pg_sys::INT4OID;
    const ARRAY: pg_sys::Oid = pg_sys::INT4ARRAYOID;
}

impl Packable for f64 {
    const ELEMENT: pg_sys::Oid = pg_sys::FLOAT8OID;
    const ARRAY: pg_sys::Oid = pg_sys::FLOAT8ARRAYOID;
}

/// A one-dimensional array without nulls.
pub struct NumberArray<T>(pub Vec<T>);

/// The number of bytes before the elements of an array without nulls: the header, and length and lower bound of each
/// dimension, rounded up to 8 (`ARR_OVERHEAD_NONULLS`).
pub const fn overhead(dimensions: usize) -> usize {
    (size_of::<pg_sys::ArrayType>() + 8 * dimensions).next_multiple_of(8)
}

impl<T: Packable> IntoDatum for NumberArray<T> {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        let dimensions = usize::from(!self.0.is_empty());
        let bytes = size_of_val(self.0.as_slice());
        let size = overhead(dimensions) + bytes;
        // SAFETY: `palloc0` gives `size` zeroed bytes or raises an error (also above 1 GB); header,
        // dimensions and elements are written inside them as array.h lays them out.
        unsafe {
            let array = pg_sys::palloc0(size).cast::<pg_sys::ArrayType>();
            pgrx::varlena::set_varsize_4b(array.cast(), size as i32);
            (*array).ndim = dimensions as i32;
            (*array).dataoffset = 0;
            (*array).elemtype = T::ELEMENT;
            if dimensions == 1 {
                let bounds = array.add(1).cast::<i32>();
                bounds.write(self.0.len() as i32);
                bounds.add(1).write(1);
            }
            let elements = array.cast::<u8>().add(overhead(dimensions));
            std::ptr::copy_nonoverlapping(self.0.as_ptr().cast::<u8>(), elements, bytes);
            Some(pg_sys::Datum::from(array))
        }
    }

    fn type_oid() -> pg_sys::Oid {
        T::ARRAY
    }
}

impl<T: Packable> FromDatum for NumberArray<T> {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        if is_null {
            return None;
        }
        // SAFETY: the column has the array type of `type_oid`, which SPI checked; a detoasted array
        // has its elements where `overhead` says when it has no nulls.
        unsafe {
            let stored = datum.cast_mut_ptr::<pg_sys::varlena>();
            let plain = pg_sys::pg_detoast_datum(stored);
            let array = plain.cast::<pg_sys::ArrayType>();
            let valid = (*array).elemtype == T::ELEMENT && (*array).dataoffset == 0;
            let values = match (valid, (*array).ndim) {
                (true, 0) => Some(Vec::new()),
                (true, 1) => {
                    let length = array.add(1).cast::<i32>().read() as usize;
                    let elements = array.cast::<u8>().add(overhead(1)).cast::<T>();
                    Some(std::slice::from_raw_parts(elements, length).to_vec())
                }
                _ => None,
            };
            if !std::ptr::eq(plain, stored) {
                pg_sys::pfree(plain.cast());
            }
            values.map(Self)
        }
    }
}
