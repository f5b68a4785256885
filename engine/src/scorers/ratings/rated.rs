//! What a fit of ratings leaves besides the rows of users and items.

use super::attributes::AttributeEncoder;
use super::fold_in::RatingFoldIn;
use crate::error::{EngineError, Result};
use crate::matrix::{Matrix, Rows};
use crate::scorers::sections::{NewSection, SectionKind, StoredSections};
use serde::{Deserialize, Serialize};

/// What ratings need besides the rows of users and items, which stand in the backbone: k factors, then
/// 1 and the bias for users, the bias and 1 for items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rated {
    /// μ, which is added to every product.
    pub mean: f64,
    /// The lowest and highest rating.
    pub scale: (f32, f32),
    /// items × (k + 1): what having rated an item says about a user. Stored item by item, not here.
    #[serde(skip)]
    pub item_patterns: Matrix,
    /// Gives users their rows without training.
    pub fold_in: RatingFoldIn,
    /// How a row of users becomes features, where anything is known.
    pub encoder: Option<AttributeEncoder>,
}

/// The section of what is not stored item by item.
const MODEL: &str = "model";
/// The section of patterns.
const PATTERNS: &str = "patterns";

impl Rated {
    /// The sections that it is stored as.
    pub const SECTIONS: &[(&str, SectionKind)] =
        &[(MODEL, SectionKind::Opaque), (PATTERNS, SectionKind::Dense)];

    /// What is stored of it.
    ///
    /// # Errors
    /// [`EngineError::Encoding`].
    pub fn sections(&self) -> Result<[(&'static str, NewSection<'_>); 2]> {
        let model = postcard::to_stdvec(self).map_err(|_| EngineError::Encoding { what: "ratings" })?;
        Ok([(MODEL, NewSection::Opaque(model)), (PATTERNS, NewSection::Dense(&self.item_patterns))])
    }

    /// What was stored, without patterns.
    ///
    /// # Errors
    /// [`EngineError::Encoding`].
    pub fn open(sections: &StoredSections<'_>) -> Result<Self> {
        postcard::from_bytes(sections.opaque(MODEL)?).map_err(|_| EngineError::Encoding { what: "ratings" })
    }

    /// The patterns of all items (items × (k + 1)), where they lie.
    ///
    /// # Errors
    /// [`EngineError::Encoding`].
    pub fn patterns<'a>(sections: &StoredSections<'a>) -> Result<Rows<'a>> {
        sections.dense(PATTERNS)
    }

    /// A prediction within the scale.
    pub fn clip(&self, prediction: f64) -> f32 {
        (prediction as f32).clamp(self.scale.0, self.scale.1)
    }
}
