//! What rules make of the lists of a segment's users, with the rows of all items as they were at the start.

/// What rules make of the lists of a segment.
pub struct SegmentRules {
    /// The items that they may not have, ascending.
    pub left_out: Vec<u32>,
    /// The factors of scores other than 1, ascending by item.
    pub factors: Vec<(u32, f64)>,
    /// The items with a factor above 1, ascending.
    pub boosted: Vec<u32>,
    /// The largest factor, or 1.
    pub most: f64,
}

impl SegmentRules {
    /// Leaves out the factors of items that lists may not have.
    pub fn new(left_out: Vec<u32>, mut factors: Vec<(u32, f64)>) -> Self {
        factors.retain(|(item, _)| left_out.binary_search(item).is_err());
        let boosted = factors.iter().filter(|own| own.1 > 1.0).map(|own| own.0).collect();
        let most = factors.iter().fold(1.0, |most, own| own.1.max(most));
        Self { left_out, factors, boosted, most }
    }

    /// The factor of an item.
    pub fn factor(&self, item: u32) -> f64 {
        let place = self.factors.binary_search_by_key(&item, |own| own.0);
        place.map_or(1.0, |place| self.factors[place].1)
    }
}
