//! Parses the caller's JSON into checked options. All problems of a call are reported together, with the most similar
//! known name for an unknown one, and the valid range for a value out of range.

use super::checked::Options;
use super::entry::{Kind, OptionEntry};
use super::filter::{MOST_CONDITIONS, is_filter, wrong_column};
use super::table::{OPTIONS, option};
use crate::features::parse_moment;
use crate::name_similarity::{MOST_PROBLEMS, name_similarity};
use serde_json::{Map, Value};

/// A problem with one option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionProblem {
    /// What is wrong, including the value.
    pub message: String,
    /// What would be valid.
    pub hint: String,
}

/// Merges `changes` into `base`, recursively for objects; null removes an option and so restores its default. The value
/// of an option is replaced as a whole.
pub fn merge_options(base: &mut Value, changes: &Value) {
    merge_under("", base, changes);
}

fn merge_under(prefix: &str, base: &mut Value, changes: &Value) {
    match (base, changes) {
        (Value::Object(base), Value::Object(changes)) => {
            for (key, change) in changes {
                let name = path(prefix, key);
                if change.is_null() {
                    base.remove(key);
                } else if change.is_object() && option(&name).is_none() {
                    let slot = base.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
                    if !slot.is_object() {
                        *slot = Value::Object(Map::new());
                    }
                    merge_under(&name, slot, change);
                } else {
                    base.insert(key.clone(), change.clone());
                }
            }
        }
        (base, changes) => *base = changes.clone(),
    }
}

/// Appends a key to a dotted path, which is empty at the top level.
pub fn path(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}

