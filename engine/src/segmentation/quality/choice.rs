//! Chooses the number of segments, and says why.

use super::scores::Scores;
use crate::evaluation::standard_error::mean_and_error;

/// A number of segments that was tried, with what was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// The number of segments.
    pub segments: usize,
    /// The quality of the partition.
    pub scores: Scores,
    /// The result of each user on held-out events, for the same users in each attempt; empty if it was not measured.
    pub held_out: Vec<f64>,
}

/// A number of segments that was tried, with the decision on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The number of segments.
    pub segments: usize,
    /// The quality of the partition.
    pub scores: Scores,
    /// The mean result on held-out events, if it was measured.
    pub held_out: Option<f64>,
    /// Whether this is the number that was chosen.
    pub chosen: bool,
    /// A sentence that gives the reason of the decision.
    pub reason: String,
}

/// Chooses among partitions by the mean result on held-out events. Those within one standard error of the best, paired
/// by user, are compared by the silhouette, as are all of them if no events are held out. Ties go to the first; returns
/// its index.
pub fn choose(tried: &[Tried], asked: CountSource) -> (usize, Vec<Choice>) {
    let mean = |tried: &Tried| (!tried.held_out.is_empty()).then(|| mean_and_error(&tried.held_out).0);
    let by_held_out = tried.iter().all(|tried| !tried.held_out.is_empty());
    let all: Vec<usize> = (0..tried.len()).collect();
    let highest = |places: &[usize], value: &dyn Fn(&Tried) -> Option<f64>| {
        let value = |place: usize| value(&tried[place]).unwrap_or(f64::NEG_INFINITY);
        places.iter().copied().fold(places.first().copied().unwrap_or(0), |best, place| {
            if value(place) > value(best) { place } else { best }
        })
    };
    let equal: Vec<usize> = if by_held_out && !tried.is_empty() {
        let best = highest(&all, &mean);
        let no_worse = |&place: &usize| {
            let pairs = tried[best].held_out.iter().zip(&tried[place].held_out);
            let (lost, error) = mean_and_error(&pairs.map(|(best, own)| best - own).collect::<Vec<f64>>());
            lost <= error
        };
        all.iter().copied().filter(|place| *place == best || no_worse(place)).collect()
    } else {
        all
    };
    let best = highest(&equal, &|tried| tried.scores.silhouette);
    let only = tried.len() == 1;
    let choices = tried
        .iter()
        .enumerate()
        .map(|(place, own)| {
            let reason = match (asked, place == best) {
                (CountSource::Given, _) => "the number was specified".to_owned(),
                (CountSource::Found, _) => "the method determines the number".to_owned(),
                (CountSource::Kept, _) => "the deployed version has as many; keep is on".to_owned(),
                (CountSource::Auto, true) if only => "there are too few users or events for more".to_owned(),
                (CountSource::Auto, true) if !by_held_out => "the highest silhouette".to_owned(),
                (CountSource::Auto, false) if !by_held_out => "a lower silhouette".to_owned(),
                (CountSource::Auto, true) if equal.len() > 1 => {
                    "the highest silhouette of those that do not differ on held-out events".to_owned()
                }
                (CountSource::Auto, true) => "the best on held-out events".to_owned(),
                (CountSource::Auto, false) if equal.contains(&place) => {
                    "no better on held-out events, and a lower silhouette".to_owned()
                }
                (CountSource::Auto, false) => "worse on held-out events".to_owned(),
            };
            let Tried { segments, scores, .. } = *own;
            Choice { segments, scores, held_out: mean(own), chosen: place == best, reason }
        })
        .collect();
    (best, choices)
}

/// The origin of the number of segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountSource {
    /// The options set the number.
    Given,
    /// The method determines the number itself.
    Found,
    /// The number is that of the deployed version.
    Kept,
    /// The training tries several numbers and chooses one.
    Auto,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(segments: usize, silhouette: f64, held_out: &[f64]) -> Tried {
        let scores = Scores { silhouette: Some(silhouette), ..Scores::default() };
        Tried { segments, scores, held_out: held_out.to_vec() }
    }

    #[test]
    fn held_out_events_decide_before_the_silhouette() {
        let (few, many) = ([0.1, 0.2, 0.1, 0.2], [0.3, 0.5, 0.4, 0.4]);
        let (best, choices) = choose(&[tried(8, 0.5, &few), tried(16, 0.2, &many)], CountSource::Auto);
        assert_eq!(best, 1);
        assert_eq!(choices[1].reason, "the best on held-out events");
        assert_eq!(choices[0].reason, "worse on held-out events");
        assert!(choices[1].chosen && !choices[0].chosen && choices[1].held_out == Some(0.4));
    }

    #[test]
    fn what_held_out_events_do_not_tell_apart_is_chosen_by_the_silhouette() {
        let (few, many) = ([0.1, 0.5, 0.1, 0.2], [0.3, 0.2, 0.2, 0.3]);
        let (best, choices) = choose(&[tried(8, 0.5, &few), tried(16, 0.2, &many)], CountSource::Auto);
        assert_eq!(best, 0, "{choices:?}");
        assert_eq!(choices[1].reason, "no better on held-out events, and a lower silhouette");
    }

    #[test]
    fn the_clearest_partition_is_chosen_and_the_fewest_segments_of_equals() {
        let (best, choices) =
            choose(&[tried(2, 0.3, &[]), tried(3, 0.6, &[]), tried(4, 0.6, &[])], CountSource::Auto);
        assert_eq!((best, choices[0].reason.as_str()), (1, "a lower silhouette"));
    }

    #[test]
    fn one_partition_without_scores_is_chosen() {
        let only = Tried { segments: 1, scores: Scores::default(), held_out: Vec::new() };
        assert_eq!(choose(&[only], CountSource::Auto).0, 0);
        assert_eq!(choose(&[], CountSource::Auto), (0, Vec::new()));
    }
}
