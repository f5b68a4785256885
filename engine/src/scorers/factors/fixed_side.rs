//! The side that a half-sweep keeps fixed: its factors, rotated into the eigenbasis of their Gramian.

use crate::error::Result;
use crate::linalg::Eigenbasis;
use crate::matrix::Matrix;
use crate::observer::Observer;

/// The fixed side of a half-sweep, against which rows are solved.
#[derive(Clone, Debug)]
pub struct FixedSide {
    basis: Eigenbasis,
    fixed: Matrix,
    unobserved_weight: f32,
}

impl FixedSide {
    /// Prepares `fixed` (n × k), the factors that rows refer to. `gram` (k × k) is the Gramian of **all** factors a
    /// row is fitted to, which may be more than those in `fixed`.
    ///
    /// # Errors
    /// [`crate::EngineError::NotFinite`], [`crate::EngineError::Cancelled`].
    pub fn new(
        fixed: &Matrix,
        gram: &[f64],
        unobserved_weight: f64,
        observer: &dyn Observer,
    ) -> Result<Self> {
        observer.check()?;
        let basis = Eigenbasis::of(gram, fixed.columns())?;
        Ok(Self { fixed: basis.rotate(fixed, observer), basis, unobserved_weight: unobserved_weight as f32 })
    }

    /// Returns the fixed factors in the eigenbasis.
    pub fn into_fixed(self) -> Matrix {
        self.fixed
    }

    /// The eigenbasis of the Gramian.
    pub fn basis(&self) -> &Eigenbasis {
        &self.basis
    }

    /// The fixed factors in the eigenbasis.
    #[inline(always)]
    pub(super) fn fixed(&self) -> &Matrix {
        &self.fixed
    }

    /// The diagonal of D = α₀G + λI in the eigenbasis, for the λ given as `ridge`.
    #[inline(always)]
    pub(super) fn diagonal(&self, ridge: f32) -> impl Iterator<Item = f32> {
        self.basis.values.iter().map(move |value| self.unobserved_weight * value + ridge)
    }
}
