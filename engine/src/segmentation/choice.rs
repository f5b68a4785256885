//! How many segments: what was tried, and why one was chosen.

use super::partition::Scores;

/// One number of segments that was tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// How many segments.
    pub segments: usize,
    /// How good the partition is.
    pub scores: Scores,
    /// What held-out events say, where they were asked.
    pub held_out: Option<f64>,
    /// Whether it was chosen.
    pub chosen: bool,
    /// Why.
    pub reason: String,
}

/// Chooses among partitions by what held-out events say, else by the silhouette; the fewest segments of
/// the equally good. `tried` are numbers of segments with their scores and held-out values.
pub fn choose(tried: Vec<(usize, Scores, Option<f64>)>, asked: Asked) -> (usize, Vec<Choice>) {
    let by_held_out = tried.iter().all(|(_, _, held_out)| held_out.is_some());
    let value = |(_, scores, held_out): &(usize, Scores, Option<f64>)| {
        let value = if by_held_out { *held_out } else { scores.silhouette };
        value.unwrap_or(f64::NEG_INFINITY)
    };
    let mut best = 0;
    for place in 1..tried.len() {
        if value(&tried[place]) > value(&tried[best]) {
            best = place;
        }
    }
    let measure = if by_held_out { "held-out quality" } else { "silhouette" };
    let only = tried.len() == 1;
    let choices = tried
        .iter()
        .enumerate()
        .map(|(place, &(segments, scores, held_out))| {
            let reason = match (asked, place == best) {
                (Asked::Given, _) => "the number was given".to_owned(),
                (Asked::Found, _) => "the method finds the number".to_owned(),
                (Asked::Kept, _) => "the deployed version has as many; keep is on".to_owned(),
                (Asked::Auto, true) if only => "there are too few users or events for more".to_owned(),
                (Asked::Auto, true) => format!("the best {measure}"),
                (Asked::Auto, false) => format!("a lower {measure}"),
            };
            Choice { segments, scores, held_out, chosen: place == best, reason }
        })
        .collect();
    (best, choices)
}

/// Who decided the number of segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The options name it.
    Given,
    /// The method finds it.
    Found,
    /// It is that of the deployed version.
    Kept,
    /// The training chooses.
    Auto,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(silhouette: f64) -> Scores {
        Scores { silhouette: Some(silhouette), ..Scores::default() }
    }

    #[test]
    fn held_out_events_decide_before_the_silhouette() {
        let (best, choices) =
            choose(vec![(8, scores(0.5), Some(0.1)), (16, scores(0.2), Some(0.2))], Asked::Auto);
        assert_eq!(best, 1);
        assert_eq!(choices[1].reason, "the best held-out quality");
        assert!(choices[1].chosen && !choices[0].chosen);
    }

    #[test]
    fn the_clearest_partition_is_chosen_and_the_fewest_segments_of_equals() {
        let tried = vec![(2, scores(0.3), None), (3, scores(0.6), None), (4, scores(0.6), None)];
        let (best, choices) = choose(tried, Asked::Auto);
        assert_eq!((best, choices[0].reason.as_str()), (1, "a lower silhouette"));
    }

    #[test]
    fn one_partition_without_scores_is_chosen() {
        assert_eq!(choose(vec![(1, Scores::default(), None)], Asked::Auto).0, 0);
    }
}
