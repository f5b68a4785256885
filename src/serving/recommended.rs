//! An item of a list.

use segrec_engine::ranking::Source;

/// One recommended item.
#[derive(Clone, Debug, PartialEq)]
pub struct Recommended {
    /// The item's number.
    pub item: u32,
    /// Its score: comparable within one source.
    pub score: f32,
    /// Where it comes from.
    pub source: Source,
}
