//! The search space of a study: parses the caller's JSON and reports all problems at once.

use super::search::Search;
use crate::name_similarity::MOST_PROBLEMS;
use crate::options::entry::{Kind, OptionEntry, Scope};
use crate::options::parse::{OptionProblem, check_value, describe, nearest, path};
use crate::options::table::{OPTIONS, option};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// An option and its candidate values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dimension {
    pub name: &'static str,
    pub values: Values,
}

/// The candidate values of an option.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Values {
    Listed(Vec<Value>),
    Between { low: f64, high: f64, logarithmic: bool, whole: bool },
}

/// A checked search space.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    /// The dimensions, ordered by name.
    pub(super) dimensions: Vec<Dimension>,
}

impl Space {
    /// Checks a space given as JSON. Keys are names of options, dotted or nested; values are a list or
    /// `{"low": …, "high": …, "scale": "linear" | "log"}`.
    ///
    /// # Errors
    /// All problems at once.
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
                let hint = "Specify all its values in one place.";
                problems.push(problem(format!("option \"{name}\" is specified more than once"), hint));
            }
        }
        if problems.is_empty() { Ok(Self { dimensions }) } else { Err(problems) }
    }
}

const HINT: &str = "Write \"space\" as an object of options with lists of values or ranges, such as {\"als.factors\": [32, 64], \"als.regularization\": {\"low\": 0.001, \"high\": 0.1, \"scale\": \"log\"}}.";

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
                let hint = "Change it with segrec_alter_model, and tune the other options.";
                let message =
                    format!("option \"{name}\" cannot be tuned because it changes what is measured");
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
            let hint = format!("List at least one value; \"{name}\" must be {}.", entry.kind.takes());
            Err(vec![problem(format!("option \"{name}\" has no values"), hint)])
        }
        Value::Array(list) => {
            let wrong = |value| {
                let hint = check_value(entry, value).err()?;
                Some(problem(format!("invalid value {} for option \"{name}\"", describe(value)), hint))
            };
            let wrong: Vec<OptionProblem> = list.iter().filter_map(wrong).take(MOST_PROBLEMS).collect();
            let mut seen = HashSet::new();
            let distinct = list.iter().filter(|value| seen.insert(value.to_string())).cloned().collect();
            if wrong.is_empty() { Ok(Values::Listed(distinct)) } else { Err(wrong) }
        }
        Value::Object(range) => between(entry, range, search).map_err(|problem| vec![problem]),
        other => {
            let hint = format!("Specify a list of values, such as [{}], or a range.", entry.default);
            Err(vec![problem(format!("option \"{name}\" is {}, not a list", describe(other)), hint)])
        }
    }
}

fn between(entry: &OptionEntry, range: &Map<String, Value>, search: Search) -> Result<Values, OptionProblem> {
    let name = entry.name;
    let whole = matches!(entry.kind, Kind::Integer { .. } | Kind::AutoOrInteger { .. });
    if !whole && !matches!(entry.kind, Kind::Number { .. } | Kind::AutoOrNumber { .. }) {
        let hint = format!("List its values; \"{name}\" must be {}.", entry.kind.takes());
        return Err(problem(format!("option \"{name}\" has a range, but is not numeric"), hint));
    }
    if search == Search::Grid {
        let hint = "List the values to combine, or use search 'random' or 'halving'.";
        return Err(problem(
            format!("option \"{name}\" has a range, but search 'grid' requires lists"),
            hint,
        ));
    }
    let shape =
        "Write a range as {\"low\": …, \"high\": …}, optionally with \"scale\": \"linear\" or \"log\".";
    if let Some(key) = range.keys().find(|key| !["low", "high", "scale"].contains(&key.as_str())) {
        return Err(problem(format!("range of option \"{name}\" has an unrecognized key \"{key}\""), shape));
    }
    let bound = |key: &str| {
        let Some(value) = range.get(key).filter(|value| value.is_number()) else {
            return Err(problem(format!("range of option \"{name}\" has no number \"{key}\""), shape));
        };
        check_value(entry, value).map_err(|hint| {
            problem(format!("invalid value {} for option \"{name}\"", describe(value)), hint)
        })?;
        Ok(value.as_f64().unwrap_or_default())
    };
    let (low, high) = (bound("low")?, bound("high")?);
    let logarithmic = match range.get("scale").map(|scale| scale.as_str()) {
        None | Some(Some("linear")) => false,
        Some(Some("log")) => true,
        Some(_) => return Err(problem(format!("unrecognized scale of option \"{name}\""), shape)),
    };
    if low > high {
        let message =
            format!("range of option \"{name}\" has a lower bound {low} above its upper bound {high}");
        return Err(problem(message, shape));
    }
    if logarithmic && low <= 0.0 {
        let hint = "Specify a lower bound above 0.";
        return Err(problem(format!("logarithmic range of option \"{name}\" has lower bound {low}"), hint));
    }
    Ok(Values::Between { low, high, logarithmic, whole })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
        assert_eq!(hint("unknown option \"als.factor\""), "Did you mean \"als.factors\"?");
        assert_eq!(
            hint("invalid value 0 for option \"als.sweeps\""),
            "\"als.sweeps\" must be \"auto\" or an integer from 1 to 200; the default is \"auto\"."
        );
        assert!(
            hint("option \"neighbours.share\" is 0.3, not a list")
                .starts_with("Specify a list of values, such as [\"auto\"]")
        );
        let ranges = json!({"als.factors": {"low": 8, "high": 16}});
        assert_eq!(Space::parse(&ranges, Search::Grid).unwrap_err().len(), 1);
        let twice = json!({"als": {"factors": [8]}, "als.factors": [16]});
        assert_eq!(Space::parse(&twice, Search::Grid).unwrap_err().len(), 1);
        for nothing in [json!({}), json!([1]), json!(null)] {
            assert_eq!(Space::parse(&nothing, Search::Grid).unwrap_err().len(), 1);
        }
    }
}
