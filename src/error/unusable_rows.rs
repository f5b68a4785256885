//! Counts of rows that a training cannot use.

/// The numbers of unusable rows in the events relation, by their problem.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BadRows {
    /// The id of the user is null.
    pub null_user: u64,
    /// The id of the item is null.
    pub null_item: u64,
    /// The id of the user is too long.
    pub long_user: u64,
    /// The id of the item is too long.
    pub long_item: u64,
    pub null_weight: u64,
    /// The weight is NaN or infinite.
    pub weight_not_finite: u64,
    pub negative_weight: u64,
    /// The time is null or infinite.
    pub bad_time: u64,
}

impl BadRows {
    /// The total number of rows.
    pub fn total(&self) -> u64 {
        self.null_user
            + self.null_item
            + self.long_user
            + self.long_item
            + self.null_weight
            + self.weight_not_finite
            + self.negative_weight
            + self.bad_time
    }

    /// Describes the counts in words.
    pub fn describe(&self) -> String {
        let long = |what: &str| format!("{what} id longer than {LONGEST_ID} bytes");
        let (long_user, long_item) = (long("a user"), long("an item"));
        let parts = [
            (self.null_user, "a null user"),
            (self.null_item, "a null item"),
            (self.long_user, long_user.as_str()),
            (self.long_item, long_item.as_str()),
            (self.null_weight, "a null weight"),
            (self.weight_not_finite, "a weight that is NaN or infinite"),
            (self.negative_weight, "a negative weight"),
            (self.bad_time, "a null or infinite time"),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} with {what}"))
            .collect();
        format!("Invalid rows: {}.", parts.join(", "))
    }
}

/// The maximum length of an id in bytes. Ids are indexed, and an index row holds 2,704 bytes including the version's
/// key and headers.
pub const LONGEST_ID: usize = 2500;

/// The numbers of unusable rows in a relation of users or items, by the problem with their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BadIds {
    pub null: u64,
    /// Another row has the same id.
    pub repeated: u64,
    pub too_long: u64,
}

impl BadIds {
    /// The total number of rows.
    pub fn total(&self) -> u64 {
        self.null + self.repeated + self.too_long
    }

    /// Describes the counts in words.
    pub fn describe(&self) -> String {
        let Self { null, repeated, too_long } = self;
        let long = match too_long {
            0 => String::new(),
            _ => format!(", {too_long} have an id longer than {LONGEST_ID} bytes"),
        };
        format!("{null} have a null id, {repeated} have a duplicate id{long}.")
    }
}
