//! The side that a half-sweep leaves as it is: factors rotated into the eigenbasis of their Gramian, against which rows
//! are solved.

use crate::error::Result;
use crate::linalg::Eigenbasis;
use crate::matrix::Matrix;
use crate::observer::Observer;

/// The fixed side of a half-sweep, ready to solve rows against.
#[derive(Clone, Debug)]
pub struct FixedSide {
    basis: Eigenbasis,
    fixed: Matrix,
    unobserved_weight: f32,
}

impl FixedSide {
    /// Prepares the fixed side: `fixed` (n × k) are the factors that rows refer to, `gram` (k × k)
    /// is the Gramian of **all** factors a row is measured against, which may be more than `fixed`.
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

    /// The fixed side in the eigenbasis, taken out.
    pub fn into_fixed(self) -> Matrix {
        self.fixed
    }

    /// The eigenbasis.
    pub fn basis(&self) -> &Eigenbasis {
        &self.basis
    }

    /// The fixed side in the eigenbasis.
    #[inline(always)]
    pub(super) fn fixed(&self) -> &Matrix {
        &self.fixed
    }

    /// D for a row with this λ.
    #[inline(always)]
    pub(super) fn diagonal(&self, ridge: f32) -> impl Iterator<Item = f32> {
        self.basis.values.iter().map(move |value| self.unobserved_weight * value + ridge)
    }
}
