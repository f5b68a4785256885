//! Encodes one row given as JSON, as written by `to_jsonb(row)`. All problems of a row are reported together, and for
//! an unknown name the most similar known one is suggested.

use super::encoder::{Encoder, LeftOut};
use super::table::{Cell, ColumnKind};
use crate::name_similarity::{MOST_PROBLEMS, name_similarity};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

/// A problem with one value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowProblem {
    /// The name of the column.
    pub name: String,
    /// What is wrong, including the value.
    pub message: String,
    /// What would be valid.
    pub hint: String,
}

/// 2000-01-01 in microseconds since 1970.
const EPOCH: i64 = 946_684_800_000_000;
/// Less similar names are not suggested.
const LEAST_SIMILARITY: f64 = 0.5;

impl Encoder {
    /// Encodes one row as a point, with the same result as [`Encoder::encode`]. Columns that are not given are null.
    /// Columns without features are accepted and ignored.
    ///
    /// # Errors
    /// All problems at once: values of the wrong type, and unknown names.
    pub fn encode_row(&self, row: &Map<String, Value>) -> Result<Vec<f32>, Vec<RowProblem>> {
        let expected = self.features.iter().map(|feature| Expected {
            name: &feature.name,
            kind: feature.kind,
            dimensions: feature.dimensions(),
            levels: feature.levels(),
        });
        let values = read_cells(row, &expected.collect::<Vec<_>>(), &self.left_out)?;
        let mut point = vec![0.0; self.dimensions()];
        self.write(values.iter().map(OwnedCell::cell), &mut point);
        Ok(point)
    }
}

/// A column that a row may contain.
pub(crate) struct Expected<'a> {
    pub name: &'a str,
    pub kind: ColumnKind,
    /// The number of dimensions of a vector.
    pub dimensions: usize,
    /// The names of the levels of a category, sorted.
    pub levels: &'a [String],
}

/// Reads the cells of the expected columns, in order; null if they are not given. Columns without features may be
/// given.
pub(crate) fn read_cells<'a>(
    row: &'a Map<String, Value>,
    expected: &[Expected<'_>],
    left_out: &[LeftOut],
) -> Result<Vec<OwnedCell<'a>>, Vec<RowProblem>> {
    let mut problems = Vec::new();
    let cells = expected
        .iter()
        .map(|column| {
            let value = row.get(column.name).unwrap_or(&Value::Null);
            OwnedCell::read(column, value).unwrap_or_else(|| {
                let (name, takes) = (column.name.to_owned(), column.kind.takes_of(column.dimensions));
                let message = format!("\"{name}\" is {}", describe(value));
                problems.push(RowProblem { hint: format!("\"{name}\" must be {takes}."), name, message });
                OwnedCell::Cell(Cell::Null)
            })
        })
        .collect();
    let known = || {
        let left_out = left_out.iter().map(|column| column.name.as_str());
        expected.iter().map(|column| column.name).chain(left_out)
    };
    for name in row.keys().filter(|name| known().all(|known| known != *name)).take(MOST_PROBLEMS) {
        let message = format!("unknown name \"{name}\"");
        problems.push(RowProblem { name: name.clone(), message, hint: nearest(name, known()) });
    }
    if problems.is_empty() { Ok(cells) } else { Err(problems) }
}

impl Expected<'_> {
    /// A vector of the expected dimensions, all of them finite.
    fn vector<'a>(&self, vector: Option<Vec<f32>>) -> Option<OwnedCell<'a>> {
        let vector = vector.filter(|vector| vector.len() == self.dimensions)?;
        vector.iter().all(|x| x.is_finite()).then_some(OwnedCell::Vector(vector))
    }
}

/// A cell that may own its vector.
pub(crate) enum OwnedCell<'a> {
    Cell(Cell<'a>),
    Vector(Vec<f32>),
}

impl<'a> OwnedCell<'a> {
    /// Converts a JSON value to a cell of the expected kind; `None` if that is impossible.
    fn read(expected: &Expected<'_>, value: &'a Value) -> Option<Self> {
        let cell = match (expected.kind, value) {
            (_, Value::Null) => Cell::Null,
            (ColumnKind::Number, Value::Number(number)) => {
                Cell::Number(number.as_f64().filter(|number| number.is_finite())?)
            }
            (ColumnKind::Boolean, Value::Bool(value)) => Cell::Boolean(*value),
            (ColumnKind::Category, Value::String(text)) => Cell::Text(unpadded(text, |level| {
                expected.levels.binary_search_by(|known| known.as_str().cmp(level)).is_ok()
            })),
            (ColumnKind::Moment, Value::String(text)) => match text.as_str() {
                "infinity" | "-infinity" => Cell::Null,
                text => Cell::Moment(parse_moment(text)?),
            },
            (ColumnKind::Vector, Value::Array(values)) => {
                let vector = values.iter().map(|value| value.as_f64().map(|x| x as f32)).collect();
                return expected.vector(vector);
            }
            (ColumnKind::Vector, Value::String(text)) => return expected.vector(parse_vector(text)),
            _ => return None,
        };
        Some(Self::Cell(cell))
    }

    pub fn cell(&self) -> Cell<'_> {
        match self {
            Self::Cell(cell) => *cell,
            Self::Vector(vector) => Cell::Vector(vector),
        }
    }
}

/// Strips trailing blanks from a text that is not known with them. `to_jsonb` pads `char(n)` values, although the
/// padding is not significant.
pub(crate) fn unpadded(text: &str, is_known: impl Fn(&str) -> bool) -> &str {
    if is_known(text) { text } else { text.trim_end_matches(' ') }
}

