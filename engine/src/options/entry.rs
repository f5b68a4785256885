//! What the table of options says of each.

use super::checked::Options;
use strum::IntoStaticStr;

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

/// What an option may need: an argument that a model is created with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ModelInput {
    /// A relation of events.
    Events,
    /// The column of events with their weights.
    WeightColumn,
    /// The column of events with their times.
    TimeColumn,
    /// The column of events with their types.
    TypeColumn,
    /// A relation that describes users.
    Users,
    /// A relation that describes items.
    Items,
}

impl ModelInput {
    /// The name of the argument.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// What an option decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// How a version is made: trials of a study may differ in it.
    Recipe,
    /// Which events are read and held out: what differs in it is not measured on the same ones.
    Measurement,
    /// What holds for the model whatever is tried.
    Model,
}

/// That some values of an option need something.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// What they need.
    pub input: ModelInput,
    /// Whether the value is one of them.
    pub when: fn(&Options) -> bool,
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct OptionEntry {
    /// The path in the JSON, with dots.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// The default, as JSON.
    pub default: &'static str,
    /// What it does, one sentence.
    pub help: &'static str,
    /// What it decides.
    pub scope: Scope,
    /// What it needs of the model.
    pub needs: &'static [Need],
}

/// An entry of the table: of a recipe, and without needs.
pub const fn entry(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> OptionEntry {
    OptionEntry { name, kind, default, help, scope: Scope::Recipe, needs: &[] }
}

/// A need of an entry.
pub const fn need(input: ModelInput, when: fn(&Options) -> bool) -> Need {
    Need { input, when }
}

impl OptionEntry {
    /// The entry with another scope.
    pub const fn of(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    /// The entry with needs; the first that is not met is told.
    pub const fn needing(self, needs: &'static [Need]) -> Self {
        Self { needs, ..self }
    }
}
