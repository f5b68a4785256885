//! An item of a list.

use segrec_engine::ranking::Source;

/// One recommended item.
#[derive(Clone, Debug, PartialEq)]
pub struct Recommended {
    /// The number of the item.
    pub item: u32,
    /// Its score, which is comparable only within one source.
    pub score: f32,
    /// Where the item comes from.
    pub source: Source,
}
