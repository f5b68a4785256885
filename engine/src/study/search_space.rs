//! The options that a study tries: from the caller's JSON to checked dimensions, all problems together, and
//! from these to trials.
//!
//! A trial is what it changes in the model's own options. The first changes nothing, so that the best trial
//! is never worse than what there is.

use super::search::Search;
use crate::error::Result as EngineResult;
use crate::likeness::MOST_PROBLEMS;
use crate::observer::Observer;
use crate::options::checked::Options;
use crate::options::entry::{Kind, OptionEntry, Scope};
use crate::options::parse::{
    OptionProblem, check_value, describe, merge_options, nearest, parse_options, path, set,
};
use crate::options::table::{OPTIONS, option};
use crate::seed::{hash_bytes, random};
use rand::Rng;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::HashSet;

/// Draws for each trial that is sought, before a small space counts as exhausted.
const DRAWS: usize = 20;
/// Drawn numbers keep this many significant digits: a finer difference has no effect that could be measured.
const DIGITS: i32 = 4;

/// An option and the values it may have.
#[derive(Clone, Debug, PartialEq)]
struct Dimension {
    name: &'static str,
    values: Values,
}

#[derive(Clone, Debug, PartialEq)]
enum Values {
    Listed(Vec<Value>),
    Between { low: f64, high: f64, logarithmic: bool, whole: bool },
}

/// What a study tries, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    /// In the order of their names.
    dimensions: Vec<Dimension>,
}

impl Space {
    /// Checks a space given as JSON: names of options, dotted or nested, with a list of values or
    /// `{"low": …, "high": …, "scale": "linear" | "log"}`.
    ///
    /// # Errors
    /// All problems.
    pub fn parse(given: &Value, search: Search) -> Result<Self, Vec<OptionProblem>> {
        let (mut dimensions, mut problems) = (Vec::new(), Vec::new());
        match given {
            Value::Object(object) if !object.is_empty() => {
                read_object(object, "", search, &mut dimensions, &mut problems);
            }
            Value::Object(_) => problems.push(problem("\"space\" is empty", HINT)),
            other => problems.push(problem(format!("\"space\" is {}, not an object", describe(other)), HINT)),
        }
        for (place, dimension) in dimensions.iter().enumerate() {
            if dimensions[..place].iter().any(|earlier| earlier.name == dimension.name) {
                let name = dimension.name;
                let hint = "give all its values in one place";
                problems.push(problem(format!("option \"{name}\" is given twice"), hint));
            }
        }
        if problems.is_empty() { Ok(Self { dimensions }) } else { Err(problems) }
    }

