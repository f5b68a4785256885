//! What scorers with factors read of the items.

use super::coded::Codes;
use super::fold_in::FoldIn;
use super::item_rows::ItemRows;

/// The item factors as one segment sees them, with what makes scoring and folding in against them fast.
#[derive(Clone, Copy, Debug, Default)]
pub struct ItemFactors<'a> {
    /// The factors.
    pub rows: ItemRows<'a>,
    /// The codes of the backbone's and of the segment's own factors, if available.
    pub codes: Option<[Codes<'a>; 2]>,
    /// Fold-in against the same factors, if available.
    pub fold_in: Option<FoldIn<'a>>,
}