/// Checks options given as JSON and fills in the defaults.
///
/// # Errors
/// All problems, or the first ones if there are very many.
pub fn parse_options(given: &Value) -> Result<Options, Vec<OptionProblem>> {
    let mut problems = Vec::new();
    let mut complete = Value::Object(Map::new());
    for entry in OPTIONS {
        let default = serde_json::from_str(entry.default).unwrap_or(Value::Null);
        set(&mut complete, entry.name, default);
    }
    match given {
        Value::Object(object) => check_object(object, "", &mut complete, &mut problems),
        other => problems.push(OptionProblem {
            message: format!("options are {}, not an object", describe(other)),
            hint: "Write options as an object such as {\"als\": {\"factors\": 32}}.".to_owned(),
        }),
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    serde_json::from_value(complete).map_err(|error| {
        vec![OptionProblem {
            message: format!("invalid options: {error}"),
            hint: "See the reference of options.".to_owned(),
        }]
    })
}

fn check_object(
    object: &Map<String, Value>,
    prefix: &str,
    complete: &mut Value,
    problems: &mut Vec<OptionProblem>,
) {
    for (key, value) in object {
        if problems.len() >= MOST_PROBLEMS {
            return;
        }
        let name = path(prefix, key);
        if let Some(entry) = option(&name) {
            match check_value(entry, value) {
                Ok(()) => set(complete, &name, value.clone()),
                Err(hint) => problems.push(OptionProblem { message: refused(entry, value), hint }),
            }
        } else if OPTIONS.iter().any(|entry| entry.name.starts_with(&format!("{name}."))) {
            match value {
                Value::Object(object) => check_object(object, &name, complete, problems),
                other => problems.push(OptionProblem {
                    message: format!("option \"{name}\" is {}", describe(other)),
                    hint: format!("\"{name}\" must be an object with {}.", names_under(&name)),
                }),
            }
        } else {
            problems
                .push(OptionProblem { message: format!("unknown option \"{name}\""), hint: nearest(&name) });
        }
    }
}

/// Why the value of an option is invalid; in an object of weights, because of the first invalid one.
fn refused(entry: &OptionEntry, value: &Value) -> String {
    let name = entry.name;
    if let Some((column, wrong)) = wrong_column(value).filter(|_| entry.kind == Kind::Filter) {
        return format!("option \"{name}\" compares \"{column}\" with {}", describe(wrong));
    }
    let wrong = match (&entry.kind, value) {
        (Kind::Weights, Value::Object(weights)) => weights.iter().find(|(_, weight)| !is_weight(weight)),
        _ => None,
    };
    match wrong {
        Some((of, weight)) => {
            format!("option \"{name}\" specifies the weight {} for \"{of}\"", describe(weight))
        }
        None => format!("option \"{name}\" is {}", describe(value)),
    }
}

/// Whether a value is a valid weight of a type.
fn is_weight(value: &Value) -> bool {
    value.as_f64().is_some_and(|weight| (0.0..=f64::from(f32::MAX)).contains(&weight))
}

fn names_under(prefix: &str) -> String {
    let prefix = format!("{prefix}.");
    let names: Vec<String> = OPTIONS
        .iter()
        .filter_map(|entry| entry.name.strip_prefix(&prefix))
        .map(|name| format!("\"{name}\""))
        .collect();
    names.join(", ")
}

/// Less similar names are not suggested.
const LEAST_SIMILARITY: f64 = 0.5;

/// The option most similar to an unknown name, as a hint.
pub fn nearest(name: &str) -> String {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let likeness_of = |entry: &OptionEntry| {
        let whole = name_similarity(name, entry.name);
        let word = name_similarity(&last(name), &last(entry.name));
        whole.max(word)
    };
    let best = OPTIONS.iter().rev().max_by(|a, b| likeness_of(a).total_cmp(&likeness_of(b)));
    match best {
        Some(entry) if likeness_of(entry) >= LEAST_SIMILARITY => {
            format!("Did you mean \"{}\"?", entry.name)
        }
        _ => {
            let names: Vec<&str> = OPTIONS.iter().map(|entry| entry.name).collect();
            format!("Valid options are {}.", names.join(", "))
        }
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

impl Kind {
    /// A description of the valid values.
    pub fn takes(&self) -> String {
        match self {
            Self::Integer { least, most } => format!("an integer from {least} to {most}"),
            Self::AutoOrInteger { least, most } => {
                format!("\"auto\" or an integer from {least} to {most}")
            }
            Self::Number { least, most } => format!("a number from {least} to {most}"),
            Self::AutoOrNumber { least, most } => format!("\"auto\" or a number from {least} to {most}"),
            Self::Choice(words) => format!("one of {}", quoted(words)),
            Self::Choices(words) => format!("a list of {}", quoted(words)),
            Self::Boolean => "true or false".to_owned(),
            Self::AutoOrBoolean => "\"auto\", true or false".to_owned(),
            Self::TextConfiguration => {
                "the name of a text search configuration such as \"english\"".to_owned()
            }
            Self::Name => "the name of a column, or null".to_owned(),
            Self::Names => "a list of names of columns such as [\"age\", \"country\"]".to_owned(),
            Self::Moment => "a date or timestamp such as \"2026-01-31\", or null".to_owned(),
            Self::Duration => "a duration such as \"90 days\" or \"12 hours\", or null".to_owned(),
            Self::AutoOrDuration => "\"auto\" or a duration such as \"90 days\" or \"12 hours\"".to_owned(),
            Self::Weights => "an object from event types to numbers of at least 0, \
                              such as {\"view\": 1, \"purchase\": 5}"
                .to_owned(),
            Self::Types => "a list of event types such as [\"purchase\"]".to_owned(),
            Self::Filter => format!(
                "an object from at most {MOST_CONDITIONS} columns to strings, numbers, true, false or null, \
                 such as {{\"shop_id\": 7, \"deleted\": false}}"
            ),
        }
    }

    /// Whether its values are durations.
    pub fn is_duration(&self) -> bool {
        matches!(self, Self::Duration | Self::AutoOrDuration)
    }

    fn accepts(&self, value: &Value) -> bool {
        let whole =
            |least: i64, most: i64| value.as_i64().is_some_and(|number| (least..=most).contains(&number));
        let number =
            |least: f64, most: f64| value.as_f64().is_some_and(|number| (least..=most).contains(&number));
        match *self {
            Self::Integer { least, most } => whole(least, most),
            Self::AutoOrInteger { least, most } => value == "auto" || whole(least, most),
            Self::Number { least, most } => number(least, most),
            Self::AutoOrNumber { least, most } => value == "auto" || number(least, most),
            Self::Choice(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            Self::Choices(words) => value.as_array().is_some_and(|list| {
                list.iter().all(|word| word.as_str().is_some_and(|word| words.contains(&word)))
            }),
            Self::Boolean => value.is_boolean(),
            Self::AutoOrBoolean => value == "auto" || value.is_boolean(),
            Self::TextConfiguration => value.as_str().is_some_and(|name| !name.is_empty()),
            Self::Name => value.is_null() || value.as_str().is_some_and(|name| !name.is_empty()),
            Self::Names | Self::Types => {
                value.as_array().is_some_and(|list| list.iter().all(Value::is_string))
            }
            Self::Moment => {
                value.is_null() || value.as_str().is_some_and(|text| parse_moment(text).is_some())
            }
            Self::Duration => value.is_null() || is_duration(value),
            Self::AutoOrDuration => value == "auto" || is_duration(value),
            Self::Weights => value.as_object().is_some_and(|object| object.values().all(is_weight)),
            Self::Filter => is_filter(value),
        }
    }
}

fn is_duration(value: &Value) -> bool {
    let duration = value.as_str().and_then(|text| humantime::parse_duration(text).ok());
    duration.is_some_and(|duration| !duration.is_zero())
}

/// Checks one value; the error describes the valid values.
pub fn check_value(entry: &OptionEntry, value: &Value) -> Result<(), String> {
    if entry.kind.accepts(value) {
        return Ok(());
    }
    Err(format!("\"{}\" must be {}; the default is {}.", entry.name, entry.kind.takes(), entry.default))
}

/// Formats a value for an error.
pub fn describe(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        other => other.to_string(),
    }
}

/// Sets the option at a dotted path.
pub fn set(target: &mut Value, path: &str, value: Value) {
    match path.split_once('.') {
        Some((head, rest)) => {
            if let Value::Object(object) = target {
                set(object.entry(head).or_insert_with(|| Value::Object(Map::new())), rest, value);
            }
        }
        None => {
            if let Value::Object(object) = target {
                object.insert(path.to_owned(), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auto::AutoOr;
    use crate::options::{ModelInput, Scope, differing, unmet_need};
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn every_default_is_valid_for_its_own_option() {
        for entry in OPTIONS {
            let default = serde_json::from_str(entry.default).unwrap();
            assert_eq!(check_value(entry, &default), Ok(()), "{}", entry.name);
            assert!(entry.help.ends_with('.'), "{}", entry.name);
        }
        parse_options(&json!({})).unwrap();
    }

    #[test]
    fn every_word_of_a_choice_is_one_that_trains() {
        for entry in OPTIONS {
            let words = match entry.kind {
                Kind::Choice(words) => words.iter().map(|word| json!(word)).collect(),
                Kind::Choices(words) => vec![json!(words)],
                _ => Vec::new(),
            };
            for word in words {
                assert!(parse_options(&json!({ entry.name: word })).is_ok(), "{}: {word}", entry.name);
            }
        }
    }

    #[test]
    fn what_a_value_needs_is_told_until_the_model_has_it() {
        let options = |given: Value| parse_options(&given).unwrap();
        assert_eq!(unmet_need(&options(json!({})), |_| false), None);
        let rating = options(json!({"algorithm": "rating", "segmentation": {"activity": ["recency"]}}));
        let needs = |has: &[ModelInput]| unmet_need(&rating, |input| has.contains(&input));
        assert_eq!(needs(&[]), Some(("algorithm", ModelInput::WeightColumn)));
        let weighted = [ModelInput::WeightColumn, ModelInput::Events];
        assert_eq!(needs(&weighted), Some(("segmentation.activity", ModelInput::TimeColumn)));
        assert_eq!(needs(&[ModelInput::WeightColumn, ModelInput::Events, ModelInput::TimeColumn]), None);
        assert_eq!(ModelInput::TimeColumn.name(), "time_column");
    }

    #[test]
    fn options_differ_within_a_scope() {
        let one = parse_options(&json!({})).unwrap();
        let changed =
            json!({"als": {"factors": 8}, "holdout": {"last": 2}, "events": {"half_life": "1 day"}});
        let other = parse_options(&changed).unwrap();
        assert_eq!(differing(Scope::Measurement, [&one, &other]), ["holdout.last"]);
        assert_eq!(differing(Scope::Recipe, [&one, &other]), ["events.half_life", "als.factors"]);
        assert_eq!(differing(Scope::Model, [&one, &other]), [""; 0]);
    }

    #[test]
    fn given_values_replace_defaults() {
        let options = parse_options(&json!({
            "als": {"factors": 8},
            "segmentation": {"segments": 3},
            "events": {"half_life": "90 days", "type_weights": {"view": 1, "buy": 5}}
        }))
        .unwrap();
        assert_eq!(options.als.factors, AutoOr::Given(8));
        assert_eq!(options.segmentation.segments, AutoOr::Given(3));
        assert_eq!(options.events.half_life, Some(90.0 * 86_400.0));
        assert_eq!(options.events.type_weights["buy"], 5.0);
    }

    #[test]
    fn lengths_of_time_are_numbers_with_units() {
        const DAY: f64 = 86_400.0;
        for (text, seconds) in [
            ("90 days", 90.0 * DAY),
            ("2 hours", 7_200.0),
            ("1 week 3 days", 10.0 * DAY),
            ("3 days 1 week", 10.0 * DAY),
            ("1 year 6 months", (365.25 + 6.0 * 30.44) * DAY),
            ("1h30m", 5_400.0),
            ("1.5 days", 1.5 * DAY),
            ("30sec", 30.0),
        ] {
            let options = parse_options(&json!({"events": {"half_life": text}})).unwrap();
            assert_eq!(options.events.half_life, Some(seconds), "{text}");
        }
        for text in ["", "90", "0 days", "-3 days", "3 days ago", "days", "3 fortnights", "P3D"] {
            assert!(parse_options(&json!({"events": {"half_life": text}})).is_err(), "{text}");
        }
    }

    #[test]
    fn all_problems_are_reported_together() {
        let problems = parse_options(&json!({
            "als": {"factor": 8, "sweeps": 0, "regularization": "much"},
            "segmentation": 5,
            "events": {"half_life": "yesterday", "type_weights": {"view": -1}},
            "seeds": 1
        }))
        .unwrap_err();
        let messages: Vec<&str> = problems.iter().map(|p| p.message.as_str()).collect();
        assert_eq!(messages.len(), 7, "{messages:?}");
        let hint = |message: &str| &problems.iter().find(|p| p.message == message).unwrap().hint;
        assert_eq!(hint("unknown option \"als.factor\""), "Did you mean \"als.factors\"?");
        assert_eq!(hint("unknown option \"seeds\""), "Did you mean \"seed\"?");
        let weights = hint("option \"events.type_weights\" specifies the weight -1 for \"view\"");
        assert!(weights.starts_with(
            "\"events.type_weights\" must be an object from event types to numbers of at least 0"
        ));
        assert_eq!(
            hint("option \"als.sweeps\" is 0"),
            "\"als.sweeps\" must be \"auto\" or an integer from 1 to 200; the default is \"auto\"."
        );
    }

    #[test]
    fn an_option_at_the_wrong_place_is_found() {
        let problems = parse_options(&json!({"factors": 8})).unwrap_err();
        assert_eq!(problems[0].hint, "Did you mean \"als.factors\"?");
    }

    #[test]
    fn merging_changes_what_is_given_and_null_brings_the_default_back() {
        let mut base = json!({"als": {"factors": 8, "sweeps": 3}, "seed": 1});
        merge_options(&mut base, &json!({"als": {"sweeps": 4}, "seed": null}));
        assert_eq!(base, json!({"als": {"factors": 8, "sweeps": 4}}));
        let mut base = json!({"events": {"type_weights": {"view": 1}}});
        merge_options(&mut base, &json!({"events": {"type_weights": {"buy": 5}, "duplicates": "max"}}));
        assert_eq!(base, json!({"events": {"type_weights": {"buy": 5}, "duplicates": "max"}}));
    }

    proptest! {
        /// Whatever JSON is given, the answer is options or problems, never a crash.
        #[test]
        fn any_json_is_answered(text in "[\\[\\]{}:,\"a-z0-9.\\- ]{0,60}") {
            if let Ok(value) = serde_json::from_str(&text) {
                let _ = parse_options(&value);
                let mut base = json!({});
                merge_options(&mut base, &value);
            }
        }
    }
}
