//! Derives the trials of a study from its search space: all combinations, or random draws.
//!
//! A trial is a set of changes to the model's own options. The first trial changes nothing, so the best trial is never
//! worse than the current options.

use super::search::Search;
use super::search_space::{Dimension, Space, Values};
use crate::error::Result;
use crate::observer::Observer;
use crate::options::checked::Options;
use crate::options::parse::{merge_options, parse_options, set};
use crate::seed::{hash_bytes, random};
use rand::Rng;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Draws per requested trial, after which a small space counts as exhausted.
const DRAWS: usize = 20;
/// Significant digits of drawn numbers; a finer difference would have no measurable effect.
const DIGITS: i32 = 4;

impl Space {
    /// At most `count` trials, as changes of `base`, the model's own options. The first is empty, and no two result in
    /// the same options. The result depends only on the arguments. If a trial's options are invalid in combination, it
    /// is returned as the last one, so that the caller can report it.
    ///
    /// # Errors
    /// [`crate::EngineError::Cancelled`].
    pub fn trials(
        &self,
        search: Search,
        base: &Value,
        count: usize,
        seed: u64,
        study: u64,
        observer: &dyn Observer,
    ) -> Result<Vec<Value>> {
        let effective = |changes: &Value| effective(base, changes);
        let space = match search {
            Search::Grid => Cow::Owned(self.distinct(base, count, observer)?),
            Search::Random | Search::Halving => Cow::Borrowed(self),
        };
        let mut trials = vec![Value::Object(Map::new())];
        let mut seen = vec![effective(&trials[0])];
        let mut random = random(hash_bytes(seed, &study.to_le_bytes()), "trials");
        let most = match search {
            Search::Grid => space.combinations(),
            Search::Random | Search::Halving => DRAWS.saturating_mul(count),
        };
        for number in 0..most {
            observer.check()?;
            if trials.len() >= count {
                break;
            }
            let changes = match search {
                Search::Grid => space.combination(number),
                Search::Random | Search::Halving => self.draw(&mut random),
            };
            let options = effective(&changes);
            let is_wrong = options.is_none();
            if !seen.contains(&options) {
                seen.push(options);
                trials.push(changes);
            }
            if is_wrong {
                break;
            }
        }
        Ok(trials)
    }

    /// Drops values that are equivalent to an earlier value of their option, so that all combinations differ, and
    /// values beyond what `count` trials can use. Otherwise repeated values would make the combinations too many to
    /// enumerate.
    fn distinct(&self, base: &Value, count: usize, observer: &dyn Observer) -> Result<Self> {
        let mut dimensions = self.dimensions.clone();
        for Dimension { name, values } in &mut dimensions {
            let Values::Listed(listed) = values else { continue };
            let (mut kept, mut seen) = (Vec::new(), Vec::new());
            for value in listed.drain(..) {
                observer.check()?;
                if kept.len() > count {
                    break;
                }
                let options = effective(base, &changes([(*name, value.clone())].into_iter()));
                if options.is_none() || !seen.contains(&options) {
                    seen.push(options);
                    kept.push(value);
                }
            }
            *listed = kept;
        }
        Ok(Self { dimensions })
    }

    /// The number of combinations of listed values.
    pub fn combinations(&self) -> usize {
        let lengths = self.dimensions.iter().map(|dimension| match &dimension.values {
            Values::Listed(values) => values.len(),
            Values::Between { .. } => 1,
        });
        lengths.fold(1, usize::saturating_mul)
    }

    /// A combination by its number; the values of the last option vary fastest.
    fn combination(&self, mut number: usize) -> Value {
        let mut places = vec![0; self.dimensions.len()];
        for (place, dimension) in places.iter_mut().zip(&self.dimensions).rev() {
            if let Values::Listed(values) = &dimension.values {
                *place = number % values.len();
                number /= values.len();
            }
        }
        let value = |(dimension, place): (&Dimension, usize)| match &dimension.values {
            Values::Listed(values) => (dimension.name, values[place].clone()),
            Values::Between { low, .. } => (dimension.name, number_of(*low, false)),
        };
        changes(self.dimensions.iter().zip(places).map(value))
    }

    fn draw(&self, random: &mut impl Rng) -> Value {
        let draw = |dimension: &Dimension| {
            let value = match &dimension.values {
                Values::Listed(values) => values[random.gen_range(0..values.len())].clone(),
                &Values::Between { low, high, logarithmic, whole } => {
                    let place: f64 = random.r#gen();
                    // Widen the range so that rounding gives every whole number from low to high the same probability.
                    let (from, to) = if whole { (low - 0.5, high + 0.5) } else { (low, high) };
                    let drawn = match logarithmic {
                        true => (from.max(0.5).min(low).ln() * (1.0 - place) + to.ln() * place).exp(),
                        false => from * (1.0 - place) + to * place,
                    };
                    let rounded = if whole { drawn.round() } else { significant(drawn) };
                    number_of(rounded.clamp(low, high), whole)
                }
            };
            (dimension.name, value)
        };
        changes(self.dimensions.iter().map(draw))
    }
}

