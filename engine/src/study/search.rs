//! How a study selects trials and with how many users it runs them: all users, or by successive halving (Jamieson &
//! Talwalkar 2016) few users at first and more for the best trials.

use crate::options::parse::OptionProblem;
use strum::{EnumString, VariantNames};

/// The search methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum Search {
    /// All combinations, in order.
    Grid,
    /// Random draws.
    Random,
    /// Random draws on a ninth of the users; the best third is repeated on a third, and the best third of these on all.
    Halving,
}

impl Search {
    /// Parses the name used in SQL.
    ///
    /// # Errors
    /// The allowed names.
    pub fn parse(text: &str) -> Result<Self, OptionProblem> {
        text.parse().map_err(|_| OptionProblem {
            message: format!("\"search\" is \"{text}\""),
            hint: format!("\"search\" must be one of '{}'.", Self::VARIANTS.join("', '")),
        })
    }

    /// The shares of users with which trials are run, one after the other.
    pub fn shares(self) -> &'static [f64] {
        match self {
            Self::Grid | Self::Random => &[1.0],
            Self::Halving => &[1.0 / 9.0, 1.0 / 3.0, 1.0],
        }
    }
}

/// The trials that are repeated with the next share of users: the best third, and the first, which is the model's own.
/// Failed trials have no value.
pub fn going_on(values: &[Option<f64>], higher_is_better: bool) -> Vec<usize> {
    let sign = if higher_is_better { -1.0 } else { 1.0 };
    let mut ranked: Vec<(usize, f64)> =
        values.iter().enumerate().filter_map(|(trial, value)| Some((trial, sign * (*value)?))).collect();
    ranked.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut going: Vec<usize> =
        ranked.iter().take(values.len().div_ceil(3)).map(|&(trial, _)| trial).collect();
    if !values.is_empty() && !going.contains(&0) {
        going.push(0);
    }
    going.sort_unstable();
    going
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_third_goes_on_with_the_models_own() {
        let values = [Some(0.1), Some(0.5), None, Some(0.3), Some(0.4), Some(0.2), None];
        assert_eq!(going_on(&values, true), [0, 1, 3, 4]);
        assert_eq!(going_on(&values, false), [0, 3, 5]);
        assert_eq!(going_on(&[None], true), [0]);
        assert_eq!(going_on(&[], true), [0usize; 0]);
    }
}
