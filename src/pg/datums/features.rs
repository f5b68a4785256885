//! The argument `features`: an array of numbers. A `real[]` is read in place; other numbers are converted to `real` in
//! a single copy.

use super::id_lists::array_of_text;
use super::number_array::overhead;
use crate::error::{FeatureProblem, Result, SegrecError};
use pgrx::callconv::{Arg, ArgAbi};
use pgrx::nullable::Nullable;
use pgrx::{FromDatum, direct_function_call_as_datum, pg_sys};
use std::borrow::Cow;
use std::ffi::{CStr, c_char};

/// The maximum number of features; a row of that many takes 64 kB.
pub const MOST_FEATURES: usize = 16_000;
/// The maximum absolute value of a feature; the squares of [`MOST_FEATURES`] such values do not overflow.
pub const LARGEST_FEATURE: f32 = 1e15;

/// The features of a row, with the problems found while reading them.
pub struct Features<'fcx> {
    dimensions: usize,
    length: usize,
    /// The values; empty if there are nulls or too many features.
    values: Cow<'fcx, [f32]>,
    first_null: Option<usize>,
    /// The first value that is out of range, in its original type.
    beyond: Option<(usize, f64)>,
    /// The element type, if it is not numeric.
    no_number: Option<pg_sys::Oid>,
}

fn is_usable(value: f64) -> bool {
    value.abs() <= f64::from(LARGEST_FEATURE) // which NaN is not
}

impl Features<'_> {
    /// The values, of which there is at least one, all finite.
    ///
    /// # Errors
    /// The problem with the features.
    #[inline]
    pub fn values(&self) -> Result<&[f32]> {
        let flat = self.dimensions == 1 && self.first_null.is_none() && self.no_number.is_none();
        let usable = flat && self.length <= MOST_FEATURES && self.beyond.is_none();
        if usable && self.values.iter().all(|value| value.abs() <= LARGEST_FEATURE) {
            return Ok(&self.values);
        }
        Err(SegrecError::Features(self.problem()))
    }

    fn problem(&self) -> FeatureProblem {
        if let Some(elements) = self.no_number {
            // SAFETY: a type's name is a C string of PostgreSQL's own.
            let elements = unsafe { CStr::from_ptr(pg_sys::format_type_be(elements)) };
            return FeatureProblem::NoNumbers { elements: elements.to_string_lossy().into_owned() };
        }
        // Print the shortest digits that identify the real, not those of its conversion to double precision.
        let shown = |value: f32| value.to_string().parse().unwrap_or(f64::from(value));
        let wrong = || self.values.iter().position(|&value| !is_usable(value.into()));
        let beyond = self.beyond.or_else(|| wrong().map(|position| (position, shown(self.values[position]))));
        match (self.first_null, self.dimensions, beyond) {
            (Some(position), ..) => FeatureProblem::Null { position: position + 1 },
            (_, 0, _) => FeatureProblem::Empty,
            (_, 1, Some((position, value))) => FeatureProblem::OutOfRange { position: position + 1, value },
            (_, 1, None) => FeatureProblem::TooMany { count: self.length, most: MOST_FEATURES },
            (_, dimensions, _) => FeatureProblem::Dimensions(dimensions),
        }
    }

    /// Converts and stores the values, and records the first one that is out of range.
    fn convert(&mut self, values: impl Iterator<Item = f64>) {
        let beyond = &mut self.beyond;
        let narrow = |(position, value): (usize, f64)| {
            if beyond.is_none() && !is_usable(value) {
                *beyond = Some((position, value));
            }
            value as f32
        };
        self.values = Cow::Owned(values.enumerate().map(narrow).collect());
    }
}

