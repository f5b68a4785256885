//! Conditions on columns of items, as JSON: `{"category": "alcohol", "price": {"from": 10, "to": 20}}`. They are compared
//! with rows in Rust, so nothing of them becomes text that is executed.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use segrec_engine::features::ColumnKind;
use serde_json::Value;

/// The most values that a condition compares one column with.
const MOST_VALUES: usize = 1000;
/// Microseconds from 1970 to 2000.
const EPOCH: i64 = 946_684_800_000_000;

/// A condition on columns of items: all of its tests hold.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemCondition {
    /// The columns with what is asked of each.
    pub tests: Vec<(String, ColumnTest)>,
}

/// What is asked of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnTest {
    /// It has any of these values.
    AnyOf(Vec<Value>),
    /// It is within bounds, which are included.
    Within { from: Option<Value>, to: Option<Value> },
}

/// Why a condition cannot be used, and what to write instead.
#[derive(Debug)]
pub struct WrongCondition {
    pub problem: String,
    pub hint: String,
}

fn wrong<T>(problem: String, hint: impl Into<String>) -> Result<T, WrongCondition> {
    Err(WrongCondition { problem, hint: hint.into() })
}

/// How a condition is written.
const EXAMPLE: &str = "Write it as in '{\"category\": \"alcohol\"}' or '{\"price\": {\"from\": 10, \"to\": 20}, \"brand\": [\"a\", \"b\"]}'.";

impl ItemCondition {
    /// Reads a condition.
    ///
    /// # Errors
    /// If it is not an object with a value, a list of values, or bounds for each column.
    pub fn parse(document: &Value) -> Result<Self, WrongCondition> {
        let Value::Object(columns) = document else {
            return wrong("A condition is a JSON object with a member for each column.".to_owned(), EXAMPLE);
        };
        if columns.is_empty() {
            return wrong("It names no column.".to_owned(), EXAMPLE);
        }
        let test = |(column, own): (&String, &Value)| Ok((column.clone(), ColumnTest::parse(column, own)?));
        Ok(Self { tests: columns.iter().map(test).collect::<Result<_, _>>()? })
    }
}

impl ColumnTest {
    fn parse(column: &str, own: &Value) -> Result<Self, WrongCondition> {
        match own {
            Value::Array(values) if values.is_empty() => {
                wrong(format!("The list of values of \"{column}\" is empty."), EXAMPLE)
            }
            Value::Array(values) if values.len() > MOST_VALUES => wrong(
                format!("\"{column}\" is compared with {} values.", values.len()),
                format!("Add several rules, each with at most {MOST_VALUES} values of a column."),
            ),
            Value::Array(values) => match values.iter().find(|value| !is_scalar(value)) {
                Some(_) => wrong(
                    format!("The list of values of \"{column}\" has one that is no text, number or boolean."),
                    EXAMPLE,
                ),
                None => Ok(Self::AnyOf(values.clone())),
            },
            Value::Object(bounds) => {
                let others = bounds.keys().any(|key| key != "from" && key != "to");
                let bound = |key: &str| bounds.get(key).filter(|bound| !bound.is_null()).cloned();
                let (from, to) = (bound("from"), bound("to"));
                if others || from.is_none() && to.is_none() {
                    return wrong(format!("Bounds of \"{column}\" are \"from\", \"to\", or both."), EXAMPLE);
                }
                Ok(Self::Within { from, to })
            }
            value if is_scalar(value) => Ok(Self::AnyOf(vec![value.clone()])),
            _ => wrong(
                format!("\"{column}\" is compared with null."),
                "Compare it with values that it may have.",
            ),
        }
    }
}

fn is_scalar(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))
}

/// A column of the relation of items, with the kind as which it is read and its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownColumn {
    pub name: String,
    /// `None` if conditions cannot be on columns of this type.
    pub kind: Option<ColumnKind>,
    pub type_name: String,
}

/// The value of a column in a row of items.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemValue {
    Text(String),
    Number(f64),
    Truth(bool),
    /// Microseconds since 2000.
    Moment(i64),
}

/// A test of a column whose kind is known.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum BoundTest {
    Texts(Vec<String>),
    Numbers(Vec<f64>),
    Truths(Vec<bool>),
    Moments(Vec<i64>),
    Numbered(f64, f64),
    Between(i64, i64),
}

