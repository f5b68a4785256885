//! What counts as seen by a user, so that lists leave it out.

/// Which events make an item count as seen, and for how long. By default all do, for ever.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeenRule {
    /// The types of events that count; empty if all do.
    pub types: Vec<String>,
    /// The seconds for which an item counts after the latest of these events; `None` for ever.
    pub seconds: Option<f64>,
}

impl SeenRule {
    /// Whether all that a user has counts, for ever.
    pub fn is_everything(&self) -> bool {
        self.types.is_empty() && self.seconds.is_none()
    }

    /// Whether an event of a type counts; `None` is one without a type.
    pub fn counts(&self, event_type: Option<&str>) -> bool {
        self.types.is_empty() || event_type.is_some_and(|name| self.types.iter().any(|own| own == name))
    }

    /// Whether an item still counts so many seconds after the latest event by which it does.
    pub fn holds_at(&self, age: f64) -> bool {
        self.seconds.is_none_or(|seconds| age < seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_types_count_for_ever_unless_some_are_named() {
        let everything = SeenRule::default();
        assert!(everything.is_everything() && everything.counts(None) && everything.holds_at(1e12));
        let rule = SeenRule { types: vec!["purchase".to_owned()], seconds: Some(60.0) };
        assert!(!rule.is_everything() && rule.counts(Some("purchase")));
        assert!(!rule.counts(Some("view")) && !rule.counts(None));
        assert!(rule.holds_at(59.0) && !rule.holds_at(60.0));
    }
}
