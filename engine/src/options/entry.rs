//! What the table of options says of each.

/// What an option may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A whole number within the bounds.
    Integer {
        /// The least value.
        least: i64,
        /// The greatest value.
        most: i64,
    },
    /// `"auto"` or a whole number within the bounds.
    AutoOrInteger {
        /// The least value.
        least: i64,
        /// The greatest value.
        most: i64,
    },
    /// `"auto"` or a number within the bounds.
    AutoOrNumber {
        /// The least value.
        least: f64,
        /// The greatest value.
        most: f64,
    },
    /// A number within the bounds.
    Number {
        /// The least value.
        least: f64,
        /// The greatest value.
        most: f64,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of these words.
    Choices(&'static [&'static str]),
    /// True or false.
    Boolean,
    /// The name of a column, or null.
    Name,
    /// A list of names of columns.
    Names,
    /// A date or a timestamp, or null.
    Moment,
    /// A length of time such as `"90 days"`, or null.
    Duration,
    /// An object from words to numbers of at least 0.
    Weights,
}

/// One option.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptionEntry {
    /// The path in the JSON, with dots.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// The default, as JSON.
    pub default: &'static str,
    /// What it does, one sentence.
    pub help: &'static str,
}

/// An entry of the table.
pub const fn entry(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> OptionEntry {
    OptionEntry { name, kind, default, help }
}
