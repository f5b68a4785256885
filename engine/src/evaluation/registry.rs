//! The list of all metrics: name in SQL, direction, input, and the SQL function that computes it. Tuning, comparison
//! and deployment by a metric look it up here.

/// What a metric is computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeasuredOf {
    /// One list cut at k, and the relevant items; a mean over users.
    List,
    /// One list cut at k, regardless of relevance; a mean over users.
    ListAlone,
    /// All lists of length k together.
    AllLists,
    /// All lists of length k while some items are hidden as if they were new, in trainings only.
    NewItems,
    /// All lists of length k of a holdout in which pairs may repeat, in trainings only.
    Repeats,
    /// The scores of all items; a mean over users.
    Scores,
    /// Pairs of predicted and actual ratings.
    Predictions,
    /// Users as points, and their segments.
    Segments,
}

/// A metric and its properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricEntry {
    /// The name in SQL, without a length.
    pub name: &'static str,
    /// What it is computed from.
    pub of: MeasuredOf,
    /// Whether higher is better; `None` if neither direction is.
    pub higher_is_better: Option<bool>,
    /// The SQL function or aggregate that computes it from a caller's own rows.
    pub function: Option<&'static str>,
}

const fn entry(
    name: &'static str,
    of: MeasuredOf,
    higher_is_better: Option<bool>,
    function: Option<&'static str>,
) -> MetricEntry {
    MetricEntry { name, of, higher_is_better, function }
}

/// All metrics.
pub const METRICS: [MetricEntry; 23] = [
    entry("precision", MeasuredOf::List, Some(true), Some("segrec_precision")),
    entry("recall", MeasuredOf::List, Some(true), Some("segrec_recall")),
    entry("f1", MeasuredOf::List, Some(true), Some("segrec_f1")),
    entry("ndcg", MeasuredOf::List, Some(true), Some("segrec_ndcg")),
    entry("hit_rate", MeasuredOf::List, Some(true), Some("segrec_hit_rate")),
    entry("average_precision", MeasuredOf::List, Some(true), Some("segrec_average_precision")),
    entry("reciprocal_rank", MeasuredOf::List, Some(true), Some("segrec_reciprocal_rank")),
    entry("novelty", MeasuredOf::ListAlone, None, None),
    entry("diversity", MeasuredOf::ListAlone, None, None),
    entry("popularity_lift", MeasuredOf::ListAlone, None, None),
    entry("coverage", MeasuredOf::AllLists, Some(true), None),
    entry("gini", MeasuredOf::AllLists, Some(false), Some("segrec_gini")),
    entry("new_share", MeasuredOf::NewItems, None, None),
    entry("new_recall", MeasuredOf::NewItems, Some(true), None),
    entry("repeat_ndcg", MeasuredOf::Repeats, Some(true), None),
    entry("repeat_share", MeasuredOf::Repeats, None, None),
    entry("repeat_recall", MeasuredOf::Repeats, Some(true), None),
    entry("repeat_new_recall", MeasuredOf::Repeats, Some(true), None),
    entry("auc", MeasuredOf::Scores, Some(true), Some("segrec_auc")),
    entry("rmse", MeasuredOf::Predictions, Some(false), Some("segrec_rmse")),
    entry("mae", MeasuredOf::Predictions, Some(false), Some("segrec_mae")),
    entry("mse", MeasuredOf::Predictions, Some(false), Some("segrec_mse")),
    entry("silhouette", MeasuredOf::Segments, Some(true), Some("segrec_silhouette")),
];

/// Looks up a metric by name, which may include a length (`ndcg@20`).
pub fn metric(name: &str) -> Option<&'static MetricEntry> {
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    METRICS.iter().find(|entry| entry.name == name)
}

/// Whether higher values of the named metric are better; true if it is unknown or has no direction.
pub fn is_higher_better(name: &str) -> bool {
    metric(name).and_then(|entry| entry.higher_is_better).unwrap_or(true)
}

/// The names of the metrics computed from `of`.
pub fn names_of(of: MeasuredOf) -> impl Iterator<Item = &'static str> {
    METRICS.iter().filter(move |entry| entry.of == of).map(|entry| entry.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::Metric;
    use crate::evaluation::errors::ERRORS;

    #[test]
    fn a_function_has_the_name_of_its_metric() {
        for MetricEntry { name, function, .. } in METRICS {
            assert!(function.is_none_or(|function| function == format!("segrec_{name}")), "{name}");
        }
    }

    #[test]
    fn what_is_measured_has_an_entry_and_no_name_two() {
        let lists: Vec<&str> = Metric::ALL.iter().map(|metric| metric.name()).collect();
        assert_eq!(names_of(MeasuredOf::List).collect::<Vec<_>>(), lists);
        assert_eq!(names_of(MeasuredOf::Predictions).collect::<Vec<_>>(), ERRORS.map(|error| error.metric));
        let mut names: Vec<&str> = METRICS.iter().map(|entry| entry.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METRICS.len());
        assert_eq!(metric("ndcg@20").map(|entry| entry.higher_is_better), Some(Some(true)));
        assert_eq!(metric("rmse").and_then(|entry| entry.higher_is_better), Some(false));
    }
}
