//! How columns become numbers.

use super::scaling::Scale;

/// How an encoder is learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EncoderSettings {
    /// What numbers are measured in.
    pub scale: Scale,
    /// Levels in a smaller share of rows are joined into "other".
    pub rare: f64,
    /// At most this many levels stay, the commonest.
    pub most_levels: usize,
    /// Moments become ages in days at this time, in microseconds since 2000.
    pub as_of: i64,
}

impl EncoderSettings {
    /// One percent of rows and 20 levels: what is rarer makes no segment, and what is more makes no
    /// profile that a person reads.
    pub fn at(as_of: i64) -> Self {
        Self { scale: Scale::Standard, rare: 0.01, most_levels: 20, as_of }
    }
}
