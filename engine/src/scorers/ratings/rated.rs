//! The parts of a rating fit besides the rows of users and items.

use super::attributes::AttributeEncoder;
use super::fold_in::RatingFoldIn;
use crate::error::{EngineError, Result};
use crate::matrix::{Matrix, Rows};
use crate::scorers::sections::{NewSection, SectionKind, StoredSections};
use serde::{Deserialize, Serialize};

/// What ratings need besides the rows of users and items. Those rows are kept in the backbone: k factors, then 1 and
/// the bias for users, or the bias and 1 for items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rated {
    /// μ, the mean rating, which is added to every product.
    pub mean: f64,
    /// The lowest and the highest rating.
    pub scale: (f32, f32),
    /// What having rated an item adds to a user's prior mean; items × (k + 1). Stored in a section of its own.
    #[serde(skip)]
    pub item_patterns: Matrix,
    /// Computes the rows of users without training.
    pub fold_in: RatingFoldIn,
    /// Encodes the attributes of users; `None` if there are none.
    pub encoder: Option<AttributeEncoder>,
}

/// A rating model opened from its sections.
#[derive(Clone, Copy, Debug)]
pub struct OpenedRatings<'a> {
    /// The model, without its patterns.
    pub rated: &'a Rated,
    /// [`Rated::item_patterns`], borrowed.
    pub patterns: Rows<'a>,
}

/// The section that holds everything but the patterns.
const MODEL: &str = "model";
/// The section that holds the patterns.
const PATTERNS: &str = "patterns";

impl Rated {
    /// The names and kinds of the sections. Of the `columns` of an item, patterns have all but the constant 1.
    pub fn kinds(columns: usize) -> Vec<(&'static str, SectionKind)> {
        let patterns = SectionKind::Dense { columns: columns.saturating_sub(1) };
        vec![(MODEL, SectionKind::Opaque), (PATTERNS, patterns)]
    }

    /// The contents of the sections.
    ///
    /// # Errors
    /// [`EngineError::Encoding`].
    pub fn sections(&self) -> Result<Vec<(&'static str, NewSection<'_>)>> {
        let model = postcard::to_stdvec(self).map_err(|_| EngineError::Encoding { what: "ratings" })?;
        Ok(vec![(MODEL, NewSection::Opaque(model)), (PATTERNS, NewSection::Dense(&self.item_patterns))])
    }

    /// Opens a stored rating model.
    ///
    /// # Errors
    /// [`EngineError::Encoding`].
    pub fn open<'a>(sections: &StoredSections<'a>) -> Result<OpenedRatings<'a>> {
        let rated = sections.decoded(MODEL, |bytes| postcard::from_bytes(bytes).ok())?;
        Ok(OpenedRatings { rated, patterns: sections.dense(PATTERNS)? })
    }

    /// The predicted rating, from the product of a user's row and an item's: the mean is added, and the sum is clipped to
    /// the scale of the ratings.
    pub fn predicted(&self, product: f64) -> f32 {
        ((self.mean + product) as f32).clamp(self.scale.0, self.scale.1)
    }
}
