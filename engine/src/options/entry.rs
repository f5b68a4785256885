//! The entries of the table of options.

use super::checked::Options;
use strum::IntoStaticStr;

/// The kind of values that an option takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// An integer within the bounds.
    Integer {
        /// The minimum value.
        least: i64,
        /// The maximum value.
        most: i64,
    },
    /// `"auto"` or an integer within the bounds.
    AutoOrInteger {
        /// The minimum value.
        least: i64,
        /// The maximum value.
        most: i64,
    },
    /// `"auto"` or a number within the bounds.
    AutoOrNumber {
        /// The minimum value.
        least: f64,
        /// The maximum value.
        most: f64,
    },
    /// A number within the bounds.
    Number {
        /// The minimum value.
        least: f64,
        /// The maximum value.
        most: f64,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of these words.
    Choices(&'static [&'static str]),
    /// True or false.
    Boolean,
    /// `"auto"`, true or false.
    AutoOrBoolean,
    /// The name of a text search configuration.
    TextConfiguration,
    /// The name of a column, or null.
    Name,
    /// A list of column names.
    Names,
    /// A date or a timestamp, or null.
    Moment,
    /// A duration such as `"90 days"`, or null.
    Duration,
    /// `"auto"` or a duration such as `"90 days"`.
    AutoOrDuration,
    /// An object whose values are numbers of at least 0.
    Weights,
    /// A list of types of events.
    Types,
    /// An object from names of columns to the values that rows must have.
    Filter,
}

/// An input of the model that an option may require, named like the argument with which the model is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ModelInput {
    /// The events relation.
    Events,
    /// The column of weights in the events.
    WeightColumn,
    /// The column of times in the events.
    TimeColumn,
    /// The column of types in the events.
    TypeColumn,
    /// The relation of users.
    Users,
    /// The relation of items.
    Items,
}

impl ModelInput {
    /// The name of the argument.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// What an option affects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// How a version is trained; trials of a study may vary it.
    Recipe,
    /// Which events are read and held out; values with different settings are not comparable.
    Measurement,
    /// The model as a whole, regardless of trials.
    Model,
}

/// An input that some values of an option require.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// The required input.
    pub input: ModelInput,
    /// Whether the options have such a value.
    pub when: fn(&Options) -> bool,
}

/// An entry of the table of options.
#[derive(Clone, Copy, Debug)]
pub struct OptionEntry {
    /// The dotted path in the JSON.
    pub name: &'static str,
    /// The kind of values it takes.
    pub kind: Kind,
    /// The default, as JSON.
    pub default: &'static str,
    /// What it does, in one sentence.
    pub help: &'static str,
    /// What it affects.
    pub scope: Scope,
    /// The inputs it requires.
    pub needs: &'static [Need],
}

/// An entry with the scope [`Scope::Recipe`] and without required inputs.
pub const fn entry(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> OptionEntry {
    OptionEntry { name, kind, default, help, scope: Scope::Recipe, needs: &[] }
}

/// An input that an entry requires.
pub const fn need(input: ModelInput, when: fn(&Options) -> bool) -> Need {
    Need { input, when }
}

impl OptionEntry {
    /// Sets the scope of an entry.
    pub const fn of(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    /// Sets the required inputs of an entry; the first one that is missing is reported.
    pub const fn needing(self, needs: &'static [Need]) -> Self {
        Self { needs, ..self }
    }
}
