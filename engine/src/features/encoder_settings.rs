//! Settings for encoding columns as numbers.

use super::scaling::Scale;

/// The settings of an encoder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EncoderSettings {
    /// The scale of numbers.
    pub scale: Scale,
    /// Levels with a smaller share of rows are merged into "other".
    pub rare: f64,
    /// The maximum number of levels; only the most common are kept.
    pub most_levels: usize,
    /// The moment at which ages in days are computed from timestamps, in microseconds since 2000.
    pub as_of: i64,
}

impl EncoderSettings {
    /// Defaults for a moment: one per cent of rows and 20 levels. Rarer levels do not form segments, and more levels
    /// make profiles unreadable.
    pub fn at(as_of: i64) -> Self {
        Self { scale: Scale::Standard, rare: 0.01, most_levels: 20, as_of }
    }
}