impl FromDatum for Features<'_> {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        if is_null {
            return None;
        }
        // SAFETY: the argument is an array; a detoasted one has its elements where `overhead` says, or after a bitmap, one
        // bit for each, where `dataoffset` says. Numbers of a fixed length lie there without gaps and aligned.
        unsafe {
            let array = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
            let dimensions = (*array).ndim.max(0) as usize;
            let bounds = array.add(1).cast::<i32>();
            let length = (0..dimensions).map(|dimension| bounds.add(dimension).read() as usize).product();
            let length = if dimensions == 0 { 0 } else { length };
            let mut offset = overhead(dimensions);
            let mut first_null = None;
            if (*array).dataoffset != 0 {
                offset = (*array).dataoffset as usize;
                let bitmap = bounds.add(2 * dimensions).cast::<u8>();
                first_null = (0..length).find(|&at| bitmap.add(at / 8).read() & 1 << (at % 8) == 0);
            }
            let values = Cow::Borrowed(&[][..]);
            let mut row = Self { dimensions, length, values, first_null, beyond: None, no_number: None };
            if first_null.is_some() || length > MOST_FEATURES {
                return Some(row);
            }
            let elements = array.cast::<u8>().add(offset);
            match (*array).elemtype {
                pg_sys::FLOAT4OID => row.values = Cow::Borrowed(numbers::<f32>(elements, length)),
                pg_sys::FLOAT8OID => row.convert(numbers::<f64>(elements, length).iter().copied()),
                pg_sys::INT2OID => row.convert(numbers::<i16>(elements, length).iter().map(|&n| n.into())),
                pg_sys::INT4OID => row.convert(numbers::<i32>(elements, length).iter().map(|&n| n.into())),
                pg_sys::INT8OID => row.convert(numbers::<i64>(elements, length).iter().map(|&n| n as f64)),
                pg_sys::NUMERICOID => row.convert(numerics(array, length).into_iter()),
                other => row.no_number = Some(other),
            }
            Some(row)
        }
    }
}

/// Elements of a fixed length.
///
/// # Safety
/// So many lie there.
unsafe fn numbers<'fcx, T>(elements: *const u8, length: usize) -> &'fcx [T] {
    // SAFETY: guaranteed by the caller; arrays are aligned to eight bytes.
    unsafe { std::slice::from_raw_parts(elements.cast::<T>(), length) }
}

/// The elements of an array of numerics without nulls; values beyond `double precision` become infinite.
///
/// # Safety
/// It is one of so many.
unsafe fn numerics(array: *mut pg_sys::ArrayType, length: usize) -> Vec<f64> {
    let (mut elements, mut found) = (std::ptr::null_mut(), 0);
    // SAFETY: the out-pointers are valid; numerics are of variable length and aligned to four bytes.
    unsafe {
        pg_sys::deconstruct_array(
            array,
            pg_sys::NUMERICOID,
            -1,
            false,
            b'i' as c_char,
            &mut elements,
            std::ptr::null_mut(),
            &mut found,
        );
        let elements = std::slice::from_raw_parts(elements, length.min(found as usize));
        let wide = |&numeric: &pg_sys::Datum| {
            let wide = direct_function_call_as_datum(pg_sys::numeric_float8_no_overflow, &[Some(numeric)]);
            wide.map_or(f64::NAN, |wide| f64::from_bits(wide.value() as u64))
        };
        elements.iter().map(wide).collect()
    }
}

const NOTHING: Features<'static> = Features {
    dimensions: 0,
    length: 0,
    values: Cow::Borrowed(&[]),
    first_null: None,
    beyond: None,
    no_number: None,
};

// SAFETY: reads the datum as its type says.
unsafe impl<'fcx> ArgAbi<'fcx> for Features<'fcx> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.unwrap_or(NOTHING)
    }

    unsafe fn unbox_nullable_arg(arg: Arg<'_, 'fcx>) -> Nullable<Self> {
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.into()
    }
}

pgrx::impl_sql_translatable!(Features<'_>, "anyarray");

/// Features given as text: the literal of an array.
pub struct WrittenFeatures<'fcx>(pub Features<'fcx>);

impl FromDatum for WrittenFeatures<'_> {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        if is_null {
            return None;
        }
        // SAFETY: the argument is a text.
        unsafe { Features::from_datum(array_of_text(datum, pg_sys::FLOAT8OID)?, false).map(Self) }
    }
}

// SAFETY: reads the datum as its type says.
unsafe impl<'fcx> ArgAbi<'fcx> for WrittenFeatures<'fcx> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.unwrap_or(Self(NOTHING))
    }

    unsafe fn unbox_nullable_arg(arg: Arg<'_, 'fcx>) -> Nullable<Self> {
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.into()
    }
}

pgrx::impl_sql_translatable!(WrittenFeatures<'_>, "text");
