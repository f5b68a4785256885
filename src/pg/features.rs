//! The argument `features real[]` of a row, read in place.

use super::packed::{Packable, overhead};
use crate::error::{FeatureProblem, Result, SegrecError};
use pgrx::callconv::{Arg, ArgAbi};
use pgrx::nullable::Nullable;
use pgrx::{FromDatum, pg_sys};

/// Features at most: a row of them has 64 kB.
pub const MOST_FEATURES: usize = 16_000;
/// Their largest absolute value: the squares of [`MOST_FEATURES`] of them do not overflow.
pub const LARGEST_FEATURE: f32 = 1e15;

/// The features of a row.
pub struct Features<'fcx> {
    dimensions: usize,
    /// Where there are no nulls.
    values: &'fcx [f32],
    first_null: Option<usize>,
}

fn is_usable(value: &f32) -> bool {
    value.abs() <= LARGEST_FEATURE // which NaN is not
}

impl<'fcx> Features<'fcx> {
    /// The values: at least one, all finite.
    ///
    /// # Errors
    /// What is wrong with them.
    #[inline]
    pub fn values(&self) -> Result<&'fcx [f32]> {
        let flat = self.dimensions == 1 && self.first_null.is_none();
        if flat && self.values.len() <= MOST_FEATURES && self.values.iter().all(is_usable) {
            return Ok(self.values);
        }
        Err(SegrecError::Features(self.problem()))
    }

    fn problem(&self) -> FeatureProblem {
        let wrong = self.values.iter().position(|value| !is_usable(value));
        match (self.first_null, self.dimensions, wrong) {
            (Some(position), ..) => FeatureProblem::Null { position: position + 1 },
            (_, 0, _) => FeatureProblem::Empty,
            (_, 1, Some(position)) => {
                FeatureProblem::OutOfRange { position: position + 1, value: self.values[position] }
            }
            (_, 1, None) => FeatureProblem::TooMany { count: self.values.len(), most: MOST_FEATURES },
            (_, dimensions, _) => FeatureProblem::Dimensions(dimensions),
        }
    }
}

impl FromDatum for Features<'_> {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        if is_null {
            return None;
        }
        // SAFETY: the argument is a real[]; a detoasted array has its elements where `overhead` says, or
        // after a bitmap, one bit for each, where `dataoffset` says.
        unsafe {
            let array = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
            let dimensions = (*array).ndim.max(0) as usize;
            let bounds = array.add(1).cast::<i32>();
            let length = (0..dimensions).map(|dimension| bounds.add(dimension).read() as usize).product();
            let length = if dimensions == 0 { 0 } else { length };
            debug_assert_eq!((*array).elemtype, f32::ELEMENT);
            let mut offset = overhead(dimensions);
            let mut first_null = None;
            if (*array).dataoffset != 0 {
                offset = (*array).dataoffset as usize;
                let bitmap = bounds.add(2 * dimensions).cast::<u8>();
                first_null = (0..length).find(|&at| bitmap.add(at / 8).read() & 1 << (at % 8) == 0);
            }
            let values = match first_null {
                None => std::slice::from_raw_parts(array.cast::<u8>().add(offset).cast::<f32>(), length),
                Some(_) => &[],
            };
            Some(Self { dimensions, values, first_null })
        }
    }
}

// SAFETY: reads the datum as its type says.
unsafe impl<'fcx> ArgAbi<'fcx> for Features<'fcx> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        let nothing = Self { dimensions: 0, values: &[], first_null: None };
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.unwrap_or(nothing)
    }

    unsafe fn unbox_nullable_arg(arg: Arg<'_, 'fcx>) -> Nullable<Self> {
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.into()
    }
}

pgrx::impl_sql_translatable!(Features<'_>, "real[]");