    /// At most `count` trials, as changes of `base`, the model's own options. The first is empty; no two give
    /// the same options. The same study has the same trials. Where options are wrong together, these are the last:
    /// nobody can make the study.
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
    ) -> EngineResult<Vec<Value>> {
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

    /// The same space without values that say the same as an earlier one of their option, so that its combinations
    /// differ; of each option no more than `count` trials can use. Repeated values have more combinations than
    /// anybody can go through, of which few are different.
    fn distinct(&self, base: &Value, count: usize, observer: &dyn Observer) -> EngineResult<Self> {
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

    /// How many combinations of listed values there are.
    pub fn combinations(&self) -> usize {
        let lengths = self.dimensions.iter().map(|dimension| match &dimension.values {
            Values::Listed(values) => values.len(),
            Values::Between { .. } => 1,
        });
        lengths.fold(1, usize::saturating_mul)
    }

    /// A combination by its number; the values of the last option change first.
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
                    // The whole numbers from low to high, each with a width of one.
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

/// The options with those changes; none where they are wrong together.
fn effective(base: &Value, changes: &Value) -> Option<Options> {
    let mut options = base.clone();
    merge_options(&mut options, changes);
    parse_options(&options).ok()
}

const HINT: &str = "write \"space\" as an object from options to lists of values or ranges, such as \
                    {\"als.factors\": [32, 64], \"als.regularization\": {\"low\": 0.001, \"high\": 0.1, \
                    \"scale\": \"log\"}}";

fn problem(message: impl Into<String>, hint: impl Into<String>) -> OptionProblem {
    OptionProblem { message: message.into(), hint: hint.into() }
}

fn read_object(
    object: &Map<String, Value>,
    prefix: &str,
    search: Search,
    dimensions: &mut Vec<Dimension>,
    problems: &mut Vec<OptionProblem>,
) {
    for (key, value) in object {
        if problems.len() >= MOST_PROBLEMS {
            return;
        }
        let name = path(prefix, key);
        let inside = format!("{name}.");
        if let Some(entry) = option(&name) {
            if entry.scope != Scope::Recipe {
                let hint = "change it with segrec_alter_model, then study the rest";
                let message = format!("option \"{name}\" cannot be tried: it changes what is measured");
                problems.push(problem(message, hint));
                continue;
            }
            match values(entry, value, search) {
                Ok(values) => dimensions.push(Dimension { name: entry.name, values }),
                Err(found) => problems.extend(found),
            }
        } else if let (Value::Object(object), true) =
            (value, OPTIONS.iter().any(|entry| entry.name.starts_with(&inside)))
        {
            read_object(object, &name, search, dimensions, problems);
        } else {
            problems.push(problem(format!("unknown option \"{name}\""), nearest(&name)));
        }
    }
}

fn values(entry: &OptionEntry, given: &Value, search: Search) -> Result<Values, Vec<OptionProblem>> {
    let name = entry.name;
    match given {
        Value::Array(list) if list.is_empty() => {
            let hint = format!("list at least one value; \"{name}\" is {}", entry.kind.takes());
            Err(vec![problem(format!("option \"{name}\" has no values"), hint)])
        }
        Value::Array(list) => {
            let wrong = |value| {
                let hint = check_value(entry, value).err()?;
                Some(problem(format!("option \"{name}\" is tried at {}", describe(value)), hint))
            };
            let wrong: Vec<OptionProblem> = list.iter().filter_map(wrong).take(MOST_PROBLEMS).collect();
            let mut seen = HashSet::new();
            let distinct = list.iter().filter(|value| seen.insert(value.to_string())).cloned().collect();
            if wrong.is_empty() { Ok(Values::Listed(distinct)) } else { Err(wrong) }
        }
        Value::Object(range) => between(entry, range, search).map_err(|problem| vec![problem]),
        other => {
            let hint = format!("give a list of values, such as [{}], or a range", entry.default);
            Err(vec![problem(format!("option \"{name}\" is {}, not a list", describe(other)), hint)])
        }
    }
}

fn between(entry: &OptionEntry, range: &Map<String, Value>, search: Search) -> Result<Values, OptionProblem> {
    let name = entry.name;
    let whole = matches!(entry.kind, Kind::Integer { .. } | Kind::AutoOrInteger { .. });
    if !whole && !matches!(entry.kind, Kind::Number { .. } | Kind::AutoOrNumber { .. }) {
        let hint = format!("list its values; \"{name}\" is {}", entry.kind.takes());
        return Err(problem(format!("option \"{name}\" is a range, and is no number"), hint));
    }
    if search == Search::Grid {
        let hint = "list the values that grid combines, or search 'random' or 'halving'";
        return Err(problem(format!("option \"{name}\" is a range, and grid takes lists"), hint));
    }
    let shape = "a range is {\"low\": …, \"high\": …}, and may have \"scale\": \"linear\" or \"log\"";
    if let Some(key) = range.keys().find(|key| !["low", "high", "scale"].contains(&key.as_str())) {
        return Err(problem(format!("the range of option \"{name}\" has \"{key}\""), shape));
    }
    let bound = |key: &str| {
        let Some(value) = range.get(key).filter(|value| value.is_number()) else {
            return Err(problem(format!("the range of option \"{name}\" has no number \"{key}\""), shape));
        };
        check_value(entry, value)
            .map_err(|hint| problem(format!("option \"{name}\" is tried at {}", describe(value)), hint))?;
        Ok(value.as_f64().unwrap_or_default())
    };
    let (low, high) = (bound("low")?, bound("high")?);
    let logarithmic = match range.get("scale").map(|scale| scale.as_str()) {
        None | Some(Some("linear")) => false,
        Some(Some("log")) => true,
        Some(_) => return Err(problem(format!("the scale of option \"{name}\" is not known"), shape)),
    };
    if low > high {
        let message = format!("the range of option \"{name}\" goes down, from {low} to {high}");
        return Err(problem(message, shape));
    }
    if logarithmic && low <= 0.0 {
        let hint = "a logarithmic range begins above 0";
        return Err(problem(format!("the logarithmic range of option \"{name}\" begins at {low}"), hint));
    }
    Ok(Values::Between { low, high, logarithmic, whole })
}

/// The JSON that sets options.
fn changes<'a>(values: impl Iterator<Item = (&'a str, Value)>) -> Value {
    let mut changes = Value::Object(Map::new());
    values.for_each(|(name, value)| set(&mut changes, name, value));
    changes
}

fn number_of(value: f64, whole: bool) -> Value {
    if whole { Value::from(value as i64) } else { Value::from(value) }
}

/// A number with so many significant digits.
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

    #[test]
    fn all_problems_of_a_space_are_reported_together() {
        let space = json!({
            "als": {"factor": [8], "sweeps": [0, 4, 500], "factors": []},
            "als.regularization": {"low": 0.1, "high": 0.01},
            "als.sharing": {"low": 0, "high": 1, "scale": "log"},
            "als.warm_start": {"low": 0, "high": 1},
            "neighbours.kept": {"low": 1, "most": 5},
            "neighbours.share": 0.3,
            "holdout.share": [0.1, 0.2],
        });
        let problems = Space::parse(&space, Search::Random).unwrap_err();
        assert_eq!(problems.len(), 10, "{problems:?}");
        let hint = |message: &str| &problems.iter().find(|p| p.message == message).unwrap().hint;
        assert_eq!(hint("unknown option \"als.factor\""), "did you mean \"als.factors\"?");
        assert_eq!(
            hint("option \"als.sweeps\" is tried at 0"),
            "\"als.sweeps\" is \"auto\" or a whole number from 1 to 200; its default is \"auto\""
        );
        assert!(hint("option \"neighbours.share\" is 0.3, not a list").starts_with("give a list"));
        let ranges = json!({"als.factors": {"low": 8, "high": 16}});
        assert_eq!(Space::parse(&ranges, Search::Grid).unwrap_err().len(), 1);
        let twice = json!({"als": {"factors": [8]}, "als.factors": [16]});
        assert_eq!(Space::parse(&twice, Search::Grid).unwrap_err().len(), 1);
        for nothing in [json!({}), json!([1]), json!(null)] {
            assert_eq!(Space::parse(&nothing, Search::Grid).unwrap_err().len(), 1);
        }
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
