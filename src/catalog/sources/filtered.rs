//! A relation together with the filter of the model that reads it. Queries are written for nothing else, so none forgets
//! the filter. Its values are bound as parameters, of the types of the columns.

use crate::catalog::statement::query;
use crate::error::{Result, SegrecError};
use crate::pg::datums::constant::Constant;
use crate::pg::datums::id_text::parse_id;
use crate::pg::executor::relation::{Attribute, Base, Relation};
use chrono::{DateTime, Datelike, NaiveDate, Timelike};
use pgrx::pg_sys::{
    BOOLOID, BPCHAROID, DATEOID, FLOAT4OID, FLOAT8OID, INT2OID, INT4OID, INT8OID, NAMEOID, NUMERICOID,
    TEXTOID, TIMESTAMPOID, TIMESTAMPTZOID, UUIDOID, VARCHAROID,
};
use pgrx::{pg_sys, spi};
use segrec_engine::features::parse_moment;
use segrec_engine::interactions::IdKind;
use segrec_engine::options::filter::RowFilter;
use serde_json::Value;
use std::ops::{Deref, RangeInclusive};

/// A relation, locked, and the conditions on its rows.
#[derive(Clone, Debug)]
pub struct Filtered {
    relation: Relation,
    conditions: Vec<FilterCondition>,
}

/// A column, and the value that it must have; `None` for none.
#[derive(Clone, Debug)]
struct FilterCondition {
    column: String,
    value: Option<Constant>,
}

impl Deref for Filtered {
    type Target = Relation;

    fn deref(&self) -> &Relation {
        &self.relation
    }
}

impl Filtered {
    /// All rows of a relation.
    pub fn all_rows(relation: Relation) -> Self {
        Self { relation, conditions: Vec::new() }
    }

    /// The rows of a relation that pass the filter of the option `option`.
    ///
    /// # Errors
    /// [`SegrecError::MissingColumns`], [`SegrecError::WrongFilter`].
    pub fn new(relation: Relation, option: &str, filter: &RowFilter) -> Result<Self> {
        let (mut conditions, mut missing, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
        for (name, value) in &filter.0 {
            match relation.column(name) {
                None => missing.push((option.to_owned(), name.clone())),
                Some(_) if value.is_null() => {
                    conditions.push(FilterCondition { column: name.clone(), value: None });
                }
                Some(column) => match constant(column, value)? {
                    Some(value) => {
                        conditions.push(FilterCondition { column: name.clone(), value: Some(value) });
                    }
                    None => {
                        wrong.push(format!("\"{name}\" is {}, and compared with {value}.", column.type_name))
                    }
                },
            }
        }
        if !missing.is_empty() {
            let existing = relation.columns.into_iter().map(|column| column.name).collect();
            return Err(SegrecError::MissingColumns { relation: relation.name, missing, existing });
        }
        if !wrong.is_empty() {
            let (option, relation) = (option.to_owned(), relation.name);
            return Err(SegrecError::WrongFilter { option, relation, problems: wrong });
        }
        Ok(Self { relation, conditions })
    }

    /// The columns on which there are conditions.
    pub fn filter_columns(&self) -> impl Iterator<Item = &str> {
        self.conditions.iter().map(|condition| condition.column.as_str())
    }

    /// Those of them that have the same value in all rows, so that an index orders the rows by what comes after them.
    pub fn fixed_columns(&self) -> impl Iterator<Item = &str> {
        let fixed = self.conditions.iter().filter(|condition| condition.value.is_some());
        fixed.map(|condition| condition.column.as_str())
    }

    /// The conditions in SQL, whose parameters are numbered from `first` on.
    pub fn sql(&self, first: usize) -> Vec<String> {
        let mut next = first;
        let condition = |FilterCondition { column, value }: &FilterCondition| {
            let column = spi::quote_identifier(column);
            match value {
                None => format!("{column} IS NULL"),
                Some(_) => {
                    next += 1;
                    format!("{column} OPERATOR(pg_catalog.=) ${}", next - 1)
                }
            }
        };
        self.conditions.iter().map(condition).collect()
    }

    /// The values of these parameters.
    pub fn constants(&self) -> Vec<Constant> {
        self.conditions.iter().filter_map(|condition| condition.value.clone()).collect()
    }
}

/// A value that is compared with a column, in the form that the input function of its type takes for sure; `None` if the
/// column cannot have it. Only types that are compared by operators of `pg_catalog` have any, so nobody's functions run.
fn constant(column: &Attribute, value: &Value) -> Result<Option<Constant>> {
    let oid = match column.base {
        Base::Builtin(oid) => oid,
        Base::Enum => {
            let Some(label) = value.as_str() else { return Ok(None) };
            let is_label = has_label(column.base_oid, label)?;
            return is_label.then(|| Constant::new(column.base_oid, label)).transpose();
        }
        Base::Extension(_) | Base::Other => return Ok(None),
    };
    let integer = |least: i64, most: i64| {
        value.as_i64().filter(|number| (least..=most).contains(number)).map(|number| number.to_string())
    };
    let text = match oid {
        INT2OID => integer(i16::MIN.into(), i16::MAX.into()),
        INT4OID => integer(i32::MIN.into(), i32::MAX.into()),
        INT8OID => integer(i64::MIN, i64::MAX),
        FLOAT4OID => value.as_f64().filter(|number| (*number as f32).is_finite()).map(|_| value.to_string()),
        FLOAT8OID | NUMERICOID => value.is_number().then(|| value.to_string()),
        BOOLOID => value.as_bool().map(|truth| truth.to_string()),
        TEXTOID | VARCHAROID | BPCHAROID => value.as_str().map(str::to_owned),
        NAMEOID => value.as_str().filter(|name| name.len() < LONGEST_NAME).map(str::to_owned),
        UUIDOID => value.as_str().filter(|text| parse_id(text, IdKind::Uuid).is_some()).map(str::to_owned),
        DATEOID => {
            let day = value.as_str().and_then(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok());
            day.and_then(written_day)
        }
        TIMESTAMPOID | TIMESTAMPTZOID => {
            let moment = value.as_str().and_then(parse_moment);
            let moment =
                moment.and_then(|moment| DateTime::from_timestamp_micros(moment.checked_add(EPOCH)?));
            moment.and_then(|moment| {
                let (day, time) = (written_day(moment.date_naive())?, moment.time());
                let micros = time.nanosecond() / 1000;
                let [hour, minute, second] = [time.hour(), time.minute(), time.second()];
                Some(format!("{day} {hour:02}:{minute:02}:{second:02}.{micros:06}+00"))
            })
        }
        _ => None,
    };
    text.map(|text| Constant::new(oid, &text)).transpose()
}

/// The bytes of a value of type `name`, with the zero at its end.
const LONGEST_NAME: usize = 64;
/// The years that are written alike everywhere.
const YEARS: RangeInclusive<i32> = 1..=9999;
/// Microseconds from 1970 to 2000.
const EPOCH: i64 = 946_684_800_000_000;

/// A day as PostgreSQL reads it whatever the settings.
fn written_day(day: NaiveDate) -> Option<String> {
    let [year, month, day] = [day.year(), day.month() as i32, day.day() as i32];
    YEARS.contains(&year).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

fn has_label(of: pg_sys::Oid, label: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM pg_catalog.pg_enum WHERE enumtypid = $1 AND enumlabel::pg_catalog.text = $2";
    Ok(!query(sql, &[of.into(), label.into()], |row| row.value::<i32>(1))?.is_empty())
}
