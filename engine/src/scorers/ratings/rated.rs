//! What a fit of ratings leaves besides the rows of users and items.

use super::attributes::AttributeEncoder;
use super::fold_in::RatingFoldIn;
use crate::matrix::Matrix;
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

impl Rated {
    /// A prediction within the scale.
    pub fn clip(&self, prediction: f64) -> f32 {
        (prediction as f32).clamp(self.scale.0, self.scale.1)
    }
}