/// Parses a date or timestamp as microseconds since 2000; without an offset it is UTC.
pub fn parse_moment(text: &str) -> Option<i64> {
    let utc = |_| TimeZone::UTC.to_timestamp(text.parse::<DateTime>()?);
    let timestamp = text.parse::<Timestamp>().or_else(utc);
    timestamp.ok().map(|timestamp| timestamp.as_microsecond() - EPOCH)
}

/// Parses a vector as pgvector writes it, such as `[1,-2.5]`, which `to_jsonb` makes a string.
fn parse_vector(text: &str) -> Option<Vec<f32>> {
    let numbers = text.strip_prefix('[')?.strip_suffix(']')?;
    numbers.split(',').map(|number| number.parse().ok()).collect()
}

/// Formats a value for a problem's message.
fn describe(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(values) => format!("an array of {}", values.len()),
        other => other.to_string(),
    }
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match known.clone().max_by(|a, b| name_similarity(name, a).total_cmp(&name_similarity(name, b))) {
        Some(best) if name_similarity(name, best) >= LEAST_SIMILARITY => format!("Did you mean \"{best}\"?"),
        _ => format!("Valid names are {}.", known.collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::EncoderSettings;
    use crate::features::table::{Column, Table, Values};
    use crate::observer::Silent;
    use serde_json::json;

    fn encoder() -> Encoder {
        let level = |codes: &[u32]| Values::Category {
            codes: codes.to_vec(),
            levels: vec!["DE".to_owned(), "FR".to_owned()],
        };
        let column = |name: &str, values| Column { name: name.to_owned(), values };
        let columns = vec![
            Column::numbers("age", vec![20.0, 30.0, 70.0]),
            column("active", Values::Boolean(vec![Some(true), None, Some(false)])),
            column("country", level(&[0, 1, 1])),
            column("joined", Values::Moment(vec![0, 1_000_000, 2_000_000])),
            column("taste", Values::Vector { dimensions: 2, data: vec![1.0, 2.0, 3.0, 4.0, 5.0, 7.0] }),
            column("planet", Values::Category { codes: vec![0; 3], levels: vec!["earth".to_owned()] }),
        ];
        let table = Table::new(3, columns).unwrap();
        Encoder::fit(&table, &EncoderSettings::at(86_400_000_000), &Silent).unwrap()
    }

    fn point(row: Value) -> Vec<f32> {
        encoder().encode_row(row.as_object().unwrap()).unwrap()
    }

    #[test]
    fn all_problems_of_a_row_are_reported_together() {
        let row = json!({
            "age": "old", "active": 1, "country": 49, "joined": "yesterday", "taste": [1.0, 2.0, 3.0],
            "planet": {"left": "out"}, "contry": "FR"
        });
        let problems = encoder().encode_row(row.as_object().unwrap()).unwrap_err();
        let said: Vec<String> = problems.iter().map(|p| format!("{}; {}", p.message, p.hint)).collect();
        let moments = "a date or timestamp such as \"2024-02-29\" or \"2024-02-29T12:00:00Z\"";
        assert_eq!(
            said,
            [
                "\"age\" is \"old\"; \"age\" must be a number.".to_owned(),
                "\"active\" is 1; \"active\" must be true or false.".to_owned(),
                "\"country\" is 49; \"country\" must be a text.".to_owned(),
                format!("\"joined\" is \"yesterday\"; \"joined\" must be {moments}."),
                "\"taste\" is an array of 3; \"taste\" must be an array of 2 numbers.".to_owned(),
                "unknown name \"contry\"; Did you mean \"country\"?".to_owned(),
            ]
        );
        let row = json!({"taste": [1e300, 0], "zzzzzz": 1});
        let problems = encoder().encode_row(row.as_object().unwrap()).unwrap_err();
        assert_eq!(problems[1].hint, "Valid names are age, active, country, joined, taste, planet.");
        assert_eq!(problems[0].name, "taste");
    }

    #[test]
    fn a_vector_is_an_array_or_the_text_that_pgvector_writes() {
        assert_eq!(point(json!({"taste": [1.5, -2e-5]})), point(json!({"taste": "[1.5,-2e-05]"})));
        for wrong in ["", "[]", "[1]", "[1,2,3]", "[1,NaN]", "[1,1e39]", "1,2", "[1,2", "[1,,2]", "{1,2}"] {
            let row = json!({ "taste": wrong });
            let problems = encoder().encode_row(row.as_object().unwrap()).unwrap_err();
            assert_eq!(problems[0].hint, "\"taste\" must be an array of 2 numbers.", "{wrong}");
        }
    }

    #[test]
    fn what_is_not_given_is_null() {
        let nothing = point(json!({}));
        assert_eq!(nothing, point(json!({"age": null, "joined": "infinity", "taste": null, "planet": 1})));
        assert_eq!(nothing.len(), encoder().names().len());
        assert_eq!(nothing[0], 0.0, "the mean");
    }

    #[test]
    fn dates_and_timestamps_are_read_as_postgresql_writes_them() {
        for (text, microseconds) in [
            ("2000-01-01", 0),
            ("2000-01-02T00:00:00.000001", 86_400_000_001),
            ("2000-01-01 01:00:00", 3_600_000_000),
            ("2000-01-01T01:00:00+00:00", 3_600_000_000),
            ("2000-01-01T01:00:00+05:30", -16_200_000_000),
            ("1999-12-31T23:59:59Z", -1_000_000),
        ] {
            assert_eq!(parse_moment(text), Some(microseconds), "{text}");
        }
        assert_eq!([parse_moment("2023-02-29"), parse_moment(""), parse_moment("12")], [None; 3]);
    }
}