/// Applies changes to options; `None` if the result is invalid.
fn effective(base: &Value, changes: &Value) -> Option<Options> {
    let mut options = base.clone();
    merge_options(&mut options, changes);
    parse_options(&options).ok()
}

/// The JSON object that sets the given options.
fn changes<'a>(values: impl Iterator<Item = (&'a str, Value)>) -> Value {
    let mut changes = Value::Object(Map::new());
    values.for_each(|(name, value)| set(&mut changes, name, value));
    changes
}

fn number_of(value: f64, whole: bool) -> Value {
    if whole { Value::from(value as i64) } else { Value::from(value) }
}

/// Rounds to the significant digits of drawn numbers.
fn significant(value: f64) -> f64 {
    if value == 0.0 {
        return value;
    }
    let digits = (DIGITS - 1 - value.abs().log10().floor() as i32).clamp(0, 12) as usize;
    format!("{value:.digits$}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;
    use proptest::prelude::*;
    use serde_json::json;

    fn trials(space: Value, search: Search, count: usize) -> Vec<Value> {
        Space::parse(&space, search).unwrap().trials(search, &json!({}), count, 42, 1, &Silent).unwrap()
    }

    #[test]
    fn a_grid_has_all_combinations_in_order_after_the_models_own_options() {
        let space = json!({"als": {"factors": [32, 128]}, "neighbours.kept": [20, 100]});
        let found = trials(space, Search::Grid, 10);
        let change =
            |factors: i64, kept: i64| json!({"als": {"factors": factors}, "neighbours": {"kept": kept}});
        // 128 factors and 100 neighbours are the defaults: the first trial.
        assert_eq!(found, [json!({}), change(32, 20), change(32, 100), change(128, 20)]);
    }

    #[test]
    fn random_trials_are_inside_their_ranges_different_and_the_same_every_time() {
        let space = json!({
            "als.factors": {"low": 16, "high": 64, "scale": "log"},
            "als.regularization": {"low": 0.001, "high": 0.1, "scale": "log"},
            "neighbours.share": {"low": 0, "high": 0.5},
            "neighbours.method": ["ridge", "filter"],
        });
        let found = trials(space.clone(), Search::Random, 40);
        assert_eq!(found, trials(space.clone(), Search::Random, 40));
        assert_eq!(found[..10], trials(space.clone(), Search::Halving, 10));
        let other = Space::parse(&space, Search::Random)
            .unwrap()
            .trials(Search::Random, &json!({}), 40, 42, 2, &Silent)
            .unwrap();
        assert_ne!(found, other);
        assert_eq!((found.len(), &found[0]), (40, &json!({})));
        for trial in &found[1..] {
            assert!((16..=64).contains(&trial["als"]["factors"].as_i64().unwrap()));
            assert!((0.001..=0.1).contains(&trial["als"]["regularization"].as_f64().unwrap()));
            assert!((0.0..=0.5).contains(&trial["neighbours"]["share"].as_f64().unwrap()));
            parse_options(trial).unwrap();
        }
        let small = found[1..].iter().filter(|trial| trial["als"]["regularization"].as_f64() < Some(0.01));
        assert!((8..32).contains(&small.count()), "half of a logarithmic range is below its middle");
    }

    #[test]
    fn a_small_space_is_exhausted_not_repeated() {
        let found = trials(json!({"als.factors": [16, 32, 128]}), Search::Random, 20);
        assert_eq!(found.len(), 3);
    }

    proptest! {
        /// Whatever is given, the answer is a space or problems, and a space gives valid options.
        #[test]
        fn any_space_is_answered(
            name in "(als|neighbours|segmentation|ease)\\.(factors|kept|share|regularization|features|on)",
            low in -3f64..2000.0, high in -3f64..2000.0, log in any::<bool>(),
        ) {
            let range = json!({"low": low, "high": high, "scale": if log { "log" } else { "linear" }});
            let rounded = json!({"low": low.round() as i64, "high": high.round() as i64});
            for range in [range, rounded] {
                if let Ok(space) = Space::parse(&json!({ &name: range }), Search::Random) {
                    for trial in space.trials(Search::Random, &json!({}), 5, 1, 1, &Silent).unwrap() {
                        prop_assert!(parse_options(&trial).is_ok(), "{trial}");
                    }
                }
            }
        }
    }
}