impl BoundTest {
    /// Reads the values of a test as those of a column.
    ///
    /// # Errors
    /// If the column has another kind.
    pub(super) fn new(test: &ColumnTest, column: &KnownColumn) -> Result<Self, WrongCondition> {
        let KnownColumn { name, kind, type_name } = column;
        let each = |values: &[Value]| match kind {
            Some(ColumnKind::Category) => all(values, column, text).map(Self::Texts),
            Some(ColumnKind::Number) => all(values, column, number).map(Self::Numbers),
            Some(ColumnKind::Boolean) => all(values, column, Value::as_bool).map(Self::Truths),
            Some(ColumnKind::Moment) => all(values, column, moment).map(Self::Moments),
            _ => wrong(
                format!("\"{name}\" is {type_name}, which conditions cannot be on."),
                "Name a column of numbers, texts, booleans, dates or timestamps.",
            ),
        };
        let (from, to) = match test {
            ColumnTest::AnyOf(values) => return each(values),
            ColumnTest::Within { from, to } => (from.as_slice(), to.as_slice()),
        };
        let test = match kind {
            Some(ColumnKind::Number) => {
                let first = all(from, column, number)?.first().copied().unwrap_or(f64::NEG_INFINITY);
                let last = all(to, column, number)?.first().copied().unwrap_or(f64::INFINITY);
                (first <= last).then_some(Self::Numbered(first, last))
            }
            Some(ColumnKind::Moment) => {
                let first = all(from, column, moment)?.first().copied().unwrap_or(i64::MIN);
                let last = all(to, column, moment)?.first().copied().unwrap_or(i64::MAX);
                (first <= last).then_some(Self::Between(first, last))
            }
            _ => {
                return wrong(
                    format!("\"{name}\" is {type_name}, but bounds are of numbers, dates and timestamps."),
                    "Write a value or a list of values instead.",
                );
            }
        };
        match test {
            Some(test) => Ok(test),
            None => wrong(format!("\"from\" of \"{name}\" is after \"to\"."), "Exchange the two."),
        }
    }

    /// Whether it holds for a value; it does not for a null.
    pub(super) fn holds(&self, value: Option<&ItemValue>) -> bool {
        match (self, value) {
            (Self::Texts(texts), Some(ItemValue::Text(own))) => texts.contains(own),
            (Self::Numbers(numbers), Some(ItemValue::Number(own))) => numbers.contains(own),
            (Self::Truths(truths), Some(ItemValue::Truth(own))) => truths.contains(own),
            (Self::Moments(moments), Some(ItemValue::Moment(own))) => moments.contains(own),
            (Self::Numbered(from, to), Some(ItemValue::Number(own))) => from <= own && own <= to,
            (Self::Between(from, to), Some(ItemValue::Moment(own))) => from <= own && own <= to,
            _ => false,
        }
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().filter(|value| value.is_finite())
}

/// The moment that a text means, in microseconds since 2000: a date is its midnight, and what has no zone is UTC.
fn moment(value: &Value) -> Option<i64> {
    let text = value.as_str()?.trim();
    let with_zone = DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z")
        .or_else(|_| DateTime::parse_from_rfc3339(text))
        .map(|moment| moment.timestamp_micros());
    let without = || {
        let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"];
        let moment = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
        moment.map(|moment| moment.and_utc().timestamp_micros())
    };
    let day = || {
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0)?;
        Some(day.and_utc().timestamp_micros())
    };
    with_zone.ok().or_else(without).or_else(day)?.checked_sub(EPOCH)
}

fn all<T>(
    values: &[Value],
    column: &KnownColumn,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Vec<T>, WrongCondition> {
    let KnownColumn { name, kind, type_name } = column;
    let one = |value: &Value| match read(value) {
        Some(own) => Ok(own),
        None => {
            let hint = match kind {
                Some(ColumnKind::Category) => "Write a text in double quotes.",
                Some(ColumnKind::Number) => "Write a number without quotes.",
                Some(ColumnKind::Boolean) => "Write true or false without quotes.",
                _ => "Write a date or a timestamp as in \"2026-12-31\" or \"2026-12-31T18:00:00Z\".",
            };
            let mut shown: String = value.to_string().chars().take(100).collect();
            if shown.len() < value.to_string().len() {
                shown.push('…');
            }
            wrong(format!("\"{name}\" is {type_name}, but is compared with {shown}."), hint)
        }
    };
    values.iter().map(one).collect()
}
