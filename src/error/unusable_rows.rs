//! What is wrong with rows that a training cannot use.

/// Rows of the events relation that cannot be used, by what is wrong with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BadRows {
    /// The user's id is null.
    pub null_user: u64,
    /// The item's id is null.
    pub null_item: u64,
    /// The user's id is too long.
    pub long_user: u64,
    /// The item's id is too long.
    pub long_item: u64,
    pub null_weight: u64,
    /// The weight is NaN or infinite.
    pub weight_not_finite: u64,
    pub negative_weight: u64,
    /// The time is null or infinite.
    pub bad_time: u64,
}

impl BadRows {
    /// How many in all.
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

    /// The counts in words.
    pub fn describe(&self) -> String {
        let long = |what: &str| format!("{what} id of more than {LONGEST_ID} bytes");
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
        parts.join(", ")
    }
}

/// Bytes of an id at most: ids are found by an index, a row of which holds 2,704 bytes with the version's key and headers.
pub const LONGEST_ID: usize = 2500;

/// Rows of a relation of users or items that cannot be used, by what is wrong with their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BadIds {
    pub null: u64,
    /// Another row has it.
    pub repeated: u64,
    pub too_long: u64,
}

impl BadIds {
    /// How many in all.
    pub fn total(&self) -> u64 {
        self.null + self.repeated + self.too_long
    }

    /// The counts in words.
    pub fn describe(&self) -> String {
        let Self { null, repeated, too_long } = self;
        let long = match too_long {
            0 => String::new(),
            _ => format!(", {too_long} an id of more than {LONGEST_ID} bytes"),
        };
        format!("{null} have a null id and {repeated} an id that another row has{long}")
    }
}
